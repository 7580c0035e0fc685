//! Graph: how a series is drawn. What is asked goes into its style for the drawing; values stay, but where areas are
//! stacked.

use super::{Args, Body, Function, Group, Need, Param, Renames, Takes, Value};
use crate::error::Fault;
use crate::evaluate::{Evaluation, argument};
use crate::series::Series;
use tsdb::is_gap;

/// The stack of those that name none.
const UNNAMED_STACK: &str = "__DEFAULT__";

/// The family, by name.
pub const ALL: &[Function] = &[
    Function::new(
        "alpha",
        Group::Graph,
        "Drawn with this opacity, 0 to 1.",
        &[Param::SERIES, Param::new("alpha", Takes::Number)],
        Body::Style(|args, series| series.style.alpha = Some(args.number("alpha"))),
    )
    .renames(Renames::Nothing)
    .tags(&[]),
    Function::new(
        "areaBetween",
        Group::Graph,
        "The area between two series, the lower one first.",
        &[Param::SERIES],
        Body::Lists(area_between),
    ),
    Function::new(
        "color",
        Group::Graph,
        "Drawn in this colour: a name or `rrggbb`.",
        &[Param::SERIES, Param::new("theColor", Takes::Text)],
        Body::Style(|args, series| series.style.color = Some(args.text("theColor").to_owned())),
    )
    .renames(Renames::Nothing)
    .tags(&[]),
    Function::new(
        "dashed",
        Group::Graph,
        "Drawn in dashes of `dashLength` pixels.",
        &[Param::SERIES, Param::new("dashLength", Takes::NumberAsWritten).default(Need::Integer(5))],
        Body::Style(|args, series| {
            series.style.dashed = match args.value("dashLength") {
                Value::Integer(length) => Some(*length as f64),
                Value::Number(length) => Some(*length),
                _ => None,
            };
        }),
    )
    .renames(Renames::Name)
    .prints(", ", &["dashLength"])
    .tags(&[("dashed", "dashLength")]),
    Function::new(
        "drawAsInfinite",
        Group::Graph,
        "Drawn as lines from bottom to top wherever a value is not zero.",
        &[Param::SERIES],
        Body::Style(|_, series| series.style.draw_as_infinite = true),
    )
    .renames(Renames::Name),
    Function::new(
        "lineWidth",
        Group::Graph,
        "Drawn with a line of this width, in pixels.",
        &[Param::SERIES, Param::new("width", Takes::Number)],
        Body::Style(|args, series| series.style.line_width = Some(args.number("width"))),
    )
    .renames(Renames::Nothing)
    .tags(&[]),
    Function::new(
        "secondYAxis",
        Group::Graph,
        "Drawn on the right axis.",
        &[Param::SERIES],
        Body::Style(|_, series| series.style.second_y_axis = true),
    )
    .renames(Renames::Name),
    Function::new(
        "stacked",
        Group::Graph,
        "Each series on top of those before it in the same `stack`, those of other targets too.",
        &[Param::SERIES, Param::new("stack", Takes::Text).default(Need::Word(UNNAMED_STACK))],
        Body::Lists(stacked),
    )
    .tags(&[("stacked", "stack")]),
];

fn area_between(run: &mut Evaluation<'_>, args: &Args<'_>, lists: Vec<Vec<Series>>) -> Result<Vec<Series>, Fault> {
    let series: Vec<Series> = lists.into_iter().flatten().collect();
    let count = series.len();
    let Ok([mut lower, mut upper]) = <[Series; 2]>::try_from(series) else {
        return Err(argument(args.function, format!("takes exactly two series; there are {count}")));
    };
    upper.tags.insert("areaBetween".to_owned(), "1".to_owned());
    lower.tags.clone_from(&upper.tags);
    let name = format!("areaBetween({})", upper.path_expression);
    for series in [&mut lower, &mut upper] {
        series.style.stacked = true;
        run.rename(series, name.clone())?;
    }
    lower.style.invisible = true;
    Ok(vec![lower, upper])
}

/// Sums go by place, not by time, as graphite-web has it.
fn stacked(run: &mut Evaluation<'_>, args: &Args<'_>, lists: Vec<Vec<Series>>) -> Result<Vec<Series>, Fault> {
    let mut series: Vec<Series> = lists.into_iter().flatten().collect();
    let name = args.text("stack");
    for series in &mut series {
        let sums = run.stack(name);
        sums.resize(sums.len().max(series.values.len()), 0.0);
        for (value, sum) in series.values.iter_mut().zip(sums).filter(|(value, _)| !is_gap(**value)) {
            *sum += *value;
            *value = *sum;
        }
        (series.style.stacked, series.sketches) = (true, None);
        if name == UNNAMED_STACK {
            run.wrap(args, series)?;
        } else {
            series.path_expression.clone_from(&series.name);
        }
    }
    Ok(series)
}
