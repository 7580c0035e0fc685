//! The sketches of a schema: of each series and slot the bytes of one. They wait in memory for the next commit, then lie in a
//! log for each stretch that is sealed together, then in segments; coarser archives hold what the finer ones' merge into.
//!
//! In reading order: `span` is the log of one stretch, `view` a series as readers see it, `seal` the way from the logs to
//! segments, `merge` many segments made one,
//! `held` what is kept of a series, whole.
//!
//! Of two sketches of one series in one slot the later stays, as of two values: a flush is whole.

mod held;
mod merge;
mod seal;
mod span;
mod view;

use super::faults::Faults;
use super::sealed::Shelf;
use crate::error::Error;
use crate::slab::segment::Key;
use crate::slab::spans::Spans;
use crate::time::Timestamp;
use span::OpenSpan;
pub(crate) use span::start_of as sketch_log_start;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
pub(crate) use view::{Slots, merge as merge_stored};

use super::Put;

/// Bytes of sketches that wait for a commit, when the disk is full.
const WAITING_MOST: usize = 256 << 20;

/// The sketches of a schema. Nothing of them is on the disk before the first.
pub(super) struct Sketches {
    folder: PathBuf,
    /// Of each archive.
    spans: Vec<Spans>,
    state: RwLock<State>,
    /// Held while segments are written, by one at a time.
    upkeep: Mutex<()>,
    faults: Arc<Faults>,
}

/// What waits: whose, the slot, the stored form.
type Waiting<'a> = (Key, Timestamp, &'a [u8]);

struct State {
    /// What the next commit writes.
    waiting: HashMap<Key, BTreeMap<Timestamp, Arc<[u8]>>>,
    waiting_bytes: usize,
    /// The stretches of the finest archive with sketches that no segment holds, by their start.
    open: BTreeMap<Timestamp, OpenSpan>,
    /// Of each archive; empty before anything was sealed.
    sealed: Arc<Vec<Shelf>>,
    /// Higher than that of any segment.
    seq: u64,
}

impl Sketches {
    /// Opens what lies in the schema's folder. `holds` says whose series still are.
    pub fn open(
        folder: &Path,
        spans: Vec<Spans>,
        holds: impl Fn(Key) -> bool,
        faults: Arc<Faults>,
    ) -> Result<Sketches, Error> {
        let mut shelves = vec![Shelf::default(); spans.len()];
        for (shelf, spans) in shelves.iter_mut().zip(&spans) {
            let folder = shelf_folder(folder, spans);
            if folder.is_dir() {
                *shelf = Shelf::open(&folder, &faults)?;
            }
        }
        let seq = shelves.iter().flat_map(|shelf| &shelf.parts).map(|part| part.seq).max().unwrap_or(0);
        let mut open = BTreeMap::new();
        for entry in std::fs::read_dir(folder).map_err(Error::io("list", folder))? {
            let path = entry.map_err(Error::io("list", folder))?.path();
            let Some(start) = span::start_of(&path).filter(|start| start.0.rem_euclid(spans[0].unit_secs) == 0) else {
                continue;
            };
            open.insert(start, OpenSpan::open(&path, &holds, &faults)?);
        }
        let state = State { waiting: HashMap::new(), waiting_bytes: 0, open, sealed: Arc::new(shelves), seq };
        let (state, upkeep) = (RwLock::new(state), Mutex::new(()));
        Ok(Sketches { folder: folder.to_owned(), spans, state, upkeep, faults })
    }

    /// One more than the highest column of a series in a segment.
    pub fn columns_end(&self) -> u32 {
        let sealed = Arc::clone(&self.state().sealed);
        sealed.iter().map(|shelf| shelf.columns_end(&self.faults)).max().unwrap_or(0)
    }

    /// Takes the stored form of a sketch; the last one of a slot stays. The finest archive must reach back to it.
    pub fn put(&self, now: Timestamp, key: Key, at: Timestamp, stored: &[u8]) -> Put {
        if now - at > self.spans[0].kept_secs {
            return Put::TooOld;
        }
        let mut state = self.state_mut();
        if state.waiting_bytes + stored.len() > WAITING_MOST {
            return Put::NoRoom;
        }
        let slot = at.floor(self.spans[0].step);
        let former = state.waiting.entry(key).or_default().insert(slot, stored.into());
        state.waiting_bytes = state.waiting_bytes + stored.len() - former.map_or(0, |former| former.len());
        Put::Taken
    }

    /// Writes what waits into the logs. After an error it waits on.
    pub fn write(&self) -> Result<(), Error> {
        let mut state = self.state_mut();
        let State { waiting, waiting_bytes, open, .. } = &mut *state;
        if waiting.is_empty() {
            return Ok(());
        }
        let unit_secs = self.spans[0].unit_secs;
        let mut by_span: BTreeMap<Timestamp, Vec<Waiting<'_>>> = BTreeMap::new();
        for (key, slots) in waiting.iter() {
            for (slot, stored) in slots {
                by_span.entry(Spans::start(*slot, unit_secs)).or_default().push((*key, *slot, stored));
            }
        }
        for (start, sketches) in by_span {
            let span = match open.entry(start) {
                Entry::Occupied(span) => span.into_mut(),
                Entry::Vacant(vacant) => {
                    let span = OpenSpan::open(&span::path(&self.folder, start), |_| true, &self.faults)?;
                    // A file that is not in its folder on the medium is lost with the power, however often it was synced.
                    let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
                    synced.map_err(Error::io("sync", &self.folder))?;
                    vacant.insert(span)
                }
            };
            let step = i64::from(self.spans[0].step.secs());
            let of_slot = |(key, slot, stored)| (key, ((slot - start) / step) as u16, stored);
            span.write(sketches.into_iter().map(of_slot))?;
        }
        waiting.clear();
        *waiting_bytes = 0;
        Ok(())
    }

    /// Returns when everything written is on the medium.
    pub fn sync(&self) -> Result<(), Error> {
        let unsynced: Vec<_> = {
            let mut state = self.state_mut();
            state.open.iter_mut().filter_map(|(start, span)| Some((*start, span.take_unsynced()?))).collect()
        };
        let mut first_error = Ok(());
        for (start, disk) in unsynced {
            if let Err(error) = disk.sync().map_err(Error::io("sync", &span::path(&self.folder, start))) {
                if let Some(span) = self.state_mut().open.get_mut(&start) {
                    span.is_unsynced = true;
                }
                first_error = first_error.and(Err(error));
            }
        }
        first_error
    }

    /// A series has ended.
    pub fn end_series(&self, key: Key) {
        let mut state = self.state_mut();
        if let Some(slots) = state.waiting.remove(&key) {
            state.waiting_bytes -= slots.values().map(|stored| stored.len()).sum::<usize>();
        }
        state.open.values_mut().for_each(|span| span.forget(key));
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where an archive's segments lie.
fn shelf_folder(folder: &Path, spans: &Spans) -> PathBuf {
    folder.join(format!("{}s-sketch", spans.step.secs()))
}
