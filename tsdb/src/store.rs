//! What is said to a store and what it answers, whatever keeps the series.

use crate::catalogue::SeriesId;
use crate::error::Error;
use crate::time::{Step, Timestamp};

/// One value of one series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Whose.
    pub series: SeriesId,
    /// When.
    pub at: Timestamp,
    /// The value.
    pub value: f64,
}

/// What became of the points of one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteReport {
    /// Points written. Of several in one slot the last given is kept, and all count here.
    pub written: u64,
    /// Files made.
    pub created: u64,
    /// Points older than the series' retention.
    pub dropped_old: u64,
    /// Points too far in the future.
    pub dropped_future: u64,
    /// Points of files that are corrupt.
    pub dropped_broken: u64,
    /// Points of files in go-whisper's compressed format.
    pub dropped_compressed: u64,
    /// Points lost to a full disk or quota.
    pub dropped_full: u64,
    /// Points lost to another answer of the system, or of ids that this store did not give.
    pub dropped_failed: u64,
    /// Points given to a store that is open for reading only.
    pub dropped_read_only: u64,
}

impl WriteReport {
    /// Points not written.
    pub fn dropped(&self) -> u64 {
        self.dropped_old
            + self.dropped_future
            + self.dropped_broken
            + self.dropped_compressed
            + self.dropped_full
            + self.dropped_failed
            + self.dropped_read_only
    }

    pub(crate) fn drop_for(&mut self, error: &Error, points: u64) {
        let counter = match error {
            Error::NotCovered { .. } => &mut self.dropped_old,
            Error::Corrupt { .. } => &mut self.dropped_broken,
            Error::Compressed(_) => &mut self.dropped_compressed,
            error if error.is_full() => &mut self.dropped_full,
            _ => &mut self.dropped_failed,
        };
        *counter += points;
    }
}

/// A name that a pattern matches. A name that is both leaf and branch gives two nodes, the branch first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// The whole name, dotted.
    pub path: String,
    /// Whether it is a series; else there are names below it.
    pub leaf: bool,
}

/// Values of one archive, one per step.
#[derive(Clone, Debug, PartialEq)]
pub struct Fetched {
    /// The moment of the first value.
    pub start: Timestamp,
    /// The end, exclusive.
    pub end: Timestamp,
    /// From one value to the next.
    pub step: Step,
    /// The values; [`GAP`] where nothing was written.
    pub values: Vec<f64>,
}
