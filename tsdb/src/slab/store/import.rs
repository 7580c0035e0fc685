//! Series that come whole from another store, thousands at a time: names first, then every archive of each as it was.

use super::{Event, Place, SlabStore, name_error};
use crate::catalogue::SeriesId;
use crate::error::Error;
use crate::name::canonical;
use crate::retention::Retention;
use crate::rollup::Rollup;
use crate::slab::schema::Intake;
use crate::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::PoisonError;

/// One series as another store held it.
#[derive(Clone, Debug)]
pub struct Imported<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its archives, which it keeps.
    pub retention: &'a Retention,
    /// How it was rolled up there; `None` where nobody knows.
    pub rollup: Option<Rollup>,
    /// The share of known points from which there was a coarser one.
    pub x_files_factor: f64,
    /// Of each archive the values, oldest first, at multiples of its step.
    pub archives: &'a [Vec<(Timestamp, f64)>],
}

/// Series of a batch, chunks of them, and segments open at once: what bounds memory and descriptors. A batch holds 32 bytes a
/// chunk and 256 KiB a segment.
const SERIES: usize = 65_536;
const CHUNKS: usize = 2_000_000;
const OPEN: usize = 512;

/// An import under way; nobody else writes meanwhile. What was added and not finished may be there or not.
pub struct Import<'a> {
    store: &'a mut SlabStore,
    now: Timestamp,
    /// By schema.
    intakes: BTreeMap<u16, Intake>,
    added: Vec<SeriesId>,
    series: u64,
}

impl SlabStore {
    /// Begins to take series in.
    pub fn import(&mut self, now: Timestamp) -> Import<'_> {
        Import { store: self, now, intakes: BTreeMap::new(), added: Vec::new(), series: 0 }
    }
}

impl Import<'_> {
    /// Takes a series in. One that is there already gets these values over its own; it must be kept in the same archives.
    ///
    /// # Errors
    /// No series can have that name, there are as many as may be, one of that name is kept in other archives, the disk is
    /// full, or the system refuses.
    pub fn add(&mut self, imported: &Imported<'_>) -> Result<(), Error> {
        let place = self.place(imported)?;
        let Some(schema) = self.store.schema(place.schema) else { return Ok(()) };
        let settings = self.store.rules.settings(imported.name);
        let mut ways = vec![(settings.rollup, settings.x_files_factor)];
        ways.extend(imported.rollup.map(|rollup| (rollup, imported.x_files_factor)));
        let intake = self.intakes.entry(place.schema).or_default();
        schema.take_in(intake, place.key(), imported.archives, &ways, self.now)?;
        self.series += 1;
        let chunks: usize = self.intakes.values().map(|intake| intake.chunks).sum();
        let open: usize = self.intakes.values().map(Intake::open).sum();
        if self.added.len() >= SERIES || chunks >= CHUNKS || open >= OPEN {
            self.publish()?;
        }
        Ok(())
    }

    /// Makes everything that was added safe and seen. Answers how many series that were.
    ///
    /// # Errors
    /// The disk is full, or the system refuses.
    pub fn finish(mut self) -> Result<u64, Error> {
        self.publish()?;
        Ok(self.series)
    }

    fn publish(&mut self) -> Result<(), Error> {
        // No value may be on the medium before its name is.
        self.store.names.lock().unwrap_or_else(PoisonError::into_inner).commit()?;
        for (number, intake) in &mut self.intakes {
            if let Some(schema) = self.store.schema(*number) {
                schema.publish_intake(intake)?;
            }
        }
        self.store.index.show_all(&self.added);
        self.added.clear();
        Ok(())
    }

    fn place(&mut self, imported: &Imported<'_>) -> Result<Place, Error> {
        let name = canonical(imported.name).map_err(|reason| name_error(imported.name, reason))?;
        let store = &*self.store;
        let series = store.resolve_canonical(&name)?;
        if let Some(place) = store.places.look().of(series) {
            let is_alike = store.schema(place.schema).is_some_and(|schema| schema.retention == *imported.retention);
            return is_alike.then_some(place).ok_or_else(|| Error::OtherArchives(crate::name::clip(&name)));
        }
        if self.added.len() >= store.room() {
            return Err(store.refused());
        }
        let mut names = store.names.lock().unwrap_or_else(PoisonError::into_inner);
        let number = names.schema(imported.retention, |folder| store.add_schema(folder, imported.retention))?;
        let Some(schema) = store.schema(number) else { return Err(Error::OtherArchives(name.into_owned())) };
        let place = Place::new(number, schema.take_column(self.now));
        names.push(Event::Imported, place, self.now, &name, None);
        store.places.set(series, place);
        store.imported.write().unwrap_or_else(PoisonError::into_inner).insert(series.0);
        store.quotas().count(&name);
        self.added.push(series);
        Ok(place)
    }
}
