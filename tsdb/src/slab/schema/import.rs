//! Series that come whole from elsewhere: every archive with values of its own. Finest values are taken as they are. A slot
//! of a coarser archive is given its value, or known to hold none, unless what the finer values make of it is that very
//! value to the last bit, or the slot is still being filled; then it is left to be computed, as of any other series.

use super::Schema;
use super::seal::fields_of;
use super::sealed::Shelf;
use crate::error::Error;
use crate::gap::{GAP, is_gap};
use crate::rollup::Rollup;
use crate::slab::rolled::{Rolled, VOID};
use crate::slab::segment::{Draft, Key, Kind, Stretch};
use crate::slab::spans::Spans;
use crate::time::Timestamp;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// A series whose finest value is younger than this may be written on: its newest slots are still being filled.
const STILL_WRITTEN_SECS: i64 = 86_400;

/// How a file rolled up, and how readers will.
pub(crate) type Ways = Vec<(Rollup, f64)>;

/// Segments that are being written side by side, one for each stretch of each archive.
#[derive(Default)]
pub(crate) struct Intake {
    drafts: BTreeMap<(usize, Timestamp), (PathBuf, u64, Draft)>,
    /// Chunks in them.
    pub chunks: usize,
    /// Values and fields of one stretch, kept from series to series.
    fields: Vec<Vec<f64>>,
}

/// What is stored of a slot.
enum Stored {
    /// Nothing: it is computed.
    Computed,
    Fields([f64; Rolled::FIELDS]),
}

impl Intake {
    /// Segments that are open.
    pub fn open(&self) -> usize {
        self.drafts.len()
    }
}

impl Schema {
    /// Takes a series in; readers see it when the intake is published.
    ///
    /// # Errors
    /// The disk is full, or the system refuses.
    pub fn take_in(
        &self,
        intake: &mut Intake,
        key: Key,
        archives: &[Vec<(Timestamp, f64)>],
        ways: &Ways,
        now: Timestamp,
    ) -> Result<(), Error> {
        let sealed = Arc::clone(&self.state().sealed);
        let finest = archives.first().map_or(&[][..], Vec::as_slice);
        self.put_values(intake, key, finest)?;
        let finest_step = i64::from(self.spans[0].step.secs());
        let newest = finest.last().map(|(at, _)| *at);
        let filled_until = newest.filter(|newest| *newest > now - STILL_WRITTEN_SECS).map(|at| at + finest_step);
        let mut finer: Vec<(Timestamp, Rolled)> = finest.iter().map(|(at, value)| (*at, of_value(*value))).collect();
        for (archive, values) in archives.iter().enumerate().skip(1) {
            let spans = &self.spans[archive];
            let computed = computed(&finer, spans);
            let slots = Slots { spans, ways, filled_until, shelf: &sealed[archive] };
            let (stored, seen) = slots.judge(&computed, values);
            self.put_fields(intake, archive, key, &stored)?;
            finer = seen;
        }
        Ok(())
    }

    /// Gives every segment its name and shows it to readers.
    ///
    /// # Errors
    /// The disk is full, or the system refuses; then the segments that follow are not there.
    pub fn publish_intake(&self, intake: &mut Intake) -> Result<(), Error> {
        intake.chunks = 0;
        for ((archive, _), (path, seq, draft)) in std::mem::take(&mut intake.drafts) {
            self.publish(archive, None, draft, (path, seq))?;
        }
        Ok(())
    }

    fn put_values(&self, intake: &mut Intake, key: Key, values: &[(Timestamp, f64)]) -> Result<(), Error> {
        let spans = &self.spans[0];
        for group in values.chunk_by(|one, next| group_of(spans, one.0) == group_of(spans, next.0)) {
            let start = group_of(spans, group[0].0);
            let mut slots = intake.fields(spans, 1);
            for (at, value) in group {
                slots[0][slot_of(spans, start, *at)] = unmarked(*value);
            }
            self.draft(intake, 0, start)?.push(key, &slots[0])?;
            intake.fields = slots;
            intake.chunks += 1;
        }
        Ok(())
    }

