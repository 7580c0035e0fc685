//! Writing: points are grouped by series, and each series is one file's business from open to the last propagation.

use super::handles::Shard;
use super::{Access, WhisperStore};
use crate::catalogue::SeriesId;
use crate::error::Error;
use crate::name::Place;
use crate::store::{Point, WriteReport};
use crate::time::Timestamp;
use crate::whisper::{self, CreateOptions, Overrun, Scratch, Whisper};
use std::fs;
use std::path::{Path, PathBuf};

/// What became of the points of one series.
#[derive(Default)]
struct Covered {
    written: u64,
    old: u64,
}

impl WhisperStore {
    /// [`Store::write`](crate::Store::write). A file is made when its first point comes; one that fails loses its own
    /// points only, and [`Store::recent_errors`](crate::Store::recent_errors) names it.
    pub(super) fn write_points(&self, now: Timestamp, points: &[Point]) -> WriteReport {
        let mut report = WriteReport::default();
        if self.access == Access::ReadOnly {
            report.dropped_read_only = points.len() as u64;
        } else if points.is_sorted_by_key(|point| point.series) {
            self.write_sorted(now, points, &mut report);
        } else {
            let mut sorted = points.to_vec();
            sorted.sort_by_key(|point| point.series);
            self.write_sorted(now, &sorted, &mut report);
        }
        self.counters.count(&report);
        report
    }

    fn write_sorted(&self, now: Timestamp, points: &[Point], report: &mut WriteReport) {
        for points in points.chunk_by(|point, next| point.series == next.series) {
            let count = points.len() as u64;
            match self.write_series(now, points[0].series, points, report) {
                Ok(covered) => {
                    report.written += covered.written;
                    report.dropped_old += covered.old;
                }
                Err((error, path)) => {
                    report.drop_for(&error, count);
                    self.remember(&error, &path);
                }
            }
        }
    }

    /// Writes the points of one series, those in the far future left out and counted.
    fn write_series(
        &self,
        now: Timestamp,
        series: SeriesId,
        points: &[Point],
        report: &mut WriteReport,
    ) -> Result<Covered, (Error, PathBuf)> {
        let horizon = now + i64::from(self.limits.ahead_secs);
        let near;
        let points = if points.iter().all(|point| point.at <= horizon) {
            points
        } else {
            near = points.iter().copied().filter(|point| point.at <= horizon).collect::<Vec<_>>();
            report.dropped_future += (points.len() - near.len()) as u64;
            &near
        };
        if points.is_empty() {
            return Ok(Covered::default());
        }
        let mut shard = self.handles.lock(series);
        if shard.fresh(series, now, &self.counters).is_none() {
            let file = self.open_or_create(series, report)?;
            self.handles.keep(&mut shard, series, file, now);
        }
        let written = self.write_kept(&mut shard, series, points, now);
        written.inspect_err(|_| shard.forget(series))
    }

    fn write_kept(
        &self,
        shard: &mut Shard,
        series: SeriesId,
        points: &[Point],
        now: Timestamp,
    ) -> Result<Covered, (Error, PathBuf)> {
        let Some((file, scratch)) = shard.kept(series) else { return Ok(Covered::default()) };
        let written = match points {
            [point] if point.at <= now => match file.update(scratch, point.at, point.value, now) {
                Ok(()) => Ok(Covered { written: 1, old: 0 }),
                Err(Error::NotCovered { .. }) => Ok(Covered { written: 0, old: 1 }),
                Err(error) => Err(error),
            },
            points => write_many(file, scratch, points, now),
        };
        written.map_err(|error| (error, file.path().to_owned()))
    }

    fn open_or_create(&self, series: SeriesId, report: &mut WriteReport) -> Result<Whisper, (Error, PathBuf)> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |error| (error, path)
        };
        let Some(name) = self.catalogue.name(series) else {
            let source = std::io::Error::other("a series id of another store");
            return Err(at(&self.root)(Error::io("resolve in", &self.root)(source)));
        };
        self.counters.files_opened.add(1);
        let place = Place::of(&name);
        let path = self.root.join(place.to_create());
        if let Some(file) = self.open_place(&place, Whisper::open_write_strict).map_err(at(&path))? {
            return Ok(file);
        }
        let created = self.create(&name, &path).map_err(at(&path))?;
        report.created += u64::from(created);
        Whisper::open_write_strict(&path).map_err(at(&path))
    }

    /// False when another writer was faster.
    fn create(&self, name: &str, path: &Path) -> Result<bool, Error> {
        let settings = self.rules.settings(name);
        let options =
            CreateOptions { x_files_factor: settings.x_files_factor, rollup: settings.rollup, fill: self.limits.fill };
        let mut created = whisper::create(path, settings.retention, options);
        if let (Err(error), Some(folder)) = (&created, path.parent())
            && error.is_absent()
        {
            fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
            created = whisper::create(path, settings.retention, options);
        }
        match created {
            Ok(()) => Ok(true),
            Err(Error::Exists(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// As whisper's `update_many` (points in the near future included), except that of several points in a slot the last
/// given wins, and that no run of points leaves its archive.
fn write_many(file: &Whisper, scratch: &mut Scratch, points: &[Point], now: Timestamp) -> Result<Covered, Error> {
    let archives = file.header().archives();
    let mut covered = Covered::default();
    // (archive, slot's start, value), to be sorted without changing the order inside a slot.
    let mut placed: Vec<(usize, i64, f64)> = Vec::with_capacity(points.len());
    for point in points {
        let age = now - point.at;
        match archives.iter().position(|located| located.archive.retention_secs() >= age) {
            Some(archive) => {
                placed.push((archive, point.at.floor(archives[archive].archive.step).0, point.value));
                covered.written += 1;
            }
            None => covered.old += 1,
        }
    }
    placed.sort_by_key(|(archive, at, _)| (*archive, *at));
    for placed in placed.chunk_by(|one, next| one.0 == next.0) {
        let points: Vec<(i64, f64)> = placed.iter().map(|(_, at, value)| (*at, *value)).collect();
        file.write_archive(scratch, placed[0].0, &points, Overrun::Clip)?;
    }
    Ok(covered)
}
