//! Transform, in order: each value from the ones before it. A gap ends what was known, so that a rate is never taken
//! across it.

use super::{Args, Body, Function, Group, Param, Slots, Takes};
use crate::error::Fault;
use crate::python;
use crate::series::Series;
use tsdb::{GAP, is_gap};

const MAX: Param = Param::new("maxValue", Takes::Number).optional();
const MIN: Param = Param::new("minValue", Takes::Number).optional();

/// The family, by name.
pub const ALL: &[Function] = &[
    Function::new(
        "derivative",
        Group::Transform,
        "The change from one value to the next.",
        &[Param::SERIES],
        Body::Series(derivative),
    ),
    Function::new(
        "nonNegativeDerivative",
        Group::Transform,
        "The growth from one value to the next; a counter that fell has wrapped at `maxValue` or restarted at `minValue`, and without them the step is a gap.",
        &[Param::SERIES, MAX, MIN],
        Body::Series(non_negative_derivative),
    ),
    Function::new(
        "perSecond",
        Group::Transform,
        "The growth from one value to the next, per second.",
        &[Param::SERIES, MAX, MIN],
        Body::Series(per_second),
    ),
];

fn derivative(_: &Args<'_>, series: &Series) -> Result<Slots, Fault> {
    let mut earlier = GAP;
    let step = |&value: &f64| {
        let known = !is_gap(earlier) && !is_gap(value);
        let change = if known { value - earlier } else { GAP };
        earlier = value;
        change
    };
    Ok(Slots::of(series, series.values.iter().map(step).collect()))
}

fn non_negative_derivative(args: &Args<'_>, series: &Series) -> Result<Slots, Fault> {
    Ok(Slots::of(series, growth(args, series, |delta| delta)))
}

/// Rounded to six decimals, as graphite-web rounds it.
fn per_second(args: &Args<'_>, series: &Series) -> Result<Slots, Fault> {
    let secs = f64::from(series.step.secs());
    Ok(Slots::of(series, growth(args, series, |delta| python::round(delta / secs, 6))))
}

/// The growth at every step. A value outside the bounds is forgotten: the next one has nothing to grow from.
fn growth(args: &Args<'_>, series: &Series, finish: impl Fn(f64) -> f64) -> Vec<f64> {
    let (max, min) = (args.maybe_number("maxValue"), args.maybe_number("minValue"));
    let mut earlier = GAP;
    let step = |&value: &f64| {
        let outside = max.is_some_and(|max| value > max) || min.is_some_and(|min| value < min);
        if is_gap(value) || outside {
            earlier = GAP;
            return GAP;
        }
        let before = std::mem::replace(&mut earlier, value);
        if is_gap(before) {
            return GAP;
        }
        let wrapped = || max.map(|max| max + 1.0 + value - before - min.unwrap_or(0.0));
        let restarted = || min.map(|min| value - min);
        let grown = if value >= before { Some(value - before) } else { wrapped().or_else(restarted) };
        grown.map_or(GAP, &finish)
    };
    series.values.iter().map(step).collect()
}
