//! The ring: the newest slots of every column of a schema. A slot is written whole, to a row that holds nothing that counts;
//! a slot that is written again takes another row, and its former row stays until the new one is on the medium. So a
//! power loss costs at most what was not synced, and a reader meets a row's old slot, or its new one, or neither.

mod shard;

use super::disk::Disk;
use super::layout::{self, Geometry, PAGE, PAGE_WORDS, RowHeader};
use super::row::{DirtyRow, Rows};
use crate::error::Error;
use crate::gap::GAP;
use crate::time::Timestamp;
use shard::Shard;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering, fence};
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;

/// A flush of so many bytes is written by two threads: what starting the other takes is then a small part of it.
const TWO_THREADS_BYTES: usize = 2 << 20;

/// An open ring. One thread flushes and syncs; any number read at the same time.
pub struct Ring {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    geometry: Geometry,
    /// Grows at its end only; the lock is held for a push, and for copying one pointer.
    shards: RwLock<Vec<Arc<Shard>>>,
    torn_pages: AtomicU64,
    /// The start of the newest slot that was ever written; `i64::MIN` when none was.
    newest: AtomicI64,
}

/// What was found when a ring was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Rows that hold a slot.
    pub rows: u64,
    /// Rows whose header was torn: their values are absent, unless a former row of their slot is still there.
    pub torn_rows: u64,
    /// Whether the first page of the file was damaged; it says nothing that was not asked for, and was written anew.
    pub had_no_header: bool,
    /// The highest number of a flush: an older slot may have been written again after the newest.
    pub last_flush: u64,
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
        let had_no_header =
            !Geometry::is_whole(&page) && Self::has_rows(&*disk, geometry, bytes).map_err(wrong("read"))?;
        let mut recovery = Recovery { had_no_header, ..Recovery::default() };
        if recovery.had_no_header || page == [0; PAGE] && bytes <= PAGE as u64 {
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
        let ring = Ring {
            disk,
            path: path.to_owned(),
            geometry,
            shards: RwLock::default(),
            torn_pages: AtomicU64::new(0),
            newest: AtomicI64::new(i64::MIN),
        };
        let whole = |shard: usize| geometry.extent_at(shard + 1) <= bytes;
        for shard in (0..).take_while(|&shard| whole(shard)) {
            let opened = ring.open_shard(shard)?;
            ring.recover(shard, &opened, &mut recovery)?;
            ring.push(opened);
        }
        Ok((ring, recovery))
    }

    /// Whether rows of a ring of this geometry lie where they belong in a file.
    fn has_rows(disk: &dyn Disk, geometry: Geometry, bytes: u64) -> std::io::Result<bool> {
        let mut page = [0; PAGE];
        if geometry.extent_at(1) > bytes {
            return Ok(false);
        }
        for row in 0..geometry.rows() {
            disk.read_at(&mut page, geometry.extent_at(0) + (row * layout::row_bytes(0)) as u64)?;
            if RowHeader::decode(&page, 0).is_some_and(|header| header.start == header.start.floor(geometry.step)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The step and the number of slots.
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Columns that room is reserved for.
    pub fn columns(&self) -> u64 {
        (0..self.len()).map(|shard| layout::columns(shard) as u64).sum()
    }

    /// Pages that were found torn since the ring was opened.
    pub fn torn_pages(&self) -> u64 {
        self.torn_pages.load(Ordering::Relaxed)
    }

    /// Writes the slot that begins at `start`, of each shard with a new value all its values, also those that an earlier
    /// flush wrote: one write a shard, nothing is synced. `flush` is higher than that of any flush before. Answers the bytes written. A shard that cannot
    /// be written loses nothing that was written before; the first error is answered after all were tried.
    ///
    /// # Errors
    /// The slot is older than those kept, the disk is full where a new shard needs room, or the system refuses.
    ///
    /// # Panics
    /// When `start` is not the start of a slot.
    pub fn flush(&self, start: Timestamp, flush: u64, rows: &mut Rows) -> Result<u64, Error> {
        assert_eq!(start, start.floor(self.geometry.step), "a slot begins at a multiple of its step");
        let mut dirty = rows.dirty();
        let grown = dirty.iter().try_for_each(|row| self.grow_to(row.shard));
        let most_bytes: usize = dirty.iter().map(|row| layout::row_bytes(row.shard)).sum();
        let written = if most_bytes < TWO_THREADS_BYTES {
            self.write_rows(start, flush, &mut dirty)
        } else {
            // Two shards have nothing in common, and the copying into the page cache is most of the work.
            let half = dirty.len() / 2;
            let (first, second) = dirty.split_at_mut(half);
            thread::scope(|scope| {
                let other = scope.spawn(|| self.write_rows(start, flush, second));
                let own = self.write_rows(start, flush, first);
                let other = other.join().unwrap_or_else(|_| Err(self.no_row(start)));
                own.and_then(|own| Ok(own + other?))
            })
        };
        grown.and(written)
    }

    /// Writes rows of different shards, those of them that the ring has room for. Answers the bytes.
    fn write_rows(&self, start: Timestamp, flush: u64, rows: &mut [DirtyRow<'_>]) -> Result<u64, Error> {
        let (mut bytes, mut first_error) = (0, None);
        for row in rows {
            match self.write_row(row.shard, start, flush, row.sealed(start, flush)) {
                Ok(0) => {}
                Ok(written) => {
                    bytes += written;
                    row.written();
                }
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        first_error.map_or(Ok(bytes), Err)
    }

    /// Takes the values of a slot that the ring holds into `rows`, which are empty.
    ///
    /// # Errors
    /// The system's.
    pub fn load(&self, start: Timestamp, rows: &mut Rows) -> Result<(), Error> {
        let mut values = [0; PAGE];
        for shard in 0..self.len() {
            for page in 0..layout::pages(shard) {
                if self.page(shard, page, start, &mut values)? {
                    rows.load(shard, page, &values);
                }
            }
        }
        Ok(())
    }

    /// One page of values of a slot; false, and nothing of use in `values`, where the ring has no whole one.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn page(
        &self,
        shard: usize,
        page: usize,
        start: Timestamp,
        values: &mut [u8; PAGE],
    ) -> Result<bool, Error> {
        let Some(opened) = self.shard(shard) else { return Ok(false) };
        let mut row = opened.newest(self.geometry.place(start));
        while let Some(at) = row.filter(|at| opened.start(*at) == Some(start)) {
            if opened.is_trusted(at, page) || self.fits(&opened, at, page)? {
                let first = opened.first_word(at) / PAGE_WORDS;
                opened.words.page(first + 1 + page, values).map_err(self.wrong("read"))?;
                fence(Ordering::Acquire);
                return Ok(opened.start(at) == Some(start));
            }
            row = opened.former(at);
        }
        Ok(false)
    }

    /// Whether the ring holds a row of the slot.
    pub(crate) fn holds(&self, start: Timestamp) -> bool {
        let place = self.geometry.place(start);
        let held = |shard: usize| {
            let opened = self.shard(shard)?;
            opened.newest(place).filter(|row| opened.start(*row) == Some(start))
        };
        (0..self.len()).any(|shard| held(shard).is_some())
    }

    /// The flush that wrote the newest row which holds a column in this slot, of those whose page is whole.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn flush_of(&self, start: Timestamp, column: u32) -> Result<Option<u64>, Error> {
        let (shard, cell) = layout::place(column);
        let Some(opened) = self.shard(shard) else { return Ok(None) };
        let mut row = opened.newest(self.geometry.place(start));
        while let Some(at) = row.filter(|at| opened.start(*at) == Some(start)) {
            if self.fits(&opened, at, cell / PAGE_WORDS)? {
                return Ok(Some(opened.flush(at)));
            }
            row = opened.former(at);
        }
        Ok(None)
    }

    /// One more than the last column that has a value, where that is beyond `named`; else `named`. Reads the header of each
    /// row of the last shards, and pages that are not all gaps.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn columns_end(&self, named: u32) -> Result<u32, Error> {
        let gaps = layout::crc_of_gaps();
        let mut end = named;
        let mut page = [0; PAGE];
        for shard in (layout::place(named).0..self.len()).rev() {
            let Some(opened) = self.shard(shard) else { break };
            let first_column = layout::first_column(shard);
            for row in (0..self.geometry.rows()).filter(|row| opened.start(*row).is_some()) {
                let header_at = opened.first_word(row) / PAGE_WORDS;
                opened.words.page(header_at, &mut page).map_err(self.wrong("read"))?;
                let from = end.saturating_sub(first_column) as usize / PAGE_WORDS;
                let filled = |i: &usize| layout::stated_crc(&page, *i) != gaps;
                for i in (from..layout::pages(shard)).filter(filled).collect::<Vec<_>>() {
                    if self.fits(&opened, row, i)? {
                        opened.words.page(header_at + 1 + i, &mut page).map_err(self.wrong("read"))?;
                        let is_value = |word: &[u8; layout::WORD]| *word != GAP.to_le_bytes();
                        let last = page.as_chunks().0.iter().rposition(is_value);
                        let last = last.map_or(0, |cell| first_column + (i * PAGE_WORDS + cell) as u32 + 1);
                        end = end.max(last);
                    }
                }
            }
        }
        Ok(end)
    }

    /// Shards of columns.
    pub(crate) fn shards(&self) -> usize {
        self.len()
    }

    /// The oldest slot that the ring holds, of those from `from` on.
    pub(crate) fn oldest_from(&self, from: Option<Timestamp>) -> Option<Timestamp> {
        (0..self.len()).filter_map(|shard| self.shard(shard)?.oldest_start(from)).min()
    }

    /// The newest slot.
    pub(crate) fn newest(&self) -> Option<Timestamp> {
        let newest = self.newest.load(Ordering::Acquire);
        (newest != i64::MIN).then_some(Timestamp(newest))
    }

    /// Gives up the former rows of slots that were written again, though the newer are not known to be on the medium.
    pub(crate) fn forgo_former_rows(&self) {
        for shard in self.shards.read().unwrap_or_else(PoisonError::into_inner).iter() {
            shard.free_superseded();
        }
    }

    /// Returns when every flush so far is on the medium.
    ///
    /// # Errors
    /// The system's; then nobody knows what is on the medium, and the former rows of slots stay.
    pub fn sync(&self) -> Result<(), Error> {
        self.disk.sync().map_err(Error::io("sync", &self.path))?;
        self.forgo_former_rows();
        Ok(())
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
            *value = self.value(&opened, start, cell)?;
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
            for row in (0..self.geometry.rows()).filter(|row| opened.start(*row).is_some()) {
                for page in 0..layout::pages(shard) {
                    self.fits(&opened, row, page)?;
                    looked_at += 1;
                }
            }
        }
        Ok(looked_at)
    }

    /// The value of a cell in the newest row of the slot whose page is whole.
    #[inline]
    fn value(&self, opened: &Shard, start: Timestamp, cell: usize) -> Result<f64, Error> {
        let place = self.geometry.place(start);
        let mut newest = opened.newest(place);
        loop {
            let mut row = newest;
            while let Some(at) = row.filter(|at| opened.start(*at) == Some(start)) {
                if opened.is_trusted(at, cell / PAGE_WORDS) || self.fits(opened, at, cell / PAGE_WORDS)? {
                    let word = opened.words.load(opened.first_word(at) + PAGE_WORDS + cell);
                    let word = word.map_err(self.wrong("read"))?;
                    fence(Ordering::Acquire);
                    if opened.start(at) == Some(start) {
                        return Ok(f64::from_bits(word));
                    }
                    break;
                }
                row = opened.former(at);
            }
            // The row may have been given to another slot because this one has a newer row now.
            let again = opened.newest(place);
            if again == newest {
                return Ok(GAP);
            }
            newest = again;
        }
    }

    /// Whether the checksum of a page fits; looked at once, then remembered either way.
    #[cold]
    fn fits(&self, opened: &Shard, row: usize, page: usize) -> Result<bool, Error> {
        if let Some(known) = opened.verdict(row, page) {
            return Ok(known);
        }
        let start = opened.start(row);
        let first_page = opened.first_word(row) / PAGE_WORDS;
        let (mut header, mut values) = ([0; PAGE], [0; PAGE]);
        opened.words.page(first_page, &mut header).map_err(self.wrong("read"))?;
        opened.words.page(first_page + 1 + page, &mut values).map_err(self.wrong("read"))?;
        let fits = crc32c::crc32c(&values) == layout::stated_crc(&header, page);
        fence(Ordering::Acquire);
        if opened.start(row) != start {
            // A flush has taken the row; what was compared belongs to two slots.
            return Ok(false);
        }
        if opened.judge(row, page, fits) && !fits {
            self.torn_pages.fetch_add(1, Ordering::Relaxed);
        }
        Ok(fits)
    }

    fn write_row(&self, shard: usize, start: Timestamp, flush: u64, bytes: &[u8]) -> Result<u64, Error> {
        // A shard that there is no room for was reported by whoever tried to make it.
        let Some(opened) = self.shard(shard) else { return Ok(0) };
        let row = opened.take_row(self.geometry, start).ok_or_else(|| self.no_row(start))?;
        let offset = self.geometry.extent_at(shard) + (row * layout::row_bytes(shard)) as u64;
        self.disk.write_at(bytes, offset).map_err(self.wrong("write"))?;
        opened.publish(self.geometry, row, start, flush);
        self.newest.fetch_max(start.0, Ordering::Release);
        Ok(bytes.len() as u64)
    }

    fn no_row(&self, start: Timestamp) -> Error {
        let kept = u64::from(self.geometry.slots) * u64::from(self.geometry.step.secs());
        let newest = (0..self.len()).filter_map(|shard| self.shard(shard)?.newest_start()).max();
        Error::NotCovered {
            path: self.path.clone(),
            at: start.0,
            now: newest.map_or(start.0, |newest| newest.0),
            kept: std::time::Duration::from_secs(kept),
        }
    }

    fn grow_to(&self, shard: usize) -> Result<(), Error> {
        for shard in self.len()..=shard {
            self.disk.reserve(self.geometry.extent_at(shard + 1)).map_err(self.wrong("reserve room for"))?;
            let opened = self.open_shard(shard)?;
            self.push(opened);
        }
        Ok(())
    }

    fn open_shard(&self, shard: usize) -> Result<Shard, Error> {
        let words = self.geometry.rows() * layout::row_bytes(shard) / layout::WORD;
        let words = Arc::clone(&self.disk).words(self.geometry.extent_at(shard), words).map_err(self.wrong("map"))?;
        Ok(Shard::new(shard, self.geometry, words))
    }

    /// Reads the header of each row of a shard.
    fn recover(&self, shard: usize, opened: &Shard, recovery: &mut Recovery) -> Result<(), Error> {
        let mut page = [0; PAGE];
        let mut found = Vec::new();
        for row in 0..self.geometry.rows() {
            let offset = self.geometry.extent_at(shard) + (row * layout::row_bytes(shard)) as u64;
            self.disk.read_at(&mut page, offset).map_err(self.wrong("read"))?;
            match RowHeader::decode(&page, shard) {
                Some(header) if header.start == header.start.floor(self.geometry.step) => found.push((header, row)),
                None if page == [0; PAGE] => {}
                _ => recovery.torn_rows += 1,
            }
        }
        recovery.rows += found.len() as u64;
        let newest = found.iter().map(|(header, _)| (header.start, header.flush)).max();
        recovery.newest = recovery.newest.max(newest);
        if let Some((newest, _)) = newest {
            self.newest.fetch_max(newest.0, Ordering::Release);
        }
        recovery.last_flush = found.iter().map(|(header, _)| header.flush).fold(recovery.last_flush, u64::max);
        // In the order in which they were written, so that each takes the place of the one before.
        found.sort_unstable_by_key(|(header, _)| header.flush);
        let oldest = newest.map(|(start, _)| self.geometry.oldest(start));
        for (header, row) in found.into_iter().filter(|(header, _)| Some(header.start) >= oldest) {
            opened.restore(self.geometry, row, header.start, header.flush);
        }
        self.review_former_rows(shard, opened)
    }

    /// A slot that was written twice keeps its former row only where the newer one is torn.
    fn review_former_rows(&self, shard: usize, opened: &Shard) -> Result<(), Error> {
        for row in 0..self.geometry.rows() {
            let Some(former) = opened.former(row) else { continue };
            let mut whole = true;
            for page in 0..layout::pages(shard) {
                whole &= self.fits(opened, row, page)?;
            }
            if whole {
                opened.supersede(former);
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
