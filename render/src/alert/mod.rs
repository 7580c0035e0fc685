//! Judging series: threshold ranges, the state of each series, the worst of all. `kymo check` and alert rules share it.
//!
//! Values in, states out: nothing here asks a store or a clock.

mod range;
mod verdict;

pub use range::{Range, RangeError};
pub use verdict::{Judged, NoData, Observed, State, Terms, Verdict};
