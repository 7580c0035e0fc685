//! What the server answers from: a source of series that can also list all its names. Every store is one, and so are
//! the scripts of the tests.

use query::{Source, SourceError};
use tsdb::Store;

/// A [`Source`] with a list of everything in it.
pub trait Catalogue: Source {
    /// The name of every series, sorted.
    ///
    /// # Errors
    /// When the names cannot be read.
    fn leaves(&self) -> Result<Vec<String>, SourceError>;
}

impl<S: Store> Catalogue for S {
    fn leaves(&self) -> Result<Vec<String>, SourceError> {
        Store::leaves(self).map_err(SourceError::from)
    }
}
