//! The one interface to a store: what is said to it and what it answers, whatever keeps the series. Points come a whole
//! flush or block at a call, so that each engine can use its best batch; values go out as columns, so that nobody who
//! asks sees the engine.

use crate::catalogue::SeriesId;
use crate::counters::Counts;
use crate::error::Error;
use crate::index::{TagAnswer, TagExpression, TagQuestion};
use crate::retention::Archive;
use crate::sketch::{Sketch, SketchKind};
use crate::time::{Step, Timestamp, Window};
use std::sync::Arc;

/// Keeps series. Called from many threads at once.
pub trait Store: Send + Sync {
    /// The id of a series, for [`Store::write`]. Nothing is made for it yet. Names that mean the same series (`a..b`,
    /// `a.b`; tags in another order) have one id, which stays valid as long as [`Store::names_version`] stays the same, and
    /// for some minutes more.
    ///
    /// # Errors
    /// No series can have that name, or there are as many series as may be.
    fn resolve(&self, name: &str) -> Result<SeriesId, Error>;

    /// The canonical name of a series; `None` for an id of another store.
    fn name(&self, series: SeriesId) -> Option<Arc<str>>;

    /// How many series have an id.
    fn series_count(&self) -> usize;

    /// Changes when ids of names that are no series any more were given up, and when names may be taken that were refused.
    /// Whoever keeps what [`Store::resolve`] answered asks again then.
    fn names_version(&self) -> u64 {
        0
    }

    /// Grows whenever what can be read has changed: whoever read before it grew may read otherwise now. `None` where others may
    /// write unseen.
    fn changes(&self) -> Option<u64> {
        None
    }

    /// Writes points of any series in any order, a whole flush or block of them; of several in one slot the last given
    /// wins. What was written can be read when this returns. What is not written is counted by reason.
    fn write(&self, now: Timestamp, points: &[Point]) -> WriteReport;

    /// Makes what was written before safe: from a kill of the process in any case, from a loss of power as far as the
    /// store's own policy says. What could not be made safe is tried again by the next commit.
    ///
    /// # Errors
    /// Something that was written is not safe yet; [`Store::recent_errors`] says it too.
    fn commit(&self, now: Timestamp) -> Result<(), Error>;

    /// Does what can wait, such as sealing and expiring; to be called now and then from a thread that may take its time.
    ///
    /// # Errors
    /// The disk is full, or the system refuses; what could not be done is tried again by the next call.
    fn upkeep(&self, _now: Timestamp) -> Result<(), Error> {
        Ok(())
    }

    /// Hands everything that was written to the disk, before the process ends.
    fn sync(&self);

    /// The nodes that a pattern of Graphite's matches as things are now, sorted by path.
    ///
    /// # Errors
    /// The pattern stands for more than the limits allow.
    fn find(&self, pattern: &str) -> Result<Vec<Node>, Error>;

    /// Every series there is now, sorted; tagged ones by their own path (`_tagged.abc.def.…`).
    ///
    /// # Errors
    /// There are more than the limits allow.
    fn leaves(&self) -> Result<Vec<String>, Error>;

    /// The names of the series whose tags satisfy every expression, sorted. Stores that keep no tags refuse.
    ///
    /// # Errors
    /// Every expression lets a series without its tag pass, a pattern takes too long, or there are more names than the
    /// limits allow.
    fn tagged(&self, _expressions: &[TagExpression]) -> Result<Vec<String>, Error> {
        Err(Error::TagExpression { why: "this store does not search by tags".to_owned() })
    }

    /// Which tags and values there are. Stores that keep no tags refuse.
    ///
    /// # Errors
    /// As [`Store::tagged`].
    fn tags(&self, _question: &TagQuestion) -> Result<TagAnswer, Error> {
        Err(Error::TagExpression { why: "this store does not search by tags".to_owned() })
    }

    /// The archives of a series, finest first; `None` when nothing was ever written to it.
    ///
    /// # Errors
    /// The series is damaged or cannot be read.
    fn archives(&self, name: &str) -> Result<Option<Vec<Archive>>, Error>;

