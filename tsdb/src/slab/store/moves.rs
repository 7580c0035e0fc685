//! Moves: the rules changed, and series that are there get the retention that new ones get. What was written before stays
//! where it is, and is read in the new steps.

use super::{Event, Place, SlabStore};
use crate::catalogue::SeriesId;
use crate::error::Error;
use crate::gap::{GAP, is_gap};
use crate::rollup::Rollup;
use crate::schema::Settings;
use crate::slab::schema::Schema;
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

    /// Fills the gaps of what was fetched with what lies in the series' former places.
    pub(super) fn fill_from_formers(
        &self,
        series: SeriesId,
        settings: &Settings<'_>,
        now: Timestamp,
        fetched: &mut Fetched,
    ) -> Result<(), Error> {
        let formers = self.formers.read().unwrap_or_else(PoisonError::into_inner).get(&series).cloned();
        for former in formers.into_iter().flatten().rev() {
            let Some(schema) = self.schema(former.place.schema) else { continue };
            fill(fetched, &schema, former, settings, now)?;
        }
        Ok(())
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
