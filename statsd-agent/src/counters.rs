//! What the agent counts about itself. Everything heard is either applied or rejected for a named reason, so that
//! `samples = applied + rejected` holds at any moment at which the receivers stand still.

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
}

impl Reject {
    /// Every reason, in the order of the counters.
    pub const ALL: [Reject; 12] = [
        Reject::MissingType,
        Reject::BadRate,
        Reject::BadValue,
        Reject::NotFinite,
        Reject::NegativeTimer,
        Reject::EmptyName,
        Reject::NameTooLong,
        Reject::LineTooLong,
        Reject::NamesFull,
        Reject::TimersFull,
        Reject::MembersFull,
        Reject::ChangesFull,
    ];

    /// The reason as it appears in series names and reports.
    pub fn name(self) -> &'static str {
        match self {
            Reject::MissingType => "missing_type",
            Reject::BadRate => "bad_rate",
            Reject::BadValue => "bad_value",
            Reject::NotFinite => "not_finite",
            Reject::NegativeTimer => "negative_timer",
            Reject::EmptyName => "empty_name",
            Reject::NameTooLong => "name_too_long",
            Reject::LineTooLong => "line_too_long",
            Reject::NamesFull => "names_full",
            Reject::TimersFull => "timers_full",
            Reject::MembersFull => "members_full",
            Reject::ChangesFull => "changes_full",
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
    /// What the carbon line receivers count.
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

/// What the carbon line receivers count: `lines = points + nan + bad + refused`.
#[derive(Debug, Default)]
pub struct CarbonIn {
    /// Lines that are not empty.
    pub lines: Count,
    /// Points handed to the store.
    pub points: Count,
    /// Lines whose value is NaN, skipped.
    pub nan: Count,
    /// Lines that are not `name value timestamp`.
    pub bad: Count,
    /// Lines whose name the store refused.
    pub refused: Count,
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
