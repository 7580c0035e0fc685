//! Alias: what a series is called. Values, tags and the path expression stay.

use super::{Args, Body, Function, Group, Param, Takes, Value};
use crate::ast::{Expr, Kind};
use crate::error::Fault;
use crate::parse;
use crate::series::Series;

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
        "aliasByNode",
        Group::Alias,
        "Every series is called by parts of its name: dotted ones by number, from 0 or from the end, tags by name.",
        &[Param::SERIES, Param::new("nodes", Takes::NodeOrTag).multiple()],
        Body::Name(by_node),
    ),
    Function::new(
        "aliasSub",
        Group::Alias,
        "Every match of the regular expression `search` in the name is replaced; `\\1` is what its first group matched.",
        &[Param::SERIES, Param::new("search", Takes::Pattern), Param::new("replace", Takes::Replacement)],
        Body::Name(substituted),
    ),
];

fn substituted(args: &Args<'_>, series: &Series) -> Result<String, Fault> {
    let name = args.pattern("search").substitute(args.replacement("replace"), &series.name);
    name.map_err(|reason| Fault::Argument { function: args.function_name(), reason })
}

/// What is not there is empty, but its dot stays.
fn by_node(args: &Args<'_>, series: &Series) -> Result<String, Fault> {
    // A name that looks like a call is known by the first path inside.
    let inner = if series.name.ends_with(')') { first_path(args, &series.name) } else { None };
    let path = inner.as_deref().unwrap_or(&series.name);
    let nodes: Vec<&str> = path.split(';').next().unwrap_or("").split('.').collect();
    let part = |node: &Value| match node {
        Value::Node(at) => nodes.get(from_either_end(*at, nodes.len())).copied().unwrap_or(""),
        Value::Tag(tag) => series.tags.get(tag).map_or("", String::as_str),
        _ => "",
    };
    Ok(args.list("nodes").iter().map(part).collect::<Vec<_>>().join("."))
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
