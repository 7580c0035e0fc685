//! Why a query cannot be answered: what is wrong, where in which target, and whether the asker can mend it.
//!
//! The message is one line; [`Error::caret`] draws the place under the text. Bytes are counted in the target as it
//! was given, so that an editor can mark them.

use crate::attime::TimeError;
use std::fmt;
use std::sync::Arc;
use thiserror::Error as ThisError;

/// A range of bytes in a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub offset: usize,
    /// How many bytes; 0 points between two characters.
    pub len: usize,
}

impl Span {
    /// The bytes from `offset` up to, not including, `end`.
    pub fn between(offset: usize, end: usize) -> Span {
        Span { offset, len: end.saturating_sub(offset) }
    }

    /// The first byte after the range.
    pub fn end(self) -> usize {
        self.offset + self.len
    }
}

/// The target that is at fault and the bytes in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which target of the request, counted from 0.
    pub target: usize,
    /// Its text.
    pub text: Arc<str>,
    /// The bytes meant.
    pub span: Span,
}

/// What is wrong. Every limit is named as the field of [`crate::Limits`] that holds it.
#[derive(Debug, ThisError)]
pub enum Fault {
    /// Nothing at the start of the target is an expression.
    #[error("expected {expected}")]
    Unparsable {
        /// What the grammar would have taken.
        expected: &'static str,
    },
    /// No function of this name; names are case-sensitive.
    #[error("unknown function `{name}`{}", hint(.nearest))]
    UnknownFunction {
        /// As it was written.
        name: String,
        /// One that may have been meant.
        nearest: Option<&'static str>,
    },
    /// A function was called with what it does not take.
    #[error("{function}: {reason}")]
    Argument {
        /// The function's name.
        function: &'static str,
        /// What it would take.
        reason: String,
    },
    /// The query asks for more than a limit allows.
    #[error("{wanted} exceeds the limit `{limit}` of {allowed}")]
    Limit {
        /// The field of [`crate::Limits`].
        limit: &'static str,
        /// What it allows.
        allowed: u64,
        /// What was asked for.
        wanted: String,
    },
    /// A time in an argument, or one of the request.
    #[error(transparent)]
    Time(#[from] TimeError),
    /// Whoever asked waits no longer.
    #[error("it was stopped before it was answered")]
    Stopped,
    /// The store failed or refused.
    #[error("reading `{name}` failed")]
    Source {
        /// The name or pattern that was asked for.
        name: String,
        /// Why.
        source: SourceError,
    },
}

/// Why a [`crate::Source`] did not answer.
#[derive(Debug, ThisError)]
pub enum SourceError {
    /// The pattern or name is not one the store accepts: the asker's mistake.
    #[error("{0}")]
    Refused(String),
    /// The asker may not.
    #[error("{0}")]
    Forbidden(String),
    /// The store could not read: not the asker's mistake.
    #[error(transparent)]
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

fn hint(nearest: &Option<&'static str>) -> String {
    nearest.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

/// A fault and its place. `Display` is one line.
#[derive(Debug)]
pub struct Error {
    /// What is wrong.
    pub fault: Fault,
    /// Where; absent when it is no single target's doing. Boxed, so that a `Result` stays small.
    pub place: Option<Box<Place>>,
}

impl Error {
    /// Whether the query is at fault (an HTTP 400) rather than the store (a 500).
    pub fn is_client_error(&self) -> bool {
        !matches!(
            self.fault,
            Fault::Stopped | Fault::Source { source: SourceError::Failed(_) | SourceError::Forbidden(_), .. }
        )
    }

    /// Whether the asker may not have the answer (an HTTP 403).
    pub fn is_forbidden(&self) -> bool {
        matches!(self.fault, Fault::Source { source: SourceError::Forbidden(_), .. })
    }

    /// Whether [`crate::Stop`] was said before the answer was there.
    pub fn is_stopped(&self) -> bool {
        matches!(self.fault, Fault::Stopped)
    }

    /// The limit that the query goes beyond.
    pub fn limit(&self) -> Option<&'static str> {
        if let Fault::Limit { limit, .. } = self.fault { Some(limit) } else { None }
    }

    /// Two lines: the target and a mark under the place. A long target is shown around the place only.
    pub fn caret(&self) -> Option<String> {
        self.place.as_deref().map(|place| underline(&place.text, place.span))
    }
}

/// The text and a second line of `^` under the span, both cut to what a terminal shows.
pub(crate) fn underline(text: &str, span: Span) -> String {
    const AROUND: usize = 60;
    let before = text.get(..span.offset).unwrap_or(text).chars().count();
    let marked = text.get(span.offset..span.end()).unwrap_or("").chars().count().clamp(1, AROUND);
    let skipped = before.saturating_sub(AROUND);
    let shown = text.chars().skip(skipped).take(before - skipped + marked + AROUND);
    let shown: String = shown.map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("{shown}\n{}{}", " ".repeat(before - skipped), "^".repeat(marked))
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)?;
        match self.place.as_deref() {
            Some(place) => write!(f, " (target {}, byte {})", place.target + 1, place.span.offset),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.fault.source()
    }
}

/// A fault and the bytes of the target in hand; [`Error`] once it is known which target that was.
#[derive(Debug)]
pub(crate) struct Misfit {
    pub fault: Fault,
    pub span: Span,
}

impl Misfit {
    pub fn new(fault: Fault, span: Span) -> Misfit {
        Misfit { fault, span }
    }

    pub fn of_target(self, target: usize, text: &str) -> Error {
        Error { fault: self.fault, place: Some(Box::new(Place { target, text: text.into(), span: self.span })) }
    }
}
