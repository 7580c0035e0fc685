//! Where tagged series stand in the tree: `_tagged.abc.def.name_DOT_x;tag=value`, as their files lie on disk. Only the hash
//! is kept; the leaf is made of the name when somebody looks.

use crate::find::Kind;
use crate::name::{Place, TAGGED_ROOT};
use std::collections::{BTreeSet, btree_set};
use std::ops::{ControlFlow, RangeInclusive};

/// Hash and id of each tagged series: twelve bytes a series.
#[derive(Default)]
pub(super) struct Tagged(BTreeSet<u64>);

/// A branch of the tagged tree.
enum Level {
    Top,
    Root,
    /// Three hex digits.
    Half(u64),
    /// Six.
    Whole(u64),
}

impl Tagged {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn insert(&mut self, hash: u32, id: u32) {
        self.0.insert(key(hash, id));
    }

    pub(super) fn remove(&mut self, hash: u32, id: u32) {
        self.0.remove(&key(hash, id));
    }

    /// Hash above, id below.
    pub(super) fn keys(&self) -> btree_set::Iter<'_, u64> {
        self.0.iter()
    }

    pub(super) fn of(keys: impl Iterator<Item = u64>) -> Tagged {
        Tagged(keys.collect())
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|key| *key as u32)
    }

    pub(super) fn is_branch(&self, path: &str) -> bool {
        Level::of(path).is_some_and(|level| self.0.range(level.keys()).next().is_some())
    }

    /// The series that stands at a path.
    pub(super) fn at(&self, path: &str, name: impl Fn(u32) -> Option<String>) -> Option<u32> {
        let (branch, leaf) = path.rsplit_once('.')?;
        let level = Level::of(branch).filter(|level| matches!(level, Level::Whole(_)))?;
        let mut ids = self.0.range(level.keys()).map(|key| *key as u32);
        ids.find(|id| name(*id).is_some_and(|name| leaf_of(&name) == leaf))
    }

    /// The nodes right inside a branch.
    pub(super) fn list(
        &self,
        branch: &str,
        name: impl Fn(u32) -> Option<String>,
        take: &mut dyn FnMut(&str, Kind) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Some(level) = Level::of(branch) else { return ControlFlow::Continue(()) };
        let branches = Kind::Branch { linked: false };
        match level {
            Level::Top if self.0.is_empty() => ControlFlow::Continue(()),
            Level::Top => take(TAGGED_ROOT, branches),
            Level::Root | Level::Half(_) => {
                let shift = if matches!(level, Level::Root) { 44 } else { 32 };
                let (mut from, end) = level.keys().into_inner();
                while let Some(key) = self.0.range(from..).next().filter(|key| **key <= end) {
                    take(&format!("{:03x}", key >> shift & 0xfff), branches)?;
                    from = ((key >> shift) + 1) << shift;
                }
                ControlFlow::Continue(())
            }
            Level::Whole(_) => {
                let mut names = self.0.range(level.keys()).filter_map(|key| name(*key as u32));
                names.try_for_each(|name| take(&leaf_of(&name), Kind::Series))
            }
        }
    }
}

impl Level {
    fn of(branch: &str) -> Option<Level> {
        if branch.is_empty() {
            return Some(Level::Top);
        }
        let rest = branch.strip_prefix(TAGGED_ROOT)?;
        if rest.is_empty() {
            return Some(Level::Root);
        }
        let digits = |node: &str| {
            let lower = node.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            (node.len() == 3 && lower).then(|| u64::from_str_radix(node, 16).ok()).flatten()
        };
        let rest = rest.strip_prefix('.')?;
        match rest.split_once('.') {
            None => digits(rest).map(Level::Half),
            Some((first, second)) => Some(Level::Whole(digits(first)? << 12 | digits(second)?)),
        }
    }

    fn keys(&self) -> RangeInclusive<u64> {
        match *self {
            Level::Top | Level::Root => 0..=u64::MAX,
            Level::Half(half) => half << 44..=(half << 44 | ((1 << 44) - 1)),
            Level::Whole(whole) => whole << 32..=(whole << 32 | u64::from(u32::MAX)),
        }
    }
}

/// The node of a tagged series.
pub(super) fn leaf_of(name: &str) -> String {
    let path = path_of(name);
    path.rsplit('.').next().unwrap_or_default().to_owned()
}

/// The whole path of a tagged series.
pub(super) fn path_of(name: &str) -> String {
    Place::of(name).nodes().last().unwrap_or_default()
}

fn key(hash: u32, id: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(id)
}
