//! go-whisper's aggregation methods. Their codes part from whisper's after `min`, and their arithmetic knows no gaps.

use std::fmt;

/// How values of a finer archive became one of a coarser.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// Sum over count.
    Average,
    /// Sum.
    Sum,
    /// The latest.
    Last,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// The earliest.
    First,
    /// Each coarser archive has a method of its own.
    Mix,
    /// The value that this percentage of the values does not exceed.
    Percentile(f32),
}

impl Method {
    pub(super) fn from_code(code: u32, percentile: f32) -> Option<Method> {
        Some(match code {
            1 => Method::Average,
            2 => Method::Sum,
            3 => Method::Last,
            4 => Method::Max,
            5 => Method::Min,
            6 => Method::First,
            7 => Method::Mix,
            8 => Method::Percentile(percentile),
            _ => return None,
        })
    }

    /// One value of many, which are in the order of their times; `None` without any.
    pub(super) fn apply(self, values: &[f64]) -> Option<f64> {
        let (first, last) = (*values.first()?, *values.last()?);
        let sum = || values.iter().sum::<f64>();
        let pick = |wins: fn(f64, f64) -> bool| {
            values.iter().fold(first, |kept, value| if wins(*value, kept) { *value } else { kept })
        };
        Some(match self {
            Method::Average | Method::Mix => sum() / values.len() as f64,
            Method::Sum => sum(),
            Method::Last => last,
            Method::First => first,
            Method::Max => pick(|value, kept| value > kept),
            Method::Min => pick(|value, kept| value < kept),
            Method::Percentile(percent) => percentile(percent, values)?,
        })
    }
}

/// Between the two values that lie about the rank, in proportion.
fn percentile(percent: f32, values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() - 1) as f64 * f64::from(percent) / 100.0;
    let above = *sorted.get(rank.ceil() as usize)?;
    let share = rank.fract();
    if share == 0.0 {
        return Some(above);
    }
    let below = *sorted.get(rank as usize)?;
    Some(above * share + below * (1.0 - share))
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Method::Average => "average",
            Method::Sum => "sum",
            Method::Last => "last",
            Method::Max => "max",
            Method::Min => "min",
            Method::First => "first",
            Method::Mix => "mix",
            Method::Percentile(percent) if percent.fract() == 0.0 => return write!(f, "p{percent:.0}"),
            Method::Percentile(percent) => return write!(f, "p{percent:.6}"),
        })
    }
}
