//! Find: which nodes of a tree a pattern names. The folders are listed as they are now, so that a file which another
//! program adds is seen at once. The answers are those of graphite-web's standard finder with its default settings,
//! including this: `**` as the first node stands for the top folder alone, because there the finder cuts one character
//! too many off the paths that it walked. Below the top, `**` is any depth.

use crate::counters::Counters;
use crate::error::Error;
use crate::glob::{Glob, expand_braces, has_wildcard};
use crate::name::{EXTENSION, Place, canonical, clip, is_tagged};
use crate::store::Node;
use std::collections::BTreeSet;
use std::fs::{self, DirEntry};
use std::path::Path;

/// Bounds on one search.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Patterns that the braces of one node may stand for.
    pub expansions: usize,
    /// Nodes and folders.
    pub nodes: usize,
}

/// A tree of whisper files, to search.
pub(crate) struct Tree<'a> {
    pub root: &'a Path,
    pub bounds: Bounds,
    pub counters: &'a Counters,
}

/// One node of the pattern: what its braces stand for.
enum Part {
    Literal(String),
    Wild(Glob),
    AnyDepth,
}

impl Tree<'_> {
    /// The nodes that a pattern matches, sorted.
    pub(crate) fn find(&self, pattern: &str) -> Result<Vec<Node>, Error> {
        if is_tagged(pattern) {
            return Ok(self.find_tagged(pattern));
        }
        let clean = pattern.replace('\\', "");
        let mut nodes: Vec<&str> = clean.split('.').collect();
        if nodes.last() == Some(&"**") {
            nodes.push("*");
        }
        let Some((last, folders)) = nodes.split_last() else { return Ok(Vec::new()) };
        let mut current = BTreeSet::from([String::new()]);
        for node in folders {
            let parts = self.parts(node, pattern)?;
            let mut next = BTreeSet::new();
            for folder in &current {
                for part in &parts {
                    self.enter(folder, part, &mut next);
                }
                self.check(next.len(), pattern)?;
            }
            current = next;
        }
        let parts = self.parts(last, pattern)?;
        let mut found = BTreeSet::new();
        for folder in &current {
            for part in &parts {
                self.collect(folder, part, &mut found);
            }
            self.check(found.len(), pattern)?;
        }
        Ok(named_as_asked(found, pattern, &clean))
    }

    /// Every leaf below the root, sorted.
    pub(crate) fn leaves(&self) -> Result<Vec<String>, Error> {
        let mut leaves = Vec::new();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            for (name, kind) in self.list(&folder) {
                match kind {
                    Kind::Folder { linked: false } => folders.push(join(&folder, &name)),
                    Kind::Folder { linked: true } => {} // as the original's walk; links may lead in circles
                    Kind::Series => leaves.push(join(&folder, &name).replace('/', ".")),
                }
            }
            self.check(leaves.len().max(folders.len()), "**")?;
        }
        leaves.sort_unstable();
        Ok(leaves)
    }

    fn find_tagged(&self, pattern: &str) -> Vec<Node> {
        let Ok(name) = canonical(pattern) else { return Vec::new() };
        let place = Place::of(&name);
        let there = [Some(&place.first), place.second.as_ref()]
            .into_iter()
            .flatten()
            .any(|path| self.root.join(path).is_file());
        there.then(|| Node { path: pattern.to_owned(), leaf: true }).into_iter().collect()
    }

    fn parts(&self, node: &str, pattern: &str) -> Result<Vec<Part>, Error> {
        let limit = self.bounds.expansions;
        let variants =
            expand_braces(node, limit).map_err(|_| Error::TooManyExpansions { pattern: clip(pattern), limit })?;
        let part = |variant: String| match variant.as_str() {
            "**" => Part::AnyDepth,
            wild if has_wildcard(wild) => Part::Wild(Glob::new(wild)),
            _ => Part::Literal(variant),
        };
        // A slash would lead out of the folder, and no name holds one.
        Ok(variants.into_iter().filter(|variant| !variant.contains(['/', '\0'])).map(part).collect())
    }

    /// Adds the folders inside `folder` that a part matches.
    fn enter(&self, folder: &str, part: &Part, next: &mut BTreeSet<String>) {
        match part {
            Part::Literal(name) => {
                let inner = join(folder, name);
                if self.root.join(&inner).is_dir() {
                    next.insert(inner);
                }
            }
            Part::Wild(glob) => {
                let inner = self.list(folder).filter(|(name, kind)| kind.is_folder() && glob.matches(name));
                next.extend(inner.map(|(name, _)| join(folder, &name)));
            }
            Part::AnyDepth if folder.is_empty() => {
                next.insert(String::new());
            }
            Part::AnyDepth => self.walk(folder, next),
        }
    }

    /// Adds a folder and all folders below it, links left out; stops at the bound, which the caller checks.
    fn walk(&self, folder: &str, next: &mut BTreeSet<String>) {
        let mut open = vec![folder.to_owned()];
        while let Some(folder) = open.pop() {
            let inner = self.list(&folder).filter(|(_, kind)| matches!(kind, Kind::Folder { linked: false }));
            open.extend(inner.map(|(name, _)| join(&folder, &name)));
            next.insert(folder);
            if next.len() > self.bounds.nodes {
                return;
            }
        }
    }

    /// Adds the nodes inside `folder` that the last part matches.
    fn collect(&self, folder: &str, part: &Part, found: &mut BTreeSet<Node>) {
        let node = |name: &str, leaf| Node { path: join(folder, name).replace('/', "."), leaf };
        match part {
            // A name that ends in a dot means the branch before it.
            Part::Literal(name) if name.is_empty() => {
                let path = if folder.is_empty() { String::new() } else { format!("{folder}.").replace('/', ".") };
                found.insert(Node { path, leaf: false });
            }
            Part::Literal(name) => {
                let path = self.root.join(join(folder, name));
                if path.is_dir() {
                    found.insert(node(name, false));
                }
                if self.root.join(join(folder, name) + EXTENSION).is_file() {
                    found.insert(node(name, true));
                }
            }
            Part::Wild(glob) => {
                let matching = self.list(folder).filter(|(name, _)| glob.matches(name));
                found.extend(matching.map(|(name, kind)| node(&name, !kind.is_folder())));
            }
            Part::AnyDepth => {} // a last `**` has been made `**.*`; one inside braces names nothing
        }
    }

    /// What a folder holds: nodes without dots, hidden files left out. A folder that cannot be listed is counted and
    /// empty, so that the rest of the tree is still found.
    fn list(&self, folder: &str) -> impl Iterator<Item = (String, Kind)> + use<'_> {
        let path = if folder.is_empty() { self.root.to_owned() } else { self.root.join(folder) };
        let entries = fs::read_dir(path).inspect_err(|_| self.counters.listings_failed.add(1)).ok();
        entries.into_iter().flatten().filter_map(|entry| entry.ok().and_then(|entry| kind_of(&entry)))
    }

    fn check(&self, count: usize, pattern: &str) -> Result<(), Error> {
        let limit = self.bounds.nodes;
        if count > limit { Err(Error::TooManyNodes { pattern: clip(pattern), limit }) } else { Ok(()) }
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Folder { linked: bool },
    Series,
}

