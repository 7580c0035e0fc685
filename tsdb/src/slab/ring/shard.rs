//! What is known of the rows of one shard: which slot each holds, which row is the newest of a slot, and which pages were
//! found whole. Readers take no lock; the one thread that flushes changes it.

use crate::slab::layout::{self, Geometry};
use crate::slab::words::Words;
use crate::time::Timestamp;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering, fence};

/// The start of no slot: the row was never written, is being written, or its slot has a newer row.
const ABSENT: i64 = i64::MIN;
/// No row.
const NONE: u32 = u32::MAX;

/// An extent. Two bits a page and 20 bytes a row: 15 KiB for a shard of 65,536 columns and 360 slots.
pub(super) struct Shard {
    pub words: Words,
    row_words: usize,
    rows: Box<[Row]>,
    /// Of each slot kept, by its place, the newest row.
    newest: Box<[AtomicU32]>,
}

struct Row {
    start: AtomicI64,
    /// The flush that wrote it.
    flush: AtomicU64,
    /// The row that held the slot before, while it is kept.
    former: AtomicU32,
    /// Whether the slot has a newer row that is not on the medium yet.
    superseded: AtomicU32,
    /// Pages whose checksum was seen to fit, or that this process wrote.
    trusted: Box<[AtomicU64]>,
    /// Pages whose checksum was seen not to fit.
    torn: Box<[AtomicU64]>,
}

