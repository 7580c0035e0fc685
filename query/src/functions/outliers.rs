//! Which series have values far from what is usual among all of them (Tukey's fences).

use super::{Args, Body, Function, Group, Need, Param, Takes, Value};
use crate::error::Fault;
use crate::evaluate::argument;
use crate::series::Series;
use tsdb::is_gap;

const PARAMS: &[Param] = &[
    Param::SERIES,
    Param::new("basis", Takes::Number),
    Param::new("n", Takes::Integer),
    Param::new("interval", Takes::PointsOrDuration).default(Need::Integer(0)),
];

/// The family, by name.
pub const ALL: &[Function] = &[
    Function::new(
        "tukeyAbove",
        Group::FilterSeries,
        "The `n` series with most values at least `basis` times the range between the quartiles above the upper one, most first; only the last `interval` counts if given.",
        PARAMS,
        Body::Pick(|args, series| outliers(args, series, true)),
    ),
    Function::new(
        "tukeyBelow",
        Group::FilterSeries,
        "The `n` series with most values at least `basis` times the range between the quartiles below the lower one, most first; only the last `interval` counts if given.",
        PARAMS,
        Body::Pick(|args, series| outliers(args, series, false)),
    ),
];

/// The values that count; all of them where the interval is as long as the series, or 0.
fn counted<'s>(args: &Args<'_>, series: &'s Series) -> &'s [f64] {
    let points = match args.value("interval") {
        Value::Integer(points) => *points,
        Value::Duration { secs, .. } => secs / i64::from(series.step.secs()),
        _ => 0,
    };
    let points = usize::try_from(points).unwrap_or(0);
    let begin = if points == 0 { 0 } else { series.values.len().saturating_sub(points) };
    &series.values[begin..]
}

fn outliers(args: &Args<'_>, series: Vec<Series>, above: bool) -> Result<Vec<Series>, Fault> {
    let (basis, wanted) = (args.number("basis"), usize::try_from(args.integer("n")).unwrap_or(0));
    if basis <= 0.0 || wanted == 0 {
        return Err(argument(args.function, "`basis` must be above 0 and `n` 1 or more".to_owned()));
    }
    let mut all: Vec<f64> = series.iter().flat_map(|series| counted(args, series)).copied().collect();
    all.retain(|value| !is_gap(*value));
    if all.is_empty() {
        return Ok(Vec::new());
    }
    let count = all.len();
    let mut quartile = |at: usize| *all.select_nth_unstable_by(at, f64::total_cmp).1;
    let (first, third) = (quartile(count / 4), quartile(3 * count / 4));
    let (lower, upper) = (first - basis * (third - first), third + basis * (third - first));
    let is_outlier = |value: &&f64| !is_gap(**value) && if above { **value >= upper } else { **value <= lower };
    let count = |series: Series| (counted(args, &series).iter().filter(is_outlier).count(), series);
    let mut counts: Vec<(usize, Series)> = series.into_iter().map(count).filter(|(count, _)| *count > 0).collect();
    counts.sort_by(|(a, _), (b, _)| b.cmp(a));
    Ok(counts.into_iter().take(wanted).map(|(_, series)| series).collect())
}
