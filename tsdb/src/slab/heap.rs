//! The heap twin of a file: a disk that remembers every write since the last sync, and can lose any part of them.

use super::disk::Disk;
use super::words::Words;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// What a disk writes whole.
pub(super) const SECTOR: usize = 512;

/// Numbers that are the same at every run.
pub(super) struct Dice(pub u64);

impl Dice {
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// The heap twin: everything since the last sync is remembered write by write.
#[derive(Default)]
pub(super) struct HeapDisk {
    state: Mutex<State>,
    /// No room beyond this.
    capacity: Option<u64>,
    /// Syncs that fail from now on.
    failing_syncs: AtomicU32,
}

#[derive(Clone, Default)]
struct State {
    now: Vec<u8>,
    synced: Vec<u8>,
    unsynced: Vec<(u64, Vec<u8>)>,
}

impl HeapDisk {
    /// What a power loss leaves: of every write since the last sync each sector came or did not, in any order.
    pub(super) fn after_power_loss(&self, dice: &mut Dice) -> HeapDisk {
        let State { now, synced, unsynced } = self.state.lock().expect("whole").clone();
        let mut left = synced;
        if dice.roll(2) == 0 {
            left.resize(now.len(), 0);
        }
        for (offset, bytes) in unsynced {
            for (i, sector) in bytes.chunks(SECTOR).enumerate() {
                let at = offset as usize + i * SECTOR;
                if dice.roll(2) == 0 && at + sector.len() <= left.len() {
                    left[at..at + sector.len()].copy_from_slice(sector);
                }
            }
        }
        HeapDisk::holding(left)
    }

    /// An empty disk that has room for so many bytes.
    pub(super) fn with_room_for(capacity: u64) -> HeapDisk {
        HeapDisk { capacity: Some(capacity), ..HeapDisk::default() }
    }

    pub(super) fn holding(bytes: Vec<u8>) -> HeapDisk {
        let state = State { now: bytes.clone(), synced: bytes, unsynced: Vec::new() };
        HeapDisk { state: Mutex::new(state), ..HeapDisk::default() }
    }

    /// Lets the next syncs fail: what was written before may be on the medium or not.
    pub(super) fn fail_syncs(&self, count: u32) {
        self.failing_syncs.store(count, Ordering::Relaxed);
    }

    pub(super) fn bytes_now(&self) -> Vec<u8> {
        self.state.lock().expect("whole").now.clone()
    }
}

impl Disk for HeapDisk {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.state.lock().expect("whole").now.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.state.lock().expect("whole");
        let found = state.now.get(offset as usize..offset as usize + buffer.len());
        buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.state.lock().expect("whole");
        let end = offset as usize + bytes.len();
        assert!(end <= state.now.len(), "room was reserved before");
        state.now[offset as usize..end].copy_from_slice(bytes);
        state.unsynced.push((offset, bytes.to_vec()));
        Ok(())
    }

    fn reserve(&self, end: u64) -> io::Result<()> {
        if self.capacity.is_some_and(|capacity| end > capacity) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let mut state = self.state.lock().expect("whole");
        let bytes = state.now.len().max(end as usize);
        state.now.resize(bytes, 0);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let failing = self.failing_syncs.load(Ordering::Relaxed);
        if failing > 0 {
            self.failing_syncs.store(failing - 1, Ordering::Relaxed);
            return Err(io::Error::other("the disk has failed"));
        }
        let mut state = self.state.lock().expect("whole");
        state.synced = state.now.clone();
        state.unsynced.clear();
        Ok(())
    }

    fn words(self: Arc<Self>, offset: u64, words: usize) -> io::Result<Words> {
        Ok(Words::read(self, offset, words))
    }
}