    /// The values of a series in a window, from the finest archive that reaches back to its start; `None` when nothing
    /// was ever written to it, or when it can hold none of the window.
    ///
    /// # Errors
    /// The window ends before it begins, or the series is damaged or cannot be read.
    fn fetch(&self, name: &str, window: Window, now: Timestamp) -> Result<Option<Fetched>, Error>;

    /// [`Store::fetch`] for many series of one window, an answer each in the same order. A store whose series lie side
    /// by side reads neighbours together.
    fn fetch_many(&self, names: &[&str], window: Window, now: Timestamp) -> Vec<Result<Option<Fetched>, Error>> {
        names.iter().map(|name| self.fetch(name, window, now)).collect()
    }

    /// The sketch that the rules ask for under this name; `None` where values are kept.
    fn sketch_of(&self, _name: &str) -> Option<SketchKind> {
        None
    }

    /// Writes sketches of any series in any order, a whole flush of them; of several in one slot the last given stays. A
    /// series is of sketches from its first one on. Stores that keep none count them as dropped.
    fn write_sketches(&self, _now: Timestamp, sketches: &[SketchPoint<'_>]) -> WriteReport {
        WriteReport { dropped_kind: sketches.len() as u64, ..WriteReport::default() }
    }

    /// The series of sketches that a pattern of Graphite's matches, sorted. [`Store::find`] has each as a branch, with the
    /// leaves that are computed from it.
    ///
    /// # Errors
    /// The pattern stands for more than the limits allow.
    fn find_sketches(&self, _pattern: &str) -> Result<Vec<String>, Error> {
        Ok(Vec::new())
    }

    /// The sketches of a window, by the name of their series or of one of its leaves, in the slots that
    /// [`Store::fetch`] has for a leaf; `None` where it has none.
    ///
    /// # Errors
    /// As [`Store::fetch`].
    fn fetch_sketches(&self, _name: &str, _window: Window, _now: Timestamp) -> Result<Option<FetchedSketches>, Error> {
        Ok(None)
    }

    /// What the store counted since it was opened.
    fn counters(&self) -> Counts;

    /// The last error of each thing that failed lately, the latest last; each says what failed.
    fn recent_errors(&self) -> Vec<String>;
}

/// A shared store is a store, so that it can be handed on as whatever else a store can be.
impl<S: Store + ?Sized> Store for Arc<S> {
    fn resolve(&self, name: &str) -> Result<SeriesId, Error> {
        S::resolve(self, name)
    }

    fn name(&self, series: SeriesId) -> Option<Arc<str>> {
        S::name(self, series)
    }

    fn series_count(&self) -> usize {
        S::series_count(self)
    }

    fn names_version(&self) -> u64 {
        S::names_version(self)
    }

    fn changes(&self) -> Option<u64> {
        S::changes(self)
    }

    fn write(&self, now: Timestamp, points: &[Point]) -> WriteReport {
        S::write(self, now, points)
    }

    fn commit(&self, now: Timestamp) -> Result<(), Error> {
        S::commit(self, now)
    }

    fn upkeep(&self, now: Timestamp) -> Result<(), Error> {
        S::upkeep(self, now)
    }

    fn sync(&self) {
        S::sync(self);
    }

    fn find(&self, pattern: &str) -> Result<Vec<Node>, Error> {
        S::find(self, pattern)
    }

    fn leaves(&self) -> Result<Vec<String>, Error> {
        S::leaves(self)
    }

    fn tagged(&self, expressions: &[TagExpression]) -> Result<Vec<String>, Error> {
        S::tagged(self, expressions)
    }

    fn tags(&self, question: &TagQuestion) -> Result<TagAnswer, Error> {
        S::tags(self, question)
    }

    fn archives(&self, name: &str) -> Result<Option<Vec<Archive>>, Error> {
        S::archives(self, name)
    }

    fn fetch(&self, name: &str, window: Window, now: Timestamp) -> Result<Option<Fetched>, Error> {
        S::fetch(self, name, window, now)
    }

    fn fetch_many(&self, names: &[&str], window: Window, now: Timestamp) -> Vec<Result<Option<Fetched>, Error>> {
        S::fetch_many(self, names, window, now)
    }

