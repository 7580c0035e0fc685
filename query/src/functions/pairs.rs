//! Combine, in pairs: each series with the one that belongs to it, by place, by name or by a part of the name.

use super::groups::{self, group_by};
use super::{Args, Body, Function, Group, Param, Takes, Value};
use crate::aggregation::Aggregation;
use crate::consolidate::{self, Common};
use crate::error::Fault;
use crate::evaluate::{Evaluation, argument};
use crate::fold::{path_expressions, product, quotient, zip_longest};
use crate::series::Series;
use tsdb::{GAP, is_gap};

type Answer = Result<Vec<Series>, Fault>;

const FIRST: Param = Param::new("seriesListFirstPos", Takes::Series);
const SECOND: Param = Param::new("seriesListSecondPos", Takes::Series);
const NODES: Param = Param::new("nodes", Takes::NodeOrTag).optional().multiple();
const AS_PERCENT: &str = "Every value in percent of the sum of all series, of the number `total`, of one series, or of the series that belongs to it: by the order of names, or by `nodes`.";

/// The family, by name.
pub const ALL: &[Function] = &[
    Function::new(
        "aggregateSeriesLists",
        Group::Combine,
        "The first series of both lists as one by `func`, then the second ones, and so on.",
        &[FIRST, SECOND, Param::new("func", Takes::Aggregation), Param::new("xFilesFactor", Takes::Number).optional()],
        Body::Lists(|run, args, lists| {
            by_place(run, args, &lists, args.aggregation_word("func"), args.maybe_number("xFilesFactor"))
        }),
    ),
    Function::new(
        "asPercent",
        Group::Combine,
        AS_PERCENT,
        &[Param::SERIES, Param::new("total", Takes::SeriesOrNumber).optional(), NODES],
        Body::Lists(|run, args, lists| as_percent(run, args, &lists)),
    )
    .aliases(&["pct"]),
    Function::new(
        "diffSeriesLists",
        Group::Combine,
        "The first series of the first list less that of the second, then the second ones, and so on.",
        &[FIRST, SECOND],
        Body::Lists(|run, args, lists| by_place(run, args, &lists, ("diff", Aggregation::Diff), None)),
    ),
    Function::new(
        "divideSeries",
        Group::Combine,
        "Every series of the first list over the one series of the second.",
        &[Param::new("dividendSeriesList", Takes::Series), Param::new("divisorSeries", Takes::Series)],
        Body::Lists(divide_by_one),
    ),
    Function::new(
        "divideSeriesLists",
        Group::Combine,
        "The first series of the first list over that of the second, then the second ones, and so on.",
        &[Param::new("dividendSeriesList", Takes::Series), Param::new("divisorSeriesList", Takes::Series)],
        Body::Lists(|run, args, lists| {
            let pairs = equally_long(args, &lists)?;
            pairs.map(|(a, b)| paired(run, args, "divideSeries", (a, b), quotient)).collect()
        }),
    ),
    Function::new(
        "heatMap",
        Group::Transform,
        "Each series less the one before, ordered by the sums of their first five values: counters of `at most so much`, as buckets.",
        &[Param::SERIES],
        Body::Lists(|run, args, lists| heat_map(run, args, &lists)),
    ),
    Function::new(
        "integralWithReset",
        Group::Transform,
        "The sum of all values so far, from 0 again wherever the one resetting series is not 0.",
        &[Param::SERIES, Param::new("resettingSeries", Takes::Series)],
        Body::Lists(|run, args, lists| integral_with_reset(run, args, &lists)),
    ),
    Function::new(
        "multiplySeriesLists",
        Group::Combine,
        "The product of the first series of both lists, then of the second ones, and so on.",
        &[FIRST, SECOND],
        Body::Lists(|run, args, lists| by_place(run, args, &lists, ("multiply", Aggregation::Multiply), None)),
    ),
    Function::new(
        "powSeriesLists",
        Group::Combine,
        "The first series of the first list to the power of that of the second, then the second ones, and so on.",
        &[FIRST, SECOND],
        Body::Lists(|run, args, lists| {
            let pairs = equally_long(args, &lists)?;
            pairs.map(|(a, b)| paired(run, args, "powSeries", (a, b), power)).collect()
        }),
    ),
    Function::new(
        "sumSeriesLists",
        Group::Combine,
        "The sum of the first series of both lists, then of the second ones, and so on.",
        &[FIRST, SECOND],
        Body::Lists(|run, args, lists| by_place(run, args, &lists, ("sum", Aggregation::Sum), None)),
    ),
    Function::new(
        "weightedAverage",
        Group::Combine,
        "The mean of the first list's series, each weighed by the series of the second list that has the same `nodes`.",
        &[Param::new("seriesListAvg", Takes::Series), Param::new("seriesListWeight", Takes::Series), NODES],
        Body::Lists(|run, args, lists| weighted(run, args, &lists)),
    ),
];

