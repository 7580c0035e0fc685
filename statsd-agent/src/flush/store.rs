//! Points of a flush into the store: each statistic's name is formed and resolved once, afterwards a point is an id, a time
//! and a value.

use crate::counters::Counters;
use std::sync::Arc;
use tsdb::sketch::Sketch;
use tsdb::{Point, SeriesId, SketchKind, SketchPoint, Store, Timestamp};

/// What the store answered to the name of a statistic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stored {
    /// Not asked yet.
    #[default]
    Unknown,
    /// The store refused the name; it gives another answer only when its names have changed.
    Refused,
    /// The series to write to.
    Series(SeriesId),
}

/// Whether the store keeps a sketch of a series instead of its statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sketching {
    /// Not asked yet.
    #[default]
    Unknown,
    /// It keeps the statistics.
    No,
    /// It keeps this sketch under this series.
    Kept(SeriesId, SketchKind),
}

/// Sketches that are handed to the store at a time: in memory each takes a few kilobytes.
const SKETCHES_AT_A_TIME: usize = 256;

/// The store's side of an outlet.
pub struct StoreOut {
    store: Arc<dyn Store>,
    points: Vec<Point>,
    sketches: Vec<(SeriesId, Timestamp, Sketch)>,
    name: Vec<u8>,
    refused: u64,
    /// The store's, when it was asked for the ids that are kept.
    names_version: u64,
}

impl StoreOut {
    /// Nothing to write yet.
    pub fn new(store: Arc<dyn Store>) -> StoreOut {
        let names_version = store.names_version();
        StoreOut { store, points: Vec::new(), sketches: Vec::new(), name: Vec::new(), refused: 0, names_version }
    }

    /// Whether the store's answers to names must be forgotten; said once for each time.
    pub(crate) fn names_have_changed(&mut self) -> bool {
        let version = self.store.names_version();
        std::mem::replace(&mut self.names_version, version) != version
    }

    /// Adds one point.
    pub(crate) fn point(&mut self, stored: &mut Stored, write_name: impl Fn(&mut Vec<u8>), at_secs: i64, value: f64) {
        if *stored == Stored::Unknown {
            self.name.clear();
            write_name(&mut self.name);
            let id = std::str::from_utf8(&self.name).ok().and_then(|name| self.store.resolve(name).ok());
            *stored = id.map_or(Stored::Refused, Stored::Series);
        }
        match *stored {
            Stored::Series(series) => self.points.push(Point { series, at: Timestamp(at_secs), value }),
            _ => self.refused += 1,
        }
    }

    /// Asks what the store keeps of a series whose sketches would have this name.
    pub(crate) fn sketching(&mut self, write_name: impl Fn(&mut Vec<u8>)) -> Sketching {
        self.name.clear();
        write_name(&mut self.name);
        let name = std::str::from_utf8(&self.name).ok();
        let kept = name.and_then(|name| Some((self.store.sketch_of(name)?, self.store.resolve(name).ok()?)));
        kept.map_or(Sketching::No, |(kind, series)| Sketching::Kept(series, kind))
    }

    /// Adds one sketch.
    pub(crate) fn sketch(&mut self, series: SeriesId, at_secs: i64, sketch: Sketch) {
        self.sketches.push((series, Timestamp(at_secs), sketch));
        if self.sketches.len() >= SKETCHES_AT_A_TIME {
            self.write_sketches(at_secs);
        }
    }

    fn write_sketches(&mut self, now_secs: i64) {
        let points: Vec<SketchPoint<'_>> = (self.sketches.iter())
            .map(|(series, at, sketch)| SketchPoint { series: *series, at: *at, sketch })
            .collect();
        self.store.write_sketches(Timestamp(now_secs), &points);
        self.sketches.clear();
    }

    /// Writes the points of the flush and commits them.
    pub(crate) fn write(&mut self, now_secs: i64, counters: &Counters) {
        counters.points_refused.add(std::mem::take(&mut self.refused));
        // The store wants each file's points together; sorting here spares it a copy.
        self.points.sort_by_key(|point| point.series);
        self.store.write(Timestamp(now_secs), &self.points);
        self.points.clear();
        if !self.sketches.is_empty() {
            self.write_sketches(now_secs);
        }
        // The store tries again at the next commit and tells of the failure itself.
        let _ = self.store.commit(Timestamp(now_secs));
    }
}
