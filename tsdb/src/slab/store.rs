//! The slab store: a folder with one folder for each retention, and one log of names. Every flush is one commit; whatever is
//! not written is counted by reason.

mod compact;
mod ends;
mod expiry;
mod export;
mod forget;
mod import;
mod moves;
mod names_of;
mod sketches;
mod stats;
mod write;

pub use expiry::Expired;
pub use export::Exported;
pub use import::{Import, Imported};
pub use stats::{ArchiveStats, RetentionStats};

use super::disk::FileDisk;
use super::names::{Event, Name, Names};
use super::places::{Place, Places};
use super::quotas::{Quota, Quotas};
use super::schema::{self, Faults, Schema};
use super::segment::Key;
use super::self_test;
use crate::catalogue::SeriesId;
use crate::counters::{Counters, Counts};
use crate::error::Error;
use crate::find::Bounds;
use crate::index::{Index, TagAnswer, TagExpression, TagQuestion};
use crate::lock::FolderLock;
use crate::name::{NameError, canonical, clip};
use crate::retention::Archive;
use crate::schema::Rules;
use crate::sketch::{Percentile, SketchKind};
use crate::store::{Fetched, FetchedSketches, Node, Point, SketchPoint, Store, WriteReport};
use crate::time::{Timestamp, Window};
use crate::whisper_store::StoreLimits;
use expiry::Expiry;
use forget::Forgetting;
use moves::{Formers, Moves};
use names_of::SchemaNames;
use roaring::RoaringBitmap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// Series whose chunks are asked of the disk before the first of them is read.
const PREFETCHED: usize = 64;

/// When what was committed is handed to the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SyncPolicy {
    /// With every commit: a loss of power costs the open interval at most.
    #[default]
    Flush,
    /// When so many seconds have passed: a loss of power costs that much at most.
    Interval(u32),
    /// When the system pleases.
    None,
}

/// How a slab store is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlabOptions {
    /// When what was committed is handed to the disk.
    pub sync: SyncPolicy,
    /// How many series may begin with which prefix; newcomers beyond it are refused.
    pub quotas: Vec<Quota>,
    /// Series that may begin in a second; further ones wait. `None`: any number.
    pub creates_per_second: Option<u32>,
    /// Points of waiting series that are kept; further ones are refused.
    pub waiting_points: usize,
    /// Late points of each retention that wait in memory for a segment, 16 bytes each; further ones are refused, which
    /// happens when the disk is full.
    pub late_points: usize,
    /// Bytes of all segments, beyond which the oldest are removed. `None`: retention alone says what goes.
    pub max_bytes: Option<u64>,
    /// Seconds without a value after which a series ends. `None`: never by itself.
    pub expire_after_secs: Option<i64>,
    /// Whose statistics find lists below sketches, beside the usual ones.
    pub percentiles: Vec<Percentile>,
}

impl Default for SlabOptions {
    fn default() -> SlabOptions {
        SlabOptions {
            sync: SyncPolicy::Flush,
            quotas: Vec::new(),
            creates_per_second: None,
            waiting_points: 1_000_000,
            late_points: 4_000_000,
            max_bytes: None,
            expire_after_secs: None,
            percentiles: Vec::new(),
        }
    }
}

impl From<SyncPolicy> for SlabOptions {
    fn from(sync: SyncPolicy) -> SlabOptions {
        SlabOptions { sync, ..SlabOptions::default() }
    }
}

/// A folder of rings and segments. All methods take `&self` and may be called from many threads.
pub struct SlabStore {
    root: PathBuf,
    rules: Rules,
    limits: StoreLimits,
    policy: SyncPolicy,
    max_bytes: Option<u64>,
    late_points: usize,
    index: Index,
    places: Places,
    /// Where series lay before the rules changed.
    formers: RwLock<Formers>,
    moves: Mutex<Moves>,
    /// Series that were imported: they keep their archives whatever the rules say.
    imported: RwLock<RoaringBitmap>,
    schemas: RwLock<Vec<Arc<Schema>>>,
    /// Held while series come and go.
    names: Mutex<SchemaNames>,
    quotas: Mutex<Quotas>,
    forgetting: Mutex<Forgetting>,
    expiry: Expiry,
    /// Whether somebody was refused for want of room since there was room last.
    has_refused: AtomicBool,
    names_version: AtomicU64,
    /// See [`Store::changes`].
    changes: AtomicU64,
    synced_at: Mutex<Timestamp>,
    counters: Counters,
    faults: Arc<Faults>,
    _lock: Option<FolderLock>,
}

