//! The header of a compressed file: checked at open against its checksum and the file's length, so that every block lies
//! inside the file and nothing is reserved for what a header merely claims.

use super::super::file::{POINT_BYTES, decode_point};
use super::super::header::{COMPRESSED_MAGIC, be_u32};
use super::block::{FIRST_BYTES, POINTS_PER_BYTE, checksum};
use super::method::Method;
use crate::error::Error;
use crate::retention::Archive;
use crate::time::Step;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

const VERSION: u8 = 1;
/// Where the fixed part ends.
const METADATA_END: usize = 63;
const CHECKSUM_AT: usize = 43;
const ARCHIVE_BYTES: usize = 128;
const RANGE_BYTES: u64 = 16;
/// go-whisper keeps two of the coarser archive's steps in a buffer.
const BUFFERED_STEPS: u64 = 2;
/// Longest block that is read: a usual one has 100 KB at most.
const BLOCK_BYTES_MAX: u32 = 16 << 20;

/// What a compressed file says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct CompressedHeader {
    /// The version of the format.
    pub version: u8,
    /// How points are rolled up into coarser archives.
    pub method: Method,
    /// The longest retention, in seconds.
    pub max_retention_secs: u32,
    /// Share of known points from which a coarser point is written.
    pub x_files_factor: f32,
    /// Points that a block is laid out for.
    pub points_per_block: u32,
    /// The archives, finest first. In a mix, several have the same step.
    pub archives: Vec<CompressedArchive>,
}

/// An archive and its blocks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CompressedArchive {
    /// Step and points.
    pub archive: Archive,
    /// The file offset of its first block.
    pub offset: u64,
    /// Bytes of a block.
    pub block_bytes: u32,
    /// How many blocks there are.
    pub blocks: u32,
    /// In a mix, what this archive holds; `None` otherwise, and for the finest.
    pub method: Option<Method>,
}

impl CompressedArchive {
    /// Bytes of all its blocks.
    pub fn size_bytes(&self) -> u64 {
        u64::from(self.block_bytes) * u64::from(self.blocks)
    }
}

/// What is needed to read an archive's points.
pub(super) struct Archived {
    pub blocks: Vec<Block>,
    /// The block that is written, and how many of its bytes are final.
    pub current: u32,
    pub current_bytes: u32,
    /// Points that are in no block yet.
    pub buffer: Vec<(i64, f64)>,
}

/// One block's range.
pub(super) struct Block {
    pub index: u32,
    /// Its first and last time; the first is 0 when it is empty.
    pub start: u32,
    pub end: u32,
    /// Counted from 0.
    pub last_point: u32,
    pub checksum: u32,
}

/// Reads and checks a header.
pub(super) fn read(file: &File, path: &Path) -> Result<(CompressedHeader, Vec<Archived>), Error> {
    let file_bytes = file.metadata().map_err(Error::io("stat", path))?.len();
    let corrupt = |why: String| Error::corrupt(path, why);
    let read_to = |end: u64| -> Result<Vec<u8>, Error> {
        let end = if end <= file_bytes { usize::try_from(end).ok() } else { None };
        let mut bytes = vec![0; end.ok_or_else(|| corrupt("it ends inside its header".into()))?];
        file.read_exact_at(&mut bytes, 0).map_err(Error::io("read header of", path))?;
        Ok(bytes)
    };
    let start = read_to(METADATA_END as u64)?;
    let archives = be_u32(&start, 35);
    let described = read_to(METADATA_END as u64 + u64::from(archives) * ARCHIVE_BYTES as u64)?;
    let header = decode(&described, file_bytes).map_err(corrupt)?;
    let ranges = header.archives.iter().map(|archive| u64::from(archive.blocks) * RANGE_BYTES).sum::<u64>();
    let buffers = (0..header.archives.len()).map(|i| buffer_bytes(&header, i)).sum::<u64>();
    let whole = read_to((described.len() as u64).saturating_add(ranges).saturating_add(buffers))?;
    if header_checksum(&whole) != be_u32(&whole, CHECKSUM_AT) {
        return Err(corrupt("its header has another checksum than it says".into()));
    }
    if let Some(i) = header.archives.iter().position(|archive| archive.offset < whole.len() as u64) {
        return Err(corrupt(format!("archive {i} begins inside the header")));
    }
    let archived = archived(&header, &whole, described.len()).map_err(corrupt)?;
    Ok((header, archived))
}

