//! A series of sketches as readers see it: segments below, the logs above them, what waits for a commit on top. A coarser
//! archive is what was sealed of it, and for the rest merged from the next finer one.

use super::{Sketches, State, span};
use crate::error::Error;
use crate::sketch::Sketch;
use crate::slab::disk::Disk;
use crate::slab::schema::sealed::Shelf;
use crate::slab::segment::{Blob, Key};
use crate::slab::spans::{Covered, Spans};
use crate::time::{Step, Timestamp, Window};
use std::path::PathBuf;
use std::sync::Arc;

/// The stored sketches of an archive, one a step.
pub(crate) struct Slots {
    pub start: Timestamp,
    /// Exclusive.
    pub end: Timestamp,
    pub step: Step,
    pub stored: Vec<Option<Vec<u8>>>,
}

/// One series at one moment.
pub(super) struct View<'a> {
    pub sketches: &'a Sketches,
    pub key: Key,
    pub sealed: Arc<Vec<Shelf>>,
    open: Vec<OpenPart>,
    waiting: Vec<(Timestamp, Arc<[u8]>)>,
}

/// What the log of one stretch has of a series.
struct OpenPart {
    start: Timestamp,
    path: PathBuf,
    disk: Arc<dyn Disk>,
    places: Vec<(u16, u64)>,
}

impl Sketches {
    /// The sketches of a series in a window, with the archive, windows and slots that values would have; `None` when no
    /// archive can hold any of it.
    ///
    /// # Errors
    /// The window ends before it begins. What is damaged is reported and left out.
    pub fn fetch(&self, key: Key, window: Window, now: Timestamp) -> Result<Option<Slots>, Error> {
        let Some(Covered { archive, start, end, slots }) = Covered::of(&self.spans, window, now)? else {
            return Ok(None);
        };
        let stored = self.view(key, start, end).slots(archive, start, slots);
        Ok(Some(Slots { start, end, step: self.spans[archive].step, stored }))
    }

    pub(super) fn view(&self, key: Key, first: Timestamp, end: Timestamp) -> View<'_> {
        let state = self.state();
        let State { waiting, open, sealed, .. } = &*state;
        let from = Spans::start(first, self.spans[0].unit_secs);
        let open = open.range(from..end.max(from)).filter(|(_, span)| !span.places(key).is_empty());
        let part = |(start, span): (&Timestamp, &span::OpenSpan)| OpenPart {
            start: *start,
            path: span::path(&self.folder, *start),
            disk: span.disk(),
            places: span.places(key).to_vec(),
        };
        let waiting = waiting.get(&key).into_iter().flat_map(|slots| slots.range(first..end.max(first)));
        View {
            sketches: self,
            key,
            sealed: Arc::clone(sealed),
            open: open.map(part).collect(),
            waiting: waiting.map(|(slot, stored)| (*slot, Arc::clone(stored))).collect(),
        }
    }

    /// A series as segments alone hold it.
    pub(super) fn sealed_view(&self, key: Key, sealed: &Arc<Vec<Shelf>>) -> View<'_> {
        View { sketches: self, key, sealed: Arc::clone(sealed), open: Vec::new(), waiting: Vec::new() }
    }
}

