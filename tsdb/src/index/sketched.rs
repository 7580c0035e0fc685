//! The series that are sketches: in the tree each is a branch, and below it are the leaves that a sketch answers for. No such
//! name takes memory; a leaf that find does not list is there when it is asked for by its own name.

use super::Index;
use crate::catalogue::SeriesId;
use crate::error::Error;
use crate::find::{Kind, Nodes, Search, join};
use crate::name::{canonical, is_tagged};
use crate::sketch::{Family, Leaf, Percentile, leaves_of};
use crate::store::Node;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError, RwLock};

/// Which series are sketches, and which leaves find lists below them.
pub(super) struct Sketched {
    /// Shared with searches, so that these do not keep names from coming.
    families: RwLock<Arc<HashMap<SeriesId, Family>>>,
    leaves: [Vec<String>; 2],
}

impl Sketched {
    /// No series; with the leaves of these percentiles beside the usual ones.
    pub fn new(percentiles: &[Percentile]) -> Sketched {
        let leaves = Family::ALL.map(|family| leaves_of(family, percentiles).iter().map(Leaf::to_string).collect());
        Sketched { families: RwLock::default(), leaves }
    }

    fn families(&self) -> Arc<HashMap<SeriesId, Family>> {
        Arc::clone(&self.families.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn leaves_of(&self, family: Family) -> &[String] {
        &self.leaves[usize::from(family == Family::Hll)]
    }
}

impl Index {
    /// Lists the leaves of these percentiles below sketches, beside the usual ones.
    pub fn list_percentiles(&mut self, percentiles: &[Percentile]) {
        self.sketched = Sketched::new(percentiles);
    }

    /// From now on the series is one of sketches, or of values.
    pub fn keep_sketches(&self, id: SeriesId, family: Option<Family>) {
        let mut families = self.sketched.families.write().unwrap_or_else(PoisonError::into_inner);
        match family {
            Some(family) => drop(Arc::make_mut(&mut families).insert(id, family)),
            None if families.contains_key(&id) => drop(Arc::make_mut(&mut families).remove(&id)),
            None => {}
        }
    }

    /// What the series' sketches are of; `None` for a series of values.
    pub fn sketches_of(&self, id: SeriesId) -> Option<Family> {
        self.sketched.families.read().unwrap_or_else(PoisonError::into_inner).get(&id).copied()
    }

    /// The visible series of sketches that a leaf's canonical name is computed from, and which leaf it is.
    pub fn leaf(&self, canonical_name: &str) -> Option<(SeriesId, Leaf)> {
        let tree = self.tree();
        if tree.families.is_empty() { None } else { tree.leaf(canonical_name) }
    }

    /// The visible series of sketches that a pattern of Graphite's matches, sorted.
    ///
    /// # Errors
    /// The pattern stands for more than the bounds allow.
    pub fn find_sketches(&self, pattern: &str) -> Result<Vec<String>, Error> {
        let families = self.tree().families;
        if families.is_empty() {
            return Ok(Vec::new());
        }
        let mut names = Vec::new();
        if is_tagged(pattern) {
            let name =
                canonical(pattern).ok().filter(|name| self.known(name).is_some_and(|id| families.contains_key(&id)));
            names.extend(name.map(std::borrow::Cow::into_owned));
            return Ok(names);
        }
        let found = Search { tree: &Bases { index: self }, bounds: self.bounds }.find(pattern)?;
        let is_sketches = |path: &str| self.known(path).is_some_and(|id| families.contains_key(&id));
        names.extend(found.into_iter().filter(|node| node.leaf && is_sketches(&node.path)).map(|node| node.path));
        Ok(names)
    }

    /// The names of the leaves that find lists below a series of sketches; none of a series of values.
    pub fn leaf_names(&self, id: SeriesId) -> Vec<String> {
        let (Some(family), Some(name)) = (self.sketches_of(id), self.name(id)) else { return Vec::new() };
        let (metric, tags) = name.split_at(name.find(';').filter(|_| is_tagged(&name)).unwrap_or(name.len()));
        let leaves = self.sketched.leaves_of(family).iter();
        leaves.map(|leaf| format!("{metric}.{leaf}{tags}")).collect()
    }

    pub(super) fn tree(&self) -> Tree<'_> {
        Tree { index: self, families: self.sketched.families() }
    }

    /// Puts the leaves of sketches in the places of their series' names.
    pub(super) fn with_leaves(&self, names: Vec<String>) -> Vec<String> {
        let families = self.sketched.families();
        if families.is_empty() {
            return names;
        }
        let leaves = |name: String| match self.known(&name).and_then(|id| families.get(&id)) {
            Some(family) => self.sketched.leaves_of(*family).iter().map(|leaf| join(&name, leaf)).collect(),
            None => vec![name],
        };
        names.into_iter().flat_map(leaves).collect()
    }
}

/// The tree as searches see it.
pub(super) struct Tree<'a> {
    index: &'a Index,
    families: Arc<HashMap<SeriesId, Family>>,
}

