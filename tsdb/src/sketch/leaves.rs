//! Virtual leaves: the numbers that a sketch answers for, under the names that statsd's flush would have given them and the short
//! ones of quantiles. They are computed when they are asked for, of any merged sketch.
//!
//! What each is worth, where `a` is the sketch's accuracy (1 % by default) and the limit of bins was not reached:
//!
//! | leaf | is | error |
//! |---|---|---|
//! | `count` | the weights, as statsd counts | none but rounding; of a set 1.04 / sqrt(2^lg_k), none while few |
//! | `count_ps` | `count` by the seconds | as `count` |
//! | `sum`, `sum_squares`, `mean` | of the samples | none but rounding |
//! | `std` | from the two sums | rounding times (mean / std)^2: 1e-9 of it where mean / std is 100 and samples a million |
//! | `upper`, `max`, `lower`, `min` | the extremes | none |
//! | `median` | the middle sample or the mean of the middle two | `a`, if these have one sign |
//! | `p50`, `p999`, `p5` | the sample at place q (n - 1) | `a`; `p0` and `p100` none |
//! | `upper_90`, `lower_top10` | the sample that bounds the share | `a` |
//! | `count_90`, `count_top10` | samples in the share | none |
//! | `sum_90`, `mean_90` and `_top10` | over the share, from bins | `a`, of the sum of sizes where signs differ |
//! | `sum_squares_90`, `sum_squares_top10` | over the share, from bins | 2 `a` + `a`^2 |
//! | `uniques` | `count` of a set | as `count` |
//!
//! Ranks are those of samples. Where samples weigh differently they are shares of the weight, and `count_90` is the rounded share
//! of the samples. Beyond the limit of bins only what lies in the lowest bins loses its accuracy.

use super::{DdSketch, Family, Percentile, Sketch};
use std::fmt;

/// A leaf that is computed. One name each: `upper_090` and `p990` are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Leaf {
    /// `p50`, `p999`: one or two digits are a percentage, more are its decimals; `p100` is the greatest.
    Quantile(Percentile),
    /// One of all samples.
    Whole(Whole),
    /// One of the share of the samples that a percentile takes.
    Part(Part, Percentile),
}

/// A statistic of all samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Whole {
    /// `count`.
    Count,
    /// `count_ps`.
    CountPerSecond,
    /// `sum`.
    Sum,
    /// `sum_squares`.
    SumSquares,
    /// `mean`.
    Mean,
    /// `median`.
    Median,
    /// `std`, of the population.
    Std,
    /// `lower`.
    Lower,
    /// `upper`.
    Upper,
    /// `min`.
    Min,
    /// `max`.
    Max,
    /// `uniques`, of a set.
    Uniques,
}

/// A statistic of a percentile's share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// `count_90`.
    Count,
    /// `mean_90`.
    Mean,
    /// `upper_90`, but `lower_top10` and `lower_0`.
    Bound,
    /// `sum_90`.
    Sum,
    /// `sum_squares_90`.
    SumSquares,
}

const WHOLE: [(&str, Whole); 12] = [
    ("count", Whole::Count),
    ("count_ps", Whole::CountPerSecond),
    ("sum", Whole::Sum),
    ("sum_squares", Whole::SumSquares),
    ("mean", Whole::Mean),
    ("median", Whole::Median),
    ("std", Whole::Std),
    ("lower", Whole::Lower),
    ("upper", Whole::Upper),
    ("min", Whole::Min),
    ("max", Whole::Max),
    ("uniques", Whole::Uniques),
];

const PARTS: [Part; 5] = [Part::Count, Part::Mean, Part::Bound, Part::Sum, Part::SumSquares];

/// The quantiles that a find lists, in millionths of a per cent; any other is answered too.
const QUANTILES: [u32; 6] = [50_000_000, 75_000_000, 90_000_000, 95_000_000, 99_000_000, 99_900_000];
const HUNDRED: u32 = 100_000_000;

/// The leaves that a find below a series of this kind lists: the usual quantiles, all statistics, and those of statsd's
/// percentiles. Other names that [`Leaf::parse`] reads are answered when they are asked for.
pub fn leaves_of(family: Family, percentiles: &[Percentile]) -> Vec<Leaf> {
    let quantiles = QUANTILES.iter().map(|&millionths| Leaf::Quantile(Percentile::lowest(millionths)));
    let whole = WHOLE.iter().map(|&(_, whole)| Leaf::Whole(whole));
    let parts = percentiles.iter().flat_map(|&percentile| PARTS.map(|part| Leaf::Part(part, percentile)));
    let mut leaves: Vec<Leaf> = quantiles.chain(whole).chain(parts).filter(|leaf| leaf.is_of(family)).collect();
    leaves.sort();
    leaves.dedup();
    leaves
}

impl Leaf {
    /// Reads a leaf's name; `None` for what no sketch answers.
    pub fn parse(name: &str) -> Option<Leaf> {
        if let Some(&(_, whole)) = WHOLE.iter().find(|(known, _)| *known == name) {
            return Some(Leaf::Whole(whole));
        }
        if let Some(quantile) = name.strip_prefix('p').and_then(quantile) {
            return Some(Leaf::Quantile(quantile));
        }
        let parse = |part: Part| {
            let suffix = |stem: &str| name.strip_prefix(stem)?.strip_prefix('_').and_then(Percentile::parse_suffix);
            let percentile = part.stems().iter().find_map(|stem| suffix(stem))?;
            Some(Leaf::Part(part, percentile)).filter(|leaf| leaf.to_string() == name)
        };
        PARTS.into_iter().find_map(parse)
    }

