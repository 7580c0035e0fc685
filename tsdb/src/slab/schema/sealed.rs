//! The sealed past of a schema: of each archive the segments, in the order in which they were written. Where two hold the
//! same slot of a series, the later one says what it holds.

use super::faults::Faults;
use crate::error::Error;
use crate::gap::{GAP, is_gap};
use crate::slab::rolled::Rolled;
use crate::slab::segment::{Key, Kind, Segment, Stretch};
use crate::slab::spans::Spans;
use crate::time::Timestamp;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A segment in its place.
pub(super) struct Part {
    /// Higher than that of any segment written before.
    pub seq: u64,
    pub segment: Segment,
}

impl Part {
    pub fn start(&self) -> Timestamp {
        self.segment.stretch().start
    }

    /// Exclusive.
    pub fn end(&self) -> Timestamp {
        let Stretch { step, start, slots } = self.segment.stretch();
        start + i64::from(step.secs()) * i64::from(slots)
    }

    pub fn overlaps(&self, first: Timestamp, end: Timestamp) -> bool {
        self.start() < end && first < self.end()
    }

    pub fn lies_within(&self, first: Timestamp, end: Timestamp) -> bool {
        self.start() >= first && self.end() <= end
    }
}

/// The segments of one archive.
#[derive(Clone, Default)]
pub(super) struct Shelf {
    /// Ascending by `seq`.
    pub parts: Vec<Arc<Part>>,
    /// Before it everything is sealed; `None` where nothing is.
    pub sealed_end: Option<Timestamp>,
}

