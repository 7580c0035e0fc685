//! Transform, point by point: every value anew, at its own time. Gaps stay gaps.

use super::{Args, Body, Function, Group, Param, Takes};
use tsdb::is_gap;

const FACTOR: Param = Param::new("factor", Takes::Number);

/// The family, by name.
pub const ALL: &[Function] = &[
    Function::new(
        "offset",
        Group::Transform,
        "Every value plus `factor`.",
        &[Param::SERIES, FACTOR],
        Body::Points(offset),
    )
    .prints(",", &["factor"])
    .tags(&[("offset", "factor")]),
    Function::new(
        "scale",
        Group::Transform,
        "Every value times `factor`.",
        &[Param::SERIES, FACTOR],
        Body::Points(scale),
    )
    .prints(",", &["factor"])
    .tags(&[("scale", "factor")]),
];

fn offset(args: &Args<'_>, values: &mut [f64]) {
    let factor = args.number("factor");
    each(values, |value| value + factor);
}

fn scale(args: &Args<'_>, values: &mut [f64]) {
    let factor = args.number("factor");
    each(values, |value| value * factor);
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