impl Kind {
    fn is_folder(self) -> bool {
        matches!(self, Kind::Folder { .. })
    }
}

fn kind_of(entry: &DirEntry) -> Option<(String, Kind)> {
    let name = entry.file_name().into_string().ok()?;
    let file_type = entry.file_type().ok()?;
    let linked = file_type.is_symlink();
    let is_dir = if linked { entry.path().is_dir() } else { file_type.is_dir() };
    if is_dir {
        return (!name.contains('.')).then_some((name, Kind::Folder { linked }));
    }
    let stem = name.strip_suffix(EXTENSION).filter(|stem| !stem.is_empty() && !stem.contains('.'))?;
    let is_file = file_type.is_file() || (linked && entry.path().is_file());
    is_file.then(|| (stem.to_owned(), Kind::Series))
}

/// A node whose wildcard was written with a backslash carries the pattern's own text, as the original answers it.
fn named_as_asked(found: BTreeSet<Node>, pattern: &str, clean: &str) -> Vec<Node> {
    let escaped = |node: &str| {
        "*?[{".chars().any(|special| node.find(special).is_some_and(|i| i > 0 && node.as_bytes()[i - 1] == b'\\'))
    };
    if !pattern.split('.').any(escaped) {
        return found.into_iter().collect();
    }
    let renamed = found.into_iter().map(|node| {
        let mut names: Vec<&str> = node.path.split('.').collect();
        for (i, (asked, clean)) in pattern.split('.').zip(clean.split('.')).enumerate() {
            if let Some(name) = names.get_mut(i).filter(|_| escaped(asked)) {
                *name = clean;
            }
        }
        Node { path: names.join("."), leaf: node.leaf }
    });
    renamed.collect::<BTreeSet<_>>().into_iter().collect()
}

fn join(folder: &str, name: &str) -> String {
    match (folder.is_empty(), name.is_empty()) {
        (true, _) => name.to_owned(),
        (_, true) => folder.to_owned(),
        _ => [folder, "/", name].concat(),
    }
}
