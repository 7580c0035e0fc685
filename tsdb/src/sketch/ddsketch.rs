//! DdSketch: counts of values in bins whose edges grow by a constant factor, so that any quantile is known within a relative
//! error (Masson, Rim and Lee: DDSketch, VLDB 2019). Beside the bins it keeps what is exact: samples, weight, sum, sum of
//! squares, minimum and maximum.
//!
//! Weights: a sample sent at a rate weighs 1/rate. As statsd has it, the weights make the `count`; sum, mean, extremes and
//! ranks are those of the samples that came. Bins hold weights, so that samples of different rates merge in proportion;
//! where all weigh alike, ranks are exactly those of the samples. Bins count in whole 65,536ths, so that merging is exact.

use super::bins::Bins;
use super::scale::Scale;
use super::{Accuracy, BinLimit, Unmergeable};

/// What a sample of weight one adds to its bin.
pub(super) const UNITS: u64 = 1 << 16;

/// 120 bytes, and 8 for each bin between the lowest and the highest value of a sign: 4 KiB from 1 ms to 10 s at one per cent.
#[derive(Clone, Debug, PartialEq)]
pub struct DdSketch {
    pub(super) accuracy: Accuracy,
    pub(super) limit: BinLimit,
    scale: Scale,
    pub(super) positive: Bins,
    /// By the keys of the values without their sign.
    pub(super) negative: Bins,
    pub(super) zero: u64,
    pub(super) exact: Exact,
}

/// What is kept beside the bins. Sums stay at the largest double rather than overflow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Exact {
    pub samples: u64,
    pub weight: f64,
    pub sum: f64,
    pub squares: f64,
    pub min: f64,
    pub max: f64,
}

impl Exact {
    const NONE: Exact =
        Exact { samples: 0, weight: 0.0, sum: 0.0, squares: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY };

    /// Takes in what another keeps; a single value is an `Exact` of itself.
    #[inline]
    fn add(&mut self, other: &Exact) {
        self.samples = self.samples.saturating_add(other.samples);
        self.weight = (self.weight + other.weight).min(f64::MAX);
        self.sum = (self.sum + other.sum).clamp(f64::MIN, f64::MAX);
        self.squares = (self.squares + other.squares).min(f64::MAX);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}

/// Where a bin stands.
#[derive(Clone, Copy)]
enum Place {
    Negative(i32),
    Zero,
    Positive(i32),
}

/// What the lowest or the highest of the values add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sums {
    pub sum: f64,
    pub squares: f64,
}

impl DdSketch {
    /// An empty sketch.
    pub fn new(accuracy: Accuracy, limit: BinLimit) -> DdSketch {
        DdSketch {
            accuracy,
            limit,
            scale: Scale::new(accuracy),
            positive: Bins::default(),
            negative: Bins::default(),
            zero: 0,
            exact: Exact::NONE,
        }
    }

    /// Makes room for values between these two at once.
    pub fn expect(&mut self, least: f64, greatest: f64) {
        let limit = usize::from(self.limit.bins());
        let is_normal = |value: f64| value.is_finite() && value >= f64::MIN_POSITIVE;
        if is_normal(greatest) {
            let least = if is_normal(least) { least } else { greatest };
            self.positive.expect(self.scale.key(least), self.scale.key(greatest.max(least)), limit);
        }
    }

    /// Adds a sample; false when it is none: the value must be finite, the weight finite and positive. No allocation unless
    /// the value lies outside all that came before. A weight counts in the bins to a 65,536th.
    #[inline]
    pub fn insert(&mut self, value: f64, weight: f64) -> bool {
        if !(value.is_finite() && weight > 0.0 && weight.is_finite()) {
            return false;
        }
        let squares = value * value;
        self.exact.add(&Exact { samples: 1, weight, sum: value, squares, min: value, max: value });
        let units = ((weight * UNITS as f64 + 0.5) as u64).max(1);
        let limit = usize::from(self.limit.bins());
        // Subnormal values have fewer bits than the bins need, and count as zero.
        if value >= f64::MIN_POSITIVE {
            self.positive.add(self.scale.key(value), units, limit);
        } else if value <= -f64::MIN_POSITIVE {
            self.negative.add(self.scale.key(-value), units, limit);
        } else {
            self.zero = self.zero.saturating_add(units);
        }
        true
    }

    /// Adds all that the other has seen, as if it had been inserted here.
    ///
    /// # Errors
    /// When the accuracies differ; nothing is changed then. Of two limits of bins ours stays.
    pub fn merge(&mut self, other: &DdSketch) -> Result<(), Unmergeable> {
        if self.accuracy != other.accuracy {
            return Err(Unmergeable::Accuracy { ours: self.accuracy, theirs: other.accuracy });
        }
        let limit = usize::from(self.limit.bins());
        self.exact.add(&other.exact);
        self.positive.merge(&other.positive, limit);
        self.negative.merge(&other.negative, limit);
        self.zero = self.zero.saturating_add(other.zero);
        Ok(())
    }

