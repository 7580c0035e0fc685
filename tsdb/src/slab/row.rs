//! Rows while they are filled: the values of one slot, for every shard, laid out as they will lie in the file, so that
//! a flush is one write a shard. The buffers are kept from flush to flush.

use super::layout::{PAGE, RowHeader, WORD, columns, place, row_bytes};
use crate::gap::GAP;
use crate::time::Timestamp;

/// One slot of all columns: 8 bytes a column, and a page for each shard.
#[derive(Default)]
pub struct Rows {
    /// `None` where no column of the shard was ever set.
    shards: Vec<Option<Row>>,
}

struct Row {
    /// Header page and values.
    bytes: Vec<u8>,
    /// Whether it holds a value.
    is_filled: bool,
    /// Whether it holds a value that the ring does not.
    is_dirty: bool,
}

impl Rows {
    /// Sets the value of a column; the last one set stays. A [`GAP`] is no value and sets nothing.
    ///
    /// Allocates only for the first column of a shard.
    #[inline]
    pub fn set(&mut self, column: u32, value: f64) {
        if crate::is_gap(value) {
            return;
        }
        let (shard, cell) = place(column);
        if self.shards.len() <= shard {
            self.shards.resize_with(shard + 1, || None);
        }
        let row = self.shards[shard].get_or_insert_with(|| Row::new(shard));
        (row.is_filled, row.is_dirty) = (true, true);
        let at = PAGE + cell * WORD;
        row.bytes[at..at + WORD].copy_from_slice(&value.to_le_bytes());
    }

    /// The value of a column; [`GAP`] where none was set.
    pub fn value(&self, column: u32) -> f64 {
        let (shard, cell) = place(column);
        let row = self.shards.get(shard).and_then(Option::as_ref).filter(|row| row.is_filled);
        let at = PAGE + cell * WORD;
        let word = row.and_then(|row| row.bytes[at..at + WORD].first_chunk().copied());
        word.map_or(GAP, f64::from_le_bytes)
    }

    /// Takes over a page of values that the ring holds.
    pub(crate) fn load(&mut self, shard: usize, page: usize, values: &[u8; PAGE]) {
        if self.shards.len() <= shard {
            self.shards.resize_with(shard + 1, || None);
        }
        let row = self.shards[shard].get_or_insert_with(|| Row::new(shard));
        row.is_filled = true;
        row.bytes[PAGE * (1 + page)..PAGE * (2 + page)].copy_from_slice(values);
    }

    /// Whether every value lies in the ring too.
    pub fn is_clean(&self) -> bool {
        !self.shards.iter().flatten().any(|row| row.is_dirty)
    }

    /// Forgets all values and keeps the buffers.
    pub fn clear(&mut self) {
        for row in self.shards.iter_mut().flatten().filter(|row| row.is_filled) {
            row.clear();
        }
    }

    /// The shards that hold a value which the ring does not.
    pub(crate) fn dirty(&mut self) -> Vec<DirtyRow<'_>> {
        let rows = self.shards.iter_mut().enumerate().filter_map(|(shard, row)| Some((shard, row.as_mut()?)));
        rows.filter(|(_, row)| row.is_dirty).map(|(shard, row)| DirtyRow { shard, row }).collect()
    }
}

/// A shard's row that is to be written.
pub(crate) struct DirtyRow<'a> {
    /// Which.
    pub shard: usize,
    row: &'a mut Row,
}

impl DirtyRow<'_> {
    /// Its bytes, the header written.
    pub(crate) fn sealed(&mut self, start: Timestamp, flush: u64) -> &[u8] {
        RowHeader { start, flush }.encode(self.shard, &mut self.row.bytes);
        &self.row.bytes
    }

    /// The ring has it.
    pub(crate) fn written(&mut self) {
        self.row.is_dirty = false;
    }
}

impl Row {
    fn new(shard: usize) -> Row {
        let mut row = Row { bytes: vec![0; row_bytes(shard)], is_filled: false, is_dirty: false };
        assert_eq!(row.bytes.len(), PAGE + columns(shard) * WORD);
        row.clear();
        row
    }

    fn clear(&mut self) {
        for word in self.bytes[PAGE..].as_chunks_mut::<WORD>().0 {
            *word = GAP.to_le_bytes();
        }
        (self.is_filled, self.is_dirty) = (false, false);
    }
}
