//! Where each series lies: its schema and its column there, by id.

use super::segment::Key;
use crate::catalogue::SeriesId;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// 8 bytes a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub schema: u16,
    generation: u16,
    column: u32,
}

/// Of a series that nothing was written to.
const NOWHERE: u16 = u16::MAX;
/// The most schemas that a store may have.
pub(super) const SCHEMAS_MOST: usize = NOWHERE as usize;

impl Place {
    /// A column of a schema.
    pub fn new(schema: u16, key: Key) -> Place {
        Place { schema, generation: key.generation, column: key.column }
    }

    /// The series within its schema.
    #[inline]
    pub fn key(self) -> Key {
        Key { column: self.column, generation: self.generation }
    }
}

/// The places of all series of a store.
#[derive(Default)]
pub(super) struct Places(RwLock<Vec<Place>>);

/// Places that stay as they are while they are looked at.
pub(super) struct Looked<'a>(RwLockReadGuard<'a, Vec<Place>>);

impl Places {
    /// Looks at places.
    pub fn look(&self) -> Looked<'_> {
        Looked(self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where a series lies from now on.
    pub fn set(&self, series: SeriesId, place: Place) {
        let mut places = self.places_mut();
        if places.len() <= series.index() {
            let nowhere = Place { schema: NOWHERE, generation: 0, column: 0 };
            places.resize(series.index() + 1, nowhere);
        }
        places[series.index()] = place;
    }

    /// These series lie nowhere any more. Answers where they lay: nobody who looked at that still writes there.
    pub fn take(&self, series: &[SeriesId]) -> Vec<(SeriesId, Place)> {
        let mut places = self.places_mut();
        let take = |series: &SeriesId| {
            let place = places.get_mut(series.index()).filter(|place| place.schema != NOWHERE)?;
            Some((*series, std::mem::replace(place, Place { schema: NOWHERE, ..*place })))
        };
        series.iter().filter_map(take).collect()
    }

    fn places_mut(&self) -> RwLockWriteGuard<'_, Vec<Place>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Looked<'_> {
    /// Where a series lies; `None` when nothing was written to it.
    #[inline]
    pub fn of(&self, series: SeriesId) -> Option<Place> {
        self.0.get(series.index()).copied().filter(|place| place.schema != NOWHERE)
    }
}
