//! Making a file. It appears under its name whole or not at all: it is written beside it under a hidden name and then
//! linked, so that neither a crash nor a full disk leaves half a file that every later open would refuse.

use super::header::{Header, checked_factor};
use crate::error::Error;
use crate::retention::Retention;
use crate::rollup::Rollup;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// How to make a file; whisper's defaults.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CreateOptions {
    /// Share of known points from which a coarser point is written, 0 to 1.
    pub x_files_factor: f64,
    /// How points are rolled up.
    pub rollup: Rollup,
    /// What stands for the points not yet written.
    pub fill: Fill,
}

impl Default for CreateOptions {
    fn default() -> CreateOptions {
        CreateOptions { x_files_factor: 0.5, rollup: Rollup::Average, fill: Fill::Zeros }
    }
}

/// What stands for the points not yet written. The bytes read the same either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// Written zeros: the room is taken now, and a full disk shows now.
    Zeros,
    /// A hole: fast, and room is taken as points come.
    Sparse,
}

/// Makes a file; the folder must exist.
///
/// # Errors
/// There is a file already, the factor is not between 0 and 1, or the system refuses; then nothing is left behind.
pub fn create(path: &Path, retention: &Retention, options: CreateOptions) -> Result<(), Error> {
    let header = Header::new(retention, options.rollup, checked_factor(options.x_files_factor)?);
    if path.try_exists().map_err(Error::io("look for", path))? {
        return Err(Error::Exists(path.to_owned()));
    }
    let bytes = header.encode().ok_or_else(|| too_large(path))?;
    let (hidden, file) = open_beside(path).map_err(Error::io("create", path))?;
    let written = write(file, &bytes, header.file_bytes(), options.fill).map_err(Error::io("create", path));
    let linked = written.and_then(|()| link(&hidden, path));
    // Also after an error; a name left behind by a crash is hidden from every listing.
    let _ = fs::remove_file(&hidden);
    linked
}

fn write(mut file: File, header: &[u8], file_bytes: u64, fill: Fill) -> io::Result<()> {
    file.write_all(header)?;
    match fill {
        Fill::Sparse => file.set_len(file_bytes),
        Fill::Zeros => write_zeros(&mut file, file_bytes - header.len() as u64),
    }
}

fn write_zeros(file: &mut File, bytes: u64) -> io::Result<()> {
    let zeros = [0; 16_384];
    let mut left = bytes;
    while left > 0 {
        let count = left.min(zeros.len() as u64);
        file.write_all(&zeros[..usize::try_from(count).expect("at most 16384")])?;
        left -= count;
    }
    Ok(())
}

/// Gives the file its name, unless another writer was faster: a link never replaces what is there.
pub(super) fn link(hidden: &Path, path: &Path) -> Result<(), Error> {
    match fs::hard_link(hidden, path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(Error::Exists(path.to_owned())),
        // Some filesystems know no links; there a rename is the only whole step.
        Err(error) if matches!(error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied) => {
            fs::rename(hidden, path).map_err(Error::io("create", path))
        }
        Err(error) => Err(Error::io("create", path)(error)),
    }
}

/// A new file in the same folder, under a name that no listing shows. A name that is taken, by a crash long ago or by
/// a process of the same number elsewhere, is passed over.
pub(super) fn open_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut tries_left = 1000;
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let hidden = path.with_file_name(format!(".new-{}-{number}", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&hidden) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries_left > 0 => tries_left -= 1,
            opened => return opened.map(|file| (hidden, file)),
        }
    }
}

pub(super) fn too_large(path: &Path) -> Error {
    let source = io::Error::new(io::ErrorKind::FileTooLarge, "its archives begin beyond what 32 bits can count");
    Error::Io { doing: "create", path: path.to_owned(), source }
}
