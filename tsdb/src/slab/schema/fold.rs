//! Folding: late points whose time is sealed already get a segment of their own, which lies over the others, and the slots
//! of coarser archives that they belong to are computed anew.

use super::Schema;
use super::late::{LatePoint, LateSpan};
use super::seal::{fields_of, set_fields};
use super::sealed::Shelf;
use super::view::{ALL_FIELDS, View};
use crate::error::Error;
use crate::gap::GAP;
use crate::slab::rolled::Rolled;
use crate::slab::segment::{Key, Kind, Stretch};
use crate::slab::spans::Spans;
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Late points wait this long for more of their kind.
const PATIENCE_SECS: i64 = 600;
/// So many do not wait.
const MANY: usize = 100_000;

/// Stretches of late points that one segment takes, by archive and start of the merged stretch.
type Groups = BTreeMap<(usize, Timestamp), Vec<Timestamp>>;
/// The slots of each series that hold something new.
pub(super) type Touched = BTreeMap<Key, BTreeSet<Timestamp>>;

impl Schema {
    /// Folds what has waited long enough. Answers how many segments were written.
    pub(super) fn fold(&self, now: Timestamp) -> Result<u64, Error> {
        let groups = {
            let state = self.state();
            let waited = state.fold_since.is_some_and(|since| now - since >= PATIENCE_SECS);
            if !waited && state.late.len() < MANY {
                return Ok(0);
            }
            self.groups(state.late.spans(), &state.sealed)
        };
        let mut written = 0;
        for ((archive, group), spans) in groups {
            written += self.fold_group(archive, group, &spans)?;
        }
        let mut state = self.state_mut();
        state.fold_since = (state.late.len() > 0).then_some(now);
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
        let (columns, late): (_, Vec<LateSpan>) = {
            let state = self.state();
            let late = spans.iter().filter_map(|span| state.late.span(archive as u8, *span).cloned());
            (state.columns.clone(), late.collect())
        };
        let stretch = Stretch { step: own.step, start: group, slots: own.group_slots() };
        let step = i64::from(own.step.secs());
        let mut touched = Touched::new();
        let mut of_column: BTreeMap<u32, Vec<LatePoint>> = BTreeMap::new();
        for span in &late {
            span.iter().for_each(|(column, points)| of_column.entry(*column).or_default().extend(points));
        }
        let (path, seq, mut draft) = self.begin(archive, stretch, Kind::Patch)?;
        let mut fields = fields_of(stretch);
        for (column, points) in &of_column {
            let Some(key) = columns.key(*column) else { continue };
            let values = &mut fields[Rolled::GIVEN];
            values.fill(GAP);
            let slots = touched.entry(key).or_default();
            for point in points.iter().filter(|point| point.key == key) {
                values[((point.start - group) / step) as usize] = point.value;
                slots.insert(point.start);
            }
            if archive == 0 {
                draft.push(key, &fields[Rolled::GIVEN])?;
            } else {
                draft.push_fields(key, &fields)?;
            }
        }
        let mut written = u64::from(self.publish(archive, None, draft, (path, seq), &[])?);
        for coarser in archive + 1..self.spans.len() {
            written += self.recompute(coarser, &mut touched)?;
        }
        // Only now: whatever ends this process before finds the points in the log, and folds them again.
        let mut state = self.state_mut();
        for (span, late) in spans.iter().zip(&late) {
            let folded: HashMap<u32, usize> = late.iter().map(|(column, points)| (*column, points.len())).collect();
            state.late.forget(archive as u8, *span, &folded);
        }
        state.late.rewrite()?;
        Ok(written)
    }

    /// Computes the slots of an archive anew that hold something new in the next finer one; `touched` becomes those.
    pub(super) fn recompute(&self, archive: usize, touched: &mut Touched) -> Result<u64, Error> {
        let spans = &self.spans[archive];
        let sealed = Arc::clone(&self.state().sealed);
        let mut groups: BTreeMap<Timestamp, Touched> = BTreeMap::new();
        for (key, slots) in std::mem::take(touched) {
            let coarse: BTreeSet<Timestamp> = slots.iter().map(|start| start.floor(spans.step)).collect();
            for start in &coarse {
                // What is not sealed is computed by every reader, unless an import gave the slot a value.
                let is_sealed = sealed[archive].sealed_end.is_some_and(|end| *start < end);
                if is_sealed || sealed[archive].has_slot(spans, key, *start, &self.faults) {
                    let group = groups.entry(Spans::start(*start, spans.group_secs)).or_default();
                    group.entry(key).or_default().insert(*start);
                }
            }
            touched.insert(key, coarse);
        }
        let mut written = 0;
        for (group, of_key) in groups {
            let stretch = Stretch { step: spans.step, start: group, slots: spans.group_slots() };
            let (path, seq, mut draft) = self.begin(archive, stretch, Kind::Patch)?;
            let mut rolled = vec![Rolled::NONE; stretch.slots as usize];
            let mut fields = fields_of(stretch);
            for (key, starts) in of_key {
                rolled.fill(Rolled::NONE);
                let view = self.sealed_view(key, &sealed);
                for start in starts {
                    let slot = ((start - group) / i64::from(spans.step.secs())) as usize;
                    rolled[slot] = view.computed(archive, start, 1, ALL_FIELDS)?[0];
                }
                set_fields(&mut fields, &rolled);
                draft.push_fields(key, &fields)?;
            }
            written += u64::from(self.publish(archive, None, draft, (path, seq), &[])?);
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
