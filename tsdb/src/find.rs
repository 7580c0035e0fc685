//! Find: which nodes of a tree a pattern names. [`Search`] walks any tree that can say what a branch holds: the folders
//! of a whisper store, listed as they are now, or an index. The answers are those of graphite-web's standard finder with its
//! default settings, including this: `**` as the first node stands for the top alone, because there the finder cuts one
//! character too many off the paths that it walked. Below the top, `**` is any depth.

use crate::error::Error;
use crate::glob::{Glob, expand_braces, has_wildcard};
use crate::name::{Place, canonical, clip, is_tagged};
use crate::store::Node;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

/// Bounds on one search.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Patterns that the braces of one node may stand for.
    pub expansions: usize,
    /// Nodes of one answer, and branches that one search may pass through.
    pub nodes: usize,
}

/// What a node of a tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// There are nodes below it. A linked one is entered by a pattern that names it, never by a walk: links may lead in
    /// circles.
    Branch { linked: bool },
    /// It is a series.
    Series,
}

/// A tree that can be searched. Paths are dotted; the top is the empty path, and it is always a branch.
pub(crate) trait Nodes {
    /// Whether there is such a branch.
    fn is_branch(&self, path: &str) -> bool;

    /// Whether there is such a series.
    fn is_series(&self, path: &str) -> bool;

    /// Hands over the nodes right inside a branch, those at least whose names begin with `start`, in any order, until it
    /// is told to stop. A name that is both gives two nodes.
    fn list(&self, branch: &str, start: &str, take: &mut dyn FnMut(&str, Kind) -> ControlFlow<()>);
}

/// One tree and the bounds on searches in it.
pub(crate) struct Search<'a, T> {
    pub tree: &'a T,
    pub bounds: Bounds,
}

/// One node of the pattern: what its braces stand for.
enum Part {
    Literal(String),
    Wild(Glob),
    AnyDepth,
}

impl<T: Nodes> Search<'_, T> {
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
        let Some((last, branches)) = nodes.split_last() else { return Ok(Vec::new()) };
        let mut current = BTreeSet::from([String::new()]);
        for (node, after) in branches.iter().zip(&nodes[1..]) {
            // Whether `a.b` is there answers for `a` too.
            if is_plain(node) && is_plain(after) {
                current = current.into_iter().map(|branch| join(&branch, node)).collect();
                continue;
            }
            let parts = self.parts(node, pattern)?;
            let mut next = BTreeSet::new();
            for branch in &current {
                for part in &parts {
                    self.enter(branch, part, &mut next);
                }
                self.check(next.len(), pattern)?;
            }
            current = next;
        }
        let parts = self.parts(last, pattern)?;
        let mut found = BTreeSet::new();
        for branch in &current {
            for part in &parts {
                self.collect(branch, part, &mut found);
            }
            self.check(found.len(), pattern)?;
        }
        Ok(named_as_asked(found, pattern, &clean))
    }

    fn find_tagged(&self, pattern: &str) -> Vec<Node> {
        let Ok(name) = canonical(pattern) else { return Vec::new() };
        let there = Place::of(&name).nodes().any(|path| self.tree.is_series(&path));
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

    /// Adds the branches inside `branch` that a part matches.
    fn enter(&self, branch: &str, part: &Part, next: &mut BTreeSet<String>) {
        match part {
            Part::Literal(name) => {
                let inner = join(branch, name);
                if self.tree.is_branch(&inner) {
                    next.insert(inner);
                }
            }
            Part::Wild(glob) => self.tree.list(branch, glob.start(), &mut |name, kind| {
                if matches!(kind, Kind::Branch { .. }) && glob.matches(name) {
                    next.insert(join(branch, name));
                }
                self.within(next.len())
            }),
            Part::AnyDepth if branch.is_empty() => {
                next.insert(String::new());
            }
            Part::AnyDepth => self.walk(branch, next),
        }
    }

    /// Adds a branch and all branches below it, links left out; stops at the bound, which the caller checks.
    fn walk(&self, branch: &str, next: &mut BTreeSet<String>) {
        let mut open = vec![branch.to_owned()];
        while let Some(branch) = open.pop() {
            self.tree.list(&branch, "", &mut |name, kind| {
                if kind == (Kind::Branch { linked: false }) {
                    open.push(join(&branch, name));
                }
                self.within(open.len())
            });
            next.insert(branch);
            if self.within(next.len()).is_break() {
                return;
            }
        }
    }

    /// Adds the nodes inside `branch` that the last part matches.
    fn collect(&self, branch: &str, part: &Part, found: &mut BTreeSet<Node>) {
        match part {
            // A name that ends in a dot means the branch before it.
            Part::Literal(name) if name.is_empty() => {
                let path = if branch.is_empty() { String::new() } else { [branch, "."].concat() };
                found.insert(Node { path, leaf: false });
            }
            Part::Literal(name) => {
                let path = join(branch, name);
                if self.tree.is_branch(&path) {
                    found.insert(Node { path: path.clone(), leaf: false });
                }
                if self.tree.is_series(&path) {
                    found.insert(Node { path, leaf: true });
                }
            }
            Part::Wild(glob) => self.tree.list(branch, glob.start(), &mut |name, kind| {
                if glob.matches(name) {
                    found.insert(Node { path: join(branch, name), leaf: kind == Kind::Series });
                }
                self.within(found.len())
            }),
            Part::AnyDepth => {} // a last `**` has been made `**.*`; one inside braces names nothing
        }
    }

    /// Stops a listing whose answer is too long already.
    fn within(&self, count: usize) -> ControlFlow<()> {
        if count > self.bounds.nodes { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn check(&self, count: usize, pattern: &str) -> Result<(), Error> {
        check(count, self.bounds, pattern)
    }
}

/// Whether an answer may be that long.
pub(crate) fn check(count: usize, bounds: Bounds, pattern: &str) -> Result<(), Error> {
    let limit = bounds.nodes;
    if count > limit { Err(Error::TooManyNodes { pattern: clip(pattern), limit }) } else { Ok(()) }
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

/// Whether a node of a pattern stands for itself alone.
fn is_plain(node: &str) -> bool {
    !node.is_empty() && !has_wildcard(node) && !node.contains(['{', '}', '/', '\0'])
}

pub(crate) fn join(branch: &str, name: &str) -> String {
    match (branch.is_empty(), name.is_empty()) {
        (true, _) => name.to_owned(),
        (_, true) => branch.to_owned(),
        _ => [branch, ".", name].concat(),
    }
}
