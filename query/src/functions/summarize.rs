//! Transform into buckets of time: hitcount, smartSummarize, summarize.

use super::{Again, Args, Body, Function, Group, Need, Param, Slots, Takes};
use crate::aggregation::{Aggregation, count_present};
use crate::error::Fault;
use crate::evaluate::{Evaluation, argument};
use crate::series::Series;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use tsdb::{GAP, Step, Timestamp, Window, is_gap};

const INTERVAL: Param = Param::new("intervalString", Takes::Duration).suggests(&["10min", "1h", "1d"]);
const FUNC: Param = Param::new("func", Takes::Aggregation).default(Need::Word("sum"));

const OBJECTIVE: [Param; 3] = [
    Param::new("interval", Takes::Duration).suggests(&["10min", "1h", "1d"]),
    Param::new("method", Takes::Choice(&["above", "aboveOrEqual", "below", "belowOrEqual"])),
    Param::new("value", Takes::Number),
];

/// The family, by name.
pub const ALL: &[Function] = &[
    Function::new(
        "hitcount",
        Group::Transform,
        "What happened in buckets of `intervalString`, where values are rates per second; they end where the series does, or begin at whole intervals of the calendar if `alignToInterval`.",
        &[Param::SERIES, INTERVAL, Param::new("alignToInterval", Takes::Flag).default(Need::Flag(false))],
        Body::Lists(hitcount),
    )
    .again(from_whole_interval)
    .step(interval)
    .prints(", ", &["intervalString", "alignToInterval"])
    .tags(&[("hitcount", "intervalString")]),
    Function::new(
        "slo",
        Group::Transform,
        "The share of the values in each `interval` that are `above`, `aboveOrEqual`, `below` or `belowOrEqual` the `value`.",
        &[Param::SERIES, OBJECTIVE[0], OBJECTIVE[1], OBJECTIVE[2]],
        Body::Series(|args, series| Ok(shares(args, series)?.1)),
    )
    .step(|args| step_of(args, "interval"))
    .prints(", ", &["interval", "method", "value"])
    .tags(&[("slo", "interval"), ("sloMethod", "method"), ("sloValue", "value")]),
    Function::new(
        "sloErrorBudget",
        Group::Transform,
        "The seconds of each `interval` that might still fail, less than 0 where too many did: the share that `slo` tells less the `objective`, times its length.",
        &[Param::SERIES, OBJECTIVE[0], OBJECTIVE[1], OBJECTIVE[2], Param::new("objective", Takes::Share)],
        Body::Series(error_budget),
    )
    .step(|args| step_of(args, "interval"))
    .prints(", ", &["interval", "method", "value", "objective"])
    .tags(&[("sloErrorBudget", "interval"), ("sloMethod", "method"), ("sloValue", "value"), ("sloObjective", "objective")]),
    Function::new(
        "smartSummarize",
        Group::Transform,
        "Buckets of `intervalString`, each made one value by `func`; they begin where the series does, or where the `alignTo` of the request's start begins.",
        &[Param::SERIES, INTERVAL, FUNC, Param::new("alignTo", Takes::CalendarUnit).optional()],
        Body::Series(smart_summarize),
    )
    .again(from_whole_unit)
    .step(interval)
    .prints(", ", &["intervalString", "func"])
    .tags(&[("smartSummarize", "intervalString"), ("smartSummarizeFunction", "func")]),
    Function::new(
        "summarize",
        Group::Transform,
        "Buckets of `intervalString`, each made one value by `func`; they begin at multiples of the interval since 1970 in UTC, or at the first point if `alignToFrom`.",
        &[Param::SERIES, INTERVAL, FUNC, Param::new("alignToFrom", Takes::Flag).default(Need::Flag(false))],
        Body::Series(summarize),
    )
    .step(interval)
    .prints(", ", &["intervalString", "func", "alignToFrom"])
    .tags(&[("summarize", "intervalString"), ("summarizeFunction", "func")]),
];

fn interval(args: &Args<'_>) -> Option<Step> {
    step_of(args, "intervalString")
}

fn step_of(args: &Args<'_>, param: &str) -> Option<Step> {
    Step::new(u32::try_from(args.duration_secs(param)).ok()?)
}

fn whole_interval(args: &Args<'_>) -> Result<Step, Fault> {
    interval(args).ok_or_else(|| too_long(args))
}

fn too_long(args: &Args<'_>) -> Fault {
    argument(args.function, "the interval is too long".to_owned())
}

