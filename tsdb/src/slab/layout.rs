//! The bytes of a ring file. Everything is little-endian; a page is 4 KiB, and every page carries a CRC-32C somewhere.
//!
//! ```text
//! file     one header page, then one extent for each shard of columns; it grows by whole extents
//! extent   one row for each slot that the ring keeps, and a few more, in no order
//! row      one header page, then the shard's columns, 8 bytes each, a whole number of pages
//!
//! file header                           row header
//!    0  8 bytes  "KYMORING"                0  u32  magic "KROW"
//!    8  u32      version                   4  u32  version
//!   12  u32      step in seconds           8  u32  shard
//!   16  u32      slots                    12  u32  columns
//! 4092  u32      CRC of the page          16  i64  start of the slot in epoch seconds
//!                                         24  u64  number of the flush
//!                                         64  u32  CRC of each page of values
//!                                       4092  u32  CRC of this page
//! ```
//! A column without a value holds [`GAP`](crate::GAP).

use crate::time::{Step, Timestamp};

/// Bytes of a page: what a disk writes whole at best, and what one checksum covers.
pub(crate) const PAGE: usize = 4096;
/// Bytes of a value.
pub(crate) const WORD: usize = 8;
/// Values of a page.
pub(crate) const PAGE_WORDS: usize = PAGE / WORD;

/// The first shards are small, so that a few hundred series do not reserve the room of sixty thousand.
const SMALL_SHARDS: usize = 16;
const SMALL_COLUMNS: usize = 4096;
/// The others are as wide as one row header has checksums for, and a half: 128 pages.
const LARGE_COLUMNS: usize = 65_536;

const FILE_MAGIC: [u8; 8] = *b"KYMORING";
const ROW_MAGIC: u32 = u32::from_le_bytes(*b"KROW");
const VERSION: u32 = 1;
const CRCS_AT: usize = 64;
const PAGE_CRC_AT: usize = PAGE - 4;

const _: () = assert!(SMALL_COLUMNS.is_multiple_of(PAGE_WORDS) && LARGE_COLUMNS.is_multiple_of(PAGE_WORDS));
const _: () = assert!(CRCS_AT + LARGE_COLUMNS / PAGE_WORDS * 4 <= PAGE_CRC_AT, "a header has room for all checksums");

/// Which shard holds a column, and where in its rows.
pub(crate) fn place(column: u32) -> (usize, usize) {
    const SMALL: usize = SMALL_SHARDS * SMALL_COLUMNS;
    match column as usize {
        small @ ..SMALL => (small / SMALL_COLUMNS, small % SMALL_COLUMNS),
        large => (SMALL_SHARDS + (large - SMALL) / LARGE_COLUMNS, (large - SMALL) % LARGE_COLUMNS),
    }
}

/// The first column of a shard.
pub(crate) fn first_column(shard: usize) -> u32 {
    let small = shard.min(SMALL_SHARDS) * SMALL_COLUMNS;
    (small + shard.saturating_sub(SMALL_SHARDS) * LARGE_COLUMNS) as u32
}

/// Columns of a shard.
pub(crate) fn columns(shard: usize) -> usize {
    if shard < SMALL_SHARDS { SMALL_COLUMNS } else { LARGE_COLUMNS }
}

/// Pages of values in a row of a shard.
pub(crate) fn pages(shard: usize) -> usize {
    columns(shard) / PAGE_WORDS
}

/// Bytes of a row of a shard, its header included.
pub(crate) fn row_bytes(shard: usize) -> usize {
    PAGE + columns(shard) * WORD
}

/// Where a shard's row begins when those of all shards lie one after the other.
#[inline]
pub(crate) fn row_offset(shard: usize) -> usize {
    let small = shard.min(SMALL_SHARDS);
    small * row_bytes(0) + (shard - small) * row_bytes(SMALL_SHARDS)
}

/// More slots than any retention has, and few enough that no sum of bytes overflows.
const MOST_SLOTS: u32 = 1 << 24;
/// Rows beyond the slots kept: for slots that are written again while their former row must stay.
const SPARE_ROWS: u32 = 8;

/// The step of a ring and how many slots it keeps; both stay for the life of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Seconds of a slot.
    pub step: Step,
    /// Slots kept, at least 1.
    pub slots: u32,
}

impl Geometry {
    /// Rows of an extent.
    pub(crate) fn rows(self) -> usize {
        (self.slots + SPARE_ROWS) as usize
    }

    /// The place in an index of all slots kept of the one that begins at `start`.
    pub(crate) fn place(self, start: Timestamp) -> usize {
        let slot = start.0.div_euclid(i64::from(self.step.secs()));
        slot.rem_euclid(i64::from(self.slots)) as usize
    }

    /// The start of the oldest slot that is kept when `newest` is the start of the newest.
    pub(crate) fn oldest(self, newest: Timestamp) -> Timestamp {
        newest - i64::from(self.step.secs()) * i64::from(self.slots - 1)
    }