    fn sketch_of(&self, name: &str) -> Option<SketchKind> {
        S::sketch_of(self, name)
    }

    fn write_sketches(&self, now: Timestamp, sketches: &[SketchPoint<'_>]) -> WriteReport {
        S::write_sketches(self, now, sketches)
    }

    fn find_sketches(&self, pattern: &str) -> Result<Vec<String>, Error> {
        S::find_sketches(self, pattern)
    }

    fn fetch_sketches(&self, name: &str, window: Window, now: Timestamp) -> Result<Option<FetchedSketches>, Error> {
        S::fetch_sketches(self, name, window, now)
    }

    fn counters(&self) -> Counts {
        S::counters(self)
    }

    fn recent_errors(&self) -> Vec<String> {
        S::recent_errors(self)
    }
}

/// One value of one series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Whose.
    pub series: SeriesId,
    /// When.
    pub at: Timestamp,
    /// The value.
    pub value: f64,
}

/// One sketch of one series.
#[derive(Clone, Copy, Debug)]
pub struct SketchPoint<'a> {
    /// Whose.
    pub series: SeriesId,
    /// When.
    pub at: Timestamp,
    /// What.
    pub sketch: &'a Sketch,
}

/// What became of the points of one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteReport {
    /// Points written. Of several in one slot the last given is kept, and all count here.
    pub written: u64,
    /// Files made.
    pub created: u64,
    /// Points older than the series' retention.
    pub dropped_old: u64,
    /// Points too far in the future.
    pub dropped_future: u64,
    /// Points of files that are corrupt.
    pub dropped_broken: u64,
    /// Points of files in go-whisper's compressed format.
    pub dropped_compressed: u64,
    /// Points lost to a full disk or quota.
    pub dropped_full: u64,
    /// Points of new series beyond a quota or the limit of series, or beyond the room for those that wait.
    pub dropped_quota: u64,
    /// Points lost to another answer of the system, or of ids that this store did not give.
    pub dropped_failed: u64,
    /// Points given to a store that is open for reading only.
    pub dropped_read_only: u64,
    /// Sketches given to a store that keeps none, or to a series of the other kind.
    pub dropped_kind: u64,
}

impl WriteReport {
    /// Points not written.
    pub fn dropped(&self) -> u64 {
        self.dropped_old
            + self.dropped_future
            + self.dropped_broken
            + self.dropped_compressed
            + self.dropped_full
            + self.dropped_quota
            + self.dropped_failed
            + self.dropped_read_only
            + self.dropped_kind
    }

    pub(crate) fn drop_for(&mut self, error: &Error, points: u64) {
        let counter = match error {
            Error::NotCovered { .. } => &mut self.dropped_old,
            Error::Corrupt { .. } => &mut self.dropped_broken,
            Error::Compressed(_) => &mut self.dropped_compressed,
            Error::SeriesLimit { .. } => &mut self.dropped_quota,
            error if error.is_full() => &mut self.dropped_full,
            _ => &mut self.dropped_failed,
        };
        *counter += points;
    }
}

/// A name that a pattern matches. A name that is both leaf and branch gives two nodes, the branch first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// The whole name, dotted.
    pub path: String,
    /// Whether it is a series; else there are names below it.
    pub leaf: bool,
}

/// Values of one archive, one per step.
#[derive(Clone, Debug, PartialEq)]
pub struct Fetched {
    /// The moment of the first value.
    pub start: Timestamp,
    /// The end, exclusive.
    pub end: Timestamp,
    /// From one value to the next.
    pub step: Step,
    /// The values; [`GAP`](crate::GAP) where nothing was written.
    pub values: Vec<f64>,
}

/// Sketches of one archive, one per step, in their stored form: decoded they take ten times the room.
#[derive(Clone, Debug)]
pub struct FetchedSketches {
    /// The moment of the first.
    pub start: Timestamp,
    /// The end, exclusive.
    pub end: Timestamp,
    /// From one to the next.
    pub step: Step,
    /// What [`Sketch::decode`] reads; `None` where nothing was written.
    pub stored: Vec<Option<Vec<u8>>>,
}
