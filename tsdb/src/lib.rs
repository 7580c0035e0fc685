//! tsdb keeps series: it writes points where the retention rules say and reads them back for a window.
//!
//! It knows nothing of the wire, of target expressions or of HTTP, and it never reads a clock.
//!
//! In reading order: `time`, `gap`, `retention`, `ring` and `rollup` are the arithmetic; `whisper` is the file format;
//! `slab` is our own store, whose ring stands; `sketch` is what is kept of many values;
//! `name`, `glob` and `find` are the names and the tree; `ini` and `schema` are the rules for new series; `catalogue`,
//! `handles` and `lock` are what an open `store` keeps. Invariants: no name leads out of the store's folder, a file that
//! fails loses its own points only, and every point that is not written is counted by reason.
#![deny(unsafe_code)]

mod catalogue;
pub mod counters;
pub mod error;
mod find;
pub mod gap;
mod glob;
mod handles;
mod ini;
mod lock;
pub mod name;
pub mod retention;
mod ring;
pub mod rollup;
pub mod schema;
pub mod sketch;
pub mod slab;
mod store;
pub mod time;
pub mod whisper;

pub use catalogue::SeriesId;
pub use counters::Counters;
pub use error::Error;
pub use find::Node;
pub use gap::{GAP, is_gap};
pub use name::NameError;
pub use retention::{Archive, Retention, RetentionError};
pub use rollup::Rollup;
pub use schema::{Rules, Settings};
pub use sketch::SketchKind;
pub use store::{Point, Store, StoreLimits, WriteReport};
pub use time::{Step, Timestamp, Window};
pub use whisper::Fetched;
