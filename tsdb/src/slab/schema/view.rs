//! A series as readers see it: segments below, the ring above them, open slots and late points on top. A coarser archive
//! is what was sealed of it, and for the rest computed from the next finer one.

use super::late::LatePoint;
use super::sealed::Shelf;
use super::{Faults, Schema};
use crate::error::Error;
use crate::gap::{GAP, is_gap};
use crate::rollup::Rollup;
use crate::slab::ring::Ring;
use crate::slab::rolled::Rolled;
use crate::slab::segment::Key;
use crate::slab::spans::{Covered, Spans};
use crate::store::Fetched;
use crate::time::{Timestamp, Window};
use std::sync::Arc;

/// All fields of a rolled-up slot.
pub(super) const ALL_FIELDS: u8 = 0xff;

/// How often a reader starts anew because a stretch was sealed while it read; each takes a quarter of an hour or so to fill.
const ATTEMPTS: usize = 3;

/// One series at one moment.
pub(super) struct View<'a> {
    pub spans: &'a [Spans],
    pub ring: &'a Ring,
    pub faults: &'a Faults,
    pub key: Key,
    pub sealed: Arc<Vec<Shelf>>,
    pub open: Vec<(Timestamp, f64)>,
    /// In the order in which they came.
    pub late: Vec<LatePoint>,
}

impl Schema {
    /// The values of a series in a window, from the finest archive that reaches back to its start; `None` when it can
    /// hold none of the window. Windows and slots are those of whisper's fetch.
    ///
    /// # Errors
    /// The window ends before it begins, or the system refuses. What is damaged is reported and reads as gaps.
    pub fn fetch(
        &self,
        key: Key,
        rollup: Rollup,
        x_files_factor: f64,
        window: Window,
        now: Timestamp,
    ) -> Result<Option<Fetched>, Error> {
        let Some(Covered { archive, start, end, slots }) = Covered::of(&self.spans, window, now)? else {
            return Ok(None);
        };
        if !self.holds(key) {
            // The ring and the open slots know columns, not series: what lies there may be another's by now.
            return Ok(None);
        }
        let spans = &self.spans[archive];
        let values = self.read(key, (start, end), |view| {
            if archive == 0 {
                return view.values(start, slots);
            }
            let rolled = view.rolled(archive, start, slots, wanted(rollup))?;
            Ok(rolled.iter().map(|rolled| rolled.value(rollup, x_files_factor, spans.points)).collect())
        })?;
        Ok(Some(Fetched { start, end, step: spans.step, values }))
    }

    /// What this holds of a series in the slots of an archive, of the finest one each value alone.
    ///
    /// # Errors
    /// The system's. What is damaged is reported and reads as gaps.
    pub fn rolled_slots(
        &self,
        key: Key,
        archive: usize,
        first: Timestamp,
        slots: usize,
        rollup: Rollup,
    ) -> Result<Vec<Rolled>, Error> {
        let end = first + slots as i64 * i64::from(self.spans[archive].step.secs());
        self.read(key, (first, end), |view| {
            if archive == 0 {
                Ok(view.values(first, slots)?.into_iter().map(|value| Rolled::given(value, 1)).collect())
            } else {
                view.rolled(archive, first, slots, wanted(rollup))
            }
        })
    }

    /// The stretches of every archive.
    pub fn spans(&self) -> &[Spans] {
        &self.spans
    }

    /// Reads a series of a range of time, anew where a stretch was sealed meanwhile: what that is of may have left the ring
    /// before it was read there.
    fn read<T>(
        &self,
        key: Key,
        (first, end): (Timestamp, Timestamp),
        read: impl Fn(&View<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut attempts = ATTEMPTS;
        let found = loop {
            let view = self.view(key, first, end);
            let found = read(&view)?;
            attempts -= 1;
            if attempts == 0 || self.state().sealed[0].sealed_end == view.sealed[0].sealed_end {
                break found;
            }
        };
        self.report_torn_pages();
        Ok(found)
    }

    /// Begins to read what segments hold of some series in a window, of the archive that [`Schema::fetch`] would take.
    pub fn prefetch(&self, keys: &[Key], window: Window, now: Timestamp) {
        let age = now - window.from;
        let Some(archive) = self.spans.iter().position(|spans| spans.kept_secs >= age) else { return };
        let sealed = Arc::clone(&self.state().sealed);
        sealed[archive].overlapping(window.from, window.until + 1).for_each(|part| part.segment.prefetch(keys));
    }

    /// A series as it is now, with the late points of a range of time.
    pub(super) fn view(&self, key: Key, first: Timestamp, end: Timestamp) -> View<'_> {
        let state = self.state();
        // Late points of a coarser archive may belong to the slot that only begins before the range.
        let widest = self.spans.last().map_or(0, |spans| i64::from(spans.step.secs()));
        let late = if state.late.len() > 0 { state.late.of(key, first - widest, end) } else { Vec::new() };
        View {
            spans: &self.spans,
            ring: &self.ring,
            faults: &self.faults,
            key,
            sealed: Arc::clone(&state.sealed),
            open: state.open.values(key.column).collect(),
            late,
        }
    }
}

