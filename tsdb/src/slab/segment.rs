//! A segment: what has left the ring, series after series, never changed once it has its name. It is written beside
//! its place, synced and renamed, so that it is there whole or not at all.
//!
//! ```text
//! header page                                index entry, 24 bytes, ascending by column, generation
//!    0  8 bytes  "KYMOSEGM"                    0  u32  column
//!    8  u32      version                       4  u16  generation
//!   12  u32      step in seconds               6  u8   codec, or 255 for a chunk of several fields
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
//! ```

use super::codec::{Codec, Coder, LONGEST_CHUNK};
use super::disk::{Disk, FileDisk};
use super::layout::{PAGE, WORD};
use super::words::Words;
use crate::error::Error;
use crate::gap::GAP;
use crate::time::{Step, Timestamp};
use std::fs::{self, File};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MAGIC: [u8; 8] = *b"KYMOSEGM";
const VERSION: u32 = 2;
const ENTRY: usize = 24;
/// Entries of a page of the index.
const PER_PAGE: usize = (PAGE - 4) / ENTRY;
/// The codec byte of a chunk that holds several fields.
const SEVERAL: u8 = 255;

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

/// A segment that is being written. Dropped before [`Draft::finish`], it leaves nothing behind.
pub struct Draft {
    path: PathBuf,
    beside: PathBuf,
    file: Option<BufWriter<File>>,
    stretch: Stretch,
    kind: Kind,
    coder: Coder,
    chunk: Vec<u8>,
    entries: Vec<Entry>,
    at: u64,
}

impl Draft {
    /// Begins a segment that will lie at `path`.
    ///
    /// # Errors
    /// The system's.
    ///
    /// # Panics
    /// When the stretch has no slot, or more than a chunk can hold.
    pub fn begin(path: &Path, stretch: Stretch, kind: Kind) -> Result<Draft, Error> {
        assert!((1..=LONGEST_CHUNK).contains(&(stretch.slots as usize)), "{stretch:?}");
        let beside = path.with_extension("new");
        let file = File::create(&beside).map_err(Error::io("create", &beside))?;
        let mut draft = Draft {
            path: path.to_owned(),
            beside,
            file: Some(BufWriter::with_capacity(1 << 20, file)),
            stretch,
            kind,
            coder: Coder::default(),
            chunk: Vec::new(),
            entries: Vec::new(),
            at: 0,
        };
        draft.write(&[0; PAGE])?;
        Ok(draft)
    }

    /// Adds the slots of a series. One that has no value takes no room. Series that are read together should be given
    /// one after the other.
    ///
    /// # Errors
    /// The disk is full, or the system refuses.
    ///
    /// # Panics
    /// When there are not as many values as the stretch has slots.
    pub fn push(&mut self, key: Key, values: &[f64]) -> Result<(), Error> {
        assert_eq!(values.len(), self.stretch.slots as usize, "a chunk covers the whole stretch");
        self.chunk.clear();
        match self.coder.encode(values, &mut self.chunk) {
            Some(codec) => self.append(key, codec as u8),
            None => Ok(()),
        }
    }

    /// Adds the slots of a series of several fields, in each slot all of them or those that are not gaps. One that has
    /// no value takes no room.
    ///
    /// # Errors
    /// The disk is full, or the system refuses.
    ///
    /// # Panics
    /// When there are more than eight fields, or not as many values of each as the stretch has slots.
    pub fn push_fields(&mut self, key: Key, fields: &[Vec<f64>]) -> Result<(), Error> {
        assert!(fields.len() <= 8, "a byte says which fields there are");
        let (mut which, mut heads, mut codings) = (0u8, Vec::new(), Vec::new());
        for (i, values) in fields.iter().enumerate() {
            assert_eq!(values.len(), self.stretch.slots as usize, "a chunk covers the whole stretch");
            let start = codings.len();
            if let Some(codec) = self.coder.encode(values, &mut codings) {
                which |= 1 << i;
                heads.push(codec as u8);
                put_length(codings.len() - start, &mut heads);
            }
        }
        if which == 0 {
            return Ok(());
        }
        self.chunk.clear();
        self.chunk.push(which);
        self.chunk.append(&mut heads);
        self.chunk.append(&mut codings);
        self.append(key, SEVERAL)
    }

