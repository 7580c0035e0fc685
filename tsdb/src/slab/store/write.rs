//! Points to their places: new series first, then one pass over the points with one schema open at a time.

use super::{Event, Place, SlabStore};
use crate::catalogue::SeriesId;
use crate::error::Error;
use crate::slab::schema::{Put, Schema};
use crate::store::{Point, WriteReport};
use crate::time::Timestamp;
use std::path::Path;
use std::sync::{Arc, PoisonError};

impl SlabStore {
    pub(super) fn write_points(&self, now: Timestamp, points: &[Point]) -> WriteReport {
        let mut report = WriteReport::default();
        let horizon = now + i64::from(self.limits.ahead_secs);
        let new = self.without_place(points, horizon);
        if !new.is_empty() {
            self.add_series(now, &new, &mut report);
        }
        let places = self.places.look();
        let schemas = self.schemas();
        let mut at = 0;
        while at < points.len() {
            // One schema's writer is open as long as its points follow one another.
            let Some(first) = places.of(points[at].series) else {
                report.dropped_failed += 1;
                at += 1;
                continue;
            };
            let Some(schema) = schemas.get(usize::from(first.schema)) else {
                report.dropped_failed += 1;
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
                    Err(error) => {
                        report.drop_for(&error, 1);
                        self.faults.note(&error);
                    }
                }
            }
        }
        report
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

    /// Gives each series a column and a name in the log; finders see it from now on.
    fn add_series(&self, now: Timestamp, new: &[SeriesId], report: &mut WriteReport) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let mut added = Vec::with_capacity(new.len());
        for series in new {
            // Another writer may have been faster.
            if self.places.look().of(*series).is_some() {
                continue;
            }
            let Some(name) = self.index.name(*series) else { continue };
            let settings = self.rules.settings(&name);
            let opened = names.schema(settings.retention, |folder| self.add_schema(folder, settings.retention));
            match opened {
                Ok(number) => {
                    let Some(schema) = self.schema(number) else { continue };
                    let place = Place::new(number, schema.take_column(now));
                    names.push(Event::Made, place, now, &name);
                    self.places.set(*series, place);
                    added.push(*series);
                }
                Err(error) => self.faults.note(&error),
            }
        }
        self.index.show_all(&added);
        report.created += added.len() as u64;
    }

    fn add_schema(&self, folder: &Path, retention: &crate::Retention) -> Result<u16, Error> {
        let mut schemas = self.schemas.write().unwrap_or_else(PoisonError::into_inner);
        let number = schemas.len() as u16;
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let folder = folder.with_file_name(format!("{number}_{name}"));
        let (schema, _) = Schema::open(&folder, retention.clone(), std::iter::empty(), Arc::clone(&self.faults))?;
        schemas.push(Arc::new(schema));
        Ok(number)
    }
}
