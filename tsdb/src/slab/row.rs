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
    values: usize,
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
        row.values += 1;
        let at = PAGE + cell * WORD;
        row.bytes[at..at + WORD].copy_from_slice(&value.to_le_bytes());
    }

    /// Forgets all values and keeps the buffers.
    pub fn clear(&mut self) {
        for row in self.shards.iter_mut().flatten().filter(|row| row.values > 0) {
            row.clear();
        }
    }

    /// Shards that hold a value.
    pub(crate) fn touched(&self) -> impl Iterator<Item = usize> + '_ {
        let touched = |row: &Option<Row>| row.as_ref().is_some_and(|row| row.values > 0);
        self.shards.iter().enumerate().filter(move |(_, row)| touched(row)).map(|(shard, _)| shard)
    }

    /// The bytes of a touched shard's row, its header written.
    pub(crate) fn sealed(&mut self, shard: usize, start: Timestamp, flush: u64) -> &[u8] {
        let row = self.shards[shard].as_mut().expect("a touched shard has a row");
        RowHeader { start, flush }.encode(shard, &mut row.bytes);
        &row.bytes
    }
}

impl Row {
    fn new(shard: usize) -> Row {
        let mut row = Row { bytes: vec![0; row_bytes(shard)], values: 0 };
        assert_eq!(row.bytes.len(), PAGE + columns(shard) * WORD);
        row.clear();
        row
    }

    fn clear(&mut self) {
        for word in self.bytes[PAGE..].as_chunks_mut::<WORD>().0 {
            *word = GAP.to_le_bytes();
        }
        self.values = 0;
    }
}