    fn append(&mut self, key: Key, codec: u8) -> Result<(), Error> {
        let chunk = std::mem::take(&mut self.chunk);
        let (length, crc) = (chunk.len() as u32, crc32c::crc32c(&chunk));
        self.entries.push(Entry { key, codec, offset: self.at, length, crc });
        self.write(&chunk)?;
        self.chunk = chunk;
        Ok(())
    }

    /// Whether nothing was added that has a value.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Writes the index and the header, syncs, and gives the segment its name. Answers its bytes.
    ///
    /// # Errors
    /// The disk is full, or the system refuses; then there is no segment.
    ///
    /// # Panics
    /// When a key was given twice.
    pub fn finish(mut self) -> Result<u64, Error> {
        self.entries.sort_unstable_by_key(|entry| entry.key);
        assert!(self.entries.is_sorted_by(|one, next| one.key < next.key), "a key comes once");
        let padding = self.at.next_multiple_of(PAGE as u64) - self.at;
        self.write(&[0; PAGE][..padding as usize])?;
        let index_at = self.at;
        let entries = std::mem::take(&mut self.entries);
        for entries in entries.chunks(PER_PAGE) {
            self.write(&index_page(entries))?;
        }
        let fences: Vec<u8> = entries.chunks(PER_PAGE).flat_map(|page| page[0].key.order().to_le_bytes()).collect();
        self.write(&fences)?;
        let header = header(self.stretch, self.kind, entries.len() as u32, index_at, crc32c::crc32c(&fences));
        let bytes = self.at;
        let mut file = self.file.take().expect("until it is finished");
        let seal = |file: &mut BufWriter<File>| {
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&header)?;
            file.flush()?;
            file.get_ref().sync_all()
        };
        let sealed = seal(&mut file).map_err(Error::io("write", &self.beside));
        let named = sealed
            .and_then(|()| fs::rename(&self.beside, &self.path).map_err(Error::io("rename", &self.beside)))
            .inspect_err(|_| {
                let _ = fs::remove_file(&self.beside);
            });
        named?;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", folder))?;
        Ok(bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let file = self.file.as_mut().expect("until it is finished");
        file.write_all(bytes).map_err(Error::io("write", &self.beside))?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(file) = self.file.take() {
            // What is buffered is not wanted any more.
            let _ = file.into_parts();
            let _ = fs::remove_file(&self.beside);
        }
    }
}

/// An open segment.
pub struct Segment {
    path: PathBuf,
    words: Words,
    stretch: Stretch,
    kind: Kind,
    entries: usize,
    index_at: u64,
    /// Of each page of the index the first key.
    fences: Vec<u64>,
}

impl Segment {
    /// Opens a segment and checks its header and the fences; pages of the index and chunks are checked whenever they are read.
    ///
    /// # Errors
    /// It is damaged, or the system refuses.
    pub fn open(path: &Path) -> Result<Segment, Error> {
        let disk = Arc::new(FileDisk::open_sealed(path).map_err(Error::io("open", path))?);
        let bytes = disk.bytes().map_err(Error::io("look at", path))?;
        if bytes < PAGE as u64 || !bytes.is_multiple_of(WORD as u64) {
            return Err(Error::corrupt(path, format!("a segment does not have {bytes} bytes")));
        }
        let words = disk.words(0, (bytes / WORD as u64) as usize).map_err(Error::io("map", path))?;
        let mut page = [0; PAGE];
        words.page(0, &mut page).map_err(Error::io("read", path))?;
        let header = decode(&page).map_err(|why| Error::corrupt(path, why))?;
        let pages = header.entries.div_ceil(PER_PAGE);
        if header.index_at.checked_add((pages * (PAGE + WORD)) as u64) != Some(bytes) {
            return Err(Error::corrupt(path, "it was cut short"));
        }
        let Header { stretch, kind, entries, index_at, .. } = header;
        let mut segment =
            Segment { path: path.to_owned(), words, stretch, kind, entries, index_at, fences: Vec::new() };
        let mut fences = Vec::new();
        segment.bytes(index_at + (pages * PAGE) as u64, pages * WORD, &mut fences)?;
        if crc32c::crc32c(&fences) != header.fences_crc {
            return Err(Error::corrupt(path, "the checksum of its fences does not fit"));
        }
        segment.fences = fences.as_chunks::<WORD>().0.iter().map(|word| u64::from_le_bytes(*word)).collect();
        Ok(segment)
    }

