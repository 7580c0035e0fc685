//! Series that may end: those that nothing was written to for long, and those that a pattern names.

use super::SlabStore;
use crate::catalogue::SeriesId;
use crate::error::Error;
use crate::name::{canonical, is_tagged};
use crate::time::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

impl SlabStore {
    /// The series without a value or a sketch since `cutoff`, by name.
    ///
    /// # Errors
    /// What is kept is damaged, so that nobody can say; or the system refuses.
    pub fn unwritten_since(&self, cutoff: Timestamp) -> Result<Vec<(Arc<str>, SeriesId)>, Error> {
        let mut written = HashMap::new();
        for (number, schema) in (0..).zip(self.schemas()) {
            written.insert(number, schema.written_since(cutoff)?);
        }
        let formers = self.formers.read().unwrap_or_else(PoisonError::into_inner);
        let places = self.places.look();
        let mut unwritten = Vec::new();
        for series in (0..self.index.len() as u32).map(SeriesId) {
            let Some(place) = places.of(series) else { continue };
            let former = formers.get(&series).into_iter().flatten().map(|former| former.place);
            let is_written = |place: super::Place| {
                written
                    .get(&place.schema)
                    .is_some_and(|keys: &std::collections::HashSet<_>| keys.contains(&place.key()))
            };
            if !std::iter::once(place).chain(former).any(is_written) {
                unwritten.extend(self.index.name(series).map(|name| (name, series)));
            }
        }
        unwritten.sort();
        Ok(unwritten)
    }

    /// The newest value in the places that a series has left.
    pub(super) fn newest_of_formers(&self, series: SeriesId) -> Result<Option<Timestamp>, Error> {
        let formers = self.formers.read().unwrap_or_else(PoisonError::into_inner).get(&series).cloned();
        let mut newest = None;
        for former in formers.into_iter().flatten() {
            if let Some(schema) = self.schema(former.place.schema) {
                newest = newest
                    .max(schema.newest_of(former.place.key(), usize::MAX - 1)?.map(|at| at.min(former.until - 1)));
            }
        }
        Ok(newest)
    }

    /// The series that a pattern matches, those of sketches by their own names, or that have this very name with tags; by name.
    ///
    /// # Errors
    /// The pattern stands for more than the limits allow.
    pub fn matching(&self, pattern: &str) -> Result<Vec<(Arc<str>, SeriesId)>, Error> {
        let exact = canonical(pattern).ok().filter(|name| is_tagged(name));
        let paths = match exact.filter(|name| self.located(name).is_some()) {
            Some(name) => vec![name.into_owned()],
            None => {
                let nodes = self.index.find(pattern)?.into_iter().filter(|node| node.leaf).map(|node| node.path);
                nodes.chain(self.index.find_sketches(pattern)?).collect()
            }
        };
        let series = paths.iter().filter_map(|path| self.located(path)).map(|(series, ..)| series);
        let mut found: Vec<_> = series.filter_map(|series| Some((self.index.name(series)?, series))).collect();
        found.sort();
        found.dedup();
        Ok(found)
    }
}
