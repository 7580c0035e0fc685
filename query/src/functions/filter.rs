//! Filter Series and Sorting: which series stay, and in which order, by a statistic of each or by its name.

use super::{Args, Body, Function, Group, Need, Param, Takes};
use crate::aggregation::{Aggregation, Between, count_present, is_enough, percentile};
use crate::error::Fault;
use crate::evaluate::{Evaluation, argument};
use crate::python;
use crate::series::Series;
use std::collections::HashSet;
use tsdb::is_gap;

const OPERATORS: &[&str] = &["!=", "<", "<=", "=", ">", ">="];
const N: Param = Param::new("n", Takes::Number);
const PATTERN: Param = Param::new("pattern", Takes::Pattern);
const COUNT: Param = Param::new("n", Takes::Integer);
const FUNC: Param = Param::new("func", Takes::Aggregation).default(Need::Word("average"));
const REVERSE: Param = Param::new("reverse", Takes::Flag).default(Need::Flag(false));

type Pick = fn(&Args<'_>, Vec<Series>) -> Result<Vec<Series>, Fault>;

/// A function that keeps the series whose statistic compares with `n`.
const fn compared(name: &'static str, sentence: &'static str, pick: Pick) -> Function {
    Function::new(name, Group::FilterSeries, sentence, &[Param::SERIES, N], Body::Pick(pick))
}

/// A function that keeps some of the series by rank.
const fn ranked(name: &'static str, sentence: &'static str, pick: Pick) -> Function {
    Function::new(name, Group::FilterSeries, sentence, &[Param::SERIES, COUNT], Body::Pick(pick))
}

/// A function that keeps the series whose names match, or do not.
const fn named(name: &'static str, sentence: &'static str, pick: Pick) -> Function {
    Function::new(name, Group::FilterSeries, sentence, &[Param::SERIES, PATTERN], Body::Pick(pick))
}

/// A function that orders all series.
const fn sorted(name: &'static str, sentence: &'static str, params: &'static [Param], pick: Pick) -> Function {
    Function::new(name, Group::Sorting, sentence, params, Body::Pick(pick))
}

/// The families, by name.
pub const ALL: &[Function] = &[
    compared("averageAbove", "The series whose mean is greater than `n`.", |args, series| {
        above(Aggregation::Average, args, series)
    }),
    compared("averageBelow", "The series whose mean is `n` or less, or none.", |args, series| {
        below(Aggregation::Average, args, series)
    }),
    compared(
        "averageOutsidePercentile",
        "The series whose mean is not between the `n`-th percentile of all means and the one as far from the other end.",
        outside_percentile,
    ),
    compared("currentAbove", "The series whose last value is greater than `n`.", |args, series| {
        above(Aggregation::Last, args, series)
    }),
    compared("currentBelow", "The series whose last value is `n` or less, or none.", |args, series| {
        below(Aggregation::Last, args, series)
    }),
    named("exclude", "The series whose names the regular expression does not find itself in.", |args, series| {
        matching(args, series, false)
    }),
    Function::new(
        "filterSeries",
        Group::FilterSeries,
        "The series of which the statistic `func` compares with `threshold` as the operator says.",
        &[
            Param::SERIES,
            Param::new("func", Takes::Aggregation),
            Param::new("operator", Takes::Choice(OPERATORS)),
            Param::new("threshold", Takes::Number),
        ],
        Body::Pick(|args, series| {
            Ok(kept(args.aggregation("func"), args.text("operator"), args.number("threshold"), series))
        }),
    ),
    named("grep", "The series whose names the regular expression finds itself in.", |args, series| {
        matching(args, series, true)
    }),
    Function::new(
        "highest",
        Group::FilterSeries,
        "The `n` series with the largest statistic `func`, largest first.",
        &[Param::SERIES, COUNT.default(Need::Integer(1)), FUNC],
        Body::Pick(|args, series| highest(args.aggregation("func"), args, series)),
    ),
    ranked("highestAverage", "The `n` series with the largest mean, largest first.", |args, series| {
        highest(Aggregation::Average, args, series)
    }),
    ranked("highestCurrent", "The `n` series with the largest last value, largest first.", |args, series| {
        highest(Aggregation::Last, args, series)
    }),
    ranked("highestMax", "The `n` series with the largest maximum, largest first.", |args, series| {
        highest(Aggregation::Max, args, series)
    }),
    ranked("highestMin", "The `n` series with the largest minimum, largest first.", |args, series| {
        highest(Aggregation::Min, args, series)
    }),
    Function::new(
        "join",
        Group::FilterSeries,
        "The series of `A` whose names are in `B` too (`AND`), those of both lists (`OR`), those of one alone (`XOR`), or those of `A` alone (`SUB`).",
        &[
            Param::new("A", Takes::Series),
            Param::new("B", Takes::Series),
            Param::new("type", Takes::Choice(&["AND", "OR", "XOR", "SUB"])).default(Need::Word("AND")),
        ],
        Body::Lists(|_, args, lists| Ok(joined(args.text("type"), lists))),
    ),
    ranked("limit", "The first `n` series.", leading),
    Function::new(
        "lowest",
        Group::FilterSeries,
        "The `n` series with the smallest statistic `func`, smallest first; those without any come before.",
        &[Param::SERIES, COUNT.default(Need::Integer(1)), FUNC],
        Body::Pick(|args, series| lowest(args.aggregation("func"), args, series)),
    ),
    ranked("lowestAverage", "The `n` series with the smallest mean, smallest first.", |args, series| {
        lowest(Aggregation::Average, args, series)
    }),
    ranked("lowestCurrent", "The `n` series with the smallest last value, smallest first.", |args, series| {
        lowest(Aggregation::Last, args, series)
    }),
    ranked("lowestMax", "The `n` series with the smallest maximum, smallest first.", |args, series| {
        lowest(Aggregation::Max, args, series)
    }),
    ranked("lowestMin", "The `n` series with the smallest minimum, smallest first.", |args, series| {
        lowest(Aggregation::Min, args, series)
    }),
    compared("maximumAbove", "The series whose maximum is greater than `n`.", |args, series| {
        above(Aggregation::Max, args, series)
    }),
    compared("maximumBelow", "The series whose maximum is `n` or less, or none.", |args, series| {
        below(Aggregation::Max, args, series)
    }),
    compared("minimumAbove", "The series whose minimum is greater than `n`.", |args, series| {
        above(Aggregation::Min, args, series)
    }),
    compared("minimumBelow", "The series whose minimum is `n` or less, or none.", |args, series| {
        below(Aggregation::Min, args, series)
    }),
    ranked("mostDeviant", "The `n` series whose values deviate most from their mean, most first.", most_deviant),
    Function::new(
        "removeEmptySeries",
        Group::FilterSeries,
        "The series that have a value, and of whose points at least the share `xFilesFactor` is there.",
        &[Param::SERIES, Param::new("xFilesFactor", Takes::Number).optional()],
        Body::Pick(without_empty),
    ),
    Function::new(
        "removeZeroSeries",
        Group::FilterSeries,
        "The series that have a value other than zero, and of whose points at least the share `xFilesFactor` is one.",
        &[Param::SERIES, Param::new("xFilesFactor", Takes::Number).optional()],
        Body::Pick(|args, mut series| {
            let is_other = |value: &&f64| !is_gap(**value) && **value != 0.0;
            series.retain(|series| {
                let others = series.values.iter().filter(is_other).count();
                is_enough(others, series.values.len(), args.maybe_number("xFilesFactor").unwrap_or(0.0))
            });
            Ok(series)
        }),
    ),
    sorted(
        "sortBy",
        "The series by the statistic `func`, smallest first.",
        &[Param::SERIES, FUNC, REVERSE],
        |args, series| Ok(by_measure(args.aggregation("func"), order(args.flag("reverse")), series)),
    ),
    sorted("sortByMaxima", "The series by their maximum, largest first.", &[Param::SERIES], |_, series| {
        Ok(by_measure(Aggregation::Max, Order::Descending, series))
    }),
    sorted(
        "sortByMinima",
        "The series by their minimum, smallest first, without those that never exceed zero.",
        &[Param::SERIES],
        |_, mut series| {
            series.retain(|series| Aggregation::Max.over(&series.values) > 0.0);
            Ok(by_measure(Aggregation::Min, Order::Ascending, series))
        },
    ),
    sorted(
        "sortByName",
        "The series by name; if `natural`, numbers in names count as such.",
        &[Param::SERIES, Param::new("natural", Takes::Flag).default(Need::Flag(false)), REVERSE],
        by_name,
    ),
    sorted("sortByTotal", "The series by their sum, largest first.", &[Param::SERIES], |_, series| {
        Ok(by_measure(Aggregation::Sum, Order::Descending, series))
    }),
    Function::new(
        "unique",
        Group::FilterSeries,
        "The series of all lists, of those with the same name the first.",
        &[Param::SERIES_LISTS],
        Body::Pick(|_, mut series| {
            let mut seen = HashSet::new();
            series.retain(|series| seen.insert(series.name.clone()));
            Ok(series)
        }),
    ),
    Function::new(
        "useSeriesAbove",
        Group::FilterSeries,
        "For each series that exceeds `value`, the one whose name comes of replacing `search` in its own.",
        &[
            Param::SERIES,
            Param::new("value", Takes::Number),
            Param::new("search", Takes::Pattern),
            Param::new("replace", Takes::Replacement),
        ],
        Body::Lists(|run, args, lists| others_of_those_above(run, args, &lists)),
    ),
];

fn above(method: Aggregation, args: &Args<'_>, series: Vec<Series>) -> Result<Vec<Series>, Fault> {
    Ok(kept(method, ">", args.number("n"), series))
}

fn below(method: Aggregation, args: &Args<'_>, series: Vec<Series>) -> Result<Vec<Series>, Fault> {
    Ok(kept(method, "<=", args.number("n"), series))
}

/// What has no statistic is less than any number, and unequal to it.
fn kept(method: Aggregation, operator: &str, threshold: f64, mut series: Vec<Series>) -> Vec<Series> {
    series.retain(|series| {
        let measure = series.measure(method);
        let known = !is_gap(measure);
        match operator {
            "=" => known && measure == threshold,
            "!=" => !known || measure != threshold,
            ">" => known && measure > threshold,
            ">=" => known && measure >= threshold,
            "<" => !known || measure < threshold,
            _ => !known || measure <= threshold,
        }
    });
    series
}

fn outside_percentile(args: &Args<'_>, mut series: Vec<Series>) -> Result<Vec<Series>, Fault> {
    let n = args.number("n");
    let n = if n < 50.0 { 100.0 - n } else { n };
    let mut means: Vec<f64> = series.iter().map(|series| Aggregation::Average.over(&series.values)).collect();
    let low = percentile(&mut means, 100.0 - n, Between::Next);
    let high = percentile(&mut means, n, Between::Next);
    series.retain(|series| {
        let mean = Aggregation::Average.over(&series.values);
        !(low < mean && mean < high)
    });
    Ok(series)
}

fn matching(args: &Args<'_>, series: Vec<Series>, wanted: bool) -> Result<Vec<Series>, Fault> {
    let pattern = args.pattern("pattern");
    let mut kept = Vec::with_capacity(series.len());
    for series in series {
        if pattern.finds(&series.name).map_err(|reason| argument(args.function, reason))? == wanted {
            kept.push(series);
        }
    }
    Ok(kept)
}

fn highest(method: Aggregation, args: &Args<'_>, series: Vec<Series>) -> Result<Vec<Series>, Fault> {
    leading(args, by_measure(method, Order::Descending, series))
}

fn lowest(method: Aggregation, args: &Args<'_>, series: Vec<Series>) -> Result<Vec<Series>, Fault> {
    leading(args, by_measure(method, Order::Ascending, series))
}

fn leading(args: &Args<'_>, mut series: Vec<Series>) -> Result<Vec<Series>, Fault> {
    series.truncate(first(args.integer("n"), series.len()));
    Ok(series)
}

/// How many are left of a Python slice `[:n]`; a negative number counts from the end.
pub(super) fn first(n: i64, len: usize) -> usize {
    let from_end = || len.saturating_sub(usize::try_from(n.unsigned_abs()).unwrap_or(usize::MAX));
    usize::try_from(n).map_or_else(|_| from_end(), |n| n.min(len))
}

#[derive(Clone, Copy, PartialEq)]
enum Order {
    Ascending,
    Descending,
}

fn order(reverse: bool) -> Order {
    if reverse { Order::Descending } else { Order::Ascending }
}

/// Series of the same measure keep their order. A series of gaps is the lowest; where a measure is no number, Python's sort
/// says where it goes, which sorts the other way round by turning the list before and after.
fn by_measure(method: Aggregation, order: Order, series: Vec<Series>) -> Vec<Series> {
    let measured = |series: Series| {
        let measure = series.measure(method);
        (if is_gap(measure) { f64::NEG_INFINITY } else { measure }, series)
    };
    let mut keyed: Vec<(f64, Series)> = series.into_iter().map(measured).collect();
    if order == Order::Descending {
        keyed.reverse();
    }
    python::sort_by_number(&mut keyed, |(measure, _)| *measure);
    if order == Order::Descending {
        keyed.reverse();
    }
    keyed.into_iter().map(|(_, series)| series).collect()
}

fn ordered<K>(
    order: Order,
    mut keyed: Vec<(K, Series)>,
    compare: impl Fn(&K, &K) -> Option<std::cmp::Ordering>,
) -> Vec<Series> {
    keyed.sort_by(|(a, _), (b, _)| {
        let (a, b) = if order == Order::Ascending { (a, b) } else { (b, a) };
        compare(a, b).unwrap_or(std::cmp::Ordering::Equal)
    });
    keyed.into_iter().map(|(_, series)| series).collect()
}

fn by_name(args: &Args<'_>, series: Vec<Series>) -> Result<Vec<Series>, Fault> {
    let natural = args.flag("natural");
    let key = |series: Series| (if natural { padded(&series.name) } else { series.name.clone() }, series);
    Ok(ordered(order(args.flag("reverse")), series.into_iter().map(key).collect(), |a, b| Some(a.cmp(b))))
}

/// Every number in a name as ten digits.
fn padded(name: &str) -> String {
    let mut key = String::with_capacity(name.len() + 16);
    let mut rest = name;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let end = rest[at..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |len| at + len);
        key.push_str(&rest[..at]);
        key.push_str(&format!("{:0>10}", rest[at..end].trim_start_matches('0')));
        rest = &rest[end..];
    }
    key + rest
}

