//! The header of a whisper file: decoded once at open, and checked against the file's length there, so that every later
//! offset lies inside the file. Python checks less; a file that passes here means the same to both.

use crate::error::Error;
use crate::retention::{Archive, Retention};
use crate::rollup::Rollup;
use crate::time::Step;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

pub(crate) const METADATA_BYTES: usize = 16;
pub(crate) const ARCHIVE_BYTES: usize = 12;
const POINT_BYTES: u64 = 12;

/// How go-whisper's compressed files begin.
pub(super) const COMPRESSED_MAGIC: &[u8; 18] = b"whisper_compressed";

/// From here on the first word is no method: files of whisper's first years begin with the time of their last update,
/// and average is the only method they know.
const OLDEST_FORMAT: u32 = 1025;

/// Read at once: the header of a file with up to 20 archives.
const FIRST_READ_BYTES: usize = METADATA_BYTES + 20 * ARCHIVE_BYTES;

/// What a file says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    /// How points are rolled up into coarser archives.
    pub rollup: Rollup,
    /// The retention that the header states, in seconds; a file of whisper's states the longest of its archives.
    pub max_retention_secs: u32,
    factor: f32,
    archives: Box<[Located]>,
}

/// An archive and its place in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located {
    /// The file offset of slot 0.
    pub offset: u64,
    /// Step and points.
    pub archive: Archive,
}

impl Located {
    /// Bytes of the archive.
    pub fn size_bytes(&self) -> u64 {
        u64::from(self.archive.points) * POINT_BYTES
    }

    /// The file offset of a slot.
    pub(crate) fn at(&self, slot: u32) -> u64 {
        self.offset + u64::from(slot) * POINT_BYTES
    }

    /// The file offset behind the last slot.
    pub(crate) fn end(&self) -> u64 {
        self.offset + self.size_bytes()
    }
}

impl Header {
    /// The archives with their places, finest first in every file that whisper made.
    pub fn archives(&self) -> &[Located] {
        &self.archives
    }

    /// The share of known points from which a coarser point is written: the 32-bit number of the file, widened. So 0.1
    /// is a little more than 0.1, and 1 of 10 is too few.
    pub fn x_files_factor(&self) -> f64 {
        f64::from(self.factor)
    }

    pub(crate) fn stored_factor(&self) -> f32 {
        self.factor
    }

    /// The longest retention, which decides what the file covers.
    pub(crate) fn retention_secs(&self) -> i64 {
        self.archives.iter().map(|located| located.archive.retention_secs()).max().unwrap_or(0)
    }

    /// The header of a file that is to be made.
    pub(crate) fn new(retention: &Retention, rollup: Rollup, factor: f32) -> Header {
        let archives = retention.archives();
        let mut offset = (METADATA_BYTES + ARCHIVE_BYTES * archives.len()) as u64;
        let located = archives.iter().map(|archive| {
            let located = Located { offset, archive: *archive };
            offset = located.end();
            located
        });
        let archives: Box<[Located]> = located.collect();
        let longest = retention.archives().iter().map(Archive::retention_secs).max();
        let max_retention_secs = longest.and_then(|secs| u32::try_from(secs).ok()).expect("a checked retention");
        Header { rollup, max_retention_secs, factor, archives }
    }

