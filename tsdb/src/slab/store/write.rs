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
        let (mut new, mut failed) = (self.without_place(points, horizon), Vec::new());
        if !new.is_empty() {
            let begun = self.quotas().begin(new.len(), now);
            failed = self.add_series(now, &new[..begun], &|_| None, report);
            new.drain(..begun);
        }
        let without_room = WithoutRoom { waiting: &new, failed: &failed, horizon };
        let places = self.places.look();
        let schemas = self.schemas();
        let mut at = 0;
        while at < points.len() {
            // One schema's writer is open as long as its points follow one another.
            let first = places.of(points[at].series);
            let found = first.and_then(|first| Some((first, schemas.get(usize::from(first.schema))?)));
            let Some((first, schema)) = found else {
                self.leave_out(&points[at], &without_room, report);
                at += 1;
                continue;
            };
            let mut writer = schema.writer(now);
            while let Some(point) = points.get(at) {
                let Some(place) = places.of(point.series).filter(|place| place.schema == first.schema) else { break };
                at += 1;
                if point.at > horizon {
                    report.dropped_future += 1;
                    continue;
                }
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

    /// The series of these points that nothing was written to before.
    fn without_place(&self, points: &[Point], horizon: Timestamp) -> Vec<SeriesId> {
        let places = self.places.look();
        let new = points.iter().filter(|point| places.of(point.series).is_none() && point.at <= horizon);
        let mut new: Vec<SeriesId> = new.map(|point| point.series).collect();
        new.sort_unstable();
        new.dedup();
        new
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
        let is_unbounded = self.quotas().is_unbounded();
        let mut added = Vec::with_capacity(new.len());
        for series in new {
            // Another writer may have been faster.
            if self.places.look().of(*series).is_some() {
                continue;
            }
            let Some(name) = self.index.name(*series) else { continue };
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
        let (schema, _) = Schema::open(&folder, retention.clone(), std::iter::empty(), Arc::clone(&self.faults))?;
        schemas.push(Arc::new(schema));
        Ok(number)
    }
}
