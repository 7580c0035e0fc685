//! Alias: what a series is called. Values, tags and the path expression stay.

use super::{Args, Body, Function, Group, Need, Param, Takes, Value};
use crate::aggregation::Aggregation;
use crate::ast::{Expr, Kind};
use crate::error::Fault;
use crate::evaluate::{Evaluation, argument};
use crate::parse;
use crate::python;
use crate::series::Series;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tsdb::is_gap;

const SEARCH: Param = Param::new("search", Takes::Pattern);
const REPLACE: Param = Param::new("replace", Takes::Replacement);
const POSITIONS: Param = Param::new("pos", Takes::Integer).optional().multiple();

/// The family, by name.
pub const ALL: &[Function] = &[
    Function::new(
        "alias",
        Group::Alias,
        "Every series is called `newName`.",
        &[Param::SERIES, Param::new("newName", Takes::Text)],
        Body::Name(|args, _| Ok(args.text("newName").to_owned())),
    ),
    Function::new(
        "aliasByBase64",
        Group::Alias,
        "Every series is called what its name is in base64, or one dotted part of it, from 1; what is none stays.",
        &[Param::SERIES, Param::new("nodeNum", Takes::Integer).default(Need::Optional)],
        Body::Name(|args, series| Ok(decoded(args.maybe_integer("nodeNum"), series))),
    ),
    Function::new(
        "aliasByMetric",
        Group::Alias,
        "Every series is called by the last part of its name.",
        &[Param::SERIES],
        Body::Name(|_, series| Ok(parts_of(&series.name, -1, 0))),
    ),
    Function::new(
        "aliasByNode",
        Group::Alias,
        "Every series is called by parts of its name: dotted ones by number, from 0 or from the end, tags by name.",
        &[Param::SERIES, Param::new("nodes", Takes::NodeOrTag).multiple()],
        Body::Name(|args, series| Ok(by_node(args, series, args.list("nodes")))),
    ),
    Function::new(
        "aliasByTags",
        Group::Alias,
        "Every series is called by its tags, by name, or by parts of its name, by number.",
        &[Param::SERIES, Param::new("tags", Takes::NodeOrTag).multiple()],
        Body::Name(|args, series| Ok(by_node(args, series, args.list("tags")))),
    ),
    Function::new(
        "aliasQuery",
        Group::Alias,
        "Every series is called `newName` with the last value of another target in place of its `%d`, `%g` or the like; that target is the name after a replacement.",
        &[Param::SERIES, SEARCH, REPLACE, Param::new("newName", Takes::Text)],
        Body::Lists(by_query),
    ),
    Function::new(
        "aliasSub",
        Group::Alias,
        "Every match of the regular expression `search` in the name is replaced; `\\1` is what its first group matched.",
        &[Param::SERIES, SEARCH, REPLACE],
        Body::Name(substituted),
    ),
    Function::new(
        "legendValue",
        Group::Alias,
        "Statistics of every series are added to its name, in units if `\"si\"` or `\"binary\"` comes last.",
        &[Param::SERIES, Param::new("valuesTypes", Takes::Text).optional().multiple()],
        Body::Name(super::legend::with_values),
    ),
    Function::new(
        "lower",
        Group::Alias,
        "Names in small letters, or the characters at the positions alone.",
        &[Param::SERIES, POSITIONS],
        Body::Name(|args, series| Ok(cased(args, &series.name, str::to_lowercase))),
    )
    .aliases(&["toLowerCase"]),
    Function::new(
        "substr",
        Group::Special,
        "Every series is called by the dotted parts of its name from `start` up to, not including, `stop`.",
        &[
            Param::SERIES,
            Param::new("start", Takes::Node).default(Need::Integer(0)),
            Param::new("stop", Takes::Node).default(Need::Integer(0)),
        ],
        Body::Name(|args, series| Ok(parts_of(&series.name, args.integer("start"), args.integer("stop")))),
    ),
    Function::new(
        "upper",
        Group::Alias,
        "Names in capital letters, or the characters at the positions alone.",
        &[Param::SERIES, POSITIONS],
        Body::Name(|args, series| Ok(cased(args, &series.name, str::to_uppercase))),
    )
    .aliases(&["toUpperCase"]),
];

