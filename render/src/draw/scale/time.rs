//! The time axis: ticks at round moments of the requested zone's civil time, so that noon stays noon over a change of
//! the clocks, in two levels: the time, and below it the date where the day changes.

use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan, ZonedDateTime};

/// A moment with its label, and a second one below where the larger unit changes.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::draw) struct TimeTick {
    /// Seconds since the epoch.
    pub at: i64,
    /// `14:00`, `5 Mar`, `2026`.
    pub label: String,
    /// `Thu 5 Mar`, `2026`.
    pub below: Option<String>,
}

/// Ticks and the changes of day (or month) that deserve a line.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::draw) struct TimeAxis {
    pub ticks: Vec<TimeTick>,
    pub changes: Vec<i64>,
}

/// The distance of ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Every {
    Seconds(i64),
    Days(i64),
    Months(i64),
    Years(i64),
}

const DAY: i64 = 86_400;

/// The longest label that a format makes.
const LABEL_CHARS_MAX: usize = 40;

const STEPS: [Every; 37] = [
    Every::Seconds(1),
    Every::Seconds(2),
    Every::Seconds(5),
    Every::Seconds(10),
    Every::Seconds(15),
    Every::Seconds(30),
    Every::Seconds(60),
    Every::Seconds(120),
    Every::Seconds(300),
    Every::Seconds(600),
    Every::Seconds(900),
    Every::Seconds(1800),
    Every::Seconds(3600),
    Every::Seconds(7200),
    Every::Seconds(10_800),
    Every::Seconds(21_600),
    Every::Seconds(43_200),
    Every::Days(1),
    Every::Days(2),
    Every::Days(7),
    Every::Days(14),
    Every::Months(1),
    Every::Months(2),
    Every::Months(3),
    Every::Months(6),
    Every::Years(1),
    Every::Years(2),
    Every::Years(5),
    Every::Years(10),
    Every::Years(20),
    Every::Years(50),
    Every::Years(100),
    Every::Years(200),
    Every::Years(500),
    Every::Years(1000),
    Every::Years(2000),
    Every::Years(5000),
];

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

impl Every {
    fn secs(self) -> i64 {
        match self {
            Every::Seconds(n) => n,
            Every::Days(n) => n * DAY,
            Every::Months(n) => n * 30 * DAY,
            Every::Years(n) => n * 365 * DAY,
        }
    }
}

