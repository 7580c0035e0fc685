//! What can go wrong in the store, at its boundary. Each error says what was being done and to which file; the source is
//! chained, so that whoever handles it prints the chain. Points that are merely not wanted are counted, not errors.

use crate::name::NameError;
use crate::retention::RetentionError;
use crate::time::Step;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Everything a method of the store or of [`crate::whisper`] can answer instead of a result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused to open, read, write or list.
    #[error("{doing} {}", .path.display())]
    Io {
        /// What was being done, as a verb: "open", "read", "write".
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The file is not a whole whisper file. Nothing was changed in it.
    #[error("{} is corrupt: {why}", .path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The file of events failed.
    #[error("the events in {}", .path.display())]
    Events {
        /// The file.
        path: PathBuf,
        /// What its database says.
        source: Box<redb::Error>,
    },
    /// An event that is longer than there is room.
    #[error("an event of {bytes} bytes is longer than all events may be together ({limit})")]
    EventTooLong {
        /// Of its texts and tags.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The file is whole, but in go-whisper's compressed format, which is read and never written.
    #[error("{} is in go-whisper's compressed format, which is read but not written", .0.display())]
    Compressed(PathBuf),
    /// A file that should be made is there already.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// A retention that no file can hold.
    #[error("retention")]
    Retention(#[from] RetentionError),
    /// An x-files factor outside 0 to 1.
    #[error("x-files factor {0} is not between 0 and 1")]
    XFilesFactor(f64),
    /// The name of an aggregation method that whisper does not know.
    #[error("unknown aggregation method {0:?}")]
    UnknownRollup(String),
    /// A point in the future, or older than all that the file keeps.
    #[error("{at} is not covered by {}: it keeps {} s before {now}", .path.display(), .kept.as_secs())]
    NotCovered {
        /// The file.
        path: PathBuf,
        /// The point's time, in epoch seconds.
        at: i64,
        /// The time of the update.
        now: i64,
        /// How far back the file reaches.
        kept: Duration,
    },
    /// A window that ends before it begins.
    #[error("the window from {from} until {until} ends before it begins")]
    BadWindow {
        /// Its start, in epoch seconds.
        from: i64,
        /// Its end.
        until: i64,
    },
    /// The file has no archive of the step that was asked for.
    #[error("{} has no archive of {} s", .path.display(), .step.secs())]
    NoArchive {
        /// The file.
        path: PathBuf,
        /// The step.
        step: Step,
    },
    /// Two files that should have the same archives do not.
    #[error("{} and {} have different archives; resize one of them first", .left.display(), .right.display())]
    Unalike {
        /// The first file.
        left: PathBuf,
        /// The other.
        right: PathBuf,
    },
    /// A series that is there in other archives than it comes in.
    #[error("series {0:?} is there already, in other archives")]
    OtherArchives(String),
    /// A series name that cannot become a path below the store's folder.
    #[error("series name {name:?} is refused: {reason}")]
    Name {
        /// The name, shortened.
        name: String,
        /// Why.
        reason: NameError,
    },
    /// The store knows as many series as it may (`StoreLimits::series`).
    #[error("the store knows {limit} series already, which is its limit")]
    SeriesLimit {
        /// The limit.
        limit: u32,
    },
    /// The braces of a pattern stand for more patterns than are allowed (`StoreLimits::expansions`).
    #[error("the braces of {pattern:?} stand for more than {limit} patterns")]
    TooManyExpansions {
        /// The pattern, shortened.
        pattern: String,
        /// The limit.
        limit: usize,
    },
    /// A pattern matches more nodes than may be answered (`StoreLimits::nodes`).
    #[error("{pattern:?} matches more than {limit} nodes")]
    TooManyNodes {
        /// The pattern, shortened.
        pattern: String,
        /// The limit.
        limit: usize,
    },
    /// Tag expressions that cannot be answered.
    #[error("{why}")]
    TagExpression {
        /// Why, in graphite-web's words where it has some.
        why: String,
    },
    /// A rules file that cannot be obeyed as it stands.
    #[error("{}:{line}: {why}", .path.display())]
    Rules {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong, naming section and key.
        why: String,
    },
    /// Another process writes to this folder.
    #[error("{} is in use by another writer", .0.display())]
    Locked(PathBuf),
    /// The store was opened for reading only.
    #[error("the store is open for reading only")]
    ReadOnly,
}

impl Error {
    /// An [`Error::Io`] for `map_err`.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Io { doing, path: path.to_owned(), source }
    }

    /// An [`Error::Corrupt`].
    pub(crate) fn corrupt(path: &Path, why: impl Into<String>) -> Error {
        Error::Corrupt { path: path.to_owned(), why: why.into() }
    }

    /// Whether the file or folder is simply not there.
    pub fn is_absent(&self) -> bool {
        matches!(self, Error::Io { source, .. }
            if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory))
    }

    /// Whether the disk, or the quota on it, is full.
    pub fn is_full(&self) -> bool {
        matches!(self, Error::Io { source, .. }
            if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    }

    /// The error and its sources in one line, for a status page or a log.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        text
    }
}
