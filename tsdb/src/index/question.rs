//! What may be asked about tags, as data, so that a store passes every question on in one place.

use super::{Index, TagExpression, TagValue};
use crate::error::Error;

/// A question about the tags of the series that a store has.
#[derive(Clone, Debug)]
pub enum TagQuestion {
    /// Which tags begin with this: of all series, or of those that satisfy the expressions. [`Index::tag_names`].
    Names {
        /// What series have to satisfy.
        expressions: Vec<TagExpression>,
        /// How the tags begin.
        prefix: String,
        /// How many are told.
        limit: usize,
    },
    /// Which values of a tag begin with this: of all series, or of those that satisfy the expressions. [`Index::tag_values`].
    Values {
        /// The tag.
        tag: String,
        /// What series have to satisfy.
        expressions: Vec<TagExpression>,
        /// How the values begin.
        prefix: String,
        /// How many are told.
        limit: usize,
    },
    /// Which tags a filter finds. [`Index::tags_like`].
    NamesLike {
        /// A pattern, anchored at the start.
        filter: String,
        /// How many are told.
        limit: usize,
    },
    /// Which values of a tag a filter finds, and how many series have each. [`Index::values_like`].
    ValuesLike {
        /// The tag.
        tag: String,
        /// A pattern, anchored at the start.
        filter: String,
        /// How many are told.
        limit: usize,
    },
}

/// The answer to a [`TagQuestion`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagAnswer {
    /// Tags or values, sorted.
    Texts(Vec<String>),
    /// Values and how many series have each, sorted; to [`TagQuestion::ValuesLike`].
    Counted(Vec<TagValue>),
    /// No series has the tag; to [`TagQuestion::ValuesLike`].
    NoSuchTag,
}

impl Index {
    /// Answers a question about tags.
    ///
    /// # Errors
    /// As the method that the question names.
    pub fn answer(&self, question: &TagQuestion) -> Result<TagAnswer, Error> {
        Ok(match question {
            TagQuestion::Names { expressions, prefix, limit } => {
                TagAnswer::Texts(self.tag_names(expressions, prefix, *limit)?)
            }
            TagQuestion::Values { tag, expressions, prefix, limit } => {
                TagAnswer::Texts(self.tag_values(tag, expressions, prefix, *limit)?)
            }
            TagQuestion::NamesLike { filter, limit } => TagAnswer::Texts(self.tags_like(filter, *limit)?),
            TagQuestion::ValuesLike { tag, filter, limit } => {
                self.values_like(tag, filter, *limit)?.map_or(TagAnswer::NoSuchTag, TagAnswer::Counted)
            }
        })
    }
}
