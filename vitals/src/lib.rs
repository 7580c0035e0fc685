//! vitals names what a device measures: its signals, their units, nominal rates and plausible ranges.
//!
//! The agent that counts samples and the drawing that labels an axis agree here. It has no dependencies and nothing in
//! it runs: no clock, no file, no state.
//!
//! A *device* is a phone case with sensors. A *signal* is one thing it measures. The *nominal rate* is how many samples
//! a second the signal should deliver while a reading lasts; *plausible* is what a living person can show.
#![forbid(unsafe_code)]

mod signal;

pub use signal::{Kind, SIGNALS, Signal};
