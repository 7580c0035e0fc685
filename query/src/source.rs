//! Where series come from: all that this crate knows of storage.

pub use crate::error::SourceError;
pub use tsdb::{Archive, Fetched, FetchedSketches, Node, Tagged};

use tsdb::index::TagExpression;
use tsdb::{Error, Store, Timestamp, Window};

/// A store to ask. Every store of the tsdb is one, the test scripts bring another.
pub trait Source: Send + Sync {
    /// The nodes that a path expression names, sorted by path.
    ///
    /// # Errors
    /// The pattern asks for too much, or the store cannot be read.
    fn find(&self, pattern: &str) -> Result<Vec<Node>, SourceError>;
    /// The names of the series that satisfy every tag expression (`tag=value`, `tag=~pattern`, …), sorted.
    ///
    /// # Errors
    /// One is no expression, all of them let a series without their tag pass, or the store has no tags.
    fn find_tagged(&self, _expressions: &[String]) -> Result<Vec<String>, SourceError> {
        Err(SourceError::Refused("this store does not search by tags".to_owned()))
    }
    /// A series' archives, finest first; `None` for a series that is not there.
    ///
    /// # Errors
    /// The series cannot be read.
    fn archives(&self, name: &str) -> Result<Option<Vec<Archive>>, SourceError>;
    /// The values of a window, from the archive that reaches back to its start; `None` for a series that is not there
    /// or a window outside its retention.
    ///
    /// # Errors
    /// The series cannot be read.
    fn fetch(&self, name: &str, window: Window, now: Timestamp) -> Result<Option<Fetched>, SourceError>;
    /// [`Source::fetch`] for many series of one window, an answer each in the same order.
    fn fetch_many(&self, names: &[&str], window: Window, now: Timestamp) -> Vec<Result<Option<Fetched>, SourceError>> {
        names.iter().map(|name| self.fetch(name, window, now)).collect()
    }
    /// The series of sketches that a path expression names, sorted; [`Source::find`] names what is computed from them.
    ///
    /// # Errors
    /// As [`Source::find`].
    fn find_sketches(&self, _pattern: &str) -> Result<Vec<String>, SourceError> {
        Ok(Vec::new())
    }
    /// The sketches of a window, by the name of their series or of a leaf; `None` for what has none.
    ///
    /// # Errors
    /// The series cannot be read.
    fn fetch_sketches(
        &self,
        _name: &str,
        _window: Window,
        _now: Timestamp,
    ) -> Result<Option<FetchedSketches>, SourceError> {
        Ok(None)
    }
}

/// Where events come from, which lie beside the series.
pub trait EventSource: Send + Sync {
    /// The moments of the events of a window, its end included, in order.
    ///
    /// # Errors
    /// They may not be seen, or cannot be read.
    fn moments(&self, window: Window, tagged: &Tagged) -> Result<Vec<Timestamp>, SourceError>;
}

impl<S: Store> Source for S {
    fn find(&self, pattern: &str) -> Result<Vec<Node>, SourceError> {
        Store::find(self, pattern).map_err(SourceError::from)
    }

    fn find_tagged(&self, expressions: &[String]) -> Result<Vec<String>, SourceError> {
        let expressions = expressions.iter().map(|text| TagExpression::parse(text)).collect::<Result<Vec<_>, _>>()?;
        Ok(Store::tagged(self, &expressions)?)
    }

    fn archives(&self, name: &str) -> Result<Option<Vec<Archive>>, SourceError> {
        Store::archives(self, name).map_err(SourceError::from)
    }

    fn fetch(&self, name: &str, window: Window, now: Timestamp) -> Result<Option<Fetched>, SourceError> {
        Store::fetch(self, name, window, now).map_err(SourceError::from)
    }

    fn fetch_many(&self, names: &[&str], window: Window, now: Timestamp) -> Vec<Result<Option<Fetched>, SourceError>> {
        let answers = Store::fetch_many(self, names, window, now);
        answers.into_iter().map(|answer| answer.map_err(SourceError::from)).collect()
    }

    fn find_sketches(&self, pattern: &str) -> Result<Vec<String>, SourceError> {
        Store::find_sketches(self, pattern).map_err(SourceError::from)
    }

    fn fetch_sketches(
        &self,
        name: &str,
        window: Window,
        now: Timestamp,
    ) -> Result<Option<FetchedSketches>, SourceError> {
        Store::fetch_sketches(self, name, window, now).map_err(SourceError::from)
    }
}

impl From<Error> for SourceError {
    /// A pattern that is too wide is the asker's to mend; everything else is the store's.
    fn from(error: Error) -> SourceError {
        match error {
            Error::TooManyExpansions { .. }
            | Error::TooManyNodes { .. }
            | Error::Name { .. }
            | Error::TagExpression { .. }
            | Error::EventTooLong { .. } => SourceError::Refused(error.to_string()),
            error => SourceError::Failed(Box::new(error)),
        }
    }
}
