//! The whisper store: a folder of whisper files, written and read by name. A file that fails loses its own points only;
//! every point that is not written is counted by reason.
//!
//! `write` goes from points to files, `handles` keeps those open, `tree` finds names among them.

mod handles;
pub(crate) mod tree;
mod write;

use crate::catalogue::{Catalogue, SeriesId};
use crate::counters::{Counters, Counts};
use crate::error::Error;
use crate::find::Bounds;
use crate::index::{Index, TagExpression};
use crate::lock::FolderLock;
use crate::name::{NameError, Place, canonical, clip, tagged_of_leaf};
use crate::retention::Archive;
use crate::schema::Rules;
use crate::store::{Fetched, Node, Point, Store, WriteReport};
use crate::time::{Timestamp, Window};
use crate::whisper::{Fill, Readable, Resolution, Scratch};
use handles::Handles;
use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tree::Tree;

/// A folder of whisper files. All methods take `&self` and may be called from many threads.
pub struct WhisperStore {
    root: PathBuf,
    rules: Rules,
    limits: StoreLimits,
    access: Access,
    catalogue: Catalogue,
    handles: Handles,
    counters: Counters,
    /// Locked only when a file has failed, and for copying the list.
    errors: Mutex<VecDeque<(PathBuf, String)>>,
    _lock: Option<FolderLock>,
}

/// Bounds on what the store holds and answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// Series that may be resolved.
    pub series: u32,
    /// Files kept open for writing; fewer when the process may open fewer.
    pub open_files: usize,
    /// Patterns that the braces of one node of a pattern may stand for.
    pub expansions: usize,
    /// Nodes of one answer, and folders that one search may pass through.
    pub nodes: usize,
    /// Files whose last error is remembered.
    pub errors: usize,
    /// How far ahead of `now` a point may lie, in seconds. A point in the future takes the place of an old one.
    pub ahead_secs: u32,
    /// How room for new files is taken.
    pub fill: Fill,
}

impl Default for StoreLimits {
    fn default() -> StoreLimits {
        StoreLimits {
            series: 1_000_000,
            open_files: 4096,
            expansions: 10_000,
            nodes: 2_000_000,
            errors: 100,
            ahead_secs: 600,
            fill: Fill::Sparse,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    ReadWrite,
    ReadOnly,
}

impl WhisperStore {
    /// Opens a folder to read and write; it is made if need be. A folder that is empty or was ours before is locked
    /// against other writers; a foreign tree is not.
    ///
    /// # Errors
    /// The folder cannot be made or listed, or another writer holds it.
    pub fn open(root: &Path, rules: Rules, limits: StoreLimits) -> Result<WhisperStore, Error> {
        fs::create_dir_all(root).map_err(Error::io("create", root))?;
        let lock = FolderLock::take(root)?;
        Ok(WhisperStore::new(root, rules, limits, Access::ReadWrite, lock))
    }

    /// Opens a folder to read; nothing in it is touched, and points written are dropped and counted.
    ///
    /// # Errors
    /// The folder is not there or cannot be listed.
    pub fn open_read_only(root: &Path) -> Result<WhisperStore, Error> {
        fs::read_dir(root).map_err(Error::io("list", root))?;
        Ok(WhisperStore::new(root, Rules::default(), StoreLimits::default(), Access::ReadOnly, None))
    }

    fn new(root: &Path, rules: Rules, limits: StoreLimits, access: Access, lock: Option<FolderLock>) -> WhisperStore {
        WhisperStore {
            root: root.to_owned(),
            rules,
            limits,
            access,
            catalogue: Catalogue::new(limits.series),
            handles: Handles::new(limits.open_files),
            counters: Counters::default(),
            errors: Mutex::default(),
            _lock: lock,
        }
    }

    fn tree(&self) -> Tree<'_> {
        let bounds = Bounds { expansions: self.limits.expansions, nodes: self.limits.nodes };
        Tree { root: &self.root, bounds, counters: &self.counters }
    }

    /// A file to read; `None` when there is none, also because no file can have that name.
    fn open_to_read(&self, name: &str) -> Result<Option<Readable>, Error> {
        let Ok(name) = canonical(name) else { return Ok(None) };
        self.open_place(&Place::of(&name), Readable::open_strict)
    }

    fn open_place<File>(
        &self,
        place: &Place,
        open: impl Fn(&Path) -> Result<File, Error>,
    ) -> Result<Option<File>, Error> {
        for path in [Some(&place.first), place.second.as_ref()].into_iter().flatten() {
            let path = self.root.join(path);
            match open(&path) {
                Err(error) if error.is_absent() => {}
                // Its name is too long for this filesystem or folder.
                Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::InvalidFilename => {}
                Err(error) => {
                    self.remember(&error, &path);
                    return Err(error);
                }
                Ok(file) => return Ok(Some(file)),
            }
        }
        Ok(None)
    }

    /// Keeps the error of a file for the status page.
    fn remember(&self, error: &Error, path: &Path) {
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.retain(|(other, _)| other != path);
        if errors.len() >= self.limits.errors {
            errors.pop_front();
        }
        errors.push_back((path.to_owned(), error.chain()));
    }
}

impl Store for WhisperStore {
    fn resolve(&self, name: &str) -> Result<SeriesId, Error> {
        let resolved = canonical(name)
            .map_err(|reason| name_error(name, reason))
            .and_then(|canonical| self.catalogue.resolve(&canonical));
        resolved.inspect_err(|_| self.counters.names_refused.add(1))
    }

