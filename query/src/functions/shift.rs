//! Other times than the caller's: series moved in time, laid over each other, cut, or carried on as a line.

use super::{Again, Args, Body, Function, Group, Need, Param, Renames, Slots, Takes};
use crate::attime;
use crate::error::Fault;
use crate::evaluate::{Evaluation, argument};
use crate::series::{Consolidation, Series, Style};
use jiff::tz::TimeZone;
use tsdb::{GAP, Timestamp, Window, is_gap};

type Answer = Result<Vec<Series>, Fault>;

pub(super) const SHIFTS: &[&str] = &["1h", "6h", "12h", "1d", "2d", "7d", "14d", "30d"];

/// The family, by name.
pub const ALL: &[Function] = &[
    Function::new(
        "linearRegression",
        Group::Calculate,
        "The straight line that is nearest to the values between `startSourceAt` and `endSourceAt`, or to those of the request.",
        &[
            Param::SERIES,
            Param::new("startSourceAt", Takes::Date).optional(),
            Param::new("endSourceAt", Takes::Date).optional(),
        ],
        Body::Lists(linear_regression),
    )
    .again(|args| Ok(Again { own: true, windows: vec![source_window(args)?] })),
    Function::new(
        "timeShift",
        Group::Transform,
        "The series as it was `timeShift` before, at the times of the request; it ends where the request does if `resetEnd`. `alignDst` means nothing here: shifts are absolute.",
        &[
            Param::SERIES,
            Param::new("timeShift", Takes::Shift).suggests(SHIFTS),
            Param::new("resetEnd", Takes::Flag).default(Need::Flag(true)),
            Param::new("alignDst", Takes::Flag).default(Need::Flag(false)),
        ],
        Body::Lists(time_shift),
    )
    .again(|args| Ok(Again { own: true, windows: vec![moved(args.window, args.duration_secs("timeShift"), 1)] }))
    .renames(Renames::Name)
    .prints(", ", &["timeShift"])
    .tags(&[("timeShift", "timeShift")]),
    Function::new(
        "timeSlice",
        Group::Transform,
        "Only the values from `startSliceAt` to `endSliceAt`.",
        &[
            Param::SERIES,
            Param::new("startSliceAt", Takes::Date),
            Param::new("endSliceAt", Takes::Date).default(Need::Word("now")),
        ],
        Body::Lists(time_slice),
    ),
    Function::new(
        "timeStack",
        Group::Transform,
        "The series as it was so many `timeShiftUnit` before, for each number from `timeShiftStart` up to, not including, `timeShiftEnd`.",
        &[
            Param::SERIES,
            Param::new("timeShiftUnit", Takes::Shift).default(Need::Word("1d")).suggests(SHIFTS),
            Param::new("timeShiftStart", Takes::Integer).default(Need::Integer(0)),
            Param::new("timeShiftEnd", Takes::Integer).default(Need::Integer(7)),
        ],
        Body::Lists(time_stack),
    )
    .again(|args| {
        let secs = args.duration_secs("timeShiftUnit");
        Ok(Again { own: true, windows: shifts(args)?.map(|times| moved(args.window, secs, times)).collect() })
    }),
];

/// Far enough for any calendar; a sum with a window's bounds does not overflow.
const SHIFT_SECS_MAX: i64 = 1 << 40;

pub(super) fn moved(window: Window, secs: i64, times: i64) -> Window {
    let by = secs.saturating_mul(times).clamp(-SHIFT_SECS_MAX, SHIFT_SECS_MAX);
    Window { from: window.from + by, until: window.until + by }
}

/// What a clock in the zone shows, summer time taken back, read as if it stood in UTC: graphite-web's idea of the
/// request's start.
pub(super) fn local_secs(at: Timestamp, zone: &TimeZone) -> i64 {
    let Ok(instant) = jiff::Timestamp::from_second(at.0) else { return at.0 };
    let shown = zone.to_offset_info(instant);
    at.0 + i64::from(shown.offset().seconds()) - if shown.dst().is_dst() { 3600 } else { 0 }
}

/// A moment in an argument: the request's zone does not count there.
fn moment(text: &str, args: &Args<'_>) -> Result<Timestamp, Fault> {
    Ok(attime::parse(text, args.now, &TimeZone::UTC)?)
}

/// The first of the lists is in the caller's window, the second in the other one.
fn own_and_others(lists: Vec<Vec<Series>>) -> (Vec<Series>, impl Iterator<Item = Vec<Series>>) {
    let mut lists = lists.into_iter();
    (lists.next().unwrap_or_default(), lists)
}

/// All take the times of the first series, whatever their own are.
fn time_shift(run: &mut Evaluation<'_>, args: &Args<'_>, lists: Vec<Vec<Series>>) -> Answer {
    let (own, shifted) = own_and_others(lists);
    let Some(first) = own.first() else { return Ok(Vec::new()) };
    let mut shifted: Vec<Series> = shifted.flatten().collect();
    for series in &mut shifted {
        let end = if args.flag("resetEnd") { first.end } else { first.start + (series.end - series.start) };
        (series.start, series.end) = (first.start, end);
        run.wrap(args, series)?;
    }
    Ok(shifted)
}

