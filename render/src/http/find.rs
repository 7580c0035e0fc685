//! `/metrics/find`, `/metrics/expand`, `/metrics/search` and `/metrics/index.json`: which names there are. Grafana's pickers, its variables
//! and our own tree ask these.

use crate::encode::{JsonWriter, MsgPack, Packed, Pickle};
use crate::error::Error;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use query::source::Node;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::Serving;
use super::params::Params;
use super::reply;
use super::times::Span;

/// The shapes of an answer.
enum Format {
    TreeJson,
    Json,
    Completer,
    NodeList,
    Pickle,
    MsgPack,
}

/// `/metrics/find` and `/metrics`.
pub async fn find(State(serving): State<Arc<Serving>>, headers: HeaderMap, params: Params) -> Result<Response, Error> {
    let question = Question::read(&params, &serving)?;
    let catalogue = Arc::clone(&serving.app.catalogue);
    let now = (serving.app.clock)();
    let job = move || {
        let mut nodes = catalogue.find(&question.pattern).map_err(Error::Names)?;
        nodes.retain(|node| node.leaf || !question.leaves_only);
        let order = |node: &Node| (name_of(node).to_owned(), node.path.clone(), node.leaf);
        nodes.sort_by_cached_key(order);
        // What the store keeps of a series, back from now; absent if it cannot tell.
        let kept = |name: &str| {
            let archives = catalogue.archives(name).ok().flatten()?;
            let kept = archives.iter().map(|a| i64::from(a.step.secs()) * i64::from(a.points)).max()?;
            Some((now.0 - kept, now.0))
        };
        match question.format {
            Format::Pickle => {
                let mut out = Pickle::new(0);
                packed(&mut out, &nodes, kept);
                Ok(reply::unkept("application/pickle", out.finish()))
            }
            Format::MsgPack => {
                let mut out = MsgPack::new(0);
                packed(&mut out, &nodes, kept);
                Ok(reply::unkept("application/x-msgpack", out.finish()))
            }
            Format::TreeJson => reply::listing(&params, &headers, |json| tree(json, &nodes, &question)),
            Format::NodeList => reply::listing(&params, &headers, |json| node_list(json, &nodes, question.position)),
            Format::Completer => reply::listing(&params, &headers, |json| completer(json, &nodes, question.wildcards)),
            Format::Json => reply::listing(&params, &headers, |json| plain(json, nodes, kept)),
        }
    };
    serving.workers.run(job).await
}

