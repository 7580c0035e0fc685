//! tsdb keeps series: it writes points where the retention rules say and reads them back for a window.
//!
//! It knows nothing of the wire, of target expressions or of HTTP, and it never reads a clock.
//!
//! In reading order: `time`, `gap`, `retention`, `ring` and `rollup` are the arithmetic; `sketch` is what is kept of many
//! values at once; `name`, `glob` and `find` are the names and the tree, `index` that tree without folders; `ini` and
//! `schema` are the rules for new series. `store` is the one interface to whatever keeps series, `catalogue`, `counters` and
//! `lock` are what any open store keeps; `whisper` is the file format and `whisper_store` a folder of such files; `slab` is
//! our own store. `events` is what happened, beside the series.
//!
//! Invariants: no name leads out of the store's folder, a file that fails loses its own points only, and every point that
//! is not written is counted by reason.
#![deny(unsafe_code)]

mod catalogue;
mod counters;
pub mod error;
mod events;
mod find;
pub mod gap;
mod glob;
pub mod index;
pub mod ini;
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
mod whisper_store;

pub use catalogue::SeriesId;
pub use counters::Counts;
pub use error::Error;
pub use events::{Event, EventLimits, Events, Tagged};
pub use gap::{GAP, is_gap};
pub use name::NameError;
pub use retention::{Archive, Retention, RetentionError};
pub use rollup::Rollup;
pub use schema::{Rules, Settings};
pub use sketch::SketchKind;
pub use slab::{ArchiveStats, Expired, Exported, Import, Imported, RetentionStats};
pub use slab::{Quota, SlabOptions, SlabStore, SyncPolicy};
pub use store::{Fetched, FetchedSketches, Node, Point, SketchPoint, Store, WriteReport};
pub use time::{Step, Timestamp, Window};
pub use whisper_store::{StoreLimits, WhisperStore};
