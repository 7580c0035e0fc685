//! The roll of names: each name once, in an arena, and a table of numbers that finds it. A known name costs one hash, one
//! lock that only new names of the same shard hold for writing, and no allocation.
//!
//! A name costs its bytes and two, eight for where it lies by id, and ten to twenty in the table. A name that is forgotten
//! costs nothing once half of what its shard holds is forgotten, and its id is given again when whoever knew it has let go.

use crate::catalogue::SeriesId;
use crate::error::Error;
use crate::name::{NameError, clip};
use hashbrown::HashTable;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError, RwLock};

/// Shards keep receivers that resolve known names from waiting for one that adds a name, or grows a table.
const SHARDS: usize = 64;
/// Bytes of an arena's chunk. A chunk never moves, and its end stays free when the next name does not fit.
const CHUNK_BYTES: usize = 16 << 10;
/// Chunks of a shard, so that a place in one is four bytes: 256 GiB of names in all.
const CHUNKS_MAX: usize = 1 << 18;
/// Ids whose places lie together.
const PLACES: usize = 4096;
/// Bytes of the length before each name.
const LENGTH: usize = 2;

/// Names to dense ids and back.
pub(super) struct Roll {
    shards: Box<[RwLock<Shard>]>,
    places: RwLock<Places>,
    hasher: RandomState,
    limit: u32,
}

#[derive(Default)]
struct Shard {
    table: HashTable<Listed>,
    chunks: Vec<Vec<u8>>,
    /// Bytes of names, and those of them that are forgotten.
    bytes: usize,
    forgotten: usize,
}

/// An id and where its name lies in the shard: the chunk's number, then the offset in the chunk. A name that is longer than
/// a chunk has one of its own.
#[derive(Clone, Copy)]
struct Listed {
    id: u32,
    at: u32,
}

/// Where the names of ids 0, 1, 2… lie.
#[derive(Default)]
struct Places {
    chunks: Vec<Vec<Place>>,
    count: u32,
    /// Ids whose names are forgotten.
    nameless: u32,
    /// Those of them that may be given again.
    free: Vec<u32>,
}

/// The shard above, the place in the shard below.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place(u64);

/// Of an id without a name.
const NOWHERE: Place = Place(u64::MAX);

impl Place {
    fn new(shard: usize, at: u32) -> Place {
        Place((shard as u64) << 32 | u64::from(at))
    }

    fn shard(self) -> usize {
        (self.0 >> 32) as usize
    }

    fn at(self) -> u32 {
        self.0 as u32
    }
}

impl Roll {
    pub(super) fn new(limit: u32) -> Roll {
        let shards = (0..SHARDS).map(|_| RwLock::default()).collect();
        Roll { shards, places: RwLock::default(), hasher: RandomState::new(), limit }
    }

    /// The id of a name, if it was resolved before.
    pub(super) fn known(&self, name: &str) -> Option<SeriesId> {
        let hash = self.hasher.hash_one(name);
        read(&self.shards[shard_of(hash)]).find(hash, name)
    }

    /// The id of a name, a new one if need be: the next that nobody has.
    pub(super) fn resolve(&self, name: &str) -> Result<SeriesId, Error> {
        let hash = self.hasher.hash_one(name);
        let number = shard_of(hash);
        if let Some(id) = read(&self.shards[number]).find(hash, name) {
            return Ok(id);
        }
        let length = u16::try_from(name.len())
            .map_err(|_| Error::Name { name: clip(name), reason: NameError::TooLong })?
            .to_le_bytes();
        let mut shard = self.shards[number].write().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = shard.find(hash, name) {
            return Ok(id);
        }
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        let full = Error::SeriesLimit { limit: self.limit };
        let Some(id) = places.next(self.limit) else { return Err(full) };
        let Some(at) = shard.write(length, name) else { return Err(full) };
        places.take(id, Place::new(number, at));
        drop(places);
        let Shard { table, chunks, .. } = &mut *shard;
        table.insert_unique(hash, Listed { id, at }, |other| self.hasher.hash_one(text(bytes_at(chunks, other.at))));
        Ok(SeriesId(id))
    }

    /// The name of an id.
    pub(super) fn name(&self, id: SeriesId) -> Option<Arc<str>> {
        self.with(id, |name| name.into())
    }

    /// What `take` makes of the name of an id.
    pub(super) fn with<T>(&self, id: SeriesId, take: impl FnOnce(&str) -> T) -> Option<T> {
        loop {
            let place = read(&self.places).get(id.0)?;
            let shard = read(&self.shards[place.shard()]);
            // Between the two the shard may have moved its names together, or forgotten this one.
            if read(&self.places).get(id.0) == Some(place) {
                return Some(take(text(bytes_at(&shard.chunks, place.at()))));
            }
        }
    }

