//! A percentage of the samples, as statsd's `percentThreshold` has it: 90, 99.9, or -10 for the top tenth.

use std::fmt;

/// Digits behind the point.
const DECIMALS: usize = 6;

/// Exact to a millionth of a per cent; below 1,000 in size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Percentile {
    millionths: u32,
    top: bool,
}

impl Percentile {
    /// From millionths of a per cent of the lowest samples.
    pub(super) const fn lowest(millionths: u32) -> Percentile {
        Percentile { millionths, top: false }
    }

    /// Reads the entry as JavaScript prints it (`90`, `99.9`, `-10`); `None` for what has more than three digits before the
    /// point or six behind it.
    pub fn parse(text: &str) -> Option<Percentile> {
        match text.strip_prefix('-') {
            Some(top) => Percentile::unsigned(top, '.')
                .filter(|found| *found > 0)
                .map(|millionths| Percentile { millionths, top: true }),
            None => Percentile::unsigned(text, '.').map(Percentile::lowest),
        }
    }

    /// Reads the end of a leaf's name: `90`, `99_9`, `top10`.
    pub(super) fn parse_suffix(text: &str) -> Option<Percentile> {
        match text.strip_prefix("top") {
            Some(top) => Percentile::unsigned(top, '_')
                .filter(|found| *found > 0)
                .map(|millionths| Percentile { millionths, top: true }),
            None => Percentile::unsigned(text, '_').map(Percentile::lowest),
        }
    }

    /// Digits and decimals in their one spelling: no zero in front, none behind.
    fn unsigned(text: &str, point: char) -> Option<u32> {
        let (whole, decimals) = text.split_once(point).map_or((text, None), |(whole, rest)| (whole, Some(rest)));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let plain = digits(whole) && whole.len() <= 3 && (whole == "0" || !whole.starts_with('0'));
        let decimals = match decimals {
            None => "",
            Some(rest) => Some(rest).filter(|rest| digits(rest) && rest.len() <= DECIMALS && !rest.ends_with('0'))?,
        };
        plain.then(|| format!("{whole}{decimals:0<DECIMALS$}").parse().ok())?
    }

    /// The percentage's size, as a double.
    pub fn percent(self) -> f64 {
        f64::from(self.millionths) / 1e6
    }

    /// Whether it takes the highest samples.
    pub fn is_top(self) -> bool {
        self.top
    }

    pub(super) fn millionths(self) -> u32 {
        self.millionths
    }

    /// How many of so many samples it takes: half up, as statsd rounds, and all of a single one.
    pub(super) fn taken(self, samples: u64) -> u64 {
        match samples {
            1 => 1,
            _ => ((self.percent() / 100.0 * samples as f64).round() as u64).min(samples),
        }
    }
}

/// As the end of a leaf's name.
impl fmt::Display for Percentile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, decimals) = (self.millionths / 1_000_000, self.millionths % 1_000_000);
        write!(out, "{}{whole}", if self.top { "top" } else { "" })?;
        if decimals > 0 {
            write!(out, "_{}", format!("{decimals:06}").trim_end_matches('0'))?;
        }
        Ok(())
    }
}
