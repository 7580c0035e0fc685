//! Combine: many series into one, row by row, after all are brought to a common step.

use super::{Args, Body, Function, Group, Need, Param, Takes};
use crate::aggregation::{Aggregation, Between, percentile};
use crate::consolidate::Common;
use crate::error::Fault;
use crate::evaluate::{Evaluation, argument};
use crate::fold::path_expressions;
use crate::series::Series;
use tsdb::{GAP, is_gap};

const X_FILES_FACTOR: Param = Param::new("xFilesFactor", Takes::Number).optional();

/// A function that is one method over all series.
const fn fold(name: &'static str, sentence: &'static str, method: Aggregation) -> Function {
    Function::new(name, Group::Combine, sentence, &[Param::SERIES_LISTS], Body::Fold(method))
}

/// The family, by name.
pub const ALL: &[Function] = &[
    Function::new(
        "aggregate",
        Group::Combine,
        "All series as one by `func`, step by step; a step of which less than the share `xFilesFactor` is there is a gap.",
        &[Param::SERIES, Param::new("func", Takes::Aggregation), X_FILES_FACTOR],
        Body::Lists(|run, args, lists| aggregate(run, args, &lists)),
    ),
    fold("averageSeries", "The mean of all series, step by step; gaps are left out.", Aggregation::Average)
        .aliases(&["avg"]),
    Function::new(
        "countSeries",
        Group::Combine,
        "How many series there are, at every step and whether or not they have a value there.",
        &[Param::SERIES_LISTS.optional()],
        Body::Lists(|run, args, lists| count(run, args, &lists)),
    ),
    fold("diffSeries", "The first series less all others, step by step; gaps are left out.", Aggregation::Diff)
        .aliases(&["diff"]),
    Function::new(
        "group",
        Group::Combine,
        "The series of all lists, one list after the other.",
        &[Param::SERIES_LISTS.optional()],
        Body::Lists(|_, _, lists| Ok(lists.into_iter().flatten().collect())),
    ),
    fold("maxSeries", "The largest value of all series, step by step.", Aggregation::Max).aliases(&["max"]),
    fold("medianSeries", "The median of all series, step by step; gaps are left out.", Aggregation::Median),
    fold("minSeries", "The smallest value of all series, step by step.", Aggregation::Min).aliases(&["min"]),
    Function::new(
        "multiplySeries",
        Group::Combine,
        "The product of all series, step by step; a gap in one is a gap in all. A series alone stays as it is.",
        &[Param::SERIES_LISTS],
        Body::Lists(multiply),
    ),
    Function::new(
        "percentileOfSeries",
        Group::Combine,
        "The `n`-th percentile of all series, step by step: a value that is there, or between two if `interpolate`.",
        &[
            Param::SERIES,
            Param::new("n", Takes::Number),
            Param::new("interpolate", Takes::Flag).default(Need::Flag(false)),
        ],
        Body::Lists(|run, args, lists| percentile_of(run, args, &lists)),
    ),
    Function::new(
        "powSeries",
        Group::Combine,
        "The first series to the power of the second, and that to the power of the next, step by step.",
        &[Param::new("seriesList", Takes::Series).multiple()],
        Body::Lists(|run, args, lists| power(run, args, &lists)),
    ),
    fold("rangeOfSeries", "The largest value of all series less the smallest, step by step.", Aggregation::Range),
    fold("stddevSeries", "The standard deviation of all series, step by step.", Aggregation::StdDev)
        .aliases(&["stddev"]),
    fold("sumSeries", "The sum of all series, step by step; gaps are left out.", Aggregation::Sum).aliases(&["sum"]),
];

fn aggregate(run: &mut Evaluation<'_>, args: &Args<'_>, lists: &[Vec<Series>]) -> Result<Vec<Series>, Fault> {
    let all: Vec<&Series> = lists.iter().flatten().collect();
    let x_files_factor = args.maybe_number("xFilesFactor");
    let one = run.aggregate(args.function, args.aggregation_word("func"), &all, x_files_factor)?;
    Ok(one.into_iter().collect())
}

/// Of no list at all it is the line of zero.
fn count(run: &mut Evaluation<'_>, args: &Args<'_>, lists: &[Vec<Series>]) -> Result<Vec<Series>, Fault> {
    if lists.is_empty() {
        let mut zero = super::line::constant(run, args, 0.0)?;
        (zero.name, zero.path_expression) = ("0".to_owned(), "countSeries()".to_owned());
        zero.tags.insert("name".to_owned(), "0".to_owned());
        return Ok(vec![zero]);
    }
    let all: Vec<&Series> = lists.iter().flatten().collect();
    let name = format!("countSeries({})", path_expressions(all.iter().copied()));
    by_row(run, args, &all, name, |row| row.len() as f64)
}

fn multiply(run: &mut Evaluation<'_>, args: &Args<'_>, mut lists: Vec<Vec<Series>>) -> Result<Vec<Series>, Fault> {
    if let [alone] = lists.as_mut_slice()
        && alone.len() == 1
    {
        return Ok(std::mem::take(alone));
    }
    let all: Vec<&Series> = lists.iter().flatten().collect();
    let one = run.aggregate(args.function, ("multiply", Aggregation::Multiply), &all, None)?;
    Ok(one.into_iter().collect())
}

fn percentile_of(run: &mut Evaluation<'_>, args: &Args<'_>, lists: &[Vec<Series>]) -> Result<Vec<Series>, Fault> {
    let n = args.number("n");
    if n.is_nan() || n <= 0.0 {
        return Err(argument(args.function, "`n` must be greater than 0".to_owned()));
    }
    let between = if args.flag("interpolate") { Between::Interpolated } else { Between::Next };
    let all: Vec<&Series> = lists.iter().flatten().collect();
    let first = all.first().map_or("", |series| series.path_expression.as_str());
    let name = format!("percentileOfSeries({first},{})", crate::python::general(n));
    by_row(run, args, &all, name, |row| percentile(row, n, between))
}

fn power(run: &mut Evaluation<'_>, args: &Args<'_>, lists: &[Vec<Series>]) -> Result<Vec<Series>, Fault> {
    let all: Vec<&Series> = lists.iter().flatten().collect();
    let name = format!("powSeries({})", all.iter().map(|series| series.name.as_str()).collect::<Vec<_>>().join(","));
    by_row(run, args, &all, name, |row| row.iter().copied().reduce(raised).unwrap_or(GAP))
}

/// None where Python's `math.pow` refuses: what is no number, and what would be infinite.
fn raised(base: f64, exponent: f64) -> f64 {
    let power = base.powf(exponent);
    let known = !is_gap(base) && !is_gap(exponent);
    let refused = base.is_finite() && exponent.is_finite() && !power.is_finite();
    if known && !refused { power } else { GAP }
}

fn by_row(
    run: &mut Evaluation<'_>,
    args: &Args<'_>,
    series: &[&Series],
    name: String,
    one: impl FnMut(&mut [f64]) -> f64,
) -> Result<Vec<Series>, Fault> {
    if series.is_empty() {
        return Ok(Vec::new());
    }
    let rows = run.rows(args.function, series)?;
    let (values, common): (_, Common) = (rows.each(one), rows.common);
    Ok(vec![run.computed(name, common, values)?])
}
