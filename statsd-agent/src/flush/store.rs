//! Points of a flush into the store: each series is resolved once, afterwards a point is an id, a time and a value.

use crate::counters::Counters;

/// What the store answered to a series' name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stored {
    /// Not asked yet.
    #[default]
    Unknown,
    /// The store refused the name; asking again would give the same answer.
    Refused,
}

/// The store's side of an outlet.
pub struct StoreOut {
    never: std::convert::Infallible,
}

impl StoreOut {
    /// Adds one point; the name is only formed when the store has not been asked for it.
    pub fn point(&mut self, _stored: &mut Stored, _write_name: impl Fn(&mut Vec<u8>), _value: f64) {
        match self.never {}
    }

    /// Writes the points of the flush.
    pub fn write(&mut self, _now: i64, _counters: &Counters) {
        match self.never {}
    }
}