pub(super) fn shifts(args: &Args<'_>) -> Result<std::ops::Range<i64>, Fault> {
    let (start, end) = (args.integer("timeShiftStart"), args.integer("timeShiftEnd"));
    let (allowed, count) = (args.limits.series as u64, end.saturating_sub(start));
    if count > 0 && count.unsigned_abs() > allowed {
        return Err(Fault::Limit { limit: "series", allowed, wanted: format!("{count} shifts") });
    }
    Ok(start..end)
}

fn time_stack(run: &mut Evaluation<'_>, args: &Args<'_>, lists: Vec<Vec<Series>>) -> Answer {
    let (own, shifted) = own_and_others(lists);
    let Some(first) = own.first() else { return Ok(Vec::new()) };
    let unit = args.value("timeShiftUnit").in_tag();
    let mut stack = Vec::new();
    for (shift, mut list) in shifts(args)?.zip(shifted) {
        for series in &mut list {
            let name = format!("timeShift({}, {unit}, {shift})", series.name);
            series.tags.insert("timeShiftUnit".to_owned(), unit.clone());
            series.tags.insert("timeShift".to_owned(), shift.to_string());
            series.path_expression.clone_from(&name);
            run.rename(series, name)?;
            (series.start, series.end) = (first.start, first.end);
        }
        stack.append(&mut list);
    }
    Ok(stack)
}

/// The clock that goes beside the values starts at the request's start, not the series'.
fn time_slice(run: &mut Evaluation<'_>, args: &Args<'_>, lists: Vec<Vec<Series>>) -> Answer {
    let (start, end) = (moment(args.text("startSliceAt"), args)?.0, moment(args.text("endSliceAt"), args)?.0);
    let from = local_secs(args.window.from, args.zone);
    let mut all: Vec<Series> = lists.into_iter().flatten().collect();
    for series in &mut all {
        let step = i64::from(series.step.secs());
        let times = (0..).map(|at| from + at * step);
        let outside = series.values.iter_mut().zip(times).filter(|(_, at)| *at < start || *at > end);
        outside.for_each(|(value, _)| *value = GAP);
        series.sketches = None;
        series.tags.insert("timeSliceStart".to_owned(), start.to_string());
        series.tags.insert("timeSliceEnd".to_owned(), end.to_string());
        let name = format!("timeSlice({}, {start}, {end})", series.name);
        run.rename(series, name)?;
    }
    Ok(all)
}

fn source_window(args: &Args<'_>) -> Result<Window, Fault> {
    let at = |param: &str, own: Timestamp| args.maybe_text(param).map_or(Ok(own), |text| moment(text, args));
    Ok(Window { from: at("startSourceAt", args.window.from)?, until: at("endSourceAt", args.window.until)? })
}

/// Lines go to series by their place in the lists; what has fewer than two values has no line.
fn linear_regression(run: &mut Evaluation<'_>, args: &Args<'_>, lists: Vec<Vec<Series>>) -> Answer {
    let window = source_window(args)?;
    let shown = |param: &str, at: Timestamp| match args.maybe_text(param) {
        Some(_) => at.0,
        None => local_secs(at, args.zone),
    };
    let (from, until) = (shown("startSourceAt", window.from), shown("endSourceAt", window.until));
    if lists.len() < 2 {
        return Err(argument(args.function, "there is nothing to go by".to_owned()));
    }
    let (own, sources) = own_and_others(lists);
    let mut lines = Vec::new();
    for (mut series, source) in own.into_iter().zip(sources.flatten()) {
        let Some((factor, offset)) = least_squares(&source) else { continue };
        let step = i64::from(series.step.secs());
        let times = (0..series.values.len() as i64).map(|at| series.start.0 + at * step);
        let values = times.map(|at| offset + at as f64 * factor).collect();
        let slots = Slots::of(&series, values);
        run.replace(&mut series, slots)?;
        series.tags.insert("linearRegressions".to_owned(), format!("{from}, {until}"));
        let name = format!("linearRegression({}, {from}, {until})", series.name);
        series.path_expression.clone_from(&name);
        (series.consolidation, series.style) = (Consolidation::default(), Style::default());
        run.rename(&mut series, name)?;
        lines.push(series);
    }
    Ok(lines)
}

/// Slope per second and height at 1970.
fn least_squares(series: &Series) -> Option<(f64, f64)> {
    let (mut count, mut places, mut squares) = (0i128, 0i128, 0i128);
    let (mut sum, mut products) = (0.0, 0.0);
    for (at, value) in (0i128..).zip(&series.values).filter(|(_, value)| !is_gap(**value)) {
        count += 1;
        places += at;
        squares += at * at;
        sum += *value;
        products += at as f64 * *value;
    }
    let denominator = (count * squares - places * places) as f64;
    if denominator == 0.0 {
        return None;
    }
    let slope = (count as f64 * products - places as f64 * sum) / denominator / f64::from(series.step.secs());
    let height = (squares as f64 * sum - products * places as f64) / denominator - slope * series.start.0 as f64;
    Some((slope, height))
}
