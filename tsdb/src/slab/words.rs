//! How a ring is read: as words, one at a time, copied out. Through a mapping that this process never writes to and never
//! borrows from, or through calls where there is no mapping.

use super::disk::Disk;
use super::layout::{PAGE, WORD};
use memmap2::{Advice, MmapOptions, MmapRaw};
use std::fs::File;
use std::io;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A stretch of a file as little-endian words.
pub struct Words {
    source: Source,
    words: usize,
}

enum Source {
    Mapped(MmapRaw),
    Read { disk: Arc<dyn Disk>, offset: u64 },
}

impl Words {
    /// Maps a stretch that lies within the file; `offset` is a multiple of the page.
    ///
    /// # Errors
    /// The system's, or the file ends before the stretch does.
    pub(crate) fn mapped(file: &File, offset: u64, words: usize) -> io::Result<Words> {
        assert!(offset.is_multiple_of(PAGE as u64), "a mapping begins at a page");
        if file.metadata()?.len() < offset + (words * WORD) as u64 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let map = MmapOptions::new().offset(offset).len(words * WORD).map_raw_read_only(file)?;
        // Rows are touched here and there: without this a touch would read megabytes around it.
        map.advise(Advice::Random)?;
        Ok(Words { source: Source::Mapped(map), words })
    }

    /// Reads a stretch by calls.
    pub(crate) fn read(disk: Arc<dyn Disk>, offset: u64, words: usize) -> Words {
        Words { source: Source::Read { disk, offset }, words }
    }

    /// One word.
    ///
    /// # Errors
    /// The system's; a mapping has none.
    #[inline]
    pub(crate) fn load(&self, index: usize) -> io::Result<u64> {
        assert!(index < self.words, "the word lies within the stretch");
        match &self.source {
            Source::Mapped(map) => Ok(u64::from_le(word(map, index).load(Ordering::Relaxed))),
            Source::Read { disk, offset } => {
                let mut bytes = [0; WORD];
                disk.read_at(&mut bytes, offset + (index * WORD) as u64)?;
                Ok(u64::from_le_bytes(bytes))
            }
        }
    }

    /// Begins to read a stretch of bytes into the page cache, so that whoever copies it soon waits once and not for each
    /// page. Only a hint: what fails is read page by page.
    pub(crate) fn prefetch(&self, at: usize, count: usize) {
        if let Source::Mapped(map) = &self.source
            && at.checked_add(count).is_some_and(|end| end <= map.len())
        {
            let _ = map.advise_range(Advice::WillNeed, at, count);
        }
    }

    /// Appends `count` bytes that begin anywhere.
    ///
    /// # Errors
    /// As [`Words::load`].
    pub(crate) fn bytes(&self, at: usize, count: usize, out: &mut Vec<u8>) -> io::Result<()> {
        assert!(at.checked_add(count).is_some_and(|end| end <= self.words * WORD), "the bytes lie within the stretch");
        let start = out.len();
        match &self.source {
            Source::Mapped(map) => {
                let (first, last) = (at / WORD, (at + count).div_ceil(WORD));
                // Where the bytes begin within a word, each word of the copy is the end of one and the beginning of the next.
                let bits = (at % WORD * 8) as u32;
                out.resize(start + count.next_multiple_of(WORD), 0);
                let load = |i: usize| u64::from_le(word(map, i).load(Ordering::Relaxed));
                let mut here = if count > 0 { load(first) } else { 0 };
                for (i, copy) in (first + 1..).zip(out[start..].as_chunks_mut::<WORD>().0) {
                    let next = if i < last { load(i) } else { 0 };
                    let both = u128::from(next) << 64 | u128::from(here);
                    *copy = ((both >> bits) as u64).to_le_bytes();
                    here = next;
                }
                out.truncate(start + count);
                Ok(())
            }
            Source::Read { disk, offset } => {
                out.resize(start + count, 0);
                disk.read_at(&mut out[start..], offset + at as u64)
            }
        }
    }

    /// One page, copied.
    ///
    /// # Errors
    /// As [`Words::load`].
    pub(crate) fn page(&self, index: usize, page: &mut [u8; PAGE]) -> io::Result<()> {
        let first = index * PAGE / WORD;
        assert!(first + PAGE / WORD <= self.words, "the page lies within the stretch");
        match &self.source {
            Source::Mapped(map) => {
                for (i, bytes) in page.as_chunks_mut::<WORD>().0.iter_mut().enumerate() {
                    *bytes = word(map, first + i).load(Ordering::Relaxed).to_ne_bytes();
                }
                Ok(())
            }
            Source::Read { disk, offset } => disk.read_at(page, offset + (index * PAGE) as u64),
        }
    }
}

/// A word of a mapping. Plain loads would be a data race with the kernel's writes, and safe code has no other way to a
/// mapping that is not borrowed as a slice.
#[inline]
fn word(map: &MmapRaw, index: usize) -> &AtomicU64 {
    let base = NonNull::new(map.as_mut_ptr().cast::<AtomicU64>()).expect("a mapping has an address");
    assert!(index < map.len() / WORD);
    // SAFETY: `index` is in bounds by the assertion; the mapping begins at a page, so every word is aligned; it stays
    // mapped while `map` is borrowed. This process reaches the mapping through relaxed 8-byte loads only, which are
    // allowed on memory that is mapped for reading, and never stores to it; the kernel's writes to the file are the only
    // others. The file is never truncated while it is mapped: the folder's lock keeps other writers of ours away.
    #[allow(unsafe_code)]
    unsafe {
        base.add(index).as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::disk::FileDisk;

    #[test]
    fn a_mapping_and_its_twin_see_the_same_words_and_later_writes() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("words");
        let disk = Arc::new(FileDisk::open(&path).expect("made"));
        assert!(Words::mapped(&File::open(&path).expect("there"), 0, 1).is_err(), "the file is empty");
        disk.reserve(3 * PAGE as u64).expect("room");
        let mapped = Arc::clone(&disk).words(PAGE as u64, 2 * PAGE / WORD).expect("mapped");
        assert!(matches!(mapped.source, Source::Mapped(_)));
        let twin = Words::read(disk.clone(), PAGE as u64, 2 * PAGE / WORD);
        for (i, number) in [(0, 7u64), (511, 8), (1023, u64::MAX)] {
            disk.write_at(&number.to_le_bytes(), (PAGE + i * WORD) as u64).expect("written");
            assert_eq!((mapped.load(i).expect("a word"), twin.load(i).expect("a word")), (number, number));
        }
        let (mut one, mut other) = ([0; PAGE], [0; PAGE]);
        mapped.page(1, &mut one).expect("a page");
        twin.page(1, &mut other).expect("a page");
        assert_eq!(one, other);
        assert_eq!(one[PAGE - WORD..], [255; WORD]);
    }
}
