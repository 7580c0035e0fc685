//! What find shows: the dictionary of the last checkpoint without the names hidden since, the tail of those shown since, and
//! where tagged series stand.

use super::dictionary::Dictionary;
use super::roll::Roll;
use super::tagged::Tagged;
use super::tail::Tail;
use crate::catalogue::SeriesId;
use crate::find::Kind;
use crate::name::{is_tagged, tagged_hash};
use roaring::RoaringBitmap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Changes since the last checkpoint that are too few for another.
const CHANGES_LEAST: usize = 20_000;

/// The visible names.
pub(super) struct Shown {
    /// By id, tagged ones too.
    pub visible: RoaringBitmap,
    pub dictionary: Arc<Dictionary>,
    /// Ranks in the dictionary.
    pub gone: Arc<RoaringBitmap>,
    /// No id from here on is in the dictionary, so that new names need not be looked for there.
    pub beyond: u32,
    pub tail: Tail,
    pub tagged: Tagged,
    /// Names shown and hidden since the last checkpoint.
    pub changes: usize,
}

/// A name, made ready outside the lock.
pub(super) struct Ready {
    id: u32,
    pub name: Box<str>,
    /// For a tagged one, which the dictionary does not hold.
    hash: Option<u32>,
}

impl Ready {
    pub(super) fn new(id: SeriesId, name: &str) -> Ready {
        Ready { id: id.0, name: name.into(), hash: is_tagged(name).then(|| tagged_hash(name)) }
    }

    /// The id of a tagged one.
    pub(super) fn tagged(&self) -> Option<u32> {
        self.hash.map(|_| self.id)
    }
}

impl Shown {
    pub(super) fn new() -> Shown {
        Shown {
            visible: RoaringBitmap::new(),
            dictionary: Arc::new(Dictionary::empty()),
            gone: Arc::default(),
            beyond: 0,
            tail: Tail::default(),
            tagged: Tagged::default(),
            changes: 0,
        }
    }

    /// Shows names that are in order, each once.
    pub(super) fn show(&mut self, ready: &[Ready]) {
        let mut new = Vec::new();
        for ready in ready {
            if !self.visible.insert(ready.id) {
                continue;
            }
            self.changes += 1;
            if let Some(hash) = ready.hash {
                self.tagged.insert(hash, ready.id);
            } else if let Some(rank) = self.rank(ready.id, &ready.name) {
                Arc::make_mut(&mut self.gone).remove(rank);
            } else {
                new.push((&*ready.name, ready.id));
            }
        }
        self.tail.insert_all(&new);
    }

    pub(super) fn hide(&mut self, ready: &Ready) {
        if !self.visible.remove(ready.id) {
            return;
        }
        self.changes += 1;
        if let Some(hash) = ready.hash {
            self.tagged.remove(hash, ready.id);
        } else if let Some(rank) = self.rank(ready.id, &ready.name) {
            Arc::make_mut(&mut self.gone).insert(rank);
        } else {
            self.tail.remove(&ready.name);
        }
    }

    /// The rank of a name in the dictionary.
    pub(super) fn rank(&self, id: u32, name: &str) -> Option<u32> {
        if id < self.beyond { self.dictionary.rank(name) } else { None }
    }

    /// Whether so much has changed that a checkpoint is worth its writing.
    pub(super) fn wants_checkpoint(&self) -> bool {
        self.changes > CHANGES_LEAST.max(self.visible.len() as usize / 8)
    }

    pub(super) fn is_branch(&self, path: &str) -> bool {
        path.is_empty()
            || self.dictionary.is_branch(path, &self.gone)
            || self.tail.is_branch(path)
            || self.tagged.is_branch(path)
    }

    /// The series that stands at a path.
    pub(super) fn at(&self, path: &str, roll: &Roll) -> Option<SeriesId> {
        let plain = roll.known(path).filter(|id| !is_tagged(path) && self.visible.contains(id.0));
        plain.or_else(|| self.tagged.at(path, |id| name(roll, id)).map(SeriesId))
    }

    pub(super) fn list(
        &self,
        branch: &str,
        start: &str,
        roll: &Roll,
        take: &mut dyn FnMut(&str, Kind) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        self.dictionary.list(branch, start, &self.gone, take)?;
        self.tail.list(branch, start, take)?;
        self.tagged.list(branch, |id| name(roll, id), take)
    }
}

fn name(roll: &Roll, id: u32) -> Option<String> {
    roll.with(SeriesId(id), str::to_owned)
}
