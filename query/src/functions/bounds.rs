//! Values held against a bound: a number, or a percentile of the series or of the row.

use super::{Args, Body, Function, Group, Param, Slots, Takes};
use crate::aggregation::{Between, percentile};
use crate::error::Fault;
use crate::evaluate::{Evaluation, argument};
use crate::python;
use crate::series::Series;
use tsdb::{GAP, is_gap};

type Answer = Result<Vec<Series>, Fault>;

const SERIES_N: &[Param] = &[Param::SERIES, Param::new("n", Takes::Number)];

/// The family, by name.
pub const ALL: &[Function] = &[
    Function::new(
        "nPercentile",
        Group::Calculate,
        "A line at the `n`-th percentile of each series.",
        SERIES_N,
        Body::Lists(line_at_percentile),
    )
    .prints(", ", &["n"])
    .tags(&[("nPercentile", "n")]),
    Function::new(
        "removeAbovePercentile",
        Group::FilterData,
        "Only the values up to the `n`-th percentile of the series.",
        SERIES_N,
        Body::Lists(|run, args, lists| within_percentile(run, args, lists, |value, bound| value > bound)),
    )
    .prints(", ", &["n"])
    .tags(&[]),
    Function::new(
        "removeAboveValue",
        Group::FilterData,
        "Only the values up to `n`.",
        SERIES_N,
        Body::Points(|args, values| remove(values, args.number("n"), |value, bound| value > bound)),
    )
    .prints(", ", &["n"])
    .tags(&[]),
    Function::new(
        "removeBelowPercentile",
        Group::FilterData,
        "Only the values from the `n`-th percentile of the series.",
        SERIES_N,
        Body::Lists(|run, args, lists| within_percentile(run, args, lists, |value, bound| value < bound)),
    )
    .prints(", ", &["n"])
    .tags(&[]),
    Function::new(
        "removeBelowValue",
        Group::FilterData,
        "Only the values from `n`.",
        SERIES_N,
        Body::Points(|args, values| remove(values, args.number("n"), |value, bound| value < bound)),
    )
    .prints(", ", &["n"])
    .tags(&[]),
    Function::new(
        "removeBetweenPercentile",
        Group::FilterSeries,
        "The series that leave the band between the `n`-th percentile of a row and the one as far from the other end.",
        SERIES_N,
        Body::Lists(outside_percentiles),
    )
    .prints(", ", &["n"])
    .tags(&[]),
];

fn remove(values: &mut [f64], bound: f64, beyond: fn(f64, f64) -> bool) {
    values.iter_mut().filter(|value| beyond(**value, bound)).for_each(|value| *value = GAP);
}

/// Refused where graphite-web refuses: a percentile of nothing.
fn rank(args: &Args<'_>) -> Result<f64, Fault> {
    let n = args.number("n");
    if n == 0.0 { Err(argument(args.function, "`n` must not be 0".to_owned())) } else { Ok(n) }
}

/// The percentile of a whole series, which graphite-web sorts twice: that shows where there are NaNs.
fn of_series(values: &mut Vec<f64>, n: f64) -> f64 {
    values.retain(|value| !is_gap(*value));
    python::sort(values);
    percentile(values, n, Between::Next)
}

/// Series without a value have no line.
fn line_at_percentile(run: &mut Evaluation<'_>, args: &Args<'_>, lists: Vec<Vec<Series>>) -> Answer {
    let n = rank(args)?;
    let mut lines = Vec::new();
    for mut series in lists.into_iter().flatten() {
        let line = of_series(&mut series.values, n);
        if is_gap(line) {
            continue;
        }
        let slots = (series.end - series.start).div_euclid(i64::from(series.step.secs()));
        let values = vec![line; usize::try_from(slots).unwrap_or(0)];
        let slots = Slots::of(&series, values);
        run.replace(&mut series, slots)?;
        run.wrap(args, &mut series)?;
        lines.push(series);
    }
    Ok(lines)
}

/// The percentile leaves its tag, as that of graphite-web does; a series without a value or a slot has none, and of a rank
/// beyond all values there is none either.
fn within_percentile(
    run: &mut Evaluation<'_>,
    args: &Args<'_>,
    lists: Vec<Vec<Series>>,
    beyond: fn(f64, f64) -> bool,
) -> Answer {
    let n = rank(args)?;
    let mut all: Vec<Series> = lists.into_iter().flatten().collect();
    for series in &mut all {
        let bound = of_series(&mut series.values.clone(), n);
        if !is_gap(bound) {
            series.tags.insert("nPercentile".to_owned(), args.value("n").in_tag());
            if series.end - series.start >= i64::from(series.step.secs()) {
                remove(&mut series.values, bound, beyond);
            }
        }
        series.sketches = None;
        run.wrap(args, series)?;
    }
    Ok(all)
}

/// Rows go by place and end with the shortest series. Gaps lie nowhere.
fn outside_percentiles(_: &mut Evaluation<'_>, args: &Args<'_>, lists: Vec<Vec<Series>>) -> Answer {
    let n = args.number("n");
    let n = if n < 50.0 { 100.0 - n } else { n };
    let all: Vec<Series> = lists.into_iter().flatten().collect();
    let rows = all.iter().map(|series| series.values.len()).min().unwrap_or(0);
    let mut keeps = vec![false; all.len()];
    let mut row = Vec::with_capacity(all.len());
    for at in 0..rows {
        let mut bound = |n: f64| {
            row.clear();
            row.extend(all.iter().map(|series| series.values[at]));
            percentile(&mut row, n, Between::Next)
        };
        let (low, high) = (bound(100.0 - n), bound(n));
        for (keep, series) in keeps.iter_mut().zip(&all) {
            let value = series.values[at];
            *keep |= !(is_gap(value) || low < value && value < high);
        }
    }
    Ok(all.into_iter().zip(keeps).filter(|(_, keep)| *keep).map(|(series, _)| series).collect())
}