    /// The stretch of time.
    pub fn stretch(&self) -> Stretch {
        self.stretch
    }

    /// Why it was written.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Series that it holds.
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Reads all slots of a series into `values`; false, and nothing touched, when the segment has none of it.
    ///
    /// # Errors
    /// The chunk is damaged, or the system refuses.
    ///
    /// # Panics
    /// When there are not as many values as the stretch has slots.
    pub fn read(&self, key: Key, values: &mut [f64]) -> Result<bool, Error> {
        assert_eq!(values.len(), self.stretch.slots as usize, "a chunk covers the whole stretch");
        let Some((entry, chunk)) = self.chunk(key)? else { return Ok(false) };
        let decoded = Codec::of(entry.codec).and_then(|codec| Coder::default().decode(codec, &chunk, values));
        decoded.map(|()| true).ok_or_else(|| self.nonsense(key))
    }

    /// Reads all slots of some fields of a series, those whose bits are set in `wanted`; a field that it does not have is
    /// gaps. False, and nothing touched, when the segment has none of the series.
    ///
    /// # Errors
    /// The chunk is damaged, or the system refuses.
    pub fn read_fields(&self, key: Key, wanted: u8, fields: &mut [Vec<f64>]) -> Result<bool, Error> {
        let Some((entry, chunk)) = self.chunk(key)? else { return Ok(false) };
        let several = Some(()).filter(|()| entry.codec == SEVERAL);
        let decoded = several.and_then(|()| self.decode_fields(&chunk, wanted, fields));
        decoded.map(|()| true).ok_or_else(|| self.nonsense(key))
    }

    fn decode_fields(&self, chunk: &[u8], wanted: u8, fields: &mut [Vec<f64>]) -> Option<()> {
        let (which, mut rest) = chunk.split_first()?;
        let mut codings = [None; 8];
        for coding in (0..8).filter(|i| which & 1 << i != 0).map(|i| i as usize) {
            let (codec, after) = rest.split_first()?;
            let (length, after) = take_length(after)?;
            codings[coding] = Some((Codec::of(*codec)?, length));
            rest = after;
        }
        let mut coder = Coder::default();
        for (i, coding) in codings.into_iter().enumerate() {
            let part = match coding {
                Some((codec, length)) => {
                    let (part, after) = rest.split_at_checked(length)?;
                    rest = after;
                    Some((codec, part))
                }
                None => None,
            };
            let Some(values) = fields.get_mut(i).filter(|_| wanted & 1 << i != 0) else { continue };
            values.clear();
            values.resize(self.stretch.slots as usize, GAP);
            if let Some((codec, part)) = part {
                coder.decode(codec, part, values)?;
            }
        }
        rest.is_empty().then_some(())
    }

    /// The keys of all series, in order.
    ///
    /// # Errors
    /// The index is damaged, or the system refuses.
    pub fn keys(&self) -> Result<Vec<Key>, Error> {
        let mut keys = Vec::with_capacity(self.entries);
        for page in 0..self.fences.len() {
            let bytes = self.index_page(page)?;
            keys.extend(self.entries_of(page, &bytes).map(|entry| entry.key));
        }
        Ok(keys)
    }

    /// Checks every page of the index and every chunk; answers how many chunks there are.
    ///
    /// # Errors
    /// The first damage that was found.
    pub fn check(&self) -> Result<u64, Error> {
        let mut chunk = Vec::new();
        for page in 0..self.fences.len() {
            let bytes = self.index_page(page)?;
            for entry in self.entries_of(page, &bytes) {
                self.checked_chunk(&entry, &mut chunk)?;
            }
        }
        Ok(self.entries as u64)
    }