    fn put_fields(
        &self,
        intake: &mut Intake,
        archive: usize,
        key: Key,
        stored: &[(Timestamp, [f64; Rolled::FIELDS])],
    ) -> Result<(), Error> {
        let spans = &self.spans[archive];
        for group in stored.chunk_by(|one, next| group_of(spans, one.0) == group_of(spans, next.0)) {
            let start = group_of(spans, group[0].0);
            let mut slots = intake.fields(spans, Rolled::FIELDS);
            for (at, fields) in group {
                let slot = slot_of(spans, start, *at);
                slots.iter_mut().zip(fields).for_each(|(slots, field)| slots[slot] = *field);
            }
            self.draft(intake, archive, start)?.push_fields(key, &slots)?;
            intake.fields = slots;
            intake.chunks += 1;
        }
        Ok(())
    }

    fn draft<'a>(&self, intake: &'a mut Intake, archive: usize, group: Timestamp) -> Result<&'a mut Draft, Error> {
        use std::collections::btree_map::Entry;
        let entry = match intake.drafts.entry((archive, group)) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                let spans = &self.spans[archive];
                let stretch = Stretch { step: spans.step, start: group, slots: spans.group_slots() };
                entry.insert(self.begin(archive, stretch, Kind::Imported)?)
            }
        };
        Ok(&mut entry.2)
    }
}

impl Intake {
    /// Empty slots of a stretch; to be given back.
    fn fields(&mut self, spans: &Spans, count: usize) -> Vec<Vec<f64>> {
        let slots = spans.group_slots() as usize;
        let mut fields = std::mem::take(&mut self.fields);
        fields.resize_with(count, Vec::new);
        for field in &mut fields {
            field.clear();
            field.resize(slots, GAP);
        }
        fields
    }
}

/// One archive, and what its slots are judged by.
struct Slots<'a> {
    spans: &'a Spans,
    ways: &'a Ways,
    /// Live writes may come from here on.
    filled_until: Option<Timestamp>,
    shelf: &'a Shelf,
}

impl Slots<'_> {
    /// What is stored of each slot, and what a coarser archive sees of it.
    #[expect(clippy::type_complexity, reason = "two lists by time")]
    fn judge(
        &self,
        computed: &[(Timestamp, Rolled)],
        values: &[(Timestamp, f64)],
    ) -> (Vec<(Timestamp, [f64; Rolled::FIELDS])>, Vec<(Timestamp, Rolled)>) {
        let (mut stored, mut seen) = (Vec::new(), Vec::with_capacity(computed.len().max(values.len())));
        let (mut computed, mut values) = (computed.iter().peekable(), values.iter().peekable());
        while let Some(at) =
            [computed.peek().map(|slot| slot.0), values.peek().map(|slot| slot.0)].into_iter().flatten().min()
        {
            let of_finer = computed.next_if(|slot| slot.0 == at).map(|slot| slot.1);
            let value = values.next_if(|slot| slot.0 == at).map(|slot| unmarked(slot.1));
            let (slot, rolled) = self.judge_slot(at, of_finer, value);
            if let Stored::Fields(fields) = slot {
                stored.push((at, fields));
            }
            if !rolled.is_none() {
                seen.push((at, rolled));
            }
        }
        (stored, seen)
    }

    fn judge_slot(&self, at: Timestamp, of_finer: Option<Rolled>, value: Option<f64>) -> (Stored, Rolled) {
        let Some(computed) = of_finer else {
            let Some(value) = value else { return (Stored::Computed, Rolled::NONE) };
            let given = Rolled::given(value, self.spans.points);
            return (Stored::Fields(given.fields()), given);
        };
        let expected = value.unwrap_or(GAP).to_bits();
        let is_same = |(rollup, factor): &(Rollup, f64)| {
            computed.value(*rollup, *factor, self.spans.points).to_bits() == expected
        };
        let end = at + i64::from(self.spans.step.secs());
        let is_being_filled = self.filled_until.is_some_and(|until| end > until);
        let is_sealed = self.shelf.sealed_end.is_some_and(|sealed_end| at < sealed_end);
        if is_being_filled || self.ways.iter().all(is_same) {
            // Where everything is sealed nobody computes any more.
            let stored = if is_sealed { Stored::Fields(computed.fields()) } else { Stored::Computed };
            return (stored, computed);
        }
        match value {
            Some(value) => {
                let given = Rolled::given(value, self.spans.points);
                (Stored::Fields(given.fields()), given)
            }
            None => (Stored::Fields(Rolled::void_fields()), Rolled::NONE),
        }
    }
}

