//! Expiry as part of a store's life: once an hour series that nothing was written to for long are ended, and how many that have
//! been is remembered in a file of its own, `expired`: one frame, of the count and the time of the last (u64 and i64, little-endian).

use super::{FileDisk, SlabStore};
use crate::error::Error;
use crate::slab::frames::Frames;
use crate::time::Timestamp;
use std::fs::{self, File};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Between two looks for series that nothing was written to, and from the opening until the first: whoever writes to them has had
/// that long to come back.
const EVERY_SECS: i64 = 3600;

/// How many series of a store have expired, and when the last did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// How many.
    pub series: u64,
    /// When the last of them did; `None` where none has.
    pub last: Option<Timestamp>,
}

/// When series expire, and which have.
pub(super) struct Expiry {
    after_secs: Option<i64>,
    due: Mutex<Option<Timestamp>>,
    expired: Mutex<Expired>,
}

impl Expiry {
    /// Of a store's folder. A count that cannot be read begins anew.
    pub fn open(root: &Path, after_secs: Option<i64>) -> Result<Expiry, Error> {
        let _ = fs::remove_file(root.join("expired.new"));
        let path = root.join("expired");
        let mut expired = Expired::default();
        if path.exists() {
            let disk = FileDisk::open(&path).map_err(Error::io("open", &path))?;
            let take = |payload: &[u8]| {
                if let Ok([count, last]) = <[[u8; 8]; 2]>::try_from(payload.as_chunks().0) {
                    let last = Some(Timestamp(i64::from_le_bytes(last)));
                    expired = Expired { series: u64::from_le_bytes(count), last };
                }
            };
            Frames::scan(&disk, take).map_err(Error::io("read", &path))?;
        }
        Ok(Expiry { after_secs, due: Mutex::new(None), expired: Mutex::new(expired) })
    }

    /// The moment before which a series was last written to that expires now; `None` where it is not yet time.
    fn cutoff(&self, now: Timestamp) -> Option<Timestamp> {
        let after_secs = self.after_secs?;
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back does not put it off for longer.
        let is_due = due.is_some_and(|due| due <= now);
        if is_due || due.is_none_or(|due| due - now > EVERY_SECS) {
            *due = Some(now + EVERY_SECS);
        }
        is_due.then(|| now - after_secs)
    }

    /// Counts series that have expired, and writes the count: the former one stands until the new one is on the disk.
    pub fn count(&self, root: &Path, series: u64, now: Timestamp) -> Result<(), Error> {
        let mut expired = self.expired.lock().unwrap_or_else(PoisonError::into_inner);
        *expired = Expired { series: expired.series + series, last: Some(now) };
        let (path, beside) = (root.join("expired"), root.join("expired.new"));
        let _ = fs::remove_file(&beside);
        let disk = Arc::new(FileDisk::open(&beside).map_err(Error::io("open", &beside))?);
        let (mut frames, _) = Frames::open(disk, |_| {}).map_err(Error::io("open", &beside))?;
        frames.push(&[expired.series.to_le_bytes(), now.0.to_le_bytes()].concat());
        frames.write_synced().map_err(Error::io("write", &beside))?;
        fs::rename(&beside, &path).map_err(Error::io("rename", &beside))?;
        File::open(root).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", root))
    }
}

impl SlabStore {
    /// How many series have expired in this folder.
    pub fn expired(&self) -> Expired {
        *self.expiry.expired.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends what nothing was written to for long, when it is time to look.
    pub(super) fn expire_when_due(&self, now: Timestamp) -> Result<(), Error> {
        match self.expiry.cutoff(now) {
            Some(cutoff) => self.expire(now, cutoff).map(drop),
            None => Ok(()),
        }
    }
}
