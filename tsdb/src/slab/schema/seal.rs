//! Sealing: what has left the open slots goes from the ring to a segment, and from a finer archive's segments to a coarser
//! one's. A coarser archive is sealed from the next finer one, so that each value is read once for it.

use super::fold::Touched;
use super::sealed::{self, Part};
use super::view::ALL_FIELDS;
use super::{OPEN_AFTER, OPEN_BEFORE, Schema};
use crate::error::Error;
use crate::gap::{GAP, is_gap};
use crate::slab::layout::{self, PAGE, PAGE_WORDS, WORD};
use crate::slab::rolled::Rolled;
use crate::slab::segment::{Draft, Kind, Segment, Stretch};
use crate::slab::spans::Spans;
use crate::time::Timestamp;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

/// A stretch of an archive that waits to be sealed: from and until.
type Span = (Timestamp, Timestamp);

impl Schema {
    /// Seals what is due, folds late points in, merges segments and removes what has left its retention. Answers how many
    /// segments were written.
    ///
    /// # Errors
    /// The disk is full, or the system refuses; then what was not sealed is still where it was.
    pub fn upkeep(&self, now: Timestamp) -> Result<u64, Error> {
        let _one_at_a_time = self.upkeep.lock().unwrap_or_else(PoisonError::into_inner);
        let mut written = 0;
        while let Some(span) = self.due(now) {
            written += u64::from(self.seal_ring(span)?);
        }
        written += self.fold(now)?;
        written += self.seal_coarser()?;
        written += self.merge()?;
        self.expire(now)?;
        self.compact_reuse()?;
        let columns = self.state().columns.clone();
        written += self.sketches.upkeep(now, &columns)?;
        Ok(written)
    }

    /// Before a commit would write over a slot that no segment holds, that is sealed; readers and writers wait that long,
    /// which happens when nobody saw to the upkeep, or after a leap of the clock. Answers the bytes of rows written.
    pub(super) fn seal_before_the_ring_wraps(&self, now: Timestamp) -> Result<u64, Error> {
        if self.next_to_wrap(now).is_none() {
            return Ok(0);
        }
        let _one_at_a_time = self.upkeep.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = 0;
        while let Some(oldest) = self.next_to_wrap(now) {
            // Slots from here on would take the rows of those that are to be sealed.
            let geometry = self.ring.geometry();
            let end = oldest + i64::from(geometry.slots) * i64::from(geometry.step.secs());
            {
                let mut state = self.state_mut();
                let state = &mut *state;
                state.seq += 1;
                let written = state.open.write_before(end.min(self.closed_before(now)), &self.ring, state.seq)?;
                state.has_unsynced_rows |= written > 0;
                bytes += written;
            }
            let Some(span) = self.due(now) else { break };
            self.seal_ring(span)?;
        }
        Ok(bytes)
    }

    /// The oldest slot that no segment holds, where a commit now may write over it.
    fn next_to_wrap(&self, now: Timestamp) -> Option<Timestamp> {
        let newest = now.floor(self.spans[0].step) + OPEN_AFTER * i64::from(self.spans[0].step.secs());
        let kept_from = self.ring.geometry().oldest(newest);
        let state = self.state();
        let in_ring = self.ring.oldest_from(state.sealed[0].sealed_end);
        let unsealed = [in_ring, state.open.oldest_dirty()].into_iter().flatten().min();
        unsealed.filter(|oldest| *oldest < kept_from)
    }

    /// Slots that begin before this are open no more.
    fn closed_before(&self, now: Timestamp) -> Timestamp {
        now.floor(self.spans[0].step) - OPEN_BEFORE * i64::from(self.spans[0].step.secs())
    }

    /// The oldest stretch of the ring that is closed and not sealed; from now on nothing is written to it.
    fn due(&self, now: Timestamp) -> Option<Span> {
        let spans = &self.spans[0];
        let mut state = self.state_mut();
        let oldest = self.ring.oldest_from(state.sealed[0].sealed_end)?;
        let start = Spans::start(oldest, spans.unit_secs);
        let end = start + spans.unit_secs;
        let is_dirty = state.open.oldest_dirty().is_some_and(|dirty| dirty < end);
        let is_due = end <= self.closed_before(now) && !is_dirty;
        if is_due {
            // A writer whose clock is behind would else fill slots that are being read.
            state.closed_until = state.closed_until.max(end);
        }
        is_due.then_some((start, end))
    }

