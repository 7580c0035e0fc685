//! What the server answers from: a source of series that can also list all its names. The store is one, and so are the
//! scripts of the tests.

use query::{Source, SourceError};

/// A [`Source`] with a list of everything in it.
pub trait Catalogue: Source {
    /// The name of every series, sorted.
    ///
    /// # Errors
    /// When the names cannot be read.
    fn leaves(&self) -> Result<Vec<String>, SourceError>;
}

impl Catalogue for tsdb::Store {
    fn leaves(&self) -> Result<Vec<String>, SourceError> {
        tsdb::Store::leaves(self).map_err(SourceError::from)
    }
}