/// The fields that a method asks for, with the count, which the x-files factor asks for, and a given value.
fn wanted(rollup: Rollup) -> u8 {
    const COUNT_AND_GIVEN: u8 = 1 << 1 | 1 << 6;
    COUNT_AND_GIVEN
        | match rollup {
            Rollup::Average | Rollup::AverageZero => 1,
            Rollup::Sum => 1 | 1 << 7,
            Rollup::Min => 1 << 2,
            Rollup::Max => 1 << 3,
            Rollup::Last => 1 << 4,
            Rollup::AbsMax => 1 << 2 | 1 << 3,
            Rollup::AbsMin => 1 << 2 | 1 << 3 | 1 << 5,
        }
}

impl View<'_> {
    /// The finest values, from the slot that begins at `first` on.
    pub fn values(&self, first: Timestamp, slots: usize) -> Result<Vec<f64>, Error> {
        let (spans, shelf) = (&self.spans[0], &self.sealed[0]);
        let step = i64::from(spans.step.secs());
        let mut values = vec![GAP; slots];
        shelf.values(spans, self.key, first, &mut values, self.faults);
        self.ring_values(first, &mut values)?;
        let end = first + step * slots as i64;
        let place = |at: Timestamp| (at >= first && at < end).then(|| ((at - first) / step) as usize);
        for (at, value) in self.open.iter().filter(|(_, value)| !is_gap(*value)) {
            if let Some(i) = place(*at) {
                values[i] = *value;
            }
        }
        for point in self.late.iter().filter(|point| point.archive == 0) {
            if let Some(i) = place(point.start) {
                values[i] = point.value;
            }
        }
        Ok(values)
    }

    /// Writes what the ring holds and no segment does over `values`.
    fn ring_values(&self, first: Timestamp, values: &mut [f64]) -> Result<(), Error> {
        let Some(newest) = self.ring.newest() else { return Ok(()) };
        let step = i64::from(self.spans[0].step.secs());
        let mut from = self.ring.geometry().oldest(newest).max(first);
        if let Some(sealed_end) = self.sealed[0].sealed_end {
            from = from.max(sealed_end);
        }
        let end = (first + step * values.len() as i64).min(newest + step);
        if from >= end {
            return Ok(());
        }
        let mut held = vec![GAP; ((end - from) / step) as usize];
        self.ring.read(self.key.column, from, &mut held)?;
        let offset = ((from - first) / step) as usize;
        let pairs = values[offset..].iter_mut().zip(held);
        pairs.filter(|(_, held)| !is_gap(*held)).for_each(|(value, held)| *value = held);
        Ok(())
    }

    /// The slots of a coarser archive, from the one that begins at `first` on; of their fields those wanted.
    pub fn rolled(&self, archive: usize, first: Timestamp, slots: usize, wanted: u8) -> Result<Vec<Rolled>, Error> {
        let (spans, shelf) = (&self.spans[archive], &self.sealed[archive]);
        let step = i64::from(spans.step.secs());
        let mut found = vec![None; slots];
        shelf.rolled(spans, self.key, first, wanted, &mut found, self.faults);
        // What came late for a finer archive is in no slot of this one yet.
        let place = |at: Timestamp| usize::try_from((at.floor(spans.step) - first) / step).ok();
        let mut is_stale = vec![false; slots];
        for point in self.late.iter().filter(|point| usize::from(point.archive) < archive && point.start >= first) {
            if let Some(i) = place(point.start).filter(|i| *i < slots) {
                (found[i], is_stale[i]) = (None, true);
            }
        }
        let at = |i: usize| first + step * i as i64;
        let is_open = |i: usize| is_stale[i] || shelf.sealed_end.is_none_or(|end| at(i) >= end);
        let mut i = 0;
        while i < slots {
            let run = (i..slots).take_while(|i| found[*i].is_none() && is_open(*i)).count();
            if run > 0 {
                let computed = self.computed(archive, at(i), run, wanted)?;
                found[i..i + run].iter_mut().zip(computed).for_each(|(slot, rolled)| *slot = Some(rolled));
            }
            i += run.max(1);
        }
        for point in self.late.iter().filter(|point| usize::from(point.archive) == archive && point.start >= first) {
            if let Some(i) = place(point.start).filter(|i| *i < slots) {
                found[i] = Some(Rolled::given(point.value, spans.points));
            }
        }
        Ok(found.into_iter().map(|rolled| rolled.unwrap_or(Rolled::NONE)).collect())
    }

    /// The slots of a coarser archive as the next finer one makes them.
    pub fn computed(&self, archive: usize, first: Timestamp, slots: usize, wanted: u8) -> Result<Vec<Rolled>, Error> {
        let finer = archive - 1;
        let ratio = (self.spans[archive].step.secs() / self.spans[finer].step.secs()) as usize;
        let mut rolled = vec![Rolled::NONE; slots];
        if finer == 0 {
            let values = self.values(first, slots * ratio)?;
            for (rolled, values) in rolled.iter_mut().zip(values.chunks_exact(ratio)) {
                values.iter().for_each(|value| rolled.add(*value));
            }
        } else {
            let parts = self.rolled(finer, first, slots * ratio, wanted)?;
            for (rolled, parts) in rolled.iter_mut().zip(parts.chunks_exact(ratio)) {
                parts.iter().for_each(|part| rolled.merge(part));
            }
        }
        Ok(rolled)
    }
}
