//! Moves: the rules changed, and series that are there get the retention that new ones get. What was written before stays
//! where it is, and is read in the new steps.

use super::{Event, Place, SlabStore};
use crate::catalogue::SeriesId;
use crate::error::Error;
use crate::gap::{GAP, is_gap};
use crate::rollup::Rollup;
use crate::schema::Settings;
use crate::slab::rolled::Rolled;
use crate::slab::schema::Schema;
use crate::slab::segment::Key;
use crate::store::Fetched;
use crate::time::{Timestamp, Window};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

/// A place that a series has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Former {
    pub place: Place,
    /// When it left.
    pub until: Timestamp,
}

/// The former places of series, the latest last.
pub(super) type Formers = HashMap<SeriesId, Vec<Former>>;

/// Whether the rules were compared with what is there, and when series move.
#[derive(Debug, Default)]
pub(super) struct Moves {
    is_compared: bool,
    due: Option<Timestamp>,
}

/// New rows begin with an hour, so that no slot of a coarser archive is half here and half there.
const HOUR: i64 = 3600;

impl SlabStore {
    /// Compares the rules with what is there, once, and moves what differs when the next hour begins.
    pub(super) fn move_series(&self, now: Timestamp) -> Result<(), Error> {
        let due = {
            let mut moves = self.moves.lock().unwrap_or_else(PoisonError::into_inner);
            if !std::mem::replace(&mut moves.is_compared, true) && !self.unlike_the_rules().is_empty() {
                moves.due = Some(Timestamp(now.0 - now.0.rem_euclid(HOUR) + HOUR));
            }
            moves.due.filter(|due| *due <= now)
        };
        if due.is_some() {
            self.move_all(now)?;
            self.moves.lock().unwrap_or_else(PoisonError::into_inner).due = None;
        }
        self.forget_formers(now);
        Ok(())
    }

    /// Series whose retention is not what a new series of their name would get.
    fn unlike_the_rules(&self) -> Vec<SeriesId> {
        let schemas = self.schemas();
        let places = self.places.look();
        let imported = self.imported.read().unwrap_or_else(PoisonError::into_inner);
        let is_unlike = |series: &SeriesId| {
            let schema = places.of(*series).and_then(|place| schemas.get(usize::from(place.schema)));
            let wanted =
                |name: &str| schema.is_some_and(|schema| *self.rules.settings(name).retention != schema.retention);
            self.index.with_name(*series, wanted) == Some(true)
        };
        (0..self.index.len() as u32).filter(|id| !imported.contains(*id)).map(SeriesId).filter(is_unlike).collect()
    }

    fn move_all(&self, now: Timestamp) -> Result<(), Error> {
        // Whatever came for the old place before now lies before this; what comes later is in the new one.
        let until = now + i64::from(self.limits.ahead_secs) + 1;
        let unlike = self.unlike_the_rules();
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        for series in unlike {
            let Some(name) = self.index.name(series) else { continue };
            let Some(old) = self.places.look().of(series) else { continue };
            let retention = self.rules.settings(&name).retention;
            let number = names.schema(retention, |folder| self.add_schema(folder, retention))?;
            let Some(schema) = self.schema(number) else { continue };
            let place = Place::new(number, schema.take_column(now));
            names.push(Event::Made, place, until, &name, self.index.sketches_of(series));
            let mut formers = self.formers.write().unwrap_or_else(PoisonError::into_inner);
            formers.entry(series).or_default().push(Former { place: old, until });
            drop(formers);
            self.places.set(series, place);
        }
        names.commit()
    }

    /// Former places whose retention has passed are given up.
    fn forget_formers(&self, now: Timestamp) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let mut formers = self.formers.write().unwrap_or_else(PoisonError::into_inner);
        formers.retain(|series, places| {
            places.retain(|former| {
                let Some(schema) = self.schema(former.place.schema) else { return false };
                let kept_secs = schema.retention.archives().last().map_or(0, crate::Archive::retention_secs);
                let is_kept = former.until + kept_secs >= now;
                if !is_kept {
                    // The next commit writes it; where that is lost, it is given up again.
                    self.index.with_name(*series, |name| names.push(Event::Ended, former.place, now, name, None));
                    schema.end_series(former.place.key(), now);
                }
                is_kept
            });
            !places.is_empty()
        });
    }

    /// Fills what was fetched of a place with what lies in the series' former places. What came late for the time before a
    /// move lies in the new place, and stands for its own slots alone: a coarser slot is computed of both.
    pub(super) fn fill_from_formers(
        &self,
        (series, schema, key): (SeriesId, &Schema, Key),
        settings: &Settings<'_>,
        now: Timestamp,
        fetched: &mut Fetched,
    ) -> Result<(), Error> {
        let formers = self.formers.read().unwrap_or_else(PoisonError::into_inner).get(&series).cloned();
        let Some(formers) = formers else { return Ok(()) };
        let layers = Layers { store: self, schema, key, formers: &formers, settings, now };
        if let Some(archive) = schema.spans().iter().skip(1).position(|spans| spans.step == fetched.step) {
            layers.mix(archive + 1, fetched)?;
        }
        layers.fill(fetched)
    }
}