impl View<'_> {
    /// The slots of an archive from the one that begins at `first` on.
    pub fn slots(&self, archive: usize, first: Timestamp, slots: usize) -> Vec<Option<Vec<u8>>> {
        let mut found = vec![None; slots];
        self.sealed_slots(archive, first, &mut found);
        if archive == 0 {
            self.open_slots(first, &mut found);
            return found;
        }
        let step = i64::from(self.sketches.spans[archive].step.secs());
        let at = |i: usize| first + step * i as i64;
        let sealed_end = self.sealed[archive].sealed_end;
        // What the logs hold lies over what was sealed.
        let is_open = |i: usize| sealed_end.is_none_or(|end| at(i) >= end) || self.is_touched(at(i), at(i + 1));
        let mut i = 0;
        while i < slots {
            let run = (i..slots).take_while(|i| is_open(*i)).count();
            if run > 0 {
                let merged = self.merged(archive, at(i), run);
                found[i..i + run].iter_mut().zip(merged).for_each(|(slot, merged)| *slot = merged);
            }
            i += run.max(1);
        }
        found
    }

    /// The slots of a coarser archive, as the next finer one's merge into them.
    pub fn merged(&self, archive: usize, first: Timestamp, slots: usize) -> Vec<Option<Vec<u8>>> {
        let spans = &self.sketches.spans;
        let ratio = (spans[archive].step.secs() / spans[archive - 1].step.secs()) as usize;
        let finer = self.slots(archive - 1, first, slots * ratio);
        finer.chunks_exact(ratio).map(|stored| merge(stored.iter().flatten().map(Vec::as_slice))).collect()
    }

    pub(super) fn sealed_slots(&self, archive: usize, first: Timestamp, found: &mut [Option<Vec<u8>>]) {
        let step = i64::from(self.sketches.spans[archive].step.secs());
        let end = first + step * found.len() as i64;
        for part in self.sealed[archive].overlapping(first, end) {
            match part.segment.read_blobs(self.key) {
                Ok(Some(blobs)) => place(found, first, step, part.start(), blobs),
                Ok(None) => {}
                Err(error) => self.sketches.faults.report(&error),
            }
        }
    }

    fn open_slots(&self, first: Timestamp, found: &mut [Option<Vec<u8>>]) {
        let step = i64::from(self.sketches.spans[0].step.secs());
        for OpenPart { start, path, disk, places } in &self.open {
            let wanted = |slot: u16| (0..found.len() as i64).contains(&((*start - first) / step + i64::from(slot)));
            let places: Vec<_> = places.iter().copied().filter(|(slot, _)| wanted(*slot)).collect();
            place(found, first, step, *start, span::read(&**disk, path, self.key, &places, &self.sketches.faults));
        }
        let waiting = self.waiting.iter().map(|(slot, stored)| (((*slot - first) / step) as usize, stored));
        waiting.for_each(|(i, stored)| {
            if let Some(slot) = found.get_mut(i) {
                *slot = Some(stored.to_vec());
            }
        });
    }

    /// Whether something of a stretch of time is in no segment yet.
    fn is_touched(&self, first: Timestamp, end: Timestamp) -> bool {
        let step = i64::from(self.sketches.spans[0].step.secs());
        let within = |slot: Timestamp| first <= slot && slot < end;
        self.waiting.iter().any(|(slot, _)| within(*slot))
            || self
                .open
                .iter()
                .any(|part| part.places.iter().any(|(slot, _)| within(part.start + i64::from(*slot) * step)))
    }
}

/// Puts blobs of a stretch that begins at `start` into slots that begin at `first`.
fn place(found: &mut [Option<Vec<u8>>], first: Timestamp, step: i64, start: Timestamp, blobs: Vec<Blob>) {
    let offset = (start - first) / step;
    for (slot, stored) in blobs {
        if let Some(slot) = usize::try_from(offset + i64::from(slot)).ok().and_then(|i| found.get_mut(i)) {
            *slot = Some(stored);
        }
    }
}

/// What several sketches merge into. One alone stays as it is; what cannot be read is left out.
pub(crate) fn merge<'a>(mut stored: impl Iterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let first = stored.next()?;
    let Some(next) = stored.next() else { return Some(first.to_vec()) };
    let mut merged: Option<Sketch> = None;
    for sketch in [first, next].into_iter().chain(stored).filter_map(Sketch::decode) {
        match &mut merged {
            // One of another kind is left out.
            Some(merged) => merged.merge_coarsely(&sketch).unwrap_or(()),
            None => merged = Some(sketch),
        }
    }
    let mut bytes = Vec::new();
    merged?.encode(&mut bytes);
    Some(bytes)
}
