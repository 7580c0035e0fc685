//! What the store holds, in numbers. Counting values reads every segment.

use super::SlabStore;
use crate::error::Error;
use crate::retention::{Archive, Retention};
use crate::slab::schema::{Counted, Schema, widest};
use crate::time::Timestamp;

/// What is kept of one retention.
#[derive(Clone, Debug, PartialEq)]
pub struct RetentionStats {
    /// Which.
    pub retention: Retention,
    /// Columns that have a series.
    pub columns: u64,
    /// Bytes of the ring, room for what is to come included.
    pub ring_bytes: u64,
    /// Its archives, finest first.
    pub archives: Vec<ArchiveStats>,
    /// The oldest and the newest slot that holds a value, by its start.
    pub oldest_and_newest: Option<(Timestamp, Timestamp)>,
    /// Late points that wait for a segment.
    pub late_points: u64,
}

/// What is sealed of one archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveStats {
    /// Which.
    pub archive: Archive,
    /// Segments.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Slots that hold a value in them; one that is in several counts in each.
    pub points: u64,
    /// The same of sketches: segments.
    pub sketch_segments: u64,
    /// Their bytes.
    pub sketch_bytes: u64,
    /// Slots that hold a sketch in them.
    pub sketches: u64,
}

impl SlabStore {
    /// What is kept, retention by retention.
    ///
    /// # Errors
    /// A segment is damaged, or the system refuses.
    pub fn stats(&self) -> Result<Vec<RetentionStats>, Error> {
        self.schemas().iter().map(|schema| schema.stats()).collect()
    }

    /// How many series there are.
    pub fn shown_count(&self) -> u64 {
        self.index.shown_count()
    }
}

impl Schema {
    fn stats(&self) -> Result<RetentionStats, Error> {
        let (mut archives, mut range) = (Vec::new(), self.range_in_ring()?);
        for (index, archive) in self.retention.archives().iter().enumerate() {
            let counted = self.count(index)?;
            range = widest(range, counted.range);
            let (segments, bytes, points) = (counted.segments, counted.bytes, counted.points);
            let Counted { segments: sketch_segments, bytes: sketch_bytes, points: sketches, .. } =
                self.count_sketches(index)?;
            let counted =
                ArchiveStats { archive: *archive, segments, bytes, points, sketch_segments, sketch_bytes, sketches };
            archives.push(counted);
        }
        let (columns, ring_bytes, late_points) = self.sizes();
        let retention = self.retention.clone();
        Ok(RetentionStats { retention, columns, ring_bytes, archives, oldest_and_newest: range, late_points })
    }
}
