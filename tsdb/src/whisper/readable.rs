//! A file to read, in whichever of the two formats it is.

use super::compressed::Compressed;
use super::fetch::Resolution;
use super::file::{Scratch, Whisper};
use crate::error::Error;
use crate::retention::Archive;
use crate::store::Fetched;
use crate::time::{Timestamp, Window};
use std::path::Path;

/// An open file with a checked header.
pub(crate) enum Readable {
    Plain(Whisper),
    Compressed(Compressed),
}

impl Readable {
    /// Opens a file to read it.
    pub(crate) fn open(path: &Path) -> Result<Readable, Error> {
        match Whisper::open_read(path) {
            Err(Error::Compressed(_)) => Compressed::open(path).map(Readable::Compressed),
            opened => opened.map(Readable::Plain),
        }
    }

    /// As [`Readable::open`], for the store: a file whose points are misplaced is refused.
    pub(crate) fn open_strict(path: &Path) -> Result<Readable, Error> {
        Ok(match Readable::open(path)? {
            Readable::Plain(file) => Readable::Plain(file.strict()),
            compressed => compressed,
        })
    }

    pub(crate) fn archives(&self) -> Vec<Archive> {
        match self {
            Readable::Plain(file) => file.header().archives().iter().map(|located| located.archive).collect(),
            Readable::Compressed(file) => file.header().archives.iter().map(|described| described.archive).collect(),
        }
    }

    pub(crate) fn fetch(
        &self,
        scratch: &mut Scratch,
        window: Window,
        now: Timestamp,
        resolution: Resolution,
    ) -> Result<Option<Fetched>, Error> {
        match self {
            Readable::Plain(file) => file.fetch(scratch, window, now, resolution),
            Readable::Compressed(file) => file.fetch(window, now, resolution),
        }
    }
}
