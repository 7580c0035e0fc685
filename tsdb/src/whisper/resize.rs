//! Resizing: a new file beside the old one with other archives, filled from it, and then put in its place in one step.
//! What whisper-resize writes, ours writes, including which archive it reads from: the finest that reaches back far
//! enough, which can be a finer one than the one it is about to copy.

use super::create::{CreateOptions, Fill, create};
use super::fetch::Resolution;
use super::file::{Scratch, Whisper};
use super::header::{Header, Located};
use super::tools::{known_points, timed};
use crate::error::Error;
use crate::gap::is_gap;
use crate::retention::Retention;
use crate::rollup::Rollup;
use crate::store::Fetched;
use crate::time::{Timestamp, Window};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// How to resize; whisper-resize's defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResizeOptions {
    /// Another method than the old file's.
    pub rollup: Option<Rollup>,
    /// Another factor than the old file's.
    pub x_files_factor: Option<f64>,
    /// How points get into the new archives.
    pub migration: Migration,
    /// What becomes of the old file.
    pub old: OldFile,
    /// How room is taken.
    pub fill: Fill,
}

impl Default for ResizeOptions {
    fn default() -> ResizeOptions {
        ResizeOptions {
            rollup: None,
            x_files_factor: None,
            migration: Migration::Copy,
            old: OldFile::Keep,
            fill: Fill::Sparse,
        }
    }
}

/// How points get into the new archives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Migration {
    /// Each is written as it is.
    Copy,
    /// Each new slot is rolled up from the old points inside it.
    Aggregate,
}

/// What becomes of the old file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OldFile {
    /// It stays as `PATH.bak`.
    Keep,
    /// It is gone.
    Remove,
}

/// Gives a file other archives. Until the last step the old file is in its place.
///
/// # Errors
/// A file is missing, corrupt or not writable; then the old file is as it was.
pub fn resize(path: &Path, retention: &Retention, options: ResizeOptions, now: Timestamp) -> Result<(), Error> {
    let temporary = with_suffix(path, ".tmp");
    remove_if_there(&temporary)?;
    let made = resize_into(path, &temporary, retention, options, now).and_then(|()| replace(path, &temporary, options));
    if made.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    made
}

/// Makes a new file with other archives and the points of an old one, which stays.
///
/// # Errors
/// The new file exists, or a file is missing, corrupt or not writable.
pub fn resize_into(
    path: &Path,
    new: &Path,
    retention: &Retention,
    options: ResizeOptions,
    now: Timestamp,
) -> Result<(), Error> {
    let old = OldPoints::read(path, now)?;
    let rollup = options.rollup.unwrap_or(old.header.rollup);
    let x_files_factor = options.x_files_factor.unwrap_or(old.header.x_files_factor());
    create(new, retention, CreateOptions { x_files_factor, rollup, fill: options.fill })?;
    old.migrate(new, options.migration, x_files_factor, now)
}

/// What a file held before it is resized.
pub struct OldPoints {
    header: Header,
    /// What each archive's reach holds, finest first.
    fetched: Vec<Fetched>,
}

impl OldPoints {
    /// Reads everything that a file holds.
    ///
    /// # Errors
    /// The file is missing or corrupt.
    pub fn read(path: &Path, now: Timestamp) -> Result<OldPoints, Error> {
        let old = Whisper::open_read(path)?;
        let mut archives = old.header().archives().to_vec();
        archives.sort_by_key(|located| located.archive.step);
        let scratch = &mut Scratch::default();
        let mut fetched = Vec::with_capacity(archives.len());
        for located in archives {
            let archive = located.archive;
            let from = now - archive.retention_secs() + i64::from(archive.step.secs());
            fetched.extend(old.fetch(scratch, Window { from, until: now }, now, Resolution::Finest)?);
        }
        Ok(OldPoints { header: old.into_header(), fetched })
    }

    /// The header of the old file.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The moments of all old points, gaps included, in the order in which they are aggregated.
    pub fn moments(&self) -> Vec<i64> {
        one_line(&self.fetched).into_iter().map(|(at, _)| at).collect()
    }

