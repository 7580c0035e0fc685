//! A schema: all series of one retention. Points go to open slots in memory, with a commit to the ring, after some time to
//! segments; what misses the open slots goes to the late log. Readers see one series through all of them.
//!
//! In reading order: `open`, `late` and `sealed` are the three places, `columns` who owns which column, `view` a series
//! as readers see it, `seal` the way from the ring to segments, `fold` the way of the late, `merge` many segments made one.
//! `sketches` are beside all that: they have columns, for their keys, and no values there.

mod columns;
mod faults;
mod fold;
mod late;
mod merge;
mod open;
mod seal;
mod sealed;
mod sketches;
mod view;

pub(crate) use faults::Faults;
pub(crate) use sketches::{Slots, merge_stored};

use super::disk::FileDisk;
use super::layout::Geometry;
use super::ring::{Recovery, Ring};
use super::row::Rows;
use super::segment::Key;
use super::spans::Spans;
use crate::error::Error;
use crate::gap::is_gap;
use crate::retention::Retention;
use crate::time::{Timestamp, Window};
use columns::Columns;
use late::{Late, LatePoint};
use open::OpenSlots;
use sealed::Shelf;
use sketches::Sketches;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Slots before the one of now that are still open, for those who count an interval and send it after its end.
const OPEN_BEFORE: i64 = 2;
/// Slots after it, for clocks that are ahead.
const OPEN_AFTER: i64 = 1;
/// Open slots that are kept though they cannot be written, when the disk is full.
const OPEN_MOST: usize = 16;

/// Late points that are kept in memory when they cannot be written, 16 bytes each.
const LATE_MOST: usize = 4_000_000;

/// An open schema.
pub(crate) struct Schema {
    pub retention: Retention,
    folder: PathBuf,
    /// Of each archive.
    spans: Vec<Spans>,
    ring: Ring,
    state: RwLock<State>,
    sketches: Sketches,
    /// Held while segments are written, by one at a time.
    upkeep: Mutex<()>,
    faults: Arc<Faults>,
}

struct State {
    open: OpenSlots,
    late: Late,
    sealed: Arc<Vec<Shelf>>,
    columns: Columns,
    /// Grows with every commit and every segment.
    seq: u64,
    /// Whether rows were written that are not known to be on the medium.
    has_unsynced_rows: bool,
    /// The same of late points. Apart, because a sync costs the disk a flush even where there is nothing to write.
    has_unsynced_late: bool,
    /// When the oldest late point came that waits for a segment of its own.
    fold_since: Option<Timestamp>,
}

/// What became of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    Taken,
    TooOld,
    /// The disk is full, and as many late points as may be wait in memory.
    NoRoom,
}

/// What a commit did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Committed {
    /// Bytes of rows.
    pub bytes: u64,
    /// Slots whose values were given up because they could not be written for too long.
    pub slots_lost: u64,
}

/// The folder of a retention, as in `10s-6h_1m-7d` without the letters: `10-2160_60-10080`.
pub(crate) fn folder_name(retention: &Retention) -> String {
    let archive = |archive: &crate::Archive| format!("{}-{}", archive.step.secs(), archive.points);
    retention.archives().iter().map(archive).collect::<Vec<_>>().join("_")
}

/// The number and the retention that a folder is named for, as in `0_10-2160_60-10080`.
pub(crate) fn numbered_folder(folder: &str) -> Option<(u16, Retention)> {
    let (number, folder) = folder.split_once('_')?;
    let archives = folder.split('_').map(|part| part.replacen('-', ":", 1)).collect::<Vec<_>>().join(",");
    let retention = Retention::parse(&archives).ok().filter(|retention| folder_name(retention) == folder)?;
    Some((number.parse().ok()?, retention))
}