    /// Forgets the names of these ids, which nobody gets before they are [released](Roll::release).
    pub(super) fn forget(&self, ids: impl Iterator<Item = SeriesId>) {
        for id in ids {
            let Some(place) = read(&self.places).get(id.0) else { continue };
            let mut shard = self.shards[place.shard()].write().unwrap_or_else(PoisonError::into_inner);
            let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
            // Nobody else moves names: there is one at a time who forgets.
            let Shard { table, chunks, forgotten, .. } = &mut *shard;
            let name = bytes_at(chunks, place.at());
            let hash = self.hasher.hash_one(text(name));
            if let Ok(found) = table.find_entry(hash, |listed| listed.id == id.0) {
                *forgotten += LENGTH + name.len();
                found.remove();
                places.forget(id.0);
            }
        }
        for (number, shard) in self.shards.iter().enumerate() {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            if shard.forgotten > 0 && 2 * shard.forgotten >= shard.bytes {
                let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
                shard.move_together(|id, at| places.set(id, Place::new(number, at)));
            }
        }
    }

    /// Ids whose names were forgotten may be given to others.
    pub(super) fn release(&self, ids: &[SeriesId]) {
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        places.free.extend(ids.iter().map(|id| id.0));
    }

    /// Ids that were given, those without a name among them: one more than the highest.
    pub(super) fn len(&self) -> usize {
        read(&self.places).count as usize
    }

    /// Names that are known.
    pub(super) fn names(&self) -> usize {
        let places = read(&self.places);
        (places.count - places.nameless) as usize
    }

    /// Bounds the ids from now on.
    pub(super) fn bound(&mut self, limit: u32) {
        self.limit = limit;
    }

    /// A digest of the first names and of their order.
    pub(super) fn digest(&self, count: u32) -> u64 {
        let mut lanes = [0u32; 2];
        for id in 0..count {
            let lane = &mut lanes[(id % 2) as usize];
            // The names end in a byte that none of them holds, so that no two lists run together to the same bytes.
            self.with(SeriesId(id), |name| {
                *lane = crc32c::crc32c_append(crc32c::crc32c_append(*lane, name.as_bytes()), b"\n");
            });
        }
        u64::from(lanes[0]) << 32 | u64::from(lanes[1])
    }
}

impl Shard {
    fn find(&self, hash: u64, name: &str) -> Option<SeriesId> {
        let same = |listed: &Listed| bytes_at(&self.chunks, listed.at) == name.as_bytes();
        self.table.find(hash, same).map(|listed| SeriesId(listed.id))
    }

    /// Writes a name and answers where; `None` when no place is left.
    fn write(&mut self, length: [u8; LENGTH], name: &str) -> Option<u32> {
        let bytes = LENGTH + name.len();
        if self.chunks.last().is_none_or(|last| last.len() + bytes > CHUNK_BYTES) {
            if self.chunks.len() == CHUNKS_MAX {
                return None;
            }
            self.chunks.push(Vec::with_capacity(bytes.max(CHUNK_BYTES)));
        }
        let number = self.chunks.len() - 1;
        let chunk = &mut self.chunks[number];
        let at = number * CHUNK_BYTES + chunk.len();
        chunk.extend_from_slice(&length);
        chunk.extend_from_slice(name.as_bytes());
        self.bytes += bytes;
        u32::try_from(at).ok()
    }

    /// Writes the names that are left side by side, and says where each lies.
    fn move_together(&mut self, mut moved: impl FnMut(u32, u32)) {
        let old = std::mem::take(&mut self.chunks);
        let mut table = std::mem::take(&mut self.table);
        (self.bytes, self.forgotten) = (0, 0);
        for listed in &mut table {
            let name = text(bytes_at(&old, listed.at));
            let length = (name.len() as u16).to_le_bytes();
            listed.at = self.write(length, name).expect("room for fewer names than before");
            moved(listed.id, listed.at);
        }
        self.table = table;
    }
}

impl Places {
    fn get(&self, id: u32) -> Option<Place> {
        let place = self.chunks.get(id as usize / PLACES)?.get(id as usize % PLACES).copied();
        place.filter(|place| *place != NOWHERE)
    }

    fn set(&mut self, id: u32, place: Place) {
        self.chunks[id as usize / PLACES][id as usize % PLACES] = place;
    }

    /// An id for one more name.
    fn next(&self, limit: u32) -> Option<u32> {
        self.free.last().copied().or(Some(self.count).filter(|next| *next < limit))
    }

    /// Gives the next id to a name.
    fn take(&mut self, id: u32, place: Place) {
        if self.free.last() == Some(&id) {
            self.free.pop();
            self.nameless -= 1;
            self.set(id, place);
            return;
        }
        if self.count as usize / PLACES == self.chunks.len() {
            self.chunks.push(Vec::with_capacity(PLACES));
        }
        self.chunks[self.count as usize / PLACES].push(place);
        self.count += 1;
    }

    fn forget(&mut self, id: u32) {
        self.set(id, NOWHERE);
        self.nameless += 1;
    }
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// The table takes the low bits of the hash for its place and the highest seven for its tag.
fn shard_of(hash: u64) -> usize {
    (hash >> 40) as usize % SHARDS
}

fn bytes_at(chunks: &[Vec<u8>], at: u32) -> &[u8] {
    let bytes = &chunks[at as usize / CHUNK_BYTES][at as usize % CHUNK_BYTES..];
    let (length, bytes) = bytes.split_first_chunk::<LENGTH>().expect("a length before each name");
    &bytes[..u16::from_le_bytes(*length) as usize]
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("a name was written here")
}