    /// Seals a stretch of the ring, late points included; false when it holds nothing.
    fn seal_ring(&self, (start, end): Span) -> Result<bool, Error> {
        let spans = &self.spans[0];
        let (columns, late) = {
            let state = self.state();
            (state.columns.clone(), state.late.span(0, start))
        };
        let slots = spans.unit_slots() as usize;
        let (path, seq, mut draft) =
            self.begin(0, Stretch { step: spans.step, start, slots: spans.unit_slots() }, Kind::Sealed)?;
        let mut block = Block { pages: vec![[0; PAGE]; slots], found: vec![false; slots] };
        let mut values = vec![GAP; slots];
        for shard in 0..self.ring.shards() {
            for page in 0..layout::pages(shard) {
                let first_column = layout::first_column(shard) + (page * PAGE_WORDS) as u32;
                let has_values = block.read(self, shard, page, start)?;
                let has_late = (0..PAGE_WORDS as u32).any(|i| late.holds(first_column + i));
                if !has_values && !has_late {
                    continue;
                }
                for (i, column) in (first_column..).take(PAGE_WORDS).enumerate() {
                    let Some(key) = columns.key(column) else { continue };
                    block.column(i, &mut values);
                    late.of(key).for_each(|(slot, value)| values[slot] = value);
                    if values.iter().any(|value| !is_gap(*value)) {
                        draft.push(key, &values)?;
                    }
                }
            }
        }
        self.report_torn_pages();
        let step = i64::from(spans.step.secs());
        let mut touched = Touched::new();
        for key in late.columns().filter_map(|column| columns.key(column)) {
            touched.extend(late.of(key).map(|(slot, _)| (key, start + slot as i64 * step)));
        }
        touched.sort_unstable();
        touched.dedup();
        let is_written = self.publish(0, Some(end), draft, (path, seq))?;
        for coarser in 1..self.spans.len() {
            self.recompute(coarser, &mut touched)?;
        }
        if late.columns().next().is_some() {
            // Only now: whatever ends this process before finds the points in the log, and computes the slots again.
            let mut state = self.state_mut();
            state.late.forget(0, start, &late);
            let seq = state.seq;
            state.late.rewrite(seq)?;
        }
        Ok(is_written)
    }

    /// Seals of each coarser archive what its next finer one has sealed.
    fn seal_coarser(&self) -> Result<u64, Error> {
        let mut written = 0;
        for archive in 1..self.spans.len() {
            while let Some(span) = self.due_coarser(archive) {
                written += u64::from(self.seal_archive(archive, span)?);
            }
        }
        Ok(written)
    }

    fn due_coarser(&self, archive: usize) -> Option<Span> {
        let unit = self.spans[archive].unit_secs;
        let state = self.state();
        let (shelf, finer) = (&state.sealed[archive], &state.sealed[archive - 1]);
        let finer_end = finer.sealed_end?;
        let new = finer.parts.iter().filter(|part| shelf.sealed_end.is_none_or(|end| part.end() > end));
        // Stretches in which nothing was written are passed over.
        let first = new.map(|part| part.start()).min();
        let start = shelf.sealed_end.max(first.map(|first| Spans::start(first, unit)))?;
        let end = start + unit;
        (end <= finer_end).then_some((start, end))
    }

