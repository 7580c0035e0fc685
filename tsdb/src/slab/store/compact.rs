//! names.log written anew, with what still holds, so that it does not grow with every series that ever was: the series that are
//! there, the places that they have left, and how often the columns had a series that have none. Series come and go meanwhile.

use super::names_of::SchemaNames;
use super::{Event, FileDisk, Key, Name, Names, Place, SlabStore};
use crate::catalogue::SeriesId;
use crate::error::Error;
use crate::time::Timestamp;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, MutexGuard, PoisonError};

/// Records that may lie in the log beside twice as many as hold.
const RECORDS_LEAST: u64 = 4096;
/// Series that are written while none comes or goes.
const BATCH: usize = 4096;

/// Where the log is written; what a process that was killed left there is of no use.
pub(super) fn beside(root: &Path) -> PathBuf {
    root.join("names.log.new")
}

impl SlabStore {
    /// Writes the log anew if most of its records hold no more.
    pub(super) fn compact_names(&self) -> Result<(), Error> {
        let mut names = self.locked_names();
        if names.is_damaged() || names.records() <= 2 * self.records_that_hold() + RECORDS_LEAST {
            return Ok(());
        }
        names.begin_successor()?;
        drop(names);
        let beside = beside(&self.root);
        let written = self.write_names(&beside);
        let mut names = self.locked_names();
        let done = written.and_then(|successor| names.succeed(successor));
        if done.is_err() {
            names.end_successor();
            // On a full disk it would keep its room for nothing.
            let _ = fs::remove_file(&beside);
        }
        done
    }

    fn locked_names(&self) -> MutexGuard<'_, SchemaNames> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn records_that_hold(&self) -> u64 {
        let formers: usize = self.formers.read().unwrap_or_else(PoisonError::into_inner).values().map(Vec::len).sum();
        let free: usize = self.schemas().iter().map(|schema| schema.free_columns().len()).sum();
        self.index.shown_count() + (formers + free) as u64
    }

    /// A log of everything that is there, or was while it was written: what changed meanwhile is added to it in the end.
    fn write_names(&self, path: &Path) -> Result<Names, Error> {
        let _ = fs::remove_file(path);
        let disk = Arc::new(FileDisk::open(path).map_err(Error::io("open", path))?);
        let (mut log, _) = Names::open(disk, path, |_| {})?;
        for first in (0..self.index.len()).step_by(BATCH) {
            let _names = self.locked_names();
            for series in first..self.index.len().min(first + BATCH) {
                self.write_series(&mut log, SeriesId(series as u32));
            }
            log.write()?;
        }
        // What has ended since the series before were looked at is written as free, and as ended once more afterwards.
        for (number, schema) in (0..).zip(self.schemas()) {
            for (key, ended) in schema.free_columns() {
                push(&mut log, Event::Ended, Place::new(number, key), ended, "");
            }
        }
        Ok(log)
    }

    /// Every place of a series, the first it had first.
    fn write_series(&self, log: &mut Names, series: SeriesId) {
        let Some(place) = self.places.look().of(series) else { return };
        let sketches = self.index.sketches_of(series);
        let is_imported = self.imported.read().unwrap_or_else(PoisonError::into_inner).contains(series.0);
        let formers = self.formers.read().unwrap_or_else(PoisonError::into_inner).get(&series).cloned();
        self.index.with_name(series, |name| {
            // A record says when the series left the place of the one before.
            let mut at = Timestamp(0);
            for former in formers.into_iter().flatten() {
                push(log, Event::Made, former.place, at, name);
                at = former.until;
            }
            let event = if is_imported { Event::Imported } else { Event::Made };
            let Key { column, generation } = place.key();
            log.push(&Name { column, generation, schema: place.schema, event, sketches, at_secs: at.0, name });
        });
    }
}

fn push(log: &mut Names, event: Event, place: Place, at: Timestamp, name: &str) {
    let Key { column, generation } = place.key();
    log.push(&Name { column, generation, schema: place.schema, event, sketches: None, at_secs: at.0, name });
}
