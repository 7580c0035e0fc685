//! The ring: the last `rows` slots of every column of a schema. A slot is written once and whole; a reader takes a value
//! only from a row whose slot is the one it expects, before and after the look, and only from a page whose checksum fits.

use super::disk::Disk;
use super::layout::{self, Geometry, PAGE, PAGE_WORDS, RowHeader};
use super::row::Rows;
use super::words::Words;
use crate::error::Error;
use crate::gap::GAP;
use crate::time::Timestamp;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering, fence};
use std::sync::{Arc, PoisonError, RwLock};

/// The start of no slot: the row was never written, is being written, or was torn.
const ABSENT: i64 = i64::MIN;

/// An open ring. One thread flushes; any number read at the same time.
pub struct Ring {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    geometry: Geometry,
    /// Grows at its end only; the lock is held for a push, and for copying one pointer.
    shards: RwLock<Vec<Arc<Shard>>>,
    torn_pages: AtomicU64,
}

/// One extent and what is known of its rows. Two bits a page: 2 KiB for a shard of 65,536 columns and 64 rows.
struct Shard {
    words: Words,
    row_words: usize,
    rows: Box<[Row]>,
}

struct Row {
    start: AtomicI64,
    /// Pages whose checksum was seen to fit, or that this process wrote.
    trusted: Box<[AtomicU64]>,
    /// Pages whose checksum was seen not to fit.
    torn: Box<[AtomicU64]>,
}

/// What was found when a ring was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Rows that hold a slot.
    pub rows: u64,
    /// Rows whose header was torn: their values are absent.
    pub torn_rows: u64,
    /// The newest slot and the number of the flush that wrote it.
    pub newest: Option<(Timestamp, u64)>,
}

impl Ring {
    /// Opens the ring in a file, or makes one in an empty file. Reads one page a row.
    ///
    /// # Errors
    /// The file is not a ring of this geometry, or the system refuses.
    pub fn open(disk: Arc<dyn Disk>, path: &Path, geometry: Geometry) -> Result<(Ring, Recovery), Error> {
        let wrong = |doing| Error::io(doing, path);
        let bytes = disk.bytes().map_err(wrong("look at"))?;
        let mut page = [0; PAGE];
        if bytes >= PAGE as u64 {
            disk.read_at(&mut page, 0).map_err(wrong("read"))?;
        }
        if page == [0; PAGE] && bytes <= PAGE as u64 {
            // New, or made by a process that ended before it had written the first page.
            disk.reserve(PAGE as u64).map_err(wrong("reserve room for"))?;
            disk.write_at(&geometry.encode(), 0).map_err(wrong("write"))?;
            disk.sync().map_err(wrong("sync"))?;
        } else {
            let found = Geometry::decode(&page).map_err(|why| Error::corrupt(path, why))?;
            if found != geometry {
                return Err(Error::corrupt(path, format!("it holds {found:?}, and {geometry:?} was asked for")));
            }
        }
        let ring =
            Ring { disk, path: path.to_owned(), geometry, shards: RwLock::default(), torn_pages: AtomicU64::new(0) };
        let mut recovery = Recovery::default();
        let whole = |shard: usize| geometry.extent_at(shard + 1) <= bytes;
        for shard in (0..).take_while(|&shard| whole(shard)) {
            let opened = ring.open_shard(shard)?;
            ring.recover(shard, &opened, &mut recovery)?;
            ring.push(opened);
        }
        Ok((ring, recovery))
    }

    /// The step and the number of slots.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Columns that room is reserved for.
    pub fn columns(&self) -> u64 {
        (0..self.len()).map(|shard| layout::columns(shard) as u64).sum()
    }

    /// Pages that were found torn since the ring was opened; their values are absent.
    pub fn torn_pages(&self) -> u64 {
        self.torn_pages.load(Ordering::Relaxed)
    }

