//! A segment: what has left the ring, series after series, never changed once it has its name. It is written beside
//! its place, synced and renamed, so that it is there whole or not at all.
//!
//! ```text
//! header page                                index entry, 24 bytes, ascending by series, field
//!    0  8 bytes  "KYMOSEGM"                    0  u32  column
//!    8  u32      version                       4  u16  generation
//!   12  u32      step in seconds               6  u8   field
//!   16  i64      start of the first slot       7  u8   codec
//!   24  u32      slots                         8  u64  offset of the chunk in the file
//!   28  u32      entries                      16  u32  length of the chunk
//!   32  u64      offset of the index          20  u32  CRC-32C of the chunk
//!   40  u32      CRC-32C of the index
//! 4092  u32      CRC-32C of this page
//! then the chunks back to back, in the order in which they were given; then, at a multiple of 8, the index
//! ```

use super::codec::{Codec, Coder, LONGEST_CHUNK};
use super::disk::{Disk, FileDisk};
use super::layout::{PAGE, WORD};
use super::words::Words;
use crate::error::Error;
use crate::time::{Step, Timestamp};
use std::cmp::Ordering;
use std::fs::{self, File};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MAGIC: [u8; 8] = *b"KYMOSEGM";
const VERSION: u32 = 1;
const ENTRY: usize = 24;
const ENTRY_WORDS: usize = ENTRY / WORD;
const _: () = assert!(ENTRY.is_multiple_of(WORD));

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

/// One series of a segment, and what of it: a rolled-up series has a chunk for each of its aggregates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its column.
    pub column: u32,
    /// Which of the column's series.
    pub generation: u16,
    /// Which of its numbers; the writer's to number.
    pub field: u8,
}

struct Entry {
    key: Key,
    codec: Codec,
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
    pub fn begin(path: &Path, stretch: Stretch) -> Result<Draft, Error> {
        assert!((1..=LONGEST_CHUNK).contains(&(stretch.slots as usize)), "{stretch:?}");
        let beside = path.with_extension("new");
        let file = File::create(&beside).map_err(Error::io("create", &beside))?;
        let mut draft = Draft {
            path: path.to_owned(),
            beside,
            file: Some(BufWriter::with_capacity(1 << 20, file)),
            stretch,
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
        let mut chunk = std::mem::take(&mut self.chunk);
        chunk.clear();
        let coded = self.coder.encode(values, &mut chunk);
        if let Some(codec) = coded {
            let (length, crc) = (chunk.len() as u32, crc32c::crc32c(&chunk));
            self.entries.push(Entry { key, codec, offset: self.at, length, crc });
            self.write(&chunk)?;
        }
        self.chunk = chunk;
        Ok(())
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
        let padding = self.at.next_multiple_of(WORD as u64) - self.at;
        self.write(&[0; WORD][..padding as usize])?;
        let index_at = self.at;
        let index: Vec<u8> = self.entries.iter().flat_map(Entry::encode).collect();
        self.write(&index)?;
        let header = header(self.stretch, self.entries.len() as u32, index_at, crc32c::crc32c(&index));
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
    entries: usize,
    index_at: u64,
}

impl Segment {
    /// Opens a segment and checks its header and index.
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
        let (stretch, entries, index_at, crc) = decode(&page).map_err(|why| Error::corrupt(path, why))?;
        if index_at.checked_add((entries * ENTRY) as u64) != Some(bytes) {
            return Err(Error::corrupt(path, "it was cut short"));
        }
        let segment = Segment { path: path.to_owned(), words, stretch, entries, index_at };
        let mut index = Vec::new();
        segment.bytes(index_at, entries * ENTRY, &mut index)?;
        if crc32c::crc32c(&index) != crc {
            return Err(Error::corrupt(path, "the checksum of its index does not fit"));
        }
        Ok(segment)
    }

    /// The stretch of time.
    pub fn stretch(&self) -> Stretch {
        self.stretch
    }

    /// Chunks that it holds.
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
        let Some(entry) = self.find(key)? else { return Ok(false) };
        let mut chunk = Vec::new();
        self.bytes(entry.offset, entry.length as usize, &mut chunk)?;
        let fits = crc32c::crc32c(&chunk) == entry.crc;
        let decoded = fits.then(|| Coder::default().decode(entry.codec, &chunk, values)).flatten();
        let torn = || Error::corrupt(&self.path, format!("the checksum of a chunk of {key:?} does not fit"));
        decoded.map(|()| true).ok_or_else(torn)
    }