/// What keeps to the objective is 1 and what does not is 0: the share is their mean. Buckets are those of `summarize`.
fn shares(args: &Args<'_>, series: &Series) -> Result<(Step, Slots), Fault> {
    let step = step_of(args, "interval").ok_or_else(|| too_long(args))?;
    let (method, limit) = (args.text("method"), args.number("value"));
    let keeps = |value: f64| match method {
        "above" => value > limit,
        "aboveOrEqual" => value >= limit,
        "below" => value < limit,
        _ => value <= limit,
    };
    let judged = |value: &f64| if is_gap(*value) { GAP } else { f64::from(u8::from(keeps(*value))) };
    let judged = Series { values: series.values.iter().map(judged).collect(), sketches: None, ..series.clone() };
    let (start, end) = (series.start.floor(step), series.end.floor(step) + i64::from(step.secs()));
    let Buckets { values, end } = buckets(args, &judged, Aggregation::Average, (start, end, step))?;
    Ok((step, Slots { start, end, step, values }))
}

/// A bucket that the series fills in part has that part's seconds.
fn error_budget(args: &Args<'_>, series: &Series) -> Result<Slots, Fault> {
    let objective = args.number("objective");
    let (step, mut slots) = shares(args, series)?;
    let mut begin = slots.start;
    for value in &mut slots.values {
        let end = begin + i64::from(step.secs());
        let secs = end.min(series.end) - begin.max(series.start);
        *value = (*value - objective) * secs as f64;
        begin = end;
    }
    Ok(slots)
}

/// The bucket that the end falls into is always given, even when nothing has fallen into it yet.
fn summarize(args: &Args<'_>, series: &Series) -> Result<Slots, Fault> {
    let step = whole_interval(args)?;
    let secs = i64::from(step.secs());
    let (start, end) = match args.flag("alignToFrom") {
        true => (series.start, series.end),
        false => (series.start.floor(step), series.end.floor(step) + secs),
    };
    let Buckets { values, end } = buckets(args, series, args.aggregation("func"), (start, end, step))?;
    Ok(Slots { start, end, step, values })
}

fn smart_summarize(args: &Args<'_>, series: &Series) -> Result<Slots, Fault> {
    let (start, step) = (series.start, whole_interval(args)?);
    let Buckets { values, end } = buckets(args, series, args.aggregation("func"), (start, series.end, step))?;
    Ok(Slots { start, end, step, values })
}

/// Values, and where the last bucket ends.
pub(super) struct Buckets {
    pub values: Vec<f64>,
    pub end: Timestamp,
}

/// As many buckets of a step as reach from a start to an end or past it.
pub(super) fn buckets(
    args: &Args<'_>,
    series: &Series,
    method: Aggregation,
    (start, end, step): (Timestamp, Timestamp, Step),
) -> Result<Buckets, Fault> {
    let secs = i64::from(step.secs());
    let buckets = count(args, end - start, secs)?;
    let slots_before = |at: Timestamp| {
        let before = (at - series.start + i64::from(series.step.secs()) - 1).div_euclid(i64::from(series.step.secs()));
        usize::try_from(before).unwrap_or(0)
    };
    // A series moved in time may have more values than its range has slots: those count for nothing.
    let room = slots_before(series.end).min(series.values.len());
    let first_of = |at: Timestamp| slots_before(at).min(room);
    let slots_full = secs as f64 / f64::from(series.step.secs());
    let sketches = match (method, &series.sketches) {
        (Aggregation::Quantile(quantile), Some(sketches)) => sketches.clone().quantile(quantile),
        _ => None,
    };
    let bucket = |at: u64| {
        let begin = start + at as i64 * secs;
        let slots = &series.values[first_of(begin)..first_of(begin + secs)];
        let present = count_present(slots);
        if present == 0 || (present as f64) / slots_full < series.x_files_factor {
            return GAP;
        }
        // Of all samples, not of the values that were computed from them.
        let merged = sketches.as_ref().map(|sketches| sketches.value(first_of(begin), slots.len(), series.step));
        merged.unwrap_or_else(|| method.over(slots))
    };
    Ok(Buckets { values: (0..buckets).map(bucket).collect(), end: start + buckets as i64 * secs })
}

fn count(args: &Args<'_>, length_secs: i64, secs: i64) -> Result<u64, Fault> {
    let buckets = u64::try_from((length_secs + secs - 1).div_euclid(secs)).unwrap_or(0);
    if buckets > args.limits.points {
        let wanted = format!("{buckets} buckets");
        return Err(Fault::Limit { limit: "points", allowed: args.limits.points, wanted });
    }
    Ok(buckets)
}

fn hitcount(run: &mut Evaluation<'_>, args: &Args<'_>, lists: Vec<Vec<Series>>) -> Result<Vec<Series>, Fault> {
    let mut series: Vec<Series> = lists.into_iter().flatten().collect();
    let step = whole_interval(args)?;
    let secs = i64::from(step.secs());
    for series in &mut series {
        if args.flag("alignToInterval") {
            series.end = series.start + (series.end - series.start).div_euclid(secs) * secs + secs;
        }
        let values = hits(args, series, secs)?;
        let start = series.end - values.len() as i64 * secs;
        run.replace(series, Slots { start, end: series.end, step, values })?;
        run.wrap(args, series)?;
    }
    Ok(series)
}

