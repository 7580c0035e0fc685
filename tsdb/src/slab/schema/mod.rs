//! A schema: all series of one retention. Points go to open slots in memory, with a commit to the ring, after some time to
//! segments; what misses the open slots goes to the late log. Readers see one series through all of them.
//!
//! In reading order: `found` is a schema as it is opened, `open`, `late` and `sealed` are the three places, `columns` who owns which column, `view` a series
//! as readers see it, `seal` the way from the ring to segments, `fold` the way of the late, `merge` many segments made one.
//! `sketches` are beside all that: they have columns, for their keys, and no values there.

mod columns;
mod faults;
mod fold;
mod found;
mod held;
mod import;
mod late;
mod merge;
mod open;
mod reuse;
mod seal;
mod sealed;
mod sketches;
mod view;

pub(crate) use faults::Faults;
pub(crate) use held::{Counted, widest};
pub(crate) use import::Intake;
pub(crate) use sketches::{Slots, merge_stored, sketch_log_start};

use super::layout::Geometry;
use super::ring::Ring;
use super::row::Rows;
use super::segment::Key;
use super::spans::Spans;
use crate::error::Error;
use crate::gap::is_gap;
use crate::retention::Retention;
use crate::time::{Timestamp, Window};
use columns::Columns;
use late::{Late, LatePoint};
use open::OpenSlots;
use reuse::Reuse;
use sealed::Shelf;
use sketches::Sketches;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Slots before the one of now that are still open, for those who count an interval and send it after its end.
const OPEN_BEFORE: i64 = 2;
/// Slots after it, for clocks that are ahead.
const OPEN_AFTER: i64 = 1;
/// Open slots that are kept though they cannot be written, when the disk is full.
const OPEN_MOST: usize = 16;

/// An open schema.
pub(crate) struct Schema {
    pub retention: Retention,
    folder: PathBuf,
    /// Of each archive.
    spans: Vec<Spans>,
    ring: Ring,
    state: RwLock<State>,
    sketches: Sketches,
    /// Held while segments are written, by one at a time.
    upkeep: Mutex<()>,
    faults: Arc<Faults>,
    /// Torn pages of the ring that were reported.
    torn_reported: AtomicU64,
}

struct State {
    open: OpenSlots,
    late: Late,
    sealed: Arc<Vec<Shelf>>,
    columns: Columns,
    reuse: Reuse,
    /// Grows with every commit and every segment.
    seq: u64,
    /// Whether rows were written that are not known to be on the medium.
    has_unsynced_rows: bool,
    /// The same of late points. Apart, because a sync costs the disk a flush even where there is nothing to write.
    has_unsynced_late: bool,
    /// When the oldest late point came that waits for a segment of its own.
    fold_since: Option<Timestamp>,
    /// Stretches of an archive whose segments stay as they are, because one is damaged.
    unmerged: HashSet<(usize, Timestamp)>,
    /// Slots before it are open no more, because they are being sealed: what comes for them is late.
    closed_until: Timestamp,
}

impl State {
    /// The first slot that may be open: those before are sealed, or are being sealed.
    fn first_open(&self) -> Timestamp {
        self.sealed[0].sealed_end.map_or(self.closed_until, |end| end.max(self.closed_until))
    }
}

/// What became of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    Taken,
    TooOld,
    /// The disk is full, and as many late points as may be wait in memory.
    NoRoom,
}

/// The folder of a retention, as in `10s-6h_1m-7d` without the letters: `10-2160_60-10080`.
pub(crate) fn folder_name(retention: &Retention) -> String {
    let archive = |archive: &crate::Archive| format!("{}-{}", archive.step.secs(), archive.points);
    retention.archives().iter().map(archive).collect::<Vec<_>>().join("_")
}

/// The number and the retention that a folder is named for, as in `0_10-2160_60-10080`.
pub(crate) fn numbered_folder(folder: &str) -> Option<(u16, Retention)> {
    let (number, folder) = folder.split_once('_')?;
    let archives = folder.split('_').map(|part| part.replacen('-', ":", 1)).collect::<Vec<_>>().join(",");
    let retention = Retention::parse(&archives).ok().filter(|retention| folder_name(retention) == folder)?;
    Some((number.parse().ok()?, retention))
}

impl Schema {
    /// A column for a new series.
    pub fn take_column(&self, now: Timestamp) -> Key {
        let mut state = self.state_mut();
        // What the ring still has to give to a segment would be given in the name of the column's next series.
        let now = if state.columns.has_free(now) {
            let unsealed = self.ring.oldest_from(state.sealed[0].sealed_end);
            unsealed.map_or(now, |oldest| now.min(oldest + self.ring_secs()))
        } else {
            now
        };
        let key = state.columns.take(now);
        if key.generation > 0 {
            state.reuse.push(key);
        }
        key
    }