    /// Writes the old points into a new file.
    ///
    /// # Errors
    /// The new file is missing, corrupt or not writable.
    pub fn migrate(&self, new: &Path, migration: Migration, x_files_factor: f64, now: Timestamp) -> Result<(), Error> {
        let new = Whisper::open_write(new)?;
        let scratch = &mut Scratch::default();
        match migration {
            Migration::Copy => {
                for fetched in self.fetched.iter().rev() {
                    new.update_many(scratch, &stamped(known_points(fetched)), now)?;
                }
            }
            Migration::Aggregate => {
                let points = one_line(&self.fetched);
                for located in new.header().archives() {
                    let rolled = roll_up(&points, located, new.header(), x_files_factor, now);
                    new.update_many(scratch, &stamped(rolled), now)?;
                }
            }
        }
        Ok(())
    }
}

/// The old points in time order, finer archives before coarser where both reach.
fn one_line(fetched: &[Fetched]) -> Vec<(i64, f64)> {
    let mut newest_first: Vec<(i64, f64)> = Vec::new();
    for fetched in fetched {
        let mut older: Vec<(i64, f64)> = timed(fetched).collect();
        older.reverse();
        // When a coarser archive holds nothing older, the original takes all of it.
        let last = newest_first.last().map(|(at, _)| *at);
        let skip = last.and_then(|last| older.iter().position(|(at, _)| *at < last)).unwrap_or(0);
        newest_first.extend(&older[skip..]);
    }
    newest_first.reverse();
    newest_first
}

fn roll_up(
    points: &[(i64, f64)],
    located: &Located,
    header: &Header,
    x_files_factor: f64,
    now: Timestamp,
) -> Vec<(i64, f64)> {
    let step = i64::from(located.archive.step.secs());
    let phase = now.0.rem_euclid(step);
    let from = now.0 - located.archive.retention_secs() + phase;
    let mut rolled = Vec::new();
    for i in 0..i64::from(located.archive.points) {
        let (start, end) = (from + i * step, from + (i + 1) * step);
        let first = bisect(points, start, 0);
        let last = bisect(points, end, first);
        let values: Vec<f64> = points[first..last].iter().map(|(_, value)| *value).collect();
        let known = values.iter().filter(|value| !is_gap(**value)).count();
        if known > 0 && known as f64 / values.len() as f64 >= x_files_factor {
            rolled.extend(header.rollup.apply(&values).map(|value| (start, value)));
        }
    }
    rolled
}

/// Where `at` would be inserted, searched as Python searches: the points are not in order where a coarser archive held
/// nothing older.
fn bisect(points: &[(i64, f64)], at: i64, from: usize) -> usize {
    let (mut low, mut high) = (from, points.len());
    while low < high {
        let middle = (low + high) / 2;
        if points[middle].0 < at {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

fn stamped(points: Vec<(i64, f64)>) -> Vec<(Timestamp, f64)> {
    points.into_iter().map(|(at, value)| (Timestamp(at), value)).collect()
}

/// Puts the new file in the old one's place. The old one keeps its name until the rename, so that at no moment there is
/// no file.
fn replace(path: &Path, new: &Path, options: ResizeOptions) -> Result<(), Error> {
    let permissions = fs::metadata(path).map_err(Error::io("stat", path))?.permissions();
    fs::set_permissions(new, permissions).map_err(Error::io("set permissions of", new))?;
    if options.old == OldFile::Keep {
        let backup = with_suffix(path, ".bak");
        remove_if_there(&backup)?;
        fs::hard_link(path, &backup)
            .or_else(|_| fs::copy(path, &backup).map(drop))
            .map_err(Error::io("back up to", &backup))?;
    }
    fs::rename(new, path).map_err(Error::io("replace", path))
}

fn remove_if_there(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path).map_err(Error::io("remove", path)) {
        Err(error) if error.is_absent() => Ok(()),
        removed => removed,
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut text = OsString::from(path);
    text.push(suffix);
    text.into()
}
