//! Sketches to their places, and leaves computed from them. A leaf's values from before its series was one of sketches are
//! still there, and fill its gaps.

use super::export::{Exported, fit};
use super::moves::Former;
use super::{Event, SlabStore};
use crate::catalogue::SeriesId;
use crate::error::Error;
use crate::gap::{GAP, is_gap};
use crate::name::canonical;
use crate::sketch::{Family, Leaf, Sketch};
use crate::slab::quotas::WaitingSketch;
use crate::slab::schema::{Put, Schema, Slots, merge_stored};
use crate::slab::segment::Key;
use crate::store::{Fetched, FetchedSketches, SketchPoint, WriteReport};
use crate::time::{Timestamp, Window};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError};

/// A leaf and where the sketches lie that it is computed from.
pub(super) struct LocatedLeaf {
    series: SeriesId,
    pub schema: Arc<Schema>,
    key: Key,
    leaf: Leaf,
}

impl SlabStore {
    pub(super) fn write_all_sketches(&self, now: Timestamp, sketches: &[SketchPoint<'_>]) -> WriteReport {
        let mut report = WriteReport::default();
        let waiting = self.quotas().take_waiting_sketches();
        if !waiting.is_empty() {
            let waiting = waiting.iter().map(|one| SketchPoint { series: one.series, at: one.at, sketch: &one.sketch });
            let waiting: Vec<SketchPoint<'_>> = waiting.collect();
            self.write_sketch_block(now, &waiting, &mut report);
        }
        self.write_sketch_block(now, sketches, &mut report);
        report
    }

    fn write_sketch_block(&self, now: Timestamp, sketches: &[SketchPoint<'_>], report: &mut WriteReport) {
        let horizon = now + i64::from(self.limits.ahead_secs);
        let failed = self.begin_sketches(now, horizon, sketches, report);
        let places = self.places.look();
        let schemas = self.schemas();
        let mut stored = Vec::new();
        for SketchPoint { series, at, sketch } in sketches {
            let place = places.of(*series).filter(|_| *at <= horizon);
            let Some((place, schema)) = place.and_then(|place| Some((place, schemas.get(usize::from(place.schema))?)))
            else {
                match failed.get(series) {
                    _ if *at > horizon => report.dropped_future += 1,
                    Some(error) => report.drop_for(error, 1),
                    None if self.index.name(*series).is_none() => report.dropped_failed += 1,
                    None => {
                        stored.clear();
                        sketch.encode(&mut stored);
                        let waiting = WaitingSketch { series: *series, at: *at, sketch: (*sketch).clone() };
                        let waits = self.quotas().wait_with_sketch(waiting, stored.len());
                        report.dropped_quota += u64::from(!waits);
                    }
                }
                continue;
            };
            if self.index.sketches_of(*series) != Some(sketch.kind().family()) {
                report.dropped_kind += 1;
                continue;
            }
            stored.clear();
            sketch.encode(&mut stored);
            match schema.put_sketch(now, place.key(), *at, &stored) {
                Put::Taken => report.written += 1,
                Put::TooOld => report.dropped_old += 1,
                Put::NoRoom => report.dropped_full += 1,
            }
        }
    }

    /// Makes the series that are not yet of sketches such. Answers those that could not be made.
    fn begin_sketches(
        &self,
        now: Timestamp,
        horizon: Timestamp,
        sketches: &[SketchPoint<'_>],
        report: &mut WriteReport,
    ) -> HashMap<SeriesId, Error> {
        let is_new = |point: &&SketchPoint<'_>| point.at <= horizon && self.index.sketches_of(point.series).is_none();
        let new: HashMap<SeriesId, Family> =
            sketches.iter().filter(is_new).map(|point| (point.series, point.sketch.kind().family())).collect();
        if new.is_empty() {
            return HashMap::new();
        }
        let (known, mut unknown): (Vec<SeriesId>, Vec<SeriesId>) = {
            let places = self.places.look();
            new.keys().copied().partition(|series| places.of(*series).is_some())
        };
        self.turn_to_sketches(now, &known, &new);
        unknown.sort_unstable();
        let begun = self.quotas().begin(unknown.len(), now);
        let family = |series: SeriesId| new.get(&series).copied();
        self.add_series(now, &unknown[..begun], &family, report).into_iter().collect()
    }

    /// Series of values become series of sketches.
    fn turn_to_sketches(&self, now: Timestamp, series: &[SeriesId], families: &HashMap<SeriesId, Family>) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        for series in series {
            let (Some(place), Some(name)) = (self.places.look().of(*series), self.index.name(*series)) else {
                continue;
            };
            let family = families.get(series).copied();
            names.push(Event::Made, place, now, &name, family);
            self.index.keep_sketches(*series, family);
        }
    }

    /// Where the sketches of a leaf lie.
    pub(super) fn leaf(&self, name: &str) -> Option<LocatedLeaf> {
        let name = canonical(name).ok()?;
        let (series, leaf) = self.index.leaf(&name)?;
        let place = self.places.look().of(series)?;
        Some(LocatedLeaf { series, schema: self.schema(place.schema)?, key: place.key(), leaf })
    }

    /// The values of a leaf, each of the merged sketch of its slot.
    pub(super) fn fetch_leaf(
        &self,
        located: &LocatedLeaf,
        name: &str,
        window: Window,
        now: Timestamp,
    ) -> Result<Option<Fetched>, Error> {
        let Some(slots) = self.slots(located.series, &located.schema, located.key, window, now)? else {
            return Ok(None);
        };
        let interval_secs = f64::from(slots.step.secs());
        let value = |stored: &Option<Vec<u8>>| {
            let sketch = Sketch::decode(stored.as_deref()?)?;
            located.leaf.value(&sketch, interval_secs)
        };
        let mut values: Vec<f64> = slots.stored.iter().map(|stored| value(stored).unwrap_or(GAP)).collect();
        if let Some(before) = self.fetch_values(name, window, now)?
            && (before.start, before.step) == (slots.start, slots.step)
        {
            let pairs = values.iter_mut().zip(before.values);
            pairs.filter(|(value, _)| is_gap(**value)).for_each(|(value, before)| *value = before);
        }
        Ok(Some(Fetched { start: slots.start, end: slots.end, step: slots.step, values }))
    }

    /// The sketches of a series, or of a leaf's series.
    pub(super) fn sketches(
        &self,
        name: &str,
        window: Window,
        now: Timestamp,
    ) -> Result<Option<FetchedSketches>, Error> {
        let of_series = || {
            let (series, schema, key) = self.located(name)?;
            self.index.sketches_of(series).map(|_| (series, schema, key))
        };
        let of_leaf = |located: LocatedLeaf| (located.series, located.schema, located.key);
        let Some((series, schema, key)) = self.leaf(name).map(of_leaf).or_else(of_series) else { return Ok(None) };
        let slots = self.slots(series, &schema, key, window, now)?;
        Ok(slots.map(|Slots { start, end, step, stored }| FetchedSketches { start, end, step, stored }))
    }

    /// The leaves that find lists below the series of this name, where it is one of sketches.
    pub fn leaf_names(&self, name: &str) -> Vec<String> {
        self.located(name).map_or_else(Vec::new, |(series, ..)| self.index.leaf_names(series))
    }

    /// Every archive of a leaf, with the values from before its series was one of sketches.
    pub(super) fn export_leaf(&self, located: &LocatedLeaf, name: &str) -> Result<Exported, Error> {
        let settings = self.rules.settings(name);
        let before = self.export_values(name)?.filter(|before| before.retention == located.schema.retention);
        let formers = self.formers.read().unwrap_or_else(PoisonError::into_inner).get(&located.series).cloned();
        let mut archives = Vec::new();
        for (index, archive) in located.schema.retention.archives().iter().enumerate() {
            let before = before.as_ref().map(|before| before.archives[index].iter().copied());
            let mut values: BTreeMap<Timestamp, f64> = before.into_iter().flatten().collect();
            if let Some(mut slots) = located.schema.whole_sketches(located.key, index) {
                let (step, end) = (i64::from(slots.step.secs()), slots.end);
                if formers.is_some() {
                    let earlier = usize::try_from((slots.start - end + archive.retention_secs()) / step).unwrap_or(0);
                    slots.start = slots.start - earlier as i64 * step;
                    slots.stored.splice(..0, vec![None; earlier]);
                }
                if let Some(formers) = &formers {
                    self.fill_slots((&located.schema, located.key), formers, &mut slots, end)?;
                }
                let value = |stored: &Vec<u8>| located.leaf.value(&Sketch::decode(stored)?, step as f64);
                let at = |slot: usize| slots.start + slot as i64 * step;
                let slots = slots.stored.iter().enumerate();
                values.extend(slots.filter_map(|(slot, stored)| Some((at(slot), value(stored.as_ref()?)?))));
            }
            let mut values = values.into_iter().collect();
            fit(&mut values, *archive);
            archives.push(values);
        }
        let (rollup, x_files_factor) = (settings.rollup, settings.x_files_factor);
        let name = canonical(name).map_or_else(|_| name.to_owned(), Cow::into_owned);
        Ok(Exported { name, retention: located.schema.retention.clone(), rollup, x_files_factor, archives })
    }

    fn slots(
        &self,
        series: SeriesId,
        schema: &Schema,
        key: Key,
        window: Window,
        now: Timestamp,
    ) -> Result<Option<Slots>, Error> {
        let Some(mut slots) = schema.fetch_sketches(key, window, now)? else { return Ok(None) };
        let formers = self.formers.read().unwrap_or_else(PoisonError::into_inner).get(&series).cloned();
        if let Some(formers) = formers {
            self.fill_slots((schema, key), &formers, &mut slots, now)?;
        }
        Ok(Some(slots))
    }

    /// Fills slots with what lies in the places that their series has left. What came late for the time before a move stands for
    /// its own slots alone: a coarser one is merged of both places, from the finest archive that reaches back to it.
    fn fill_slots(
        &self,
        (schema, key): (&Schema, Key),
        formers: &[Former],
        slots: &mut Slots,
        now: Timestamp,
    ) -> Result<(), Error> {
        let step = i64::from(slots.step.secs());
        let until = formers.iter().map(|former| former.until).max().unwrap_or(slots.start);
        let finer: Vec<_> = schema.spans().iter().take_while(|spans| spans.step < slots.step).collect();
        let at = |start: Timestamp, i: usize| start + i as i64 * step;
        let reach = |at: Timestamp| finer.iter().position(|finer| finer.kept_secs > now - at);
        let mut i = 0;
        while i < slots.stored.len() && at(slots.start, i) < until {
            let first = at(slots.start, i);
            let from = reach(first);
            let is_alike = |i: &usize| {
                let at = at(slots.start, *i);
                slots.stored[*i].is_some() && at < until && reach(at) == from
            };
            let run = (i..slots.stored.len()).take_while(is_alike).count();
            let window = Window { from: first - 1, until: first + run as i64 * step - 1 };
            if run > 0
                && from.is_some()
                && let Some(mut both) = schema.fetch_sketches(key, window, now)?
            {
                self.fill_gaps(formers, &mut both, now)?;
                let parts = in_steps(both, first, step, run);
                for (slot, part) in slots.stored[i..i + run].iter_mut().zip(parts) {
                    *slot = merge_stored(part.iter().map(Vec::as_slice));
                }
            }
            i += run.max(1);
        }
        self.fill_gaps(formers, slots, now)
    }

    fn fill_gaps(&self, formers: &[Former], slots: &mut Slots, now: Timestamp) -> Result<(), Error> {
        for former in formers.iter().rev() {
            if let Some(schema) = self.schema(former.place.schema) {
                fill(slots, &schema, *former, now)?;
            }
        }
        Ok(())
    }
}

/// Fills gaps before a series left a place with what lies there.
fn fill(slots: &mut Slots, schema: &Schema, former: Former, now: Timestamp) -> Result<(), Error> {
    let until = slots.end.min(former.until);
    if slots.start >= until {
        return Ok(());
    }
    let window = Window { from: slots.start - 1, until: until - 1 };
    let Some(old) = schema.fetch_sketches(former.place.key(), window, now)? else { return Ok(()) };
    let parts = in_steps(old, slots.start, i64::from(slots.step.secs()), slots.stored.len());
    for (slot, part) in slots.stored.iter_mut().zip(parts).filter(|(slot, _)| slot.is_none()) {
        *slot = merge_stored(part.iter().map(Vec::as_slice));
    }
    Ok(())
}

/// The sketches of each of so many longer steps. One of a still longer step stands in the first of those that it covers.
fn in_steps(finer: Slots, start: Timestamp, step: i64, steps: usize) -> Vec<Vec<Vec<u8>>> {
    let mut parts: Vec<Vec<Vec<u8>>> = vec![Vec::new(); steps];
    for (i, stored) in finer.stored.into_iter().enumerate() {
        let slot = (finer.start + i as i64 * i64::from(finer.step.secs()) - start).div_euclid(step);
        if let Some(part) = usize::try_from(slot).ok().and_then(|slot| parts.get_mut(slot)) {
            part.extend(stored);
        }
    }
    parts
}