    /// Whether a column is a series', and that has not ended.
    pub fn holds(&self, key: Key) -> bool {
        self.state().columns.holds(key)
    }

    /// The columns that will be given to new series, as their former ones, and when these ended.
    pub fn free_columns(&self) -> Vec<(Key, Timestamp)> {
        let free = self.state().columns.free();
        free.into_iter().map(|(key, free_from)| (key, free_from + -self.ring_secs())).collect()
    }

    /// A series has ended: its values are gone for readers, its column is given away when the ring has forgotten it.
    pub fn end_series(&self, key: Key, now: Timestamp) {
        let mut state = self.state_mut();
        state.columns.leave(key, now + self.ring_secs());
        state.late.forget_series(key);
        drop(state);
        self.sketches.end_series(key);
    }

    /// From the last moment of a series until no row of the ring holds a value of it.
    fn ring_secs(&self) -> i64 {
        ring_secs(&self.ring)
    }

    /// Takes points; readers see them when the writer is dropped.
    pub fn writer(&self, now: Timestamp) -> Writer<'_> {
        let step = i64::from(self.spans[0].step.secs());
        let current = now.floor(self.spans[0].step);
        let state = self.state_mut();
        let newest = self.ring.newest().map_or(current, |newest| newest.max(current));
        let oldest = self.ring.geometry().oldest(newest).max(current - OPEN_BEFORE * step);
        let oldest = oldest.max(state.first_open());
        Writer { schema: self, state, now, oldest, newest: current + OPEN_AFTER * step, slot: None }
    }

    /// Writes what is not in the ring and the late log yet, and returns when it is on the medium if `sync` says so. Answers
    /// the bytes of rows.
    ///
    /// # Errors
    /// The disk is full, or the system refuses; then the rest is written all the same, and the next commit tries again.
    /// Slots whose values had to be given up meanwhile are counted.
    pub fn commit(&self, now: Timestamp, sync: bool) -> Result<u64, Error> {
        let sketches = self.sketches.write();
        // Where a slot cannot be sealed, the rows that would take its place wait; everything else is written.
        let sealed = self.seal_before_the_ring_wraps(now);
        let mut state = self.state_mut();
        let State { late, open, seq, reuse, .. } = &mut *state;
        *seq += 1;
        let seq = *seq;
        // Where it fails, rows are written all the same: a second record beside the names is missing, not a value.
        let reused = reuse.commit();
        let late_written = late.write();
        let has_moved = late.has_moved();
        let rows_written = match &sealed {
            Ok(_) => open.write_before(Timestamp(i64::MAX), &self.ring, seq),
            Err(_) => Ok(0),
        };
        let step = i64::from(self.spans[0].step.secs());
        let slots_lost = open.close_before(now.floor(self.spans[0].step) - OPEN_BEFORE * step, OPEN_MOST);
        state.has_unsynced_late |= !matches!(late_written, Ok(false));
        state.has_unsynced_rows |= !matches!(rows_written, Ok(0));
        drop(state);
        self.faults.slots_lost.add(slots_lost);
        let synced = if sync {
            self.sync()
        } else {
            self.ring.forgo_former_rows();
            Ok(())
        };
        for error in [sealed.as_ref().err(), rows_written.as_ref().err(), late_written.as_ref().err()] {
            // The first is answered; each is told.
            error.into_iter().for_each(|error| self.faults.note(error));
        }
        let bytes = sealed? + rows_written?;
        synced?;
        if has_moved {
            self.state_mut().late.forget_moved(seq);
        }
        reused.and(late_written).and(sketches).map(|()| bytes)
    }

    /// Returns when everything that was committed is on the medium.
    ///
    /// # Errors
    /// The system's.
    pub fn sync(&self) -> Result<(), Error> {
        let (late, rows, log) = {
            let mut state = self.state_mut();
            let late = std::mem::take(&mut state.has_unsynced_late);
            (late, std::mem::take(&mut state.has_unsynced_rows), state.late.disk())
        };
        let sketches = self.sketches.sync();
        let synced = (|| {
            if late {
                log.sync().map_err(Error::io("sync", &self.folder.join("late.log")))?;
            }
            if rows { self.ring.sync() } else { Ok(()) }
        })();
        synced.inspect_err(|_| {
            let mut state = self.state_mut();
            state.has_unsynced_late |= late;
            state.has_unsynced_rows |= rows;
        })?;
        sketches
    }

    /// Takes the stored form of a sketch.
    pub fn put_sketch(&self, now: Timestamp, key: Key, at: Timestamp, stored: &[u8]) -> Put {
        self.sketches.put(now, key, at, stored)
    }

    /// The stored sketches of a series in a window, as [`Schema::fetch`] has its values.
    ///
    /// # Errors
    /// The window ends before it begins.
    pub fn fetch_sketches(&self, key: Key, window: Window, now: Timestamp) -> Result<Option<Slots>, Error> {
        self.sketches.fetch(key, window, now)
    }

    /// Counts and tells what the ring met in the meantime.
    fn report_torn_pages(&self) {
        let torn = self.ring.torn_pages();
        if torn > self.torn_reported.swap(torn, Ordering::Relaxed) {
            self.faults.report(&Error::corrupt(&self.folder.join("ring"), "pages of it are torn and not served"));
        }
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes points for one schema; nobody else reads or writes it meanwhile.
pub(crate) struct Writer<'a> {
    schema: &'a Schema,
    state: RwLockWriteGuard<'a, State>,
    now: Timestamp,
    /// The oldest and the newest slot that may be opened.
    oldest: Timestamp,
    newest: Timestamp,
    /// The slot of the last point: most flushes hold one moment only.
    slot: Option<Slot>,
}

