//! Which columns were given to another series, and how often. The names say it too; but rows know columns only, and when
//! the end of a series and the beginning of the next one are lost from the log of names, its values would be served as
//! those of the former. A frame a reuse, of a column (u32) and a generation (u16), little-endian. Of a column only the newest
//! counts; when most frames count no more, the log is written anew.

use super::columns::Columns;
use super::{Faults, Schema, State};
use crate::error::Error;
use crate::slab::disk::FileDisk;
use crate::slab::frames::Frames;
use crate::slab::segment::Key;
use crate::time::Timestamp;
use std::collections::HashMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Frames that may lie in the log beside twice as many as count.
const FRAMES_LEAST: u64 = 4096;

/// The log of reuses.
pub(super) struct Reuse {
    path: PathBuf,
    log: Frames,
    /// Frames in the log and in its batch.
    frames: u64,
    /// What was added since a log was begun that takes this one's place.
    since: Option<Vec<Key>>,
    is_pending: bool,
}

impl Reuse {
    /// Opens the log, and takes columns from series whose successors the names have forgotten. From `free_from` on they are
    /// given away once more; where the log is damaged nobody knows their newest generation, and they are not.
    pub fn open(path: &Path, columns: &mut Columns, free_from: Timestamp, faults: &Faults) -> Result<Reuse, Error> {
        let (mut newest, mut frames) = (HashMap::new(), 0);
        let _ = fs::remove_file(beside(path));
        let disk = Arc::new(FileDisk::open(path).map_err(Error::io("open", path))?);
        let found = Frames::open(disk, |payload| {
            frames += 1;
            if let [a, b, c, d, e, f] = *payload {
                newest.insert(u32::from_le_bytes([a, b, c, d]), u16::from_le_bytes([e, f]));
            }
        });
        let (log, damage) = found.map_err(Error::io("read", path))?;
        faults.report_damage(path, damage);
        columns.outdate(&newest, (damage.skipped_bytes == 0).then_some(free_from));
        Ok(Reuse { path: path.to_owned(), log, frames, since: None, is_pending: false })
    }

    /// A series gets a column that another had.
    pub fn push(&mut self, key: Key) {
        push(&mut self.log, key);
        self.frames += 1;
        if let Some(since) = &mut self.since {
            since.push(key);
        }
        self.is_pending = true;
    }

    /// Returns when every reuse is on the medium, before any row that holds a value of the new series.
    pub fn commit(&mut self) -> Result<(), Error> {
        if self.is_pending {
            self.log.write().map_err(Error::io("write", &self.path))?;
            self.log.sync().map_err(Error::io("sync", &self.path))?;
            self.is_pending = false;
        }
        Ok(())
    }

    /// Puts a log of so many frames in this one's place, with what was added since it was begun. After an error this log
    /// goes on, unless the last step alone has failed.
    fn succeed(&mut self, mut log: Frames, frames: usize, since: &[Key]) -> Result<(), Error> {
        let beside = beside(&self.path);
        since.iter().for_each(|key| push(&mut log, *key));
        log.write_synced().map_err(Error::io("write", &beside))?;
        fs::rename(&beside, &self.path).map_err(Error::io("rename", &beside))?;
        self.log = log;
        self.frames = (frames + since.len()) as u64;
        self.is_pending = false;
        let folder = self.path.parent().unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", folder))
    }
}

impl Schema {
    /// Writes the log of reuses anew if most of it counts no more. Columns are given away meanwhile.
    pub(super) fn compact_reuse(&self) -> Result<(), Error> {
        let (path, reused) = {
            let mut state = self.state_mut();
            let State { columns, reuse, .. } = &mut *state;
            let reused = columns.reused();
            if reuse.frames <= 2 * reused.len() as u64 + FRAMES_LEAST {
                return Ok(());
            }
            reuse.since = Some(Vec::new());
            (reuse.path.clone(), reused)
        };
        let written = write_anew(&beside(&path), &reused);
        let mut state = self.state_mut();
        let since = state.reuse.since.take().unwrap_or_default();
        let done = written.and_then(|log| state.reuse.succeed(log, reused.len(), &since));
        // After a success it has another name.
        let _ = fs::remove_file(beside(&path));
        done
    }
}

fn write_anew(path: &Path, reused: &[Key]) -> Result<Frames, Error> {
    let _ = fs::remove_file(path);
    let disk = Arc::new(FileDisk::open(path).map_err(Error::io("open", path))?);
    let (mut log, _) = Frames::open(disk, |_| {}).map_err(Error::io("open", path))?;
    reused.iter().for_each(|key| push(&mut log, *key));
    log.write_synced().map_err(Error::io("write", path))?;
    Ok(log)
}

fn push(log: &mut Frames, key: Key) {
    let ([a, b, c, d], [e, f]) = (key.column.to_le_bytes(), key.generation.to_le_bytes());
    log.push(&[a, b, c, d, e, f]);
}

/// Where the log is written anew; what a process that was killed left there is of no use.
fn beside(path: &Path) -> PathBuf {
    path.with_extension("log.new")
}
