//! The segments of a day or more become one; and what has left its retention goes.

use super::Sketches;
use crate::error::Error;
use crate::slab::schema::columns::Columns;
use crate::slab::schema::merge::due_merges;
use crate::slab::schema::sealed::Part;
use crate::slab::segment::{Kind, Stretch};
use crate::time::Timestamp;
use std::fs;
use std::sync::{Arc, PoisonError};

impl Sketches {
    /// Merges every stretch that is sealed as a whole. Answers how many segments were written.
    pub(super) fn merge(&self, columns: &Columns) -> Result<u64, Error> {
        let mut written = 0;
        for archive in 0..self.spans.len() {
            let due = due_merges(&self.spans[archive], &self.state().sealed[archive]);
            for group in due {
                written += u64::from(self.merge_group(archive, group, columns)?);
            }
        }
        Ok(written)
    }

    fn merge_group(&self, archive: usize, group: Timestamp, columns: &Columns) -> Result<bool, Error> {
        let spans = &self.spans[archive];
        let sealed = Arc::clone(&self.state().sealed);
        let stretch = Stretch { step: spans.step, start: group, slots: spans.group_slots() };
        let mut draft = self.begin(archive, stretch, Kind::Merged)?;
        let end = group + spans.group_secs;
        for key in sealed[archive].keys(group, end, &self.faults).into_iter().filter(|key| columns.holds(*key)) {
            let mut found = vec![None; stretch.slots as usize];
            self.sealed_view(key, &sealed).sealed_slots(archive, group, &mut found);
            let blobs = (0..).zip(found).filter_map(|(slot, stored)| Some((slot, stored?)));
            draft.push_blobs(key, &blobs.collect::<Vec<_>>())?;
        }
        self.publish(archive, None, draft)
    }

    /// Every segment: its end, its bytes, and its archive and number for [`Sketches::remove_part`].
    pub fn parts(&self) -> Vec<(Timestamp, u64, (usize, u64))> {
        let sealed = Arc::clone(&self.state().sealed);
        let of = |(archive, part): (usize, &Arc<Part>)| (part.end(), part.segment.file_bytes(), (archive, part.seq));
        let parts =
            sealed.iter().enumerate().flat_map(|(archive, shelf)| shelf.parts.iter().map(move |part| (archive, part)));
        parts.map(of).collect()
    }

    /// Removes a segment, whether its retention has passed or not.
    pub fn remove_part(&self, (archive, seq): (usize, u64)) -> Result<(), Error> {
        let _one_at_a_time = self.upkeep.lock().unwrap_or_else(PoisonError::into_inner);
        self.remove(|at, part| at == archive && part.seq == seq)
    }

    /// Removes segments that have left their retention, which counts from the newest sketch.
    pub(super) fn expire(&self, now: Timestamp) -> Result<(), Error> {
        let (newest, ends) = {
            let state = self.state();
            let sealed = state.sealed[0].parts.iter().map(|part| part.end()).max();
            let open = state.open.keys().next_back().map(|start| *start + self.spans[0].unit_secs);
            let Some(newest) = sealed.max(open) else { return Ok(()) };
            (newest.min(now), state.sealed.iter().map(|shelf| shelf.sealed_end).collect::<Vec<_>>())
        };
        self.remove(|archive, part| {
            // A slot of the next archive that a late sketch changes is merged from all its parts.
            let next_step = self.spans.get(archive + 1).map_or(0, |next| i64::from(next.step.secs()));
            let is_needed = ends.get(archive + 1).is_some_and(|end| *end < Some(part.end()));
            part.end() <= newest - self.spans[archive].kept_secs - next_step && !is_needed
        })
    }

    fn remove(&self, goes: impl Fn(usize, &Part) -> bool) -> Result<(), Error> {
        let mut state = self.state_mut();
        let mut sealed = state.sealed.as_ref().clone();
        let removed: Vec<Arc<Part>> = (sealed.iter_mut().enumerate())
            .flat_map(|(archive, shelf)| {
                let goes = &goes;
                shelf.parts.extract_if(.., move |part| goes(archive, part)).collect::<Vec<_>>()
            })
            .collect();
        if !removed.is_empty() {
            state.sealed = Arc::new(sealed);
        }
        drop(state);
        let remove =
            |part: &Arc<Part>| fs::remove_file(part.segment.path()).map_err(Error::io("remove", part.segment.path()));
        removed.iter().try_for_each(remove)
    }
}
