//! Late points: those that miss the open slots, older or ahead. They lie in a log until the segment of their time is
//! written, and in memory, where readers find them.

use crate::error::Error;
use crate::slab::disk::{Disk, FileDisk};
use crate::slab::frames::{Damage, Frames, LONGEST};
use crate::slab::segment::Key;
use crate::time::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One late point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LatePoint {
    /// Which series.
    pub key: Key,
    /// The archive whose slot it is.
    pub archive: u8,
    /// The start of the slot.
    pub start: Timestamp,
    /// The value.
    pub value: f64,
    /// The schema's count of openings when it came: a row of its slot that was written later holds it.
    pub seq: u64,
}

/// Bytes of a point in the log.
const POINT: usize = 32;

/// The late points of one stretch of time, by column, in the order in which they came.
pub(super) type LateSpan = HashMap<u32, Vec<LatePoint>>;

/// How many points of each column of a stretch, by archive and its start, lie in a segment now.
pub(super) type Folded = ((u8, Timestamp), HashMap<u32, usize>);

/// The late points of a schema and their log.
pub(super) struct Late {
    path: PathBuf,
    log: Frames,
    /// Points for the log's next write.
    batch: Vec<u8>,
    /// By archive and start of the stretch; what is being sealed is still here.
    spans: BTreeMap<(u8, Timestamp), LateSpan>,
    points: usize,
    /// Taken into the rows of their slots by such a commit or a later one, and not known to be safe there.
    moved: Vec<(u64, LatePoint)>,
    /// Whether the log holds points that lie in rows. When these have left the ring, nobody could tell that the points are
    /// older than what segments hold: so it is written anew before.
    is_stale: bool,
}

/// Points that may wait in memory, 40 bytes each: beyond them the disk has been full for long, or upkeep cannot follow.
const MOST: usize = 6_000_000;

impl Late {
    /// Opens the log and hands every point in it to `take`, which says where it belongs; `None` drops it.
    pub fn open(
        path: &Path,
        mut belongs: impl FnMut(&LatePoint) -> Option<Timestamp>,
    ) -> Result<(Late, Damage), Error> {
        let mut found = Vec::new();
        let (log, damage) = open_log(path, |payload| found.extend(payload.as_chunks::<POINT>().0.iter().map(decode)))?;
        let mut late = Late {
            path: path.to_owned(),
            log,
            batch: Vec::new(),
            spans: BTreeMap::new(),
            points: 0,
            moved: Vec::new(),
            is_stale: false,
        };
        for point in found {
            match belongs(&point) {
                Some(span) => late.keep(span, point),
                None => late.is_stale = true,
            }
        }
        Ok((late, damage))
    }

    /// Takes a point that belongs to the stretch which begins at `span`; it is safe with the next [`Late::write`].
    pub fn push(&mut self, span: Timestamp, point: LatePoint) {
        self.batch.extend_from_slice(&encode(&point));
        self.keep(span, point);
    }

    fn keep(&mut self, span: Timestamp, point: LatePoint) {
        let of_column = self.spans.entry((point.archive, span)).or_default().entry(point.key.column).or_default();
        of_column.push(point);
        self.points += 1;
    }

    /// Points in memory.
    pub fn len(&self) -> usize {
        self.points
    }

