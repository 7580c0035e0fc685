//! A segment while it is written, series after series.

use super::{ENTRY, Entry, Key, Kind, PER_PAGE, SEVERAL, Stretch, header};
use crate::error::Error;
use crate::slab::codec::{Coder, LONGEST_CHUNK};
use crate::slab::layout::{self, PAGE};
use std::fs::{self, File};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// An import writes hundreds of segments side by side, each with such a buffer.
const BUFFER: usize = 256 << 10;

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
            file: Some(BufWriter::with_capacity(BUFFER, file)),
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

    /// Adds a chunk of this codec.
    pub(super) fn push_chunk(&mut self, key: Key, codec: u8, chunk: Vec<u8>) -> Result<(), Error> {
        self.chunk = chunk;
        self.append(key, codec)
    }

    /// The stretch of time.
    pub(super) fn stretch(&self) -> Stretch {
        self.stretch
    }

    /// Where it will lie.
    pub(crate) fn path(&self) -> &Path {
        &self.path
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

fn index_page(entries: &[Entry]) -> [u8; PAGE] {
    let mut page = [0; PAGE];
    for (bytes, entry) in page.as_chunks_mut::<ENTRY>().0.iter_mut().zip(entries) {
        *bytes = entry.encode();
    }
    layout::seal(&mut page);
    page
}

/// Appends a length in groups of seven bits, the low ones first.
pub(super) fn put_length(mut length: usize, out: &mut Vec<u8>) {
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
}