fn equally_long<'l>(
    args: &Args<'_>,
    lists: &'l [Vec<Series>],
) -> Result<impl Iterator<Item = (&'l Series, &'l Series)> + use<'l>, Fault> {
    let (a, b) = (&lists[0], &lists[1]);
    if a.len() != b.len() {
        let reason = format!("both lists must be equally long; there are {} and {} series", a.len(), b.len());
        return Err(argument(args.function, reason));
    }
    Ok(a.iter().zip(b))
}

/// The names in the answer are those of the series, not of the queries for them.
fn by_place(
    run: &mut Evaluation<'_>,
    args: &Args<'_>,
    lists: &[Vec<Series>],
    method: (&str, Aggregation),
    x_files_factor: Option<f64>,
) -> Answer {
    let mut answer = Vec::with_capacity(lists[0].len());
    for (a, b) in equally_long(args, lists)? {
        let Some(mut one) = run.aggregate(args.function, method, &[a, b], x_files_factor)? else { continue };
        run.rename(&mut one, format!("{}Series({},{})", method.0, a.name, b.name))?;
        answer.push(one);
    }
    Ok(answer)
}

/// Two series at their common step, cell by cell.
fn paired(
    run: &mut Evaluation<'_>,
    args: &Args<'_>,
    word: &str,
    (a, b): (&Series, &Series),
    one: fn(f64, f64) -> f64,
) -> Result<Series, Fault> {
    let rows = run.rows(args.function, &[a, b])?;
    let values = zip_longest(rows.column(0), rows.column(1), one);
    run.computed(format!("{word}({},{})", a.name, b.name), rows.common, values)
}

fn divide_by_one(run: &mut Evaluation<'_>, args: &Args<'_>, mut lists: Vec<Vec<Series>>) -> Answer {
    match lists[1].len() {
        0 => {
            let mut series = lists.swap_remove(0);
            for series in &mut series {
                series.values.fill(GAP);
                series.sketches = None;
                run.rename(series, format!("divideSeries({},MISSING)", series.name))?;
                series.path_expression.clone_from(&series.name);
            }
            Ok(series)
        }
        1 => lists[0].iter().map(|a| paired(run, args, "divideSeries", (a, &lists[1][0]), quotient)).collect(),
        count => Err(argument(args.function, format!("the divisor must be one series; there are {count}"))),
    }
}

/// None of nothing, and none where it is no number.
fn power(base: f64, exponent: f64) -> f64 {
    let power = base.powf(exponent);
    if is_gap(base) || is_gap(exponent) || power.is_nan() { GAP } else { power }
}

/// How many values at the beginning tell which series is the larger one.
const WEIGHED: usize = 5;

fn heat_map(run: &mut Evaluation<'_>, args: &Args<'_>, lists: &[Vec<Series>]) -> Answer {
    let mut series: Vec<&Series> = lists.iter().flatten().collect();
    let weight = |series: &Series| Aggregation::Sum.over(series.values.get(..WEIGHED).unwrap_or(&series.values));
    series.sort_by(|a, b| weight(a).max(0.0).total_cmp(&weight(b).max(0.0)));
    let difference = |above: f64, below: f64| if is_gap(above) || is_gap(below) { GAP } else { above - below };
    series.windows(2).map(|pair| paired(run, args, "heatMap", (pair[1], pair[0]), difference)).collect()
}