    fn name(&self, series: SeriesId) -> Option<Arc<str>> {
        self.catalogue.name(series)
    }

    fn series_count(&self) -> usize {
        self.catalogue.len()
    }

    fn write(&self, now: Timestamp, points: &[Point]) -> WriteReport {
        self.write_points(now, points)
    }

    /// Nothing is left to do: what pwrite took lies in the system's cache, where a kill of the process cannot reach it.
    /// A loss of power may take what the system had not written yet.
    fn commit(&self, _now: Timestamp) -> Result<(), Error> {
        Ok(())
    }

    /// For the files that are kept open.
    fn sync(&self) {
        self.handles.for_unsynced(|file| {
            if let Err(source) = file.file().sync_data() {
                self.remember(&Error::io("sync", file.path())(source), file.path());
            }
        });
    }

    fn find(&self, pattern: &str) -> Result<Vec<Node>, Error> {
        self.tree().find(pattern)
    }

    fn leaves(&self) -> Result<Vec<String>, Error> {
        self.tree().leaves()
    }

    /// The names are read off the tree at every question: other programs write to it too. A series that lies under its hash
    /// is known by what was resolved since the store was opened.
    fn tagged(&self, expressions: &[TagExpression]) -> Result<Vec<String>, Error> {
        let bounds = Bounds { expansions: self.limits.expansions, nodes: self.limits.nodes };
        let index = Index::new(self.limits.series, bounds);
        let files = self.tree().find("_tagged.*.*.*")?.into_iter().filter(|node| node.leaf);
        let files = files.filter_map(|node| tagged_of_leaf(node.path.splitn(4, '.').last()?));
        let ids = (0..self.catalogue.len()).filter_map(|id| u32::try_from(id).ok());
        let resolved = ids.filter_map(|id| self.catalogue.name(SeriesId(id))).filter(|name| name.contains(';'));
        for name in files.chain(resolved.map(|name| name.to_string())) {
            index.show(index.resolve(&name)?);
        }
        index.tagged(expressions)
    }

    fn archives(&self, name: &str) -> Result<Option<Vec<Archive>>, Error> {
        Ok(self.open_to_read(name)?.map(|file| file.archives()))
    }

    fn fetch(&self, name: &str, window: Window, now: Timestamp) -> Result<Option<Fetched>, Error> {
        // A series that is written here is read between its writes, never during one.
        let shard = canonical(name).ok().and_then(|name| self.catalogue.known(&name)).map(|id| self.handles.lock(id));
        let Some(file) = self.open_to_read(name)? else { return Ok(None) };
        let fetched = file.fetch(&mut Scratch::default(), window, now, Resolution::Finest);
        drop(shard);
        fetched
    }

    fn counters(&self) -> Counts {
        self.counters.all()
    }

    fn recent_errors(&self) -> Vec<String> {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.iter().map(|(_, text)| text.clone()).collect()
    }
}

fn name_error(name: &str, reason: NameError) -> Error {
    Error::Name { name: clip(name), reason }
}
