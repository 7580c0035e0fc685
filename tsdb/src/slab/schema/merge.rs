//! Merging: the segments of a day or more become one, whose longer chunks code better and are read with one look; and
//! what has left its retention goes.

use super::seal::{fields_of, set_fields};
use super::sealed::{Part, Shelf};
use super::view::ALL_FIELDS;
use super::{Faults, Schema, State};
use crate::error::Error;
use crate::gap::GAP;
use crate::slab::rolled::Rolled;
use crate::slab::segment::{Kind, Stretch};
use crate::slab::spans::Spans;
use crate::time::Timestamp;
use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, PoisonError};

/// Patches that lie over a merged segment before it is merged again.
const PATCHES: usize = 4;
/// Errors of one merge that are told.
const FAULTS: usize = 4;

/// The starts of the stretches whose segments are to become one.
pub(super) fn due_merges(spans: &Spans, shelf: &Shelf) -> Vec<Timestamp> {
    let mut groups: BTreeMap<Timestamp, (usize, bool)> = BTreeMap::new();
    for part in &shelf.parts {
        let (count, is_merged) = groups.entry(Spans::start(part.start(), spans.group_secs)).or_default();
        *count += 1;
        *is_merged |= part.segment.kind() == Kind::Merged;
    }
    let is_sealed = |group: Timestamp| shelf.sealed_end.is_some_and(|end| group + spans.group_secs <= end);
    let is_due = |(count, is_merged): (usize, bool)| count > if is_merged { PATCHES } else { 1 };
    let due = groups.into_iter().filter(|(group, found)| is_due(*found) && is_sealed(*group));
    due.map(|(group, _)| group).collect()
}

impl Schema {
    /// Merges every stretch that is sealed as a whole. Answers how many segments were written.
    pub(super) fn merge(&self) -> Result<u64, Error> {
        let mut written = 0;
        for archive in 0..self.spans.len() {
            let due = due_merges(&self.spans[archive], &self.state().sealed[archive]);
            for group in due {
                let is_damaged = |state: &State| state.unmerged.contains(&(archive, group));
                if is_damaged(&self.state()) {
                    continue;
                }
                written += u64::from(self.merge_group(archive, group)?);
            }
            for group in self.due_imports(archive) {
                written += u64::from(self.merge_imported(archive, group)?);
            }
        }
        Ok(written)
    }

    /// Stretches that are not sealed, in which several batches of an import lie.
    fn due_imports(&self, archive: usize) -> Vec<Timestamp> {
        let spans = &self.spans[archive];
        let state = self.state();
        let shelf = &state.sealed[archive];
        let mut groups: BTreeMap<Timestamp, (usize, bool)> = BTreeMap::new();
        for part in &shelf.parts {
            let (count, is_imported) = groups.entry(Spans::start(part.start(), spans.group_secs)).or_insert((0, true));
            *count += 1;
            *is_imported &= part.segment.kind() == Kind::Imported;
        }
        let is_open = |group: Timestamp| shelf.sealed_end.is_none_or(|end| group + spans.group_secs > end);
        let is_due = |(group, (count, is_imported)): &(Timestamp, (usize, bool))| {
            *is_imported && *count > PATCHES && is_open(*group)
        };
        groups.into_iter().filter(is_due).map(|(group, _)| group).collect()
    }

    /// Takes segments away that another one holds now.
    pub(super) fn replace(&self, archive: usize, parts: &[Arc<Part>]) -> Result<(), Error> {
        let mut state = self.state_mut();
        let mut sealed = state.sealed.as_ref().clone();
        sealed[archive].parts.retain(|part| !parts.iter().any(|old| Arc::ptr_eq(old, part)));
        state.sealed = Arc::new(sealed);
        drop(state);
        let remove =
            |part: &Arc<Part>| fs::remove_file(part.segment.path()).map_err(Error::io("remove", part.segment.path()));
        parts.iter().try_for_each(remove)
    }

    fn merge_group(&self, archive: usize, group: Timestamp) -> Result<bool, Error> {
        let spans = &self.spans[archive];
        let end = group + spans.group_secs;
        let (columns, sealed) = {
            let state = self.state();
            (state.columns.clone(), Arc::clone(&state.sealed))
        };
        let stretch = Stretch { step: spans.step, start: group, slots: spans.group_slots() };
        let (path, seq, mut draft) = self.begin(archive, stretch, Kind::Merged)?;
        let slots = stretch.slots as usize;
        let met = Faults::new(FAULTS);
        let mut fields = fields_of(stretch);
        for key in sealed[archive].keys(group, end, &met).into_iter().filter(|key| columns.holds(*key)) {
            if archive == 0 {
                let values = &mut fields[0];
                values.fill(GAP);
                sealed[0].values(spans, key, group, values, &met);
                draft.push(key, values)?;
            } else {
                let mut found = vec![None; slots];
                sealed[archive].rolled(spans, key, group, ALL_FIELDS, &mut found, &met);
                let rolled: Vec<Rolled> = found.into_iter().map(|slot| slot.unwrap_or(Rolled::NONE)).collect();
                set_fields(&mut fields, &rolled);
                draft.push_fields(key, &fields)?;
            }
        }
        if met.damaged.value() > 0 {
            // A merged segment takes the place of the others, and with them would go what can still be read some day.
            self.faults.take(&met);
            self.state_mut().unmerged.insert((archive, group));
            return Ok(false);
        }
        self.publish(archive, None, draft, (path, seq))
    }

