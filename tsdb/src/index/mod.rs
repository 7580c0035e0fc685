//! Index: every series of a slab store by name. Ids are dense; the visible names are a tree that patterns search and, where
//! they have tags, sets that tag expressions narrow.
//!
//! In reading order: `roll` is the names and their ids, `dictionary` the names of the last checkpoint, `tail` those since,
//! `tagged` where tagged series stand in the tree, `shown` the three as one tree, `sketched` what it shows of sketches; `expression` is one condition on tags, `tags` the
//! sets, `matching` what is asked of them; `checkpoint` is the file.
//!
//! Invariants: an id keeps its name until that is forgotten, which no visible name is; find, leaves and tags answer visible names only, and answer as the whisper
//! store's tree does for the same names; a checkpoint file changes how fast answers come, never what they are.

mod checkpoint;
mod dictionary;
mod expression;
mod matching;
mod question;
mod roll;
mod run;
mod shown;
mod sketched;
mod tagged;
mod tags;
mod tail;
#[cfg(test)]
mod tests;

pub use crate::find::Bounds;
pub use expression::TagExpression;
pub use question::{TagAnswer, TagQuestion};
pub use tags::TagValue;

use crate::catalogue::SeriesId;
use crate::error::Error;
use crate::find::check;
use crate::name::is_tagged;
use crate::store::Node;
use checkpoint::Checkpoint;
use dictionary::{Dictionary, Draft};
use matching::Question;
use roaring::RoaringBitmap;
use roll::Roll;
use shown::{Ready, Shown};
use sketched::Sketched;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tags::Tags;
use tail::Tail;

/// Whether a checkpoint's file is whole; also when there is none.
///
/// # Errors
/// The system's.
pub(crate) fn is_checkpoint_whole(path: &Path) -> Result<bool, Error> {
    Ok(!path.exists() || checkpoint::read(path, usize::MAX)?.is_some())
}

/// Names shown under one hold of the lock, so that no search waits long.
const BATCH: usize = 2_048;
/// Names sorted together, so that those of a batch are neighbours in the tree.
const SORTED: usize = 32 * BATCH;

/// Every series of a store by name. Methods take `&self`; readers never wait long for a writer. At most 120 bytes a series
/// with names of 40, once a checkpoint has been made.
pub struct Index {
    roll: Roll,
    bounds: Bounds,
    shown: RwLock<Shown>,
    tags: RwLock<Tags>,
    sketched: Sketched,
    /// Held while names come and go, so that the tree and the tags change in the same order; never by a reader.
    changing: Mutex<()>,
    /// Held from the first to the last step of a checkpoint.
    checkpointing: Mutex<()>,
}

impl Index {
    /// An index of no names, which will take `limit`.
    pub fn new(limit: u32, bounds: Bounds) -> Index {
        Index {
            roll: Roll::new(limit),
            bounds,
            shown: RwLock::new(Shown::new()),
            tags: RwLock::default(),
            sketched: Sketched::new(&[]),
            changing: Mutex::default(),
            checkpointing: Mutex::default(),
        }
    }

    /// The id of a canonical name, if it was resolved before.
    pub fn known(&self, canonical_name: &str) -> Option<SeriesId> {
        self.roll.known(canonical_name)
    }

    /// The id of a canonical name; a new one, the next from 0, if need be. A known name costs one hash and no allocation.
    ///
    /// # Errors
    /// There are as many names as may be.
    pub fn resolve(&self, canonical_name: &str) -> Result<SeriesId, Error> {
        self.roll.resolve(canonical_name)
    }

    /// The name of an id, copied; see [`Index::with_name`].
    pub fn name(&self, id: SeriesId) -> Option<Arc<str>> {
        self.roll.name(id)
    }

    /// What `take` makes of the name of an id. No name is added meanwhile to a part of the index: `take` is to be short, and
    /// must not resolve.
    pub fn with_name<T>(&self, id: SeriesId, take: impl FnOnce(&str) -> T) -> Option<T> {
        self.roll.with(id, take)
    }

    /// Ids that were given: one more than the highest. Those whose names were forgotten count.
    pub fn len(&self) -> usize {
        self.roll.len()
    }

    /// Names that are known.
    pub fn names(&self) -> usize {
        self.roll.names()
    }

