//! Series that end: those that nothing was written to for long, and those that a pattern names.

use super::{Event, Place, SlabStore};
use crate::catalogue::SeriesId;
use crate::error::Error;
use crate::name::{canonical, is_tagged};
use crate::slab::segment::Key;
use crate::time::Timestamp;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};

/// The series of each schema that something was written to.
type Written = HashMap<u16, HashSet<Key>>;

/// How long before a look at all series a value may have been given a date, and still have come after that look.
const DATED_BACK_SECS: i64 = 600;
/// Series that are looked at together, while no place changes.
const LOOKED_AT: u32 = 4096;

impl SlabStore {
    /// Ends series: their values are gone for readers at once, and from the disk as segments are merged or expire. A point
    /// that comes later begins a new series of the same name. Answers how many there were.
    ///
    /// # Errors
    /// The disk is full, or the system refuses; then none has ended, neither here nor for whoever opens the store again.
    pub fn remove(&self, now: Timestamp, series: &[SeriesId]) -> Result<u64, Error> {
        Ok(self.end(now, series, &|| Ok(Written::new()))?.len() as u64)
    }

    /// Ends the series that nothing was written to since `cutoff`, as [`SlabStore::unwritten_since`] has them, but for those
    /// that something is written to meanwhile. Answers their names.
    ///
    /// # Errors
    /// What is kept is damaged, the disk is full, or the system refuses; then none has ended.
    pub fn expire(&self, now: Timestamp, cutoff: Timestamp) -> Result<Vec<Arc<str>>, Error> {
        let mut unwritten = self.unwritten_since(cutoff)?;
        if !unwritten.is_empty() {
            let ended = self.end_unwritten(now, cutoff, &unwritten)?;
            unwritten.retain(|(_, series)| ended.contains(series));
        }
        Ok(unwritten.into_iter().map(|(name, _)| name).collect())
    }

    /// Ends series that nothing was written to since `cutoff`, but for those that something has come to since that was found.
    pub(super) fn end_unwritten(
        &self,
        now: Timestamp,
        cutoff: Timestamp,
        unwritten: &[(Arc<str>, SeriesId)],
    ) -> Result<HashSet<SeriesId>, Error> {
        let looked_at = cutoff.max(now - DATED_BACK_SECS);
        let meanwhile = || -> Result<Written, Error> {
            let schemas = (0..).zip(self.schemas());
            schemas.map(|(number, schema)| Ok((number, schema.written_meanwhile(cutoff, looked_at)?))).collect()
        };
        let series: Vec<SeriesId> = unwritten.iter().map(|(_, series)| *series).collect();
        let ended = self.end(now, &series, &meanwhile)?;
        if !ended.is_empty() {
            let count = ended.len() as u64;
            self.counters.series_expired.add(count);
            // They have ended all the same.
            let _ = self.expiry.count(&self.root, count, now).inspect_err(|error| self.faults.note(error));
        }
        Ok(ended.into_iter().map(|(series, _)| series).collect())
    }