impl SlabStore {
    /// Opens a folder to read and write; it is made if need be. It is locked against other processes.
    ///
    /// # Errors
    /// Another process holds it, a ring in it is damaged, or the system refuses.
    pub fn open(
        root: &Path,
        rules: Rules,
        limits: StoreLimits,
        options: impl Into<SlabOptions>,
    ) -> Result<SlabStore, Error> {
        let options = options.into();
        fs::create_dir_all(root).map_err(Error::io("create", root))?;
        let lock = FolderLock::take(root)?;
        let faults = Arc::new(Faults::new(limits.errors));
        let mut index = Index::new(u32::MAX, Bounds { expansions: limits.expansions, nodes: limits.nodes });
        index.list_percentiles(&options.percentiles);
        let places = Places::default();
        let mut found = names_of::Found::default();
        let _ = fs::remove_file(compact::beside(root));
        let path = root.join("names.log");
        let disk = Arc::new(FileDisk::open(&path).map_err(Error::io("open", &path))?);
        let (names, damage) = Names::open(disk, &path, |name| found.take(&name, &index))?;
        faults.report_damage(&path, damage);
        // A limit refuses newcomers; what is there is there.
        index.bound(forget::ids_most(limits.series, index.len()));
        let (retentions, schemas) = found.open_schemas(root, &faults, options.late_points)?;
        found.settle(&schemas);
        found.place(&places);
        found.sketches().iter().for_each(|(id, family)| index.keep_sketches(*id, Some(*family)));
        found.show(&index, &root.join("names.fst"))?;
        let mut quotas = Quotas::new(options.quotas, options.creates_per_second, options.waiting_points);
        found.count_for(&mut quotas, &index);
        let (formers, imported) = found.into_formers();
        let store = SlabStore {
            root: root.to_owned(),
            rules,
            limits,
            policy: options.sync,
            max_bytes: options.max_bytes,
            late_points: options.late_points,
            index,
            places,
            formers: RwLock::new(formers),
            imported: RwLock::new(imported),
            moves: Mutex::default(),
            schemas: RwLock::new(schemas),
            names: Mutex::new(SchemaNames::new(names, retentions, root, damage)),
            quotas: Mutex::new(quotas),
            forgetting: Mutex::default(),
            expiry: Expiry::open(root, options.expire_after_secs)?,
            has_refused: AtomicBool::new(false),
            names_version: AtomicU64::new(0),
            changes: AtomicU64::new(0),
            synced_at: Mutex::new(Timestamp(0)),
            counters: Counters::default(),
            faults,
            _lock: lock,
        };
        // It is a matter of room: a store whose disk is full opens all the same.
        let _ = store.compact_names().inspect_err(|error| store.faults.note(error));
        Ok(store)
    }