impl Schema {
    /// Opens the schema in a folder, or makes it. `restore` is the newest series of each column that the names log knows,
    /// and whether it has not ended.
    ///
    /// # Errors
    /// The ring is damaged, or the system refuses.
    pub fn open(
        folder: &Path,
        retention: Retention,
        restore: impl Iterator<Item = (Key, bool)>,
        faults: Arc<Faults>,
    ) -> Result<(Schema, Recovery), Error> {
        std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        let spans = Spans::of(retention.archives());
        let unit = spans[0].unit_slots();
        // A span waits for its last open slots, and is being sealed while the next one fills.
        let slots = unit + (unit / 4).max(8) + (OPEN_BEFORE + OPEN_AFTER) as u32;
        let path = folder.join("ring");
        let disk = Arc::new(FileDisk::open(&path).map_err(Error::io("open", &path))?);
        let (ring, recovery) = Ring::open(disk, &path, Geometry { step: spans[0].step, slots })?;
        let mut shelves = Vec::new();
        for spans in &spans {
            shelves.push(Shelf::open(&folder.join(format!("{}s", spans.step.secs())), &faults)?);
        }
        let mut columns = Columns::default();
        let free_from = recovery
            .newest
            .map_or(Timestamp(0), |(newest, _)| newest + i64::from(slots) * i64::from(spans[0].step.secs()));
        for (key, is_taken) in restore {
            columns.restore(key);
            if !is_taken {
                columns.leave(key, free_from);
            }
        }
        let mut seq = recovery.newest.map_or(0, |(_, flush)| flush);
        let newest_part = shelves.iter().flat_map(|shelf| &shelf.parts).map(|part| part.seq).max();
        seq = seq.max(newest_part.unwrap_or(0));
        let (late, damage) = Late::open(&folder.join("late.log"), &spans, |point, came| {
            seq = seq.max(came);
            let is_in_row = point.archive == 0 && ring.flush_of(point.start, point.key.column) > Some(came);
            usize::from(point.archive) < spans.len() && !is_in_row && columns.holds(point.key)
        })?;
        if damage.skipped_bytes > 0 {
            faults.report(&Error::corrupt(
                &folder.join("late.log"),
                format!("{} bytes are no points", damage.skipped_bytes),
            ));
        }
        let sketches = Sketches::open(folder, spans.clone(), |key| columns.holds(key), Arc::clone(&faults))?;
        let fold_since = (late.len() > 0).then_some(Timestamp(0));
        let state = State {
            open: OpenSlots::default(),
            late,
            sealed: Arc::new(shelves),
            columns,
            seq,
            has_unsynced_rows: false,
            has_unsynced_late: false,
            fold_since,
        };
        let state = RwLock::new(state);
        let folder = folder.to_owned();
        Ok((Schema { retention, folder, spans, ring, state, sketches, upkeep: Mutex::new(()), faults }, recovery))
    }

    /// A column for a new series.
    pub fn take_column(&self, now: Timestamp) -> Key {
        self.state_mut().columns.take(now)
    }

    /// A series has ended: its values are gone for readers, its column is given away when the ring has forgotten it.
    pub fn end_series(&self, key: Key, now: Timestamp) {
        let mut state = self.state_mut();
        let ring_secs = i64::from(self.ring.geometry().slots + 2) * i64::from(self.spans[0].step.secs());
        state.columns.leave(key, now + ring_secs);
        state.late.forget_series(key);
        drop(state);
        self.sketches.end_series(key);
    }

    /// Takes points; readers see them when the writer is dropped.
    pub fn writer(&self, now: Timestamp) -> Writer<'_> {
        let step = i64::from(self.spans[0].step.secs());
        let current = now.floor(self.spans[0].step);
        let state = self.state_mut();
        let newest = self.ring.newest().map_or(current, |newest| newest.max(current));
        let oldest = self.ring.geometry().oldest(newest).max(current - OPEN_BEFORE * step);
        let oldest = state.sealed[0].sealed_end.map_or(oldest, |end| end.max(oldest));
        Writer { schema: self, state, now, oldest, newest: current + OPEN_AFTER * step, slot: None }
    }

    /// Writes what is not in the ring and the late log yet, and returns when it is on the medium if `sync` says so.
    ///
    /// # Errors
    /// The disk is full, or the system refuses; then nothing is lost yet, and the next commit tries again.
    pub fn commit(&self, now: Timestamp, sync: bool) -> Result<Committed, Error> {
        let sketches = self.sketches.write();
        let mut committed = Committed { bytes: self.seal_before_the_ring_wraps(now)?, slots_lost: 0 };
        let mut state = self.state_mut();
        let state_ref = &mut *state;
        state_ref.seq += 1;
        let written = state_ref.late.write().and_then(|late| {
            state_ref.has_unsynced_late |= late;
            let bytes = state_ref.open.write_before(Timestamp(i64::MAX), &self.ring, state_ref.seq)?;
            state_ref.has_unsynced_rows |= bytes > 0;
            committed.bytes += bytes;
            Ok(())
        });
        let step = i64::from(self.spans[0].step.secs());
        let oldest_open = now.floor(self.spans[0].step) - OPEN_BEFORE * step;
        committed.slots_lost = state_ref.open.close_before(oldest_open, OPEN_MOST);
        drop(state);
        if sync {
            self.sync()?;
        } else {
            self.ring.forgo_former_rows();
        }
        written.and(sketches).map(|()| committed)
    }

    /// Returns when everything that was committed is on the medium.
    ///
    /// # Errors
    /// The system's.
    pub fn sync(&self) -> Result<(), Error> {
        let (late, rows, log) = {
            let mut state = self.state_mut();
            let late = std::mem::take(&mut state.has_unsynced_late);
            (late, std::mem::take(&mut state.has_unsynced_rows), state.late.disk())
        };
        let sketches = self.sketches.sync();
        let synced = (|| {
            if late {
                log.sync().map_err(Error::io("sync", &self.folder.join("late.log")))?;
            }
            if rows { self.ring.sync() } else { Ok(()) }
        })();
        synced.inspect_err(|_| {
            let mut state = self.state_mut();
            state.has_unsynced_late |= late;
            state.has_unsynced_rows |= rows;
        })?;
        sketches
    }

    /// Takes the stored form of a sketch.
    pub fn put_sketch(&self, now: Timestamp, key: Key, at: Timestamp, stored: &[u8]) -> Put {
        self.sketches.put(now, key, at, stored)
    }

    /// The stored sketches of a series in a window, as [`Schema::fetch`] has its values.
    ///
    /// # Errors
    /// The window ends before it begins.
    pub fn fetch_sketches(&self, key: Key, window: Window, now: Timestamp) -> Result<Option<Slots>, Error> {
        self.sketches.fetch(key, window, now)
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes points for one schema; nobody else reads or writes it meanwhile.
pub(crate) struct Writer<'a> {
    schema: &'a Schema,
    state: RwLockWriteGuard<'a, State>,
    now: Timestamp,
    /// The oldest and the newest slot that may be opened.
    oldest: Timestamp,
    newest: Timestamp,
    /// The slot of the last point: most flushes hold one moment only.
    slot: Option<Slot>,
}