impl Tree<'_> {
    /// The nodes that a pattern matches.
    pub fn find(&self, pattern: &str) -> Result<Vec<Node>, Error> {
        if is_tagged(pattern) && !self.families.is_empty() {
            let is_leaf = canonical(pattern).is_ok_and(|name| self.leaf(&name).is_some());
            if is_leaf {
                return Ok(vec![Node { path: pattern.to_owned(), leaf: true }]);
            }
        }
        Search { tree: self, bounds: self.index.bounds }.find(pattern)
    }

    fn family(&self, path: &str) -> Option<Family> {
        if self.families.is_empty() {
            return None;
        }
        let id = self.index.at(path)?;
        self.families.get(&id).copied().filter(|_| self.index.known(path) == Some(id))
    }

    fn leaf(&self, name: &str) -> Option<(SeriesId, Leaf)> {
        let (metric, tags) = name.split_at(name.find(';').filter(|_| is_tagged(name)).unwrap_or(name.len()));
        let (base, leaf) = metric.rsplit_once('.')?;
        let leaf = Leaf::parse(leaf)?;
        let id = if tags.is_empty() { self.index.known(base) } else { self.index.known(&[base, tags].concat()) }?;
        let is_there = leaf.is_of(*self.families.get(&id)?) && self.index.is_shown(id);
        is_there.then_some((id, leaf))
    }
}

impl Nodes for Tree<'_> {
    fn is_branch(&self, path: &str) -> bool {
        // The lock is given back before it is asked for again: a writer that waits between the two would wait for ever.
        let is_branch = self.index.shown().is_branch(path);
        is_branch || self.family(path).is_some()
    }

    fn is_series(&self, path: &str) -> bool {
        if self.families.is_empty() {
            return self.index.at(path).is_some();
        }
        self.leaf(path).is_some() || (self.index.at(path).is_some() && self.family(path).is_none())
    }

    fn list(&self, branch: &str, start: &str, take: &mut dyn FnMut(&str, Kind) -> ControlFlow<()>) {
        let shown = self.index.shown();
        if self.families.is_empty() {
            // Whether it was stopped is known to who stopped it.
            let _ = shown.list(branch, start, &self.index.roll, take);
            return;
        }
        let is_sketches =
            |name: &str| self.index.known(&join(branch, name)).is_some_and(|id| self.families.contains_key(&id));
        let listed = shown.list(branch, start, &self.index.roll, &mut |name, kind| match kind {
            Kind::Series if is_sketches(name) => take(name, Kind::Branch { linked: false }),
            kind => take(name, kind),
        });
        drop(shown);
        let Some(family) = self.family(branch).filter(|_| listed.is_continue()) else { return };
        let leaves = self.index.sketched.leaves_of(family).iter().filter(|leaf| leaf.starts_with(start));
        let _ = leaves.into_iter().try_for_each(|leaf| take(leaf, Kind::Series));
    }
}

/// The tree of the series themselves, sketches among them.
struct Bases<'a> {
    index: &'a Index,
}

/// Each listing holds the lock for itself, so that a search through many branches does not keep names from coming.
impl Nodes for Bases<'_> {
    fn is_branch(&self, path: &str) -> bool {
        self.index.shown().is_branch(path)
    }

    fn is_series(&self, path: &str) -> bool {
        self.index.at(path).is_some()
    }

    fn list(&self, branch: &str, start: &str, take: &mut dyn FnMut(&str, Kind) -> ControlFlow<()>) {
        let _ = self.index.shown().list(branch, start, &self.index.roll, take);
    }
}