    /// The keys of all chunks, in order.
    ///
    /// # Errors
    /// The system's.
    pub fn keys(&self) -> impl Iterator<Item = Result<Key, Error>> + '_ {
        (0..self.entries).map(|i| self.entry(i).map(|entry| entry.key))
    }

    fn find(&self, key: Key) -> Result<Option<Entry>, Error> {
        let (mut low, mut high) = (0, self.entries);
        while low < high {
            let middle = low + (high - low) / 2;
            let entry = self.entry(middle)?;
            match entry.key.cmp(&key) {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Ok(Some(entry)),
            }
        }
        Ok(None)
    }

    fn entry(&self, index: usize) -> Result<Entry, Error> {
        let first = self.index_at as usize / WORD + index * ENTRY_WORDS;
        let mut bytes = [0; ENTRY];
        for (i, word) in bytes.as_chunks_mut::<WORD>().0.iter_mut().enumerate() {
            *word = self.words.load(first + i).map_err(Error::io("read", &self.path))?.to_le_bytes();
        }
        let entry = Entry::decode(&bytes).filter(|entry| entry.offset + u64::from(entry.length) <= self.index_at);
        entry.ok_or_else(|| Error::corrupt(&self.path, format!("entry {index} of its index makes no sense")))
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
        (bytes[6], bytes[7]) = (self.key.field, self.codec as u8);
        bytes[8..16].copy_from_slice(&self.offset.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.length.to_le_bytes());
        bytes[20..].copy_from_slice(&self.crc.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; ENTRY]) -> Option<Entry> {
        let [a, b, c, d, e, f, field, codec, offset @ .., l0, l1, l2, l3, c0, c1, c2, c3] = *bytes;
        let key = Key { column: u32::from_le_bytes([a, b, c, d]), generation: u16::from_le_bytes([e, f]), field };
        Some(Entry {
            key,
            codec: Codec::of(codec)?,
            // Within 2^48, so that no sum with a length overflows.
            offset: Some(u64::from_le_bytes(offset)).filter(|offset| *offset < 1 << 48)?,
            length: u32::from_le_bytes([l0, l1, l2, l3]),
            crc: u32::from_le_bytes([c0, c1, c2, c3]),
        })
    }
}

fn header(stretch: Stretch, entries: u32, index_at: u64, index_crc: u32) -> [u8; PAGE] {
    let mut page = [0; PAGE];
    page[..8].copy_from_slice(&MAGIC);
    page[8..12].copy_from_slice(&VERSION.to_le_bytes());
    page[12..16].copy_from_slice(&stretch.step.secs().to_le_bytes());
    page[16..24].copy_from_slice(&stretch.start.0.to_le_bytes());
    page[24..28].copy_from_slice(&stretch.slots.to_le_bytes());
    page[28..32].copy_from_slice(&entries.to_le_bytes());
    page[32..40].copy_from_slice(&index_at.to_le_bytes());
    page[40..44].copy_from_slice(&index_crc.to_le_bytes());
    super::layout::seal(&mut page);
    page
}

/// Stretch, entries, where the index is, and its checksum.
fn decode(page: &[u8; PAGE]) -> Result<(Stretch, usize, u64, u32), &'static str> {
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
    let sound = (1..=LONGEST_CHUNK as u32).contains(&slots) && index_at.is_multiple_of(WORD as u64);
    match Step::new(four(12)) {
        Some(step) if sound => {
            let stretch = Stretch { step, start: Timestamp(eight(16).cast_signed()), slots };
            Ok((stretch, four(28) as usize, index_at, four(40)))
        }
        _ => Err("its stretch of time makes no sense"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gap::GAP;

    const SLOTS: usize = 360;

    fn stretch() -> Stretch {
        Stretch { step: Step::new(10).expect("a step"), start: Timestamp(1_700_000_000), slots: SLOTS as u32 }
    }

    fn key(i: u32) -> Key {
        // Given in an order that is not theirs.
        Key { column: i * 7919 % 1000, generation: (i % 3) as u16, field: 0 }
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
        let mut draft = Draft::begin(path, stretch()).expect("begun");
        (0..200).for_each(|i| draft.push(key(i), &values(i)).expect("pushed"));
        draft.push(Key { column: 5000, generation: 0, field: 0 }, &[GAP; SLOTS]).expect("pushed");
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
        for absent in [Key { generation: 9, ..key(3) }, Key { column: 5000, ..key(3) }, Key { field: 1, ..key(3) }] {
            assert!(!segment.read(absent, &mut read).expect("readable"));
        }
        let keys: Vec<Key> = segment.keys().collect::<Result<_, _>>().expect("readable");
        assert!(keys.is_sorted() && keys.len() == 200);
    }

    #[test]
    fn a_draft_that_is_dropped_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.seg");
        let mut draft = Draft::begin(&path, stretch()).expect("begun");
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
