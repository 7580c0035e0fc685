//! A schema as it is found in its folder. Nothing that lies there is ever given to a series that did not write it: columns
//! in which there are values and of which no name is known, because the log of names was damaged or could not be written,
//! are given to nobody.

use super::columns::Columns;
use super::late::Late;
use super::open::OpenSlots;
use super::reuse::Reuse;
use super::sealed::Shelf;
use super::sketches::Sketches;
use super::{Faults, OPEN_AFTER, OPEN_BEFORE, Schema, State, ring_secs};
use crate::error::Error;
use crate::retention::Retention;
use crate::slab::disk::FileDisk;
use crate::slab::layout::Geometry;
use crate::slab::ring::{Recovery, Ring};
use crate::slab::segment::Key;
use crate::slab::spans::Spans;
use crate::time::Timestamp;
use std::cell::Cell;
use std::collections::HashSet;
use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, RwLock};

impl Schema {
    /// Opens the schema in a folder, or makes it. `restore` is the newest series of each column that the names log knows,
    /// and when it ended if it has; `late_points` may wait in memory.
    ///
    /// # Errors
    /// The ring is not one of this retention, or the system refuses.
    pub fn open(
        folder: &Path,
        retention: Retention,
        restore: impl Iterator<Item = (Key, Option<Timestamp>)>,
        faults: Arc<Faults>,
        late_points: usize,
    ) -> Result<(Schema, Recovery), Error> {
        fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        let spans = Spans::of(retention.archives());
        let (ring, recovery) = open_ring(folder, &spans[0], &faults)?;
        let mut shelves = Vec::new();
        for spans in &spans {
            shelves.push(Shelf::open(&folder.join(format!("{}s", spans.step.secs())), &faults)?);
        }
        let (mut columns, free_from) = restored(restore, &ring, recovery);
        let reuse = Reuse::open(&folder.join("reuse.log"), &mut columns, free_from, &faults)?;
        let mut columns_end = ring.columns_end(columns.end())?;
        columns_end = shelves.iter().map(|shelf| shelf.columns_end(&faults)).fold(columns_end, u32::max);
        let newest_part = shelves.iter().flat_map(|shelf| &shelf.parts).map(|part| part.seq).max();
        let mut seq = recovery.last_flush.max(newest_part.unwrap_or(0));
        let (mut late, damage) = Late::open(&folder.join("late.log"), &spans, late_points, |point, came| {
            seq = seq.max(came);
            columns_end = columns_end.max(point.key.column.saturating_add(1));
            // A row that cannot be read holds nothing: then the point is as late as before.
            let row = ring.flush_of(point.start, point.key.column).ok().flatten();
            let is_in_row = point.archive == 0 && row > Some(came);
            usize::from(point.archive) < spans.len() && !is_in_row && columns.holds(point.key)
        })?;
        let (sketches, sketches_end) = open_sketches(folder, &spans, &columns, &faults)?;
        columns.begin_after(columns_end.max(sketches_end));
        faults.report_damage(&folder.join("late.log"), damage);
        if late.is_stale() {
            // Where there is no room for it now, there will be when the next segment is written.
            let _ = late.rewrite(seq).inspect_err(|error| faults.note(error));
        }
        let fold_since = (late.len() > 0).then_some(Timestamp(0));
        let state = State {
            open: OpenSlots::default(),
            late,
            sealed: Arc::new(shelves),
            columns,
            reuse,
            seq,
            has_unsynced_rows: false,
            has_unsynced_late: false,
            fold_since,
            unmerged: HashSet::new(),
            closed_until: Timestamp(i64::MIN),
        };
        // Else a row might be on the medium, and its file without a name there.
        sync_folder(folder)?;
        sync_folder(folder.parent().unwrap_or(Path::new(".")))?;
        let (state, folder) = (RwLock::new(state), folder.to_owned());
        let (upkeep, torn_reported) = (Mutex::new(()), AtomicU64::new(0));
        let schema = Schema { retention, folder, spans, ring, state, sketches, upkeep, faults, torn_reported };
        schema.report_torn_pages();
        Ok((schema, recovery))
    }
}

/// The sketches, and one more than the highest column of any.
fn open_sketches(
    folder: &Path,
    spans: &[Spans],
    columns: &Columns,
    faults: &Arc<Faults>,
) -> Result<(Sketches, u32), Error> {
    let end = Cell::new(0);
    let holds = |key: Key| {
        end.set(end.get().max(key.column.saturating_add(1)));
        columns.holds(key)
    };
    let sketches = Sketches::open(folder, spans.to_vec(), holds, Arc::clone(faults))?;
    let end = sketches.columns_end().max(end.get());
    Ok((sketches, end))
}

fn open_ring(folder: &Path, spans: &Spans, faults: &Faults) -> Result<(Ring, Recovery), Error> {
    let unit = spans.unit_slots();
    // A stretch waits for its last open slots, and is being sealed while the next one fills.
    let slots = unit + (unit / 4).max(8) + (OPEN_BEFORE + OPEN_AFTER) as u32;
    let path = folder.join("ring");
    let disk = Arc::new(FileDisk::open(&path).map_err(Error::io("open", &path))?);
    let (ring, recovery) = Ring::open(disk, &path, Geometry { step: spans.step, slots })?;
    if recovery.had_no_header {
        faults.report(&Error::corrupt(&path, "its first page was damaged, and was written anew"));
    }
    if recovery.torn_rows > 0 {
        faults.report(&Error::corrupt(&path, format!("{} of its rows are torn", recovery.torn_rows)));
    }
    Ok((ring, recovery))
}

/// The columns that the names log knows, and the moment from which on the ring holds nothing of what it holds now.
fn restored(
    restore: impl Iterator<Item = (Key, Option<Timestamp>)>,
    ring: &Ring,
    recovery: Recovery,
) -> (Columns, Timestamp) {
    let mut columns = Columns::default();
    let ring_secs = ring_secs(ring);
    let forgotten = recovery.newest.map_or(Timestamp(0), |(newest, _)| newest + ring_secs);
    let mut ended = Vec::new();
    for (key, at) in restore {
        columns.restore(key);
        // Of a clock that was ahead, or of a moment that nobody wrote down, the newest row knows more.
        ended.extend(at.map(|at| (if at.0 > 0 { forgotten.min(at + ring_secs) } else { forgotten }, key)));
    }
    ended.sort_unstable_by_key(|(free_from, key)| (*free_from, key.column));
    ended.into_iter().for_each(|(free_from, key)| columns.leave(key, free_from));
    (columns, forgotten)
}

fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|opened| opened.sync_all()).map_err(Error::io("sync", folder))
}
