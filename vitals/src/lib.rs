//! vitals names what a device measures: its signals, their units, nominal rates and plausible ranges.
//!
//! Writer and reader agree here. It has no dependencies and nothing in it runs.
#![forbid(unsafe_code)]
