//! Combine, in groups: series that share a part of their name or a tag become one, or are handed to a function.

use super::alias::by_node;
use super::{Args, Body, Function, Group, Need, Param, Takes, Value};
use crate::aggregation::Aggregation;
use crate::error::Fault;
use crate::evaluate::{Evaluation, argument};
use crate::series::Series;
use crate::tags;
use std::collections::{BTreeSet, HashMap};

type Answer = Result<Vec<Series>, Fault>;

const POSITION: Param = Param::new("position", Takes::Node).optional().multiple();
const CALLBACK: Param = Param::new("callback", Takes::Callback);

/// A function that is one method over series that differ in parts of their name.
const fn with_wildcards(name: &'static str, sentence: &'static str, body: Body) -> Function {
    Function::new(name, Group::Combine, sentence, &[Param::SERIES, POSITION], body)
}

/// The family, by name.
pub const ALL: &[Function] = &[
    Function::new(
        "aggregateWithWildcards",
        Group::Combine,
        "Series whose names are the same without the parts at the positions, as one by `func`.",
        &[Param::SERIES, Param::new("func", Takes::Aggregation), POSITION],
        Body::Lists(|run, args, lists| without_positions(run, args, lists, args.aggregation_word("func"))),
    ),
    Function::new(
        "applyByNode",
        Group::Combine,
        "The target `templateFunction` for each beginning of a name up to part `nodeNum`; it stands where the template has `%`.",
        &[
            Param::SERIES,
            Param::new("nodeNum", Takes::Node),
            Param::new("templateFunction", Takes::Text),
            Param::new("newName", Takes::Text).optional(),
        ],
        Body::Lists(|run, args, lists| apply_by_node(run, args, &lists)),
    ),
    with_wildcards(
        "averageSeriesWithWildcards",
        "The mean of series whose names are the same without the parts at the positions.",
        Body::Lists(|run, args, lists| without_positions(run, args, lists, ("average", Aggregation::Average))),
    ),
    Function::new(
        "groupByNode",
        Group::Combine,
        "Series that share part `nodeNum` of their name, or a tag, as one by `callback`.",
        &[
            Param::SERIES,
            Param::new("nodeNum", Takes::NodeOrTag),
            CALLBACK.default(Need::Word("average")),
        ],
        Body::Lists(|run, args, lists| by_nodes(run, args, lists, std::slice::from_ref(args.value("nodeNum")))),
    ),
    Function::new(
        "groupByNodes",
        Group::Combine,
        "Series that share parts of their name, or tags, as one by `callback`.",
        &[Param::SERIES, CALLBACK, Param::new("nodes", Takes::NodeOrTag).optional().multiple()],
        Body::Lists(|run, args, lists| by_nodes(run, args, lists, args.list("nodes"))),
    ),
    Function::new(
        "groupByTags",
        Group::Combine,
        "Series that share tags as one by `callback`, called and tagged by these.",
        &[Param::SERIES, CALLBACK, Param::new("tags", Takes::Tag).multiple()],
        Body::Lists(by_tags),
    ),
    Function::new(
        "mapSeries",
        Group::Combine,
        "The series in groups that share parts of their name, or tags, for `reduceSeries`.",
        &[Param::SERIES, Param::new("mapNodes", Takes::NodeOrTag).multiple()],
        Body::Lists(|_, args, lists| {
            let all = lists.into_iter().flatten();
            let groups = group_by(all, |series| key(args, series, args.list("mapNodes")));
            Ok(groups.into_iter().flat_map(|(_, group)| group).collect())
        }),
    )
    .aliases(&["map"]),
    with_wildcards(
        "multiplySeriesWithWildcards",
        "The product of series whose names are the same without the parts at the positions.",
        Body::Lists(|run, args, lists| without_positions(run, args, lists, ("multiply", Aggregation::Multiply))),
    ),
    Function::new(
        "reduceSeries",
        Group::Combine,
        "Of series whose names are the same up to part `reduceNode`, those that have one of the matchers there, handed to `reduceFunction` in the matchers' order.",
        &[
            Param::new("seriesLists", Takes::SeriesLists),
            Param::new("reduceFunction", Takes::Text),
            Param::new("reduceNode", Takes::Node),
            Param::new("reduceMatchers", Takes::Text).multiple(),
        ],
        Body::Lists(reduce),
    )
    .aliases(&["reduce"]),
    with_wildcards(
        "sumSeriesWithWildcards",
        "The sum of series whose names are the same without the parts at the positions.",
        Body::Lists(|run, args, lists| without_positions(run, args, lists, ("sum", Aggregation::Sum))),
    ),
];

/// Groups in the order in which their first series come.
pub(super) fn group_by<S>(series: impl Iterator<Item = S>, key: impl Fn(&S) -> String) -> Vec<(String, Vec<S>)> {
    let mut groups: Vec<(String, Vec<S>)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for series in series {
        let key = key(&series);
        match places.get(&key) {
            Some(&place) => groups[place].1.push(series),
            None => {
                places.insert(key.clone(), groups.len());
                groups.push((key, vec![series]));
            }
        }
    }
    groups
}

/// What `aliasByNode` would call a series.
pub(super) fn key(args: &Args<'_>, series: &Series, nodes: &[Value]) -> String {
    by_node(args, series, nodes)
}

