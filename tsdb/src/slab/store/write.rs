//! Points to their places: new series first, then one pass over the points with one schema open at a time.

use super::{Event, Place, SlabStore};
use crate::catalogue::SeriesId;
use crate::error::Error;
use crate::sketch::Family;
use crate::slab::schema::{Put, Schema};
use crate::store::{Point, WriteReport};
use crate::time::Timestamp;
use std::path::Path;
use std::sync::{Arc, PoisonError};

/// Points whose places are looked up together, and that a schema's readers wait for at most.
const CHUNK: usize = 4096;

/// Series that have no place yet, by reason, each ascending.
struct WithoutRoom<'a> {
    waiting: &'a [SeriesId],
    failed: &'a [(SeriesId, Error)],
    horizon: Timestamp,
}

impl SlabStore {
    pub(super) fn write_points(&self, now: Timestamp, points: &[Point]) -> WriteReport {
        let mut report = WriteReport::default();
        let waiting = self.quotas().take_waiting();
        if !waiting.is_empty() {
            // Those that waited come first, so that the last point of a slot is the last that was given.
            self.write_block(now, &waiting, &mut report);
        }
        self.write_block(now, points, &mut report);
        report
    }

    fn write_block(&self, now: Timestamp, points: &[Point], report: &mut WriteReport) {
        let horizon = now + i64::from(self.limits.ahead_secs);
        let unplaced = self.put_all(now, horizon, points, report);
        if unplaced.is_empty() {
            return;
        }
        let near = unplaced.iter().filter(|point| point.at <= horizon);
        let mut new: Vec<SeriesId> = near.map(|point| point.series).collect();
        new.sort_unstable();
        new.dedup();
        let begun = self.quotas().begin(new.len(), now);
        let failed = self.add_series(now, &new[..begun], &|_| None, report);
        new.drain(..begun);
        let without_room = WithoutRoom { waiting: &new, failed: &failed, horizon };
        for point in self.put_all(now, horizon, &unplaced, report) {
            self.leave_out(&point, &without_room, report);
        }
    }

    /// Puts the points whose series have places; answers the others.
    fn put_all(&self, now: Timestamp, horizon: Timestamp, points: &[Point], report: &mut WriteReport) -> Vec<Point> {
        let places = self.places.look();
        let schemas = self.schemas();
        let (mut unplaced, mut located, mut seen) =
            (Vec::new(), Vec::with_capacity(CHUNK.min(points.len())), Vec::new());
        for points in points.chunks(CHUNK) {
            // All places first: they lie anywhere, and the processor can wait for many of them at once.
            located.clear();
            located.extend(points.iter().map(|point| places.of(point.series)));
            seen.clear();
            let mut next = located.first().copied();
            while let Some(place) = next {
                let number = place.map(|place| place.schema);
                seen.push(number);
                let of_schema =
                    || points.iter().zip(&located).filter(|(_, place)| place.map(|place| place.schema) == number);
                match number.and_then(|number| schemas.get(usize::from(number))) {
                    Some(schema) => self.put_into(schema, now, horizon, of_schema(), report),
                    None => unplaced.extend(of_schema().map(|(point, _)| *point)),
                }
                next = located.iter().find(|place| !seen.contains(&place.map(|place| place.schema))).copied();
            }
        }
        unplaced
    }

    /// Puts points of one schema.
    fn put_into<'a>(
        &self,
        schema: &Schema,
        now: Timestamp,
        horizon: Timestamp,
        points: impl Iterator<Item = (&'a Point, &'a Option<Place>)>,
        report: &mut WriteReport,
    ) {
        let mut writer = schema.writer(now);
        for (point, place) in points {
            let Some(place) = place.filter(|_| point.at <= horizon) else {
                report.dropped_future += 1;
                continue;
            };
            match writer.put(place.key(), point.at, point.value) {
                Ok(Put::Taken) => report.written += 1,
                Ok(Put::TooOld) => report.dropped_old += 1,
                Ok(Put::NoRoom) => report.dropped_full += 1,
                Err(error) => {
                    report.drop_for(&error, 1);
                    self.faults.note(&error);
                }
            }
        }
        drop(writer);
        if let Err(error) = schema.relieve(now) {
            self.faults.note(&error);
        }
    }

    /// A point of a series that has no place: it waits with its series, or says why there is none.
    #[cold]
    fn leave_out(&self, point: &Point, why: &WithoutRoom<'_>, report: &mut WriteReport) {
        let is_among = |series: &[SeriesId]| series.binary_search(&point.series).is_ok();
        if point.at > why.horizon {
            report.dropped_future += 1;
        } else if self.index.name(point.series).is_none() {
            report.dropped_failed += 1;
        } else if let Ok(failed) = why.failed.binary_search_by_key(&point.series, |(series, _)| *series) {
            report.drop_for(&why.failed[failed].1, 1);
        } else if !is_among(why.waiting) || !self.quotas().wait(*point) {
            report.dropped_quota += 1;
        }
    }

    /// Gives each series a column and a name in the log; finders see it from now on. Answers those that could not be made.
    pub(super) fn add_series(
        &self,
        now: Timestamp,
        new: &[SeriesId],
        sketches: &dyn Fn(SeriesId) -> Option<Family>,
        report: &mut WriteReport,
    ) -> Vec<(SeriesId, Error)> {
        let mut failed = Vec::new();
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let (is_unbounded, room) = (self.quotas().is_unbounded(), self.room());
        let mut added = Vec::with_capacity(new.len());
        for series in new {
            // Another writer may have been faster.
            if self.places.look().of(*series).is_some() {
                continue;
            }
            let Some(name) = self.index.name(*series) else { continue };
            if added.len() >= room {
                self.counters.names_refused.add(1);
                failed.push((*series, self.refused()));
                continue;
            }
            if !is_unbounded && !self.quotas().admit(&name) {
                continue;
            }
            let settings = self.rules.settings(&name);
            let opened = names.schema(settings.retention, |folder| self.add_schema(folder, settings.retention));
            match opened {
                Ok(number) => {
                    let Some(schema) = self.schema(number) else { continue };
                    let place = Place::new(number, schema.take_column(now));
                    let family = sketches(*series);
                    names.push(Event::Made, place, now, &name, family);
                    self.index.keep_sketches(*series, family);
                    self.places.set(*series, place);
                    added.push(*series);
                }
                Err(error) => {
                    self.quotas().uncount(&name);
                    self.faults.note(&error);
                    failed.push((*series, error));
                }
            }
        }
        self.index.show_all(&added);
        report.created += added.len() as u64;
        failed
    }

    pub(super) fn add_schema(&self, folder: &Path, retention: &crate::Retention) -> Result<u16, Error> {
        let mut schemas = self.schemas.write().unwrap_or_else(PoisonError::into_inner);
        let number = schemas.len() as u16;
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let folder = folder.with_file_name(format!("{number}_{name}"));
        let (schema, _) =
            Schema::open(&folder, retention.clone(), std::iter::empty(), Arc::clone(&self.faults), self.late_points)?;
        schemas.push(Arc::new(schema));
        Ok(number)
    }
}
