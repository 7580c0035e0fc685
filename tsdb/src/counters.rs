//! What the store counts about itself. Every point that is not written is in one of these numbers, by reason.

use crate::store::WriteReport;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to it.
    pub fn add(&self, count: u64) {
        // Numbers for people: no other memory hangs on their order.
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// Its value now.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A store's counters since it was opened.
#[derive(Debug, Default)]
pub struct Counters {
    /// Points written.
    pub points_written: Counter,
    /// Files made.
    pub files_created: Counter,
    /// Files opened to write, because no handle was kept.
    pub files_opened: Counter,
    /// Kept handles found to be of a deleted, replaced or shortened file.
    pub handles_stale: Counter,
    /// Points older than the series' retention.
    pub dropped_old: Counter,
    /// Points too far in the future.
    pub dropped_future: Counter,
    /// Points of files that are corrupt.
    pub dropped_broken: Counter,
    /// Points of files in go-whisper's compressed format.
    pub dropped_compressed: Counter,
    /// Points lost to a full disk or quota.
    pub dropped_full: Counter,
    /// Points of new series beyond a quota.
    pub dropped_quota: Counter,
    /// Points lost to another answer of the system.
    pub dropped_failed: Counter,
    /// Points given to a store that is open for reading only.
    pub dropped_read_only: Counter,
    /// Sketches given to a store that keeps none, or to a series of the other kind.
    pub dropped_kind: Counter,
    /// Segments of a slab store that were removed before their time, to keep its bytes.
    pub segments_removed: Counter,
    /// Series of a slab store that ended because nothing was written to them for long.
    pub series_expired: Counter,
    /// Names refused, and new names beyond the limit of series.
    pub names_refused: Counter,
    /// Folders that could not be listed.
    pub listings_failed: Counter,
}

impl Counters {
    /// Takes over what became of the points of one call.
    pub(crate) fn count(&self, report: &WriteReport) {
        self.points_written.add(report.written);
        self.files_created.add(report.created);
        self.dropped_old.add(report.dropped_old);
        self.dropped_future.add(report.dropped_future);
        self.dropped_broken.add(report.dropped_broken);
        self.dropped_compressed.add(report.dropped_compressed);
        self.dropped_full.add(report.dropped_full);
        self.dropped_quota.add(report.dropped_quota);
        self.dropped_failed.add(report.dropped_failed);
        self.dropped_read_only.add(report.dropped_read_only);
        self.dropped_kind.add(report.dropped_kind);
    }

    /// All of them as they are now.
    pub(crate) fn all(&self) -> Counts {
        Counts(vec![
            ("points_written", self.points_written.value()),
            ("files_created", self.files_created.value()),
            ("files_opened", self.files_opened.value()),
            ("handles_stale", self.handles_stale.value()),
            ("dropped_old", self.dropped_old.value()),
            ("dropped_future", self.dropped_future.value()),
            ("dropped_broken", self.dropped_broken.value()),
            ("dropped_compressed", self.dropped_compressed.value()),
            ("dropped_full", self.dropped_full.value()),
            ("dropped_quota", self.dropped_quota.value()),
            ("dropped_failed", self.dropped_failed.value()),
            ("dropped_read_only", self.dropped_read_only.value()),
            ("dropped_kind", self.dropped_kind.value()),
            ("names_refused", self.names_refused.value()),
            ("listings_failed", self.listings_failed.value()),
        ])
    }
}

/// What a store counted, by name, for a status page or own series. Every store has `points_written`; what begins with
/// `dropped_` are points that were not written, by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(pub Vec<(&'static str, u64)>);

impl Counts {
    /// One of them; 0 for what this store does not count.
    pub fn of(&self, name: &str) -> u64 {
        self.0.iter().find(|(counter, _)| *counter == name).map_or(0, |(_, value)| *value)
    }

    /// Points that were not written, whatever the reason.
    pub fn dropped(&self) -> u64 {
        self.0.iter().filter(|(counter, _)| counter.starts_with("dropped_")).map(|(_, value)| value).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_that_is_not_written_is_counted_by_reason() {
        let counters = Counters::default();
        let report = WriteReport {
            written: 1,
            created: 2,
            dropped_old: 4,
            dropped_future: 8,
            dropped_broken: 16,
            dropped_compressed: 32,
            dropped_full: 64,
            dropped_quota: 512,
            dropped_failed: 128,
            dropped_read_only: 256,
            dropped_kind: 1024,
        };
        counters.count(&report);
        counters.names_refused.add(3);
        let counts = counters.all();
        assert_eq!((counts.of("points_written"), counts.of("files_created"), counts.of("dropped_full")), (1, 2, 64));
        assert_eq!((counts.dropped(), report.dropped()), (2044, 2044));
        assert_eq!(counts.of("names_refused"), 3);
        assert_eq!(counts.of("bridges_crossed"), 0);
    }
}
