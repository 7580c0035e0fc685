//! Sealing of sketches: a stretch that has left the open slots goes from its log to a segment, and from a finer archive's
//! segments, merged, to a coarser one's. What comes later for a sealed stretch gets a segment of its own over the others.

use super::{Sketches, shelf_folder, span};
use crate::error::Error;
use crate::slab::schema::OPEN_BEFORE;
use crate::slab::schema::columns::Columns;
use crate::slab::schema::sealed::{self, Part};
use crate::slab::segment::{Draft, Key, Kind, Segment, Stretch};
use crate::slab::spans::Spans;
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

/// The slots of each series that hold something new.
type Touched = BTreeMap<Key, BTreeSet<Timestamp>>;

impl Sketches {
    /// Seals what is due, merges segments and removes what has left its retention. Answers how many segments were written.
    pub fn upkeep(&self, now: Timestamp, columns: &Columns) -> Result<u64, Error> {
        let _one_at_a_time = self.upkeep.lock().unwrap_or_else(PoisonError::into_inner);
        let mut written = 0;
        for start in self.due(now) {
            written += self.seal_span(start, columns)?;
        }
        for archive in 1..self.spans.len() {
            while let Some(start) = self.due_coarser(archive) {
                written += u64::from(self.seal_archive(archive, start, columns)?);
            }
        }
        written += self.merge(columns)?;
        self.expire(now)?;
        Ok(written)
    }

    fn due(&self, now: Timestamp) -> Vec<Timestamp> {
        let spans = &self.spans[0];
        let closed_before = now.floor(spans.step) - OPEN_BEFORE * i64::from(spans.step.secs());
        let state = self.state();
        state.open.keys().copied().filter(|start| *start + spans.unit_secs <= closed_before).collect()
    }

    /// Seals the stretch of one log.
    fn seal_span(&self, start: Timestamp, columns: &Columns) -> Result<u64, Error> {
        let spans = &self.spans[0];
        let (sealed_end, version, disk, all) = {
            let state = self.state();
            let Some(span) = state.open.get(&start) else { return Ok(0) };
            (state.sealed[0].sealed_end, span.version, span.disk(), span.all())
        };
        let (end, path) = (start + spans.unit_secs, span::path(&self.folder, start));
        let is_late = sealed_end.is_some_and(|sealed_end| start < sealed_end);
        let kind = if is_late { Kind::Patch } else { Kind::Sealed };
        let mut draft = self.begin(0, Stretch { step: spans.step, start, slots: spans.unit_slots() }, kind)?;
        let mut touched = Touched::new();
        for (key, places) in all.into_iter().filter(|(key, _)| columns.holds(*key)) {
            let blobs = span::read(&*disk, &path, key, &places, &self.faults);
            draft.push_blobs(key, &blobs)?;
            if is_late {
                let at = |slot: u32| start + i64::from(slot) * i64::from(spans.step.secs());
                touched.insert(key, blobs.iter().map(|(slot, _)| at(*slot)).collect());
            }
        }
        let mut written = u64::from(self.publish(0, (!is_late).then_some(end), draft)?);
        for coarser in 1..self.spans.len() {
            written += self.merge_anew(coarser, &mut touched)?;
        }
        // Only now: whatever ends this process before finds the log, and seals it again.
        let mut state = self.state_mut();
        // What was written meanwhile keeps the log, which is sealed once more.
        if state.open.get(&start).is_some_and(|span| span.version == version) {
            state.open.remove(&start);
            fs::remove_file(&path).map_err(Error::io("remove", &path))?;
        }
        Ok(written)
    }

    /// The start of the oldest stretch of a coarser archive that the next finer one has sealed as a whole.
    fn due_coarser(&self, archive: usize) -> Option<Timestamp> {
        let unit = self.spans[archive].unit_secs;
        let state = self.state();
        let (shelf, finer) = (&state.sealed[archive], &state.sealed[archive - 1]);
        let finer_end = finer.sealed_end?;
        let new = finer.parts.iter().filter(|part| shelf.sealed_end.is_none_or(|end| part.end() > end));
        let first = new.map(|part| Spans::start(part.start(), unit)).min()?;
        let start = shelf.sealed_end.map_or(first, |end| end.max(first));
        (start + unit <= finer_end).then_some(start)
    }