impl Shelf {
    /// Opens the segments of a folder. What a merge left behind is removed; what is damaged is reported and left alone.
    pub fn open(folder: &Path, faults: &Faults) -> Result<Shelf, Error> {
        fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        let mut shelf = Shelf::default();
        for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
            let path = entry.map_err(Error::io("list", folder))?.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                // A draft of a process that was killed.
                Some("new") => fs::remove_file(&path).map_err(Error::io("remove", &path))?,
                Some("seg") => match Segment::open(&path) {
                    Ok(segment) => {
                        let seq = seq_of(&path);
                        shelf.parts.push(Arc::new(Part { seq, segment }));
                    }
                    Err(error) => faults.report(&error),
                },
                _ => {}
            }
        }
        shelf.parts.sort_by_key(|part| part.seq);
        for merged in shelf.parts.clone().iter().filter(|part| part.segment.kind() == Kind::Merged) {
            shelf.remove_merged(merged);
        }
        shelf.sealed_end =
            shelf.parts.iter().filter(|part| part.segment.kind().is_whole()).map(|part| part.end()).max();
        Ok(shelf)
    }

    /// Removes what a merged segment holds in its place.
    pub fn remove_merged(&mut self, merged: &Arc<Part>) {
        let (start, end) = (merged.start(), merged.end());
        self.parts.retain(|part| {
            let is_held = part.seq <= merged.seq && !Arc::ptr_eq(part, merged) && part.lies_within(start, end);
            if is_held {
                // Readers that have it open go on reading; one that stays behind is removed when the store is opened.
                let _ = fs::remove_file(part.segment.path());
            }
            !is_held
        });
    }

    pub fn overlapping(&self, first: Timestamp, end: Timestamp) -> impl Iterator<Item = &Arc<Part>> {
        self.parts.iter().filter(move |part| part.overlaps(first, end))
    }

    /// Writes the values that a series has in the slots from `first` on into `values`, which are gaps.
    pub fn values(&self, spans: &Spans, key: Key, first: Timestamp, values: &mut [f64], faults: &Faults) {
        let step = i64::from(spans.step.secs());
        let end = first + step * values.len() as i64;
        let mut chunk = Vec::new();
        // Before it there may be values of earlier parts, which a gap of a later one leaves.
        let mut touched_end = Timestamp(i64::MIN);
        for part in self.overlapping(first, end) {
            let slots = part.segment.stretch().slots as usize;
            let (from, to, count) = overlap(part, first, values.len(), step);
            let is_first_here = part.start() >= touched_end && count == slots;
            touched_end = touched_end.max(part.end());
            if is_first_here {
                let values = &mut values[to..to + count];
                if let Err(error) = part.segment.read(key, values) {
                    values.fill(GAP);
                    faults.report(&error);
                }
                continue;
            }
            chunk.clear();
            chunk.resize(slots, GAP);
            match part.segment.read(key, &mut chunk) {
                Ok(true) => {
                    let pairs = values[to..to + count].iter_mut().zip(&chunk[from..from + count]);
                    pairs.filter(|(_, new)| !is_gap(**new)).for_each(|(value, new)| *value = *new);
                }
                Ok(false) => {}
                Err(error) => faults.report(&error),
            }
        }
    }

    /// Writes what a series has in the slots from `first` on over `slots`; of the fields only those wanted.
    pub fn rolled(
        &self,
        spans: &Spans,
        key: Key,
        first: Timestamp,
        wanted: u8,
        slots: &mut [Option<Rolled>],
        faults: &Faults,
    ) {
        let step = i64::from(spans.step.secs());
        let end = first + step * slots.len() as i64;
        let mut fields = vec![Vec::new(); Rolled::FIELDS];
        for part in self.overlapping(first, end) {
            match part.segment.read_fields(key, wanted, &mut fields) {
                Ok(true) => {
                    let (from, to, count) = overlap(part, first, slots.len(), step);
                    for i in 0..count {
                        let field = |n: usize| fields[n].get(from + i).copied().unwrap_or(GAP);
                        let rolled = Rolled::from_fields(std::array::from_fn(field), spans.points);
                        slots[to + i] = rolled.or(slots[to + i]);
                    }
                }
                Ok(false) => {}
                Err(error) => faults.report(&error),
            }
        }
    }

    /// One more than the highest column of a series.
    pub fn columns_end(&self, faults: &Faults) -> u32 {
        let of = |part: &Arc<Part>| part.segment.last_column().inspect_err(|error| faults.report(error)).ok().flatten();
        self.parts.iter().filter_map(of).max().map_or(0, |last| last.saturating_add(1))
    }

    /// Whether a slot of a series is held here, be it as one that is known to be empty.
    pub fn has_slot(&self, spans: &Spans, key: Key, start: Timestamp, faults: &Faults) -> bool {
        let mut slot = [None];
        self.rolled(spans, key, start, super::view::ALL_FIELDS, &mut slot, faults);
        slot[0].is_some()
    }

    /// The keys of all series with something in a stretch of time, ascending.
    pub fn keys(&self, first: Timestamp, end: Timestamp, faults: &Faults) -> Vec<Key> {
        let mut keys = Vec::new();
        for part in self.overlapping(first, end) {
            match part.segment.keys() {
                Ok(found) => keys.extend(found),
                Err(error) => faults.report(&error),
            }
        }
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

/// Where a part's slots and those asked for meet: first slot of the part, first asked for, how many.
fn overlap(part: &Part, first: Timestamp, slots: usize, step: i64) -> (usize, usize, usize) {
    let offset = (first - part.start()) / step;
    let (from, to) = (offset.max(0) as usize, (-offset).max(0) as usize);
    let held = part.segment.stretch().slots as usize;
    (from, to, held.saturating_sub(from).min(slots.saturating_sub(to)))
}

/// Where a segment lies: its start, slots and number are its name.
pub(super) fn path(folder: &Path, stretch: Stretch, seq: u64) -> PathBuf {
    folder.join(format!("{}-{}-{seq}.seg", stretch.start.0, stretch.slots))
}

/// The number in a segment's name.
pub(super) fn seq_of(path: &Path) -> u64 {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    stem.rsplit('-').next().and_then(|seq| seq.parse().ok()).unwrap_or(0)
}
