//! Open slots: those that points come to now, whole in memory until they are committed to the ring, and a little longer.

use crate::error::Error;
use crate::slab::ring::Ring;
use crate::slab::row::Rows;
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// The open slots of a schema: 8 bytes a column each.
#[derive(Default)]
pub(super) struct OpenSlots {
    slots: BTreeMap<Timestamp, Rows>,
    /// Buffers of slots that were closed.
    spare: Vec<Rows>,
}

/// Buffers that are kept for slots to come.
const SPARE: usize = 2;

impl OpenSlots {
    /// Whether a slot is open.
    pub fn holds(&self, start: Timestamp) -> bool {
        self.slots.contains_key(&start)
    }

    /// The rows of a slot, to be given back with [`OpenSlots::give`]; opened with what the ring holds of it if need be.
    pub fn take(&mut self, ring: &Ring, start: Timestamp) -> Result<Rows, Error> {
        if let Some(rows) = self.slots.remove(&start) {
            return Ok(rows);
        }
        let mut rows = self.spare.pop().unwrap_or_default();
        if ring.holds(start) {
            ring.load(start, &mut rows)?;
        }
        Ok(rows)
    }

    /// Takes the rows of a slot back.
    pub fn give(&mut self, start: Timestamp, rows: Rows) {
        self.slots.insert(start, rows);
    }

    /// The open slots, with a column's value in each.
    pub fn values(&self, column: u32) -> impl Iterator<Item = (Timestamp, f64)> + '_ {
        self.slots.iter().map(move |(start, rows)| (*start, rows.value(column)))
    }

    /// The oldest slot that holds what the ring does not.
    pub fn oldest_dirty(&self) -> Option<Timestamp> {
        self.slots.iter().find(|(_, rows)| !rows.is_clean()).map(|(start, _)| *start)
    }

    /// Writes what the ring does not hold of the slots that begin before `end`. Answers the bytes; after an error the rest
    /// is still written, and what failed can be written again.
    pub fn write_before(&mut self, end: Timestamp, ring: &Ring, flush: u64) -> Result<u64, Error> {
        let (mut bytes, mut first_error) = (0, None);
        for (start, rows) in self.slots.range_mut(..end) {
            match ring.flush(*start, flush, rows) {
                Ok(written) => bytes += written,
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        first_error.map_or(Ok(bytes), Err)
    }

    /// Lets go of slots that begin before `oldest` and lie in the ring; of others when there are more than `most`.
    /// Answers how many of those were given up.
    pub fn close_before(&mut self, oldest: Timestamp, most: usize) -> u64 {
        let mut given_up = 0;
        let closed: Vec<Timestamp> = self.slots.range(..oldest).map(|(start, _)| *start).collect();
        for start in closed {
            let is_clean = self.slots.get(&start).is_some_and(Rows::is_clean);
            if !is_clean && self.slots.len() <= most {
                continue;
            }
            given_up += u64::from(!is_clean);
            if let Some(mut rows) = self.slots.remove(&start)
                && self.spare.len() < SPARE
            {
                rows.clear();
                self.spare.push(rows);
            }
        }
        given_up
    }
}