    fn seal_archive(&self, archive: usize, start: Timestamp, columns: &Columns) -> Result<bool, Error> {
        let spans = &self.spans[archive];
        let end = start + spans.unit_secs;
        let sealed = Arc::clone(&self.state().sealed);
        let stretch = Stretch { step: spans.step, start, slots: spans.unit_slots() };
        let mut draft = self.begin(archive, stretch, Kind::Sealed)?;
        for key in sealed[archive - 1].keys(start, end, &self.faults).into_iter().filter(|key| columns.holds(*key)) {
            let merged = self.sealed_view(key, &sealed).merged(archive, start, stretch.slots as usize);
            let blobs = (0..).zip(merged).filter_map(|(slot, stored)| Some((slot, stored?)));
            draft.push_blobs(key, &blobs.collect::<Vec<_>>())?;
        }
        self.publish(archive, Some(end), draft)
    }

    /// Merges the slots of an archive anew that hold something new in the next finer one; `touched` becomes those.
    fn merge_anew(&self, archive: usize, touched: &mut Touched) -> Result<u64, Error> {
        let spans = &self.spans[archive];
        let sealed = Arc::clone(&self.state().sealed);
        let mut groups: BTreeMap<Timestamp, Touched> = BTreeMap::new();
        for (key, slots) in std::mem::take(touched) {
            let coarse: BTreeSet<Timestamp> = slots.iter().map(|start| start.floor(spans.step)).collect();
            // What is not sealed is merged by every reader.
            for start in coarse.iter().filter(|start| sealed[archive].sealed_end.is_some_and(|end| **start < end)) {
                let group = groups.entry(Spans::start(*start, spans.group_secs)).or_default();
                group.entry(key).or_default().insert(*start);
            }
            touched.insert(key, coarse);
        }
        let mut written = 0;
        for (group, of_key) in groups {
            let stretch = Stretch { step: spans.step, start: group, slots: spans.group_slots() };
            let mut draft = self.begin(archive, stretch, Kind::Patch)?;
            for (key, starts) in of_key {
                let view = self.sealed_view(key, &sealed);
                let slot = |start: Timestamp| ((start - group) / i64::from(spans.step.secs())) as u32;
                let merged = |start: Timestamp| view.merged(archive, start, 1).pop().flatten();
                let blobs = starts.iter().filter_map(|start| Some((slot(*start), merged(*start)?)));
                draft.push_blobs(key, &blobs.collect::<Vec<_>>())?;
            }
            written += u64::from(self.publish(archive, None, draft)?);
        }
        Ok(written)
    }

    pub(super) fn begin(&self, archive: usize, stretch: Stretch, kind: Kind) -> Result<Draft, Error> {
        let seq = {
            let mut state = self.state_mut();
            state.seq += 1;
            state.seq
        };
        let folder = shelf_folder(&self.folder, &self.spans[archive]);
        fs::create_dir_all(&folder).map_err(Error::io("create", &folder))?;
        Draft::begin(&sealed::path(&folder, stretch, seq), stretch, kind)
    }

    /// Finishes a draft and shows it to readers. False when it holds nothing.
    pub(super) fn publish(&self, archive: usize, sealed_end: Option<Timestamp>, draft: Draft) -> Result<bool, Error> {
        let path: PathBuf = draft.path().to_owned();
        let part = if draft.is_empty() {
            None
        } else {
            draft.finish()?;
            Some(Arc::new(Part { seq: sealed::seq_of(&path), segment: Segment::open(&path)? }))
        };
        let mut state = self.state_mut();
        let mut sealed = state.sealed.as_ref().clone();
        let shelf = &mut sealed[archive];
        if let Some(part) = &part {
            shelf.parts.push(Arc::clone(part));
            shelf.parts.sort_by_key(|part| part.seq);
            if part.segment.kind() == Kind::Merged {
                shelf.remove_merged(part);
            }
        }
        shelf.sealed_end = shelf.sealed_end.max(sealed_end);
        state.sealed = Arc::new(sealed);
        Ok(part.is_some())
    }
}