/// A series' place, and beneath it those that it has left.
struct Layers<'a> {
    store: &'a SlabStore,
    schema: &'a Schema,
    key: Key,
    formers: &'a [Former],
    settings: &'a Settings<'a>,
    now: Timestamp,
}

impl Layers<'_> {
    /// Fills gaps with what lies in the former places.
    fn fill(&self, fetched: &mut Fetched) -> Result<(), Error> {
        for former in self.formers.iter().rev() {
            let Some(schema) = self.store.schema(former.place.schema) else { continue };
            fill(fetched, &schema, *former, self.settings, self.now)?;
        }
        Ok(())
    }

    /// Computes the slots of a coarser archive that hold something late of both places, from the finest archive that reaches
    /// back to them.
    fn mix(&self, archive: usize, fetched: &mut Fetched) -> Result<(), Error> {
        let (rollup, factor) = (self.settings.rollup, self.settings.x_files_factor);
        let (spans, step) = (self.schema.spans(), i64::from(fetched.step.secs()));
        let until = self.formers.iter().map(|former| former.until).max().unwrap_or(fetched.start);
        let before = usize::try_from((until - fetched.start + step - 1) / step).unwrap_or(0).min(fetched.values.len());
        let own = self.schema.rolled_slots(self.key, archive, fetched.start, before, rollup)?;
        let finest = |i: usize| {
            let age = self.now - (fetched.start + i as i64 * step);
            spans[..archive].iter().position(|spans| spans.kept_secs >= age).unwrap_or(archive)
        };
        let is_late = |i: &usize| !own[*i].is_none() && !own[*i].is_given();
        let mut i = 0;
        while i < before {
            let from = finest(i);
            let run = (i..before).take_while(|i| is_late(i) && finest(*i) == from).count();
            if run > 0 {
                let ratio = (spans[archive].step.secs() / spans[from].step.secs()) as usize;
                let parts = self.both(from, fetched.start + i as i64 * step, run * ratio)?;
                for (value, parts) in fetched.values[i..i + run].iter_mut().zip(parts.chunks_exact(ratio)) {
                    let mut rolled = Rolled::NONE;
                    parts.iter().for_each(|part| rolled.merge(part));
                    *value = rolled.value(rollup, factor, spans[archive].points);
                }
            }
            i += run.max(1);
        }
        Ok(())
    }

    /// Slots of an archive: the new place's over what lies beneath. Of a coarser one nobody knows any more which finer slots
    /// each is of, so that whichever is of most of them stands.
    fn both(&self, archive: usize, first: Timestamp, slots: usize) -> Result<Vec<Rolled>, Error> {
        let spans = self.schema.spans()[archive];
        let own = self.schema.rolled_slots(self.key, archive, first, slots, self.settings.rollup)?;
        let end = first + slots as i64 * i64::from(spans.step.secs());
        let mut beneath = Fetched { start: first, end, step: spans.step, values: vec![GAP; slots] };
        self.fill(&mut beneath)?;
        let stands = |own: &Rolled| !own.is_none() && (own.is_given() || own.is_of_most(spans.points));
        let pairs = own.into_iter().zip(beneath.values);
        let over = |(own, beneath): (Rolled, f64)| {
            if stands(&own) || is_gap(beneath) { own } else { Rolled::given(beneath, spans.points) }
        };
        Ok(pairs.map(over).collect())
    }
}

/// Fills gaps before a series left a place with what lies there.
fn fill(
    fetched: &mut Fetched,
    schema: &Arc<Schema>,
    former: Former,
    settings: &Settings<'_>,
    now: Timestamp,
) -> Result<(), Error> {
    let until = fetched.end.min(former.until);
    if fetched.start >= until {
        return Ok(());
    }
    let window = Window { from: fetched.start - 1, until: until - 1 };
    let (rollup, factor) = (settings.rollup, settings.x_files_factor);
    let Some(old) = schema.fetch(former.place.key(), rollup, factor, window, now)? else { return Ok(()) };
    let step = i64::from(fetched.step.secs());
    let old_step = i64::from(old.step.secs());
    let mut parts: Vec<Vec<f64>> = vec![Vec::new(); fetched.values.len()];
    for (i, value) in old.values.iter().enumerate() {
        let at = old.start + i as i64 * old_step;
        // Of a coarser step: its value stands in the first of the slots that it covers.
        if let Some(part) =
            usize::try_from((at - fetched.start).div_euclid(step)).ok().and_then(|slot| parts.get_mut(slot))
        {
            part.push(*value);
        }
    }
    for (value, part) in fetched.values.iter_mut().zip(parts).filter(|(value, _)| is_gap(**value)) {
        *value = rolled(&part, rollup, factor);
    }
    Ok(())
}

fn rolled(values: &[f64], rollup: Rollup, factor: f64) -> f64 {
    match values {
        [value] => *value,
        values => {
            let known = values.iter().filter(|value| !is_gap(**value)).count();
            let is_enough = known > 0 && known as f64 / values.len() as f64 >= factor;
            is_enough.then(|| rollup.apply(values)).flatten().unwrap_or(GAP)
        }
    }
}
