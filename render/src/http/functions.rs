//! `/functions`: the table of functions for Grafana's editor, as graphite-web tells its own.

use crate::encode::{Charset, JsonWriter};
use crate::error::Error;
use axum::extract::Path;
use axum::response::Response;
use query::aggregation::Aggregation;
use query::functions::{self, Function, Need, Param, Takes};
use std::borrow::Cow;
use std::collections::BTreeMap;

use super::params::Params;
use super::picture::PIE_MODES;
use super::reply;

/// The functions that a callback of groups may be, beside the words for aggregation: those that make one series of many.
const CALLBACKS: [&str; 18] = [
    "asPercent",
    "averageSeries",
    "averageSeriesWithWildcards",
    "countSeries",
    "diffSeries",
    "diffSeriesLists",
    "maxSeries",
    "minSeries",
    "multiplySeries",
    "multiplySeriesLists",
    "multiplySeriesWithWildcards",
    "pct",
    "powSeries",
    "rangeOfSeries",
    "stddevSeries",
    "sumSeries",
    "sumSeriesLists",
    "sumSeriesWithWildcards",
];

/// What graphite-web tells otherwise than it takes it: editors are shown these.
const DECLARED: [(&str, &str, Need); 5] = [
    ("round", "precision", Need::Integer(0)),
    ("highest", "n", Need::Required),
    ("lowest", "n", Need::Required),
    ("stacked", "stack", Need::Optional),
    ("constantLine", "value", Need::Required),
];

/// `/functions`: all, those of a `group`, or all by group (`grouped=1`). `type=pie` lists what `pieMode` takes.
pub async fn list(params: Params) -> Response {
    let grouped = params.last("grouped").is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"));
    let mut groups: BTreeMap<&str, BTreeMap<&str, &Function>> = BTreeMap::new();
    let asked = |function: &&Function| params.last("group").is_none_or(|group| group == function.group.title());
    if params.last("type") == Some("pie") {
        return pie(&params, grouped);
    }
    for function in functions::all().filter(asked) {
        let group = groups.entry(if grouped { function.group.title() } else { "" }).or_default();
        let names = std::iter::once(function.name).chain(function.aliases.iter().copied());
        group.extend(names.map(|name| (name, function)));
    }
    written(&params, |json| {
        json.begin_map();
        for (group, functions) in &groups {
            if grouped {
                json.key(group);
                json.begin_map();
            }
            for (name, function) in functions {
                json.key(name);
                tell(json, name, function);
            }
            if grouped {
                json.end_map();
            }
        }
        json.end_map();
    })
}

/// The words of `pieMode` as if they were functions, as graphite-web has it.
fn pie(params: &Params, grouped: bool) -> Response {
    let is_asked = params.last("group").is_none_or(|group| group == "Pie");
    written(params, |json| {
        json.begin_map();
        if grouped && is_asked {
            json.key("Pie");
            json.begin_map();
        }
        for (name, _) in PIE_MODES.iter().filter(|_| is_asked) {
            json.key(name);
            json.begin_map();
            let signature = format!("{name}(series)");
            let sentence = format!("The {name} of a series' values is its slice.");
            let texts = [("name", *name), ("function", &signature), ("description", &sentence), ("module", "kymo")];
            for (key, text) in texts.into_iter().chain([("group", "Pie")]) {
                json.key(key);
                json.string(text);
            }
            json.key("params");
            json.begin_list();
            json.begin_map();
            json.key("name");
            json.string("series");
            json.key("type");
            json.string("series");
            json.key("required");
            json.boolean(true);
            json.end_map();
            json.end_list();
            json.end_map();
        }
        if grouped && is_asked {
            json.end_map();
        }
        json.end_map();
    })
}

/// `/functions/NAME`
pub async fn detail(Path(name): Path<String>, params: Params) -> Response {
    match functions::lookup(&name) {
        Some(function) => written(&params, |json| tell(json, &name, function)),
        None => Error::NoFunction(name).as_json(),
    }
}

