//! Transform by what is known of the whole series: its least value, its range, its length.

use super::{Args, Body, Function, Group, Param, Slots, Takes};
use crate::aggregation::Aggregation;
use crate::error::Fault;
use crate::evaluate::Evaluation;
use crate::python;
use crate::series::Series;
use tsdb::{GAP, is_gap};

/// The family, by name.
pub const ALL: &[Function] = &[
    Function::new(
        "delay",
        Group::Transform,
        "Every value so many `steps` later, earlier where it is negative; 0 leaves nothing, as in graphite-web.",
        &[Param::SERIES, Param::new("steps", Takes::Integer)],
        Body::Series(delay),
    )
    .prints(",", &["steps"])
    .tags(&[("delay", "steps")]),
    Function::new(
        "minMax",
        Group::Transform,
        "Every value's place between the least, 0, and the greatest, 1.",
        &[Param::SERIES],
        Body::Points(min_max),
    )
    .tags(&[]),
    Function::new(
        "offsetToZero",
        Group::Transform,
        "Every value less the least one.",
        &[Param::SERIES],
        Body::Lists(offset_to_zero),
    )
    .tags(&[]),
];

fn delay(args: &Args<'_>, series: &Series) -> Result<Slots, Fault> {
    let steps = args.integer("steps");
    let len = series.values.len();
    let by = usize::try_from(steps.unsigned_abs()).unwrap_or(usize::MAX).min(len);
    let gaps = std::iter::repeat_n(GAP, by);
    let values = match steps {
        0 => Vec::new(),
        1.. => gaps.chain(series.values[..len - by].iter().copied()).collect(),
        _ => series.values[by..].iter().copied().chain(gaps).collect(),
    };
    Ok(Slots::of(series, values))
}

fn min_max(_: &Args<'_>, values: &mut [f64]) {
    let (least, greatest) = (Aggregation::Min.over(values), Aggregation::Max.over(values));
    let range = greatest - least;
    for value in values.iter_mut().filter(|value| !is_gap(**value)) {
        *value = if range == 0.0 { 0.0 } else { (*value - least) / range };
    }
}

fn offset_to_zero(run: &mut Evaluation<'_>, args: &Args<'_>, lists: Vec<Vec<Series>>) -> Result<Vec<Series>, Fault> {
    let mut series: Vec<Series> = lists.into_iter().flatten().collect();
    for series in &mut series {
        let least = Aggregation::Min.over(&series.values);
        series.values.iter_mut().filter(|value| !is_gap(**value)).for_each(|value| *value -= least);
        series.sketches = None;
        let tag = if is_gap(least) { "None".to_owned() } else { python::repr(least) };
        series.tags.insert("offsetToZero".to_owned(), tag);
        run.wrap(args, series)?;
    }
    Ok(series)
}
