//! Retention: which steps a series is kept in and for how long. Text such as `10s:6h,1m:7d` is parsed once into archives
//! that are sorted, divide each other and reach further back one after the other; nothing downstream checks again.

use crate::time::Step;

/// One ring of points: `points` of them, `step` apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Archive {
    /// Seconds from one point to the next.
    pub step: Step,
    /// How many points the ring holds.
    pub points: u32,
}

impl Archive {
    /// How far back the archive reaches, in seconds.
    pub fn retention_secs(&self) -> i64 {
        i64::from(self.step.secs()).saturating_mul(i64::from(self.points))
    }
}

/// The archives of a series, finest first; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Retention(Vec<Archive>);

impl Retention {
    /// Parses a comma list of `step:points` or `step:duration`, as carbon and the whisper tools write it.
    ///
    /// # Errors
    /// Names the part that cannot be read, or the rule that the archives break.
    pub fn parse(text: &str) -> Result<Retention, RetentionError> {
        let archive = |part: &str| {
            let (step_secs, points) = parse_archive(part)?;
            let (step, points) = (Step::new(narrow(step_secs)?), narrow(points)?);
            let step = step.filter(|_| points > 0).ok_or_else(|| RetentionError::Zero(clip(part)))?;
            Ok(Archive { step, points })
        };
        Retention::new(text.split(',').map(archive).collect::<Result<_, _>>()?)
    }

    /// Archives in any order, checked by the rules of whisper's `validateArchiveList` and sorted.
    ///
    /// # Errors
    /// Says which rule which archive breaks.
    pub fn new(mut archives: Vec<Archive>) -> Result<Retention, RetentionError> {
        archives.sort_by_key(|archive| archive.step);
        let Some(first) = archives.first() else { return Err(RetentionError::Empty) };
        check_size(first)?;
        for pair in archives.windows(2) {
            check_size(&pair[1])?;
            check_pair(&pair[0], &pair[1])?;
        }
        Ok(Retention(archives))
    }

    /// The archives, finest first.
    pub fn archives(&self) -> &[Archive] {
        &self.0
    }
}

/// Why a retention is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RetentionError {
    /// No archive at all.
    #[error("no archive is given")]
    Empty,
    /// A part that is not `step:points` or `step:duration`.
    #[error("{0:?} is not of the form step:points or step:duration, such as 10s:6h")]
    Form(String),
    /// A unit that is no prefix of seconds, minutes, hours, days, weeks or years.
    #[error("{0:?} is not a unit of time: use s, m, h, d, w or y")]
    Unit(String),
    /// A step of no seconds, or an archive of no points.
    #[error("{0:?} has no step or no points")]
    Zero(String),
    /// More than the file format can count.
    #[error("{0} is more than a whisper file can count")]
    TooLarge(String),
    /// Two archives of the same step.
    #[error("two archives have a step of {0} s")]
    SameStep(u32),
    /// A coarser step that the finer one does not divide.
    #[error("a step of {coarse} s is not a multiple of {fine} s")]
    Indivisible {
        /// The finer step.
        fine: u32,
        /// The coarser step.
        coarse: u32,
    },
    /// A coarser archive that does not reach further back.
    #[error("the archive of {coarse} s does not reach further back than that of {fine} s")]
    NotLonger {
        /// The finer step.
        fine: u32,
        /// The coarser step.
        coarse: u32,
    },
    /// A finer archive with too few points to make one of the next.
    #[error("the archive of {fine} s has {points} points, too few for one point of {coarse} s")]
    TooFewPoints {
        /// The finer step.
        fine: u32,
        /// The coarser step.
        coarse: u32,
        /// The finer archive's points.
        points: u32,
    },
}

/// One `step:points` or `step:duration`, as (seconds, points). Digits after the colon are points; with a unit they are a
/// duration, which is divided by the step and truncated. Zeros pass here, as they do in whisper.
///
/// # Errors
/// Names the part or unit that cannot be read.
pub fn parse_archive(text: &str) -> Result<(u64, u64), RetentionError> {
    let (step, length) = text.trim().split_once(':').ok_or_else(|| RetentionError::Form(clip(text)))?;
    let step_secs = match parse_amount(step, text)? {
        Amount::Count(secs) | Amount::Secs(secs) => secs,
    };
    let points = match parse_amount(length, text)? {
        Amount::Count(points) => points,
        Amount::Secs(secs) => secs.checked_div(step_secs).ok_or_else(|| RetentionError::Zero(clip(text)))?,
    };
    Ok((step_secs, points))
}

enum Amount {
    Count(u64),
    Secs(u64),
}

