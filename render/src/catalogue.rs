//! What the server answers from: a source of series that can also list all its names. Every store is one, and so are
//! the scripts of the tests.

use query::{Source, SourceError};
use tsdb::Store;
use tsdb::index::{TagAnswer, TagQuestion};

/// A [`Source`] with a list of everything in it.
pub trait Catalogue: Source {
    /// The name of every series, sorted.
    ///
    /// # Errors
    /// When the names cannot be read.
    fn leaves(&self) -> Result<Vec<String>, SourceError>;

    /// Which tags and values there are.
    ///
    /// # Errors
    /// An expression or filter asks for too much, or there are no tags here.
    fn tags(&self, _question: &TagQuestion) -> Result<TagAnswer, SourceError> {
        Err(SourceError::Refused("there are no tags here".to_owned()))
    }

    /// Grows whenever what can be read has changed; `None` where that is not known.
    fn changes(&self) -> Option<u64> {
        None
    }

    /// Says that points of a series will come, and what its name is once it is canonical. A store may then know the name
    /// before the first point; none is shown before that.
    ///
    /// # Errors
    /// No series can have that name, there are as many as may be, or none may be announced here.
    fn announce(&self, _name: &str) -> Result<String, SourceError> {
        Err(SourceError::Refused("no series can be announced here".to_owned()))
    }

    /// Forgets a series that is gone. One that is not is refused: graphite-web would forget its tags and keep its points,
    /// and here the two are one.
    ///
    /// # Errors
    /// The series has points, or cannot be read.
    fn forget(&self, name: &str) -> Result<(), SourceError> {
        match self.archives(name)? {
            None => Ok(()),
            Some(_) => {
                Err(SourceError::Refused(format!("{name} has points; `kymo store delete` deletes it with them")))
            }
        }
    }
}

impl<S: Store> Catalogue for S {
    fn leaves(&self) -> Result<Vec<String>, SourceError> {
        Store::leaves(self).map_err(SourceError::from)
    }

    fn tags(&self, question: &TagQuestion) -> Result<TagAnswer, SourceError> {
        Ok(Store::tags(self, question)?)
    }

    fn changes(&self) -> Option<u64> {
        Store::changes(self)
    }

    fn announce(&self, name: &str) -> Result<String, SourceError> {
        let series = self.resolve(name)?;
        Ok(self.name(series).map_or_else(|| name.to_owned(), |name| name.to_string()))
    }
}
