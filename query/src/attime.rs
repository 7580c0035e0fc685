//! Graphite's `from` and `until`: `-6h`, `midnight`, `noon_yesterday`, `14:30_20240402`, `04/02/24`, epoch seconds.
//!
//! The clock is the caller's `now`, the calendar the caller's zone. Offsets are absolute: a day is 24 hours, a month
//! 30 days, a year 365, whatever the zone does meanwhile.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use nom::Parser;
use nom::character::complete::{alpha0, digit1};
use nom::error::Error as NomError;
use thiserror::Error;
use tsdb::{Timestamp, Window};

/// Longer than any time that means something; what is longer is not looked at.
const TEXT_BYTES_MAX: usize = 128;
/// The years 1 to 9999, which is what a calendar date can say.
const REACH_SECS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// Why a time cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TimeError {
    /// No word, date or time of day that is known.
    #[error("unknown time reference `{0}`")]
    UnknownReference(String),
    /// Hour, minute, day or month out of range.
    #[error("`{0}` is no time that a clock or calendar shows")]
    NoSuchTime(String),
    /// An offset whose number is missing: `-h`, `-1h-30min`.
    #[error("a number is missing in the offset `{0}`")]
    MissingNumber(String),
    /// An offset in a unit other than s, min, h, d, w, mon, y.
    #[error("invalid unit `{0}` of an offset: one of s, min, h, d, w, mon, y is expected")]
    UnknownUnit(String),
    /// Before the year 1, after 9999, or longer than any time is.
    #[error("the time is out of range")]
    OutOfRange,
    /// `from` and `until` are the same moment.
    #[error("the time range is empty")]
    EmptyRange,
}

/// Reads one time.
pub fn parse(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, TimeError> {
    let text = squeeze(text)?;
    if let Some(epoch) = epoch_secs(&text) {
        return within(epoch?);
    }
    let split = text.find('+').or_else(|| text.find('-')).unwrap_or(text.len());
    let (reference, offset) = text.split_at(split);
    let at = parse_reference(reference, now, zone)?;
    within(at.0.checked_add(parse_offset(offset)?).ok_or(TimeError::OutOfRange)?)
}

/// The range of a request: a day up to now unless said otherwise, turned round if it is the wrong way round.
pub fn window(from: Option<&str>, until: Option<&str>, now: Timestamp, zone: &TimeZone) -> Result<Window, TimeError> {
    let from = parse(from.unwrap_or("-1d"), now, zone)?;
    let until = parse(until.unwrap_or("now"), now, zone)?;
    if from == until {
        return Err(TimeError::EmptyRange);
    }
    Ok(Window { from: from.min(until), until: from.max(until) })
}

/// A length of time in seconds: `5min`, `1hour30min`, `-2d`; the sign counts.
pub fn interval_secs(text: &str) -> Result<i64, TimeError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(TimeError::OutOfRange);
    }
    parse_offset(text)
}

/// Lower case, without the separators that mean nothing.
fn squeeze(text: &str) -> Result<String, TimeError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(TimeError::OutOfRange);
    }
    let text: String = text.trim().to_lowercase().chars().filter(|c| !matches!(c, '_' | ',' | ' ')).collect();
    if text.is_ascii() { Ok(text) } else { Err(TimeError::UnknownReference(text)) }
}

/// Digits alone are epoch seconds, unless eight of them could be a date.
fn epoch_secs(text: &str) -> Option<Result<i64, TimeError>> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let looks_like_date = text.len() == 8 && number(&text[..4])? > 1900 && number(&text[4..6])? < 13;
    if looks_like_date && number(&text[6..])? < 32 {
        return None;
    }
    Some(text.parse().map_err(|_| TimeError::OutOfRange))
}

fn within(secs: i64) -> Result<Timestamp, TimeError> {
    if REACH_SECS.contains(&secs) { Ok(Timestamp(secs)) } else { Err(TimeError::OutOfRange) }
}

