//! From a name as sent to the name that is kept: statsd's sanitiser, then what carbon and the file system need.
//!
//! Runs only when a table meets a spelling for the first time; afterwards the spelling itself is the key.

use crate::wire::number::is_js_space;

/// Writes the canonical name into `out`; `false` when nothing is left of the name.
///
/// As statsd: white space becomes `_`, `/` becomes `-`, everything outside `[a-zA-Z_\-0-9.;=]` goes; `|#k:v` becomes `;k=v`.
/// Unlike statsd: dots are collapsed and trimmed, because an empty node cannot be a folder; tags are sorted by key and the
/// last of equal keys stays, because their order is not part of the identity; an empty tag goes, one without a value is
/// `true`, because Graphite refuses `;solo`.
pub fn canonical(name: &[u8], tags: &[u8], out: &mut String) -> bool {
    out.clear();
    let clean = sanitise(name, Keep::Semicolons);
    let (base, inner) = clean.split_once(';').unwrap_or((&clean, ""));
    for node in base.split('.').filter(|node| !node.is_empty()) {
        if !out.is_empty() {
            out.push('.');
        }
        out.push_str(node);
    }
    if out.is_empty() {
        return false;
    }
    let mut pairs: Vec<(String, String)> = inner.split(';').filter_map(pair).collect();
    for tag in tags.split(|&b| b == b',') {
        // Only the first colon parts key from value, as statsd has it; further ones vanish with the sanitiser.
        let colon = tag.iter().position(|&b| b == b':');
        let text = match colon {
            Some(at) => format!("{}={}", sanitise(&tag[..at], Keep::Not), sanitise(&tag[at + 1..], Keep::Not)),
            None => sanitise(tag, Keep::Not),
        };
        pairs.extend(pair(&text));
    }
    // Reversed before the stable sort, so that the last of equal keys comes first and is the one that stays.
    pairs.reverse();
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    pairs.dedup_by(|later, first| later.0 == first.0);
    for (key, value) in &pairs {
        out.extend([";", key, "=", value]);
    }
    true
}

/// Key and value of one clean tag; `None` for an empty key or value.
fn pair(text: &str) -> Option<(String, String)> {
    let (key, value) = text.split_once('=').unwrap_or((text, "true"));
    (!key.is_empty() && !value.is_empty()).then(|| (key.to_owned(), value.to_owned()))
}

/// Whether a semicolon parts tags (in a name) or is an ordinary character that becomes `_` (inside a tag).
#[derive(Clone, Copy)]
enum Keep {
    Semicolons,
    Not,
}

/// statsd's `sanitizeKeyName`; bytes that are not UTF-8 go like every other foreign character.
fn sanitise(raw: &[u8], keep: Keep) -> String {
    let mut clean = String::with_capacity(raw.len());
    let mut in_space = false;
    for c in raw.utf8_chunks().flat_map(|chunk| chunk.valid().chars()) {
        if is_js_space(c) {
            if !in_space {
                clean.push('_');
            }
            in_space = true;
            continue;
        }
        in_space = false;
        match (c, keep) {
            ('/', _) => clean.push('-'),
            (';', Keep::Not) => clean.push('_'),
            ('a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' | '.' | ';' | '=', _) => clean.push(c),
            _ => {}
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(name: &str, tags: &str, expect: &str) {
        let mut out = String::new();
        let left = canonical(name.as_bytes(), tags.as_bytes(), &mut out);
        assert_eq!((out.as_str(), left), (expect, !expect.is_empty()), "{name:?} {tags:?}");
    }

    #[test]
    fn sanitises_as_statsd_does() {
        check("my   key", "", "my_key");
        check(" foo ", "", "_foo_");
        check("a/b/c", "", "a-b-c");
        check("na\u{ef}ve.m\u{e9}trique", "", "nave.mtrique");
        check("a!b@c#d$e%f^g&h*i", "", "abcdefghi");
        check("a,b=c", "", "ab=c");
        check("a\u{a0}\rb", "", "a_b");
        check("a\0b", "", "ab");
        check("foo;env=prod;host=a", "", "foo;env=prod;host=a");
        check("foo", "env:prod,region:eu", "foo;env=prod;region=eu");
        check("foo", "city:new york", "foo;city=new_york");
        check("foo", "url:http://x/y", "foo;url=http--x-y");
        check("__proto__", "", "__proto__");
    }

    #[test]
    fn gives_every_series_one_name() {
        check("a..b", "", "a.b");
        check(".foo.", "", "foo");
        check("\u{5fc3}.bpm", "", "bpm");
        check("foo", "b:2,a:1", "foo;a=1;b=2");
        check("foo;b=2", "b:3,a:1", "foo;a=1;b=3");
        check("foo", ",a:1,,", "foo;a=1");
        check("foo", "solo", "foo;solo=true");
        check("foo", "a:b;c;d,e:", "foo;a=b_c_d");
        check("foo", ":v", "foo");
    }

    #[test]
    fn says_when_nothing_is_left() {
        for name in ["", "!!!", "...", ";a=b", "\u{5fc3}"] {
            check(name, "env:prod", "");
        }
    }

    proptest! {
        #[test]
        fn a_canonical_name_is_its_own_canonical_name(name in "\\PC{0,20}", tags in "[a-c:,;=/ .]{0,12}") {
            let (mut once, mut twice) = (String::new(), String::new());
            if canonical(name.as_bytes(), tags.as_bytes(), &mut once) {
                prop_assert!(canonical(once.as_bytes(), b"", &mut twice));
                prop_assert_eq!(once, twice);
            }
        }
    }
}
