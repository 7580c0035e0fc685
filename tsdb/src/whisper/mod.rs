//! Whisper files: one file per series, byte for byte what whisper 1.1.10 under CPython up to 3.11 writes.
//!
//! ```text
//!     0  u32  aggregation code        16 + 12i      u32  offset of archive i's first point
//!     4  u32  longest retention       16 + 12i + 4  u32  its step in seconds
//!     8  f32  x-files factor          16 + 12i + 8  u32  its points
//!    12  u32  archives n              then, archive after archive, finest first: points of (u32 interval, f64 value)
//! ```
//! Everything is big-endian and unpadded; interval 0 means that the slot was never written. A file is read and written
//! with pread and pwrite only. Reading path: header, file (open, update), propagate, update_many, fetch, then the tools.

mod compressed;
mod create;
mod fetch;
mod file;
mod header;
mod propagate;
mod raw;
mod readable;
mod resize;
mod set_order;
mod tools;
mod update_many;
mod whole;

pub use compressed::{CompressedArchive, CompressedHeader, Method, compressed_info, compressed_points};
pub use create::{CreateOptions, Fill, create};
pub use fetch::Resolution;
pub use header::{Header, Located};
pub use raw::{RawArchive, RawFile, RawHeader};
pub use resize::{Migration, OldFile, OldPoints, ResizeOptions, resize, resize_into};
pub use tools::{ArchiveDiff, Compare, Lock, diff, fill, merge};
pub use whole::{WholeFile, read_whole, write_whole};

pub(crate) use file::{POINT_BYTES, Scratch, Whisper};
pub(crate) use readable::Readable;
pub(crate) use update_many::Overrun;

use crate::error::Error;
use crate::rollup::Rollup;
use crate::store::Fetched;
use crate::time::{Timestamp, Window};
use std::path::Path;

/// Writes one point, as whisper's `update` does. The point must not lie in the future.
///
/// # Errors
/// The point is not covered, or the file is missing, corrupt or not writable.
pub fn update(path: &Path, at: Timestamp, value: f64, now: Timestamp) -> Result<(), Error> {
    Whisper::open_write(path)?.update(&mut Scratch::default(), at, value, now)
}

/// Writes many points, as whisper's `update_many` does: of points in one slot the newest wins, of equal times the first
/// given; points that are too old are left out; points in the future are taken.
///
/// # Errors
/// The file is missing, corrupt or not writable. Without points, nothing is opened.
pub fn update_many(path: &Path, points: &[(Timestamp, f64)], now: Timestamp) -> Result<(), Error> {
    if points.is_empty() {
        return Ok(());
    }
    Whisper::open_write(path)?.update_many(&mut Scratch::default(), points, now)
}

/// Reads a window, also from a compressed file; `None` when the file can hold none of it.
///
/// # Errors
/// The window ends before it begins, the step asked for is not kept, or the file is missing or corrupt.
pub fn fetch(path: &Path, window: Window, now: Timestamp, resolution: Resolution) -> Result<Option<Fetched>, Error> {
    Readable::open(path)?.fetch(&mut Scratch::default(), window, now, resolution)
}

/// The header of a file; `None` when it cannot be opened.
///
/// # Errors
/// The file is corrupt.
pub fn info(path: &Path) -> Result<Option<Header>, Error> {
    match Whisper::open_read(path) {
        Ok(file) => Ok(Some(file.into_header())),
        Err(Error::Io { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Changes the x-files factor in the header and gives the old one. Points already rolled up stay as they are.
///
/// # Errors
/// The factor is not between 0 and 1, or the file is missing, corrupt or not writable.
pub fn set_x_files_factor(path: &Path, x_files_factor: f64) -> Result<f64, Error> {
    let mut file = Whisper::open_write(path)?;
    let old = file.header().x_files_factor();
    file.set_metadata(file.header().rollup, header::checked_factor(x_files_factor)?)?;
    Ok(old)
}

/// Changes the aggregation method in the header, and the x-files factor with it if one is given; gives the old method.
/// Points already rolled up stay as they are.
///
/// # Errors
/// The factor is not between 0 and 1, or the file is missing, corrupt or not writable.
pub fn set_rollup(path: &Path, rollup: Rollup, x_files_factor: Option<f64>) -> Result<Rollup, Error> {
    let mut file = Whisper::open_write(path)?;
    let old = file.header().rollup;
    let factor = x_files_factor.map_or(Ok(file.header().stored_factor()), header::checked_factor)?;
    file.set_metadata(rollup, factor)?;
    Ok(old)
}
