//! What the agent counts about itself. Everything heard is either applied or rejected for a named reason, so that
//! `samples = applied + rejected` holds at any moment at which the receivers stand still.

use crate::wire::notice::Alert;
use std::sync::atomic::{AtomicU64, Ordering};

/// Why a sample was not tallied. The first group are bad lines to statsd (`bad_lines_seen`), the second are bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// No `|type` after the value.
    MissingType,
    /// The rate is not `@` and a positive finite number.
    BadRate,
    /// Not a number.
    BadValue,
    /// Infinite.
    NotFinite,
    /// A timer below zero.
    NegativeTimer,
    /// A type that no client is known to mean.
    UnknownType,
    /// A second of the sender's own that is none.
    BadTimestamp,
    /// An event whose lengths are not those that it states.
    BadEvent,
    /// A service check without a name and a status.
    BadCheck,
    /// Nothing is left of the name.
    EmptyName,
    /// The name (with tags) is longer than the setting.
    NameTooLong,
    /// The line of a stream is longer than the setting.
    LineTooLong,
    /// A new name, and the names or their bytes are at their bound.
    NamesFull,
    /// A timer, and the interval's samples are at their bound.
    TimersFull,
    /// A new set member, and the interval's members are at their bound.
    MembersFull,
    /// A gauge change, and the interval's changes are at their bound.
    ChangesFull,
    /// A value with a second of its own, and the interval's are at their bound.
    DatedFull,
}

impl Reject {
    /// Every reason, in the order of the counters.
    pub const ALL: [Reject; 17] = [
        Reject::MissingType,
        Reject::BadRate,
        Reject::BadValue,
        Reject::NotFinite,
        Reject::NegativeTimer,
        Reject::UnknownType,
        Reject::BadTimestamp,
        Reject::BadEvent,
        Reject::BadCheck,
        Reject::EmptyName,
        Reject::NameTooLong,
        Reject::LineTooLong,
        Reject::NamesFull,
        Reject::TimersFull,
        Reject::MembersFull,
        Reject::ChangesFull,
        Reject::DatedFull,
    ];

    /// The reason as it appears in series names and reports.
    pub fn name(self) -> &'static str {
        match self {
            Reject::MissingType => "missing_type",
            Reject::BadRate => "bad_rate",
            Reject::BadValue => "bad_value",
            Reject::NotFinite => "not_finite",
            Reject::NegativeTimer => "negative_timer",
            Reject::UnknownType => "unknown_type",
            Reject::BadTimestamp => "bad_timestamp",
            Reject::BadEvent => "bad_event",
            Reject::BadCheck => "bad_check",
            Reject::EmptyName => "empty_name",
            Reject::NameTooLong => "name_too_long",
            Reject::LineTooLong => "line_too_long",
            Reject::NamesFull => "names_full",
            Reject::TimersFull => "timers_full",
            Reject::MembersFull => "members_full",
            Reject::ChangesFull => "changes_full",
            Reject::DatedFull => "dated_full",
        }
    }

    /// Whether statsd's `bad_lines_seen` counts it: the sender's fault, not a bound of ours.
    pub fn is_bad_line(self) -> bool {
        (self as usize) < Reject::NamesFull as usize
    }
}

impl From<crate::wire::ParseError> for Reject {
    fn from(error: crate::wire::ParseError) -> Reject {
        use crate::wire::ParseError;
        match error {
            ParseError::MissingType => Reject::MissingType,
            ParseError::BadRate => Reject::BadRate,
            ParseError::BadValue => Reject::BadValue,
            ParseError::NotFinite => Reject::NotFinite,
            ParseError::NegativeTimer => Reject::NegativeTimer,
            ParseError::UnknownType => Reject::UnknownType,
            ParseError::BadTimestamp => Reject::BadTimestamp,
            ParseError::BadEvent => Reject::BadEvent,
            ParseError::BadCheck => Reject::BadCheck,
        }
    }
}

/// What one receiver heard; plain numbers, because one thread owns them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Datagrams, or blocks of whole lines from a stream.
    pub datagrams: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Lines that are not empty.
    pub lines: u64,
    /// Value parts of those lines: each is applied or rejected.
    pub samples: u64,
    /// Samples that were tallied.
    pub applied: u64,
    /// Samples that were not, by [`Reject`].
    pub rejected: [u64; Reject::ALL.len()],
    /// Applied samples that name a second of their own.
    pub dated: u64,
    /// Events, by [`Alert`]; each is an applied sample.
    pub events: [u64; Alert::ALL.len()],
}