fn parse_amount(amount: &str, whole: &str) -> Result<Amount, RetentionError> {
    let digits = amount.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = amount.split_at(digits);
    if number.is_empty() || !unit.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Err(RetentionError::Form(clip(whole)));
    }
    let too_large = || RetentionError::TooLarge(clip(amount));
    let number: u64 = number.parse().map_err(|_| too_large())?;
    if unit.is_empty() {
        return Ok(Amount::Count(number));
    }
    let (_, secs) =
        UNITS.iter().find(|(name, _)| name.starts_with(unit)).ok_or_else(|| RetentionError::Unit(clip(unit)))?;
    number.checked_mul(*secs).map(Amount::Secs).ok_or_else(too_large)
}

/// In whisper's order: a prefix means the first unit that it begins.
const UNITS: [(&str, u64); 6] = [
    ("seconds", 1),
    ("minutes", 60),
    ("hours", 3_600),
    ("days", 86_400),
    ("weeks", 7 * 86_400),
    ("years", 365 * 86_400),
];

fn check_size(archive: &Archive) -> Result<(), RetentionError> {
    if archive.points == 0 {
        return Err(RetentionError::Zero(format!("{}:0", archive.step.secs())));
    }
    // The header keeps the longest retention in 32 bits.
    if archive.retention_secs() > i64::from(u32::MAX) {
        return Err(RetentionError::TooLarge(format!("{}:{}", archive.step.secs(), archive.points)));
    }
    Ok(())
}

fn check_pair(fine: &Archive, coarse: &Archive) -> Result<(), RetentionError> {
    let (fine_secs, coarse_secs) = (fine.step.secs(), coarse.step.secs());
    if fine_secs == coarse_secs {
        return Err(RetentionError::SameStep(fine_secs));
    }
    if !coarse_secs.is_multiple_of(fine_secs) {
        return Err(RetentionError::Indivisible { fine: fine_secs, coarse: coarse_secs });
    }
    if coarse.retention_secs() <= fine.retention_secs() {
        return Err(RetentionError::NotLonger { fine: fine_secs, coarse: coarse_secs });
    }
    if fine.points < coarse_secs / fine_secs {
        return Err(RetentionError::TooFewPoints { fine: fine_secs, coarse: coarse_secs, points: fine.points });
    }
    Ok(())
}

fn narrow(number: u64) -> Result<u32, RetentionError> {
    u32::try_from(number).map_err(|_| RetentionError::TooLarge(number.to_string()))
}

/// A text from outside, short enough for a message.
fn clip(text: &str) -> String {
    text.trim().chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(retention: &str) -> Result<Vec<(u32, u32)>, RetentionError> {
        let parsed = Retention::parse(retention)?;
        Ok(parsed.archives().iter().map(|archive| (archive.step.secs(), archive.points)).collect())
    }

    #[test]
    fn reads_points_and_durations_and_sorts() {
        assert_eq!(text("10s:6h,1m:7d,10m:1y"), Ok(vec![(10, 2160), (60, 10_080), (600, 52_560)]));
        assert_eq!(text(" 1hours:7d , 60:1440"), Ok(vec![(60, 1440), (3600, 168)]));
        assert_eq!(text("7:1d"), Ok(vec![(7, 12_342)]));
    }

    #[test]
    fn says_which_rule_is_broken() {
        assert_eq!(text(""), Err(RetentionError::Form(String::new())));
        assert_eq!(text("1x:1d"), Err(RetentionError::Unit("x".into())));
        assert_eq!(text("0s:1d"), Err(RetentionError::Zero("0s:1d".into())));
        assert_eq!(text("1m:30s"), Err(RetentionError::Zero("1m:30s".into())));
        assert_eq!(text("60:10,60:20"), Err(RetentionError::SameStep(60)));
        assert_eq!(text("60:10,90:100"), Err(RetentionError::Indivisible { fine: 60, coarse: 90 }));
        assert_eq!(text("10:6,60:1"), Err(RetentionError::NotLonger { fine: 10, coarse: 60 }));
        assert_eq!(text("10:5,60:10"), Err(RetentionError::TooFewPoints { fine: 10, coarse: 60, points: 5 }));
        assert!(matches!(text("1s:200y"), Err(RetentionError::TooLarge(_))));
        assert!(matches!(text("99999999999999999999s:1d"), Err(RetentionError::TooLarge(_))));
    }

    proptest! {
        #[test]
        fn never_panics(retention in "\\PC{0,40}", like in "[0-9smhdwy:, -]{0,30}") {
            let _ = text(&retention);
            if let Ok(archives) = text(&like) {
                prop_assert!(archives.windows(2).all(|pair| pair[0].0 < pair[1].0));
            }
        }
    }
}