/// Each value is spread over the buckets that its slot touches, by seconds. The last bucket takes what is past the end.
fn hits(args: &Args<'_>, series: &Series, secs: i64) -> Result<Vec<f64>, Fault> {
    let count = count(args, series.end - series.start, secs)? as i64;
    let mut hits = vec![GAP; count as usize];
    let mut hit = |bucket: i64, hit: f64| {
        if let Some(sum) = usize::try_from(bucket).ok().and_then(|bucket| hits.get_mut(bucket)) {
            *sum = if is_gap(*sum) { hit } else { *sum + hit };
        }
    };
    let (start, step) = (series.end - count * secs, i64::from(series.step.secs()));
    for (at, value) in (0..).zip(&series.values).filter(|(_, value)| !is_gap(**value)) {
        let begin = series.start - start + at * step;
        let (first, first_secs) = (begin.div_euclid(secs), begin.rem_euclid(secs));
        let (mut last, mut last_secs) = ((begin + step).div_euclid(secs), (begin + step).rem_euclid(secs));
        if last >= count {
            (last, last_secs) = (count - 1, secs);
        }
        if first == last {
            hit(first, value * (last_secs - first_secs) as f64);
            continue;
        }
        hit(first, value * (secs - first_secs) as f64);
        (first + 1..last).for_each(|bucket| hit(bucket, value * secs as f64));
        if last_secs > 0 && last > first {
            hit(last, value * last_secs as f64);
        }
    }
    Ok(hits)
}

/// Read anew from where the day, hour or minute of the request's start began, whichever the interval is longer than.
fn from_whole_interval(args: &Args<'_>) -> Result<Again, Fault> {
    if !args.flag("alignToInterval") {
        return Ok(Again { own: true, windows: Vec::new() });
    }
    let unit = match args.duration_secs("intervalString") {
        86400.. => Unit::Day,
        3600.. => Unit::Hour,
        60.. => Unit::Minute,
        _ => Unit::Second,
    };
    from_begin_of(args, unit)
}

fn from_whole_unit(args: &Args<'_>) -> Result<Again, Fault> {
    let Some(text) = args.maybe_text("alignTo") else { return Ok(Again { own: true, windows: Vec::new() }) };
    let unknown = || argument(args.function, format!("`alignTo`: `{text}` is no unit of the calendar"));
    let known = UNITS.iter().find(|(prefix, _)| text.starts_with(prefix));
    let (_, mut unit) = *known.ok_or_else(unknown)?;
    if let (Unit::Week(day), Some(last)) = (&mut unit, text.chars().next_back().filter(|c| !c.is_alphabetic())) {
        *day = last.to_digit(10).filter(|day| (1..=7).contains(day)).ok_or_else(unknown)? as i8;
    }
    from_begin_of(args, unit)
}

#[derive(Clone, Copy)]
enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    /// The day that it begins with, Monday being 1.
    Week(i8),
    Month,
    Year,
}

/// By how they begin, as everywhere in Graphite.
const UNITS: [(&str, Unit); 7] = [
    ("s", Unit::Second),
    ("min", Unit::Minute),
    ("h", Unit::Hour),
    ("d", Unit::Day),
    ("w", Unit::Week(1)),
    ("mon", Unit::Month),
    ("y", Unit::Year),
];

fn from_begin_of(args: &Args<'_>, unit: Unit) -> Result<Again, Fault> {
    let from = begin_of(unit, args.window.from, args.zone).unwrap_or(args.window.from);
    Ok(Again { own: false, windows: vec![Window { from, until: args.window.until }] })
}

/// Where the unit that a moment lies in began, by a clock that goes as the zone's does at that moment: graphite-web
/// takes the summer's offset back into winter.
fn begin_of(unit: Unit, at: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let instant = jiff::Timestamp::from_second(at.0).ok()?;
    let offset = zone.to_offset(instant);
    let local = offset.to_datetime(instant);
    let (date, hour, minute) = (local.date(), local.hour(), local.minute());
    let clock = |hour, minute| Time::new(hour, minute, 0, 0).ok();
    let (date, time) = match unit {
        Unit::Second => return Some(at),
        Unit::Minute => (date, clock(hour, minute)?),
        Unit::Hour => (date, clock(hour, 0)?),
        Unit::Day => (date, clock(0, 0)?),
        Unit::Week(day) => {
            let since = (date.weekday().to_monday_one_offset() - day).rem_euclid(7);
            (date.checked_sub(jiff::Span::new().days(since)).ok()?, clock(0, 0)?)
        }
        Unit::Month => (Date::new(date.year(), date.month(), 1).ok()?, clock(0, 0)?),
        Unit::Year => (Date::new(date.year(), 1, 1).ok()?, clock(0, 0)?),
    };
    let begin = offset.to_timestamp(DateTime::from_parts(date, time)).ok()?;
    Some(Timestamp(begin.as_second()))
}
