//! names.log: which series there are. A record is appended before the first value of its series is flushed, so that no
//! value is ever without a name; the last record of a name holds. Where there is no name, a record says of a column alone
//! how often it had a series. So that records of series that have ended do not pile up, the log is written anew now and then.

use super::disk::Disk;
use super::frames::{Damage, Frames, LONGEST};
use crate::error::Error;
use crate::sketch::Family;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a record before the name.
const FIXED: usize = 20;

/// One series, or the end of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<'a> {
    /// Its column in the schema's ring.
    pub column: u32,
    /// How often the column had another series before.
    pub generation: u16,
    /// Which schema.
    pub schema: u16,
    /// Whether the series came or went.
    pub event: Event,
    /// The kind of its sketches; `None` for a series of values.
    pub sketches: Option<Family>,
    /// When, in epoch seconds.
    pub at_secs: i64,
    /// The canonical name.
    pub name: &'a str,
}

/// What a record says of its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It exists from now on.
    Made = 1,
    /// It was deleted or has expired; its column may be given to another.
    Ended = 2,
    /// It exists from now on, and keeps its archives whatever the rules say.
    Imported = 3,
}

/// The open log.
pub struct Names {
    frames: Frames,
    path: PathBuf,
    record: Vec<u8>,
    records: u64,
    /// What was pushed since a log was begun that takes this one's place.
    since: Option<Vec<Box<[u8]>>>,
}

/// A moment of a log's batch.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    pushed: usize,
    since: usize,
    records: u64,
}

impl Names {
    /// Opens the log and hands every record to `take`, in order. Answers what was damaged; a frame that is whole but no
    /// record counts as skipped.
    ///
    /// # Errors
    /// The system's.
    pub fn open(disk: Arc<dyn Disk>, path: &Path, mut take: impl FnMut(Name<'_>)) -> Result<(Names, Damage), Error> {
        let (mut foreign, mut records) = (0, 0);
        let (frames, mut damage) = Frames::open(disk, |payload| match decode(payload) {
            Some(name) => {
                records += 1;
                take(name);
            }
            None => foreign += payload.len() as u64,
        })
        .map_err(Error::io("read", path))?;
        damage.skipped_bytes += foreign;
        Ok((Names { frames, path: path.to_owned(), record: Vec::new(), records, since: None }, damage))
    }

    /// Hands every record to `take` and changes nothing. Answers what is damaged.
    ///
    /// # Errors
    /// The system's.
    pub fn scan(disk: &dyn Disk, path: &Path, mut take: impl FnMut(Name<'_>)) -> Result<Damage, Error> {
        let mut foreign = 0;
        let (.., mut damage) = Frames::scan(disk, |payload| match decode(payload) {
            Some(name) => take(name),
            None => foreign += payload.len() as u64,
        })
        .map_err(Error::io("read", path))?;
        damage.skipped_bytes += foreign;
        Ok(damage)
    }

    /// Adds a record to the batch.
    ///
    /// # Panics
    /// When the name is longer than 60 KiB, which no store resolves.
    pub fn push(&mut self, name: &Name<'_>) {
        assert!(FIXED + name.name.len() <= LONGEST, "the store refuses such names");
        self.records += 1;
        self.record.clear();
        self.record.extend_from_slice(&name.column.to_le_bytes());
        self.record.extend_from_slice(&name.generation.to_le_bytes());
        self.record.extend_from_slice(&name.schema.to_le_bytes());
        self.record.extend_from_slice(&name.at_secs.to_le_bytes());
        self.record.extend_from_slice(&[name.event as u8, name.sketches.map_or(0, |family| family as u8), 0, 0]);
        self.record.extend_from_slice(name.name.as_bytes());
        self.frames.push(&self.record);
        if let Some(since) = &mut self.since {
            since.push(self.record.as_slice().into());
        }
    }

    /// Records in the log and in the batch.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Where the batch is now, for [`Names::withdraw`].
    pub(super) fn mark(&self) -> Mark {
        Mark { pushed: self.frames.pushed(), since: self.since.as_ref().map_or(0, Vec::len), records: self.records }
    }

    /// Takes back what was pushed since, also from the file if a commit of it has failed.
    pub(super) fn withdraw(&mut self, mark: Mark) {
        self.frames.withdraw(mark.pushed);
        self.records = mark.records;
        if let Some(since) = &mut self.since {
            since.truncate(mark.since);
        }
    }

    /// From now on every record is kept for the log that takes this one's place, too.
    pub(super) fn begin_successor(&mut self) {
        self.since = Some(Vec::new());
    }

    /// No log will take this one's place.
    pub(super) fn end_successor(&mut self) {
        self.since = None;
    }

    /// Puts a log that holds what this one says, as it was when its successor was begun or later, in its place: the records
    /// since are added, and it gets this one's name. After an error this log goes on, unless the last step alone has failed.
    ///
    /// # Errors
    /// The disk is full, or the system refuses.
    pub(super) fn succeed(&mut self, mut successor: Names) -> Result<(), Error> {
        for record in self.since.iter().flatten() {
            successor.frames.push(record);
            successor.records += 1;
        }
        successor.commit()?;
        fs::rename(&successor.path, &self.path).map_err(Error::io("rename", &successor.path))?;
        // From here on the former log has no name: nothing may be written to it, whatever the sync says.
        let path = std::mem::take(&mut self.path);
        *self = Names { path, ..successor };
        let folder = self.path.parent().unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", folder))
    }

    /// Writes the batch, which a commit makes safe.
    pub(super) fn write(&mut self) -> Result<(), Error> {
        self.frames.write().map_err(Error::io("write", &self.path))
    }

    /// Writes the batch and returns when it is on the medium, with all that was written before. After an error the batch is kept.
    ///
    /// # Errors
    /// The disk is full, or the system refuses.
    pub fn commit(&mut self) -> Result<(), Error> {
        self.frames.write_synced().map_err(Error::io("write", &self.path))
    }
}

fn decode(payload: &[u8]) -> Option<Name<'_>> {
    let (fixed, name) = payload.split_first_chunk::<FIXED>()?;
    let [a, b, c, d, e, f, g, h, at @ .., event, sketches, _, _] = *fixed;
    let event = match event {
        1 => Event::Made,
        2 => Event::Ended,
        3 => Event::Imported,
        _ => return None,
    };
    Some(Name {
        column: u32::from_le_bytes([a, b, c, d]),
        generation: u16::from_le_bytes([e, f]),
        schema: u16::from_le_bytes([g, h]),
        at_secs: i64::from_le_bytes(at),
        event,
        sketches: Family::ALL.into_iter().find(|family| *family as u8 == sketches),
        name: std::str::from_utf8(name).ok()?,
    })
}
