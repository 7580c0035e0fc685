//! Axes: which values and moments get a tick, and what it says. Nothing here knows of pixels beyond how many ticks
//! there is room for.

pub mod label;
pub(super) mod time;
pub(super) mod value;
