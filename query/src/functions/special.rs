//! Special: what fits no other family.

use super::{Args, Body, Function, Group, Param, Takes};
use crate::aggregation::Aggregation;
use crate::series::{Consolidation, Series};

/// The words that [`consolidateBy`](ALL) takes.
pub const CONSOLIDATIONS: &[&str] = &["average", "avg", "avg_zero", "first", "last", "max", "min", "sum"];

/// The family, by name.
pub const ALL: &[Function] = &[Function::new(
    "consolidateBy",
    Group::Special,
    "When there are more points than room, several become one by `consolidationFunc` instead of their mean.",
    &[Param::SERIES, Param::new("consolidationFunc", Takes::Consolidation)],
    Body::Style(consolidate_by),
)
.prints(",", &["consolidationFunc"])
.tags(&[("consolidateBy", "consolidationFunc")])];

/// An unknown word is kept as name and tag and changes nothing: graphite-web notices it only once points are short.
fn consolidate_by(args: &Args<'_>, series: &mut Series) {
    series.consolidation = match args.text("consolidationFunc") {
        "average" | "avg" => Consolidation::Average,
        "avg_zero" => Consolidation::AverageZero,
        "first" => Consolidation::First,
        "last" => Consolidation::Last,
        "max" => Consolidation::Max,
        "min" => Consolidation::Min,
        "sum" => Consolidation::Sum,
        word => match Aggregation::parse(word) {
            Some(Aggregation::Quantile(quantile)) => Consolidation::Quantile(quantile),
            _ => return,
        },
    };
    series.sketches = match series.consolidation {
        // Of all samples, not of the values that were computed from them.
        Consolidation::Quantile(quantile) => series.sketches.take().and_then(|found| found.quantile(quantile)),
        _ => None,
    };
}
