//! One word for every way several values become one: rows of a sum, buckets of summarize, windows of movingAverage,
//! the measure that highestMax sorts by, groups of maxDataPoints.
//!
//! Every method skips gaps and nothing else: a NaN that was stored takes part, and behaves in `min` and `max` as in
//! Python, where no comparison with it is true. Sums add from the left, as Python's do.

use crate::python;
use crate::series::Consolidation;
use tsdb::{GAP, is_gap};

/// How several values become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregation {
    /// The mean of those present.
    Average,
    /// The sum over the number of slots: gaps count as zero.
    AverageZero,
    /// The middle one, or the mean of the two in the middle.
    Median,
    /// The sum.
    Sum,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The first that is present less all others.
    Diff,
    /// The population's standard deviation.
    StdDev,
    /// How many are present.
    Count,
    /// The largest less the smallest.
    Range,
    /// The product, or none if one is missing.
    Multiply,
    /// The first that is present.
    First,
    /// The last that is present.
    Last,
    /// The one at a share of the others; of series with sketches that of all samples, see [`crate::sketches`].
    Quantile(Quantile),
}

/// A share from 0 to 1, to a hundred-millionth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantile(u32);

/// Of a [`Quantile`].
const WHOLE: f64 = 1e8;

impl Quantile {
    /// `None` outside 0 to 1.
    pub fn new(share: f64) -> Option<Quantile> {
        (0.0..=1.0).contains(&share).then(|| Quantile((share * WHOLE).round() as u32))
    }

    /// The share.
    pub fn share(self) -> f64 {
        f64::from(self.0) / WHOLE
    }
}

impl Aggregation {
    /// The words that functions take, sorted as documentation lists them. `first` is none of them: graphite-web knows
    /// it as a consolidation only.
    pub const WORDS: &'static [&'static str] = &[
        "average", "avg", "avg_zero", "count", "current", "diff", "last", "max", "median", "min", "multiply", "range",
        "rangeOf", "stddev", "sum", "total",
    ];

    /// The method that one of [`Self::WORDS`] or `quantile:0.99` names.
    pub fn parse(word: &str) -> Option<Aggregation> {
        Some(match word {
            "average" | "avg" => Aggregation::Average,
            "avg_zero" => Aggregation::AverageZero,
            "count" => Aggregation::Count,
            "current" | "last" => Aggregation::Last,
            "diff" => Aggregation::Diff,
            "max" => Aggregation::Max,
            "median" => Aggregation::Median,
            "min" => Aggregation::Min,
            "multiply" => Aggregation::Multiply,
            "range" | "rangeOf" => Aggregation::Range,
            "stddev" => Aggregation::StdDev,
            "sum" | "total" => Aggregation::Sum,
            _ => Aggregation::Quantile(word.strip_prefix("quantile:")?.parse().ok().and_then(Quantile::new)?),
        })
    }

    /// One value of many slots; [`GAP`] when none is present.
    pub fn over(self, slots: &[f64]) -> f64 {
        let present = || slots.iter().copied().filter(|value| !is_gap(*value));
        let count = present().count();
        if count == 0 {
            return GAP;
        }
        let sum = || present().fold(0.0, |sum, value| sum + value);
        match self {
            Aggregation::Average => sum() / count as f64,
            Aggregation::AverageZero => sum() / slots.len() as f64,
            Aggregation::Median => median(present().collect()),
            Aggregation::Sum => sum(),
            Aggregation::Min => smallest(present()),
            Aggregation::Max => largest(present()),
            Aggregation::Diff => present().reduce(|rest, value| rest - value).unwrap_or(GAP),
            Aggregation::StdDev => {
                let mean = sum() / count as f64;
                let squares = present().fold(0.0, |sum, value| sum + (value - mean) * (value - mean));
                (squares / count as f64).sqrt()
            }
            Aggregation::Count => count as f64,
            Aggregation::Range => largest(present()) - smallest(present()),
            Aggregation::Multiply if count < slots.len() => GAP,
            Aggregation::Multiply => present().product(),
            Aggregation::First => present().next().unwrap_or(GAP),
            Aggregation::Last => present().next_back().unwrap_or(GAP),
            Aggregation::Quantile(quantile) => at_share(quantile, present().collect()),
        }
    }
}

impl Aggregation {
    /// The measure of a whole series: as [`Aggregation::over`], but of nothing the count and the mean with zeros are 0.
    pub fn measure(self, values: &[f64]) -> f64 {
        let zero = self == Aggregation::Count || self == Aggregation::AverageZero && !values.is_empty();
        let measure = self.over(values);
        if zero && is_gap(measure) { 0.0 } else { measure }
    }
}

/// Which value a percentile takes: one that is there, or one between two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Between {
    /// The next one up.
    Next,
    /// As far between two as the rank is.
    Interpolated,
}

