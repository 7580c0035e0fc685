//! Judging series: threshold ranges, the state of each series, the worst of all. `kymo check` and alert rules share it.
//!
//! Nothing here reads a clock: whoever looks says when.

mod board;
mod course;
mod range;
mod rule;
mod verdict;

pub use board::{Board, Notice, Standing};
pub use course::{Change, Course};

pub use range::{Range, RangeError};
pub use rule::Rule;
pub use verdict::{Judged, NoData, Observed, State, Terms, Verdict};