impl Heard {
    /// Notes a sample that was refused.
    pub fn reject(&mut self, reason: Reject) {
        self.rejected[reason as usize] += 1;
    }

    /// The rejections that statsd calls bad lines.
    pub fn bad_lines(&self) -> u64 {
        Reject::ALL.iter().filter(|reason| reason.is_bad_line()).map(|&reason| self.rejected[reason as usize]).sum()
    }

    /// Adds another receiver's numbers.
    pub fn add(&mut self, other: &Heard) {
        self.datagrams += other.datagrams;
        self.bytes += other.bytes;
        self.lines += other.lines;
        self.samples += other.samples;
        self.applied += other.applied;
        for (mine, theirs) in self.rejected.iter_mut().zip(&other.rejected) {
            *mine += theirs;
        }
        self.dated += other.dated;
        for (mine, theirs) in self.events.iter_mut().zip(&other.events) {
            *mine += theirs;
        }
    }
}

/// A count that threads share. Relaxed everywhere: each is a number of its own, nothing is ordered by it.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds `n`; free when `n` is zero, so that idle reasons cost no shared cache line.
    pub fn add(&self, n: u64) {
        if n > 0 {
            self.0.fetch_add(n, Ordering::Relaxed);
        }
    }

    /// The count so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Replaces a measure that is not a sum, such as the time of the last flush.
    pub fn set(&self, n: u64) {
        self.0.store(n, Ordering::Relaxed);
    }
}

/// The agent's totals since its start. Receivers add to them after every batch.
#[derive(Debug, Default)]
pub struct Counters {
    /// Datagrams read from UDP sockets, and blocks of lines from StatsD streams.
    pub datagrams: Count,
    /// Bytes in them.
    pub bytes: Count,
    /// Lines that are not empty.
    pub lines: Count,
    /// Value parts read.
    pub samples: Count,
    /// Value parts tallied.
    pub applied: Count,
    /// Value parts refused, by [`Reject`].
    pub rejected: [Count; Reject::ALL.len()],
    /// Value parts that name a second of their own; they are points past the tallies.
    pub dated: Count,
    /// Events, by [`Alert`].
    pub events: [Count; Alert::ALL.len()],
    /// Second in which the last batch came; zero before the first.
    pub heard_at_secs: Count,
    /// Datagrams longer than the receive buffer; their readable part was not used.
    pub datagrams_truncated: Count,
    /// Datagrams that the kernel dropped because a socket's buffer was full (SO_RXQ_OVFL).
    pub datagrams_dropped: Count,
    /// Errors of receive calls other than "nothing there".
    pub receive_errors: Count,
    /// Stream connections accepted, all servers together.
    pub connections: Count,
    /// Stream connections closed to make room for a newcomer, because they had been silent longest.
    pub connections_silent: Count,
    /// Stream connections closed at once because as many as allowed were open, none of them silent.
    pub connections_refused: Count,
    /// Stream connections closed because nothing came for the idle time.
    pub connections_idle: Count,
    /// Stream connections that ended with an error (a reset); their unfinished line is not applied.
    pub connections_failed: Count,
    /// Datagrams (or blocks of lines) that a repeater, the log of messages or the count of names had no room for.
    pub echo_dropped: Count,
    /// Datagrams repeated to other servers.
    pub repeated: Count,
    /// Datagrams that could not be repeated: the target refused them or was away at the stop.
    pub repeat_dropped: Count,
    /// Lines whose name the count of names had no room for.
    pub keys_refused: Count,
    /// Things to print that nobody printed in time.
    pub told_dropped: Count,
    /// Flushes done.
    pub flushes: Count,
    /// Flush edges that passed while a flush was still at work.
    pub flushes_skipped: Count,
    /// Points handed to the store or written to carbon's text.
    pub points: Count,
    /// Results that are not finite numbers: left out (NaN) or held at the largest number (infinity).
    pub points_not_finite: Count,
    /// Points whose name the store refused.
    pub points_refused: Count,
    /// Idle series given up because the names were at their bound.
    pub series_evicted: Count,
    /// Series in the book now.
    pub series: Count,
    /// Milliseconds that the last flush took, without the network.
    pub flush_ms: Count,
    /// Second of the last flush.
    pub flushed_at_secs: Count,
    /// What the sender to carbon counts.
    pub carbon_out: CarbonOut,
    /// What the carbon receivers count.
    pub carbon_in: CarbonIn,
}

