//! What can go wrong when the agent starts. Afterwards nothing does: the hot path counts.

use std::io;
use std::path::PathBuf;

/// Why the agent did not start. The cause is chained, not printed here.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address could not be listened on.
    #[error("listen for {what} on {address}")]
    Listen {
        /// What it is for: `statsd over udp`, `the console`, …
        what: &'static str,
        /// The address or the path.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// A Unix socket's path.
    #[error("listen for statsd on {path}")]
    ListenUnix {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A thread, or the pipe that wakes it.
    #[error("start the thread {name}")]
    Thread {
        /// The thread's name.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// An interval that no schedule can keep.
    #[error("a flush interval of {interval_ms} ms: it must be at least {least_ms} ms")]
    Interval {
        /// As configured.
        interval_ms: u64,
        /// What would do.
        least_ms: u64,
    },
    /// Carbon lines have nowhere to go.
    #[error("carbon lines are to be received, but there is no store to keep them")]
    NoStore,
}
