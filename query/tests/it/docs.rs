//! docs/functions.md says what the table of functions says. `KYMO_UPDATE_DOCS=1 cargo test -p query docs` rewrites it.

use query::functions::{Need, Param};
use serde_json::{Value, json};
use std::path::Path;

#[test]
fn functions_page_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/functions.md");
    let page = query::functions::page::page();
    if std::env::var_os("KYMO_UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/functions.md is stale: run KYMO_UPDATE_DOCS=1 cargo test -p query docs");
}

/// Every function that graphite-web lists at /functions, with its group and parameters.
#[test]
fn the_table_says_what_graphite_web_lists() {
    let Some(cases) = conformance::cases("render.jsonl") else { return };
    let is_list = |case: &&Value| case["path"] == "/functions" && case["params"] == json!([]);
    let Some(case) = cases.iter().filter(is_list).find(|case| case["expect"]["body"].is_string()) else { return };
    let body = case["expect"]["body"].as_str().unwrap().replace("Infinity", "\"inf\"");
    let listed: Value = serde_json::from_str(&body).unwrap();
    let mut differences = Vec::new();
    for (name, listed) in listed.as_object().unwrap() {
        let Some(function) = query::functions::lookup(name) else {
            differences.push(format!("{name} is missing"));
            continue;
        };
        let params: Vec<Value> = function.params.iter().map(told).collect();
        let wanted: Vec<Value> = listed["params"].as_array().unwrap().iter().map(without_options).collect();
        if listed["group"] != function.group.title() || params != wanted {
            let told = json!([function.group.title(), params]);
            differences.push(format!("{name}\n  listed {}\n  told   {told}", json!([listed["group"], wanted])));
        }
    }
    let unexpected =
        |difference: &&String| !KNOWN.iter().any(|known| difference.split_whitespace().next() == Some(known));
    let unexpected: Vec<&String> = differences.iter().filter(unexpected).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
}

/// What is told otherwise on purpose: what may be left out there too though it is listed as required (`highest`, `lowest`,
/// `constantLine`), what has no default where it is left out of names (`round`), the name of a stack without one.
const KNOWN: &[&str] = &["constantLine", "highest", "lowest", "round", "stacked"];

/// Options are words that differ where there are more of them here.
fn without_options(param: &Value) -> Value {
    let mut param = param.clone();
    param.as_object_mut().unwrap().remove("options");
    param
}

fn told(param: &Param) -> Value {
    let number = |word: &&str| word.parse::<i64>().map_or(json!(word), |number| json!(number));
    let mut told = json!({ "name": param.name, "type": param.takes.type_name() });
    let mut tell = |key: &str, value: Value| drop(told.as_object_mut().unwrap().insert(key.to_owned(), value));
    match param.need {
        Need::Required => tell("required", json!(true)),
        Need::Optional => {}
        Need::Word(word) => tell("default", json!(word)),
        Need::Flag(flag) => tell("default", json!(flag)),
        Need::Integer(number) => tell("default", json!(number)),
        Need::Number(number) if number.is_infinite() => tell("default", json!("inf")),
        Need::Number(number) => tell("default", json!(number)),
    }
    if param.multiple {
        tell("multiple", json!(true));
    }
    if !param.suggestions.is_empty() {
        tell("suggestions", param.suggestions.iter().map(number).collect());
    }
    told
}
