//! The list of all names, kept for a moment: the store may have to walk a tree of files for it, and a person who types
//! into the search box asks for it at every letter.

use crate::catalogue::Catalogue;
use crate::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use tsdb::Timestamp;

/// How long a list stands. New series show in searches this much later; find and /render see them at once.
const KEPT_SECS: i64 = 10;

/// The list as it was last read. Locked only to clone or replace a pointer.
#[derive(Default)]
pub struct Names(Mutex<Option<(Timestamp, Arc<Vec<String>>)>>);

impl Names {
    /// Every name, at most [`KEPT_SECS`] old; an empty list is never kept, because somebody waits for the first name.
    pub fn get(&self, catalogue: &dyn Catalogue, now: Timestamp) -> Result<Arc<Vec<String>>, Error> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, names)) = kept
            && (0..KEPT_SECS).contains(&(now - at))
            && !names.is_empty()
        {
            return Ok(names);
        }
        let names = Arc::new(catalogue.leaves().map_err(Error::Names)?);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, Arc::clone(&names)));
        Ok(names)
    }
}