    /// Where a series is, and its bytes, their checksum seen to fit.
    fn chunk(&self, key: Key) -> Result<Option<(Entry, Vec<u8>)>, Error> {
        // The last page whose first key is not beyond this one.
        let Some(page) = self.fences.partition_point(|fence| *fence <= key.order()).checked_sub(1) else {
            return Ok(None);
        };
        let bytes = self.index_page(page)?;
        let Some(entry) = self.entries_of(page, &bytes).find(|entry| entry.key == key) else { return Ok(None) };
        let mut chunk = Vec::with_capacity(entry.length as usize + WORD);
        self.checked_chunk(&entry, &mut chunk)?;
        Ok(Some((entry, chunk)))
    }

    fn checked_chunk(&self, entry: &Entry, chunk: &mut Vec<u8>) -> Result<(), Error> {
        if entry.offset.checked_add(u64::from(entry.length)).is_none_or(|end| end > self.index_at) {
            return Err(self.nonsense(entry.key));
        }
        chunk.clear();
        self.bytes(entry.offset, entry.length as usize, chunk)?;
        let fits = crc32c::crc32c(chunk) == entry.crc;
        let torn = || Error::corrupt(&self.path, format!("the checksum of the chunk of {:?} does not fit", entry.key));
        fits.then_some(()).ok_or_else(torn)
    }

    fn index_page(&self, page: usize) -> Result<[u8; PAGE], Error> {
        let mut bytes = [0; PAGE];
        let index = self.index_at as usize / PAGE + page;
        self.words.page(index, &mut bytes).map_err(Error::io("read", &self.path))?;
        let torn = || Error::corrupt(&self.path, format!("the checksum of page {page} of its index does not fit"));
        super::layout::is_sealed(&bytes).then_some(bytes).ok_or_else(torn)
    }

    fn entries_of<'a>(&self, page: usize, bytes: &'a [u8; PAGE]) -> impl Iterator<Item = Entry> + use<'a> {
        let count = (self.entries - page * PER_PAGE).min(PER_PAGE);
        bytes.as_chunks::<ENTRY>().0[..count].iter().map(Entry::decode)
    }

    fn nonsense(&self, key: Key) -> Error {
        Error::corrupt(&self.path, format!("the chunk of {key:?} makes no sense"))
    }

    fn bytes(&self, at: u64, count: usize, out: &mut Vec<u8>) -> Result<(), Error> {
        self.words.bytes(at as usize, count, out).map_err(Error::io("read", &self.path))
    }
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

fn index_page(entries: &[Entry]) -> [u8; PAGE] {
    let mut page = [0; PAGE];
    for (bytes, entry) in page.as_chunks_mut::<ENTRY>().0.iter_mut().zip(entries) {
        *bytes = entry.encode();
    }
    super::layout::seal(&mut page);
    page
}

/// Appends a length in groups of seven bits, the low ones first.
fn put_length(mut length: usize, out: &mut Vec<u8>) {
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}

