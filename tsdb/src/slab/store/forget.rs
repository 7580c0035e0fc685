//! Names that are no series: those that have ended, and those that were never let in. They are remembered for a while,
//! because whoever writes to them knows them by their ids; when many have gathered they are forgotten, and later their
//! ids are given to others. What bounds them is their number, so that names which nobody wants fill no memory.

use super::SlabStore;
use crate::catalogue::SeriesId;
use crate::error::Error;
use crate::time::Timestamp;
use roaring::RoaringBitmap;
use std::collections::VecDeque;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

/// Names that may be remembered where few series may be.
const REMEMBERED_LEAST: u32 = 65_536;
/// For so long a name must have been no series: whoever has just asked for its id is about to write to it.
const SETTLED_SECS: i64 = 60;
/// After so long nobody writes any more to ids that he knew before their names were forgotten.
const REST_SECS: i64 = 600;

/// What is on its way to be forgotten.
#[derive(Default)]
pub(super) struct Forgetting {
    /// Names that were no series then.
    idle: Option<(Timestamp, RoaringBitmap)>,
    /// Ids without names that wait to be given again.
    resting: VecDeque<(Timestamp, Vec<SeriesId>)>,
}

/// How many names are remembered that are no series.
fn remembered(series: u32) -> u32 {
    series.max(REMEMBERED_LEAST)
}

/// How many ids there may be where so many series may be and so many names are known already.
pub(super) fn ids_most(series: u32, known: usize) -> u32 {
    let known = u32::try_from(known).unwrap_or(u32::MAX);
    series.max(known).saturating_add(remembered(series))
}

impl SlabStore {
    /// The id of a canonical name; only one that is known where there are as many series as may be.
    pub(super) fn resolve_canonical(&self, name: &str) -> Result<SeriesId, Error> {
        if let Some(known) = self.index.known(name) {
            return Ok(known);
        }
        if self.room() > 0 {
            self.index.resolve(name).inspect_err(|_| self.has_refused.store(true, Ordering::Relaxed))
        } else {
            Err(self.refused())
        }
    }

    /// How many more series may begin.
    pub(super) fn room(&self) -> usize {
        let room = u64::from(self.limits.series).saturating_sub(self.index.shown_count());
        usize::try_from(room).unwrap_or(usize::MAX)
    }

    /// Why a series may not begin. When there is room again, whoever was refused is told.
    pub(super) fn refused(&self) -> Error {
        self.has_refused.store(true, Ordering::Relaxed);
        Error::SeriesLimit { limit: self.limits.series }
    }

    /// Series have ended: those that were refused may ask again.
    pub(super) fn room_was_made(&self) {
        if self.has_refused.swap(false, Ordering::Relaxed) {
            self.names_version.fetch_add(1, Ordering::Release);
        }
    }

    /// Forgets names that are no series, when there are many and they have been so for a while.
    pub(super) fn forget_names(&self, now: Timestamp) {
        let mut forgetting = self.forgetting.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((_, ids)) = forgetting.resting.pop_front_if(|(since, _)| now - *since >= REST_SECS) {
            self.index.release(&ids);
            // There may be room for names that were refused.
            self.room_was_made();
        }
        let idle = (self.index.names() as u64).saturating_sub(self.index.shown_count());
        if idle <= u64::from(remembered(self.limits.series) / 4) {
            forgetting.idle = None;
            return;
        }
        match &forgetting.idle {
            Some((since, _)) if (0..SETTLED_SECS).contains(&(now - *since)) => {}
            Some((_, were_idle)) => {
                // Held so that none of them becomes a series meanwhile.
                let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
                let idle = were_idle & self.idle_names();
                let forgotten = self.index.forget(idle.iter().map(SeriesId));
                drop(names);
                self.names_version.fetch_add(1, Ordering::Release);
                forgetting.resting.push_back((now, forgotten));
                forgetting.idle = None;
            }
            None => forgetting.idle = Some((now, self.idle_names())),
        }
    }

    /// Ids that lie nowhere, and of which no points wait.
    fn idle_names(&self) -> RoaringBitmap {
        let waiting: RoaringBitmap = self.quotas().waiting_series().map(|series| series.0).collect();
        let places = self.places.look();
        let idle: RoaringBitmap =
            (0..self.index.len() as u32).filter(|id| places.of(SeriesId(*id)).is_none()).collect();
        idle - waiting
    }
}