/// What the finer slots make of this archive's, in the order in which readers merge them.
fn computed(finer: &[(Timestamp, Rolled)], spans: &Spans) -> Vec<(Timestamp, Rolled)> {
    let mut slots: Vec<(Timestamp, Rolled)> = Vec::new();
    for (at, part) in finer {
        let start = at.floor(spans.step);
        match slots.last_mut().filter(|slot| slot.0 == start) {
            Some((_, rolled)) => rolled.merge(part),
            None => {
                let mut rolled = Rolled::NONE;
                rolled.merge(part);
                slots.push((start, rolled));
            }
        }
    }
    slots
}

fn of_value(value: f64) -> Rolled {
    let mut rolled = Rolled::NONE;
    rolled.add(unmarked(value));
    rolled
}

/// A NaN that is one of our marks becomes one that is none; every other value stays as it is.
fn unmarked(value: f64) -> f64 {
    if is_gap(value) || value.to_bits() == VOID.to_bits() { f64::NAN } else { value }
}

fn group_of(spans: &Spans, at: Timestamp) -> Timestamp {
    Spans::start(at, spans.group_secs)
}

fn slot_of(spans: &Spans, group: Timestamp, at: Timestamp) -> usize {
    ((at - group) / i64::from(spans.step.secs())) as usize
}

impl Schema {
    /// Makes one segment of those that several batches of an import left in a stretch that is not sealed. What is sealed is
    /// merged with the rest.
    pub(super) fn merge_imported(&self, archive: usize, group: Timestamp) -> Result<bool, Error> {
        let spans = &self.spans[archive];
        let end = group + spans.group_secs;
        let (columns, sealed) = {
            let state = self.state();
            (state.columns.clone(), Arc::clone(&state.sealed))
        };
        let stretch = Stretch { step: spans.step, start: group, slots: spans.group_slots() };
        let (path, seq, mut draft) = self.begin(archive, stretch, Kind::Imported)?;
        let parts: Vec<_> =
            sealed[archive].overlapping(group, end).filter(|part| part.lies_within(group, end)).cloned().collect();
        let mut fields = fields_of(stretch);
        let mut found = fields_of(stretch);
        for key in sealed[archive].keys(group, end, &self.faults).into_iter().filter(|key| columns.holds(*key)) {
            fields.iter_mut().for_each(|field| field.fill(GAP));
            for part in &parts {
                let offset = slot_of(spans, group, part.start());
                if archive == 0 {
                    found[0].resize(part.segment.stretch().slots as usize, GAP);
                    if part.segment.read(key, &mut found[0])? {
                        lay_over(&mut fields[..1], &found[..1], offset);
                    }
                } else if part.segment.read_fields(key, super::view::ALL_FIELDS, &mut found)? {
                    lay_over(&mut fields, &found, offset);
                }
            }
            if archive == 0 { draft.push(key, &fields[0])? } else { draft.push_fields(key, &fields)? }
        }
        let written = self.publish(archive, None, draft, (path, seq))?;
        self.replace(archive, &parts)?;
        Ok(written)
    }
}

/// Lays a later segment's slots over an earlier one's: all fields of a slot, or none.
fn lay_over(fields: &mut [Vec<f64>], later: &[Vec<f64>], offset: usize) {
    let slots = later.iter().map(Vec::len).max().unwrap_or(0);
    for slot in 0..slots {
        let field = |n: usize| later[n].get(slot).copied().unwrap_or(GAP);
        if (0..later.len()).any(|n| !is_gap(field(n))) {
            fields.iter_mut().enumerate().for_each(|(n, values)| values[offset + slot] = field(n));
        }
    }
}
