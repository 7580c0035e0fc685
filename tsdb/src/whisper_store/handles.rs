//! Kept handles: open files with their decoded headers, so that an update costs no open. Their number is bounded, and
//! they lie in shards by series, so that writers of different series seldom wait for each other.

use crate::catalogue::SeriesId;
use crate::counters::Counters;
use crate::time::Timestamp;
use crate::whisper::{Scratch, Whisper};
use std::collections::{HashMap, VecDeque};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

const SHARDS: usize = 64;

/// After this long a handle is opened anew, so that a file moved aside, or a header changed by another program, is
/// noticed. A deleted, replaced or shortened file is noticed at the next write.
const REOPEN_SECS: i64 = 60;

pub(crate) struct Handles {
    shards: Box<[Mutex<Shard>]>,
    per_shard: usize,
}

/// The handles of some series, and the buffers of whoever holds the lock. The lock is held for the system calls of one
/// series: reads and writes of a file exclude each other.
pub(crate) struct Shard {
    kept: HashMap<SeriesId, Kept>,
    /// The order of the second chance: a handle used since it last came round stays.
    clock: VecDeque<SeriesId>,
    pub scratch: Scratch,
}

struct Kept {
    file: Whisper,
    opened: Timestamp,
    used: bool,
    unsynced: bool,
}

impl Handles {
    /// At most about `open_files`, and at most half of what the process may open: the rest is for sockets and readers.
    pub(crate) fn new(open_files: usize) -> Handles {
        let allowed = descriptors().map_or(open_files, |limit| open_files.min(limit / 2));
        let per_shard = (allowed / SHARDS).max(1);
        let shard = || Shard { kept: HashMap::new(), clock: VecDeque::new(), scratch: Scratch::default() };
        Handles { shards: (0..SHARDS).map(|_| Mutex::new(shard())).collect(), per_shard }
    }

    /// The shard of a series, locked. A panic elsewhere cannot leave half a handle in it, so poison is ignored.
    pub(crate) fn lock(&self, series: SeriesId) -> MutexGuard<'_, Shard> {
        self.shards[series.index() % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes room for and keeps a file just opened.
    pub(crate) fn keep(&self, shard: &mut Shard, series: SeriesId, file: Whisper, now: Timestamp) {
        while shard.clock.len() >= self.per_shard {
            let Some(oldest) = shard.clock.pop_front() else { break };
            match shard.kept.get_mut(&oldest) {
                Some(kept) if kept.used => {
                    kept.used = false;
                    shard.clock.push_back(oldest);
                }
                _ => drop(shard.kept.remove(&oldest)),
            }
        }
        shard.clock.push_back(series);
        shard.kept.insert(series, Kept { file, opened: now, used: false, unsynced: false });
    }

    /// Every kept handle that was written to since the last time, shard by shard.
    pub(crate) fn for_unsynced(&self, mut sync: impl FnMut(&Whisper)) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for kept in shard.kept.values_mut().filter(|kept| kept.unsynced) {
                kept.unsynced = false;
                sync(&kept.file);
            }
        }
    }
}

impl Shard {
    /// The kept handle of a series and the buffers, if the file is still the one under its name.
    pub(crate) fn fresh(
        &mut self,
        series: SeriesId,
        now: Timestamp,
        counters: &Counters,
    ) -> Option<(&Whisper, &mut Scratch)> {
        let stale = {
            let kept = self.kept.get(&series)?;
            // A clock that was set back counts as old too.
            let young = (0..REOPEN_SECS).contains(&(now - kept.opened));
            let whole = kept
                .file
                .file()
                .metadata()
                .is_ok_and(|metadata| metadata.nlink() > 0 && metadata.len() >= kept.file.header().file_bytes());
            if !whole {
                counters.handles_stale.add(1);
            }
            !young || !whole
        };
        if stale {
            self.forget(series);
            return None;
        }
        self.kept(series)
    }

    /// The kept handle of a series, to write to, and the buffers.
    pub(crate) fn kept(&mut self, series: SeriesId) -> Option<(&Whisper, &mut Scratch)> {
        let kept = self.kept.get_mut(&series)?;
        (kept.used, kept.unsynced) = (true, true);
        Some((&kept.file, &mut self.scratch))
    }

    /// Closes the handle of a series.
    pub(crate) fn forget(&mut self, series: SeriesId) {
        if self.kept.remove(&series).is_some() {
            self.clock.retain(|other| *other != series);
        }
    }
}

/// How many descriptors the process may have open; `None` where the system does not tell.
fn descriptors() -> Option<usize> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retention::Retention;
    use crate::whisper::{self, CreateOptions};

    #[test]
    fn keeps_no_more_than_it_may() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wsp");
        whisper::create(&path, &Retention::parse("10:6").unwrap(), CreateOptions::default()).unwrap();
        let (handles, counters) = (Handles::new(2 * SHARDS), Counters::default());
        assert_eq!(handles.per_shard, 2);
        let now = Timestamp(1000);
        let ids: Vec<SeriesId> = (0..4).map(|i| SeriesId(i * SHARDS as u32)).collect();
        let mut shard = handles.lock(ids[0]);
        for id in &ids {
            assert!(shard.fresh(*id, now, &counters).is_none());
            handles.keep(&mut shard, *id, Whisper::open_write(&path).unwrap(), now);
            assert!(shard.fresh(ids[0], now, &counters).is_some(), "what is used stays");
        }
        assert_eq!((shard.kept.len(), shard.clock.len()), (2, 2));
        assert!(shard.fresh(ids[3], now, &counters).is_some());
        assert!(shard.fresh(ids[3], now + REOPEN_SECS, &counters).is_none());
        fs::remove_file(&path).unwrap();
        assert!(shard.fresh(ids[0], now, &counters).is_none());
        assert_eq!(counters.handles_stale.value(), 1);
        assert_eq!((shard.kept.len(), shard.clock.len()), (0, 0));
    }
}