    /// Every segment: its end, its bytes, and its archive and number for [`Schema::remove_part`]. The archives of sketches are
    /// counted after those of values.
    pub fn parts(&self) -> Vec<(Timestamp, u64, (usize, u64))> {
        let sealed = Arc::clone(&self.state().sealed);
        let of = |(archive, part): (usize, &Arc<Part>)| (part.end(), part.segment.file_bytes(), (archive, part.seq));
        let parts =
            sealed.iter().enumerate().flat_map(|(archive, shelf)| shelf.parts.iter().map(move |part| (archive, part)));
        let sketches = self.sketches.parts().into_iter();
        let beyond = |(end, bytes, (archive, seq))| (end, bytes, (archive + self.spans.len(), seq));
        parts.map(of).chain(sketches.map(beyond)).collect()
    }

    /// Removes a segment, whether its retention has passed or not.
    ///
    /// # Errors
    /// The system's.
    pub fn remove_part(&self, (archive, seq): (usize, u64)) -> Result<(), Error> {
        if let Some(archive) = archive.checked_sub(self.spans.len()) {
            return self.sketches.remove_part((archive, seq));
        }
        let _one_at_a_time = self.upkeep.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.state_mut();
        let mut sealed = state.sealed.as_ref().clone();
        let removed: Vec<Arc<Part>> = sealed[archive].parts.extract_if(.., |part| part.seq == seq).collect();
        state.sealed = Arc::new(sealed);
        drop(state);
        let remove =
            |part: &Arc<Part>| fs::remove_file(part.segment.path()).map_err(Error::io("remove", part.segment.path()));
        removed.iter().try_for_each(remove)
    }

    /// Removes segments that have left their retention, which counts from the newest value: a store that nobody writes to
    /// keeps what it has.
    pub(super) fn expire(&self, now: Timestamp) -> Result<(), Error> {
        let expired: Vec<Arc<Part>> = {
            let mut state = self.state_mut();
            let mut kinds = state.sealed.iter().flat_map(|shelf| &shelf.parts).map(|part| part.segment.kind());
            if self.ring.newest().is_none() && kinds.all(|kind| kind == Kind::Imported) {
                // Of a tree that was imported everything is kept until something is written.
                return Ok(());
            }
            let parts_end = state.sealed[0].parts.iter().map(|part| part.end()).max();
            let Some(newest) = self.ring.newest().max(parts_end) else { return Ok(()) };
            let newest = newest.min(now);
            let ends: Vec<Option<Timestamp>> = state.sealed.iter().map(|shelf| shelf.sealed_end).collect();
            let stretch =
                |(archive, start): (u8, Timestamp)| (start, start + self.spans[usize::from(archive)].unit_secs);
            let waiting: Vec<_> = state.late.spans().map(stretch).collect();
            let mut sealed = state.sealed.as_ref().clone();
            let mut expired = Vec::new();
            for (archive, shelf) in sealed.iter_mut().enumerate() {
                // A slot of the next archive that a late point changes is computed from all its parts.
                let next_step = self.spans.get(archive + 1).map_or(0, |next| i64::from(next.step.secs()));
                let kept_from = newest - self.spans[archive].kept_secs - next_step;
                // What the next archive is still to be made from stays, and what late points change the sums of.
                let is_needed = |part: &Part| {
                    ends.get(archive + 1).is_some_and(|end| *end < Some(part.end()))
                        || waiting.iter().any(|(start, end)| part.overlaps(*start, *end))
                };
                let (kept, old) = std::mem::take(&mut shelf.parts)
                    .into_iter()
                    .partition(|part| part.end() > kept_from || is_needed(part));
                shelf.parts = kept;
                expired.extend::<Vec<_>>(old);
            }
            if !expired.is_empty() {
                state.sealed = Arc::new(sealed);
            }
            expired
        };
        for part in expired {
            fs::remove_file(part.segment.path()).map_err(Error::io("remove", part.segment.path()))?;
        }
        Ok(())
    }
}