    /// Bytes of a shard's extent.
    pub(crate) fn extent_bytes(self, shard: usize) -> u64 {
        self.rows() as u64 * row_bytes(shard) as u64
    }

    /// Where a shard's extent begins in the file.
    pub(crate) fn extent_at(self, shard: usize) -> u64 {
        let small = shard.min(SMALL_SHARDS) as u64;
        let large = shard.saturating_sub(SMALL_SHARDS) as u64;
        PAGE as u64 + small * self.extent_bytes(0) + large * self.extent_bytes(SMALL_SHARDS)
    }

    /// The first page of the file.
    pub(crate) fn encode(self) -> [u8; PAGE] {
        let mut page = [0; PAGE];
        page[..8].copy_from_slice(&FILE_MAGIC);
        put_u32(&mut page, 8, VERSION);
        put_u32(&mut page, 12, self.step.secs());
        put_u32(&mut page, 16, self.slots);
        seal(&mut page);
        page
    }

    /// Whether a file's first page is whole and a ring's.
    pub(crate) fn is_whole(page: &[u8; PAGE]) -> bool {
        page[..8] == FILE_MAGIC && is_sealed(page)
    }

    /// The geometry that a file's first page states, or what is wrong with the page.
    pub(crate) fn decode(page: &[u8; PAGE]) -> Result<Geometry, &'static str> {
        if page[..8] != FILE_MAGIC {
            return Err("it is no ring file");
        }
        if !is_sealed(page) {
            return Err("the checksum of its header does not fit");
        }
        if get_u32(page, 8) != VERSION {
            return Err("its version is not known");
        }
        let slots = get_u32(page, 16);
        match Step::new(get_u32(page, 12)) {
            Some(step) if (1..=MOST_SLOTS).contains(&slots) => Ok(Geometry { step, slots }),
            _ => Err("its step or its number of slots makes no sense"),
        }
    }
}

/// What a row's header page says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RowHeader {
    /// The start of its slot.
    pub start: Timestamp,
    /// The flush that wrote it.
    pub flush: u64,
}

impl RowHeader {
    /// Writes the header page of a row whose values follow it in `row`.
    pub(crate) fn encode(self, shard: usize, row: &mut [u8]) {
        assert_eq!(row.len(), row_bytes(shard), "a row is written whole");
        let (page, values) = row.split_first_chunk_mut::<PAGE>().expect("a row begins with a page");
        page.fill(0);
        put_u32(page, 0, ROW_MAGIC);
        put_u32(page, 4, VERSION);
        put_u32(page, 8, shard as u32);
        put_u32(page, 12, columns(shard) as u32);
        page[16..24].copy_from_slice(&self.start.0.to_le_bytes());
        page[24..32].copy_from_slice(&self.flush.to_le_bytes());
        for (i, values) in values.chunks_exact(PAGE).enumerate() {
            put_u32(page, CRCS_AT + 4 * i, crc32c::crc32c(values));
        }
        seal(page);
    }

    /// The header of a row of this shard; `None` for a page that is none, or torn.
    pub(crate) fn decode(page: &[u8; PAGE], shard: usize) -> Option<RowHeader> {
        let known = get_u32(page, 0) == ROW_MAGIC
            && get_u32(page, 4) == VERSION
            && get_u32(page, 8) as usize == shard
            && get_u32(page, 12) as usize == columns(shard);
        let eight = |at: usize| page[at..].first_chunk::<8>().copied().unwrap_or_default();
        (known && is_sealed(page)).then(|| RowHeader {
            start: Timestamp(i64::from_le_bytes(eight(16))),
            flush: u64::from_le_bytes(eight(24)),
        })
    }
}

/// The checksum that a header page states for one page of values.
pub(crate) fn stated_crc(header: &[u8; PAGE], page: usize) -> u32 {
    get_u32(header, CRCS_AT + 4 * page)
}

/// The checksum of a page in which no column has a value.
pub(crate) fn crc_of_gaps() -> u32 {
    crc32c::crc32c(&crate::gap::GAP.to_le_bytes().repeat(PAGE_WORDS))
}

/// Writes the checksum of a header page into its last four bytes.
pub(crate) fn seal(page: &mut [u8; PAGE]) {
    let crc = crc32c::crc32c(&page[..PAGE_CRC_AT]);
    put_u32(page, PAGE_CRC_AT, crc);
}

/// Whether the checksum of a header page fits.
pub(crate) fn is_sealed(page: &[u8; PAGE]) -> bool {
    crc32c::crc32c(&page[..PAGE_CRC_AT]) == get_u32(page, PAGE_CRC_AT)
}

fn put_u32(page: &mut [u8; PAGE], at: usize, value: u32) {
    page[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

fn get_u32(page: &[u8; PAGE], at: usize) -> u32 {
    u32::from_le_bytes(page[at..].first_chunk().copied().unwrap_or_default())
}
