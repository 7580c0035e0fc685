//! The columns of a schema: which are taken, by which of their series, and which may be given away again.

use crate::slab::segment::Key;
use crate::time::Timestamp;
use std::collections::{HashMap, VecDeque};

/// Six bytes a column.
#[derive(Clone, Default)]
pub(super) struct Columns {
    generations: Vec<u16>,
    taken: Vec<bool>,
    /// With the moment from which on no row holds a value of the former series.
    free: VecDeque<(Timestamp, u32)>,
}

impl Columns {
    /// A column was given to this series. Where the names know an older one only, that has ended, and so has this: such
    /// columns are given away from a moment on, or never.
    pub fn outdate(&mut self, newest: &HashMap<u32, u16>, free_from: Option<Timestamp>) {
        let mut is_outdated = vec![false; self.taken.len()];
        for (column, newest) in newest {
            let index = *column as usize;
            if self.generations.get(index).is_some_and(|generation| newest.wrapping_sub(*generation) as i16 > 0) {
                (self.taken[index], self.generations[index], is_outdated[index]) = (false, *newest, true);
            }
        }
        self.free.retain(|(_, column)| !is_outdated[*column as usize]);
        if let Some(free_from) = free_from {
            let outdated = (0..).zip(is_outdated).filter(|(_, is_outdated)| *is_outdated);
            self.free.extend(outdated.map(|(column, _)| (free_from, column)));
        }
    }

    /// Columns before this one are given to no new series: values lie in some of them that no name is known of.
    pub fn begin_after(&mut self, end: u32) {
        if self.taken.len() < end as usize {
            self.taken.resize(end as usize, false);
            self.generations.resize(end as usize, 0);
        }
    }

    /// One more than the highest column that was ever given to a series.
    pub fn end(&self) -> u32 {
        self.taken.len() as u32
    }

    /// Whether a column may be given to another series.
    pub fn has_free(&self, now: Timestamp) -> bool {
        self.free.front().is_some_and(|(free_from, _)| *free_from < now)
    }

    /// A column for a new series: one whose former series has left the ring at `now`, else one more.
    pub fn take(&mut self, now: Timestamp) -> Key {
        match self.free.front() {
            Some((free_from, column)) if *free_from < now => {
                let column = *column;
                self.free.pop_front();
                let generation = self.generations[column as usize].wrapping_add(1);
                self.restore(Key { column, generation });
                Key { column, generation }
            }
            _ => {
                let key = Key { column: self.taken.len() as u32, generation: 0 };
                self.restore(key);
                key
            }
        }
    }

    /// A series that the names log knows.
    pub fn restore(&mut self, key: Key) {
        let index = key.column as usize;
        if self.taken.len() <= index {
            self.taken.resize(index + 1, false);
            self.generations.resize(index + 1, 0);
        }
        (self.taken[index], self.generations[index]) = (true, key.generation);
    }

    /// Its series has ended.
    pub fn leave(&mut self, key: Key, free_from: Timestamp) {
        if self.holds(key) {
            self.taken[key.column as usize] = false;
            self.free.push_back((free_from, key.column));
        }
    }

    /// The former series of the columns that may be given away, and from when on.
    pub fn free(&self) -> Vec<(Key, Timestamp)> {
        let of = |column: u32| Key { column, generation: self.generations[column as usize] };
        self.free.iter().map(|(free_from, column)| (of(*column), *free_from)).collect()
    }

    /// Of every column that more than one series had, the newest.
    pub fn reused(&self) -> Vec<Key> {
        let keys = (0..).zip(&self.generations).map(|(column, generation)| Key { column, generation: *generation });
        keys.filter(|key| key.generation > 0).collect()
    }

    /// Whether the series is the column's, and has not ended.
    pub fn holds(&self, key: Key) -> bool {
        let index = key.column as usize;
        self.taken.get(index) == Some(&true) && self.generations[index] == key.generation
    }

    /// Columns that have a series.
    pub fn len(&self) -> usize {
        self.taken.iter().filter(|taken| **taken).count()
    }

    /// The series of a column.
    pub fn key(&self, column: u32) -> Option<Key> {
        let generation = *self.generations.get(column as usize)?;
        Some(Key { column, generation }).filter(|key| self.holds(*key))
    }
}
