//! Roll-up: many values become one. Whisper's eight methods, in the arithmetic of CPython up to 3.11 (sums run from left
//! to right without compensation), because files and answers are compared byte for byte.

use crate::gap::is_gap;
use std::fmt;
use std::str::FromStr;

/// How values of a finer archive become one of a coarser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rollup {
    /// Sum over count of the known values.
    Average,
    /// Sum of the known values.
    Sum,
    /// The latest known value.
    Last,
    /// The largest.
    Max,
    /// The smallest.
    Min,
    /// Sum over count of all slots, a gap counting as zero.
    AverageZero,
    /// The value furthest from zero.
    AbsMax,
    /// The value closest to zero.
    AbsMin,
}

impl Rollup {
    /// All methods, in the order of their codes.
    pub const ALL: [Rollup; 8] = [
        Rollup::Average,
        Rollup::Sum,
        Rollup::Last,
        Rollup::Max,
        Rollup::Min,
        Rollup::AverageZero,
        Rollup::AbsMax,
        Rollup::AbsMin,
    ];

    /// Whisper's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Rollup::Average => "average",
            Rollup::Sum => "sum",
            Rollup::Last => "last",
            Rollup::Max => "max",
            Rollup::Min => "min",
            Rollup::AverageZero => "avg_zero",
            Rollup::AbsMax => "absmax",
            Rollup::AbsMin => "absmin",
        }
    }

    /// The code in a file's header.
    pub(crate) fn code(self) -> u32 {
        1 + self as u32
    }

    pub(crate) fn from_code(code: u32) -> Option<Rollup> {
        let index = usize::try_from(code).ok()?.checked_sub(1)?;
        Rollup::ALL.get(index).copied()
    }

    /// One value of many, gaps left out; `None` when all are gaps. Of equal extremes the first is kept, and a comparison
    /// with NaN is false, as Python's `max` and `min` have it.
    pub fn apply(self, values: &[f64]) -> Option<f64> {
        let mut known = values.iter().copied().filter(|value| !is_gap(*value));
        let first = known.next()?;
        // Sums start from zero and not from the first value, so that [-0.0] sums to 0.0.
        let sum = |known: &mut dyn Iterator<Item = f64>| known.fold(add(0.0, first), add);
        let pick = |known: &mut dyn Iterator<Item = f64>, wins: fn(f64, f64) -> bool| {
            known.fold(first, |kept, value| if wins(value, kept) { value } else { kept })
        };
        Some(match self {
            Rollup::Average => {
                let mut count = 1.0;
                let sum = known.fold(add(0.0, first), |sum, value| {
                    count += 1.0;
                    add(sum, value)
                });
                sum / count
            }
            Rollup::Sum => sum(&mut known),
            Rollup::Last => known.next_back().unwrap_or(first),
            Rollup::Max => pick(&mut known, |value, kept| value > kept),
            Rollup::Min => pick(&mut known, |value, kept| value < kept),
            Rollup::AverageZero => sum(&mut known) / values.len() as f64,
            Rollup::AbsMax => pick(&mut known, |value, kept| value.abs() > kept.abs()),
            Rollup::AbsMin => pick(&mut known, |value, kept| value.abs() < kept.abs()),
        })
    }
}

/// Addition that says which NaN comes out. The language leaves it open and compilers swap operands; this is what the
/// original does as its interpreter is usually built: the later NaN stays, and `inf - inf` is the negative one.
fn add(sum: f64, value: f64) -> f64 {
    const INDEFINITE: f64 = f64::from_bits(0xfff8_0000_0000_0000);
    let result = sum + value;
    if !result.is_nan() {
        result
    } else if value.is_nan() {
        value
    } else if sum.is_nan() {
        sum
    } else {
        INDEFINITE
    }
}

impl fmt::Display for Rollup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Rollup {
    type Err = UnknownRollup;

    /// Whisper's names, and `avg`, which go-carbon takes too.
    fn from_str(name: &str) -> Result<Rollup, UnknownRollup> {
        let named = Rollup::ALL.into_iter().find(|rollup| rollup.name() == name);
        named.or((name == "avg").then_some(Rollup::Average)).ok_or(UnknownRollup)
    }
}

/// The name is none of whisper's methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown aggregation method: use average, sum, last, max, min, avg_zero, absmax or absmin")]
pub struct UnknownRollup;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gap::GAP;

    #[test]
    fn rolls_up_as_python_does() {
        let values = [GAP, 3.0, -7.0, GAP, 7.0, 1.0];
        let results = Rollup::ALL.map(|rollup| rollup.apply(&values));
        assert_eq!(results, [1.0, 4.0, 1.0, 7.0, -7.0, 4.0 / 6.0, -7.0, 1.0].map(Some));
        assert_eq!(Rollup::Sum.apply(&[GAP, GAP]), None);
        assert_eq!(Rollup::Sum.apply(&[-0.0]).map(f64::to_bits), Some(0));
        assert!(Rollup::Max.apply(&[f64::NAN, 1.0]).is_some_and(f64::is_nan));
        assert_eq!(Rollup::Max.apply(&[1.0, f64::NAN]), Some(1.0));
        let sum_bits = |values: &[f64]| Rollup::Sum.apply(values).map(f64::to_bits);
        assert_eq!(sum_bits(&[f64::INFINITY, f64::NEG_INFINITY, 1.0]), Some(0xfff8_0000_0000_0000));
        assert_eq!(sum_bits(&[f64::INFINITY, f64::NEG_INFINITY, f64::NAN]), Some(0x7ff8_0000_0000_0000));
    }

    #[test]
    fn names_and_codes_are_inverse() {
        for rollup in Rollup::ALL {
            assert_eq!(rollup.name().parse(), Ok(rollup));
            assert_eq!(Rollup::from_code(rollup.code()), Some(rollup));
        }
        assert_eq!("avg".parse(), Ok(Rollup::Average));
        assert_eq!("median".parse::<Rollup>(), Err(UnknownRollup));
        assert_eq!((Rollup::from_code(0), Rollup::from_code(9)), (None, None));
    }
}