    /// The quantile at a share from 0 to 1, to a hundred-millionth; `None` outside.
    pub fn quantile(share: f64) -> Option<Leaf> {
        let millionths = (share * f64::from(HUNDRED)).round();
        (0.0..=1.0).contains(&share).then(|| Leaf::Quantile(Percentile::lowest(millionths as u32)))
    }

    /// Whether sketches of this kind answer it.
    pub fn is_of(self, family: Family) -> bool {
        match family {
            Family::Dd => self != Leaf::Whole(Whole::Uniques),
            Family::Hll => matches!(self, Leaf::Whole(Whole::Count | Whole::Uniques)),
        }
    }

    /// Its value over an interval of so many seconds. `None` where there is none: of the other kind of sketch, of no samples
    /// (but that `count` and `count_ps` are 0 then, as statsd has them), of a share that takes no sample.
    pub fn value(self, sketch: &Sketch, interval_secs: f64) -> Option<f64> {
        let value = match (sketch, self) {
            (Sketch::Hll(set), Leaf::Whole(Whole::Count | Whole::Uniques)) => Some(set.estimate()),
            (Sketch::Hll(_), _) => None,
            (Sketch::Dd(sketch), Leaf::Quantile(quantile)) => {
                // In one division, so that 99.9 is what 0.999 is.
                sketch.quantile(f64::from(quantile.millionths()) / f64::from(HUNDRED))
            }
            (Sketch::Dd(sketch), Leaf::Whole(whole)) => whole.value(sketch, interval_secs),
            (Sketch::Dd(sketch), Leaf::Part(part, percentile)) => part.value(sketch, percentile),
        };
        value.filter(|value| value.is_finite())
    }
}

impl fmt::Display for Leaf {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Leaf::Quantile(quantile) => match quantile.millionths() {
                HUNDRED => write!(out, "p100"),
                digit if digit < 10_000_000 && digit.is_multiple_of(1_000_000) => write!(out, "p{}", digit / 1_000_000),
                other => {
                    let digits = format!("{other:08}");
                    // Two digits at least, or 50 % would read as five.
                    let kept = digits.trim_end_matches('0').len().max(2);
                    write!(out, "p{}", &digits[..kept])
                }
            },
            Leaf::Whole(whole) => {
                let name = WHOLE.iter().find(|(_, known)| known == whole).map_or("", |(name, _)| name);
                write!(out, "{name}")
            }
            Leaf::Part(part, percentile) => {
                let bounded_below = percentile.is_top() || percentile.millionths() == 0;
                let stem = part.stems()[usize::from(*part == Part::Bound && bounded_below)];
                write!(out, "{stem}_{percentile}")
            }
        }
    }
}

/// Reads the digits of `p999`, in their one spelling.
fn quantile(digits: &str) -> Option<Percentile> {
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let millionths = match digits {
        "100" => HUNDRED,
        _ if digits.len() == 1 => digits.parse::<u32>().ok()? * 1_000_000,
        _ => format!("{digits:0<8}").parse().ok()?,
    };
    Some(Percentile::lowest(millionths)).filter(|&found| Leaf::Quantile(found).to_string()[1..] == *digits)
}

impl Whole {
    fn value(self, sketch: &DdSketch, interval_secs: f64) -> Option<f64> {
        let n = sketch.samples();
        let mean = || (n > 0).then(|| sketch.sum() / n as f64);
        match self {
            Whole::Count => Some(sketch.weight()),
            Whole::CountPerSecond => Some(sketch.weight() / interval_secs),
            Whole::Sum => sketch.min().map(|_| sketch.sum()),
            Whole::SumSquares => sketch.min().map(|_| sketch.sum_squares()),
            Whole::Mean => mean(),
            Whole::Median if n.is_multiple_of(2) => {
                let middle = n / 2;
                Some((sketch.nth(middle.checked_sub(1)?)? + sketch.nth(middle)?) / 2.0)
            }
            Whole::Median => sketch.nth(n / 2),
            // Rounding must not make a spread of none, nor a negative one.
            Whole::Std if sketch.min() == sketch.max() => sketch.min().map(|_| 0.0),
            Whole::Std => mean().map(|mean| (sketch.sum_squares() / n as f64 - mean * mean).max(0.0).sqrt()),
            Whole::Lower | Whole::Min => sketch.min(),
            Whole::Upper | Whole::Max => sketch.max(),
            Whole::Uniques => None,
        }
    }
}

impl Part {
    /// How its names begin; of a bound first the upper.
    fn stems(self) -> &'static [&'static str] {
        match self {
            Part::Count => &["count"],
            Part::Mean => &["mean"],
            Part::Bound => &["upper", "lower"],
            Part::Sum => &["sum"],
            Part::SumSquares => &["sum_squares"],
        }
    }

    fn value(self, sketch: &DdSketch, percentile: Percentile) -> Option<f64> {
        let n = sketch.samples();
        let taken = percentile.taken(n);
        if taken == 0 {
            return None;
        }
        let sums = || match percentile.is_top() {
            _ if taken == n => super::ddsketch::Sums { sum: sketch.sum(), squares: sketch.sum_squares() },
            true => sketch.highest(taken),
            false => sketch.lowest(taken),
        };
        match self {
            Part::Count => Some(taken as f64),
            Part::Mean => Some(sums().sum / taken as f64),
            Part::Bound if percentile.is_top() => sketch.nth(n - taken),
            Part::Bound => sketch.nth(taken - 1),
            Part::Sum => Some(sums().sum),
            Part::SumSquares => Some(sums().squares),
        }
    }
}
