//! Bytes to samples: the first step after the sockets. Pure, in place, without allocation; every bad part has a reason.
//!
//! The grammar and each departure from statsd are written down in `docs/wire.md`.

pub mod carbon;
pub mod groups;
pub mod line;
pub mod notice;
pub mod number;
pub mod pickle;
pub mod syslog;

pub use line::{Line, simple};
pub use notice::Notice;

/// What lines may say. Every line in one of the usual shapes means the same in both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// statsd's lines to the letter.
    #[default]
    Statsd,
    /// Also DogStatsD's up to 1.6, tags inside names as Graphite, Influx, Librato and SignalFx write them, syslog headers.
    All,
}

/// The four kinds of series that statsd keeps apart, even under one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Summed over the interval.
    Counter,
    /// Every value is kept until the flush, for percentiles.
    Timer,
    /// The last value stays.
    Gauge,
    /// Distinct members of the interval.
    Set,
}

impl Kind {
    /// All kinds in the order in which a flush prints them.
    pub const ALL: [Kind; 4] = [Kind::Counter, Kind::Timer, Kind::Gauge, Kind::Set];
}

/// One value of one line, checked: every number in it is finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Sample<'a> {
    /// The value, already multiplied by the reciprocal of the sample rate.
    Count(f64),
    /// A timing and the number of events that it stands for; the value itself is never weighted.
    Time {
        /// The value as sent.
        value: f64,
        /// The reciprocal of the sample rate.
        weight: f64,
    },
    /// A gauge's new value.
    Set(f64),
    /// A gauge's change, sent with a sign.
    Change(f64),
    /// A member of a set, as sent.
    Member(&'a [u8]),
    /// A count of a second that its sender names; it is never added to another.
    CountAt {
        /// The value, already multiplied by the reciprocal of the sample rate.
        value: f64,
        /// Seconds since the epoch.
        at_secs: u32,
    },
    /// A gauge's value in a second that its sender names.
    SetAt {
        /// The value; its sign is a sign.
        value: f64,
        /// Seconds since the epoch.
        at_secs: u32,
    },
}

impl Sample<'_> {
    /// The kind of series that the sample belongs to.
    #[inline]
    pub fn kind(&self) -> Kind {
        match self {
            Sample::Count(_) | Sample::CountAt { .. } => Kind::Counter,
            Sample::Time { .. } => Kind::Timer,
            Sample::Set(_) | Sample::Change(_) | Sample::SetAt { .. } => Kind::Gauge,
            Sample::Member(_) => Kind::Set,
        }
    }
}

/// Why one value part of a line is a bad line. Counted, never logged: a flood of bad lines must not become a flood of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseError {
    /// No `|type` follows the value (also: no `:` in the line).
    MissingType,
    /// The third field is not `@` and a positive finite number.
    BadRate,
    /// The value is not a number, and the type is not a set.
    BadValue,
    /// The value is a number without a finite value (`Infinity`, `1e999`).
    NotFinite,
    /// A timer below zero.
    NegativeTimer,
    /// A type that no client is known to mean.
    UnknownType,
    /// `T` without a second of the epoch above zero.
    BadTimestamp,
    /// `_e{` without a title and a text of the lengths that it states.
    BadEvent,
    /// `_sc|` without a name and a status from 0 to 3.
    BadCheck,
}