    /// The stretches that have points.
    pub fn spans(&self) -> impl Iterator<Item = (u8, Timestamp)> + '_ {
        self.spans.keys().copied()
    }

    /// The points of a stretch.
    pub fn span(&self, archive: u8, start: Timestamp) -> Option<&LateSpan> {
        self.spans.get(&(archive, start))
    }

    /// Of a series, the points whose slots begin in a range, those of a slot in the order in which they came.
    pub fn of(&self, key: Key, first: Timestamp, end: Timestamp) -> Vec<LatePoint> {
        let all = self.spans.values().filter_map(|span| span.get(&key.column)).flatten();
        all.filter(|point| point.key == key && point.start >= first && point.start < end).copied().collect()
    }

    /// Whether no more points may come.
    pub fn is_full(&self) -> bool {
        self.points >= MOST || self.batch.len() >= MOST * POINT
    }

    /// Takes the points of the finest archive whose slot begins here out of the stretch: they will be in the slot's rows,
    /// which a commit after `seq` writes. Until then the log keeps them.
    pub fn take_slot(&mut self, span: Timestamp, start: Timestamp, seq: u64) -> Vec<LatePoint> {
        let mut taken = Vec::new();
        if let Some(columns) = self.spans.get_mut(&(0, span)) {
            for points in columns.values_mut() {
                taken.extend(points.extract_if(.., |point| point.start == start));
            }
            columns.retain(|_, points| !points.is_empty());
            if columns.is_empty() {
                self.spans.remove(&(0, span));
            }
        }
        self.points -= taken.len();
        self.is_stale |= !taken.is_empty();
        self.moved.extend(taken.iter().map(|point| (seq, *point)));
        taken
    }

    /// Whether the log holds points that lie in rows, too.
    pub fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// Whether points were taken into rows that are not known to be safe.
    pub fn has_moved(&self) -> bool {
        !self.moved.is_empty()
    }

    /// The rows of the commit `seq` are safe: the log need not keep what was taken into them.
    pub fn forget_moved(&mut self, seq: u64) {
        self.moved.retain(|(moved, _)| *moved >= seq);
    }

    /// Forgets the first points of a stretch, those that `folded` counts by column: they lie in a segment now.
    pub fn forget(&mut self, archive: u8, span: Timestamp, folded: &HashMap<u32, usize>) {
        let Some(columns) = self.spans.get_mut(&(archive, span)) else { return };
        for (column, count) in folded {
            if let Some(points) = columns.get_mut(column) {
                self.points -= points.drain(..(*count).min(points.len())).count();
            }
        }
        columns.retain(|_, points| !points.is_empty());
        if columns.is_empty() {
            self.spans.remove(&(archive, span));
        }
    }

    /// Writes what was pushed; false when there was nothing.
    pub fn write(&mut self) -> Result<bool, Error> {
        let was_empty = self.batch.is_empty();
        for payload in self.batch.chunks(LONGEST / POINT * POINT) {
            self.log.push(payload);
        }
        self.batch.clear();
        self.log.write().map_err(Error::io("write", &self.path))?;
        Ok(!was_empty)
    }

    /// The log's file, to sync it without holding the points.
    pub fn disk(&self) -> Arc<dyn Disk> {
        self.log.disk()
    }

    /// Writes the log anew with only the points that are still in memory or on their way to a row, so that it does not grow
    /// for ever.
    pub fn rewrite(&mut self) -> Result<(), Error> {
        let beside = self.path.with_extension("new");
        let log = self.write_beside(&beside).inspect_err(|_| {
            // On a full disk it would keep its room for nothing.
            let _ = fs::remove_file(&beside);
        })?;
        fs::rename(&beside, &self.path).map_err(Error::io("rename", &beside))?;
        // From here on the former log has no name: nothing may be written to it, whatever the sync says.
        (self.log, self.batch) = (log, Vec::new());
        self.is_stale = self.has_moved();
        let folder = self.path.parent().unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", folder))
    }

    fn write_beside(&self, beside: &Path) -> Result<Frames, Error> {
        let _ = fs::remove_file(beside);
        let (mut log, _) = open_log(beside, |_| {})?;
        let mut batch = Vec::new();
        let moved = self.moved.iter().map(|(_, point)| point);
        for point in moved.chain(self.spans.values().flat_map(HashMap::values).flatten()) {
            batch.extend_from_slice(&encode(point));
        }
        for payload in batch.chunks(LONGEST / POINT * POINT) {
            log.push(payload);
        }
        log.write().and_then(|()| log.sync()).map_err(Error::io("write", beside))?;
        Ok(log)
    }

    /// Forgets all points of a series.
    pub fn forget_series(&mut self, key: Key) {
        self.moved.retain(|(_, point)| point.key != key);
        for columns in self.spans.values_mut() {
            if let Some(points) = columns.get_mut(&key.column) {
                let before = points.len();
                points.retain(|point| point.key != key);
                self.points -= before - points.len();
            }
        }
    }
}

fn open_log(path: &Path, take: impl FnMut(&[u8])) -> Result<(Frames, Damage), Error> {
    let disk: Arc<dyn Disk> = Arc::new(FileDisk::open(path).map_err(Error::io("open", path))?);
    Frames::open(disk, take).map_err(Error::io("read", path))
}

fn encode(point: &LatePoint) -> [u8; POINT] {
    let mut bytes = [0; POINT];
    bytes[..4].copy_from_slice(&point.key.column.to_le_bytes());
    bytes[4..6].copy_from_slice(&point.key.generation.to_le_bytes());
    bytes[6] = point.archive;
    bytes[8..16].copy_from_slice(&point.start.0.to_le_bytes());
    bytes[16..24].copy_from_slice(&point.value.to_le_bytes());
    bytes[24..].copy_from_slice(&point.seq.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8; POINT]) -> LatePoint {
    let eight = |at: usize| bytes[at..].first_chunk::<8>().copied().unwrap_or_default();
    let [a, b, c, d, e, f, archive, ..] = *bytes;
    LatePoint {
        key: Key { column: u32::from_le_bytes([a, b, c, d]), generation: u16::from_le_bytes([e, f]) },
        archive,
        start: Timestamp(i64::from_le_bytes(eight(8))),
        value: f64::from_le_bytes(eight(16)),
        seq: u64::from_le_bytes(eight(24)),
    }
}