fn number(digits: &str) -> Option<i64> {
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// A reference is a time of day, a day, or both; seconds become 0. Empty means now.
fn parse_reference(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, TimeError> {
    if text.is_empty() || text == "now" {
        return Ok(now);
    }
    let unknown = || TimeError::UnknownReference(text.to_owned());
    let today = jiff::Timestamp::from_second(now.0).map_err(|_| TimeError::OutOfRange)?;
    let today = zone.to_datetime(today).date();
    let (hour, minute, day) = time_of_day(text).ok_or_else(unknown)?;
    let date = day_of(day, today).ok_or_else(unknown)?;
    let time = i8::try_from(hour).ok().zip(i8::try_from(minute).ok());
    let time = time.and_then(|(hour, minute)| Time::new(hour, minute, 0, 0).ok());
    match (date, time) {
        (Some(date), Some(time)) => local(DateTime::from_parts(date, time), zone),
        _ => Err(TimeError::NoSuchTime(text.to_owned())),
    }
}

/// Hour and minute, and the rest of the text. `12am` is noon and `12pm` midnight, as graphite-web has it: dashboards
/// were drawn with it.
fn time_of_day(text: &str) -> Option<(i64, i64, &str)> {
    let (mut hour, mut minute, mut rest) = (0, 0, text);
    if let Some(colon @ 1..=2) = rest.find(':') {
        hour = number(&rest[..colon])?;
        let after = &rest[colon + 1..];
        let digits = after.len().min(2);
        minute = number(&after[..digits])?;
        rest = &after[digits..];
        if let Some(after) = rest.strip_prefix("am") {
            rest = after;
        } else if let Some(after) = rest.strip_prefix("pm") {
            (hour, rest) = ((hour + 12) % 24, after);
        }
    }
    if let Some(at @ 1..=2) = rest.find("am") {
        (hour, rest) = (number(&rest[..at])?, &rest[at + 2..]);
    }
    if let Some(at @ 1..=2) = rest.find("pm") {
        (hour, rest) = ((number(&rest[..at])? + 12) % 24, &rest[at + 2..]);
    }
    for (word, at) in [("noon", 12), ("midnight", 0), ("teatime", 16)] {
        if let Some(after) = rest.strip_prefix(word) {
            return Some((at, 0, after));
        }
    }
    Some((hour, minute, rest))
}

/// `None` when the words are unknown, `Some(None)` when they name a day that no calendar has.
fn day_of(text: &str, today: Date) -> Option<Option<Date>> {
    let shifted = |days: i64| today.checked_add(jiff::Span::new().days(days)).ok();
    Some(match text {
        "" | "today" => Some(today),
        "yesterday" => shifted(-1),
        "tomorrow" => shifted(1),
        _ if text.matches('/').count() == 2 => {
            let mut parts = text.split('/').map(number);
            let (month, day, year) = (parts.next()??, parts.next()??, parts.next()??);
            // Two digits are a year from 1970 to 2069.
            let year = if year < 1900 { year + 1900 } else { year };
            date(if year < 1970 { year + 100 } else { year }, month, day)
        }
        _ if text.len() == 8 && number(text).is_some() => {
            date(number(&text[..4])?, number(&text[4..6])?, number(&text[6..])?)
        }
        _ => match text.get(..3) {
            Some(word) if MONTHS.contains(&word) => {
                let month = MONTHS.iter().position(|name| *name == word)? as i64 + 1;
                let tail = |digits: usize| text.len().checked_sub(digits).and_then(|at| number(&text[at..]));
                date(i64::from(today.year()), month, tail(2).or_else(|| tail(1))?)
            }
            Some(word) => {
                // The most recent such day; today counts.
                let wanted = WEEKDAYS.iter().position(|name| *name == word)? as i64;
                let today = i64::from(today.weekday().to_sunday_zero_offset());
                shifted(-(today - wanted).rem_euclid(7))
            }
            None => return None,
        },
    })
}

fn date(year: i64, month: i64, day: i64) -> Option<Date> {
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// A local time that the clock skipped counts as if it had not been set forward; one that came twice is the later.
fn local(at: DateTime, zone: &TimeZone) -> Result<Timestamp, TimeError> {
    let offset = match zone.to_ambiguous_timestamp(at).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Gap { before, .. } => before,
        AmbiguousOffset::Fold { after, .. } => after,
    };
    let stamp = offset.to_timestamp(at).map_err(|_| TimeError::OutOfRange)?;
    Ok(Timestamp(stamp.as_second()))
}

/// One sign (none is plus), then number and unit, repeated.
fn parse_offset(text: &str) -> Result<i64, TimeError> {
    let (sign, mut rest) = match text.as_bytes().first() {
        None => return Ok(0),
        Some(b'+') => (1, &text[1..]),
        Some(b'-') => (-1, &text[1..]),
        Some(b'0'..=b'9') => (1, text),
        Some(_) => return Err(TimeError::MissingNumber(text.to_owned())),
    };
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let part = (digit1::<&str, NomError<&str>>, alpha0).parse(rest);
        let (after, (count, unit)) = part.map_err(|_| TimeError::MissingNumber(text.to_owned()))?;
        let count: i64 = count.parse().map_err(|_| TimeError::OutOfRange)?;
        let secs = count.checked_mul(unit_secs(unit)?).ok_or(TimeError::OutOfRange)?;
        total = total.checked_add(sign * secs).ok_or(TimeError::OutOfRange)?;
        rest = after;
    }
    Ok(total)
}

/// Units are known by how they begin, so `5minutes` and `5min` are one; `m` alone could be two things and is none.
fn unit_secs(unit: &str) -> Result<i64, TimeError> {
    const PREFIXES: [(&str, i64); 7] =
        [("s", 1), ("min", 60), ("h", 3600), ("d", 86400), ("w", 7 * 86400), ("mon", 30 * 86400), ("y", 365 * 86400)];
    let known = PREFIXES.iter().find(|(prefix, _)| unit.starts_with(prefix));
    known.map(|(_, secs)| *secs).ok_or_else(|| TimeError::UnknownUnit(unit.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-04-02T14:37:23Z, a Tuesday.
    const NOW: Timestamp = Timestamp(1_712_068_643);

    fn at(text: &str, zone: &str) -> Result<i64, TimeError> {
        parse(text, NOW, &TimeZone::get(zone).unwrap()).map(|at| at.0)
    }

    #[test]
    fn reads_what_the_manual_lists() {
        let midnight = 1_712_016_000;
        for (text, secs) in [
            ("", NOW.0),
            ("now", NOW.0),
            ("-90s", NOW.0 - 90),
            ("now-1hour30min", NOW.0 - 5400),
            ("-1mon", NOW.0 - 30 * 86400),
            ("+1h", NOW.0 + 3600),
            ("midnight", midnight),
            ("midnight+1h", midnight + 3600),
            ("noon yesterday", midnight - 43200),
            ("teatime", midnight + 16 * 3600),
            ("6pm today", midnight + 18 * 3600),
            ("12am", midnight + 12 * 3600),
            ("12:30pm", midnight + 1800),
            ("9:5", midnight + 9 * 3600 + 300),
            ("14:30_20240401", midnight - 86400 + 14 * 3600 + 1800),
            ("4/2/24", midnight),
            ("apr02", midnight),
            ("mon", midnight - 86400),
            ("tue", midnight),
            ("wednesday", midnight - 6 * 86400),
            ("1712065043", 1_712_065_043),
            ("0", 0),
        ] {
            assert_eq!(at(text, "UTC"), Ok(secs), "{text}");
        }
    }

    #[test]
    fn names_what_it_cannot_read() {
        use TimeError::*;
        for (text, why) in [
            ("bogus", UnknownReference("bogus".into())),
            ("1h", UnknownReference("1h".into())),
            ("jan", UnknownReference("jan".into())),
            ("25:00", NoSuchTime("25:00".into())),
            ("20241332", OutOfRange),
            ("02/30/2024", NoSuchTime("02/30/2024".into())),
            ("-1ms", UnknownUnit("ms".into())),
            ("-5", UnknownUnit(String::new())),
            ("-1h-30min", MissingNumber("-1h-30min".into())),
            ("99999999999999", OutOfRange),
            ("-99999999999999999999y", OutOfRange),
            ("ünïcode", UnknownReference("ünïcode".into())),
        ] {
            if text == "20241332" {
                // Month 13 makes it no date, so it is seconds.
                assert_eq!(at(text, "UTC"), Ok(20_241_332));
                continue;
            }
            assert_eq!(at(text, "UTC"), Err(why), "{text}");
        }
        assert_eq!(window(Some("-1h"), Some("-1h"), NOW, &TimeZone::UTC), Err(EmptyRange));
    }

    #[test]
    fn skipped_and_doubled_hours_of_a_zone_have_one_meaning() {
        // 02:30 does not exist on 10 March: it counts as standard time, 03:30 on the clock.
        assert_eq!(at("02:30_20240310", "America/New_York"), Ok(1_710_055_800));
        // 01:30 comes twice on 3 November; the second, in standard time, is meant.
        assert_eq!(at("01:30_20241103", "America/New_York"), Ok(1_730_615_400));
    }
}
