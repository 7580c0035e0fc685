//! Folding: late points whose time is sealed already get a segment of their own, which lies over the others, and the slots
//! of coarser archives that they belong to are computed anew.

use super::open::OpenSlots;
use super::seal::{fields_of, set_fields};
use super::sealed::Shelf;
use super::view::{ALL_FIELDS, View};
use super::{Schema, State};
use crate::error::Error;
use crate::gap::GAP;
use crate::slab::rolled::Rolled;
use crate::slab::segment::{Key, Kind, Stretch};
use crate::slab::spans::Spans;
use crate::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

/// Late points wait this long for more of their kind.
const PATIENCE_SECS: i64 = 600;
/// So many do not wait.
const MANY: usize = 100_000;

/// Slots that are written again before a sync, fewer than a ring has rows to spare.
const ROWS_A_SYNC: u32 = 4;

/// Stretches of late points that one segment takes, by archive and start of the merged stretch.
type Groups = BTreeMap<(usize, Timestamp), Vec<Timestamp>>;
/// The slots of each series that hold something new, in order, each once. One piece of memory for all of them: beside the
/// encoder's, which comes and goes, one for each series would hold as much again apart.
pub(super) type Touched = Vec<(Key, Timestamp)>;

impl Schema {
    /// Folds what has waited long enough. Answers how many segments were written.
    pub(super) fn fold(&self, now: Timestamp) -> Result<u64, Error> {
        let has_waited = {
            let state = self.state();
            let waited = state.fold_since.is_some_and(|since| now - since >= PATIENCE_SECS);
            waited || state.late.len() >= MANY
        };
        if has_waited { self.fold_all(now) } else { Ok(0) }
    }

    /// Makes room when so many late points have come that they must not wait: what can be folded is, and the rest, whose
    /// time is not sealed yet, is written into its rows.
    ///
    /// # Errors
    /// The disk is full, or the system refuses; then they stay where they are.
    pub fn relieve(&self, now: Timestamp) -> Result<(), Error> {
        if !self.state().late.is_pressing() {
            return Ok(());
        }
        let _one_at_a_time = self.upkeep.lock().unwrap_or_else(PoisonError::into_inner);
        self.fold_all(now)?;
        if self.state().late.is_pressing() {
            self.write_late_into_rows()?;
        }
        Ok(())
    }

    /// Writes the late points of slots that the ring keeps into their rows.
    pub(super) fn write_late_into_rows(&self) -> Result<(), Error> {
        let step = i64::from(self.spans[0].step.secs());
        let mut state = self.state_mut();
        let State { open, late, sealed, seq, has_unsynced_rows, .. } = &mut *state;
        *seq += 1;
        let Some(newest) = self.ring.newest() else { return Ok(()) };
        // What lies ahead of the newest row would push others out of the ring: it waits.
        let kept_from = self.ring.geometry().oldest(newest).max(sealed[0].sealed_end.unwrap_or(Timestamp(i64::MIN)));
        let mut since_sync = ROWS_A_SYNC;
        let unsealed: Vec<Timestamp> =
            late.spans().filter(|(archive, _)| *archive == 0).map(|(_, span)| span).collect();
        for span in unsealed {
            let end = (span + self.spans[0].unit_secs).min(newest + step);
            let first = span.max(kept_from);
            for points in late.take(first, end.max(first), *seq).chunk_by(|one, next| one.0 == next.0) {
                let start = points[0].0;
                let written = self.write_into_row(open, points, *seq, &mut since_sync);
                *has_unsynced_rows |= !matches!(written, Ok(0));
                if let Err(error) = written {
                    // What lies in no row waits on.
                    late.put_back(*seq, start);
                    return Err(error);
                }
            }
        }
        self.ring.sync()?;
        *has_unsynced_rows = false;
        late.forget_moved_by(*seq);
        late.rewrite(*seq)
    }

    /// Writes points of one slot into its row.
    fn write_into_row(
        &self,
        open: &mut OpenSlots,
        points: &[(Timestamp, u32, f64)],
        seq: u64,
        since_sync: &mut u32,
    ) -> Result<u64, Error> {
        if *since_sync == ROWS_A_SYNC {
            // A slot that is written again keeps its former row until then, and there are few to spare.
            self.ring.sync()?;
            *since_sync = 0;
        }
        let start = points[0].0;
        let mut rows = open.take(&self.ring, start)?;
        points.iter().for_each(|(_, column, value)| rows.set(*column, *value));
        let written = self.ring.flush(start, seq, &mut rows);
        open.give(start, rows);
        *since_sync += 1;
        open.close_before(start + 1, usize::MAX);
        written
    }

    fn fold_all(&self, now: Timestamp) -> Result<u64, Error> {
        let groups = {
            let state = self.state();
            self.groups(state.late.spans(), &state.sealed)
        };
        let (mut written, has_folded) = (0, !groups.is_empty());
        for ((archive, group), spans) in groups {
            written += self.fold_group(archive, group, &spans)?;
        }
        let mut state = self.state_mut();
        state.fold_since = (state.late.len() > 0).then_some(now);
        if has_folded {
            let seq = state.seq;
            state.late.rewrite(seq)?;
        }
        Ok(written)
    }