struct Slot {
    /// The moment of the last point.
    at: Timestamp,
    start: Timestamp,
    rows: Rows,
}

impl Writer<'_> {
    /// Takes a point. The last one of a slot stays.
    ///
    /// # Errors
    /// The ring cannot be read where a slot is opened again, or too many late points wait.
    #[inline]
    pub fn put(&mut self, key: Key, at: Timestamp, value: f64) -> Result<Put, Error> {
        if self.slot.as_ref().is_none_or(|slot| slot.at != at) && !self.turn_to(at)? {
            return self.put_late(key, at, value);
        }
        if let Some(slot) = &mut self.slot {
            slot.rows.set(key.column, canonical(value));
        }
        Ok(Put::Taken)
    }

    /// Makes the slot of a moment the one that is written; false where it may not be open.
    #[cold]
    fn turn_to(&mut self, at: Timestamp) -> Result<bool, Error> {
        let spans = &self.schema.spans[0];
        let start = at.floor(spans.step);
        if let Some(slot) = self.slot.as_mut().filter(|slot| slot.start == start) {
            slot.at = at;
            return Ok(true);
        }
        self.give_back();
        let first_open = self.state.first_open();
        let State { open, late, seq, .. } = &mut *self.state;
        let was_open = open.holds(start) && start >= first_open;
        if !was_open && !(self.oldest..=self.newest).contains(&start) {
            return Ok(false);
        }
        let mut rows = open.take(&self.schema.ring, start)?;
        if !was_open && late.len() > 0 {
            // What came ahead of its time lies in the slot's rows from now on.
            let end = start + i64::from(spans.step.secs());
            late.take(start, end, *seq).iter().for_each(|(_, column, value)| rows.set(*column, *value));
        }
        self.slot = Some(Slot { at, start, rows });
        Ok(true)
    }

    fn give_back(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.state.open.give(slot.start, slot.rows);
        }
    }

    #[cold]
    fn put_late(&mut self, key: Key, at: Timestamp, value: f64) -> Result<Put, Error> {
        let age = self.now - at;
        let Some(archive) = self.schema.spans.iter().position(|spans| spans.kept_secs >= age) else {
            return Ok(Put::TooOld);
        };
        if self.state.late.is_full() {
            return Ok(Put::NoRoom);
        }
        if !is_gap(value) {
            let start = at.floor(self.schema.spans[archive].step);
            let point = LatePoint { key, archive: archive as u8, start, value: canonical(value) };
            let State { late, seq, fold_since, .. } = &mut *self.state;
            fold_since.get_or_insert(self.now);
            // It is taken all the same: the next commit writes it, or says why not.
            let _ = late.push(point, *seq).inspect_err(|error| self.schema.faults.note(error));
        }
        Ok(Put::Taken)
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// One NaN stands for all that are no gaps, so that none is taken for a mark of ours.
#[inline]
fn canonical(value: f64) -> f64 {
    if value.is_nan() && !is_gap(value) { f64::NAN } else { value }
}

/// From the last moment of a series until no row of a ring holds a value of it.
fn ring_secs(ring: &Ring) -> i64 {
    let Geometry { step, slots } = ring.geometry();
    i64::from(slots + 2) * i64::from(step.secs())
}

#[cfg(test)]
mod tests;
