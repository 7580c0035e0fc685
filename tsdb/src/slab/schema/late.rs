//! Late points: those that miss the open slots, older or ahead. They lie in a log until the segment of their time is
//! written, and in memory, where readers find them.

use crate::error::Error;
use crate::slab::disk::{Disk, FileDisk};
use crate::slab::frames::{Damage, Frames, LONGEST};
use crate::slab::segment::Key;
use crate::slab::spans::Spans;
use crate::time::Timestamp;
use hashbrown::HashMap;
use roaring::RoaringBitmap;
use std::collections::BTreeMap;
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
}

/// The same in memory, where the rest is known from its place: 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Kept {
    /// Of the stretch.
    slot: u32,
    generation: u16,
    value: f64,
}

/// Bytes of a point in the log.
const POINT: usize = 32;
/// Bytes that wait for the next commit before they are written, though not synced, ahead of it.
const BATCH: usize = 1 << 20;

/// The late points of one stretch of time, by column, in the order in which they came.
#[derive(Clone, Default)]
pub(super) struct LateSpan {
    columns: HashMap<u32, Vec<Kept>>,
    /// Every slot that has points and perhaps some that had, so that whoever opens a slot need not look through all columns.
    slots: RoaringBitmap,
}

impl LateSpan {
    /// Whether a column has points.
    pub fn holds(&self, column: u32) -> bool {
        self.columns.contains_key(&column)
    }

    /// The columns that have points.
    pub fn columns(&self) -> impl Iterator<Item = u32> + '_ {
        self.columns.keys().copied()
    }

    /// Of a series the slots of the stretch and their values, in the order in which they came.
    pub fn of(&self, key: Key) -> impl Iterator<Item = (usize, f64)> + '_ {
        let points = self.columns.get(&key.column).into_iter().flatten();
        points.filter(move |point| point.generation == key.generation).map(|point| (point.slot as usize, point.value))
    }
}

/// The late points of a schema and their log.
pub(super) struct Late {
    path: PathBuf,
    log: Frames,
    /// Points for the log's next write.
    batch: Vec<u8>,
    /// Of each archive.
    schedule: Vec<Spans>,
    /// By archive and start of the stretch; what is being sealed is still here. Shared with whoever seals it.
    spans: BTreeMap<(u8, Timestamp), Arc<LateSpan>>,
    points: usize,
    /// Taken into the rows of their slots by such a commit or a later one, and not known to be safe there.
    moved: Vec<(u64, LatePoint)>,
    /// Whether the log holds points that lie in rows. When these have left the ring, nobody could tell that the points are
    /// older than what segments hold: so it is written anew before.
    is_stale: bool,
    /// Points that may wait, 16 bytes each: beyond them the disk has been full for long, or upkeep cannot follow.
    most: usize,
}

impl Late {
    /// Opens the log and keeps every point in it that `belongs`, which is given the schema's count of commits when it came.
    pub fn open(
        path: &Path,
        schedule: &[Spans],
        most: usize,
        mut belongs: impl FnMut(&LatePoint, u64) -> bool,
    ) -> Result<(Late, Damage), Error> {
        let mut found = Vec::new();
        let (log, damage) = open_log(path, |payload| found.extend(payload.as_chunks::<POINT>().0.iter().map(decode)))?;
        let (batch, schedule) = (Vec::new(), schedule.to_vec());
        let (path, spans) = (path.to_owned(), BTreeMap::new());
        let mut late = Late { path, log, batch, schedule, spans, points: 0, moved: Vec::new(), is_stale: false, most };
        for (point, seq) in found {
            if belongs(&point, seq) {
                late.keep(point);
            } else {
                late.is_stale = true;
            }
        }
        Ok((late, damage))
    }

    /// Takes a point that came after so many commits; it is safe with the next commit.
    ///
    /// # Errors
    /// The log cannot be written, which it is when much has come; the point is taken all the same.
    pub fn push(&mut self, point: LatePoint, seq: u64) -> Result<(), Error> {
        self.batch.extend_from_slice(&encode(&point, seq));
        self.keep(point);
        if self.batch.len() >= BATCH { self.write().map(|_| ()) } else { Ok(()) }
    }

