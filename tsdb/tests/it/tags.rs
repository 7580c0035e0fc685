//! Tags against the recorded answers of graphite-web, and against its tag database on names and questions made up here.

use crate::find::{body, params, same, texts};
use conformance::{Score, cases, peers};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};
use tsdb::Error;
use tsdb::index::{Bounds, Index, TagExpression};
use tsdb::name::canonical;

fn index<'a>(names: impl IntoIterator<Item = &'a str>) -> Index {
    let index = Index::new(u32::MAX, Bounds { expansions: 10, nodes: 10_000 });
    names.into_iter().for_each(|name| index.show(index.resolve(name).expect("room")));
    index
}

/// A question as the original's methods take it, and its answer.
fn answer(index: &Index, method: &str, arguments: &Value) -> Result<Value, Error> {
    let text = |at: usize| arguments[at].as_str().unwrap_or_default();
    let limit = |at: usize| arguments[at].as_u64().map_or(100, |limit| limit as usize);
    let parsed = |at: usize| -> Result<Vec<TagExpression>, Error> {
        texts(&arguments[at]).into_iter().map(TagExpression::parse).collect()
    };
    Ok(match method {
        "find_series" => json!(index.tagged(&parsed(0)?)?),
        "auto_complete_tags" => json!(index.tag_names(&parsed(0)?, text(1), limit(2))?),
        "auto_complete_values" => json!(index.tag_values(text(1), &parsed(0)?, text(2), limit(3))?),
        "list_tags" => json!(index.tags_like(text(0), limit(1))?),
        "get_tag" => match index.values_like(text(0), text(1), limit(2))? {
            Some(values) => values.into_iter().map(|found| json!([found.value, found.count])).collect(),
            None => Value::Null,
        },
        other => panic!("{other} is not asked"),
    })
}

/// The original's answer without its numbers of rows.
fn plain(method: &str, answer: &Value) -> Value {
    let each = |list: &Value, take: fn(&Value) -> Value| list.as_array().into_iter().flatten().map(take).collect();
    match method {
        "list_tags" => each(answer, |tag| tag["tag"].clone()),
        "get_tag" if answer.is_object() => each(&answer["values"], |found| json!([found["value"], found["count"]])),
        _ => answer.clone(),
    }
}

#[test]
fn recorded_questions() {
    let Some(cases) = cases("render.jsonl") else { return };
    let of_tags: Vec<&Value> =
        cases.iter().filter(|case| case["path"].as_str().is_some_and(|p| p.starts_with("/tags"))).collect();
    let found = of_tags.iter().filter(|case| case["path"] == "/tags/findSeries" && case["expect"]["status"] == 200);
    let recorded: Vec<Value> = found.filter_map(|case| body(case)).collect();
    let names: BTreeSet<&str> = recorded.iter().flat_map(|names| texts(names)).collect();
    let index = index(names);
    let mut score = Score::default();
    for case in of_tags {
        let all = |name: &str| [params(case, name), params(case, &format!("{name}[]"))].concat();
        let one = |name: &str| params(case, name).last().copied().unwrap_or_default();
        let given = case["params"].as_array().expect("params").iter();
        let limit = given
            .filter(|pair| pair[0] == "limit")
            .find_map(|pair| pair[1].as_u64().or_else(|| pair[1].as_str()?.parse().ok()));
        let path = case["path"].as_str().expect("a path").trim_end_matches('/');
        let (method, arguments) = match path {
            "/tags/findSeries" => ("find_series", json!([all("expr")])),
            "/tags/autoComplete/tags" => ("auto_complete_tags", json!([all("expr"), one("tagPrefix"), limit])),
            "/tags/autoComplete/values" => {
                ("auto_complete_values", json!([all("expr"), one("tag"), one("valuePrefix"), limit]))
            }
            "/tags" => ("list_tags", json!([one("filter"), limit])),
            path => match path.strip_prefix("/tags/").filter(|tag| !tag.contains(['/', 'S'])) {
                Some(tag) => ("get_tag", json!([tag, one("filter"), limit])),
                None => continue,
            },
        };
        let asked = method != "auto_complete_values" || !one("tag").is_empty();
        if !asked || (method == "find_series" && all("expr").is_empty()) {
            continue; // refused before the index is asked
        }
        let outcome = match (answer(&index, method, &arguments), body(case)) {
            (Ok(got), Some(expected)) if case["expect"]["status"] == 200 => same(&[got], &[plain(method, &expected)]),
            (Err(error), Some(expected)) => {
                same(&[error.to_string()], &[expected["error"].as_str().unwrap_or_default()])
            }
            (Err(_), None) => Ok(()),
            (Ok(got), _) => Err(format!("got {got}")),
        };
        score.note(case["id"].as_str().expect("id"), outcome);
    }
    score.finish("tags");
}

