//! A catalogue as one caller sees it: what they may not read is not there.

use super::grants::{Grants, Reach, Scope};
use crate::catalogue::Catalogue;
use query::source::{Archive, Fetched, FetchedSketches, Node};
use query::{Source, SourceError};
use std::sync::Arc;
use tsdb::index::{Bounds, Index, TagAnswer, TagQuestion};
use tsdb::{Timestamp, Window};

/// Someone's view of a catalogue.
pub struct View {
    inner: Arc<dyn Catalogue>,
    grants: Arc<Grants>,
}

impl View {
    /// The catalogue for someone with these rights; the catalogue itself for who may do everything with it.
    pub fn of(inner: Arc<dyn Catalogue>, grants: &Arc<Grants>) -> Arc<dyn Catalogue> {
        if **grants == Grants::everything() {
            return inner;
        }
        Arc::new(View { inner, grants: Arc::clone(grants) })
    }

    fn readable(&self) -> Result<&Reach, SourceError> {
        match self.grants.reach(Scope::Read) {
            Reach::Nothing => Err(SourceError::Forbidden("the scope `read` is needed to see series".to_owned())),
            reach => Ok(reach),
        }
    }

    /// The tagged series below these prefixes, as if there were no others: neither a tag nor a count may tell of them.
    fn index_below(&self, prefixes: &[String]) -> Result<Index, SourceError> {
        let starts: Vec<_> = prefixes.iter().map(|prefix| fancy_regex::escape(prefix)).collect();
        let names = self.find_tagged(&[format!("name=~(?:{})(?:\\.|$)", starts.join("|"))])?;
        let index = Index::new(u32::MAX, Bounds { expansions: 0, nodes: 0 }); // never searched by path
        for name in names {
            index.show(index.resolve(&name)?);
        }
        Ok(index)
    }
}

impl Source for View {
    fn find(&self, pattern: &str) -> Result<Vec<Node>, SourceError> {
        let reach = self.readable()?;
        let mut nodes = self.inner.find(pattern)?;
        if *reach == Reach::Everything {
            return Ok(nodes);
        }
        nodes.retain(|node| if node.leaf { reach.holds(&node.path) } else { reach.leads_through(&node.path) });
        Ok(nodes)
    }

    fn find_tagged(&self, expressions: &[String]) -> Result<Vec<String>, SourceError> {
        let reach = self.readable()?;
        let mut names = self.inner.find_tagged(expressions)?;
        names.retain(|name| reach.holds(name));
        Ok(names)
    }

    fn archives(&self, name: &str) -> Result<Option<Vec<Archive>>, SourceError> {
        if self.readable()?.holds(name) { self.inner.archives(name) } else { Ok(None) }
    }

    fn fetch(&self, name: &str, window: Window, now: Timestamp) -> Result<Option<Fetched>, SourceError> {
        if self.readable()?.holds(name) { self.inner.fetch(name, window, now) } else { Ok(None) }
    }

    fn fetch_many(&self, names: &[&str], window: Window, now: Timestamp) -> Vec<Result<Option<Fetched>, SourceError>> {
        if *self.grants.reach(Scope::Read) == Reach::Everything {
            return self.inner.fetch_many(names, window, now);
        }
        if self.readable().is_err() {
            return names.iter().map(|_| self.readable().map(|_| None)).collect();
        }
        // What a view lets through is asked in one go, as the store likes it; the rest is answered in its place.
        let allowed: Vec<bool> = names.iter().map(|name| self.grants.allow(Scope::Read, name)).collect();
        let asked: Vec<&str> =
            names.iter().zip(&allowed).filter(|(_, allowed)| **allowed).map(|(name, _)| *name).collect();
        let mut answers = self.inner.fetch_many(&asked, window, now).into_iter();
        allowed.into_iter().map(|allowed| if allowed { answers.next().unwrap_or(Ok(None)) } else { Ok(None) }).collect()
    }

    fn find_sketches(&self, pattern: &str) -> Result<Vec<String>, SourceError> {
        let reach = self.readable()?;
        let mut names = self.inner.find_sketches(pattern)?;
        names.retain(|name| reach.holds(name));
        Ok(names)
    }

    fn fetch_sketches(
        &self,
        name: &str,
        window: Window,
        now: Timestamp,
    ) -> Result<Option<FetchedSketches>, SourceError> {
        if self.readable()?.holds(name) { self.inner.fetch_sketches(name, window, now) } else { Ok(None) }
    }
}

impl Catalogue for View {
    fn leaves(&self) -> Result<Vec<String>, SourceError> {
        let reach = self.readable()?;
        let mut leaves = self.inner.leaves()?;
        leaves.retain(|name| reach.holds(name));
        Ok(leaves)
    }

    fn tags(&self, question: &TagQuestion) -> Result<TagAnswer, SourceError> {
        match self.readable()? {
            Reach::Below(prefixes) => Ok(self.index_below(prefixes)?.answer(question)?),
            _ => self.inner.tags(question),
        }
    }

    fn changes(&self) -> Option<u64> {
        self.inner.changes()
    }

    fn announce(&self, name: &str) -> Result<String, SourceError> {
        self.grants.require(Scope::Write, name)?;
        self.inner.announce(name)
    }

    fn forget(&self, name: &str) -> Result<(), SourceError> {
        // Where there is nothing to see there is nothing to take away.
        if self.archives(name)?.is_none() {
            return Ok(());
        }
        self.grants.require(Scope::Erase, name)?;
        self.inner.forget(name)
    }
}
