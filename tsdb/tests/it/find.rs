//! Find against the recorded answers of graphite-web: a tree is made of the recorded index, and every recorded pattern
//! is asked of it.

use conformance::{Score, cases};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use tsdb::index::{Bounds, Index};
use tsdb::{Error, Node, Rules, SeriesId, Store, StoreLimits, WhisperStore};

/// A store over empty files: find opens none of them.
fn store(root: &Path, names: &[&str]) -> WhisperStore {
    for name in names {
        let path = root.join(name.replace('.', "/") + ".wsp");
        fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        fs::write(path, b"").expect("writable");
    }
    WhisperStore::open_read_only(root).expect("readable")
}

/// How a tree is asked: the whisper store's folders, or a slab's index.
type Find<'a> = &'a dyn Fn(&str) -> Vec<Node>;

#[test]
fn recorded_patterns() {
    let Some(cases) = cases("render.jsonl") else { return };
    let index = cases.iter().find(|case| case["area"] == "index" && param(case, "jsonp").is_none());
    let Some(recorded) = index.and_then(body) else { return println!("SKIPPED find: no recorded index") };
    let names: Vec<&str> = recorded.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let store = store(folder.path(), &names);
    score("find", &cases, &names, &store.leaves().expect("leaves"), &|query| store.find(query).expect("small"));
    let index = Index::new(u32::MAX, Bounds { expansions: 10_000, nodes: 2_000_000 });
    let ids: Vec<SeriesId> = names.iter().map(|name| index.resolve(name).expect("room")).collect();
    // Half of them in a checkpoint.
    index.show_all(&ids[..ids.len() / 2]);
    index.checkpoint(&folder.path().join("names.fst")).expect("written");
    index.show_all(&ids);
    score("find in an index", &cases, &names, &index.leaves().expect("leaves"), &|query| {
        index.find(query).expect("small")
    });
}

fn score(name: &str, cases: &[Value], names: &[&str], leaves: &[String], find: Find<'_>) {
    let mut score = Score::default();
    score.note("index", same(leaves, names));
    for case in cases {
        let Some(expected) = body(case).filter(|_| case["expect"]["status"] == 200) else { continue };
        let outcome = match (case["area"].as_str(), param(case, "format"), param(case, "wildcards")) {
            (Some("expand"), ..) => check_expand(find, case, &expected),
            (Some("find"), Some("json"), _) => check_json(find, case, &expected),
            (Some("find"), None | Some("treejson"), None) => check_tree(find, case, &expected),
            _ => continue,
        };
        score.note(case["id"].as_str().expect("id"), outcome);
    }
    score.finish(name);
}

fn check_expand(find: Find<'_>, case: &Value, expected: &Value) -> Result<(), String> {
    let leaves_only = param(case, "leavesOnly") == Some("1");
    let expand = |query: &str| {
        let nodes = find(query).into_iter();
        nodes.filter(|node| node.leaf || !leaves_only).map(|node| node.path).collect::<BTreeSet<_>>()
    };
    let queries = params(case, "query");
    if let Some(groups) = expected["results"].as_object() {
        let mut groups = groups.iter().map(|(query, paths)| (query, texts(paths)));
        return groups.try_for_each(|(query, paths)| same(&Vec::from_iter(expand(query)), &paths));
    }
    let all: BTreeSet<String> = queries.iter().flat_map(|query| expand(query)).collect();
    same(&Vec::from_iter(all), &texts(&expected["results"]))
}

fn check_json(find: Find<'_>, case: &Value, expected: &Value) -> Result<(), String> {
    let expected = expected
        .as_array()
        .expect("a list")
        .iter()
        .map(|node| Node { path: node["path"].as_str().expect("a path").to_owned(), leaf: node["is_leaf"] == true });
    same(&ask(find, case), &expected.collect::<Vec<_>>())
}

/// Branches, then the leaves of other names, each sorted by name.
fn check_tree(find: Find<'_>, case: &Value, expected: &Value) -> Result<(), String> {
    let leaves_only = param(case, "leavesOnly") == Some("1");
    let name = |node: &Node| node.path.rsplit('.').next().unwrap_or_default().to_owned();
    let (leaves, mut branches): (Vec<Node>, Vec<Node>) = ask(find, case).into_iter().partition(|node| node.leaf);
    branches.retain(|_| !leaves_only);
    let branches: BTreeSet<String> = branches.iter().map(name).collect();
    let leaves: BTreeSet<String> = leaves.iter().map(name).filter(|name| !branches.contains(name)).collect();
    let got: Vec<String> = branches.into_iter().chain(leaves).collect();
    // The id is the query's own beginning and the name; the text is the name, but unquoted as a URL is.
    let name = |node: &Value| node["id"].as_str().and_then(|id| id.rsplit('.').next()).map(str::to_owned);
    let expected: Vec<String> = expected.as_array().expect("a list").iter().filter_map(name).collect();
    same(&got, &expected)
}

