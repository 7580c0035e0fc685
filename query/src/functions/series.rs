//! Transform, in order: each value from the ones before it. A rate is never taken across a gap; a sum goes on behind it.

use super::shift::local_secs;
use super::{Args, Body, Function, Group, Param, Slots, Takes};
use crate::attime;
use crate::error::Fault;
use crate::evaluate::argument;
use crate::python;
use crate::series::Series;
use tsdb::{GAP, is_gap};

const MAX: Param = Param::new("maxValue", Takes::Number).optional();
const MIN: Param = Param::new("minValue", Takes::Number).optional();

/// The family, by name.
pub const ALL: &[Function] = &[
    Function::new(
        "changed",
        Group::Special,
        "1 where the value is another than the last one that was present, 0 elsewhere.",
        &[Param::SERIES],
        Body::Points(changed),
    )
    .tags(&[]),
    Function::new(
        "derivative",
        Group::Transform,
        "The change from one value to the next.",
        &[Param::SERIES],
        Body::Series(derivative),
    ),
    Function::new(
        "exponentialWeightedMovingAverage",
        Group::Calculate,
        "The mean so far, which each value draws its own way by `alpha` of the distance; a gap stays one and the mean goes on behind it.",
        &[Param::SERIES, Param::new("alpha", Takes::Share)],
        Body::Points(weighted_so_far),
    )
    .aliases(&["ewma"])
    .prints(",", &["alpha"])
    .tags(&[("exponentialWeightedMovingAverage", "alpha")]),
    Function::new(
        "integral",
        Group::Transform,
        "The sum of all values so far.",
        &[Param::SERIES],
        Body::Points(integral),
    ),
    Function::new(
        "integralByInterval",
        Group::Transform,
        "The sum of all values so far, from nothing again whenever `intervalUnit` is over since the request's start.",
        &[Param::SERIES, Param::new("intervalUnit", Takes::Text)],
        Body::Series(integral_by_interval),
    )
    .composes(|args, input| format!("integralByInterval({input},'{}')", args.text("intervalUnit")))
    .tags(&[("integralByInterval", "intervalUnit")]),
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

/// The first value has changed from nothing. A stored NaN is never what it was.
fn changed(_: &Args<'_>, values: &mut [f64]) {
    let mut earlier = GAP;
    for value in values {
        let known = !is_gap(earlier);
        let change = known && !is_gap(*value) && *value != earlier;
        if change || !known {
            earlier = *value;
        }
        *value = f64::from(u8::from(change));
    }
}

/// The first value is the first mean.
fn weighted_so_far(args: &Args<'_>, values: &mut [f64]) {
    let alpha = args.number("alpha");
    let mut mean = GAP;
    for value in values.iter_mut().filter(|value| !is_gap(**value)) {
        mean = if is_gap(mean) { *value } else { mean + alpha * (*value - mean) };
        *value = mean;
    }
}

fn integral(_: &Args<'_>, values: &mut [f64]) {
    let mut sum = 0.0;
    for value in values.iter_mut().filter(|value| !is_gap(**value)) {
        sum += *value;
        *value = sum;
    }
}

/// A gap repeats the sum.
fn integral_by_interval(args: &Args<'_>, series: &Series) -> Result<Slots, Fault> {
    let secs = attime::interval_secs(args.text("intervalUnit"))?.abs();
    if secs == 0 {
        return Err(argument(args.function, "`intervalUnit` is no length of time".to_owned()));
    }
    let step = i64::from(series.step.secs());
    let mut since = series.start.0 - local_secs(args.window.from, args.zone);
    let mut sum = 0.0;
    let running = |value: &f64| {
        if since.div_euclid(secs) != (since - step).div_euclid(secs) {
            sum = 0.0;
        }
        since += step;
        sum += if is_gap(*value) { 0.0 } else { *value };
        sum
    };
    Ok(Slots::of(series, series.values.iter().map(running).collect()))
}

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
