//! Special: what fits no other family.

use super::{Args, Body, Function, Group, Param, Takes};
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
        _ => series.consolidation,
    };
}