    fn seal_archive(&self, archive: usize, (start, end): Span) -> Result<bool, Error> {
        let spans = &self.spans[archive];
        let stretch = Stretch { step: spans.step, start, slots: spans.unit_slots() };
        let (path, seq, mut draft) = self.begin(archive, stretch, Kind::Sealed)?;
        let (columns, sealed) = {
            let state = self.state();
            (state.columns.clone(), Arc::clone(&state.sealed))
        };
        let has_own = sealed[archive].overlapping(start, end).next().is_some();
        let mut fields = fields_of(stretch);
        for key in sealed[archive - 1].keys(start, end, &self.faults).into_iter().filter(|key| columns.holds(*key)) {
            let view = self.sealed_view(key, &sealed);
            let mut rolled = view.computed(archive, start, stretch.slots as usize, ALL_FIELDS)?;
            if has_own {
                // What was given for a slot stands.
                let mut own = vec![None; rolled.len()];
                sealed[archive].rolled(spans, key, start, ALL_FIELDS, &mut own, &self.faults);
                let pairs = rolled.iter_mut().zip(own);
                pairs.filter(|(_, own)| own.is_some()).for_each(|(slot, _)| *slot = Rolled::NONE);
            }
            set_fields(&mut fields, &rolled);
            draft.push_fields(key, &fields)?;
        }
        self.publish(archive, Some(end), draft, (path, seq))
    }

    /// A draft of a segment of an archive, and where it will lie.
    pub(super) fn begin(&self, archive: usize, stretch: Stretch, kind: Kind) -> Result<(PathBuf, u64, Draft), Error> {
        let seq = {
            let mut state = self.state_mut();
            state.seq += 1;
            state.seq
        };
        let folder = self.folder.join(format!("{}s", self.spans[archive].step.secs()));
        let path = sealed::path(&folder, stretch, seq);
        let draft = Draft::begin(&path, stretch, kind)?;
        Ok((path, seq, draft))
    }

    /// Finishes a draft and shows it to readers. False when it holds nothing.
    pub(super) fn publish(
        &self,
        archive: usize,
        sealed_end: Option<Timestamp>,
        draft: Draft,
        (path, seq): (PathBuf, u64),
    ) -> Result<bool, Error> {
        let is_empty = draft.is_empty();
        let part = if is_empty {
            None
        } else {
            draft.finish()?;
            Some(Arc::new(Part { seq, segment: Segment::open(&path)? }))
        };
        let mut state = self.state_mut();
        let mut sealed = state.sealed.as_ref().clone();
        let shelf = &mut sealed[archive];
        if let Some(part) = part {
            shelf.parts.push(Arc::clone(&part));
            shelf.parts.sort_by_key(|part| part.seq);
            if part.segment.kind() == Kind::Merged {
                shelf.remove_merged(&part);
            }
        }
        shelf.sealed_end = shelf.sealed_end.max(sealed_end);
        state.sealed = Arc::new(sealed);
        if state.late.is_stale() {
            let seq = state.seq;
            state.late.rewrite(seq)?;
        }
        Ok(!is_empty)
    }
}

/// A page of columns over a stretch of slots.
struct Block {
    pages: Vec<[u8; PAGE]>,
    found: Vec<bool>,
}

impl Block {
    /// Reads the page in every slot from `start` on; whether the ring holds any.
    fn read(&mut self, schema: &Schema, shard: usize, page: usize, start: Timestamp) -> Result<bool, Error> {
        let mut at = start;
        for (bytes, found) in self.pages.iter_mut().zip(&mut self.found) {
            *found = schema.ring.page(shard, page, at, bytes)?;
            at = at + i64::from(schema.spans[0].step.secs());
        }
        Ok(self.found.iter().any(|found| *found))
    }

    fn column(&self, index: usize, values: &mut [f64]) {
        for ((value, bytes), found) in values.iter_mut().zip(&self.pages).zip(&self.found) {
            let word = bytes[index * WORD..].first_chunk().filter(|_| *found);
            *value = word.map_or(GAP, |word| f64::from_le_bytes(*word));
        }
    }
}

/// Empty fields for a stretch.
pub(super) fn fields_of(stretch: Stretch) -> Vec<Vec<f64>> {
    vec![vec![GAP; stretch.slots as usize]; Rolled::FIELDS]
}

/// Field by field what the slots hold.
pub(super) fn set_fields(fields: &mut [Vec<f64>], rolled: &[Rolled]) {
    for (i, slot) in rolled.iter().enumerate() {
        for (field, value) in fields.iter_mut().zip(slot.fields()) {
            field[i] = value;
        }
    }
}
