//! Special: what fits no other family.

use super::{Args, Body, Function, Group, Param, Takes};
use crate::aggregation::Aggregation;
use crate::error::Fault;
use crate::evaluate::Evaluation;
use crate::series::{Consolidation, Series};

/// The words that [`consolidateBy`](ALL) takes.
pub const CONSOLIDATIONS: &[&str] = &["average", "avg", "avg_zero", "first", "last", "max", "min", "sum"];

/// The family, by name.
pub const ALL: &[Function] = &[
    Function::new(
        "cactiStyle",
        Group::Special,
        "Names padded to columns, with the last value, the largest and the smallest.",
        &[
            Param::SERIES,
            Param::new("system", Takes::Choice(&["binary", "si"])).optional(),
            Param::new("units", Takes::Text).optional(),
        ],
        Body::Pick(super::legend::cacti),
    ),
    Function::new(
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
        "fallbackSeries",
        Group::Special,
        "The first list, or the second where the first has no series.",
        &[Param::SERIES, Param::new("fallback", Takes::Series)],
        Body::Lists(|_, _, lists| Ok(lists.into_iter().find(|list| !list.is_empty()).unwrap_or_default())),
    ),
    Function::new(
        "seriesByTag",
        Group::Special,
        "The series whose tags satisfy every condition; `name` is a tag too.",
        &[Param::new("tagExpressions", Takes::TagExpression).multiple()],
        Body::Tagged,
    ),
    Function::new(
        "setXFilesFactor",
        Group::Special,
        "From here on, and in the targets that follow, a group of points needs this share of them to have a value.",
        &[Param::SERIES, Param::new("xFilesFactor", Takes::Number)],
        Body::Lists(set_x_files_factor),
    )
    .aliases(&["xFilesFactor"]),
];

fn set_x_files_factor(
    run: &mut Evaluation<'_>,
    args: &Args<'_>,
    lists: Vec<Vec<Series>>,
) -> Result<Vec<Series>, Fault> {
    let share = args.number("xFilesFactor");
    *run.x_files_factor() = share;
    let mut series: Vec<Series> = lists.into_iter().flatten().collect();
    for series in &mut series {
        series.x_files_factor = share;
        series.tags.insert("xFilesFactor".to_owned(), args.value("xFilesFactor").in_tag());
    }
    Ok(series)
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
