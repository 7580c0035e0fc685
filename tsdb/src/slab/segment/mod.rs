//! A segment: what has left the ring, series after series, never changed once it has its name. It is written beside
//! its place, synced and renamed, so that it is there whole or not at all.
//!
//! ```text
//! header page                                index entry, 24 bytes, ascending by column, generation
//!    0  8 bytes  "KYMOSEGM"                    0  u32  column
//!    8  u32      version                       4  u16  generation
//!   12  u32      step in seconds               6  u8   codec, 255 for a chunk of several fields, 254 for blobs
//!   16  i64      start of the first slot       7  u8   zero
//!   24  u32      slots                         8  u64  offset of the chunk in the file
//!   28  u32      entries                      16  u32  length of the chunk
//!   32  u64      offset of the index          20  u32  CRC-32C of the chunk
//!   40  u32      CRC-32C of the fences
//!   44  u32      kind
//! 4092  u32      CRC-32C of this page
//! chunks    back to back, in the order in which they were given
//! index     pages of 170 entries, CRC-32C of each page in its last four bytes
//! fences    of each page of the index the first key: u64 column << 16 | generation
//!
//! chunk of several fields: u8 which fields, then for each a u8 codec and its length in groups of seven bits, low
//! groups first; then the fields' codings back to back
//! chunk of blobs (sketches): u8 0, or 1 where what follows is deflated, after its own length in such groups; of each blob
//! its slot less the one before and its length, both likewise; then the blobs back to back
//! ```

mod blobs;
mod draft;
mod look;
mod open;
#[cfg(test)]
mod tests;

pub(crate) use blobs::Blob;
pub use draft::Draft;
pub use open::Segment;

use super::codec::LONGEST_CHUNK;
use super::layout::PAGE;
use crate::time::{Step, Timestamp};

const MAGIC: [u8; 8] = *b"KYMOSEGM";
const VERSION: u32 = 2;
const ENTRY: usize = 24;
/// Entries of a page of the index.
const PER_PAGE: usize = (PAGE - 4) / ENTRY;
/// The codec byte of a chunk that holds several fields.
const SEVERAL: u8 = 255;

/// The codec byte of a chunk that holds blobs.
const BLOBS: u8 = 254;

/// Which stretch of time a segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Seconds of a slot.
    pub step: Step,
    /// The start of the first slot.
    pub start: Timestamp,
    /// Slots, 1 to 65,535.
    pub slots: u32,
}

/// Why a segment was written; later ones of a kind say what of a schema's past is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What came in time, and everything before it is sealed.
    Sealed = 1,
    /// What came late, or from elsewhere.
    Patch = 2,
    /// What several segments held.
    Merged = 3,
    /// What another store held. Until something is written here too, nothing of it is too old to be kept.
    Imported = 4,
}

impl Kind {
    /// Whether everything before it is sealed.
    pub(crate) fn is_whole(self) -> bool {
        matches!(self, Kind::Sealed | Kind::Merged)
    }
}

/// One series of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its column.
    pub column: u32,
    /// Which of the column's series.
    pub generation: u16,
}

impl Key {
    fn order(self) -> u64 {
        u64::from(self.column) << 16 | u64::from(self.generation)
    }
}

struct Entry {
    key: Key,
    codec: u8,
    offset: u64,
    length: u32,
    crc: u32,
}

impl Entry {
    fn encode(&self) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        bytes[..4].copy_from_slice(&self.key.column.to_le_bytes());
        bytes[4..6].copy_from_slice(&self.key.generation.to_le_bytes());
        bytes[6] = self.codec;
        bytes[8..16].copy_from_slice(&self.offset.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.length.to_le_bytes());
        bytes[20..].copy_from_slice(&self.crc.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; ENTRY]) -> Entry {
        let [a, b, c, d, e, f, codec, _, offset @ .., l0, l1, l2, l3, c0, c1, c2, c3] = *bytes;
        Entry {
            key: Key { column: u32::from_le_bytes([a, b, c, d]), generation: u16::from_le_bytes([e, f]) },
            codec,
            offset: u64::from_le_bytes(offset),
            length: u32::from_le_bytes([l0, l1, l2, l3]),
            crc: u32::from_le_bytes([c0, c1, c2, c3]),
        }
    }
}

fn header(stretch: Stretch, kind: Kind, entries: u32, index_at: u64, fences_crc: u32) -> [u8; PAGE] {
    let mut page = [0; PAGE];
    page[..8].copy_from_slice(&MAGIC);
    page[8..12].copy_from_slice(&VERSION.to_le_bytes());
    page[12..16].copy_from_slice(&stretch.step.secs().to_le_bytes());
    page[16..24].copy_from_slice(&stretch.start.0.to_le_bytes());
    page[24..28].copy_from_slice(&stretch.slots.to_le_bytes());
    page[28..32].copy_from_slice(&entries.to_le_bytes());
    page[32..40].copy_from_slice(&index_at.to_le_bytes());
    page[40..44].copy_from_slice(&fences_crc.to_le_bytes());
    page[44..48].copy_from_slice(&(kind as u32).to_le_bytes());
    super::layout::seal(&mut page);
    page
}

/// What a header page states.
struct Header {
    stretch: Stretch,
    kind: Kind,
    entries: usize,
    index_at: u64,
    fences_crc: u32,
}

fn decode(page: &[u8; PAGE]) -> Result<Header, &'static str> {
    let four = |at: usize| u32::from_le_bytes(page[at..].first_chunk().copied().unwrap_or_default());
    let eight = |at: usize| u64::from_le_bytes(page[at..].first_chunk().copied().unwrap_or_default());
    if page[..8] != MAGIC {
        return Err("it is no segment");
    }
    if !super::layout::is_sealed(page) {
        return Err("the checksum of its header does not fit");
    }
    if four(8) != VERSION {
        return Err("its version is not known");
    }
    let (slots, index_at) = (four(24), eight(32));
    let kind =
        [Kind::Sealed, Kind::Patch, Kind::Merged, Kind::Imported].into_iter().find(|kind| *kind as u32 == four(44));
    let sound = (1..=LONGEST_CHUNK as u32).contains(&slots) && index_at.is_multiple_of(PAGE as u64);
    match (Step::new(four(12)), kind) {
        (Some(step), Some(kind)) if sound => {
            let stretch = Stretch { step, start: Timestamp(eight(16).cast_signed()), slots };
            Ok(Header { stretch, kind, entries: four(28) as usize, index_at, fences_crc: four(40) })
        }
        _ => Err("its stretch of time makes no sense"),
    }
}
