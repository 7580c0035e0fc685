//! The scale of a [`super::DdSketch`]: which bin a value falls into and which value stands for a bin. The edges are the powers
//! of gamma = (1 + a) / (1 - a), as in Datadog's libraries, so that bins can be exchanged with theirs.
//!
//! Bin `k` holds gamma^k <= v < gamma^(k+1); what stands for it is within `a` of everything in it, relatively.

use std::fmt;

/// The relative error of a sketch's quantiles, in millionths, so that equal accuracies are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Accuracy(u32);

impl Accuracy {
    /// One per cent.
    pub const DEFAULT: Accuracy = Accuracy(10_000);
    /// Finer ones need more bins than anybody keeps.
    const MIN: u32 = 100;
    /// Coarser ones answer nothing.
    const MAX: u32 = 200_000;

    /// From millionths; `None` outside 0.0001 to 0.2.
    pub fn from_millionths(millionths: u32) -> Option<Accuracy> {
        (Accuracy::MIN..=Accuracy::MAX).contains(&millionths).then_some(Accuracy(millionths))
    }

    /// From a ratio, rounded to millionths; `None` outside 0.0001 to 0.2.
    pub fn from_ratio(ratio: f64) -> Option<Accuracy> {
        // NaN and what is too large become numbers that are refused.
        Accuracy::from_millionths((ratio * 1e6).round() as u32)
    }

    /// As a ratio.
    pub fn ratio(self) -> f64 {
        f64::from(self.0) / 1e6
    }

    /// In millionths.
    pub fn millionths(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Accuracy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.ratio())
    }
}

/// An accuracy's edges, as the factors that a value is mapped with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    bins_per_e: f64,
    ln_gamma: f64,
    /// What stands for a bin, as a multiple of its lower edge.
    middle: f64,
}

impl Scale {
    pub fn new(accuracy: Accuracy) -> Scale {
        let ratio = accuracy.ratio();
        let gamma = (1.0 + ratio) / (1.0 - ratio);
        let ln_gamma = gamma.ln();
        Scale { bins_per_e: 1.0 / ln_gamma, ln_gamma, middle: 2.0 * gamma / (1.0 + gamma) }
    }

    /// The bin of a normal, positive value.
    #[inline]
    pub fn key(&self, value: f64) -> i32 {
        let exact = value.ln() * self.bins_per_e;
        let towards_zero = exact as i32;
        // Rounded down without a call to floor, which the oldest x86-64 has no instruction for.
        towards_zero - i32::from(exact < f64::from(towards_zero))
    }

    /// The value that stands for a bin.
    #[inline]
    pub fn value(&self, key: i32) -> f64 {
        (f64::from(key) * self.ln_gamma).exp() * self.middle
    }

    /// The bins that doubles can fall into, and a few around.
    pub fn keys(&self) -> std::ops::RangeInclusive<i32> {
        self.key(f64::MIN_POSITIVE) - 1..=self.key(f64::MAX) + 1
    }
}