/// Decodes what stands before the blocks' ranges.
fn decode(bytes: &[u8], file_bytes: u64) -> Result<CompressedHeader, String> {
    if !bytes.starts_with(COMPRESSED_MAGIC) {
        return Err("it is not compressed".into());
    }
    let version = bytes[COMPRESSED_MAGIC.len()];
    if version != VERSION {
        return Err(format!("it is compressed in version {version} of the format, and only {VERSION} is known"));
    }
    let code = be_u32(bytes, 19);
    let method = Method::from_code(code, 0.0).filter(|method| !matches!(method, Method::Percentile(_)));
    let method = method.ok_or_else(|| format!("unknown aggregation code {code}"))?;
    let x_files_factor = f32::from_bits(be_u32(bytes, 27));
    if !(0.0..=1.0).contains(&x_files_factor) {
        return Err(format!("its x-files factor is {x_files_factor}, not between 0 and 1"));
    }
    let entries = bytes[METADATA_END..].chunks_exact(ARCHIVE_BYTES).enumerate();
    let archives = entries.map(|(i, entry)| decode_archive(i, entry, method, file_bytes));
    let archives = archives.collect::<Result<Vec<_>, String>>()?;
    if archives.is_empty() {
        return Err("it has no archives".into());
    }
    for (i, pair) in archives.windows(2).enumerate() {
        let (fine, coarse) = (pair[0].archive.step.secs(), pair[1].archive.step.secs());
        let beside = method == Method::Mix && i > 0 && fine == coarse;
        if !beside && (coarse <= fine || coarse % fine != 0) {
            return Err(format!("a step of {coarse} s does not follow one of {fine} s"));
        }
    }
    Ok(CompressedHeader {
        version,
        method,
        max_retention_secs: be_u32(bytes, 23),
        x_files_factor,
        points_per_block: be_u32(bytes, 31),
        archives,
    })
}

fn decode_archive(i: usize, entry: &[u8], method: Method, file_bytes: u64) -> Result<CompressedArchive, String> {
    let (step, points) = (Step::new(be_u32(entry, 4)), be_u32(entry, 8));
    let Some(step) = step.filter(|_| points > 0) else {
        return Err(format!("archive {i} has no step or no points"));
    };
    let method = if method == Method::Mix && i > 0 {
        let (code, percent) = (u32::from(entry[24]), f32::from_bits(be_u32(entry, 25)));
        let own = Method::from_code(code, percent).filter(|own| *own != Method::Mix);
        let own = own.filter(|own| !matches!(own, Method::Percentile(percent) if !(0.0..=100.0).contains(percent)));
        Some(own.ok_or_else(|| format!("archive {i} has unknown aggregation code {code}"))?)
    } else {
        None
    };
    let described = CompressedArchive {
        archive: Archive { step, points },
        offset: u64::from(be_u32(entry, 0)),
        block_bytes: be_u32(entry, 12),
        blocks: be_u32(entry, 16),
        method,
    };
    if described.blocks == 0 || !(FIRST_BYTES as u32..=BLOCK_BYTES_MAX).contains(&described.block_bytes) {
        return Err(format!("archive {i} has {} blocks of {} bytes", described.blocks, described.block_bytes));
    }
    let end = described.offset + described.size_bytes();
    if end > file_bytes {
        return Err(format!("it is truncated: archive {i} ends at byte {end}, the file at {file_bytes}"));
    }
    if u64::from(points) > described.size_bytes() * POINTS_PER_BYTE {
        return Err(format!("archive {i} has {points} points, more than its blocks can hold"));
    }
    Ok(described)
}

fn buffer_bytes(header: &CompressedHeader, i: usize) -> u64 {
    let (Some(archive), Some(next)) = (header.archives.get(i), header.archives.get(i + 1)) else { return 0 };
    if header.method == Method::Mix {
        return 0;
    }
    let points = u64::from(next.archive.step.secs() / archive.archive.step.secs());
    BUFFERED_STEPS * points * POINT_BYTES as u64
}

fn header_checksum(bytes: &[u8]) -> u32 {
    let mut bytes = bytes.to_vec();
    bytes[CHECKSUM_AT..CHECKSUM_AT + 4].fill(0);
    checksum(&bytes)
}

/// The ranges and buffers, which begin at `at`.
fn archived(header: &CompressedHeader, bytes: &[u8], mut at: usize) -> Result<Vec<Archived>, String> {
    let mut all = Vec::with_capacity(header.archives.len());
    for (i, archive) in header.archives.iter().enumerate() {
        let entry = &bytes[METADATA_END + i * ARCHIVE_BYTES..][..ARCHIVE_BYTES];
        // In a mix the method and its percentile stand before the state of the block that is written.
        let state = &entry[if archive.method.is_some() { 29 } else { 24 }..];
        let (current, reached) = (be_u32(state, 0), u64::from(be_u32(state, 44)));
        let begins = archive.offset + u64::from(current) * u64::from(archive.block_bytes);
        let current_bytes = if reached == 0 { Some(0) } else { reached.checked_sub(begins) };
        let current_bytes = current_bytes.and_then(|bytes| u32::try_from(bytes).ok());
        let Some(current_bytes) = current_bytes.filter(|bytes| *bytes <= archive.block_bytes) else {
            return Err(format!("archive {i} is written at byte {reached}, outside its block {current}"));
        };
        let ranges = archive.blocks as usize * RANGE_BYTES as usize;
        let block = |(index, range): (usize, &[u8])| Block {
            index: index as u32,
            start: be_u32(range, 0),
            end: be_u32(range, 4),
            last_point: be_u32(range, 8),
            checksum: be_u32(range, 12),
        };
        let blocks = bytes[at..at + ranges].chunks_exact(RANGE_BYTES as usize).enumerate().map(block).collect();
        at += ranges;
        let waiting = usize::try_from(buffer_bytes(header, i)).map_err(|_| "it has too large a buffer")?;
        let points = bytes[at..at + waiting].as_chunks::<POINT_BYTES>().0.iter().map(decode_point);
        let buffer = points.filter(|(at, _)| *at != 0).collect();
        at += waiting;
        all.push(Archived { blocks, current, current_bytes, buffer });
    }
    Ok(all)
}
