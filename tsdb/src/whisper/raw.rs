//! A file as its bytes say, without a judgement: what whisper-dump prints, and by what find-corrupt-whisper-files calls a
//! file corrupt. A file that every other reader refuses can be looked at here.

use super::file::{POINT_BYTES, decode_point};
use super::header::{ARCHIVE_BYTES, COMPRESSED_MAGIC, METADATA_BYTES, be_u32, needed_bytes, read_up_to, rollup_of};
use crate::error::Error;
use crate::rollup::Rollup;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// An open file whose header could be read.
pub struct RawFile {
    file: File,
    path: PathBuf,
    header: RawHeader,
}

/// The header as it stands in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct RawHeader {
    /// The first word.
    pub code: u32,
    /// The longest retention that the file states, in seconds.
    pub max_retention_secs: u32,
    /// The factor, also if it is none.
    pub x_files_factor: f32,
    /// The archives, in the order of the file.
    pub archives: Vec<RawArchive>,
}

/// An archive as the header describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawArchive {
    /// The file offset of its first point.
    pub offset: u32,
    /// Seconds from one point to the next, also if that is 0.
    pub step_secs: u32,
    /// Its points.
    pub points: u32,
}

impl RawArchive {
    /// How far back it reaches, in seconds.
    pub fn retention_secs(&self) -> u64 {
        u64::from(self.step_secs) * u64::from(self.points)
    }

    /// Its bytes.
    pub fn size_bytes(&self) -> u64 {
        u64::from(self.points) * POINT_BYTES as u64
    }
}

impl RawHeader {
    /// The method; average where the first word is none, as whisper-dump has it.
    pub fn rollup(&self) -> Rollup {
        rollup_of(self.code).unwrap_or(Rollup::Average)
    }

    /// Whether whisper would open the file: it looks at the first word and at the factor.
    pub fn is_sound(&self) -> bool {
        rollup_of(self.code).is_some() && (0.0..=1.0).contains(&self.x_files_factor)
    }
}

impl RawFile {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// The file is missing, shorter than its header, or compressed.
    pub fn open(path: &Path) -> Result<RawFile, Error> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        let file_bytes = file.metadata().map_err(Error::io("stat", path))?.len();
        let mut start = [0; COMPRESSED_MAGIC.len()];
        let read = read_up_to(&file, &mut start).map_err(Error::io("read header of", path))?;
        if start == *COMPRESSED_MAGIC {
            return Err(Error::Compressed(path.to_owned()));
        }
        let bytes = if read >= METADATA_BYTES && be_u32(&start, 12) == 0 {
            start[..METADATA_BYTES].to_vec() // whisper has no objection to a file without archives
        } else {
            let needed = needed_bytes(&start[..read], file_bytes).map_err(|why| Error::corrupt(path, why))?;
            let mut bytes = vec![0; needed];
            file.read_exact_at(&mut bytes, 0).map_err(Error::io("read header of", path))?;
            bytes
        };
        let archive = |entry: &[u8]| RawArchive {
            offset: be_u32(entry, 0),
            step_secs: be_u32(entry, 4),
            points: be_u32(entry, 8),
        };
        let header = RawHeader {
            code: be_u32(&bytes, 0),
            max_retention_secs: be_u32(&bytes, 4),
            x_files_factor: f32::from_bits(be_u32(&bytes, 8)),
            archives: bytes[METADATA_BYTES..].chunks_exact(ARCHIVE_BYTES).map(archive).collect(),
        };
        Ok(RawFile { file, path: path.to_owned(), header })
    }

    /// The header.
    pub fn header(&self) -> &RawHeader {
        &self.header
    }

    /// The slots of an archive from `first` on, at most 4096 of them, as (interval, value); an interval of 0 was never
    /// written. None at the archive's end.
    ///
    /// # Errors
    /// The file ends before the last of them, or cannot be read.
    pub fn slots(&self, archive: RawArchive, first: u32) -> Result<Vec<(u32, f64)>, Error> {
        const AT_ONCE: u32 = 4096;
        let count = archive.points.saturating_sub(first).min(AT_ONCE) as usize;
        let offset = u64::from(archive.offset) + u64::from(first) * POINT_BYTES as u64;
        let mut bytes = vec![0; count * POINT_BYTES];
        let mut filled = 0;
        while filled < bytes.len() {
            let read = self.file.read_at(&mut bytes[filled..], offset + filled as u64);
            match read.map_err(Error::io("read", &self.path))? {
                0 => break,
                read => filled += read,
            }
        }
        let points: Vec<_> = bytes[..filled].as_chunks::<POINT_BYTES>().0.iter().map(decode_point).collect();
        if points.is_empty() && count > 0 {
            return Err(Error::corrupt(
                &self.path,
                format!("it ends at slot {first} of the archive at {}", archive.offset),
            ));
        }
        Ok(points.into_iter().map(|(at, value)| (u32::try_from(at).unwrap_or(0), value)).collect())
    }
}
