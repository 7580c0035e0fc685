//! The console's reply to `config`: the file's keys as JavaScript joins them to texts, and the defaults that statsd sets in
//! it, some of them only with the first flush.

use super::js_text;
use serde_json::{Map, Value};

/// The reply, and what it has more after the first flush.
pub fn config_text(stated: &Map<String, Value>) -> (String, String) {
    let mut map = stated.clone();
    let ttl = map.get("gaugesMaxTTL").and_then(Value::as_f64).filter(|ttl| *ttl > 1.0 && ttl.fract() == 0.0);
    if ttl.is_none() {
        map.insert("gaugesMaxTTL".into(), 1.into());
    }
    let all = map.entry("deleteIdleStats").or_insert(false.into()).clone();
    const DELETED: [&str; 4] = ["deleteCounters", "deleteTimers", "deleteSets", "deleteGauges"];
    if is_truthy(&all) {
        for key in DELETED {
            map.entry(key).or_insert(true.into());
        }
    }
    let interval = map.get("flushInterval").filter(|value| is_truthy(value));
    let interval = interval.and_then(|value| value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()));
    map.insert("flushInterval".into(), interval.unwrap_or(10_000.0).into());
    let text = plain_text(&map);
    let late = DELETED.iter().filter(|key| !map.contains_key(**key));
    (text, late.map(|key| lines(key, &Value::Bool(false))).collect())
}

/// The keys of a file as they are stated.
pub fn plain_text(map: &Map<String, Value>) -> String {
    map.iter().map(|(key, value)| lines(key, value)).collect()
}

fn lines(key: &str, value: &Value) -> String {
    match value {
        Value::Object(inner) => {
            inner.iter().map(|(sub, value)| format!("{key} > {sub}: {}\n", joined(value))).collect()
        }
        Value::Array(inner) => {
            inner.iter().enumerate().map(|(i, value)| format!("{key} > {i}: {}\n", joined(value))).collect()
        }
        // To JavaScript null is an object, one without keys.
        Value::Null => String::new(),
        value => format!("{key}: {}\n", joined(value)),
    }
}

/// `'' + value`.
fn joined(value: &Value) -> String {
    let inner = |value: &Value| if value.is_null() { String::new() } else { joined(value) };
    match value {
        Value::Array(list) => list.iter().map(inner).collect::<Vec<_>>().join(","),
        Value::Object(_) => "[object Object]".into(),
        value => js_text(value).unwrap_or_else(|| value.to_string()),
    }
}

/// What JavaScript takes for true.
pub fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}
