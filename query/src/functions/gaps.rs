//! Transform: what stands in the place of gaps.

use super::summarize::{Buckets, buckets};
use super::{Args, Body, Function, Group, Need, Param, Renames, Slots, Takes};
use crate::aggregation::Aggregation;
use crate::error::Fault;
use crate::evaluate::Evaluation;
use crate::python;
use crate::series::Series;
use std::ops::Range;
use tsdb::{GAP, Step, is_gap};

const LIMIT: Param = Param::new("limit", Takes::IntegerOrInfinity).default(Need::Number(f64::INFINITY));

/// The family, by name.
pub const ALL: &[Function] = &[
    Function::new(
        "compressPeriodicGaps",
        Group::Transform,
        "Series whose values come less often than their step says get the step at which they come.",
        &[Param::SERIES],
        Body::Series(compress_periodic_gaps),
    )
    .tags(&[]),
    Function::new(
        "interpolate",
        Group::Transform,
        "Gaps of at most `limit` points between two values become the straight line between them.",
        &[Param::SERIES, LIMIT],
        Body::Points(interpolate),
    )
    .tags(&[]),
    Function::new(
        "keepLastValue",
        Group::Transform,
        "Gaps of at most `limit` points become the value before them; of longer ones nothing is filled.",
        &[Param::SERIES, LIMIT],
        Body::Points(keep_last_value),
    )
    .tags(&[]),
    Function::new(
        "transformNull",
        Group::Transform,
        "Gaps become `default`; with `referenceSeries` only those where one of these has a value.",
        &[
            Param::SERIES,
            Param::new("default", Takes::Number).default(Need::Integer(0)),
            Param::new("referenceSeries", Takes::Series).optional(),
        ],
        Body::Lists(transform_null),
    )
    .renames(Renames::Nothing)
    .tags(&[("transformNull", "default")]),
];

/// Hands over every gap that follows a value and is short enough: that value, the gap, and the value behind it.
fn fill(args: &Args<'_>, values: &mut [f64], mut filled: impl FnMut(&mut [f64], f64, Option<f64>)) {
    let limit = args.number("limit");
    let mut fill_one = |values: &mut [f64], gap: Range<usize>, behind: Option<f64>| {
        if gap.start > 0 && !gap.is_empty() && gap.len() as f64 <= limit {
            let before = values[gap.start - 1];
            filled(&mut values[gap], before, behind);
        }
    };
    let mut begin = 0;
    for at in 0..values.len() {
        let value = values[at];
        if !is_gap(value) {
            fill_one(values, begin..at, Some(value));
            begin = at + 1;
        }
    }
    let end = values.len();
    fill_one(values, begin..end, None);
}

fn keep_last_value(args: &Args<'_>, values: &mut [f64]) {
    fill(args, values, |gap, before, _| gap.fill(before));
}

fn interpolate(args: &Args<'_>, values: &mut [f64]) {
    fill(args, values, |gap, before, behind| {
        let Some(behind) = behind else { return };
        let whole = (gap.len() + 1) as f64;
        for (at, value) in gap.iter_mut().enumerate() {
            *value = before + (at + 1) as f64 * (behind - before) / whole;
        }
    });
}

/// Where the references have more rows the last ones stay, as graphite-web has it, though their times are others.
fn transform_null(run: &mut Evaluation<'_>, args: &Args<'_>, lists: Vec<Vec<Series>>) -> Result<Vec<Series>, Fault> {
    let mut lists = lists.into_iter();
    let mut series = lists.next().unwrap_or_default();
    let references: Vec<Series> = lists.flatten().collect();
    let default = args.any_number("default");
    let rows = references.iter().map(|reference| reference.values.len()).max().unwrap_or(0);
    let mut defaults = vec![GAP; rows];
    for reference in &references {
        for (value, default_of_row) in reference.values.iter().zip(&mut defaults) {
            if !is_gap(*value) {
                *default_of_row = default;
            }
        }
    }
    for series in &mut series {
        series.sketches = None;
        let own = series.values.len();
        if rows == 0 {
            series.values.iter_mut().filter(|value| is_gap(**value)).for_each(|value| *value = default);
        } else {
            series.values.resize(own.max(rows), GAP);
            let gaps = series.values.iter_mut().zip(&defaults).filter(|(value, _)| is_gap(**value));
            gaps.for_each(|(value, default)| *value = *default);
            series.values.drain(..series.values.len() - own);
        }
        if !references.is_empty() {
            series.tags.insert("referenceSeries".to_owned(), "1".to_owned());
        }
        let (shown, reference) =
            (python::general(default), if references.is_empty() { "" } else { ",referenceSeries" });
        let name = format!("transformNull({},{shown}{reference})", series.name);
        series.path_expression.clone_from(&name);
        run.rename(series, name)?;
        run.wrap(args, series)?;
    }
    Ok(series)
}

/// The step is guessed from the first two values that are not zero (one at the very start is not seen), and taken where
/// a third one stands as far behind them, alone between gaps.
fn compress_periodic_gaps(args: &Args<'_>, series: &Series) -> Result<Slots, Fault> {
    let values = &series.values;
    let counts = |at: usize| values.get(at).is_some_and(|value| !is_gap(*value) && *value != 0.0);
    let mut seen = (1..values.len()).filter(|at| counts(*at));
    let untouched = || Ok(Slots::of(series, values.clone()));
    let (Some(first), Some(second)) = (seen.next(), seen.next()) else { return untouched() };
    let (guess, third) = (second - first, second + (second - first));
    let alone = |at: usize| counts(at) && is_gap(values[at - 1]) && is_gap(values[at + 1]);
    if guess < 2 || third + 2 > values.len() || !alone(third) {
        return untouched();
    }
    let secs = series.step.secs();
    let Some(step) = u32::try_from(guess).ok().and_then(|guess| guess.checked_mul(secs)).and_then(Step::new) else {
        return untouched();
    };
    let start = series.start + first as i64 * i64::from(secs);
    let Buckets { values, .. } = buckets(args, series, Aggregation::Last, (start, series.end, step))?;
    let end = start + (values.len() as i64 - 1) * i64::from(step.secs());
    Ok(Slots { start, end, step, values })
}