    /// Bytes that the disk writes for a flush with a sync, as a multiple of its values' bytes, measured in this folder with a
    /// file of its own, which takes some twenty syncs. `None` where the system does not say.
    ///
    /// # Errors
    /// The disk is full, or the system refuses.
    pub fn self_test(&self) -> Result<Option<f64>, Error> {
        self_test::disk_bytes_per_value_byte(&self.root)
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn quotas(&self) -> MutexGuard<'_, Quotas> {
        self.quotas.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn schemas(&self) -> Vec<Arc<Schema>> {
        self.schemas.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn schema(&self, schema: u16) -> Option<Arc<Schema>> {
        self.schemas.read().unwrap_or_else(PoisonError::into_inner).get(usize::from(schema)).cloned()
    }

    /// Where a series lies that readers may see.
    fn located(&self, name: &str) -> Option<(SeriesId, Arc<Schema>, Key)> {
        let name = canonical(name).ok()?;
        let series = self.index.known(&name).or_else(|| self.known_by_path(&name))?;
        let place = self.places.look().of(series)?;
        Some((series, self.schema(place.schema)?, place.key()))
    }

    /// Begins to read what segments hold of these series.
    fn prefetch(&self, names: &[&str], window: Window, now: Timestamp) {
        let mut by_schema: Vec<(Arc<Schema>, Vec<Key>)> = Vec::new();
        for (_, schema, key) in names.iter().filter_map(|name| self.located(name)) {
            match by_schema.iter_mut().find(|(known, _)| Arc::ptr_eq(known, &schema)) {
                Some((_, keys)) => keys.push(key),
                None => by_schema.push((schema, vec![key])),
            }
        }
        by_schema.iter().for_each(|(schema, keys)| schema.prefetch(keys, window, now));
    }

    fn fetch_values(&self, name: &str, window: Window, now: Timestamp) -> Result<Option<Fetched>, Error> {
        let Some((series, schema, key)) = self.located(name) else { return Ok(None) };
        let settings = self.rules.settings(name);
        let mut fetched = schema.fetch(key, settings.rollup, settings.x_files_factor, window, now)?;
        if let Some(fetched) = &mut fetched {
            self.fill_from_formers((series, &schema, key), &settings, now, fetched)?;
        }
        Ok(fetched)
    }

    /// Removes the segments that end first until the others fit.
    fn fit_into_max_bytes(&self) -> Result<(), Error> {
        let Some(max_bytes) = self.max_bytes else { return Ok(()) };
        let schemas = self.schemas();
        let of = |schema: &Arc<Schema>| {
            schema.parts().into_iter().map(|part| (part, Arc::clone(schema))).collect::<Vec<_>>()
        };
        let mut parts: Vec<_> = schemas.iter().flat_map(of).collect();
        parts.sort_by_key(|((end, ..), _)| *end);
        let mut bytes: u64 = parts.iter().map(|((_, bytes, _), _)| bytes).sum();
        for ((_, part_bytes, which), schema) in parts {
            if bytes <= max_bytes {
                break;
            }
            schema.remove_part(which)?;
            self.counters.segments_removed.add(1);
            bytes -= part_bytes;
        }
        Ok(())
    }

    fn sync_is_due(&self, now: Timestamp) -> bool {
        match self.policy {
            SyncPolicy::Flush => true,
            SyncPolicy::None => false,
            SyncPolicy::Interval(secs) => {
                let mut synced_at = self.synced_at.lock().unwrap_or_else(PoisonError::into_inner);
                let is_due = now - *synced_at >= i64::from(secs) || now < *synced_at;
                if is_due {
                    *synced_at = now;
                }
                is_due
            }
        }
    }

    fn commit_all(&self, now: Timestamp, sync: bool) -> Result<(), Error> {
        // Names first. Where they cannot be written, values are all the same: a column that no name is known of is given
        // to nobody when the store is opened again.
        let named = self.names.lock().unwrap_or_else(PoisonError::into_inner).commit();
        let mut first_error = named.inspect_err(|error| self.faults.note(error)).err();
        for schema in self.schemas() {
            if let Err(error) = schema.commit(now, sync) {
                self.faults.note(&error);
                first_error = first_error.or(Some(error));
            }
        }
        first_error.map_or(Ok(()), Err)
    }
}

impl Store for SlabStore {
    fn resolve(&self, name: &str) -> Result<SeriesId, Error> {
        // Only canonical names are listed: most that come are, and need not be looked through for what would make them so.
        if let Some(known) = self.index.known(name) {
            return Ok(known);
        }
        let resolved = canonical(name)
            .map_err(|reason| name_error(name, reason))
            .and_then(|canonical| self.resolve_canonical(&canonical));
        resolved.inspect_err(|_| self.counters.names_refused.add(1))
    }

    fn name(&self, series: SeriesId) -> Option<Arc<str>> {
        self.index.name(series)
    }

    fn series_count(&self) -> usize {
        self.index.names()
    }

    fn names_version(&self) -> u64 {
        self.names_version.load(Ordering::Acquire)
    }

    fn changes(&self) -> Option<u64> {
        Some(self.changes.load(Ordering::Acquire))
    }

    fn write(&self, now: Timestamp, points: &[Point]) -> WriteReport {
        let report = self.write_points(now, points);
        self.changes.fetch_add(1, Ordering::Release);
        self.counters.count(&report);
        report
    }

    fn commit(&self, now: Timestamp) -> Result<(), Error> {
        if self.quotas().waiting() > 0 {
            self.write(now, &[]);
        }
        if self.quotas().waiting_sketches() > 0 {
            self.write_sketches(now, &[]);
        }
        self.commit_all(now, self.sync_is_due(now))
    }

    fn upkeep(&self, now: Timestamp) -> Result<(), Error> {
        let mut first_error = None;
        for schema in self.schemas() {
            let done = schema.upkeep(now);
            first_error = first_error.or(done.inspect_err(|error| self.faults.note(error)).err());
        }
        let moved = self.move_series(now);
        first_error = first_error.or(moved.inspect_err(|error| self.faults.note(error)).err());
        let expired = self.expire_when_due(now);
        first_error = first_error.or(expired.inspect_err(|error| self.faults.note(error)).err());
        let compacted = self.compact_names();
        first_error = first_error.or(compacted.inspect_err(|error| self.faults.note(error)).err());
        let fitted = self.fit_into_max_bytes();
        first_error = first_error.or(fitted.inspect_err(|error| self.faults.note(error)).err());
        if self.index.wants_checkpoint() {
            let done = self.index.checkpoint(&self.root.join("names.fst"));
            first_error = first_error.or(done.inspect_err(|error| self.faults.note(error)).err());
        }
        self.forget_names(now);
        first_error.map_or(Ok(()), Err)
    }

    fn sync(&self) {
        for schema in self.schemas() {
            if let Err(error) = schema.sync() {
                self.faults.note(&error);
            }
        }
    }

    fn find(&self, pattern: &str) -> Result<Vec<Node>, Error> {
        self.index.find(pattern)
    }

    fn leaves(&self) -> Result<Vec<String>, Error> {
        self.index.leaves()
    }

    fn tagged(&self, expressions: &[TagExpression]) -> Result<Vec<String>, Error> {
        self.index.tagged(expressions)
    }

    fn tags(&self, question: &TagQuestion) -> Result<TagAnswer, Error> {
        self.index.answer(question)
    }

    fn archives(&self, name: &str) -> Result<Option<Vec<Archive>>, Error> {
        let schema = self.leaf(name).map(|located| located.schema);
        let schema = schema.or_else(|| self.located(name).map(|(_, schema, _)| schema));
        Ok(schema.map(|schema| schema.retention.archives().to_vec()))
    }

    fn fetch(&self, name: &str, window: Window, now: Timestamp) -> Result<Option<Fetched>, Error> {
        match self.leaf(name) {
            Some(leaf) => self.fetch_leaf(&leaf, name, window, now),
            None => self.fetch_values(name, window, now),
        }
    }

    fn sketch_of(&self, name: &str) -> Option<SketchKind> {
        self.rules.settings(name).sketch
    }

    fn write_sketches(&self, now: Timestamp, sketches: &[SketchPoint<'_>]) -> WriteReport {
        let report = self.write_all_sketches(now, sketches);
        self.changes.fetch_add(1, Ordering::Release);
        self.counters.count(&report);
        report
    }

    fn find_sketches(&self, pattern: &str) -> Result<Vec<String>, Error> {
        self.index.find_sketches(pattern)
    }

    fn fetch_sketches(&self, name: &str, window: Window, now: Timestamp) -> Result<Option<FetchedSketches>, Error> {
        self.sketches(name, window, now)
    }

    fn fetch_many(&self, names: &[&str], window: Window, now: Timestamp) -> Vec<Result<Option<Fetched>, Error>> {
        let mut all = Vec::with_capacity(names.len());
        for names in names.chunks(PREFETCHED) {
            if names.len() > 1 {
                self.prefetch(names, window, now);
            }
            all.extend(names.iter().map(|name| self.fetch(name, window, now)));
        }
        all
    }

    fn counters(&self) -> Counts {
        let Counts(mut all) = self.counters.all();
        all.push(("damaged_reads", self.faults.damaged.value()));
        all.push(("slots_lost", self.faults.slots_lost.value()));
        all.push(("segments_removed", self.counters.segments_removed.value()));
        all.push(("series_expired", self.counters.series_expired.value()));
        Counts(all)
    }

    fn recent_errors(&self) -> Vec<String> {
        self.faults.recent()
    }
}

fn name_error(name: &str, reason: NameError) -> Error {
    Error::Name { name: clip(name), reason }
}

#[cfg(test)]
mod tests;