    /// Bounds the names that are known, and those that were forgotten and whose ids may not be given again.
    pub fn bound(&mut self, limit: u32) {
        self.roll.bound(limit);
    }

    /// Forgets those of these names that are not visible and that the last checkpoint does not hold; answers which. Whoever
    /// has one of these ids has an id without a name, until it is [released](Index::release). For one caller at a time.
    pub fn forget(&self, ids: impl Iterator<Item = SeriesId>) -> Vec<SeriesId> {
        let shown = self.shown();
        let may_go = |id: &SeriesId| {
            let is_held = || self.roll.with(*id, |name| shown.rank(id.0, name).is_some());
            !shown.visible.contains(id.0) && is_held() == Some(false)
        };
        let forgotten: Vec<SeriesId> = ids.filter(may_go).collect();
        drop(shown);
        self.roll.forget(forgotten.iter().copied());
        forgotten
    }

    /// Ids whose names were forgotten may be given to other names.
    pub fn release(&self, ids: &[SeriesId]) {
        self.roll.release(ids);
    }

    /// Whether no name was resolved.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether find, leaves and tags answer it.
    pub fn is_shown(&self, id: SeriesId) -> bool {
        self.shown().visible.contains(id.0)
    }

    /// How many are shown.
    pub fn shown_count(&self) -> u64 {
        self.shown().visible.len()
    }

    /// From now on find, leaves and tags answer it.
    pub fn show(&self, id: SeriesId) {
        self.show_all(&[id]);
    }

    /// [`Index::show`] for many; those that are shown already cost next to nothing.
    pub fn show_all(&self, ids: &[SeriesId]) {
        let _changing = self.changing();
        for ids in ids.chunks(SORTED) {
            let mut ready = self.ready(ids, |visible| !visible);
            ready.sort_unstable_by(|a, b| a.name.cmp(&b.name));
            for batch in ready.chunks(BATCH) {
                self.tag(batch);
                self.shown_mut().show(batch);
            }
        }
    }

    /// From now on find, leaves and tags do not answer it, until it is shown again.
    pub fn hide(&self, id: SeriesId) {
        self.hide_all(&[id]);
    }

    /// [`Index::hide`] for many; those that are not shown cost next to nothing.
    pub fn hide_all(&self, ids: &[SeriesId]) {
        let _changing = self.changing();
        for batch in ids.chunks(BATCH) {
            let ready = self.ready(batch, |visible| visible);
            let mut shown = self.shown_mut();
            ready.iter().for_each(|ready| shown.hide(ready));
            drop(shown);
            let mut tags = self.tags.write().unwrap_or_else(PoisonError::into_inner);
            ready.iter().for_each(|ready| {
                if let Some(id) = ready.tagged() {
                    tags.remove(&ready.name, id);
                }
            });
        }
    }

    /// The nodes that a pattern of Graphite's matches, sorted by path.
    ///
    /// # Errors
    /// The pattern stands for more than the bounds allow.
    pub fn find(&self, pattern: &str) -> Result<Vec<Node>, Error> {
        self.tree().find(pattern)
    }

    /// The visible series that stands at a path of the tree, as find and leaves answer it; a tagged one also has a path of its
    /// own there (`_tagged.abc.def.…`), which is not its name.
    pub fn at(&self, path: &str) -> Option<SeriesId> {
        self.shown().at(path, &self.roll)
    }

    /// Every visible name, sorted; tagged ones by their own path (`_tagged.abc.def.…`).
    ///
    /// # Errors
    /// There are more than the bounds allow.
    pub fn leaves(&self) -> Result<Vec<String>, Error> {
        let shown = self.shown();
        check(usize::try_from(shown.visible.len()).unwrap_or(usize::MAX), self.bounds, "**")?;
        let (dictionary, gone) = (Arc::clone(&shown.dictionary), Arc::clone(&shown.gone));
        let tail = shown.tail.clone();
        let tagged: Vec<u32> = shown.tagged.ids().collect();
        drop(shown);
        let mut leaves = Vec::new();
        let mut walk = tail.walk_from("");
        while let Some((name, _)) = walk.entry() {
            leaves.push(name.to_owned());
            walk.advance();
        }
        leaves.extend(tagged.into_iter().filter_map(|id| self.roll.with(SeriesId(id), tagged::path_of)));
        let _ = dictionary.each(|name, rank, _| -> Result<(), std::convert::Infallible> {
            if !gone.contains(rank) {
                leaves.extend(std::str::from_utf8(name).ok().map(str::to_owned));
            }
            Ok(())
        });
        let mut leaves = self.with_leaves(leaves);
        leaves.sort_unstable();
        leaves.dedup();
        Ok(leaves)
    }