    /// Adds all that the other has seen, of whatever accuracy: each of its bins goes where the value that stands for it falls.
    /// Quantiles are then within the sum of both accuracies, and what else is exact stays so.
    pub fn merge_coarsely(&mut self, other: &DdSketch) {
        if self.merge(other).is_ok() {
            return;
        }
        let limit = usize::from(self.limit.bins());
        self.exact.add(&other.exact);
        for (place, units) in other.ascending() {
            match place {
                Place::Negative(key) => self.negative.add(self.scale.key(other.scale.value(key)), units, limit),
                Place::Zero => self.zero = self.zero.saturating_add(units),
                Place::Positive(key) => self.positive.add(self.scale.key(other.scale.value(key)), units, limit),
            }
        }
    }

    /// Empties the sketch and keeps its room, for the next interval.
    pub fn clear(&mut self) {
        self.positive.clear();
        self.negative.clear();
        self.zero = 0;
        self.exact = Exact::NONE;
    }

    /// The value at a quantile from 0 to 1: that of the sample at place `q (n - 1)`, rounded down, from 0 in ascending order,
    /// within the accuracy. `None` when there is no sample, or no such quantile.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        if !(0.0..=1.0).contains(&q) {
            return None;
        }
        let last = self.exact.samples.checked_sub(1)?;
        self.nth((q * last as f64) as u64)
    }

    /// The value of the sample at a place from 0 in ascending order, within the accuracy; the first and the last are exact.
    pub(super) fn nth(&self, place: u64) -> Option<f64> {
        let last = self.exact.samples.checked_sub(1)?;
        if place == 0 || place >= last {
            return Some(if place == 0 { self.exact.min } else { self.exact.max });
        }
        let (all, mut sum) = (self.units(), 0);
        let before = self.units_of(place, all);
        let mut passes = |units: u64, bound: u128| {
            sum += u128::from(units);
            sum > bound
        };
        // From the nearer end: the high quantiles, which are asked for most, have few bins above them.
        let bin = match place > last / 2 {
            true => self.ascending().rev().find(|&(_, units)| passes(units, (all - before).saturating_sub(1))),
            false => self.ascending().find(|&(_, units)| passes(units, before)),
        };
        bin.map(|(place, _)| self.value(place))
    }

    /// Sums over the lowest samples: each bin counts as so many times the value that stands for it.
    pub(super) fn lowest(&self, samples: u64) -> Sums {
        self.sums(samples, self.ascending())
    }

    /// Sums over the highest samples.
    pub(super) fn highest(&self, samples: u64) -> Sums {
        self.sums(samples, self.ascending().rev())
    }

    fn sums(&self, samples: u64, bins: impl Iterator<Item = (Place, u64)>) -> Sums {
        let all = self.units();
        let mut left = self.units_of(samples, all);
        let samples_per_unit = self.exact.samples as f64 / all as f64;
        let mut sums = Sums::default();
        for (place, units) in bins {
            if left == 0 {
                break;
            }
            let taken = left.min(u128::from(units));
            left -= taken;
            let (value, times) = (self.value(place), taken as f64 * samples_per_unit);
            sums.sum += value * times;
            sums.squares += value * value * times;
        }
        sums
    }

    /// Samples as a share of `all` that the bins hold.
    fn units_of(&self, samples: u64, all: u128) -> u128 {
        // What does not fit is more than was ever counted.
        u128::from(samples).saturating_mul(all) / u128::from(self.exact.samples.max(1))
    }

    /// All that the bins hold.
    pub(super) fn units(&self) -> u128 {
        u128::from(self.zero) + self.negative.total() + self.positive.total()
    }

    fn ascending(&self) -> impl DoubleEndedIterator<Item = (Place, u64)> {
        let negative = self.negative.iter().rev().map(|(key, units)| (Place::Negative(key), units));
        let zero = Some((Place::Zero, self.zero)).filter(|&(_, units)| units > 0);
        negative.chain(zero).chain(self.positive.iter().map(|(key, units)| (Place::Positive(key), units)))
    }

    /// What stands for a bin, but never outside what was seen.
    fn value(&self, place: Place) -> f64 {
        let value = match place {
            Place::Negative(key) => -self.scale.value(key),
            Place::Zero => 0.0,
            Place::Positive(key) => self.scale.value(key),
        };
        value.max(self.exact.min).min(self.exact.max)
    }

    /// The keys that its bins can have.
    pub(super) fn keys(&self) -> std::ops::RangeInclusive<i32> {
        self.scale.keys()
    }

    /// How many bins are in use.
    pub fn bins(&self) -> usize {
        self.positive.iter().count() + self.negative.iter().count() + usize::from(self.zero > 0)
    }

    /// The relative error of a quantile.
    pub fn accuracy(&self) -> Accuracy {
        self.accuracy
    }

    /// How many bins it may have for each sign.
    pub fn bin_limit(&self) -> BinLimit {
        self.limit
    }

    /// How many samples came.
    pub fn samples(&self) -> u64 {
        self.exact.samples
    }

    /// What they weigh together: statsd's `count`.
    pub fn weight(&self) -> f64 {
        self.exact.weight
    }

    /// Their sum; weights have no part in it, as in statsd.
    pub fn sum(&self) -> f64 {
        self.exact.sum
    }

    /// The sum of their squares.
    pub fn sum_squares(&self) -> f64 {
        self.exact.squares
    }

    /// The least.
    pub fn min(&self) -> Option<f64> {
        (self.exact.samples > 0).then_some(self.exact.min)
    }

    /// The greatest.
    pub fn max(&self) -> Option<f64> {
        (self.exact.samples > 0).then_some(self.exact.max)
    }
}
