//! A segment as it is read: one look at the fences in memory, one page of the index, one chunk.

use super::{ENTRY, Entry, Header, Key, Kind, PER_PAGE, SEVERAL, Stretch, decode};
use crate::error::Error;
use crate::gap::GAP;
use crate::slab::codec::{Codec, Coder};
use crate::slab::disk::{Disk, FileDisk};
use crate::slab::layout::{self, PAGE, WORD};
use crate::slab::words::Words;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// A longer chunk is read when its time comes.
const MOST_PREFETCHED: usize = 1 << 20;

/// Chunks with no more bytes between them are neighbours: a call costs more than reading these along.
const NEXT_TO: u64 = 16 << 10;

/// Pages of the index that an open segment keeps in memory: one for each query that reads somewhere else.
const LAST_PAGES: usize = 4;

/// A page of an index, by its number.
type LastPage = (usize, Box<[u8; PAGE]>);

/// An open segment.
pub struct Segment {
    path: PathBuf,
    words: Words,
    stretch: Stretch,
    kind: Kind,
    entries: usize,
    index_at: u64,
    /// Of each page of the index the first key.
    pub(super) fences: Vec<u64>,
    /// Pages of the index that were looked at last, for whoever asks for neighbours, in several places at once. Locked while one is
    /// looked at; who finds it taken reads the page for himself.
    last_pages: [Mutex<Option<LastPage>>; LAST_PAGES],
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
        let mut segment = Segment {
            path: path.to_owned(),
            words,
            stretch,
            kind,
            entries,
            index_at,
            fences: Vec::new(),
            last_pages: Default::default(),
        };
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

    /// Bytes of the file.
    pub fn file_bytes(&self) -> u64 {
        self.index_at + (self.fences.len() * (PAGE + WORD)) as u64
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

    /// The highest column of a series; `None` when there is none.
    ///
    /// # Errors
    /// The last page of the index is damaged, or the system refuses.
    pub(crate) fn last_column(&self) -> Result<Option<u32>, Error> {
        let Some(page) = self.fences.len().checked_sub(1) else { return Ok(None) };
        let bytes = self.index_page(page)?;
        Ok(self.entries_of(page, &bytes).last().map(|entry| entry.key.column))
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
    pub(super) fn chunk(&self, key: Key) -> Result<Option<(Entry, Vec<u8>)>, Error> {
        let Some(entry) = self.entry(key)? else { return Ok(None) };
        let mut chunk = Vec::with_capacity(entry.length as usize + WORD);
        self.checked_chunk(&entry, &mut chunk)?;
        Ok(Some((entry, chunk)))
    }

    /// Begins to read what there is of some series, so that their reads wait together. Neighbours are asked for in one call.
    pub(crate) fn prefetch(&self, keys: &[Key]) {
        // What is damaged is told by whoever reads it.
        let found = keys.iter().filter_map(|key| self.entry(*key).ok().flatten());
        let short = found.filter(|entry| entry.length as usize <= MOST_PREFETCHED);
        let mut ranges: Vec<_> = short.map(|entry| entry.offset..entry.offset + u64::from(entry.length)).collect();
        ranges.sort_unstable_by_key(|range| range.start);
        let mut ranges = ranges.into_iter().peekable();
        while let Some(mut range) = ranges.next() {
            while let Some(next) = ranges.next_if(|next| next.start <= range.end + NEXT_TO) {
                range.end = range.end.max(next.end);
            }
            self.words.prefetch(range.start as usize, (range.end - range.start) as usize);
        }
    }

    pub(super) fn entry(&self, key: Key) -> Result<Option<Entry>, Error> {
        // The last page whose first key is not beyond this one.
        let Some(page) = self.fences.partition_point(|fence| *fence <= key.order()).checked_sub(1) else {
            return Ok(None);
        };
        let Ok(mut last) = self.last_pages[page % LAST_PAGES].try_lock() else {
            return Ok(self.entry_on(page, &self.index_page(page)?, key));
        };
        if let Some((_, bytes)) = last.as_ref().filter(|(of, _)| *of == page) {
            return Ok(self.entry_on(page, bytes, key));
        }
        let bytes = Box::new(self.index_page(page)?);
        let entry = self.entry_on(page, &bytes, key);
        *last = Some((page, bytes));
        Ok(entry)
    }

    fn entry_on(&self, page: usize, bytes: &[u8; PAGE], key: Key) -> Option<Entry> {
        let entries = self.slots_of(page, bytes);
        let at = entries.partition_point(|bytes| Entry::decode(bytes).key.order() < key.order());
        entries.get(at).map(Entry::decode).filter(|entry| entry.key == key)
    }

    fn checked_chunk(&self, entry: &Entry, chunk: &mut Vec<u8>) -> Result<(), Error> {
        if entry.offset.checked_add(u64::from(entry.length)).is_none_or(|end| end > self.index_at) {
            return Err(self.nonsense(entry.key));
        }
        chunk.clear();
        if entry.length as usize > PAGE {
            self.words.prefetch(entry.offset as usize, entry.length as usize);
        }
        self.bytes(entry.offset, entry.length as usize, chunk)?;
        let fits = crc32c::crc32c(chunk) == entry.crc;
        let torn = || Error::corrupt(&self.path, format!("the checksum of the chunk of {:?} does not fit", entry.key));
        fits.then_some(()).ok_or_else(torn)
    }

    pub(super) fn index_page(&self, page: usize) -> Result<[u8; PAGE], Error> {
        let mut bytes = [0; PAGE];
        let index = self.index_at as usize / PAGE + page;
        self.words.page(index, &mut bytes).map_err(Error::io("read", &self.path))?;
        let torn = || Error::corrupt(&self.path, format!("the checksum of page {page} of its index does not fit"));
        layout::is_sealed(&bytes).then_some(bytes).ok_or_else(torn)
    }

    pub(super) fn entries_of<'a>(&self, page: usize, bytes: &'a [u8; PAGE]) -> impl Iterator<Item = Entry> + use<'a> {
        self.slots_of(page, bytes).iter().map(Entry::decode)
    }

    fn slots_of<'a>(&self, page: usize, bytes: &'a [u8; PAGE]) -> &'a [[u8; ENTRY]] {
        let count = (self.entries - page * PER_PAGE).min(PER_PAGE);
        &bytes.as_chunks::<ENTRY>().0[..count]
    }

    pub(super) fn nonsense(&self, key: Key) -> Error {
        Error::corrupt(&self.path, format!("the chunk of {key:?} makes no sense"))
    }

    fn bytes(&self, at: u64, count: usize, out: &mut Vec<u8>) -> Result<(), Error> {
        self.words.bytes(at as usize, count, out).map_err(Error::io("read", &self.path))
    }
}

pub(super) fn take_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut length = 0;
    for (i, byte) in bytes.iter().take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((length, &bytes[i + 1..]));
        }
    }
    None
}