    fn groups(&self, spans: impl Iterator<Item = (u8, Timestamp)>, sealed: &[Shelf]) -> Groups {
        let mut groups = Groups::new();
        for (archive, start) in spans {
            let archive = usize::from(archive);
            let own = &self.spans[archive];
            // Points of a stretch that is not sealed go into its own segment.
            let is_sealed = sealed[archive].sealed_end.is_some_and(|end| start + own.unit_secs <= end);
            let is_before_the_ring = self.ring.oldest_from(None).is_none_or(|oldest| start + own.unit_secs <= oldest);
            if archive > 0 || is_sealed || is_before_the_ring {
                groups.entry((archive, Spans::start(start, own.group_secs))).or_default().push(start);
            }
        }
        groups
    }

    fn fold_group(&self, archive: usize, group: Timestamp, spans: &[Timestamp]) -> Result<u64, Error> {
        let own = &self.spans[archive];
        let (columns, late) = {
            let state = self.state();
            let late = spans.iter().map(|span| (*span, state.late.span(archive as u8, *span)));
            (state.columns.clone(), late.collect::<Vec<_>>())
        };
        let stretch = Stretch { step: own.step, start: group, slots: own.group_slots() };
        let step = i64::from(own.step.secs());
        let mut touched = Touched::new();
        let mut with_points: Vec<u32> = late.iter().flat_map(|(_, points)| points.columns()).collect();
        with_points.sort_unstable();
        with_points.dedup();
        let (path, seq, mut draft) = self.begin(archive, stretch, Kind::Patch)?;
        let mut fields = fields_of(stretch);
        for key in with_points.into_iter().filter_map(|column| columns.key(column)) {
            let values = &mut fields[Rolled::GIVEN];
            values.fill(GAP);
            for (span, points) in &late {
                let first = ((*span - group) / step) as usize;
                points.of(key).for_each(|(slot, value)| {
                    values[first + slot] = value;
                    touched.push((key, *span + slot as i64 * step));
                });
            }
            if archive == 0 {
                draft.push(key, values)?;
            } else {
                draft.push_fields(key, &fields)?;
            }
        }
        touched.sort_unstable();
        touched.dedup();
        let mut written = u64::from(self.publish(archive, None, draft, (path, seq))?);
        for coarser in archive + 1..self.spans.len() {
            written += self.recompute(coarser, &mut touched)?;
        }
        // Only now: whatever ends this process before finds the points in the log, and folds them again.
        let mut state = self.state_mut();
        late.iter().for_each(|(span, points)| state.late.forget(archive as u8, *span, points));
        Ok(written)
    }

    /// Computes the slots of an archive anew that hold something new in the next finer one; `touched` becomes those.
    pub(super) fn recompute(&self, archive: usize, touched: &mut Touched) -> Result<u64, Error> {
        let spans = &self.spans[archive];
        let sealed = Arc::clone(&self.state().sealed);
        touched.iter_mut().for_each(|(_, start)| *start = start.floor(spans.step));
        touched.dedup();
        // What is not sealed is computed by every reader, unless an import gave the slot a value.
        let is_due = |key: Key, start: Timestamp| {
            let is_sealed = sealed[archive].sealed_end.is_some_and(|end| start < end);
            is_sealed || sealed[archive].has_slot(spans, key, start, &self.faults)
        };
        let due = touched.iter().filter(|(key, start)| is_due(*key, *start));
        let mut due: Vec<_> = due.map(|(key, start)| (Spans::start(*start, spans.group_secs), *key, *start)).collect();
        due.sort_unstable();
        let mut written = 0;
        for due in due.chunk_by(|one, next| one.0 == next.0) {
            let group = due[0].0;
            let stretch = Stretch { step: spans.step, start: group, slots: spans.group_slots() };
            let (path, seq, mut draft) = self.begin(archive, stretch, Kind::Patch)?;
            let mut rolled = vec![Rolled::NONE; stretch.slots as usize];
            let mut fields = fields_of(stretch);
            for due in due.chunk_by(|one, next| one.1 == next.1) {
                let key = due[0].1;
                rolled.fill(Rolled::NONE);
                let view = self.sealed_view(key, &sealed);
                for (_, _, start) in due {
                    let slot = ((*start - group) / i64::from(spans.step.secs())) as usize;
                    rolled[slot] = view.computed(archive, *start, 1, ALL_FIELDS)?[0];
                }
                set_fields(&mut fields, &rolled);
                draft.push_fields(key, &fields)?;
            }
            written += u64::from(self.publish(archive, None, draft, (path, seq))?);
        }
        Ok(written)
    }

    /// A series as segments and the ring hold it, without what is still open.
    pub(super) fn sealed_view(&self, key: Key, sealed: &Arc<Vec<Shelf>>) -> View<'_> {
        View {
            spans: &self.spans,
            ring: &self.ring,
            faults: &self.faults,
            key,
            sealed: Arc::clone(sealed),
            open: Vec::new(),
            late: Vec::new(),
        }
    }
}