fn integral_with_reset(run: &mut Evaluation<'_>, args: &Args<'_>, lists: &[Vec<Series>]) -> Answer {
    let [resetting] = &lists[1][..] else {
        let reason = format!("the resetting series must be one; there are {}", lists[1].len());
        return Err(argument(args.function, reason));
    };
    let one = |series: &Series| {
        let rows = run.rows(args.function, &[series, resetting])?;
        let mut sum = 0.0;
        let mut so_far = |value: f64, reset: f64| {
            let resets = !is_gap(reset) && reset != 0.0;
            sum = match (resets, is_gap(value)) {
                (_, true) => return GAP,
                (true, _) => 0.0,
                _ => sum + value,
            };
            sum
        };
        let values = rows.each(|row| so_far(row[0], row[1]));
        let name = format!("integralWithReset({},{})", series.name, resetting.name);
        run.computed(name, rows.common, values)
    };
    lists[0].iter().map(one).collect()
}

fn percent(part: f64, whole: f64) -> f64 {
    product(quotient(part, whole), 100.0)
}

fn as_percent(run: &mut Evaluation<'_>, args: &Args<'_>, lists: &[Vec<Series>]) -> Answer {
    if lists[0].is_empty() {
        return Ok(Vec::new());
    }
    if !args.list("nodes").is_empty() {
        return by_nodes(run, args, lists);
    }
    let (series, totals) = (&lists[0], lists.get(1));
    match totals {
        Some(totals) if totals.len() == series.len() => {
            let (mut parts, mut wholes): (Vec<_>, Vec<_>) = (series.iter().collect(), totals.iter().collect());
            parts.sort_by(|a: &&Series, b| a.name.cmp(&b.name));
            wholes.sort_by(|a: &&Series, b| a.name.cmp(&b.name));
            let pairs = parts.into_iter().zip(wholes);
            pairs.map(|pair| paired(run, args, "asPercent", pair, percent)).collect()
        }
        Some(totals) if totals.len() != 1 => {
            let reason = "`total` must be left out, a number, one series, or as many series as there are".to_owned();
            Err(argument(args.function, reason))
        }
        _ => of_one_total(run, args, series, totals.map(|totals| &totals[0])),
    }
}

/// Times stay the series' own even where the values were brought to a coarser step: so graphite-web has it.
fn of_one_total(run: &mut Evaluation<'_>, args: &Args<'_>, series: &[Series], total: Option<&Series>) -> Answer {
    let all: Vec<&Series> = series.iter().chain(total).collect();
    let rows = run.rows(args.function, &all)?;
    let (totals, text) = match (total, args.value("total")) {
        (Some(total), _) => (rows.column(series.len()).to_vec(), total.name.clone()),
        (None, Value::Absent) => {
            (rows.aggregate(Aggregation::Sum, 0.0), format!("sumSeries({})", path_expressions(series)))
        }
        (None, value) => {
            let number = match value {
                Value::Number(number) => *number,
                Value::Integer(number) => *number as f64,
                _ => GAP,
            };
            (vec![number; series[0].values.len()], value.in_tag())
        }
    };
    let one = |(at, series): (usize, &Series)| {
        let values = zip_longest(rows.column(at), &totals, percent);
        let own = Common { start: series.start, end: series.end, step: series.step };
        let text = if text.is_empty() { &series.path_expression } else { &text };
        run.computed(format!("asPercent({},{text})", series.name), own, values)
    };
    series.iter().enumerate().map(one).collect()
}

/// The total of a group: the series itself, or the sum of several.
fn total_of(
    run: &mut Evaluation<'_>,
    args: &Args<'_>,
    group: &[&Series],
    times: &mut Option<Common>,
) -> Result<Series, Fault> {
    if let [alone] = group {
        return Ok((*alone).clone());
    }
    let rows = run.rows(args.function, group)?;
    *times = Some(rows.common);
    let name = format!("sumSeries({})", path_expressions(group.iter().copied()));
    let values = rows.aggregate(Aggregation::Sum, 0.0);
    run.computed(name, rows.common, values)
}