    /// Writes the slot that begins at `start`: one write a shard, nothing is synced. Answers the bytes written. A shard
    /// that cannot be written loses its own values only; the first error is answered after all were tried.
    ///
    /// # Errors
    /// The disk is full where a new shard needs room, or the system refuses.
    ///
    /// # Panics
    /// When `start` is not the start of a slot.
    pub fn flush(&self, start: Timestamp, flush: u64, rows: &mut Rows) -> Result<u64, Error> {
        assert_eq!(start, start.floor(self.geometry.step), "a slot begins at a multiple of its step");
        let touched: Vec<usize> = rows.touched().collect();
        let (mut bytes, mut first_error) = (0, None);
        for shard in touched {
            match self.write_row(shard, start, rows.sealed(shard, start, flush)) {
                Ok(written) => bytes += written,
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        first_error.map_or(Ok(bytes), Err)
    }

    /// Returns when every flush so far is on the medium.
    ///
    /// # Errors
    /// The system's; then nobody knows what is on the medium.
    pub fn sync(&self) -> Result<(), Error> {
        self.disk.sync().map_err(Error::io("sync", &self.path))
    }

    /// Reads the slots of a column from the one that begins at `first` on, [`GAP`] where there is no value.
    ///
    /// # Errors
    /// The system's; a mapped ring has none.
    pub fn read(&self, column: u32, first: Timestamp, values: &mut [f64]) -> Result<(), Error> {
        let (shard, cell) = layout::place(column);
        let Some(opened) = self.shard(shard) else {
            values.fill(GAP);
            return Ok(());
        };
        let mut start = first.floor(self.geometry.step);
        for value in values {
            *value = self.value(shard, &opened, start, cell)?;
            start = start + i64::from(self.geometry.step.secs());
        }
        Ok(())
    }

    /// Checks every page of every row that holds a slot. Answers how many were looked at; [`Ring::torn_pages`] says how
    /// many are torn.
    ///
    /// # Errors
    /// The system's.
    pub fn check(&self) -> Result<u64, Error> {
        let mut looked_at = 0;
        for shard in 0..self.len() {
            let Some(opened) = self.shard(shard) else { break };
            for row in 0..opened.rows.len() {
                if opened.rows[row].start.load(Ordering::Acquire) == ABSENT {
                    continue;
                }
                for page in 0..layout::pages(shard) {
                    self.fits(&opened, row, page)?;
                    looked_at += 1;
                }
            }
        }
        Ok(looked_at)
    }

    fn value(&self, shard: usize, opened: &Shard, start: Timestamp, cell: usize) -> Result<f64, Error> {
        let row = self.geometry.row(start);
        if opened.rows[row].start.load(Ordering::Acquire) != start.0 {
            return Ok(GAP);
        }
        debug_assert!(cell < layout::columns(shard));
        let page = cell / PAGE_WORDS;
        if !is_set(&opened.rows[row].trusted, page) && !self.fits(opened, row, page)? {
            return Ok(GAP);
        }
        let word = opened.words.load(opened.first_word(row) + PAGE_WORDS + cell).map_err(self.wrong("read"))?;
        // The row may have been taken for a newer slot meanwhile.
        fence(Ordering::Acquire);
        let still = opened.rows[row].start.load(Ordering::Relaxed) == start.0;
        Ok(if still { f64::from_bits(word) } else { GAP })
    }

    /// Whether the checksum of a page fits; looked at once, then remembered either way.
    #[cold]
    fn fits(&self, opened: &Shard, row: usize, page: usize) -> Result<bool, Error> {
        let known = &opened.rows[row];
        if is_set(&known.trusted, page) {
            return Ok(true);
        }
        if is_set(&known.torn, page) {
            return Ok(false);
        }
        let start = known.start.load(Ordering::Acquire);
        let first_page = opened.first_word(row) / PAGE_WORDS;
        let (mut header, mut values) = ([0; PAGE], [0; PAGE]);
        opened.words.page(first_page, &mut header).map_err(self.wrong("read"))?;
        opened.words.page(first_page + 1 + page, &mut values).map_err(self.wrong("read"))?;
        let fits = crc32c::crc32c(&values) == layout::stated_crc(&header, page);
        fence(Ordering::Acquire);
        if known.start.load(Ordering::Relaxed) != start {
            // A flush has taken the row; what was compared belongs to two slots.
            return Ok(false);
        }
        if fits {
            set(&known.trusted, page);
        } else if set(&known.torn, page) {
            self.torn_pages.fetch_add(1, Ordering::Relaxed);
        }
        Ok(fits)
    }

    fn write_row(&self, shard: usize, start: Timestamp, bytes: &[u8]) -> Result<u64, Error> {
        while self.len() <= shard {
            self.grow()?;
        }
        let opened = self.shard(shard).expect("it was grown");
        let row = self.geometry.row(start);
        let known = &opened.rows[row];
        known.start.store(ABSENT, Ordering::Relaxed);
        // Whoever sees a byte of the new row must see that the old slot is gone.
        fence(Ordering::SeqCst);
        let offset = self.geometry.extent_at(shard) + (row * layout::row_bytes(shard)) as u64;
        self.disk.write_at(bytes, offset).map_err(self.wrong("write"))?;
        known.trusted.iter().for_each(|bits| bits.store(u64::MAX, Ordering::Relaxed));
        known.torn.iter().for_each(|bits| bits.store(0, Ordering::Relaxed));
        known.start.store(start.0, Ordering::Release);
        Ok(bytes.len() as u64)
    }

    fn grow(&self) -> Result<(), Error> {
        let shard = self.len();
        self.disk.reserve(self.geometry.extent_at(shard + 1)).map_err(self.wrong("reserve room for"))?;
        let opened = self.open_shard(shard)?;
        self.push(opened);
        Ok(())
    }

    fn open_shard(&self, shard: usize) -> Result<Shard, Error> {
        let row_words = layout::row_bytes(shard) / layout::WORD;
        let rows = self.geometry.rows as usize;
        let offset = self.geometry.extent_at(shard);
        let words = Arc::clone(&self.disk).words(offset, rows * row_words).map_err(self.wrong("map"))?;
        let bits = || (0..layout::pages(shard).div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        let row = || Row { start: AtomicI64::new(ABSENT), trusted: bits(), torn: bits() };
        Ok(Shard { words, row_words, rows: (0..rows).map(|_| row()).collect() })
    }

    /// Reads the header of each row of a shard.
    fn recover(&self, shard: usize, opened: &Shard, recovery: &mut Recovery) -> Result<(), Error> {
        let mut page = [0; PAGE];
        for (i, row) in opened.rows.iter().enumerate() {
            let offset = self.geometry.extent_at(shard) + (i * layout::row_bytes(shard)) as u64;
            self.disk.read_at(&mut page, offset).map_err(self.wrong("read"))?;
            match RowHeader::decode(&page, shard) {
                Some(header) if self.geometry.row(header.start) == i => {
                    row.start.store(header.start.0, Ordering::Release);
                    recovery.rows += 1;
                    recovery.newest = recovery.newest.max(Some((header.start, header.flush)));
                }
                None if page == [0; PAGE] => {}
                _ => recovery.torn_rows += 1,
            }
        }
        Ok(())
    }

    fn push(&self, shard: Shard) {
        self.shards.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(shard));
    }

    fn shard(&self, shard: usize) -> Option<Arc<Shard>> {
        self.shards.read().unwrap_or_else(PoisonError::into_inner).get(shard).cloned()
    }

    fn len(&self) -> usize {
        self.shards.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn wrong(&self, doing: &'static str) -> impl FnOnce(std::io::Error) -> Error {
        Error::io(doing, &self.path)
    }
}

impl Shard {
    fn first_word(&self, row: usize) -> usize {
        row * self.row_words
    }
}

fn is_set(bits: &[AtomicU64], page: usize) -> bool {
    bits[page / 64].load(Ordering::Relaxed) & 1 << (page % 64) != 0
}

/// Sets a bit; whether it was not set before.
fn set(bits: &[AtomicU64], page: usize) -> bool {
    bits[page / 64].fetch_or(1 << (page % 64), Ordering::Relaxed) & 1 << (page % 64) == 0
}
