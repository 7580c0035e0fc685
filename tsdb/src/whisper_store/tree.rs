//! The tree of a folder of whisper files, as it is now, so that a file which another program adds is seen at once.

use crate::counters::Counters;
use crate::error::Error;
use crate::find::{Bounds, Kind, Nodes, Search, check, join};
use crate::name::EXTENSION;
use crate::store::Node;
use std::fs::{self, DirEntry};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// A tree of whisper files.
pub(crate) struct Tree<'a> {
    pub root: &'a Path,
    pub bounds: Bounds,
    pub counters: &'a Counters,
}

impl Tree<'_> {
    /// The nodes that a pattern matches, sorted.
    pub(crate) fn find(&self, pattern: &str) -> Result<Vec<Node>, Error> {
        Search { tree: self, bounds: self.bounds }.find(pattern)
    }

    /// Every leaf below the root, sorted.
    pub(crate) fn leaves(&self) -> Result<Vec<String>, Error> {
        let mut leaves = Vec::new();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            self.list(&folder, "", &mut |name, kind| {
                match kind {
                    Kind::Branch { linked: false } => folders.push(join(&folder, name)),
                    Kind::Branch { linked: true } => {} // as the original's walk
                    Kind::Series => leaves.push(join(&folder, name)),
                }
                ControlFlow::Continue(())
            });
            check(leaves.len().max(folders.len()), self.bounds, "**")?;
        }
        leaves.sort_unstable();
        Ok(leaves)
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.replace('.', "/"))
    }
}

impl Nodes for Tree<'_> {
    fn is_branch(&self, path: &str) -> bool {
        self.path(path).is_dir()
    }

    fn is_series(&self, path: &str) -> bool {
        self.root.join(path.replace('.', "/") + EXTENSION).is_file()
    }

    /// Nodes without dots, hidden files left out. A folder that cannot be listed is counted and empty, so that the rest of
    /// the tree is still found.
    fn list(&self, branch: &str, _start: &str, take: &mut dyn FnMut(&str, Kind) -> ControlFlow<()>) {
        let entries = fs::read_dir(self.path(branch)).inspect_err(|_| self.counters.listings_failed.add(1)).ok();
        let nodes = entries.into_iter().flatten().filter_map(|entry| entry.ok().and_then(|entry| kind_of(&entry)));
        for (name, kind) in nodes {
            if take(&name, kind).is_break() {
                return;
            }
        }
    }
}

fn kind_of(entry: &DirEntry) -> Option<(String, Kind)> {
    let name = entry.file_name().into_string().ok()?;
    let file_type = entry.file_type().ok()?;
    let linked = file_type.is_symlink();
    let is_dir = if linked { entry.path().is_dir() } else { file_type.is_dir() };
    if is_dir {
        return (!name.contains('.')).then_some((name, Kind::Branch { linked }));
    }
    let stem = name.strip_suffix(EXTENSION).filter(|stem| !stem.is_empty() && !stem.contains('.'))?;
    let is_file = file_type.is_file() || (linked && entry.path().is_file());
    is_file.then(|| (stem.to_owned(), Kind::Series))
}