    /// Ends series, but for those that `written` names when nobody can write to them any more. Answers where the others lay.
    fn end(
        &self,
        now: Timestamp,
        series: &[SeriesId],
        written: &dyn Fn() -> Result<Written, Error>,
    ) -> Result<Vec<(SeriesId, Place)>, Error> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        // First out of the writers' sight: whoever writes from now on waits for the names, and begins a new series.
        let ending = self.places.take(series);
        let back =
            |ended: &[(SeriesId, Place)]| ended.iter().for_each(|(series, place)| self.places.set(*series, *place));
        let written = written().inspect_err(|_| back(&ending))?;
        let is_written = |place: &Place| written.get(&place.schema).is_some_and(|keys| keys.contains(&place.key()));
        let (stay, ending): (Vec<_>, Vec<_>) = ending.into_iter().partition(|(_, place)| is_written(place));
        back(&stay);
        let mark = names.mark();
        {
            let formers = self.formers.read().unwrap_or_else(PoisonError::into_inner);
            for (series, place) in &ending {
                let former = formers.get(series).into_iter().flatten().map(|former| former.place);
                let Some(name) = self.index.name(*series) else { continue };
                let sketches = self.index.sketches_of(*series);
                std::iter::once(*place).chain(former).for_each(|place| {
                    names.push(Event::Ended, place, now, &name, sketches);
                });
            }
        }
        if let Err(error) = names.commit() {
            names.withdraw(mark);
            back(&ending);
            return Err(error);
        }
        self.let_go(now, &ending);
        Ok(ending)
    }

    /// Forgets what series that have ended in the log had.
    fn let_go(&self, now: Timestamp, ended: &[(SeriesId, Place)]) {
        let mut quotas = self.quotas();
        let mut formers = self.formers.write().unwrap_or_else(PoisonError::into_inner);
        let mut imported = self.imported.write().unwrap_or_else(PoisonError::into_inner);
        for (series, place) in ended {
            let former = formers.remove(series).into_iter().flatten().map(|former| former.place);
            for place in std::iter::once(*place).chain(former) {
                if let Some(schema) = self.schema(place.schema) {
                    schema.end_series(place.key(), now);
                }
            }
            self.index.with_name(*series, |name| quotas.uncount(name));
            imported.remove(series.0);
            self.index.keep_sketches(*series, None);
        }
        drop((quotas, formers, imported));
        let ids: Vec<SeriesId> = ended.iter().map(|(series, _)| *series).collect();
        self.index.hide_all(&ids);
        if !ids.is_empty() {
            self.room_was_made();
        }
    }

    /// The series without a value or a sketch since `cutoff`, by name.
    ///
    /// # Errors
    /// What is kept is damaged, so that nobody can say; or the system refuses.
    pub fn unwritten_since(&self, cutoff: Timestamp) -> Result<Vec<(Arc<str>, SeriesId)>, Error> {
        let mut written = HashMap::new();
        for (number, schema) in (0..).zip(self.schemas()) {
            written.insert(number, schema.written_since(cutoff)?);
        }
        let is_written =
            |place: Place| written.get(&place.schema).is_some_and(|keys: &HashSet<Key>| keys.contains(&place.key()));
        let mut unwritten = Vec::new();
        for first in (0..self.index.len() as u32).step_by(LOOKED_AT as usize) {
            let formers = self.formers.read().unwrap_or_else(PoisonError::into_inner);
            let places = self.places.look();
            let last = first.saturating_add(LOOKED_AT).min(self.index.len() as u32);
            for series in (first..last).map(SeriesId) {
                let Some(place) = places.of(series) else { continue };
                let former = formers.get(&series).into_iter().flatten().map(|former| former.place);
                if !std::iter::once(place).chain(former).any(is_written) {
                    unwritten.extend(self.index.name(series).map(|name| (name, series)));
                }
            }
        }
        unwritten.sort();
        Ok(unwritten)
    }

    /// The newest value in the places that a series has left.
    pub(super) fn newest_of_formers(&self, series: SeriesId) -> Result<Option<Timestamp>, Error> {
        let formers = self.formers.read().unwrap_or_else(PoisonError::into_inner).get(&series).cloned();
        let mut newest = None;
        for former in formers.into_iter().flatten() {
            if let Some(schema) = self.schema(former.place.schema) {
                newest = newest
                    .max(schema.newest_of(former.place.key(), usize::MAX - 1)?.map(|at| at.min(former.until - 1)));
            }
        }
        Ok(newest)
    }

    /// The series that a pattern matches, those of sketches by their own names, or that have this very name with tags; by name.
    ///
    /// # Errors
    /// The pattern stands for more than the limits allow.
    pub fn matching(&self, pattern: &str) -> Result<Vec<(Arc<str>, SeriesId)>, Error> {
        let exact = canonical(pattern).ok().filter(|name| is_tagged(name));
        let paths = match exact.filter(|name| self.located(name).is_some()) {
            Some(name) => vec![name.into_owned()],
            None => {
                let nodes = self.index.find(pattern)?.into_iter().filter(|node| node.leaf).map(|node| node.path);
                nodes.chain(self.index.find_sketches(pattern)?).collect()
            }
        };
        let series = paths.iter().filter_map(|path| self.located(path)).map(|(series, ..)| series);
        let mut found: Vec<_> = series.filter_map(|series| Some((self.index.name(series)?, series))).collect();
        found.sort();
        found.dedup();
        Ok(found)
    }
}