/// The `n`-th percentile of those present, as graphite-web ranks them: `n/100 (count + 1)`, counted from 1, a negative rank
/// from the end. [`GAP`] where that is no place of theirs. Sorts them.
pub fn percentile(values: &mut [f64], n: f64, between: Between) -> f64 {
    let count = partition_present(values);
    let present = &mut values[..count];
    python::sort(present);
    let Some(last) = count.checked_sub(1) else { return GAP };
    let rank = n / 100.0 * (count + 1) as f64;
    let up = if between == Between::Next { rank.fract().ceil() } else { 0.0 };
    // Saturates, and what is no number is 0.
    let whole = (rank.trunc() + up) as i64;
    let place = |at: i64| usize::try_from(if at < 0 { at.saturating_add_unsigned(count as u64) } else { at }).ok();
    let at = match place(whole.saturating_sub(1)) {
        _ if whole == 0 => Some(0),
        Some(at) if at == count => Some(last),
        at => at,
    };
    let Some(&value) = at.and_then(|at| present.get(at)) else { return GAP };
    match place(whole).and_then(|at| present.get(at)) {
        Some(next) if between == Between::Interpolated => value + rank.fract() * (next - value),
        _ => value,
    }
}

/// Moves gaps to the end; how many values are in front.
fn partition_present(values: &mut [f64]) -> usize {
    let mut count = 0;
    for at in 0..values.len() {
        if !is_gap(values[at]) {
            values.swap(count, at);
            count += 1;
        }
    }
    count
}

impl From<Consolidation> for Aggregation {
    fn from(method: Consolidation) -> Aggregation {
        match method {
            Consolidation::Average => Aggregation::Average,
            Consolidation::AverageZero => Aggregation::AverageZero,
            Consolidation::Sum => Aggregation::Sum,
            Consolidation::Min => Aggregation::Min,
            Consolidation::Max => Aggregation::Max,
            Consolidation::First => Aggregation::First,
            Consolidation::Last => Aggregation::Last,
            Consolidation::Quantile(quantile) => Aggregation::Quantile(quantile),
        }
    }
}

/// Whether enough slots are filled: a share of at least `x_files_factor`, and never none.
pub fn is_enough(present: usize, slots: usize, x_files_factor: f64) -> bool {
    present > 0 && present as f64 / slots as f64 >= x_files_factor
}

/// How many slots hold a value.
pub fn count_present(slots: &[f64]) -> usize {
    slots.iter().filter(|value| !is_gap(**value)).count()
}

/// The first of the smallest; a NaN in front stays, for no comparison moves it.
fn smallest(values: impl Iterator<Item = f64>) -> f64 {
    values.reduce(|best, value| if value < best { value } else { best }).unwrap_or(GAP)
}

fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.reduce(|best, value| if value > best { value } else { best }).unwrap_or(GAP)
}

/// At place `q (n - 1)`, rounded down, as sketches have it.
fn at_share(quantile: Quantile, mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[(quantile.share() * (values.len() - 1) as f64) as usize]
}

fn median(mut values: Vec<f64>) -> f64 {
    python::sort(&mut values);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_a_method_and_first_is_not() {
        assert!(Aggregation::WORDS.iter().all(|word| Aggregation::parse(word).is_some()));
        assert!(Aggregation::WORDS.is_sorted());
        for word in ["first", "quantile", "quantile:", "quantile:1.1", "quantile:-0.1", "quantile:nan"] {
            assert_eq!(Aggregation::parse(word), None, "{word}");
        }
        let quantile = |word: &str| Aggregation::parse(word).map(|method| method.over(&[4.0, GAP, 1.0, 3.0, 2.0]));
        assert_eq!((quantile("quantile:0.5"), quantile("quantile:1")), (Some(2.0), Some(4.0)));
    }

    #[test]
    fn gaps_are_skipped_and_stored_nans_are_not() {
        let slots = [2.0, GAP, -1.0, 5.0];
        for (method, value) in [
            (Aggregation::Average, 2.0),
            (Aggregation::AverageZero, 1.5),
            (Aggregation::Median, 2.0),
            (Aggregation::Sum, 6.0),
            (Aggregation::Min, -1.0),
            (Aggregation::Max, 5.0),
            (Aggregation::Diff, -2.0),
            (Aggregation::StdDev, 6.0f64.sqrt()),
            (Aggregation::Count, 3.0),
            (Aggregation::Range, 6.0),
            (Aggregation::First, 2.0),
            (Aggregation::Last, 5.0),
        ] {
            assert_eq!(method.over(&slots), value, "{method:?}");
            assert!(is_gap(method.over(&[GAP, GAP])), "{method:?}");
        }
        assert!(is_gap(Aggregation::Multiply.over(&slots)));
        let sum = Aggregation::Sum.over(&[1.0, f64::NAN, GAP]);
        assert!(sum.is_nan() && !is_gap(sum));
        assert_eq!(Aggregation::Count.over(&[f64::NAN, GAP]), 1.0);
    }
}
