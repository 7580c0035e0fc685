//! Transform into buckets of time: summarize.

use super::{Args, Body, Function, Group, Need, Param, Slots, Takes};
use crate::aggregation::{Aggregation, count_present, is_enough};
use crate::error::Fault;
use crate::series::Series;
use tsdb::{GAP, Step, Timestamp};

/// The family, by name.
pub const ALL: &[Function] = &[Function::new(
    "summarize",
    Group::Transform,
    "Buckets of `intervalString`, each made one value by `func`; they begin at multiples of the interval since 1970 in UTC, or at the first point if `alignToFrom`.",
    &[
        Param::SERIES,
        Param::new("intervalString", Takes::Duration),
        Param::new("func", Takes::Aggregation).default(Need::Word("sum")),
        Param::new("alignToFrom", Takes::Flag).default(Need::Flag(false)),
    ],
    Body::Series(summarize),
)
.step(interval)
.prints(", ", &["intervalString", "func", "alignToFrom"])
.tags(&[("summarize", "intervalString"), ("summarizeFunction", "func")])];

fn interval(args: &Args<'_>) -> Option<Step> {
    Step::new(u32::try_from(args.duration_secs("intervalString")).ok()?)
}

/// The bucket that the end falls into is always given, even when nothing has fallen into it yet.
fn summarize(args: &Args<'_>, series: &Series) -> Result<Slots, Fault> {
    let Some(step) = interval(args) else {
        return Err(Fault::Argument { function: "summarize", reason: "the interval is too long".to_owned() });
    };
    let secs = i64::from(step.secs());
    let (start, end) = match args.flag("alignToFrom") {
        true => (series.start, series.end),
        false => (series.start.floor(step), series.end.floor(step) + secs),
    };
    let buckets = u64::try_from((end - start + secs - 1).div_euclid(secs)).unwrap_or(0);
    if buckets > args.limits.points {
        let wanted = format!("{buckets} buckets");
        return Err(Fault::Limit { limit: "points", allowed: args.limits.points, wanted });
    }
    let method = args.aggregation("func");
    let first_of = |at: Timestamp| {
        let before = (at - series.start + i64::from(series.step.secs()) - 1).div_euclid(i64::from(series.step.secs()));
        usize::try_from(before).unwrap_or(0).min(series.values.len())
    };
    let slots_full = (secs / i64::from(series.step.secs())).max(1) as usize;
    let sketches = match (method, &series.sketches) {
        (Aggregation::Quantile(quantile), Some(sketches)) => sketches.clone().quantile(quantile),
        _ => None,
    };
    let bucket = |at: u64| {
        let begin = start + at as i64 * secs;
        let slots = &series.values[first_of(begin)..first_of(begin + secs)];
        if !is_enough(count_present(slots), slots_full, series.x_files_factor) {
            return GAP;
        }
        // Of all samples, not of the values that were computed from them.
        let merged = sketches.as_ref().map(|sketches| sketches.value(first_of(begin), slots.len(), series.step));
        merged.unwrap_or_else(|| method.over(slots))
    };
    Ok(Slots { start, end, step, values: (0..buckets).map(bucket).collect() })
}
