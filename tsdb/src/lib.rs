//! tsdb keeps series: it writes points where the retention rules say and reads them back for a window.
//!
//! It knows nothing of the wire, of target expressions or of HTTP, and it never reads a clock.

pub mod gap;
pub mod time;

pub use gap::{GAP, is_gap};
pub use time::{Step, Timestamp, Window};
