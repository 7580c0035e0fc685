//! Rows while they are filled: the values of one slot, for every shard, laid out as they will lie in the file, so that
//! a flush is one write a shard. The buffers are kept from flush to flush.

use super::layout::{PAGE, RowHeader, WORD, place, row_bytes, row_offset};
use crate::gap::GAP;
use crate::time::Timestamp;
use memmap2::{Advice, MmapMut};

/// One slot of all columns: 8 bytes a column, and a page for each shard, in one stretch of memory.
#[derive(Default)]
pub struct Rows {
    /// Of large pages where the system has them: values come for columns anywhere in it, and a million of them would miss
    /// the processor's table of small pages each time.
    bytes: Option<MmapMut>,
    /// Of each shard there is memory for.
    states: Vec<State>,
}

#[derive(Clone, Copy, Default)]
struct State {
    /// Whether the row is gaps where it holds no value; fresh memory is zeros.
    is_ready: bool,
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
        if self.states.get(shard).is_none_or(|state| !state.is_ready) {
            self.make_ready(shard);
        }
        let state = &mut self.states[shard];
        (state.is_filled, state.is_dirty) = (true, true);
        let at = row_offset(shard) + PAGE + cell * WORD;
        if let Some(bytes) = &mut self.bytes {
            bytes[at..at + WORD].copy_from_slice(&value.to_le_bytes());
        }
    }

    /// The value of a column; [`GAP`] where none was set.
    pub fn value(&self, column: u32) -> f64 {
        let (shard, cell) = place(column);
        let at = row_offset(shard) + PAGE + cell * WORD;
        let bytes = self.bytes.as_deref().filter(|_| self.states.get(shard).is_some_and(|state| state.is_filled));
        let word = bytes.and_then(|bytes| bytes[at..at + WORD].first_chunk().copied());
        word.map_or(GAP, f64::from_le_bytes)
    }

    /// Takes over a page of values that the ring holds.
    pub(crate) fn load(&mut self, shard: usize, page: usize, values: &[u8; PAGE]) {
        self.make_ready(shard);
        self.states[shard].is_filled = true;
        self.row(shard)[PAGE * (1 + page)..PAGE * (2 + page)].copy_from_slice(values);
    }

    /// Whether every value lies in the ring too.
    pub fn is_clean(&self) -> bool {
        !self.states.iter().any(|state| state.is_dirty)
    }

    /// Forgets all values and keeps the memory.
    pub fn clear(&mut self) {
        for shard in 0..self.states.len() {
            if self.states[shard].is_filled {
                fill_with_gaps(self.row(shard));
                self.states[shard] = State { is_ready: true, ..State::default() };
            }
        }
    }

    /// The shards that hold a value which the ring does not.
    pub(crate) fn dirty(&mut self) -> Vec<DirtyRow<'_>> {
        let mut rest = self.bytes.as_deref_mut().unwrap_or_default();
        let mut dirty = Vec::new();
        for (shard, state) in self.states.iter_mut().enumerate() {
            let (bytes, after) = rest.split_at_mut(row_bytes(shard));
            rest = after;
            if state.is_dirty {
                dirty.push(DirtyRow { shard, bytes, state });
            }
        }
        dirty
    }

    /// Memory for a shard, its row all gaps unless it holds values.
    #[cold]
    fn make_ready(&mut self, shard: usize) {
        if self.states.len() <= shard {
            let shards = (shard + 1).next_power_of_two();
            let mut bytes = MmapMut::map_anon(row_offset(shards)).expect("memory for a slot's rows");
            // Only faster: a system that has no large pages says so, and small ones do.
            let _ = bytes.advise(Advice::HugePage);
            if let Some(old) = &self.bytes {
                bytes[..old.len()].copy_from_slice(old);
            }
            self.bytes = Some(bytes);
            self.states.resize(shards, State::default());
        }
        if !std::mem::replace(&mut self.states[shard].is_ready, true) {
            fill_with_gaps(self.row(shard));
        }
    }

    fn row(&mut self, shard: usize) -> &mut [u8] {
        let bytes = self.bytes.as_deref_mut().unwrap_or_default();
        &mut bytes[row_offset(shard)..row_offset(shard + 1)]
    }
}

fn fill_with_gaps(row: &mut [u8]) {
    for word in row[PAGE..].as_chunks_mut::<WORD>().0 {
        *word = GAP.to_le_bytes();
    }
}

/// A shard's row that is to be written.
pub(crate) struct DirtyRow<'a> {
    /// Which.
    pub shard: usize,
    /// Header page and values.
    bytes: &'a mut [u8],
    state: &'a mut State,
}

impl DirtyRow<'_> {
    /// Its bytes, the header written.
    pub(crate) fn sealed(&mut self, start: Timestamp, flush: u64) -> &[u8] {
        RowHeader { start, flush }.encode(self.shard, self.bytes);
        self.bytes
    }

    /// The ring has it.
    pub(crate) fn written(&mut self) {
        self.state.is_dirty = false;
    }
}