    /// Length of the whole file.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.archives.iter().map(Located::end).max().unwrap_or(METADATA_BYTES as u64)
    }

    /// The header as bytes; `None` when an offset does not fit the format.
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::with_capacity(METADATA_BYTES + ARCHIVE_BYTES * self.archives.len());
        bytes.extend(encode_metadata(self.rollup, self.max_retention_secs, self.factor, self.archives.len() as u32));
        for located in &self.archives {
            bytes.extend(u32::try_from(located.offset).ok()?.to_be_bytes());
            bytes.extend(located.archive.step.secs().to_be_bytes());
            bytes.extend(located.archive.points.to_be_bytes());
        }
        Some(bytes)
    }

    /// Reads and checks the header of an open file.
    pub(crate) fn read(file: &File, path: &Path) -> Result<Header, Error> {
        let file_bytes = file.metadata().map_err(Error::io("stat", path))?.len();
        let mut first = [0; FIRST_READ_BYTES];
        let read = read_up_to(file, &mut first).map_err(Error::io("read header of", path))?;
        if first.starts_with(COMPRESSED_MAGIC) {
            return Err(Error::Compressed(path.to_owned()));
        }
        let needed = needed_bytes(&first[..read], file_bytes).map_err(|why| Error::corrupt(path, why))?;
        let mut longer = Vec::new();
        let bytes = if needed <= read {
            &first[..needed]
        } else {
            longer.resize(needed, 0);
            file.read_exact_at(&mut longer, 0).map_err(Error::io("read header of", path))?;
            &longer
        };
        Header::decode(bytes, file_bytes).map_err(|why| Error::corrupt(path, why))
    }

    /// Decodes a header of exactly [`needed_bytes`] in a file of `file_bytes`.
    fn decode(bytes: &[u8], file_bytes: u64) -> Result<Header, String> {
        let code = be_u32(bytes, 0);
        let rollup = rollup_of(code).ok_or_else(|| format!("unknown aggregation code {code}"))?;
        let factor = f32::from_be_bytes(be_u32(bytes, 8).to_be_bytes());
        if !(0.0..=1.0).contains(&factor) {
            return Err(format!("its x-files factor is {factor}, not between 0 and 1"));
        }
        let mut archives = Vec::with_capacity((bytes.len() - METADATA_BYTES) / ARCHIVE_BYTES);
        for entry in bytes[METADATA_BYTES..].chunks_exact(ARCHIVE_BYTES) {
            let i = archives.len();
            let (step, points) = (Step::new(be_u32(entry, 4)), be_u32(entry, 8));
            let Some(step) = step.filter(|_| points > 0) else {
                return Err(format!("archive {i} has no step or no points"));
            };
            let located = Located { offset: u64::from(be_u32(entry, 0)), archive: Archive { step, points } };
            if located.offset < bytes.len() as u64 {
                return Err(format!("archive {i} begins inside the header"));
            }
            if located.end() > file_bytes {
                let end = located.end();
                return Err(format!("it is truncated: archive {i} ends at byte {end}, the file at {file_bytes}"));
            }
            archives.push(located);
        }
        Ok(Header { rollup, max_retention_secs: be_u32(bytes, 4), factor, archives: archives.into() })
    }
}

/// The method that the first word of a file stands for.
pub(super) fn rollup_of(code: u32) -> Option<Rollup> {
    if code >= OLDEST_FORMAT { Some(Rollup::Average) } else { Rollup::from_code(code) }
}

/// The bytes of the header that begins with `start`. A count of archives that the file cannot hold is refused before
/// anything is reserved for it.
pub(super) fn needed_bytes(start: &[u8], file_bytes: u64) -> Result<usize, String> {
    if start.len() < METADATA_BYTES {
        return Err(format!("it has {} bytes, too few for a header", start.len()));
    }
    let archives = be_u32(start, 12);
    let needed = METADATA_BYTES as u64 + u64::from(archives) * ARCHIVE_BYTES as u64;
    if archives == 0 || needed > file_bytes {
        return Err(format!("it says that it has {archives} archives, which {file_bytes} bytes cannot hold"));
    }
    usize::try_from(needed).map_err(|_| format!("it says that it has {archives} archives"))
}

/// The first sixteen bytes.
pub(crate) fn encode_metadata(rollup: Rollup, max_retention_secs: u32, factor: f32, archives: u32) -> [u8; 16] {
    let mut bytes = [0; METADATA_BYTES];
    bytes[0..4].copy_from_slice(&rollup.code().to_be_bytes());
    bytes[4..8].copy_from_slice(&max_retention_secs.to_be_bytes());
    bytes[8..12].copy_from_slice(&factor.to_be_bytes());
    bytes[12..16].copy_from_slice(&archives.to_be_bytes());
    bytes
}

/// The factor as the file holds it.
pub(crate) fn checked_factor(x_files_factor: f64) -> Result<f32, Error> {
    if (0.0..=1.0).contains(&x_files_factor) {
        Ok(x_files_factor as f32)
    } else {
        Err(Error::XFilesFactor(x_files_factor))
    }
}

pub(super) fn read_up_to(file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

pub(super) fn be_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(bytes: &[u8], file_bytes: u64) -> Result<Header, String> {
        let needed = needed_bytes(bytes, file_bytes)?;
        if needed > bytes.len() { Err("short".into()) } else { Header::decode(&bytes[..needed], file_bytes) }
    }

    proptest! {
        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), file_bytes in any::<u64>()) {
            let _ = decode(&bytes, file_bytes);
        }

        #[test]
        fn nearly_right_bytes_never_panic(at in 0usize..52, byte in any::<u8>(), cut in 0u64..2000) {
            let retention = Retention::parse("10:36,60:30,600:24").expect("valid");
            let header = Header::new(&retention, Rollup::Max, 0.5);
            let mut bytes = header.encode().expect("fits");
            prop_assert_eq!(&decode(&bytes, header.file_bytes()), &Ok(header));
            bytes[at] = byte;
            if let Ok(header) = decode(&bytes, cut) {
                prop_assert!(header.archives().iter().all(|located| located.end() <= cut));
            }
        }
    }
}
