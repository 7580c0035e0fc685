//! Time as the store sees it: seconds, steps and windows. Nothing here reads a clock; `now` always comes from outside.

use std::num::NonZeroU32;
use std::ops::{Add, Sub};

/// Seconds since the Unix epoch. Signed, so that a window may reach before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The start of the step that this moment falls into; rounded towards the past, also before the epoch.
    pub fn floor(self, step: Step) -> Timestamp {
        Timestamp(self.0 - self.0.rem_euclid(i64::from(step.secs())))
    }
}

impl Add<i64> for Timestamp {
    type Output = Timestamp;
    fn add(self, secs: i64) -> Timestamp {
        Timestamp(self.0.saturating_add(secs))
    }
}

impl Sub<i64> for Timestamp {
    type Output = Timestamp;
    fn sub(self, secs: i64) -> Timestamp {
        Timestamp(self.0.saturating_sub(secs))
    }
}

/// The difference of two moments, in seconds.
impl Sub for Timestamp {
    type Output = i64;
    fn sub(self, earlier: Timestamp) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Seconds from one point to the next; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Step(NonZeroU32);

impl Step {
    /// The finest step there is.
    pub const SECOND: Step = Step(NonZeroU32::MIN);

    /// `None` for zero.
    pub fn new(secs: u32) -> Option<Step> {
        NonZeroU32::new(secs).map(Step)
    }

    /// The step in seconds, at least 1.
    pub fn secs(self) -> u32 {
        self.0.get()
    }
}

/// A range of time as Graphite asks for it: `from` is exclusive, `until` inclusive, both still unaligned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Points after this moment.
    pub from: Timestamp,
    /// Points up to and at this moment.
    pub until: Timestamp,
}