    fn keep(&mut self, point: LatePoint) {
        let spans = &self.schedule[usize::from(point.archive)];
        let span = Spans::start(point.start, spans.unit_secs);
        let slot = ((point.start - span) / i64::from(spans.step.secs())) as u32;
        let kept = Kept { slot, generation: point.key.generation, value: point.value };
        let span = Arc::make_mut(self.spans.entry((point.archive, span)).or_default());
        span.columns.entry(point.key.column).or_default().push(kept);
        span.slots.insert(slot);
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

    /// The points of a stretch as they are now.
    pub fn span(&self, archive: u8, start: Timestamp) -> Arc<LateSpan> {
        self.spans.get(&(archive, start)).cloned().unwrap_or_default()
    }

    /// Every point, those of a series and stretch in the order in which they came.
    pub fn all(&self) -> impl Iterator<Item = LatePoint> + '_ {
        self.spans.iter().flat_map(|((archive, span), points)| {
            let step = i64::from(self.schedule[usize::from(*archive)].step.secs());
            let point = move |column: u32, kept: &Kept| LatePoint {
                key: Key { column, generation: kept.generation },
                archive: *archive,
                start: *span + i64::from(kept.slot) * step,
                value: kept.value,
            };
            points.columns.iter().flat_map(move |(column, kept)| kept.iter().map(move |kept| point(*column, kept)))
        })
    }

    /// Of a series, the points whose slots begin in a range, those of a slot in the order in which they came.
    pub fn of(&self, key: Key, first: Timestamp, end: Timestamp) -> Vec<LatePoint> {
        let mut found = Vec::new();
        for ((archive, span), points) in &self.spans {
            let spans = &self.schedule[usize::from(*archive)];
            if *span >= end || *span + spans.unit_secs <= first {
                continue;
            }
            let step = i64::from(spans.step.secs());
            let point = |(slot, value)| LatePoint { key, archive: *archive, start: *span + slot as i64 * step, value };
            found.extend(points.of(key).map(point).filter(|point| point.start >= first && point.start < end));
        }
        found
    }

    /// Whether so many wait that whoever brings more is to make room.
    pub fn is_pressing(&self) -> bool {
        self.points >= (self.most / 8).max(1)
    }

    /// Whether no more points may come.
    pub fn is_full(&self) -> bool {
        self.points >= self.most || self.batch.len() >= self.most.saturating_mul(POINT)
    }

