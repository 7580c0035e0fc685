//! Special: what fits no other family.

use super::{Args, Body, Function, Group, Param, Renames, Takes};
use crate::aggregation::Aggregation;
use crate::error::Fault;
use crate::evaluate::Evaluation;
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
.tags(&[("consolidateBy", "consolidationFunc")]),
    Function::new(
        "cumulative",
        Group::Special,
        "When there are more points than room, several become their sum instead of their mean.",
        &[Param::SERIES],
        Body::Style(|_, series| consolidate(series, Consolidation::Sum)),
    )
    .composes(|_, input| format!("consolidateBy({input},\"sum\")"))
    .tagged(&[("consolidateBy", "sum")]),
    Function::new(
        "setXFilesFactor",
        Group::Special,
        "Which share of what becomes one value must be present, for these series and for what is combined from here on.",
        &[Param::SERIES, Param::new("xFilesFactor", Takes::Number)],
        Body::Lists(set_x_files_factor),
    )
    .aliases(&["xFilesFactor"])
    .renames(Renames::Nothing)
    .tags(&[("xFilesFactor", "xFilesFactor")]),
];

/// graphite-web keeps it for the targets that follow too.
fn set_x_files_factor(
    run: &mut Evaluation<'_>,
    args: &Args<'_>,
    lists: Vec<Vec<Series>>,
) -> Result<Vec<Series>, Fault> {
    *run.x_files_factor() = args.number("xFilesFactor");
    let mut all: Vec<Series> = lists.into_iter().flatten().collect();
    for series in &mut all {
        series.x_files_factor = args.number("xFilesFactor");
        run.wrap(args, series)?;
    }
    Ok(all)
}

/// An unknown word is kept as name and tag and changes nothing: graphite-web notices it only once points are short.
fn consolidate_by(args: &Args<'_>, series: &mut Series) {
    let consolidation = match args.text("consolidationFunc") {
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
    consolidate(series, consolidation);
}

fn consolidate(series: &mut Series, consolidation: Consolidation) {
    series.consolidation = consolidation;
    series.sketches = match consolidation {
        // Of all samples, not of the values that were computed from them.
        Consolidation::Quantile(quantile) => series.sketches.take().and_then(|found| found.quantile(quantile)),
        _ => None,
    };
}
