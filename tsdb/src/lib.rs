//! tsdb keeps series: it writes points where the retention rules say and reads them back for a window.
//!
//! It knows nothing of the wire, of target expressions or of HTTP, and it never reads a clock.
#![forbid(unsafe_code)]

pub mod error;
pub mod gap;
pub mod name;
pub mod retention;
mod ring;
pub mod rollup;
pub mod time;
pub mod whisper;

pub use error::Error;
pub use gap::{GAP, is_gap};
pub use retention::{Archive, Retention, RetentionError};
pub use rollup::Rollup;
pub use time::{Step, Timestamp, Window};
pub use whisper::Fetched;
