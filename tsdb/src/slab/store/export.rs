//! A series as a whole, for a store of another kind; and how series are found that other stores know by a path.

use super::SlabStore;
use crate::catalogue::SeriesId;
use crate::error::Error;
use crate::gap::is_gap;
use crate::name::{Place, TAGGED_ROOT, is_tagged, tagged_of_leaf};
use crate::retention::{Archive, Retention};
use crate::rollup::Rollup;
use crate::time::Timestamp;

/// One series, every archive of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    /// Its name.
    pub name: String,
    /// Its archives.
    pub retention: Retention,
    /// How the rules roll it up.
    pub rollup: Rollup,
    /// From which share of known points on.
    pub x_files_factor: f64,
    /// Of each archive the values, oldest first.
    pub archives: Vec<Vec<(Timestamp, f64)>>,
}

/// As many as a file has room for: of an archive that ends early, back from its own end.
pub(super) fn fit(values: &mut Vec<(Timestamp, f64)>, archive: Archive) {
    if let Some(newest) = values.last().map(|(at, _)| *at) {
        values.retain(|(at, _)| *at > newest - archive.retention_secs());
    }
}

impl SlabStore {
    /// Everything that is kept of a series, or of a leaf of sketches, coarser archives as readers see them; `None` when nothing
    /// was ever written to it, and for a series of sketches, of which [`SlabStore::leaf_names`] can be exported.
    ///
    /// # Errors
    /// What is kept of it is damaged, or the system refuses.
    pub fn export(&self, name: &str) -> Result<Option<Exported>, Error> {
        if let Some(leaf) = self.leaf(name) {
            return self.export_leaf(&leaf, name).map(Some);
        }
        self.export_values(name)
    }

    pub(super) fn export_values(&self, name: &str) -> Result<Option<Exported>, Error> {
        let Some((series, schema, key)) = self.located(name) else { return Ok(None) };
        if self.index.sketches_of(series).is_some() {
            return Ok(None);
        }
        let name = self.index.name(series).map_or_else(|| name.to_owned(), |name| name.to_string());
        let settings = self.rules.settings(&name);
        let (rollup, x_files_factor) = (settings.rollup, settings.x_files_factor);
        let mut archives = Vec::new();
        let formers = self.newest_of_formers(series)?;
        for archive in 0..schema.retention.archives().len() {
            let Some(newest) = schema.newest_of(key, archive)?.max(formers) else {
                archives.push(Vec::new());
                continue;
            };
            let mut fetched = schema.whole(key, archive, newest, (rollup, x_files_factor))?;
            self.fill_from_formers((series, &schema, key), &settings, newest, &mut fetched)?;
            let times = (0..).map(|i| fetched.start + i * i64::from(fetched.step.secs()));
            let mut values: Vec<_> = times.zip(fetched.values).filter(|(_, value)| !is_gap(*value)).collect();
            fit(&mut values, schema.retention.archives()[archive]);
            archives.push(values);
        }
        Ok(Some(Exported { name, retention: schema.retention.clone(), rollup, x_files_factor, archives }))
    }

    /// A series by the path that a tree of files knows it by: a tagged one by its own (`_tagged.abc.def.…`), and one whose
    /// file said nothing of its tags by its tags.
    pub(super) fn known_by_path(&self, name: &str) -> Option<SeriesId> {
        if is_tagged(name) {
            return Place::of(name).nodes().find_map(|path| self.index.known(&path));
        }
        // The leaf may hold dots.
        let mut nodes = name.strip_prefix(TAGGED_ROOT)?.splitn(4, '.').skip(1);
        let (_, _, leaf) = (nodes.next()?, nodes.next()?, nodes.next()?);
        self.index.known(&tagged_of_leaf(leaf)?)
    }
}