    /// The names of the series that satisfy every expression, sorted. Only series with tags are asked.
    ///
    /// # Errors
    /// Every expression lets a series without its tag pass, a pattern takes too long, or there are more names than the
    /// bounds allow.
    pub fn tagged(&self, expressions: &[TagExpression]) -> Result<Vec<String>, Error> {
        let series = self.question().series(expressions)?;
        let asked = || expressions.iter().map(TagExpression::text).collect::<Vec<_>>().join(", ");
        check(usize::try_from(series.len()).unwrap_or(usize::MAX), self.bounds, &asked())?;
        let names = series.iter().filter_map(|id| self.roll.with(SeriesId(id), str::to_owned));
        let mut names: Vec<String> = names.collect();
        names.sort_unstable();
        Ok(names)
    }

    /// The first tags that begin with `prefix`, sorted: of all series, or of those that satisfy the expressions, and then
    /// without the tags that these speak of.
    ///
    /// # Errors
    /// As [`Index::tagged`].
    pub fn tag_names(&self, expressions: &[TagExpression], prefix: &str, limit: usize) -> Result<Vec<String>, Error> {
        self.question().tags(expressions, prefix, limit)
    }

    /// The first values of a tag that begin with `prefix`, sorted: of all series, or of those that satisfy the expressions.
    ///
    /// # Errors
    /// As [`Index::tagged`].
    pub fn tag_values(
        &self,
        tag: &str,
        expressions: &[TagExpression],
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        self.question().values(tag, expressions, prefix, limit)
    }

    /// The first tags that a filter finds, sorted: a pattern anchored at the start.
    ///
    /// # Errors
    /// The filter is no regular expression.
    pub fn tags_like(&self, filter: &str, limit: usize) -> Result<Vec<String>, Error> {
        self.question().tags_like(filter, limit)
    }

    /// The first values of a tag that a filter finds, sorted, with how many series have each; `None` for a tag that no series
    /// has.
    ///
    /// # Errors
    /// As [`Index::tags_like`].
    pub fn values_like(&self, tag: &str, filter: &str, limit: usize) -> Result<Option<Vec<TagValue>>, Error> {
        self.question().values_like(tag, filter, limit)
    }

    /// Writes the visible names to a file, whole or not at all, and keeps them as compactly in memory. Searches and changes go
    /// on meanwhile.
    ///
    /// # Errors
    /// The file cannot be written; then nothing has changed.
    pub fn checkpoint(&self, path: &Path) -> Result<(), Error> {
        let _checkpointing = self.checkpointing.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = self.shown();
        let (visible, changes) = (shown.visible.clone(), shown.changes);
        let (dictionary, gone) = (Arc::clone(&shown.dictionary), Arc::clone(&shown.gone));
        let tail = shown.tail.clone();
        let tagged = tagged::Tagged::of(shown.tagged.keys().copied());
        drop(shown);
        let merged = merge(&dictionary, &gone, &tail).map_err(|why| Error::corrupt(path, why.to_string()))?;
        drop(tail);
        let ids = visible.max().map_or(0, |last| last + 1);
        checkpoint::write(path, ids, self.roll.digest(ids), &merged, &tagged)?;
        let _changing = self.changing();
        let mut shown = self.shown_mut();
        // What came and went meanwhile comes and goes in the new dictionary.
        let hidden = (&visible - &shown.visible).into_iter();
        let hidden = hidden.filter_map(|id| self.roll.with(SeriesId(id), |name| merged.rank(name)).flatten());
        let gone = Arc::new(hidden.collect());
        let since = (&shown.visible - &visible).into_iter();
        let since = since.filter_map(|id| self.roll.with(SeriesId(id), |name| (Box::<str>::from(name), id)));
        let mut since: Vec<_> = since.filter(|(name, _)| !is_tagged(name)).collect();
        since.sort_unstable();
        let mut tail = Tail::default();
        tail.insert_all(&since.iter().map(|(name, id)| (&**name, *id)).collect::<Vec<_>>());
        shown.changes = shown.changes.saturating_sub(changes);
        (shown.dictionary, shown.gone, shown.beyond) = (Arc::new(merged), gone, ids);
        let old = std::mem::replace(&mut shown.tail, tail);
        drop(shown);
        // Outside the lock, for there may be many names in it.
        drop(old);
        Ok(())
    }