fn take_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut length = 0;
    for (i, byte) in bytes.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((length, &bytes[i + 1..]));
        }
    }
    None
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
    let kind = [Kind::Sealed, Kind::Patch, Kind::Merged].into_iter().find(|kind| *kind as u32 == four(44));
    let sound = (1..=LONGEST_CHUNK as u32).contains(&slots) && index_at.is_multiple_of(PAGE as u64);
    match (Step::new(four(12)), kind) {
        (Some(step), Some(kind)) if sound => {
            let stretch = Stretch { step, start: Timestamp(eight(16).cast_signed()), slots };
            Ok(Header { stretch, kind, entries: four(28) as usize, index_at, fences_crc: four(40) })
        }
        _ => Err("its stretch of time makes no sense"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOTS: usize = 360;

    fn stretch() -> Stretch {
        Stretch { step: Step::new(10).expect("a step"), start: Timestamp(1_700_000_000), slots: SLOTS as u32 }
    }

    fn key(i: u32) -> Key {
        // Given in an order that is not theirs.
        Key { column: i * 7919 % 1000, generation: (i % 3) as u16 }
    }

    fn values(i: u32) -> Vec<f64> {
        let value = |slot: u32| match i % 4 {
            0 => f64::from(i),
            1 => f64::from(slot * i % 97) / 10.0,
            2 if slot.is_multiple_of(9) => f64::from(slot),
            2 => GAP,
            _ => f64::from(slot).sin(),
        };
        (0..SLOTS as u32).map(value).collect()
    }

    fn write(path: &Path) -> u64 {
        let mut draft = Draft::begin(path, stretch(), Kind::Sealed).expect("begun");
        (0..200).for_each(|i| draft.push(key(i), &values(i)).expect("pushed"));
        draft.push(Key { column: 5000, generation: 0 }, &[GAP; SLOTS]).expect("pushed");
        draft.finish().expect("finished")
    }

    #[test]
    fn every_series_comes_back_and_no_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.seg");
        let bytes = write(&path);
        assert_eq!(fs::metadata(&path).expect("there").len(), bytes);
        let segment = Segment::open(&path).expect("a segment");
        assert_eq!((segment.stretch(), segment.len()), (stretch(), 200));
        let mut read = vec![0.0; SLOTS];
        for i in 0..200 {
            assert!(segment.read(key(i), &mut read).expect("readable"));
            assert!(read.iter().zip(values(i)).all(|(one, other)| one.to_bits() == other.to_bits()), "{i}");
        }
        for absent in [Key { generation: 9, ..key(3) }, Key { column: 5000, ..key(3) }] {
            assert!(!segment.read(absent, &mut read).expect("readable"));
        }
        let keys = segment.keys().expect("readable");
        assert!(keys.is_sorted() && keys.len() == 200);
    }

    #[test]
    fn several_fields_come_back_and_the_unwanted_are_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.seg");
        let mut draft = Draft::begin(&path, stretch(), Kind::Patch).expect("begun");
        let given = [values(1), vec![GAP; SLOTS], values(3), values(4)];
        draft.push_fields(key(7), &given).expect("pushed");
        draft.push_fields(key(8), &[vec![GAP; SLOTS]]).expect("pushed");
        draft.finish().expect("finished");
        let segment = Segment::open(&path).expect("a segment");
        assert_eq!((segment.kind(), segment.len(), segment.check().expect("whole")), (Kind::Patch, 1, 1));
        let mut read = vec![vec![1.0]; 5];
        assert!(segment.read_fields(key(7), 0b1_0111, &mut read).expect("readable"));
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        for i in 0..3 {
            assert_eq!(bits(&read[i]), bits(&given[i]));
        }
        assert_eq!((&read[3], bits(&read[4])), (&vec![1.0], bits(&[GAP; SLOTS])));
        assert!(!segment.read_fields(key(8), 1, &mut read).expect("readable"));
        assert!(segment.read(key(7), &mut [0.0; SLOTS]).is_err(), "it is not one field");
    }

    #[test]
    fn a_draft_that_is_dropped_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.seg");
        let mut draft = Draft::begin(&path, stretch(), Kind::Sealed).expect("begun");
        draft.push(key(1), &values(1)).expect("pushed");
        drop(draft);
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 0);
    }

    #[test]
    fn damage_anywhere_is_an_error_or_harmless_and_never_a_wrong_value() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.seg");
        write(&path);
        let whole = fs::read(&path).expect("readable");
        let mut read = vec![0.0; SLOTS];
        for at in (0..whole.len()).step_by(211) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x40;
            fs::write(&path, &bytes).expect("written");
            let Ok(segment) = Segment::open(&path) else { continue };
            for i in 0..200 {
                if let Ok(found) = segment.read(key(i), &mut read) {
                    assert!(found && read.iter().zip(values(i)).all(|(one, other)| one.to_bits() == other.to_bits()));
                }
            }
        }
        for length in [0, 8, 4095, 4096, whole.len() - 8, whole.len() - 3] {
            fs::write(&path, &whole[..length]).expect("written");
            assert!(matches!(Segment::open(&path), Err(Error::Corrupt { .. })), "{length} bytes");
        }
    }
}
