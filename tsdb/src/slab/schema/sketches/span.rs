//! The sketches of one stretch of the finest archive, in a log of its own, which goes when a segment holds them.
//!
//! ```text
//! payload of a frame      0  u32  column
//!                         4  u16  generation
//!                         6  u16  slot of the stretch
//!                         8  u8   which part of the sketch, from 0
//!                         9  u8   how many parts it has; they follow one another
//!                        10       the part
//! ```

use super::Faults;
use crate::error::Error;
use crate::slab::disk::{Disk, FileDisk};
use crate::slab::frames::{self, Frames, LONGEST};
use crate::slab::segment::{Blob, Key};
use crate::time::Timestamp;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const FIXED: usize = 10;
/// The longest part.
const PART: usize = LONGEST - FIXED;

/// An open log and where each sketch lies in it: 16 bytes a sketch.
pub(super) struct OpenSpan {
    path: PathBuf,
    log: Frames,
    places: HashMap<Key, Vec<Place>>,
    /// Whether something was written that is not known to be on the medium.
    pub is_unsynced: bool,
    /// Grows with every write.
    pub version: u64,
}

/// Slot and place in the log.
type Place = (u16, u64);

/// What a frame says of its part.
struct Head {
    key: Key,
    slot: u16,
    part: u8,
    parts: u8,
}

impl OpenSpan {
    /// Opens the log, or makes it. Sketches of series that are no more are passed over.
    pub fn open(path: &Path, holds: impl Fn(Key) -> bool, faults: &Faults) -> Result<OpenSpan, Error> {
        let disk: Arc<dyn Disk> = Arc::new(FileDisk::open(path).map_err(Error::io("open", path))?);
        let mut places: HashMap<Key, Vec<Place>> = HashMap::new();
        let mut begun: Option<(u64, Head)> = None;
        let (log, damage) = Frames::open_placed(disk, |at, payload| {
            let Some(head) = head(payload) else { return };
            let follows = begun.take().filter(|(_, before)| {
                (before.key, before.slot, before.parts) == (head.key, head.slot, head.parts)
                    && before.part + 1 == head.part
            });
            let first = if head.part == 0 { Some(at) } else { follows.map(|(first, _)| first) };
            match first {
                Some(first) if head.part + 1 == head.parts && holds(head.key) => {
                    put(places.entry(head.key).or_default(), (head.slot, first));
                }
                Some(first) => begun = Some((first, head)),
                None => {}
            }
        })
        .map_err(Error::io("read", path))?;
        if damage.skipped_bytes > 0 {
            faults.report(&Error::corrupt(path, format!("{} bytes are no sketches", damage.skipped_bytes)));
        }
        Ok(OpenSpan { path: path.to_owned(), log, places, is_unsynced: false, version: 0 })
    }

    /// Writes sketches with one call; after an error none of them is there.
    pub fn write<'a>(&mut self, sketches: impl Iterator<Item = (Key, u16, &'a [u8])>) -> Result<(), Error> {
        let (mut placed, mut payload) = (Vec::new(), Vec::new());
        for (key, slot, stored) in sketches {
            placed.push((key, (slot, self.log.next_at())));
            let parts = stored.len().div_ceil(PART) as u8;
            for (part, bytes) in (0..).zip(stored.chunks(PART)) {
                payload.clear();
                payload.extend_from_slice(&key.column.to_le_bytes());
                payload.extend_from_slice(&key.generation.to_le_bytes());
                payload.extend_from_slice(&slot.to_le_bytes());
                payload.extend_from_slice(&[part, parts]);
                payload.extend_from_slice(bytes);
                self.log.push(&payload);
            }
        }
        if let Err(error) = self.log.write() {
            self.log.abandon();
            return Err(Error::io("write", &self.path)(error));
        }
        placed.into_iter().for_each(|(key, place)| put(self.places.entry(key).or_default(), place));
        (self.is_unsynced, self.version) = (true, self.version + 1);
        Ok(())
    }

    /// The file, if there is something to sync.
    pub fn take_unsynced(&mut self) -> Option<Arc<dyn Disk>> {
        std::mem::take(&mut self.is_unsynced).then(|| self.log.disk())
    }

    /// The file, to read sketches from it while others are written.
    pub fn disk(&self) -> Arc<dyn Disk> {
        self.log.disk()
    }

    /// Where a series' sketches lie, ascending by slot.
    pub fn places(&self, key: Key) -> &[Place] {
        self.places.get(&key).map_or(&[], Vec::as_slice)
    }

    /// All of them.
    pub fn all(&self) -> Vec<(Key, Vec<Place>)> {
        let mut all: Vec<_> = self.places.iter().map(|(key, places)| (*key, places.clone())).collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all
    }

    pub fn forget(&mut self, key: Key) {
        self.places.remove(&key);
    }
}

/// Notes where the sketch of a slot lies; most come in order.
fn put(places: &mut Vec<Place>, place: Place) {
    let at = match places.last() {
        Some(last) if last.0 >= place.0 => places.partition_point(|other| other.0 < place.0),
        _ => places.len(),
    };
    match places.get_mut(at) {
        Some(same) if same.0 == place.0 => *same = place,
        _ => places.insert(at, place),
    }
}

/// Reads sketches; one that is damaged is reported and left out.
pub(super) fn read(disk: &dyn Disk, path: &Path, key: Key, places: &[Place], faults: &Faults) -> Vec<Blob> {
    let mut blobs = Vec::with_capacity(places.len());
    for (slot, at) in places {
        match sketch(disk, *at, key, *slot) {
            Ok(Some(stored)) => blobs.push((u32::from(*slot), stored)),
            Ok(None) => faults.report(&Error::corrupt(path, format!("the sketch of {key:?} at {at} is damaged"))),
            Err(error) => faults.report(&Error::io("read", path)(error)),
        }
    }
    blobs
}

fn sketch(disk: &dyn Disk, mut at: u64, key: Key, slot: u16) -> std::io::Result<Option<Vec<u8>>> {
    let mut stored = Vec::new();
    for part in 0.. {
        let Some((mut payload, next)) = frames::read(disk, at)? else { return Ok(None) };
        let Some(head) = head(&payload).filter(|head| (head.key, head.slot, head.part) == (key, slot, part)) else {
            return Ok(None);
        };
        if head.parts == 1 {
            payload.drain(..FIXED);
            return Ok(Some(payload));
        }
        stored.extend_from_slice(&payload[FIXED..]);
        if part + 1 == head.parts {
            break;
        }
        at = next;
    }
    Ok(Some(stored))
}

fn head(payload: &[u8]) -> Option<Head> {
    let ([a, b, c, d, e, f, g, h, part, parts], rest) = payload.split_first_chunk::<FIXED>()?;
    let key = Key { column: u32::from_le_bytes([*a, *b, *c, *d]), generation: u16::from_le_bytes([*e, *f]) };
    let head = Head { key, slot: u16::from_le_bytes([*g, *h]), part: *part, parts: *parts };
    (part < parts && !rest.is_empty()).then_some(head)
}

/// Where the log of a stretch lies.
pub(super) fn path(folder: &Path, start: Timestamp) -> PathBuf {
    folder.join(format!("sketch-{}.log", start.0))
}

/// The start of the stretch whose log this is.
pub(crate) fn start_of(path: &Path) -> Option<Timestamp> {
    let name = path.file_name()?.to_str()?;
    name.strip_prefix("sketch-")?.strip_suffix(".log")?.parse().ok().map(Timestamp)
}