/// `/metrics/expand`: the paths that patterns stand for.
pub async fn expand(
    State(serving): State<Arc<Serving>>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, Error> {
    params.integer("local", 0)?;
    let grouped = params.integer("groupByExpr", 0)? != 0;
    let leaves_only = params.integer("leavesOnly", 0)? != 0;
    let catalogue = Arc::clone(&serving.app.catalogue);
    let job = move || {
        let mut groups: Vec<(&str, BTreeSet<String>)> = Vec::new();
        for query in params.all("query") {
            let nodes = catalogue.find(query).map_err(Error::Names)?;
            let paths = nodes.into_iter().filter(|node| node.leaf || !leaves_only).map(|node| node.path).collect();
            match groups.iter_mut().find(|(known, _)| *known == query) {
                Some((_, known)) => *known = paths,
                None => groups.push((query, paths)),
            }
        }
        reply::listing(&params, &headers, |json| {
            json.begin_map();
            json.key("results");
            if grouped {
                json.begin_map();
                for (query, paths) in &groups {
                    json.key(query);
                    strings(json, paths);
                }
                json.end_map();
            } else {
                strings(json, groups.iter().flat_map(|(_, paths)| paths).collect::<BTreeSet<_>>());
            }
            json.end_map();
        })
    };
    serving.workers.run(job).await
}

/// Nodes that a search tells when the request does not say: graphite-web's.
const SEARCHED: i64 = 25;

/// `/metrics/search`: the first nodes that a pattern names, as graphite-web answered before 1.1.
pub async fn search(
    State(serving): State<Arc<Serving>>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, Error> {
    let pattern = params.filled("query").map(|query| query.trim().to_owned());
    let pattern = pattern.ok_or_else(|| Error::BadRequest("Missing required parameter 'query'".to_owned()))?;
    let most = usize::try_from(params.integer("max_results", SEARCHED)?).unwrap_or(0);
    let catalogue = Arc::clone(&serving.app.catalogue);
    let job = move || {
        let nodes = catalogue.find(&pattern).map_err(Error::Names)?;
        reply::listing(&params, &headers, |json| {
            json.begin_map();
            json.key("metrics");
            json.begin_list();
            for node in nodes.iter().take(most) {
                json.begin_map();
                json.key("path");
                json.string(&node.path);
                json.key("is_leaf");
                json.boolean(node.leaf);
                json.end_map();
            }
            json.end_list();
            json.end_map();
        })
    };
    serving.workers.run(job).await
}

/// `/metrics/index.json`: every series.
pub async fn index(State(serving): State<Arc<Serving>>, headers: HeaderMap, params: Params) -> Result<Response, Error> {
    let catalogue = Arc::clone(&serving.app.catalogue);
    let job = move || {
        let leaves = catalogue.leaves().map_err(Error::Names)?;
        reply::listing(&params, &headers, |json| strings(json, &leaves))
    };
    serving.workers.run(job).await
}

/// What a find asks.
struct Question {
    pattern: String,
    format: Format,
    leaves_only: bool,
    wildcards: bool,
    position: i64,
    /// What the query holds before its last node, dot included; the ids of the tree begin with it.
    base: String,
}

impl Question {
    fn read(params: &Params, serving: &Serving) -> Result<Question, Error> {
        let leaves_only = params.integer("leavesOnly", 0)? != 0;
        let wildcards = params.integer("wildcards", 0)? != 0;
        let position = params.integer("position", -1)?;
        params.integer("local", 0)?;
        Span::check(params, &serving.app)?;
        let wrong = |what: &str| Error::BadRequest(format!("Invalid parameters ({what})"));
        let query = params.last("query").ok_or_else(|| wrong("Missing required parameter 'query'"))?;
        if query.is_empty() {
            return Err(wrong("Required parameter 'query' is empty"));
        }
        let base = query.rfind('.').map_or("", |dot| &query[..=dot]).to_owned();
        let format = match params.last("format").unwrap_or("treejson") {
            "treejson" => Format::TreeJson,
            "json" => Format::Json,
            "completer" => Format::Completer,
            "nodelist" => Format::NodeList,
            "pickle" => Format::Pickle,
            "msgpack" => Format::MsgPack,
            _ => return Err(Error::BadRequest("Invalid value for 'format' parameter".to_owned())),
        };
        let pattern = match format {
            Format::Completer => completed(query, params.integer("automatic_variants", 0)? != 0),
            _ => query.to_owned(),
        };
        Ok(Question { pattern, format, leaves_only, wildcards, position, base })
    }
}

/// What a completer looks for: everything that begins with the query, a doubled dot standing for any node.
fn completed(query: &str, variants: bool) -> String {
    let mut pattern = query.replace("..", "*.");
    if !pattern.ends_with('*') {
        pattern.push('*');
    }
    if !variants {
        return pattern;
    }
    let braced =
        |part: &str| if part.contains(',') && !part.contains('{') { format!("{{{part}}}") } else { part.to_owned() };
    pattern.split('.').map(braced).collect::<Vec<_>>().join(".")
}

fn name_of(node: &Node) -> &str {
    node.path.rsplit('.').next().unwrap_or(&node.path)
}

/// Branches, then leaves; where several paths end in the same name the first stands for all.
fn tree(json: &mut JsonWriter, nodes: &[Node], question: &Question) {
    json.begin_list();
    if nodes.len() > 1 && question.wildcards {
        tree_node(json, "*", &format!("{}*", question.base), nodes.iter().all(|node| node.leaf));
    }
    let mut seen = HashSet::new();
    let (leaves, branches): (Vec<_>, Vec<_>) =
        nodes.iter().filter(|node| seen.insert(name_of(node))).partition(|node| node.leaf);
    for node in branches.into_iter().chain(leaves) {
        let name = name_of(node);
        tree_node(json, &unquote_plus(name), &format!("{}{name}", question.base), node.leaf);
    }
    json.end_list();
}

fn tree_node(json: &mut JsonWriter, text: &str, id: &str, leaf: bool) {
    json.begin_map();
    json.key("text");
    json.string(text);
    json.key("id");
    json.string(id);
    for (key, value) in [("allowChildren", !leaf), ("expandable", !leaf), ("leaf", leaf)] {
        json.key(key);
        json.integer(i64::from(value));
    }
    json.end_map();
}

fn plain(json: &mut JsonWriter, mut nodes: Vec<Node>, kept: impl Fn(&str) -> Option<(i64, i64)>) {
    nodes.sort_by(|a, b| (&a.path, a.leaf).cmp(&(&b.path, b.leaf)));
    json.begin_list();
    for node in nodes {
        json.begin_map();
        json.key("path");
        json.string(&node.path);
        json.key("is_leaf");
        json.boolean(node.leaf);
        if let Some((start, end)) = node.leaf.then(|| kept(&node.path)).flatten() {
            json.key("intervals");
            json.begin_list();
            json.begin_map();
            json.key("start");
            json.integer(start);
            json.key("end");
            json.integer(end);
            json.end_map();
            json.end_list();
        }
        json.end_map();
    }
    json.end_list();
}

/// What a graphite-web tells another of its nodes; its spans are pairs.
fn packed(out: &mut impl Packed, nodes: &[Node], kept: impl Fn(&str) -> Option<(i64, i64)>) {
    out.begin_list(nodes.len());
    for node in nodes {
        out.begin_map(if node.leaf { 3 } else { 2 });
        out.text("path");
        out.text(&node.path);
        out.text("is_leaf");
        out.boolean(node.leaf);
        if node.leaf {
            let span = kept(&node.path);
            out.text("intervals");
            out.begin_list(usize::from(span.is_some()));
            if let Some((start, end)) = span {
                out.begin_list(2);
                out.integer(start);
                out.integer(end);
                out.end_list();
            }
            out.end_list();
        }
        out.end_map();
    }
    out.end_list();
}

fn completer(json: &mut JsonWriter, nodes: &[Node], wildcards: bool) {
    json.begin_map();
    json.key("metrics");
    json.begin_list();
    for node in nodes {
        json.begin_map();
        json.key("path");
        json.string(&if node.leaf { node.path.clone() } else { format!("{}.", node.path) });
        json.key("name");
        json.string(name_of(node));
        json.key("is_leaf");
        json.string(if node.leaf { "1" } else { "0" });
        json.end_map();
    }
    if nodes.len() > 1 && wildcards {
        json.begin_map();
        json.key("name");
        json.string("*");
        json.end_map();
    }
    json.end_list();
    json.end_map();
}

/// The distinct nodes at one place of the paths; a negative place counts from the end.
fn node_list(json: &mut JsonWriter, nodes: &[Node], position: i64) {
    let at = |path: &str| {
        let parts: Vec<_> = path.split('.').collect();
        let index = if position < 0 { position + parts.len() as i64 } else { position };
        usize::try_from(index).ok().and_then(|index| parts.get(index).map(|part| (*part).to_owned()))
    };
    let found: BTreeSet<_> = nodes.iter().filter_map(|node| at(&node.path)).collect();
    json.begin_map();
    json.key("nodes");
    strings(json, found);
    json.end_map();
}

fn strings<T: AsRef<str>>(json: &mut JsonWriter, list: impl IntoIterator<Item = T>) {
    json.begin_list();
    for text in list {
        json.string(text.as_ref());
    }
    json.end_list();
}

/// `%41+b` as `A b`: names in a tree are shown as their writers meant them.
fn unquote_plus(name: &str) -> String {
    let bytes = name.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex =
            |at: usize| bytes.get(at).and_then(|&b| char::from(b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
        match (bytes[i], hex(i + 1), hex(i + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(high * 16 + low);
                i += 2;
            }
            (b'+', ..) => out.push(b' '),
            (byte, ..) => out.push(byte),
        }
        i += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{completed, unquote_plus};

    #[test]
    fn completion_patterns() {
        assert_eq!(completed("ramp.s", false), "ramp.s*");
        assert_eq!(completed("a..b", false), "a*.b*");
        assert_eq!(completed("a.*", false), "a.*");
        assert_eq!(completed("s.web01,db01.cpu.", true), "s.{web01,db01}.cpu.*");
    }

    #[test]
    fn names_are_unquoted_for_people() {
        assert_eq!(unquote_plus("a%20b+c%zz%4"), "a b c%zz%4");
        assert_eq!(unquote_plus("%C3%BC"), "ü");
    }
}
