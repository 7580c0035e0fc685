//! A configuration file that was read again: which keys differ, and what becomes of each.

use super::statsd_keys::{self, Takes};
use serde_json::{Map, Value};

/// One line for each key that differs: what it was, what it is, and when that holds.
pub fn differences(old: &Map<String, Value>, new: &Map<String, Value>) -> Vec<String> {
    let added = new.keys().filter(|key| !old.contains_key(*key));
    let mut lines = Vec::new();
    for key in old.keys().chain(added) {
        let (before, after) = (old.get(key), new.get(key));
        if before == after {
            continue;
        }
        let holds = match statsd_keys::find(key).map(|key| key.takes) {
            Some(Takes::Live) => "holds now",
            Some(Takes::Restart) => "NEEDS A RESTART",
            Some(Takes::Nothing) => "has no effect",
            None => "is unknown and ignored",
        };
        lines.push(format!("{key}: {} -> {}: {holds}", text(before), text(after)));
    }
    lines
}

/// As it stands in the file; a long list is cut.
fn text(value: Option<&Value>) -> String {
    const CHARS: usize = 200;
    let text = value.map_or_else(|| "not stated".into(), Value::to_string);
    match text.char_indices().nth(CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::js_object::parse;

    #[test]
    fn each_difference_says_when_it_holds() {
        let old = parse("{port: 1, percentThreshold: 90, graphiteHost: 'a', same: [1]}").unwrap();
        let new = parse("{port: 2, percentThreshold: [90, 99], same: [1], debug: true, prot: 1}").unwrap();
        assert_eq!(
            differences(&old, &new),
            [
                "port: 1 -> 2: NEEDS A RESTART",
                "percentThreshold: 90 -> [90,99]: holds now",
                "graphiteHost: \"a\" -> not stated: NEEDS A RESTART",
                "debug: not stated -> true: holds now",
                "prot: not stated -> 1: is unknown and ignored",
            ]
        );
    }
}
