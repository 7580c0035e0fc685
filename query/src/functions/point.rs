//! Transform, point by point: every value anew, at its own time. Gaps stay gaps.

use super::{Args, Body, Function, Group, Need, Param, Slots, Takes};
use crate::error::Fault;
use crate::evaluate::argument;
use crate::python;
use crate::series::Series;
use tsdb::{GAP, is_gap};

const FACTOR: Param = Param::new("factor", Takes::Number);

/// The family, by name.
pub const ALL: &[Function] = &[
    transform("absolute", "Every value without its sign.", &[Param::SERIES], |_, values| each(values, f64::abs)),
    transform(
        "add",
        "Every value plus `constant`.",
        &[Param::SERIES, Param::new("constant", Takes::Number)],
        |args, values| {
            let constant = args.number("constant");
            each(values, |value| value + constant);
        },
    )
    .composes(|args, input| format!("add({input},{})", python::truncated(args.number("constant"))))
    .tags(&[("add", "constant")]),
    transform("exp", "e to the power of every value.", &[Param::SERIES], |_, values| {
        each(values, |value| finite_of(value, value.exp()));
    })
    .tagged(&[("exp", "e")]),
    transform("invert", "One over every value; of zero a gap.", &[Param::SERIES], |_, values| {
        each(values, |value| power(value, -1.0));
    }),
    transform("isNonNull", "1 where there is a value, 0 where there is none.", &[Param::SERIES], |_, values| {
        values.iter_mut().for_each(|value| *value = if is_gap(*value) { 0.0 } else { 1.0 });
    })
    .aliases(&["isNotNull"]),
    Function::new(
        "log",
        Group::Transform,
        "The logarithm of every value; of zero or less a gap.",
        &[Param::SERIES, Param::new("base", Takes::NumberAsWritten).default(Need::Integer(10))],
        Body::Series(log),
    )
    .composes(|args, input| format!("log({input}, {})", args.value("base").in_tag()))
    .tags(&[("log", "base")])
    .aliases(&["logarithm"]),
    transform("logit", "The logarithm of every value's odds, `log(x / (1 - x))`.", &[Param::SERIES], |_, values| {
        each(values, |value| {
            let odds = value / (1.0 - value);
            if value == 1.0 || odds <= 0.0 { GAP } else { odds.ln() }
        });
    })
    .tagged(&[("logit", "logit")]),
    transform("offset", "Every value plus `factor`.", &[Param::SERIES, FACTOR], |args, values| {
        let factor = args.number("factor");
        each(values, |value| value + factor);
    })
    .prints(",", &["factor"])
    .tags(&[("offset", "factor")]),
    transform("pow", "Every value to the power of `factor`.", &[Param::SERIES, FACTOR], |args, values| {
        let factor = args.number("factor");
        each(values, |value| power(value, factor));
    })
    .prints(",", &["factor"])
    .tags(&[("pow", "factor")]),
    transform(
        "round",
        "Every value to so many decimals, to tens where `precision` is negative; halves go to the even neighbour.",
        &[Param::SERIES, Param::new("precision", Takes::Integer).default(Need::Optional)],
        |args, values| {
            let precision = args.maybe_integer("precision").unwrap_or(0);
            each(values, |value| python::round_to(value, precision));
        },
    )
    .composes(|args, input| match args.maybe_integer("precision") {
        Some(precision) => format!("round({input},{})", python::general(precision as f64)),
        None => format!("round({input})"),
    })
    .tags_or("round", "precision", "0")
    .aliases(&["roundFunction"]),
    transform("scale", "Every value times `factor`.", &[Param::SERIES, FACTOR], |args, values| {
        let factor = args.number("factor");
        each(values, |value| value * factor);
    })
    .prints(",", &["factor"])
    .tags(&[("scale", "factor")]),
    Function::new(
        "scaleToSeconds",
        Group::Transform,
        "Every value as if its step were `seconds` long.",
        &[Param::SERIES, Param::new("seconds", Takes::Number)],
        Body::Series(scale_to_seconds),
    )
    .composes(|args, input| format!("scaleToSeconds({input},{})", python::truncated(args.number("seconds"))))
    .tags(&[("scaleToSeconds", "seconds")]),
    transform("sigmoid", "`1 / (1 + e^-x)` of every value.", &[Param::SERIES], |_, values| {
        each(values, |value| 1.0 / (1.0 + (-value).exp()));
    })
    .tagged(&[("sigmoid", "sigmoid")]),
    transform(
        "squareRoot",
        "The square root of every value; of less than zero a gap.",
        &[Param::SERIES],
        |_, values| {
            each(values, |value| power(value, 0.5));
        },
    ),
];

const fn transform(
    name: &'static str,
    sentence: &'static str,
    params: &'static [Param],
    kernel: fn(&Args<'_>, &mut [f64]),
) -> Function {
    Function::new(name, Group::Transform, sentence, params, Body::Points(kernel))
}

/// Applies to what is present. A gap is a NaN of one bit pattern, which arithmetic might carry over or might not, so
/// it is left alone rather than computed with.
fn each(values: &mut [f64], change: impl Fn(f64) -> f64) {
    for value in values {
        if !is_gap(*value) {
            *value = change(*value);
        }
    }
}

/// What overflowed is a gap.
fn finite_of(value: f64, result: f64) -> f64 {
    if result.is_infinite() && value.is_finite() { GAP } else { result }
}

/// As Python's `math.pow`; where that refuses, a gap.
fn power(base: f64, exponent: f64) -> f64 {
    let result = base.powf(exponent);
    let refused = result.is_nan() && !base.is_nan() && !exponent.is_nan();
    if refused || exponent.is_finite() && finite_of(base, result).is_nan() && !base.is_nan() { GAP } else { result }
}

/// The quotient of two natural logarithms, as Python has it.
fn log(args: &Args<'_>, series: &Series) -> Result<Slots, Fault> {
    let base = args.any_number("base");
    if base <= 0.0 || base == 1.0 {
        return Err(argument(args.function, "`base` must be greater than 0 and not 1".to_owned()));
    }
    let logarithm = |&value: &f64| if value <= 0.0 || is_gap(value) { GAP } else { value.ln() / base.ln() };
    Ok(Slots::of(series, series.values.iter().map(logarithm).collect()))
}

fn scale_to_seconds(args: &Args<'_>, series: &Series) -> Result<Slots, Fault> {
    let factor = args.number("seconds") / f64::from(series.step.secs());
    let mut values = series.values.clone();
    each(&mut values, |value| python::round(value * factor, 6));
    Ok(Slots::of(series, values))
}
