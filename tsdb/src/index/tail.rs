//! The names that became visible since the last checkpoint, in order, in short runs. Some twenty bytes a name beside the roll;
//! a checkpoint moves them into the dictionary, where they take fewer.

use super::run::{FIXED, Run, RunDraft, Walk};
use crate::find::Kind;
use std::collections::{BTreeMap, btree_map};
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

/// Bytes of a run beyond which it is parted. A name that comes or goes writes its run anew.
const RUN_MOST: usize = 1024;

/// Names and their ids. A copy shares the runs.
#[derive(Clone, Default)]
pub(super) struct Tail {
    /// By a key that no name of the run is less than, and every name of the runs before it is.
    runs: BTreeMap<Box<[u8]>, Arc<Run>>,
}

/// A walk over the names in order.
pub(super) struct TailWalk<'a> {
    runs: btree_map::Range<'a, Box<[u8]>, Arc<Run>>,
    walk: Walk<'a>,
}

impl Tail {
    /// Adds names that are in order and not there yet. Neighbours together cost the writing of one run.
    pub(super) fn insert_all(&mut self, names: &[(&str, u32)]) {
        let mut names = names;
        while let Some((first, _)) = names.first() {
            let key: Box<[u8]> = self.run_of(first.as_bytes()).map_or_else(Box::default, |(key, _)| key.into());
            let end = self.runs.range::<[u8], _>((Bound::Excluded(first.as_bytes()), Bound::Unbounded)).next();
            let end = end.map_or(names.len(), |(end, _)| names.partition_point(|(name, _)| name.as_bytes() < &**end));
            let (of_run, others) = names.split_at(end);
            self.merge(key, of_run);
            names = others;
        }
    }

    /// Takes a name away, if it is there.
    pub(super) fn remove(&mut self, name: &str) {
        let name = name.as_bytes();
        let Some((key, run)) = self.run_of(name) else { return };
        let key: Box<[u8]> = key.into();
        let mut draft = RunDraft::default();
        run.walk().each_before(None, |other, id| {
            if other != name {
                draft.push(other, id);
            }
        });
        match draft.len() {
            0 => drop(self.runs.remove(&key)),
            _ => drop(self.runs.insert(key, Arc::new(draft.take()))),
        }
    }

    /// Every name from one on.
    pub(super) fn walk_from(&self, least: &str) -> TailWalk<'_> {
        let least = least.as_bytes();
        let first = self.run_of(least);
        let after = first.map_or(Bound::Unbounded, |(key, _)| Bound::Excluded(key));
        let mut walk = TailWalk {
            runs: self.runs.range::<[u8], _>((after, Bound::Unbounded)),
            walk: match first {
                Some((_, run)) => run.walk(),
                None => Walk::ended(),
            },
        };
        walk.walk.advance_to(least);
        walk.settle();
        walk
    }

    /// Whether there is a name below `path`.
    pub(super) fn is_branch(&self, path: &str) -> bool {
        let below = [path, "."].concat();
        self.walk_from(&below).entry().is_some_and(|(name, _)| name.starts_with(&below))
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
        let mut walk = self.walk_from(&prefix);
        while let Some((name, _)) = walk.entry().filter(|(name, _)| name.starts_with(&prefix)) {
            let inside = &name[below.len()..];
            let Some((node, _)) = inside.split_once('.') else {
                take(inside, Kind::Series)?;
                walk.advance();
                continue;
            };
            take(node, Kind::Branch { linked: false })?;
            // Past everything below the node: a slash is the byte after a dot.
            walk = self.walk_from(&[&below, node, "/"].concat());
        }
        ControlFlow::Continue(())
    }

    /// The run that a name lies in if it lies in any.
    fn run_of(&self, name: &[u8]) -> Option<(&[u8], &Arc<Run>)> {
        let (key, run) = self.runs.range::<[u8], _>((Bound::Unbounded, Bound::Included(name))).next_back()?;
        Some((key, run))
    }

    /// Writes a run anew with further names, as several of about the same length if it is too long for one.
    fn merge(&mut self, key: Box<[u8]>, names: &[(&str, u32)]) {
        let old = self.runs.remove(&key);
        let added: usize = names.iter().map(|(name, _)| name.len() + FIXED).sum();
        let bytes = old.as_ref().map_or(0, |run| run.len()) + added;
        let part = bytes.div_ceil(bytes.div_ceil(RUN_MOST).max(1));
        let (mut key, mut draft) = (Some(key), RunDraft::default());
        let mut push = |name: &[u8], id| {
            key.get_or_insert_with(|| name.into());
            draft.push(name, id);
            if draft.len() >= part {
                let begun_at = key.take().unwrap_or_default();
                self.runs.insert(begun_at, Arc::new(draft.take()));
            }
        };
        let mut old = match &old {
            Some(run) => run.walk(),
            None => Walk::ended(),
        };
        for (name, id) in names {
            old.each_before(Some(name.as_bytes()), &mut push);
            push(name.as_bytes(), *id);
        }
        old.each_before(None, &mut push);
        if draft.len() > 0 {
            self.runs.insert(key.unwrap_or_default(), Arc::new(draft.take()));
        }
    }
}

impl TailWalk<'_> {
    /// The name here and its id; `None` past the last one.
    pub(super) fn entry(&self) -> Option<(&str, u32)> {
        let (name, id) = self.walk.entry()?;
        Some((std::str::from_utf8(name).ok()?, id))
    }

    /// To the next name.
    pub(super) fn advance(&mut self) {
        self.walk.advance();
        self.settle();
    }

    /// To the first name of the next run where this one is at its end.
    fn settle(&mut self) {
        while self.walk.entry().is_none() {
            let Some((_, run)) = self.runs.next() else { return };
            self.walk = run.walk();
        }
    }
}

#[cfg(test)]
mod tests;