fn by_nodes(run: &mut Evaluation<'_>, args: &Args<'_>, lists: &[Vec<Series>]) -> Answer {
    let nodes = args.list("nodes");
    let key = |series: &&Series| groups::key(args, series, nodes);
    let parts = group_by(lists[0].iter(), key);
    let wholes = match (lists.get(1), args.value("total")) {
        (Some(totals), _) => group_by(totals.iter(), key),
        (None, Value::Absent) => parts.clone(),
        _ => {
            return Err(argument(
                args.function,
                "`total` must be series, or `none`, where `nodes` are given".to_owned(),
            ));
        }
    };
    // What has no counterpart is given the times that were last computed, as graphite-web has it.
    let mut times = None;
    let mut totals = Vec::with_capacity(wholes.len());
    for (key, group) in &wholes {
        totals.push((key, total_of(run, args, group, &mut times)?));
    }
    let at_step = |series: &Series, step| consolidate::to_step(series, step).len();
    let common = run.rows(args.function, &lists[0].iter().collect::<Vec<_>>())?.common;
    let own = |series: &Series| Common { start: series.start, end: series.end, step: series.step };
    let mut answer = Vec::with_capacity(lists[0].len());
    for (key, group) in &parts {
        let total = totals.iter().find(|(known, _)| *known == key).map(|(_, total)| total);
        for part in group {
            if let Some(total) = total {
                times = run.rows(args.function, &[part, total]).map(|rows| rows.common).ok();
                answer.push(paired(run, args, "asPercent", (part, total), percent)?);
                continue;
            }
            let gaps = vec![GAP; at_step(part, common.step)];
            let name = format!("asPercent({},MISSING)", part.name);
            answer.push(run.computed(name, times.unwrap_or_else(|| own(part)), gaps)?);
        }
    }
    for (_, total) in totals.iter().filter(|(key, _)| !parts.iter().any(|(known, _)| known == *key)) {
        let name = format!("asPercent(MISSING,{})", total.name);
        answer.push(run.computed(name, times.unwrap_or_else(|| own(total)), vec![GAP; total.values.len()])?);
    }
    Ok(answer)
}

/// Weights that belong to no series count in the sum of weights all the same.
fn weighted(run: &mut Evaluation<'_>, args: &Args<'_>, lists: &[Vec<Series>]) -> Answer {
    let nodes = args.list("nodes");
    let mut pairs: Vec<(String, [Option<&Series>; 2])> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (average, weight) in equally_long(args, lists)? {
        for (side, series) in [average, weight].into_iter().enumerate() {
            let key = groups::key(args, series, nodes);
            let place = *places.entry(key.clone()).or_insert(pairs.len());
            if place == pairs.len() {
                pairs.push((key, [None, None]));
            }
            pairs[place].1[side] = Some(series);
        }
    }
    let mut products = Vec::new();
    for pair in pairs {
        let (_, [Some(average), Some(weight)]) = pair else { continue };
        let own = Common { start: average.start, end: average.end, step: average.step };
        let values = zip_longest(&average.values, &weight.values, product);
        products.push(run.computed(format!("product({},{})", weight.name, average.name), own, values)?);
    }
    let sum = ("sum", Aggregation::Sum);
    let products: Vec<&Series> = products.iter().collect();
    let weights: Vec<&Series> = lists[1].iter().collect();
    let Some(products) = run.aggregate(args.function, sum, &products, None)? else { return Ok(Vec::new()) };
    let Some(weights) = run.aggregate(args.function, sum, &weights, None)? else { return Ok(Vec::new()) };
    let queries = |list: &[Series]| {
        let sorted: std::collections::BTreeSet<_> = list.iter().map(|series| series.path_expression.as_str()).collect();
        sorted.into_iter().collect::<Vec<_>>().join(",")
    };
    let nodes: Vec<String> = nodes.iter().map(Value::in_tag).collect();
    let name = format!("weightedAverage({}, {}, {})", queries(&lists[0]), queries(&lists[1]), nodes.join(","));
    let common = Common { start: products.start, end: products.end, step: products.step };
    let values = zip_longest(&products.values, &weights.values, quotient);
    Ok(vec![run.computed(name, common, values)?])
}