/// The moment, or the nearest that a calendar of four-digit years knows.
fn moment(secs: i64) -> Timestamp {
    // Two days within the ends, so that every zone's civil time is within them too.
    let (first, last) = (Timestamp::MIN.as_second() + 2 * DAY, Timestamp::MAX.as_second() - 2 * DAY);
    Timestamp::from_second(secs.clamp(first, last)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Ticks from `from` to `until` (inclusive) for an axis of `width` pixels; `measure` tells how wide a label is, `format`
/// (strftime) what it says instead of what suits the distance of the ticks.
pub(in crate::draw) fn axis(
    (from, until): (i64, i64),
    zone: &TimeZone,
    format: Option<&str>,
    width: f32,
    measure: impl Fn(&str) -> f32,
) -> TimeAxis {
    // The calendar ends after four digits of the year, so nothing beyond has a label.
    let (from, until) = (moment(from).as_second(), moment(until).as_second());
    let span = until - from;
    if span <= 0 || width <= 0.0 {
        return TimeAxis::default();
    }
    let per_second = f64::from(width) / span as f64;
    let room = |every: Every| (every.secs() as f64 * per_second) as f32;
    let of_format = format.map(|format| measure(&formatted(format, &moment(from).to_zoned_datetime(zone.clone()))));
    let sample = |every: Every| match every {
        _ if of_format.is_some() => of_format.unwrap_or_default(),
        Every::Seconds(n) if n < 60 => measure("00:00:00"),
        Every::Seconds(_) => measure("00:00"),
        Every::Days(_) => measure("28 May"),
        Every::Months(_) => measure("May"),
        Every::Years(_) => measure("2026"),
    };
    let fits = |every: &Every| room(*every) >= sample(*every) + 28.0;
    let every = STEPS.into_iter().find(fits).unwrap_or(Every::Years(5000));
    let with_weekday = matches!(every, Every::Days(_)) && room(every) >= measure("Wed 28 May") + 16.0;
    let moments = match every {
        Every::Seconds(step) => clock_moments(from, until, step, zone),
        _ => calendar_moments(from, until, every, zone),
    };
    let mut ticks: Vec<TimeTick> = Vec::with_capacity(moments.len());
    let mut above: Option<DateTime> = None;
    for at in moments {
        // An hour that happens twice may leave too little room for its second label.
        if let Some(last) = ticks.last()
            && ((at - last.at) as f64 * per_second) < f64::from(sample(every) + 6.0)
        {
            continue;
        }
        let civil = zone.to_datetime(moment(at));
        let (label, below) = match format {
            Some(format) => (formatted(format, &moment(at).to_zoned_datetime(zone.clone())), None),
            None => labels(civil, above, every, with_weekday),
        };
        above = Some(civil);
        ticks.push(TimeTick { at, label, below });
    }
    TimeAxis { ticks, changes: changes(from, until, every, zone) }
}

/// A moment as a format of strftime has it; empty where the format is none.
fn formatted(format: &str, at: &ZonedDateTime) -> String {
    let text = strtime::format(format, at).unwrap_or_default();
    text.chars().take(LABEL_CHARS_MAX).collect()
}

/// Whether moments can be written in a format of strftime.
pub(crate) fn is_format(format: &str) -> bool {
    strtime::format(format, &Timestamp::UNIX_EPOCH.to_zoned_datetime(TimeZone::UTC)).is_ok()
}

fn labels(civil: DateTime, before: Option<DateTime>, every: Every, with_weekday: bool) -> (String, Option<String>) {
    let (day, month, year) = (civil.day(), MONTHS[civil.month() as usize - 1], civil.year());
    let weekday = WEEKDAYS[civil.weekday().to_monday_zero_offset() as usize];
    let new_year = before.is_none_or(|before| before.year() != year);
    match every {
        Every::Seconds(n) => {
            let label = match n {
                0..60 => format!("{:02}:{:02}:{:02}", civil.hour(), civil.minute(), civil.second()),
                _ => format!("{:02}:{:02}", civil.hour(), civil.minute()),
            };
            let new_day = before.is_none_or(|before| before.date() != civil.date());
            let date =
                if new_year { format!("{weekday} {day} {month} {year}") } else { format!("{weekday} {day} {month}") };
            (label, new_day.then_some(date))
        }
        Every::Days(_) => {
            let label = if with_weekday { format!("{weekday} {day} {month}") } else { format!("{day} {month}") };
            (label, new_year.then(|| year.to_string()))
        }
        Every::Months(_) => (month.to_owned(), new_year.then(|| year.to_string())),
        Every::Years(_) => (year.to_string(), None),
    }
}

/// Moments whose civil time is a multiple of `step` seconds since midnight, one stretch of constant offset at a time.
fn clock_moments(from: i64, until: i64, step: i64, zone: &TimeZone) -> Vec<i64> {
    let mut moments = Vec::new();
    let mut start = from;
    while start <= until {
        let now = moment(start);
        let offset = i64::from(zone.to_offset(now).seconds());
        let next = zone.following(now).next().map_or(i64::MAX, |change| change.timestamp().as_second());
        let end = until.min(next.saturating_sub(1));
        let mut at = start + (-(start + offset)).rem_euclid(step);
        while at <= end {
            moments.push(at);
            at += step;
        }
        if next <= start || next > until {
            break;
        }
        start = next;
    }
    moments
}

/// The first moments of days, months or years.
fn calendar_moments(from: i64, until: i64, every: Every, zone: &TimeZone) -> Vec<i64> {
    let first = zone.to_datetime(moment(from)).date();
    let mut moments = Vec::new();
    let mut date = Some(first_date(first, every));
    while let Some(day) = date {
        let Some(at) = day_start(day, zone) else { break };
        if at > until {
            break;
        }
        if at >= from {
            moments.push(at);
        }
        date = next_date(day, every);
    }
    moments
}

/// The start of the period that holds the date; periods are counted from fixed dates, so that they do not move when
/// the window does.
fn first_date(date: Date, every: Every) -> Date {
    let back = |days: i64| date.checked_sub(days.days()).unwrap_or(date);
    // Monday, 5 January 1970.
    let monday = Date::constant(1970, 1, 5);
    match every {
        Every::Seconds(_) => date,
        Every::Days(n) => {
            let since = date.since(monday).map_or(0, |span| i64::from(span.get_days()));
            back(since.rem_euclid(n))
        }
        Every::Months(n) => {
            let month = i64::from(date.month()) - 1;
            Date::new(date.year(), (month - month % n + 1) as i8, 1).unwrap_or(date)
        }
        Every::Years(n) => {
            let year = i64::from(date.year());
            Date::new((year - year.rem_euclid(n)) as i16, 1, 1).unwrap_or(date)
        }
    }
}

fn next_date(date: Date, every: Every) -> Option<Date> {
    match every {
        Every::Seconds(_) => date.checked_add(1.days()).ok(),
        Every::Days(n) => date.checked_add(n.days()).ok(),
        Every::Months(n) => date.checked_add(n.months()).ok(),
        Every::Years(n) => date.checked_add(n.years()).ok(),
    }
}

/// The first moment of a day: midnight, or the end of the gap where the clocks skip it.
fn day_start(date: Date, zone: &TimeZone) -> Option<i64> {
    Some(date.to_zoned_datetime(zone.clone()).ok()?.timestamp().as_second())
}

/// Day changes under a clock axis, each day under one of days; month changes above a month's length.
fn changes(from: i64, until: i64, every: Every, zone: &TimeZone) -> Vec<i64> {
    let unit = match every {
        Every::Seconds(_) | Every::Days(1) => Every::Days(1),
        Every::Days(_) => Every::Months(1),
        _ => Every::Years(1),
    };
    let moments = calendar_moments(from, until, unit, zone);
    // A line a few pixels after the other is a texture, not a mark.
    if moments.len() > 24 { Vec::new() } else { moments }
}

/// The zone as the corner of a picture names it: `CET (UTC+01:00)`; both offsets where the clocks change in between.
pub(in crate::draw) fn zone_name(from: i64, until: i64, zone: &TimeZone) -> String {
    let name = |at: i64| {
        let info = zone.to_offset_info(moment(at));
        (info.abbreviation().to_owned(), info.offset())
    };
    let (before, after) = (name(from), name(until));
    if after.1 == Offset::UTC && before.1 == Offset::UTC && zone.iana_name().is_none_or(|name| name == "UTC") {
        return "UTC".to_owned();
    }
    // Zones without a name of their own are abbreviated as a number, which the offset says better.
    let numeric = |text: &str| !text.starts_with(|c: char| c.is_ascii_alphabetic());
    let text = if numeric(&after.0) || numeric(&before.0) {
        zone.iana_name().unwrap_or_default().to_owned()
    } else if before.0 == after.0 {
        after.0
    } else {
        format!("{}→{}", before.0, after.0)
    };
    let offsets = if before.1 == after.1 {
        format!("UTC{}", offset(after.1))
    } else {
        format!("UTC{}→{}", offset(before.1), offset(after.1))
    };
    if text.is_empty() { offsets } else { format!("{text} ({offsets})") }
}

fn offset(offset: Offset) -> String {
    let secs = offset.seconds();
    let sign = if secs < 0 { '−' } else { '+' };
    let minutes = secs.abs() / 60;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// A moment in a sentence: `Thu 5 Mar 15:05`.
pub(in crate::draw) fn spoken(at: i64, zone: &TimeZone) -> String {
    let civil = zone.to_datetime(moment(at));
    let weekday = WEEKDAYS[civil.weekday().to_monday_zero_offset() as usize];
    let month = MONTHS[civil.month() as usize - 1];
    format!("{weekday} {} {month} {:02}:{:02}", civil.day(), civil.hour(), civil.minute())
}

#[cfg(test)]
#[path = "time_tests.rs"]
mod tests;
