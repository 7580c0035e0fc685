//! The names that became visible since the last checkpoint, in order. About eighty bytes a name beside the roll, which is
//! why a checkpoint moves them into the dictionary.

use crate::find::Kind;
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};

/// Names and their ids.
#[derive(Default)]
pub(super) struct Tail(BTreeMap<Box<str>, u32>);

impl Tail {
    pub(super) fn insert(&mut self, name: Box<str>, id: u32) {
        self.0.insert(name, id);
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// Names and ids, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, u32)> {
        self.0.iter().map(|(name, id)| (&**name, *id))
    }

    /// Whether there is a name below `path`.
    pub(super) fn is_branch(&self, path: &str) -> bool {
        let below = [path, "."].concat();
        self.from(&below).is_some_and(|name| name.starts_with(&below))
    }

    /// The nodes right inside a branch whose names begin with `start`.
    pub(super) fn list(
        &self,
        branch: &str,
        start: &str,
        take: &mut dyn FnMut(&str, Kind) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let below = if branch.is_empty() { String::new() } else { [branch, "."].concat() };
        let prefix = [&below, start].concat();
        let mut names = self.0.range::<str, _>((Bound::Included(&*prefix), Bound::Unbounded));
        while let Some((name, _)) = names.next().filter(|(name, _)| name.starts_with(&prefix)) {
            let inside = &name[below.len()..];
            let Some((node, _)) = inside.split_once('.') else {
                take(inside, Kind::Series)?;
                continue;
            };
            take(node, Kind::Branch { linked: false })?;
            // Past everything below the node: a slash is the byte after a dot.
            let past = [&below, node, "/"].concat();
            names = self.0.range::<str, _>((Bound::Included(&*past), Bound::Unbounded));
        }
        ControlFlow::Continue(())
    }

    fn from(&self, least: &str) -> Option<&str> {
        self.0.range::<str, _>((Bound::Included(least), Bound::Unbounded)).next().map(|(name, _)| &**name)
    }
}