    /// Takes the points of the finest archive whose slots begin within a stretch of time, which ends where the stretch that
    /// is sealed at a time does, at the latest. By slot, and within one in the order in which they came. They will be in
    /// the slots' rows, which are written after the commit `seq`; until those are safe the log keeps them.
    pub fn take(&mut self, first: Timestamp, end: Timestamp, seq: u64) -> Vec<(Timestamp, u32, f64)> {
        let spans = &self.schedule[0];
        let (span, step) = (Spans::start(first, spans.unit_secs), i64::from(spans.step.secs()));
        let moved = &mut self.moved;
        let mut taken = Vec::new();
        let slot_from = |at: Timestamp| ((at - span + step - 1) / step) as u32;
        let slots = slot_from(first)..slot_from(end);
        let has_any = |points: &LateSpan| points.slots.range_cardinality(slots.clone()) > 0;
        if let Some(points) = self.spans.get_mut(&(0, span)).filter(|points| has_any(points)) {
            let start = |kept: &Kept| span + i64::from(kept.slot) * step;
            Arc::make_mut(points).slots.remove_range(slots);
            for (column, points) in &mut Arc::make_mut(points).columns {
                for kept in points.extract_if(.., |kept| (first..end).contains(&start(kept))) {
                    let (key, start) = (Key { column: *column, generation: kept.generation }, start(&kept));
                    moved.push((seq, LatePoint { key, archive: 0, start, value: kept.value }));
                    taken.push((start, *column, kept.value));
                }
            }
        }
        taken.sort_by_key(|(start, ..)| *start);
        self.points -= taken.len();
        self.is_stale |= !taken.is_empty();
        self.tidy((0, span));
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

    /// What was taken at this count of commits waits again, from the slot that begins at `from` on.
    pub fn put_back(&mut self, seq: u64, from: Timestamp) {
        let back = self.moved.extract_if(.., |(moved, point)| *moved == seq && point.start >= from);
        let back: Vec<LatePoint> = back.map(|(_, point)| point).collect();
        back.into_iter().for_each(|point| self.keep(point));
    }

    /// What was taken at just this count of commits is safe in its rows.
    pub fn forget_moved_by(&mut self, seq: u64) {
        self.moved.retain(|(moved, _)| *moved != seq);
    }

    /// Forgets the points that a stretch had when it was looked at: they lie in a segment now.
    pub fn forget(&mut self, archive: u8, span: Timestamp, folded: &LateSpan) {
        if let Some(points) = self.spans.get_mut(&(archive, span)) {
            let columns = &mut Arc::make_mut(points).columns;
            for (column, folded) in &folded.columns {
                if let Some(points) = columns.get_mut(column) {
                    self.points -= points.drain(..folded.len().min(points.len())).count();
                }
            }
        }
        self.tidy((archive, span));
    }

    /// Forgets all points of a series.
    pub fn forget_series(&mut self, key: Key) {
        self.moved.retain(|(_, point)| point.key != key);
        for points in self.spans.values_mut().filter(|points| points.holds(key.column)) {
            if let Some(points) = Arc::make_mut(points).columns.get_mut(&key.column) {
                let before = points.len();
                points.retain(|point| point.generation != key.generation);
                self.points -= before - points.len();
            }
        }
    }

    /// Lets go of what is empty.
    fn tidy(&mut self, span: (u8, Timestamp)) {
        if let Some(points) = self.spans.get_mut(&span) {
            Arc::make_mut(points).columns.retain(|_, points| !points.is_empty());
            if points.columns.is_empty() {
                self.spans.remove(&span);
            }
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
    /// for ever. No row holds any of the former, so that they may all be of the latest commit, which is `seq`.
    pub fn rewrite(&mut self, seq: u64) -> Result<(), Error> {
        let beside = self.path.with_extension("new");
        let log = self.write_beside(&beside, seq).inspect_err(|_| {
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

    fn write_beside(&self, beside: &Path, seq: u64) -> Result<Frames, Error> {
        let _ = fs::remove_file(beside);
        let (mut log, _) = open_log(beside, |_| {})?;
        let mut batch = Vec::new();
        for (seq, point) in &self.moved {
            batch.extend_from_slice(&encode(point, *seq));
            push_when_long(&mut log, &mut batch);
        }
        for point in self.all() {
            batch.extend_from_slice(&encode(&point, seq));
            push_when_long(&mut log, &mut batch);
        }
        if !batch.is_empty() {
            log.push(&batch);
        }
        log.write().and_then(|()| log.sync()).map_err(Error::io("write", beside))?;
        Ok(log)
    }
}

/// Makes a frame of a batch that fills one.
fn push_when_long(log: &mut Frames, batch: &mut Vec<u8>) {
    if batch.len() == LONGEST / POINT * POINT {
        log.push(batch);
        batch.clear();
    }
}

fn open_log(path: &Path, take: impl FnMut(&[u8])) -> Result<(Frames, Damage), Error> {
    let disk: Arc<dyn Disk> = Arc::new(FileDisk::open(path).map_err(Error::io("open", path))?);
    Frames::open(disk, take).map_err(Error::io("read", path))
}

fn encode(point: &LatePoint, seq: u64) -> [u8; POINT] {
    let mut bytes = [0; POINT];
    bytes[..4].copy_from_slice(&point.key.column.to_le_bytes());
    bytes[4..6].copy_from_slice(&point.key.generation.to_le_bytes());
    bytes[6] = point.archive;
    bytes[8..16].copy_from_slice(&point.start.0.to_le_bytes());
    bytes[16..24].copy_from_slice(&point.value.to_le_bytes());
    bytes[24..].copy_from_slice(&seq.to_le_bytes());
    bytes
}

fn decode(bytes: &[u8; POINT]) -> (LatePoint, u64) {
    let eight = |at: usize| bytes[at..].first_chunk::<8>().copied().unwrap_or_default();
    let [a, b, c, d, e, f, archive, ..] = *bytes;
    let point = LatePoint {
        key: Key { column: u32::from_le_bytes([a, b, c, d]), generation: u16::from_le_bytes([e, f]) },
        archive,
        start: Timestamp(i64::from_le_bytes(eight(8))),
        value: f64::from_le_bytes(eight(16)),
    };
    (point, u64::from_le_bytes(eight(24)))
}