/// What the sender to carbon counts.
#[derive(Debug, Default)]
pub struct CarbonOut {
    /// Flushes sent whole.
    pub sent: Count,
    /// Attempts that failed; what they carried stays in the spool.
    pub failures: Count,
    /// Flushes dropped from the spool because it was full.
    pub spool_dropped: Count,
    /// Bytes in the spool now.
    pub spool_bytes: Count,
    /// Second of the last success.
    pub last_flush_secs: Count,
    /// Second of the last failure.
    pub last_exception_secs: Count,
    /// Milliseconds the last sending took.
    pub flush_ms: Count,
    /// Bytes of the last flush.
    pub flush_bytes: Count,
}

/// What the carbon receivers count: `lines = points + nan + bad + refused`.
#[derive(Debug, Default)]
pub struct CarbonIn {
    /// Lines that are not empty, and pickled points.
    pub lines: Count,
    /// Points handed to the store.
    pub points: Count,
    /// Lines whose value is NaN, skipped.
    pub nan: Count,
    /// Lines that are not `name value timestamp`.
    pub bad: Count,
    /// Lines whose name the store refused.
    pub refused: Count,
    /// Pickles, each a list of points.
    pub pickles: Count,
    /// Pickles refused whole, by [`PickleReject`].
    pub pickles_rejected: [Count; PickleReject::ALL.len()],
}

/// Why a pickle was refused whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PickleReject {
    /// It would look up, call or build something that is no point.
    Forbidden,
    /// It is no pickle.
    Malformed,
    /// It makes more values than any list of points of its length.
    TooMany,
    /// It is not a list.
    NotAList,
    /// It is longer than the setting; the connection is closed.
    TooLong,
    /// The connection ended inside it.
    Cut,
}

impl PickleReject {
    /// Every reason, in the order of the counters.
    pub const ALL: [PickleReject; 6] = [
        PickleReject::Forbidden,
        PickleReject::Malformed,
        PickleReject::TooMany,
        PickleReject::NotAList,
        PickleReject::TooLong,
        PickleReject::Cut,
    ];

    /// The reason as it appears in series names.
    pub fn name(self) -> &'static str {
        match self {
            PickleReject::Forbidden => "forbidden",
            PickleReject::Malformed => "malformed",
            PickleReject::TooMany => "too_many",
            PickleReject::NotAList => "not_a_list",
            PickleReject::TooLong => "too_long",
            PickleReject::Cut => "cut",
        }
    }
}

impl From<crate::wire::pickle::PickleError> for PickleReject {
    fn from(error: crate::wire::pickle::PickleError) -> PickleReject {
        use crate::wire::pickle::PickleError;
        match error {
            PickleError::Forbidden => PickleReject::Forbidden,
            PickleError::Malformed => PickleReject::Malformed,
            PickleError::TooMany => PickleReject::TooMany,
            PickleError::NotAList => PickleReject::NotAList,
        }
    }
}

impl CarbonIn {
    /// The pickles refused for one reason.
    pub fn pickles_rejected(&self, reason: PickleReject) -> u64 {
        self.pickles_rejected[reason as usize].get()
    }
}

impl Counters {
    /// Adds what a receiver heard since it last told.
    pub fn publish(&self, now: &Heard, before: &Heard) {
        self.datagrams.add(now.datagrams - before.datagrams);
        self.bytes.add(now.bytes - before.bytes);
        self.lines.add(now.lines - before.lines);
        self.samples.add(now.samples - before.samples);
        self.applied.add(now.applied - before.applied);
        for (total, (now, before)) in self.rejected.iter().zip(now.rejected.iter().zip(&before.rejected)) {
            total.add(now - before);
        }
        self.dated.add(now.dated - before.dated);
        for (total, (now, before)) in self.events.iter().zip(now.events.iter().zip(&before.events)) {
            total.add(now - before);
        }
    }

    /// The samples refused for one reason.
    pub fn rejected(&self, reason: Reject) -> u64 {
        self.rejected[reason as usize].get()
    }

    /// The samples refused, all reasons together.
    pub fn rejected_total(&self) -> u64 {
        self.rejected.iter().map(Count::get).sum()
    }
}