fn without_positions(
    run: &mut Evaluation<'_>,
    args: &Args<'_>,
    lists: Vec<Vec<Series>>,
    method: (&str, Aggregation),
) -> Answer {
    let positions = args.list("position");
    let is_left_out = |at: usize| {
        positions.iter().any(|position| matches!(position, Value::Integer(node) if usize::try_from(*node) == Ok(at)))
    };
    let key = |series: &Series| {
        let parts = series.name.split('.').enumerate().filter(|(at, _)| !is_left_out(*at));
        parts.map(|(_, part)| part).collect::<Vec<_>>().join(".")
    };
    let mut answer = Vec::new();
    for (key, group) in group_by(lists.into_iter().flatten(), key) {
        let all: Vec<&Series> = group.iter().collect();
        let Some(mut one) = run.aggregate(args.function, method, &all, None)? else { continue };
        run.rename(&mut one, key)?;
        answer.push(one);
    }
    Ok(answer)
}

/// The group as one series, by a method or by the first answer of a function.
fn called(run: &mut Evaluation<'_>, args: &Args<'_>, group: Vec<Series>) -> Result<Option<Series>, Fault> {
    match args.value("callback") {
        Value::Function { function, .. } => Ok(run.apply(function, args.window, vec![group])?.into_iter().next()),
        _ => {
            let all: Vec<&Series> = group.iter().collect();
            run.aggregate(args.function, args.aggregation_word("callback"), &all, None)
        }
    }
}

fn by_nodes(run: &mut Evaluation<'_>, args: &Args<'_>, lists: Vec<Vec<Series>>, nodes: &[Value]) -> Answer {
    let mut answer = Vec::new();
    for (key, group) in group_by(lists.into_iter().flatten(), |series| key(args, series, nodes)) {
        let Some(mut one) = called(run, args, group)? else { continue };
        run.rename(&mut one, key)?;
        answer.push(one);
    }
    Ok(answer)
}

fn by_tags(run: &mut Evaluation<'_>, args: &Args<'_>, lists: Vec<Vec<Series>>) -> Answer {
    let wanted: Vec<String> = args.list("tags").iter().map(Value::in_tag).collect();
    let series: Vec<Series> = lists.into_iter().flatten().collect();
    let name_of = |series: &Series| series.tags.get("name").cloned().unwrap_or_default();
    let names: BTreeSet<String> = series.iter().map(name_of).collect();
    let shared = match names.first() {
        Some(name) if names.len() == 1 => name.clone(),
        _ => args.value("callback").in_tag(),
    };
    let by_name = wanted.iter().any(|tag| tag == "name");
    let key = |series: &Series| {
        let value = |tag: &String| format!("{tag}={}", series.tags.get(tag).map_or("", String::as_str));
        let mut parts: Vec<String> = wanted.iter().filter(|tag| *tag != "name").map(value).collect();
        parts.sort_unstable();
        parts.insert(0, if by_name { name_of(series) } else { shared.clone() });
        parts.join(";")
    };
    let mut answer = Vec::new();
    for (key, group) in group_by(series.into_iter(), key) {
        let Some(mut one) = called(run, args, group)? else { continue };
        one.tags = tags::of_name(&key);
        one.path_expression.clone_from(&key);
        run.rename(&mut one, key)?;
        answer.push(one);
    }
    Ok(answer)
}

/// A group that lacks one of the matchers has no answer.
fn reduce(run: &mut Evaluation<'_>, args: &Args<'_>, lists: Vec<Vec<Series>>) -> Answer {
    let word = args.text("reduceFunction");
    let Some(function) = super::lookup(word) else {
        return Err(argument(args.function, format!("unknown function `{word}`")));
    };
    let matchers: Vec<String> = args.list("reduceMatchers").iter().map(Value::in_tag).collect();
    let node = args.integer("reduceNode");
    // Without the part's number a series belongs to no group.
    let group_of = |series: &Series| {
        let parts: Vec<&str> = series.name.split('.').collect();
        let at = if node < 0 { node.saturating_add(parts.len() as i64) } else { node };
        let at = usize::try_from(at).ok().filter(|at| *at < parts.len())?;
        let place = matchers.iter().position(|matcher| matcher == parts[at])?;
        Some((format!("{}.reduce.{word}", parts[..at].join(".")), place))
    };
    let matched = lists.into_iter().flatten().filter_map(|series| Some((group_of(&series)?, series)));
    let mut answer = Vec::new();
    for (key, group) in group_by(matched, |((key, _), _)| key.clone()) {
        let mut lists: Vec<Vec<Series>> = matchers.iter().map(|_| Vec::new()).collect();
        for ((_, place), series) in group {
            lists[place] = vec![series];
        }
        if lists.iter().any(Vec::is_empty) {
            continue;
        }
        let Some(mut one) = run.apply(function, args.window, lists)?.into_iter().next() else { continue };
        run.rename(&mut one, key)?;
        answer.push(one);
    }
    Ok(answer)
}

/// Times are those of the last series, whatever the template answers: so graphite-web has it.
fn apply_by_node(run: &mut Evaluation<'_>, args: &Args<'_>, lists: &[Vec<Series>]) -> Answer {
    let series = &lists[0];
    let Some(last) = series.last() else { return Ok(Vec::new()) };
    let upto = args.integer("nodeNum").saturating_add(1);
    let prefix = |series: &Series| {
        let parts: Vec<&str> = series.name.split('.').collect();
        parts[..super::filter::first(upto, parts.len())].join(".")
    };
    let mut answer = Vec::new();
    for prefix in series.iter().map(prefix).collect::<BTreeSet<_>>() {
        for mut one in run.text(&args.text("templateFunction").replace('%', &prefix), args.window)? {
            if let Some(name) = args.maybe_text("newName").filter(|name| !name.is_empty()) {
                run.rename(&mut one, name.replace('%', &prefix))?;
            }
            one.path_expression.clone_from(&prefix);
            (one.start, one.end) = (last.start, last.end);
            answer.push(one);
        }
    }
    Ok(answer)
}