fn ask(find: Find<'_>, case: &Value) -> Vec<Node> {
    find(params(case, "query").last().expect("a query"))
}

pub(crate) fn same<A: PartialEq<B> + std::fmt::Debug, B: std::fmt::Debug>(
    got: &[A],
    expected: &[B],
) -> Result<(), String> {
    if got.len() == expected.len() && got.iter().zip(expected).all(|(got, expected)| got == expected) {
        return Ok(());
    }
    Err(format!("expected {expected:?}, got {got:?}"))
}

pub(crate) fn body(case: &Value) -> Option<Value> {
    serde_json::from_str(case["expect"]["body"].as_str()?).ok()
}

pub(crate) fn texts(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().filter_map(Value::as_str).collect()
}

pub(crate) fn params<'a>(case: &'a Value, name: &str) -> Vec<&'a str> {
    let all = case["params"].as_array().expect("params").iter();
    all.filter(|pair| pair[0] == name).filter_map(|pair| pair[1].as_str()).collect()
}

pub(crate) fn param<'a>(case: &'a Value, name: &str) -> Option<&'a str> {
    params(case, name).last().copied()
}

#[track_caller]
fn check(store: &dyn Store, pattern: &str, expected: &[&str]) {
    let nodes = store.find(pattern).expect("a small pattern");
    let paths: Vec<String> =
        nodes.into_iter().map(|node| if node.leaf { node.path } else { node.path + "/" }).collect();
    assert_eq!(paths, expected, "{pattern}");
}

const NAMES: [&str; 9] = [
    "deep.a.b.c",
    "deep.a.b.c.d.e.f",
    "deep.a.b.c.x",
    "odd.brace{x}",
    "odd.sp ace",
    "odd.ünïcode",
    "ramp.saw",
    "ramp.steps",
    "ramp.up",
];

#[test]
fn walks_the_tree_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), &NAMES);
    check(&store, "deep.a.b.c", &["deep.a.b.c/", "deep.a.b.c"]);
    check(&store, "deep.*.*.*", &["deep.a.b.c/", "deep.a.b.c"]);
    check(&store, "deep.**.x", &["deep.a.b.c.x"]);
    check(&store, "ramp.{saw,{up,steps}}", &["ramp.saw", "ramp.steps", "ramp.up"]);
    check(&store, "ramp.{s*,*aw}", &["ramp.saw", "ramp.steps"]);
    check(&store, "odd.*code", &["odd.ünïcode"]);
    check(&store, "odd.brace\\{x\\}", &[]);
    check(&store, "odd.{brace*,sp?ace}", &["odd.brace{x}", "odd.sp ace"]);
    check(&store, "ramp.s\\*", &["ramp.s*"]);
    check(&store, "ramp.", &["ramp./"]);
    check(&store, ".ramp", &["ramp/"]);
    check(&store, "ramp..saw", &["ramp.saw"]);
    check(&store, "../*", &[]);
    check(&store, "/etc.*", &[]);
    assert_eq!(store.leaves().unwrap(), NAMES);
    // What another program adds, or hides, is seen at once.
    fs::write(folder.path().join("ramp/new.wsp"), b"").unwrap();
    fs::write(folder.path().join("ramp/.new-1-2"), b"").unwrap();
    fs::write(folder.path().join("ramp/note.txt"), b"").unwrap();
    fs::create_dir(folder.path().join(".hidden")).unwrap();
    check(&store, "ramp.n*", &["ramp.new"]);
    check(&store, "*", &["deep/", "odd/", "ramp/"]);
}

#[test]
fn follows_links_but_not_in_circles() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), &["a.b.x"]);
    std::os::unix::fs::symlink(folder.path().join("a"), folder.path().join("a/b/again")).unwrap();
    check(&store, "a.**.x", &["a.b.x"]);
    check(&store, "a.b.again.b.*", &["a.b.again.b.again/", "a.b.again.b.x"]);
    assert_eq!(store.leaves().unwrap(), ["a.b.x"]);
}

#[test]
fn is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    store(folder.path(), &NAMES);
    let limits = StoreLimits { expansions: 10, nodes: 5, ..StoreLimits::default() };
    let store = WhisperStore::open(folder.path(), Rules::default(), limits).unwrap();
    assert!(matches!(store.find("{a,b}{a,b}{a,b}{a,b}"), Err(Error::TooManyExpansions { limit: 10, .. })));
    assert!(matches!(store.find("*.*"), Err(Error::TooManyNodes { limit: 5, .. })));
    assert!(matches!(store.find("deep.**.x"), Err(Error::TooManyNodes { .. })));
    assert!(matches!(store.leaves(), Err(Error::TooManyNodes { .. })));
    check(&store, "ramp.*", &["ramp.saw", "ramp.steps", "ramp.up"]);
}
