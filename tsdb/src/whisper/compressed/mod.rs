//! go-whisper's compressed files ("cwhisper"), which go-carbon writes: they are read and never written.
//!
//! ```text
//!     0   18 bytes "whisper_compressed", u8 version (1)
//!    19   u32 method, u32 longest retention, f32 x-files factor, u32 points a block, u32 archives n, f32 bytes a point,
//!         u32 crc32 of all before the blocks, 16 bytes free
//!    63   n times 128 bytes: u32 offset, u32 step, u32 points, u32 bytes a block, u32 blocks, f32 bytes a point,
//!         [in a mix, not in the first: u8 method, f32 percentile], the state of the block that is written, free bytes
//!         for each archive: its blocks' ranges of 16 bytes (u32 start, end, index of the last point, crc32), then, except
//!         in a mix and in the last, a buffer of points of 12 bytes that are not yet in a block
//!         the blocks: the first point of 12 bytes, then the differences of times and values, bit by bit
//! ```
//! Everything is big-endian; only a number that is longer than 8 bits and lies in a block begins with its lowest byte.
//! Reading path: header, block (bits to points), fetch.

mod block;
mod fetch;
mod header;
mod method;

pub use header::{CompressedArchive, CompressedHeader};
pub use method::Method;

use crate::error::Error;
use block::{checksum, decode};
use header::Archived;
use std::fs::File;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// An open compressed file with a checked header.
pub(crate) struct Compressed {
    file: File,
    path: PathBuf,
    header: CompressedHeader,
    archived: Vec<Archived>,
}

impl Compressed {
    /// Opens a file and checks its header, checksum included.
    pub(crate) fn open(path: &Path) -> Result<Compressed, Error> {
        let file = File::open(path).map_err(Error::io("open", path))?;
        let (header, archived) = header::read(&file, path)?;
        Ok(Compressed { file, path: path.to_owned(), header, archived })
    }

    pub(crate) fn header(&self) -> &CompressedHeader {
        &self.header
    }

    /// Hands every point of an archive's blocks from `from` until `until`, both included, to `each`, oldest first.
    fn stored(&self, archive: usize, from: i64, until: i64, mut each: impl FnMut(i64, f64)) -> Result<(), Error> {
        let (described, archived) = (&self.header.archives[archive], &self.archived[archive]);
        let mut blocks: Vec<_> = archived.blocks.iter().filter(|block| block.start != 0).collect();
        blocks.sort_by_key(|block| block.start);
        for block in blocks {
            if i64::from(block.end) < from || until < i64::from(block.start) {
                continue;
            }
            let offset = described.offset + u64::from(block.index) * u64::from(described.block_bytes);
            let mut bytes = vec![0; described.block_bytes as usize];
            self.file.read_exact_at(&mut bytes, offset).map_err(Error::io("read", &self.path))?;
            // Of the block that is written the last byte is not final.
            let sealed = if block.index == archived.current { archived.current_bytes } else { described.block_bytes };
            let broken =
                |why: &str| Error::corrupt(&self.path, format!("block {} of archive {archive} {why}", block.index));
            if checksum(&bytes[..sealed as usize]) != block.checksum {
                return Err(broken("has another checksum than the header says"));
            }
            let points = u64::from(block.last_point) + 1;
            let complete = decode(&bytes, described.archive.step, points, |at, value| {
                if from <= at && at <= until {
                    each(at, value);
                }
                if at < until { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
            complete.map_err(broken)?;
        }
        Ok(())
    }
}

/// The header of a compressed file.
///
/// # Errors
/// The file is missing, corrupt, or no compressed file.
pub fn compressed_info(path: &Path) -> Result<CompressedHeader, Error> {
    Ok(Compressed::open(path)?.header)
}

/// All points of an archive, oldest first, and then those that wait in its buffer.
///
/// # Errors
/// The file is missing or corrupt, or has no such archive.
pub fn compressed_points(path: &Path, archive: usize) -> Result<Vec<(i64, f64)>, Error> {
    let file = Compressed::open(path)?;
    let Some(archived) = file.archived.get(archive) else {
        return Err(Error::corrupt(path, format!("it has no archive {archive}")));
    };
    let mut points = Vec::new();
    file.stored(archive, i64::MIN, i64::MAX, |at, value| points.push((at, value)))?;
    points.extend(&archived.buffer);
    Ok(points)
}
