//! From a name as sent to the name that is kept: statsd's sanitiser, then what carbon and the file system need.
//!
//! Runs only when a table meets a spelling for the first time; afterwards the spelling itself is the key.

use crate::wire::Dialect;
use crate::wire::number::is_js_space;

/// Writes the canonical name into `out`; `false` when nothing is left of the name.
///
/// As statsd: white space becomes `_`, `/` becomes `-`, everything outside `[a-zA-Z_\-0-9.;=]` goes; `|#k:v` becomes `;k=v`.
/// Unlike statsd: dots are collapsed and trimmed, because an empty node cannot be a folder; tags are sorted by key and the
/// last of equal keys stays, because their order is not part of the identity; an empty tag goes, one without a value is
/// `true`, because Graphite refuses `;solo`.
///
/// With all dialects, names may carry their tags as Influx, Librato or SignalFx write them, values keep their colons, and
/// `name`, which Graphite keeps for the metric itself, becomes `name_`.
pub fn canonical(name: &[u8], tags: &[u8], dialect: Dialect, out: &mut String) -> bool {
    out.clear();
    let mut pairs: Vec<(String, String)> = Vec::new();
    match dialect {
        Dialect::Statsd => {
            let clean = sanitise(name, Keep::Name);
            let (base, inner) = clean.split_once(';').unwrap_or((&clean, ""));
            push_nodes(base, out);
            pairs.extend(inner.split(';').filter_map(pair));
            pairs.extend(tags.split(|&b| b == b',').filter_map(statsd_tag));
        }
        Dialect::All => {
            let apart = Apart::of(name);
            push_nodes(&(sanitise(apart.base, Keep::Tag) + &sanitise(apart.rest, Keep::Tag)), out);
            let inner = apart.tags.split(|&b| b == apart.separator);
            pairs.extend(inner.filter_map(|tag| any_tag(tag, |b| b == b'=')));
            pairs.extend(tags.split(|&b| b == b',').filter_map(|tag| any_tag(tag, |b| b == b':' || b == b'=')));
        }
    }
    if out.is_empty() {
        return false;
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

fn push_nodes(base: &str, out: &mut String) {
    for node in base.split('.').filter(|node| !node.is_empty()) {
        if !out.is_empty() {
            out.push('.');
        }
        out.push_str(node);
    }
}

/// A tag as statsd reads it: only the first colon parts key from value, further ones vanish with the sanitiser.
fn statsd_tag(tag: &[u8]) -> Option<(String, String)> {
    match tag.iter().position(|&b| b == b':') {
        Some(at) => pair(&format!("{}={}", sanitise(&tag[..at], Keep::Tag), sanitise(&tag[at + 1..], Keep::Tag))),
        None => pair(&sanitise(tag, Keep::Tag)),
    }
}

/// Key and value of one clean tag; `None` for an empty key or value.
fn pair(text: &str) -> Option<(String, String)> {
    let (key, value) = text.split_once('=').unwrap_or((text, "true"));
    (!key.is_empty() && !value.is_empty()).then(|| (key.to_owned(), value.to_owned()))
}

/// A tag of any dialect; `parts` says which byte may part key from value.
fn any_tag(tag: &[u8], parts: impl Fn(u8) -> bool) -> Option<(String, String)> {
    let (key, value) = match tag.iter().position(|&b| parts(b)) {
        Some(at) => (&tag[..at], sanitise(&tag[at + 1..], Keep::Value)),
        None => (tag, "true".to_owned()),
    };
    let mut key = sanitise(key, Keep::Tag);
    if key == "name" {
        key.push('_');
    }
    (!key.is_empty() && !value.is_empty()).then_some((key, value))
}

/// A name and the tags inside it.
struct Apart<'a> {
    base: &'a [u8],
    /// SignalFx lets the name go on behind its tags.
    rest: &'a [u8],
    tags: &'a [u8],
    separator: u8,
}

impl<'a> Apart<'a> {
    /// `base;k=v;k2=v2`, `base,k=v,k2=v2`, `base#k=v,k2=v2` or `base[k=v,k2=v2]rest`. But for the semicolon, the first tag
    /// must have a key and an equals sign: `user@host,#1` is a name with letters that vanish, as ever. One try for each of
    /// `#` and `[`, so that no name is searched again and again.
    fn of(name: &'a [u8]) -> Apart<'a> {
        let is_pair = |tags: &[u8]| {
            let first = tags.split(|&b| b == b',').next().unwrap_or_default();
            first.iter().position(|&b| matches!(b, b'=' | b'#' | b'[')).is_some_and(|at| at > 0 && first[at] == b'=')
        };
        let (mut hash_tried, mut bracket_tried) = (false, false);
        for (at, &byte) in name.iter().enumerate() {
            let (base, tags) = (&name[..at], &name[at + 1..]);
            match byte {
                b';' => return Apart { base, rest: b"", tags, separator: b';' },
                b',' if is_pair(tags) => return Apart { base, rest: b"", tags, separator: b',' },
                b'#' if !hash_tried => {
                    if is_pair(tags) {
                        return Apart { base, rest: b"", tags, separator: b',' };
                    }
                    hash_tried = true;
                }
                b'[' if !bracket_tried => {
                    if let Some(end) = tags.iter().position(|&b| b == b']').filter(|&end| is_pair(&tags[..end])) {
                        return Apart { base, rest: &tags[end + 1..], tags: &tags[..end], separator: b',' };
                    }
                    bracket_tried = true;
                }
                _ => {}
            }
        }
        Apart { base: name, rest: b"", tags: b"", separator: b';' }
    }
}

/// What the sanitiser keeps beside letters, digits and `_-.=`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// Semicolons, which part tags.
    Name,
    /// Nothing; a semicolon becomes `_`.
    Tag,
    /// What a value may hold for Graphite and means nothing to a path, a target or a pickle: `http://db:80` and `a@b` stay
    /// apart from what they would be without it. A semicolon becomes `_`.
    Value,
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
            (';', Keep::Tag | Keep::Value) => clean.push('_'),
            ('a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' | '.' | ';' | '=', _) => clean.push(c),
            (':' | '@' | '+' | '%', Keep::Value) => clean.push(c),
            _ => {}
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check_in(dialect: Dialect, name: &str, tags: &str, expect: &str) {
        let mut out = String::new();
        let left = canonical(name.as_bytes(), tags.as_bytes(), dialect, &mut out);
        assert_eq!((out.as_str(), left), (expect, !expect.is_empty()), "{dialect:?} {name:?} {tags:?}");
    }

    /// As statsd reads it.
    fn check(name: &str, tags: &str, expect: &str) {
        check_in(Dialect::Statsd, name, tags, expect);
    }

    /// With all dialects.
    fn check_all(name: &str, tags: &str, expect: &str) {
        check_in(Dialect::All, name, tags, expect);
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
            check_all(name, "env:prod", "");
        }
        check_all(",a=b", "", "");
        check_all("[a=b]", "", "");
    }

    #[test]
    fn tags_of_every_dialect_are_one_identity() {
        let one = "app.hits;env=prod;host=a";
        check_all("app.hits", "env:prod,host:a", one);
        check_all("app.hits", "host=a,env=prod", one);
        for name in [
            "app.hits;host=a;env=prod",
            "app.hits,host=a,env=prod",
            "app.hits#env=prod,host=a",
            "app[host=a,env=prod].hits",
            "app.hits[host=x,env=prod,host=a]",
            "app..hits,env=prod,,host=a,=x,y=",
        ] {
            check_all(name, "", one);
        }
        check_all("app.hits,env=test", "env:prod,host:a", one);
        check_all("a;solo", "bare", "a;bare=true;solo=true");
        check_all("a,k=v,solo", "", "a;k=v;solo=true");
        check_all("a", "name:web", "a;name_=web");
    }

    #[test]
    fn a_name_without_a_first_pair_is_cleaned_as_ever() {
        for (name, clean) in [
            ("a,b", "ab"),
            ("a#b", "ab"),
            ("a[b]", "ab"),
            ("a[b=c", "ab=c"),
            ("a,=b", "a=b"),
            ("a!b@c#d$e%f^g&h*i", "abcdefghi"),
            ("a=b", "a=b"),
            ("##x#y=z", "xy=z"),
        ] {
            check_all(name, "", clean);
        }
        check_all("a,b,k=v", "", "ab;k=v");
    }

    #[test]
    fn values_that_differ_stay_apart() {
        check_all("a", "host:db1:5432", "a;host=db1:5432");
        check_all("a", "url:http://x/y_z", "a;url=http:--x-y_z");
        check_all("a", "mail:ann@example.org,to:+1,pc:5%", "a;mail=ann@example.org;pc=5%;to=+1");
        check_all("a", "q:b=c,x=y:z", "a;q=b=c;x=y:z");
        check_all("a", "v:~x'\"\\{}*;y z", "a;v=x_y_z");
        check_all("a,url=x/y", "", "a;url=x-y");
        check("a", "host:db1:5432", "a;host=db15432");
    }

    proptest! {
        #[test]
        fn a_canonical_name_is_its_own_canonical_name(
            name in "(\\PC{0,20}|[ab.,;=#\\[\\]:/~]{0,16})", tags in "[a-c:,;=/ .@+%~]{0,12}"
        ) {
            for dialect in [Dialect::Statsd, Dialect::All] {
                let (mut once, mut twice) = (String::new(), String::new());
                if canonical(name.as_bytes(), tags.as_bytes(), dialect, &mut once) {
                    prop_assert!(canonical(once.as_bytes(), b"", dialect, &mut twice));
                    prop_assert_eq!(once, twice);
                }
            }
        }
    }
}