impl Shard {
    pub fn new(shard: usize, geometry: Geometry, words: Words) -> Shard {
        let bits = || (0..layout::pages(shard).div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        let row = || Row {
            start: AtomicI64::new(ABSENT),
            flush: AtomicU64::new(0),
            former: AtomicU32::new(NONE),
            superseded: AtomicU32::new(0),
            trusted: bits(),
            torn: bits(),
        };
        Shard {
            words,
            row_words: layout::row_bytes(shard) / layout::WORD,
            rows: (0..geometry.rows()).map(|_| row()).collect(),
            newest: (0..geometry.slots).map(|_| AtomicU32::new(NONE)).collect(),
        }
    }

    /// The word of the extent at which a row begins.
    pub fn first_word(&self, row: usize) -> usize {
        row * self.row_words
    }

    /// The slot that a row holds.
    #[inline]
    pub fn start(&self, row: usize) -> Option<Timestamp> {
        let start = self.rows[row].start.load(Ordering::Acquire);
        (start != ABSENT).then_some(Timestamp(start))
    }

    /// The newest row that was written for a place; it may hold another slot of that place, or none any more.
    #[inline]
    pub fn newest(&self, place: usize) -> Option<usize> {
        some(self.newest[place].load(Ordering::Acquire))
    }

    /// The row that held a row's slot before it.
    pub fn former(&self, row: usize) -> Option<usize> {
        some(self.rows[row].former.load(Ordering::Acquire))
    }

    /// The flush that wrote a row.
    pub fn flush(&self, row: usize) -> u64 {
        self.rows[row].flush.load(Ordering::Relaxed)
    }

    /// The newest slot.
    pub fn newest_start(&self) -> Option<Timestamp> {
        (0..self.rows.len()).filter_map(|row| self.start(row)).max()
    }

    /// The oldest slot, of those from `from` on.
    pub fn oldest_start(&self, from: Option<Timestamp>) -> Option<Timestamp> {
        let starts = (0..self.rows.len()).filter_map(|row| self.start(row));
        starts.filter(|start| from.is_none_or(|from| *start >= from)).min()
    }

    #[inline]
    pub fn is_trusted(&self, row: usize, page: usize) -> bool {
        is_set(&self.rows[row].trusted, page)
    }

    /// Whether a page was found whole or torn; `None` when nobody has looked.
    pub fn verdict(&self, row: usize, page: usize) -> Option<bool> {
        let Row { trusted, torn, .. } = &self.rows[row];
        if is_set(trusted, page) { Some(true) } else { is_set(torn, page).then_some(false) }
    }

    /// Remembers whether a page is whole; true for whoever says so first.
    pub fn judge(&self, row: usize, page: usize, fits: bool) -> bool {
        let Row { trusted, torn, .. } = &self.rows[row];
        let bits = if fits { trusted } else { torn };
        bits[page / 64].fetch_or(1 << (page % 64), Ordering::Relaxed) & 1 << (page % 64) == 0
    }

    /// A row for a slot: one that holds none, else the oldest whose slot is not kept any more. It holds nothing until it
    /// is published. `None` when the slot is older than those kept, or when every row is needed.
    pub fn take_row(&self, geometry: Geometry, start: Timestamp) -> Option<usize> {
        let newest = self.newest_start().map_or(start, |newest| newest.max(start));
        let oldest = geometry.oldest(newest);
        if start < oldest {
            return None;
        }
        let unneeded = |row: &usize| self.start(*row).is_none_or(|held| held < oldest);
        let row = (0..self.rows.len()).filter(unneeded).min_by_key(|row| self.start(*row))?;
        let taken = &self.rows[row];
        taken.start.store(ABSENT, Ordering::Relaxed);
        // Whoever sees a byte of the new row must see that the old slot is gone.
        fence(Ordering::SeqCst);
        taken.former.store(NONE, Ordering::Relaxed);
        taken.superseded.store(0, Ordering::Relaxed);
        Some(row)
    }

    /// The row was written whole by this process: it is the newest of its slot, and its pages are whole.
    pub fn publish(&self, geometry: Geometry, row: usize, start: Timestamp, flush: u64) {
        let written = &self.rows[row];
        written.trusted.iter().for_each(|bits| bits.store(u64::MAX, Ordering::Relaxed));
        written.torn.iter().for_each(|bits| bits.store(0, Ordering::Relaxed));
        if let Some(former) = self.place_on_top(geometry, row, start, flush) {
            self.supersede(former);
        }
    }

    /// The slot of a row has a newer one that is whole: the next sync frees it.
    pub fn supersede(&self, row: usize) {
        self.rows[row].superseded.store(1, Ordering::Relaxed);
    }

    /// The row was found on the medium; its pages are judged when they are read. A former row of its slot stays, because
    /// nobody knows how much of this one is whole.
    pub fn restore(&self, geometry: Geometry, row: usize, start: Timestamp, flush: u64) {
        self.place_on_top(geometry, row, start, flush);
    }

    /// Everything written is on the medium: slots that were written again need their former rows no more.
    pub fn free_superseded(&self) {
        for row in self.rows.iter() {
            let former = some(row.former.load(Ordering::Relaxed));
            let Some(former) = former.filter(|former| self.rows[*former].superseded.load(Ordering::Relaxed) == 1)
            else {
                continue;
            };
            row.former.store(NONE, Ordering::Release);
            self.rows[former].start.store(ABSENT, Ordering::Release);
        }
    }

    /// Makes a row the newest of its slot; answers the one that was.
    fn place_on_top(&self, geometry: Geometry, row: usize, start: Timestamp, flush: u64) -> Option<usize> {
        let place = geometry.place(start);
        let former = self.newest(place).filter(|former| self.start(*former) == Some(start));
        self.rows[row].former.store(former.map_or(NONE, |former| former as u32), Ordering::Relaxed);
        self.rows[row].flush.store(flush, Ordering::Relaxed);
        self.rows[row].start.store(start.0, Ordering::Release);
        self.newest[place].store(row as u32, Ordering::Release);
        former
    }
}

fn some(row: u32) -> Option<usize> {
    (row != NONE).then_some(row as usize)
}

fn is_set(bits: &[AtomicU64], page: usize) -> bool {
    bits[page / 64].load(Ordering::Relaxed) & 1 << (page % 64) != 0
}
