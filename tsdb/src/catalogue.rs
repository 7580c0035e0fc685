//! The series that this process knows: names to dense ids and back. An id stays valid as long as the process lives, so
//! that a tally resolves its names once and a flush formats none.

use crate::error::Error;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, PoisonError, RwLock};

/// A series, as a number from 0 without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesId(pub(crate) u32);

impl SeriesId {
    /// For tables beside the store's.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Shards keep receivers that resolve known names from waiting for one that adds a name.
const SHARDS: usize = 16;

/// About 100 bytes per series besides the name.
pub(crate) struct Catalogue {
    shards: [RwLock<HashMap<Arc<str>, SeriesId>>; SHARDS],
    names: RwLock<Vec<Arc<str>>>,
    hasher: RandomState,
    limit: u32,
}

impl Catalogue {
    pub(crate) fn new(limit: u32) -> Catalogue {
        let hasher = RandomState::new();
        let shards = std::array::from_fn(|_| RwLock::new(HashMap::new()));
        Catalogue { shards, names: RwLock::default(), hasher, limit }
    }

    /// The id of a canonical name, if it was resolved before.
    pub(crate) fn known(&self, name: &str) -> Option<SeriesId> {
        self.shard(name).read().unwrap_or_else(PoisonError::into_inner).get(name).copied()
    }

    /// The id of a canonical name, a new one if need be.
    pub(crate) fn resolve(&self, name: &str) -> Result<SeriesId, Error> {
        if let Some(id) = self.known(name) {
            return Ok(id);
        }
        let mut shard = self.shard(name).write().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = shard.get(name) {
            return Ok(*id);
        }
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        let next = u32::try_from(names.len()).ok().filter(|next| *next < self.limit);
        let id = SeriesId(next.ok_or(Error::SeriesLimit { limit: self.limit })?);
        let name: Arc<str> = name.into();
        names.push(Arc::clone(&name));
        shard.insert(name, id);
        Ok(id)
    }

    /// The name of a series of this store.
    pub(crate) fn name(&self, series: SeriesId) -> Option<Arc<str>> {
        self.names.read().unwrap_or_else(PoisonError::into_inner).get(series.index()).cloned()
    }

    pub(crate) fn len(&self) -> usize {
        self.names.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn shard(&self, name: &str) -> &RwLock<HashMap<Arc<str>, SeriesId>> {
        let hash = usize::try_from(self.hasher.hash_one(name) >> 32).unwrap_or(0);
        &self.shards[hash % SHARDS]
    }
}