fn written(params: &Params, write: impl FnOnce(&mut JsonWriter)) -> Response {
    let mut json = JsonWriter::new(Charset::Ascii, reply::layout(params));
    write(&mut json);
    reply::text("application/json", json.finish())
}

fn tell(json: &mut JsonWriter, name: &str, function: &Function) {
    json.begin_map();
    json.key("name");
    json.string(name);
    json.key("function");
    json.string(&signature(name, function.params));
    json.key("description");
    json.string(function.sentence);
    json.key("module");
    json.string("kymo");
    json.key("group");
    json.string(function.group.title());
    json.key("params");
    json.begin_list();
    function.params.iter().for_each(|param| tell_param(json, function, param));
    json.end_list();
    json.end_map();
}

fn tell_param(json: &mut JsonWriter, function: &Function, param: &Param) {
    let declared = DECLARED.iter().find(|(name, of, _)| (*name, *of) == (function.name, param.name));
    let need = declared.map_or(param.need, |(.., need)| *need);
    json.begin_map();
    json.key("name");
    json.string(param.name);
    json.key("type");
    json.string(param.takes.type_name());
    if need == Need::Required {
        json.key("required");
        json.boolean(true);
    }
    match need {
        Need::Required | Need::Optional => {}
        Need::Word(word) => {
            json.key("default");
            json.string(word);
        }
        Need::Flag(flag) => {
            json.key("default");
            json.boolean(flag);
        }
        Need::Integer(number) => {
            json.key("default");
            json.integer(number);
        }
        Need::Number(number) => {
            json.key("default");
            json.number(number);
        }
    }
    if param.multiple {
        json.key("multiple");
        json.boolean(true);
    }
    tell_offers(json, function, param);
    json.end_map();
}

/// What an editor offers: all there is, or something to begin with.
fn tell_offers(json: &mut JsonWriter, function: &Function, param: &Param) {
    let options = options(function, param);
    if !options.is_empty() {
        json.key("options");
        json.begin_list();
        if param.takes == Takes::CalendarUnit {
            // A flag is taken there, and means nothing.
            json.boolean(false);
            json.null();
            json.boolean(true);
        }
        options.iter().for_each(|word| json.string(word));
        json.end_list();
    }
    if !param.suggestions.is_empty() {
        json.key("suggestions");
        json.begin_list();
        for suggestion in param.suggestions {
            match suggestion.parse() {
                Ok(number) => json.integer(number),
                Err(_) => json.string(suggestion),
            }
        }
        json.end_list();
    }
}

/// The words that an editor offers.
fn options(function: &Function, param: &Param) -> Vec<Cow<'static, str>> {
    let mut options: Vec<_> = param.takes.options().iter().copied().map(Cow::Borrowed).collect();
    if param.takes == Takes::Callback {
        let callbacks = CALLBACKS.iter().copied().filter(|name| functions::lookup(name).is_some());
        options.extend(callbacks.map(Cow::Borrowed));
    }
    if param.takes == Takes::CalendarUnit {
        let units = ["days", "hours", "minutes", "months", "seconds", "weeks", "years"];
        options.extend(units.map(Cow::Borrowed));
    }
    if (function.name, param.name) == ("legendValue", "valuesTypes") {
        options.extend(Aggregation::WORDS.iter().copied().chain(["si", "binary"]).map(Cow::Borrowed));
        options.extend(Aggregation::WORDS.iter().map(|word| Cow::Owned(format!("{word}Series"))));
    }
    options.sort_unstable();
    options
}

/// As Python would print it.
fn signature(name: &str, params: &[Param]) -> String {
    let each = params.iter().map(|param| match param.need {
        _ if param.multiple => format!("*{}", param.name),
        Need::Required => param.name.to_owned(),
        Need::Optional => format!("{}=None", param.name),
        Need::Word(word) => format!("{}='{word}'", param.name),
        Need::Flag(true) => format!("{}=True", param.name),
        Need::Flag(false) => format!("{}=False", param.name),
        Need::Integer(number) => format!("{}={number}", param.name),
        Need::Number(number) => format!("{}={number}", param.name),
    });
    format!("{name}({})", each.collect::<Vec<_>>().join(", "))
}
