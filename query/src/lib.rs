//! query turns a target expression into series: parse, bind, plan, fetch once, evaluate.
//!
//! It never opens a file, a socket or a clock: the same plan over the same series is the same answer.
#![forbid(unsafe_code)]

pub mod series;

pub use series::{Consolidation, Series, Style};