/// Base64 of the whole name, or of one dotted part of it.
fn decoded(part: Option<i64>, series: &Series) -> String {
    let plain = |text: &str| STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let Some(part) = part else { return plain(&series.name).unwrap_or_else(|| series.name.clone()) };
    let mut parts: Vec<&str> = series.tags.get("name").unwrap_or(&series.name).split('.').collect();
    let at = usize::try_from(part.saturating_sub(1)).unwrap_or(usize::MAX);
    let Some(found) = parts.get(at).and_then(|part| plain(part)) else { return series.name.clone() };
    parts[at] = &found;
    parts.join(".")
}

fn substituted(args: &Args<'_>, series: &Series) -> Result<String, Fault> {
    let name = args.pattern("search").substitute(args.replacement("replace"), &series.name);
    name.map_err(|reason| argument(args.function, reason))
}

/// What is not there is empty, but its dot stays.
pub(super) fn by_node(args: &Args<'_>, series: &Series, nodes: &[Value]) -> String {
    // A name that looks like a call is known by the first path inside.
    let inner = if series.name.ends_with(')') { first_path(args, &series.name) } else { None };
    let path = inner.as_deref().unwrap_or(&series.name);
    let parts: Vec<&str> = path.split(';').next().unwrap_or("").split('.').collect();
    let part = |node: &Value| match node {
        Value::Node(at) => parts.get(from_either_end(*at, parts.len())).copied().unwrap_or(""),
        Value::Tag(tag) => series.tags.get(tag).map_or("", String::as_str),
        _ => "",
    };
    nodes.iter().map(part).collect::<Vec<_>>().join(".")
}

fn from_either_end(at: i64, len: usize) -> usize {
    let at = if at < 0 { at.saturating_add(len as i64) } else { at };
    usize::try_from(at).unwrap_or(usize::MAX)
}

fn first_path(args: &Args<'_>, name: &str) -> Option<String> {
    let mut expr: Expr = parse::parse(name, args.limits).ok()?.expr?;
    loop {
        match expr.kind {
            Kind::Path(path) => return Some(path),
            Kind::Call(mut call) if !call.arguments.is_empty() => expr = call.arguments.swap_remove(0),
            _ => return None,
        }
    }
}

/// Of what stands in the innermost parentheses, if there are any, and before a comma.
fn parts_of(name: &str, start: i64, stop: i64) -> String {
    let left = name.rfind('(').map_or(0, |at| at + 1);
    let right = name.find(')').unwrap_or(name.len());
    let parts: Vec<&str> = name.get(left..right).unwrap_or("").split('.').collect();
    let begin = super::filter::first(start, parts.len());
    let end = if stop == 0 { parts.len() } else { super::filter::first(stop, parts.len()) };
    let kept = parts.get(begin..end.max(begin)).unwrap_or_default().join(".");
    kept.split(',').next().unwrap_or("").to_owned()
}

fn cased(args: &Args<'_>, name: &str, change: fn(&str) -> String) -> String {
    let positions = args.list("pos");
    if positions.is_empty() {
        return change(name);
    }
    let count = name.chars().count();
    let is_meant = |at: usize| {
        positions.iter().any(|pos| matches!(pos, Value::Integer(pos) if from_either_end(*pos, count) == at))
    };
    let mut changed = String::with_capacity(name.len());
    for (at, c) in name.chars().enumerate() {
        let mut buffer = [0; 4];
        let letter = c.encode_utf8(&mut buffer);
        if is_meant(at) { changed.push_str(&change(letter)) } else { changed.push_str(letter) }
    }
    changed
}

fn by_query(run: &mut Evaluation<'_>, args: &Args<'_>, lists: Vec<Vec<Series>>) -> Result<Vec<Series>, Fault> {
    let refused = |reason: String| argument(args.function, reason);
    let mut series: Vec<Series> = lists.into_iter().flatten().collect();
    for series in &mut series {
        let query = substituted(args, series)?;
        let found = run.text(&query, args.window)?;
        let Some(found) = found.first() else { return Err(refused(format!("no series found with query: {query}"))) };
        let last = Aggregation::Last.over(&found.values);
        if is_gap(last) {
            return Err(refused(format!("`{}` has no last value", found.name)));
        }
        let name = python::formatted(args.text("newName"), last).map_err(refused)?;
        run.rename(series, name)?;
    }
    Ok(series)
}
