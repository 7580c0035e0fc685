//! Straight lines: at a value, at a statistic of a series, at a moment.

use super::{Args, Body, Function, Group, Need, Param, Takes, Value};
use crate::aggregation::Aggregation;
use crate::attime;
use crate::consolidate::Common;
use crate::error::Fault;
use crate::evaluate::{Evaluation, argument};
use crate::python;
use crate::series::Series;
use tsdb::{GAP, Step, is_gap};

type Answer = Result<Vec<Series>, Fault>;

const LABEL: Param = Param::new("label", Takes::Text).optional();
const COLOR: Param = Param::new("color", Takes::Text).optional();

/// The family, by name.
pub const ALL: &[Function] = &[
    Function::new(
        "aggregateLine",
        Group::Calculate,
        "A line at the statistic `func` of each series; with its own points if `keepStep`, else with three.",
        &[
            Param::SERIES,
            Param::new("func", Takes::Aggregation).default(Need::Word("average")),
            Param::new("keepStep", Takes::Flag).default(Need::Flag(false)),
        ],
        Body::Lists(at_statistic),
    ),
    Function::new(
        "constantLine",
        Group::Special,
        "A line at a value.",
        &[Param::new("value", Takes::Number).default(Need::Optional)],
        Body::Lists(|run, args, _| Ok(vec![constant(run, args, args.maybe_number("value").unwrap_or(GAP))?])),
    ),
    Function::new(
        "threshold",
        Group::Graph,
        "A line at a value, with a name and a colour.",
        &[Param::new("value", Takes::Number), LABEL, COLOR],
        Body::Lists(threshold),
    ),
    Function::new(
        "verticalLine",
        Group::Graph,
        "A line from bottom to top at a moment of the range.",
        &[Param::new("ts", Takes::Date), LABEL, COLOR],
        Body::Lists(vertical),
    ),
];

fn printed(value: f64) -> String {
    if is_gap(value) { "None".to_owned() } else { python::repr(value) }
}

/// Three points: where the range begins, in its middle and where it ends.
pub(super) fn constant(run: &mut Evaluation<'_>, args: &Args<'_>, value: f64) -> Result<Series, Fault> {
    let (start, end) = (args.window.from, args.window.until);
    let Some(step) = u32::try_from((end - start) / 2).ok().and_then(Step::new) else {
        return Err(argument(args.function, "the range is too short or too long for a line".to_owned()));
    };
    let mut line = run.computed(printed(value), Common { start, end, step }, vec![value; 3])?;
    line.path_expression = format!("constantLine({})", line.name);
    Ok(line)
}

fn threshold(run: &mut Evaluation<'_>, args: &Args<'_>, _: Vec<Vec<Series>>) -> Answer {
    let mut line = constant(run, args, args.number("value"))?;
    labelled(run, args, &mut line)?;
    Ok(vec![line])
}

fn labelled(run: &mut Evaluation<'_>, args: &Args<'_>, line: &mut Series) -> Result<(), Fault> {
    line.style.color = args.maybe_text("color").filter(|color| !color.is_empty()).map(str::to_owned);
    match args.maybe_text("label").filter(|label| !label.is_empty()) {
        Some(label) => run.rename(line, label.to_owned()),
        None => Ok(()),
    }
}

fn vertical(run: &mut Evaluation<'_>, args: &Args<'_>, _: Vec<Vec<Series>>) -> Answer {
    let request = run.request();
    let at = attime::parse(args.text("ts"), request.now, &request.zone).map_err(Fault::Time)?;
    if at < args.window.from || at > args.window.until {
        let side = if at < args.window.from { "before the start" } else { "after the end" };
        return Err(argument(args.function, format!("timestamp {} is {side} of the range", at.0)));
    }
    let Some(step) = Step::new(1) else { return Ok(Vec::new()) };
    let label = args.maybe_text("label");
    let name = label.unwrap_or("None").to_owned();
    let mut line = run.computed(name, Common { start: at, end: at, step }, vec![1.0; 2])?;
    labelled(run, args, &mut line)?;
    (line.style.draw_as_infinite, line.style.unnamed) = (true, label.is_none());
    Ok(vec![line])
}

fn at_statistic(run: &mut Evaluation<'_>, args: &Args<'_>, lists: Vec<Vec<Series>>) -> Answer {
    let (_, method) = args.aggregation_word("func");
    let mut answer = Vec::new();
    for mut series in lists.into_iter().flatten() {
        let value = series.measure(method);
        let shown = if is_gap(value) { "None".to_owned() } else { python::general(value) };
        let name = format!("aggregateLine({}, {shown})", series.name);
        if matches!(args.value("keepStep"), Value::Flag(true)) {
            series.values.fill(value);
            series.sketches = None;
        } else {
            series = constant(run, args, value)?;
            if method == Aggregation::Count {
                series.tags.insert("name".to_owned(), value.to_string());
            }
        }
        series.path_expression.clone_from(&name);
        run.rename(&mut series, name)?;
        answer.push(series);
    }
    Ok(answer)
}