    /// Shows the names of a checkpoint, to an index of which none was shown yet: those of them that were resolved. Tagged
    /// ones only where all names have the ids that they had then. `false`, and nothing is shown, when there is no such
    /// file, or it is damaged.
    ///
    /// # Errors
    /// The system's.
    pub fn attach(&self, path: &Path) -> Result<bool, Error> {
        let _checkpointing = self.checkpointing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(found) = checkpoint::read(path, usize::MAX)? else { return Ok(false) };
        let have_their_ids = found.ids as usize <= self.len() && self.roll.digest(found.ids) == found.digest;
        let Checkpoint { ids, mut dictionary, mut tagged, .. } = found;
        let (mut beyond, mut gone) = (ids, RoaringBitmap::new());
        if !have_their_ids {
            tagged = tagged::Tagged::default();
            gone = dictionary.renumber(|name| self.known(name).map(|id| id.0));
            beyond = u32::MAX;
        }
        let by_rank = (0..).zip(dictionary.parts().1).filter(|(rank, _)| !gone.contains(*rank)).map(|(_, id)| *id);
        let visible: RoaringBitmap = by_rank.chain(tagged.ids()).collect();
        let count = dictionary.len() as u64 - gone.len() + tagged.len() as u64;
        let _changing = self.changing();
        if visible.len() != count || self.shown_count() > 0 {
            return Ok(false);
        }
        let mut tags = self.tags.write().unwrap_or_else(PoisonError::into_inner);
        let mut with_tags: Vec<u32> = tagged.ids().collect();
        with_tags.sort_unstable();
        for id in with_tags {
            self.roll.with(SeriesId(id), |name| tags.insert(name, id));
        }
        drop(tags);
        let (dictionary, gone) = (Arc::new(dictionary), Arc::new(gone));
        // Where ids had to be looked up, another checkpoint saves that the next time.
        let changes = if have_their_ids { 0 } else { usize::MAX / 2 };
        *self.shown_mut() = Shown { visible, dictionary, gone, beyond, tagged, changes, ..Shown::new() };
        Ok(true)
    }

    /// Whether so many names came or went since the last checkpoint that another saves memory and time.
    pub fn wants_checkpoint(&self) -> bool {
        self.shown().wants_checkpoint()
    }

    /// The names of those ids that are visible, or those that are not.
    fn ready(&self, ids: &[SeriesId], wanted: impl Fn(bool) -> bool) -> Vec<Ready> {
        let shown = self.shown();
        let wanted = ids.iter().filter(|id| wanted(shown.visible.contains(id.0)));
        wanted.filter_map(|id| self.roll.with(*id, |name| Ready::new(*id, name))).collect()
    }

    fn tag(&self, ready: &[Ready]) {
        if ready.iter().any(|ready| ready.tagged().is_some()) {
            let mut tags = self.tags.write().unwrap_or_else(PoisonError::into_inner);
            for ready in ready {
                if let Some(id) = ready.tagged() {
                    tags.insert(&ready.name, id);
                }
            }
        }
    }

    fn shown(&self) -> RwLockReadGuard<'_, Shown> {
        self.shown.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn shown_mut(&self) -> RwLockWriteGuard<'_, Shown> {
        self.shown.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn question(&self) -> Question<'_> {
        Question { tags: &self.tags, roll: &self.roll }
    }

    fn changing(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The names of a dictionary that are not gone, and a tail's, as one dictionary.
fn merge(old: &Dictionary, gone: &RoaringBitmap, tail: &Tail) -> Result<Dictionary, fst::Error> {
    let mut draft = Draft::new();
    let mut tail = tail.walk_from("");
    old.each(|name, rank, id| {
        while let Some((new, id)) = tail.entry().filter(|(new, _)| new.as_bytes() < name) {
            draft.push(new.as_bytes(), id)?;
            tail.advance();
        }
        if gone.contains(rank) { Ok(()) } else { draft.push(name, id) }
    })?;
    while let Some((name, id)) = tail.entry() {
        draft.push(name.as_bytes(), id)?;
        tail.advance();
    }
    draft.finish()
}
