//! What the agent tells whoever prints: the agent itself has neither a clock's calendar nor a terminal. Each teller has a
//! bounded way here; what does not fit is dropped and counted, and receiving never waits for a reader.

use crossbeam_channel::{Receiver, Sender, bounded};

/// Something to print.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// Lines as they were heard, each ended by a newline (statsd's `dumpMessages`).
    Lines(Vec<u8>),
    /// The most frequent names of an interval and how often each came (statsd's `keyFlush`).
    Keys(Vec<(String, u64)>),
    /// A flush, as statsd's console backend prints it below its date.
    Flushed {
        /// The date.
        at_secs: i64,
        /// The object.
        text: String,
    },
    /// A flush was done; so many series (statsd's `numStats`).
    Counted(u64),
    /// Graphite took no flush, for this reason.
    Unsent(String),
}

/// Where things to print go.
pub type Teller = Sender<Told>;

/// What may wait to be printed.
const WAITING: usize = 16;

/// A way from an agent to whoever prints.
pub fn channel() -> (Teller, Receiver<Told>) {
    bounded(WAITING)
}