fn most_deviant(args: &Args<'_>, mut series: Vec<Series>) -> Result<Vec<Series>, Fault> {
    series.retain(|series| count_present(&series.values) > 0);
    let deviation = |series: Series| {
        let deviation = Aggregation::StdDev.over(&series.values);
        (deviation * deviation, series)
    };
    let keyed = series.into_iter().map(deviation).collect();
    leading(args, ordered(Order::Descending, keyed, |a: &f64, b| a.partial_cmp(b)))
}

fn without_empty(args: &Args<'_>, mut series: Vec<Series>) -> Result<Vec<Series>, Fault> {
    let x_files_factor = args.maybe_number("xFilesFactor").unwrap_or(0.0);
    series.retain(|series| is_enough(count_present(&series.values), series.values.len(), x_files_factor));
    Ok(series)
}

fn others_of_those_above(
    run: &mut Evaluation<'_>,
    args: &Args<'_>,
    lists: &[Vec<Series>],
) -> Result<Vec<Series>, Fault> {
    let mut names = Vec::new();
    for series in lists.iter().flatten() {
        if Aggregation::Max.over(&series.values) > args.number("value") {
            let name = args.pattern("search").substitute(args.replacement("replace"), &series.name);
            names.push(name.map_err(|reason| argument(args.function, reason))?);
        }
    }
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut others = run.text(&format!("group({})", names.join(",")), args.window)?;
    others.retain(|series| !series.values.is_empty());
    Ok(others)
}

/// Names alone are compared; of two series of one name that of the first list stays.
fn joined(how: &str, lists: Vec<Vec<Series>>) -> Vec<Series> {
    let mut lists = lists.into_iter();
    let (mut a, mut b) = (lists.next().unwrap_or_default(), lists.next().unwrap_or_default());
    let names = |list: &[Series]| list.iter().map(|series| series.name.clone()).collect::<HashSet<_>>();
    let (in_a, in_b) = (names(&a), names(&b));
    match how {
        "AND" => a.retain(|series| in_b.contains(&series.name)),
        "XOR" | "SUB" => a.retain(|series| !in_b.contains(&series.name)),
        _ => {}
    }
    if matches!(how, "OR" | "XOR") {
        b.retain(|series| !in_a.contains(&series.name));
        a.append(&mut b);
    }
    a
}
