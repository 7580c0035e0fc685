//! What a segment holds, looked at without a series in mind: whether a series is there, how many values there are.

use super::{Key, SEVERAL, Segment};
use crate::error::Error;
use crate::gap::{GAP, is_gap};
use crate::slab::rolled::Rolled;

/// All fields of a rolled-up slot.
const ALL_FIELDS: u8 = 0xff;

impl Segment {
    /// Whether it has anything of a series; no chunk is read.
    ///
    /// # Errors
    /// The index is damaged, or the system refuses.
    pub fn holds(&self, key: Key) -> Result<bool, Error> {
        let Some(page) = self.fences.partition_point(|fence| *fence <= key.order()).checked_sub(1) else {
            return Ok(false);
        };
        let bytes = self.index_page(page)?;
        Ok(self.entries_of(page, &bytes).any(|entry| entry.key == key))
    }

    /// Of a series the slots that hold something, as true; `None` when the segment has none of it.
    ///
    /// # Errors
    /// The chunk is damaged, or the system refuses.
    pub fn held_slots(&self, key: Key) -> Result<Option<Vec<bool>>, Error> {
        let Some((entry, _)) = self.chunk(key)? else { return Ok(None) };
        let slots = self.stretch().slots as usize;
        if entry.codec != SEVERAL {
            let mut values = vec![GAP; slots];
            self.read(key, &mut values)?;
            return Ok(Some(values.iter().map(|value| !is_gap(*value)).collect()));
        }
        let mut fields = vec![vec![GAP; slots]; Rolled::FIELDS];
        self.read_fields(key, ALL_FIELDS, &mut fields)?;
        let is_held = |slot: usize| {
            let field = |n: usize| fields[n].get(slot).copied().unwrap_or(GAP);
            Rolled::from_fields(std::array::from_fn(field), 1).is_some_and(|rolled| !rolled.is_none())
        };
        Ok(Some((0..slots).map(is_held).collect()))
    }
}