struct Slot {
    /// The moment of the last point.
    at: Timestamp,
    start: Timestamp,
    rows: Rows,
}

impl Writer<'_> {
    /// Takes a point. The last one of a slot stays.
    ///
    /// # Errors
    /// The ring cannot be read where a slot is opened again.
    #[inline]
    pub fn put(&mut self, key: Key, at: Timestamp, value: f64) -> Result<Put, Error> {
        if self.slot.as_ref().is_none_or(|slot| slot.at != at) && !self.turn_to(at)? {
            return self.put_late(key, at, value);
        }
        if let Some(slot) = &mut self.slot {
            slot.rows.set(key.column, canonical(value));
        }
        Ok(Put::Taken)
    }

    /// Makes the slot of a moment the one that is written; false where it may not be open.
    #[cold]
    fn turn_to(&mut self, at: Timestamp) -> Result<bool, Error> {
        let spans = &self.schema.spans[0];
        let start = at.floor(spans.step);
        if let Some(slot) = self.slot.as_mut().filter(|slot| slot.start == start) {
            slot.at = at;
            return Ok(true);
        }
        self.give_back();
        let State { open, late, sealed, .. } = &mut *self.state;
        let was_open = open.holds(start) && sealed[0].sealed_end.is_none_or(|end| start >= end);
        if !was_open && !(self.oldest..=self.newest).contains(&start) {
            return Ok(false);
        }
        let mut rows = open.take(&self.schema.ring, start)?;
        if !was_open && late.len() > 0 {
            // What came ahead of its time lies in the slot's rows from now on.
            let end = start + i64::from(spans.step.secs());
            late.take(start, end).iter().for_each(|(_, column, value)| rows.set(*column, *value));
        }
        self.slot = Some(Slot { at, start, rows });
        Ok(true)
    }

    fn give_back(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.state.open.give(slot.start, slot.rows);
        }
    }

    #[cold]
    fn put_late(&mut self, key: Key, at: Timestamp, value: f64) -> Result<Put, Error> {
        let age = self.now - at;
        let Some(archive) = self.schema.spans.iter().position(|spans| spans.kept_secs >= age) else {
            return Ok(Put::TooOld);
        };
        if self.state.late.len() >= LATE_MOST {
            return Ok(Put::NoRoom);
        }
        if !is_gap(value) {
            let start = at.floor(self.schema.spans[archive].step);
            let point = LatePoint { key, archive: archive as u8, start, value: canonical(value) };
            let State { late, seq, fold_since, .. } = &mut *self.state;
            fold_since.get_or_insert(self.now);
            late.push(point, *seq)?;
        }
        Ok(Put::Taken)
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// One NaN stands for all that are no gaps, so that none is taken for a mark of ours.
#[inline]
fn canonical(value: f64) -> f64 {
    if value.is_nan() && !is_gap(value) { f64::NAN } else { value }
}

#[cfg(test)]
mod tests;