/// Numbers that are the same in every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn name(&mut self) -> String {
        let mut name = self.one(&["m", "m.x", "n", "web", "ü.é"]).to_owned();
        for _ in 0..1 + self.below(3) {
            let (tag, value) = (self.one(&TAGS), self.one(&VALUES));
            let _ = write!(name, ";{tag}={value}");
        }
        name
    }

    fn expression(&mut self) -> String {
        if self.below(12) == 0 {
            return self
                .one(&["bad", "=a", "a=b;c", "!=x", "a!b", "a~=b", "", "a==b", "a=~[", "a=~(", "a!=~*"])
                .to_owned();
        }
        let tag = self.one(&["name", "name", "a", "b", "host", "none", "a-b"]);
        let operator = self.one(&["=", "!=", "=~", "!=~"]);
        let value = if operator.ends_with('~') { self.one(&PATTERNS) } else { self.one(&VALUES_ASKED) };
        [tag, operator, value].concat()
    }

    fn question(&mut self) -> (&'static str, Value) {
        let expressions: Vec<String> = (0..self.below(4)).map(|_| self.expression()).collect();
        let prefix = self.one(&["", "", "a", "w", "web0", "n", "h", "ü", "x."]);
        let tag = self.one(&["name", "a", "b", "host", "none", "a=b", ""]);
        let filter = self.one(&["", "a", "^a", "^a|t$", "a|h", "w.*1$", "[", "."]);
        let limit = 1 + self.below(4) * 20;
        match self.below(6) {
            0 => ("auto_complete_tags", json!([expressions, prefix, limit])),
            1 => ("auto_complete_values", json!([expressions, tag, prefix, limit])),
            2 => ("list_tags", json!([filter, limit])),
            3 => ("get_tag", json!([tag, filter, limit])),
            _ => ("find_series", json!([expressions])),
        }
    }
}

const TAGS: [&str; 5] = ["a", "b", "host", "a-b", "é"];
const VALUES: [&str; 11] = ["1", "2", "web01", "web02", "web10", "x=y", "a.b", "ü", "W", "web", "a b"];
const VALUES_ASKED: [&str; 10] = ["", "", "1", "web01", "m", "m.x", "x=y", "=", "ü", "web"];
const PATTERNS: [&str; 34] = [
    "",
    ".*",
    ".+",
    "web",
    "web0",
    "web0[12]$",
    "^web",
    "^web|^1",
    "^1|0",
    "1|2",
    "m",
    "m.",
    "n?",
    "(web)?",
    "w(?!eb1)",
    "web0?1",
    "[^w]",
    "^$",
    "$",
    "web\\d+",
    "(?i:w)",
    "x=",
    "web1*",
    "we{2}b?",
    "web\\Z",
    "(?P<n>w)eb",
    "(?P<n>w)(?P=n)?",
    "[\\w]+$",
    "web\\b",
    "web{,2}$",
    "web0{0,1}",
    "a)?(",
    "x\\=",
    "\\D+",
];

#[test]
fn answers_as_the_original_tag_database() {
    let Some(python) = peers::python() else { return };
    let mut draw = Draw(1);
    let names: BTreeSet<String> = (0..150).map(|_| canonical(&draw.name()).expect("a name").into_owned()).collect();
    let asked: Vec<(&str, Value)> = (0..3000).map(|_| draw.question()).collect();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../conformance/peers/tag_database.py");
    let command = Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut peer = command.expect("Python runs");
    let work = json!({ "names": names, "asked": asked }).to_string();
    peer.stdin.take().expect("piped").write_all(work.as_bytes()).expect("read");
    let output = peer.wait_with_output().expect("ended");
    assert!(output.status.success());
    let answers = String::from_utf8(output.stdout).expect("text");
    let answers: Vec<Value> = answers.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(answers.len(), asked.len());
    // More than the original knows have come and gone again, and some went for a while.
    let others = (0..150).map(|_| canonical(&draw.name()).expect("a name").into_owned());
    let others: Vec<String> = others.filter(|name| !names.contains(name)).collect();
    let index = index(names.iter().chain(&others).map(|name| &**name));
    let ids = |names: &[&String]| names.iter().filter_map(|name| index.known(name)).collect::<Vec<_>>();
    let some: Vec<&String> = names.iter().step_by(3).collect();
    index.hide_all(&ids(&others.iter().chain(some.iter().copied()).collect::<Vec<_>>()));
    index.show_all(&ids(&some));
    let (mut refused, mut empty) = (0, 0);
    for ((method, arguments), theirs) in asked.iter().zip(&answers) {
        let ours = answer(&index, method, arguments);
        match theirs["error"].as_str() {
            None => {
                empty += usize::from(theirs.as_array().is_none_or(Vec::is_empty));
                assert_eq!(ours.as_ref().ok(), Some(&plain(method, theirs)), "{method} {arguments} {ours:?}");
            }
            Some(why) => {
                let Err(ours) = ours else { panic!("{method} {arguments}: {ours:?}, theirs {why}") };
                let ours = ours.to_string();
                // Of two faults either may be told; what is wrong with a pattern, each says in its own words.
                let in_their_words = why.contains("tagspec") && ours.contains("tagspec");
                assert!(!in_their_words || ours == why, "{method} {arguments}: {ours}, theirs {why}");
                refused += 1;
            }
        }
    }
    println!("{} questions, {refused} refused, {empty} without an answer", asked.len());
    assert!(refused > 100 && refused + empty < asked.len() * 4 / 5);
}
