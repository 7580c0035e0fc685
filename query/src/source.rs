//! Where series come from: all that this crate knows of storage.

pub use crate::error::SourceError;
use tsdb::{Step, Timestamp, Window};

/// One ring of points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Archive {
    /// Seconds from one point to the next.
    pub step: Step,
    /// How many points the ring holds.
    pub points: u32,
}

impl Archive {
    /// How far back it reaches.
    pub fn retention_secs(&self) -> i64 {
        i64::from(self.step.secs()) * i64::from(self.points)
    }
}

/// A name in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Dotted.
    pub path: String,
    /// Whether it is a series.
    pub leaf: bool,
}

/// Values of one window.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The first value's time.
    pub start: Timestamp,
    /// Exclusive.
    pub end: Timestamp,
    /// Seconds between values.
    pub step: Step,
    /// One a step.
    pub values: Vec<f64>,
}

/// A store to ask. The tsdb's store is one, the test scripts bring another.
pub trait Source: Send + Sync {
    /// The nodes that a path expression names, sorted by path.
    fn find(&self, pattern: &str) -> Result<Vec<Node>, SourceError>;
    /// A series' archives, finest first; `None` for a series that is not there.
    fn archives(&self, name: &str) -> Result<Option<Vec<Archive>>, SourceError>;
    /// The values of a window, from the archive that reaches back to its start; `None` for a series that is not there
    /// or a window outside its retention.
    fn fetch(&self, name: &str, window: Window, now: Timestamp) -> Result<Option<Fetched>, SourceError>;
}
