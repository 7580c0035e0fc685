//! Which sketch a rule asks for: `ddsketch`, `ddsketch:0.01`, `ddsketch:0.01:4096`, `hll`, `hll:12`.

use super::Accuracy;
use std::fmt;
use std::str::FromStr;

/// A kind of sketch and its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SketchKind {
    /// Of values: quantiles within the accuracy.
    Dd {
        /// The relative error of a quantile.
        accuracy: Accuracy,
        /// How many bins at most.
        bins: BinLimit,
    },
    /// Of members: how many different ones.
    Hll {
        /// The number of registers.
        lg_k: LgK,
    },
}

/// What sketches are of, whatever their size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Of values.
    Dd = 1,
    /// Of members.
    Hll = 2,
}

impl Family {
    /// Both.
    pub const ALL: [Family; 2] = [Family::Dd, Family::Hll];
}

impl SketchKind {
    /// What it is of.
    pub fn family(self) -> Family {
        match self {
            SketchKind::Dd { .. } => Family::Dd,
            SketchKind::Hll { .. } => Family::Hll,
        }
    }
}

/// How many bins a sketch may have for positive values, and as many again for negative ones. The default spans a factor of
/// 6 x 10^17 at an accuracy of one per cent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BinLimit(u16);

impl BinLimit {
    /// As Datadog's.
    pub const DEFAULT: BinLimit = BinLimit(2048);
    /// Fewer would not span a factor of two.
    pub const MIN: BinLimit = BinLimit(64);
    /// 64 KiB.
    pub const MAX: BinLimit = BinLimit(8192);

    /// `None` below [`BinLimit::MIN`] or above [`BinLimit::MAX`].
    pub fn new(bins: u16) -> Option<BinLimit> {
        (BinLimit::MIN.0..=BinLimit::MAX.0).contains(&bins).then_some(BinLimit(bins))
    }

    /// The number.
    pub fn bins(self) -> u16 {
        self.0
    }
}

/// The binary logarithm of a [`super::Hll`]'s registers: its error is 1.04 / sqrt(2^lg_k), its size half a byte a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LgK(u8);

impl LgK {
    /// 4,096 registers: 1.6 %.
    pub const DEFAULT: LgK = LgK(12);
    /// 16 registers: 26 %.
    pub const MIN: LgK = LgK(4);
    /// 262,144 registers: 0.2 %.
    pub const MAX: LgK = LgK(18);

    /// `None` below [`LgK::MIN`] or above [`LgK::MAX`].
    pub fn new(lg_k: u8) -> Option<LgK> {
        (LgK::MIN.0..=LgK::MAX.0).contains(&lg_k).then_some(LgK(lg_k))
    }

    /// The number of registers.
    pub fn registers(self) -> usize {
        1 << self.0
    }

    /// The logarithm itself.
    pub fn bits(self) -> u32 {
        u32::from(self.0)
    }
}

impl fmt::Display for SketchKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SketchKind::Dd { accuracy, bins: BinLimit::DEFAULT } => write!(out, "ddsketch:{accuracy}"),
            SketchKind::Dd { accuracy, bins } => write!(out, "ddsketch:{accuracy}:{}", bins.0),
            SketchKind::Hll { lg_k } => write!(out, "hll:{}", lg_k.0),
        }
    }
}

/// Text that names no sketch, and what would.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownSketch {
    /// Neither kind.
    #[error("unknown sketch: use ddsketch, ddsketch:0.01, hll or hll:12")]
    Kind,
    /// `ddsketch:X`.
    #[error("the accuracy of a ddsketch is a number from 0.0001 to 0.2, such as ddsketch:0.01")]
    Accuracy,
    /// `ddsketch:0.01:X`.
    #[error("a ddsketch has 64 to 8192 bins, such as ddsketch:0.01:2048")]
    Bins,
    /// `hll:X`.
    #[error("the size of an hll is a whole number from 4 to 18, such as hll:12")]
    LgK,
}

impl FromStr for SketchKind {
    type Err = UnknownSketch;

    fn from_str(text: &str) -> Result<SketchKind, UnknownSketch> {
        let mut parts = text.split(':').map(str::trim);
        let kind = match parts.next().unwrap_or_default() {
            "ddsketch" => {
                let accuracy = parts.next().map(|ratio| ratio.parse().ok().and_then(Accuracy::from_ratio));
                let bins = parts.next().map(|bins| bins.parse().ok().and_then(BinLimit::new));
                SketchKind::Dd {
                    accuracy: accuracy.unwrap_or(Some(Accuracy::DEFAULT)).ok_or(UnknownSketch::Accuracy)?,
                    bins: bins.unwrap_or(Some(BinLimit::DEFAULT)).ok_or(UnknownSketch::Bins)?,
                }
            }
            "hll" => {
                let lg_k = parts.next().map(|lg_k| lg_k.parse().ok().and_then(LgK::new));
                SketchKind::Hll { lg_k: lg_k.unwrap_or(Some(LgK::DEFAULT)).ok_or(UnknownSketch::LgK)? }
            }
            _ => return Err(UnknownSketch::Kind),
        };
        parts.next().map_or(Ok(kind), |_| Err(UnknownSketch::Kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let got = text.parse::<SketchKind>().map_or_else(|error| error.to_string(), |kind| kind.to_string());
        assert_eq!(got, expected, "{text:?}");
    }

    #[test]
    fn reads_and_prints() {
        check("ddsketch", "ddsketch:0.01");
        check(" ddsketch : 0.010 ", "ddsketch:0.01");
        check("ddsketch:2e-3:4096", "ddsketch:0.002:4096");
        check("ddsketch:0.2:2048", "ddsketch:0.2");
        check("hll", "hll:12");
        check("hll:18", "hll:18");
    }

    #[test]
    fn says_what_would_do() {
        for text in ["", "t-digest", "DDSketch", "ddsketch:0.01:64:1", "hll:12:1", "hll 12"] {
            check(text, &UnknownSketch::Kind.to_string());
        }
        for text in ["ddsketch:", "ddsketch:0", "ddsketch:0.3", "ddsketch:-0.01", "ddsketch:nan", "ddsketch:1 %"] {
            check(text, &UnknownSketch::Accuracy.to_string());
        }
        for text in ["ddsketch:0.01:", "ddsketch:0.01:63", "ddsketch:0.01:8193", "ddsketch:0.01:1e3"] {
            check(text, &UnknownSketch::Bins.to_string());
        }
        for text in ["hll:", "hll:3", "hll:19", "hll:0.01", "hll:300"] {
            check(text, &UnknownSketch::LgK.to_string());
        }
    }
}
