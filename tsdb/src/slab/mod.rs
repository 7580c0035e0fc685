//! Slab: files per schema and time, never per series. What was just flushed lies in a ring of rows, slot after slot with all
//! series of the schema side by side, so that a flush of a million series is a few large writes and one sync.
//!
//! In reading order: `layout` is the bytes of a ring file, `row` one row while it is filled, `disk` the file below,
//! `words` how a ring is read, `ring` the whole of it; `frames` is a log of checksummed records, `names` the one that
//! says which series there are; `codec` is a series' stretch of slots as bytes, `segment` a file of such stretches, sealed;
//! `rolled` is what a coarser archive keeps of finer values. `check`, `backup` and its `manifest` work on a store's files alone.
//!
//! Invariants: room is reserved before it is written or mapped, nothing is ever stored through a mapping, and a page whose
//! checksum does not fit is counted and never served.

mod backup;
mod check;
mod codec;
mod disk;
mod frames;
#[cfg(test)]
mod heap;
mod layout;
mod manifest;
mod names;
mod places;
mod quotas;
mod ring;
mod rolled;
mod row;
mod schema;
mod segment;
mod self_test;
mod spans;
mod store;
#[cfg(test)]
mod tests;
mod words;

pub use backup::{Backup, backup, restore};
pub use check::{Checked, check};
pub use disk::{Disk, FileDisk};
pub use frames::Damage;
pub use layout::Geometry;
pub use names::{Event, Name, Names};
pub use quotas::Quota;
pub use ring::{Recovery, Ring};
pub use rolled::Rolled;
pub use row::Rows;
pub use segment::{Draft, Key, Kind, Segment, Stretch};
pub use store::{
    ArchiveStats, Expired, Exported, Import, Imported, RetentionStats, SlabOptions, SlabStore, SyncPolicy,
};
