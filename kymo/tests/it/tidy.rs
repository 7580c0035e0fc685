//! The house rules as tests: sizes, arrows between crates, homes of packages, `unsafe`, banned words, fresh documents.
//! A limit that is not met yet stands in a list here, with its number, and that number may only fall.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const FILE_LINES: usize = 500;
const FUNCTION_LINES: usize = 60;
const FILE_BYTES: u64 = 350_000;

/// Files that are longer for a reason: declarative tables.
const LONGER_FILES: &[(&str, usize)] = &[];

/// The only files that may say `unsafe`.
const UNSAFE_FILES: &[&str] =
    &["statsd-agent/src/listen/mmsg.rs", "statsd-agent/src/listen/socket.rs", "tsdb/src/slab/words.rs"];

/// Who may depend on whom among our own crates.
const ARROWS: &[(&str, &[&str])] = &[
    ("vitals", &[]),
    ("tsdb", &[]),
    ("statsd-agent", &["vitals", "tsdb"]),
    ("query", &["tsdb"]),
    ("render", &["vitals", "tsdb", "query"]),
    ("kymo", &["vitals", "statsd-agent", "tsdb", "query", "render"]),
    ("conformance", &[]),
    ("benches", &["vitals", "statsd-agent", "tsdb", "query", "render", "kymo"]),
];

/// Packages met in one place only, so that they could leave.
const HOMES: &[(&str, &[&str])] = &[
    ("plotters", &["render/src/draw/"]),
    ("plotters_backend", &["render/src/draw/"]),
    ("tiny_skia", &["render/src/draw/"]),
    ("ab_glyph", &["render/src/draw/"]),
    ("zmij", &["render/src/encode/"]),
    ("itoa", &["render/src/encode/"]),
    ("axum", &["render/src/http/", "render/src/page/", "kymo/src/command/ask.rs"]),
    ("hyper", &["render/src/http/"]),
    ("hyper_util", &["render/src/http/"]),
    ("tokio_rustls", &["render/src/http/"]),
    ("subtle", &["render/src/access/"]),
    ("base64", &["query/src/functions/alias.rs", "render/src/access/"]),
    ("argon2", &["render/src/access/", "kymo/src/command/token.rs"]),
    ("ureq", &["kymo/src/client.rs", "kymo/src/alerts/webhook.rs"]),
    ("nom", &["query/src/parse", "query/src/attime"]),
    ("libc", &["statsd-agent/src/listen/"]),
    ("clap", &["kymo/src/"]),
    ("toml", &["kymo/src/config/"]),
    ("json5", &["kymo/src/config/"]),
    ("anyhow", &["kymo/src/"]),
];

/// One tracked source file.
struct Source {
    path: String,
    text: String,
    /// `text` with comments, strings and characters blanked, so that words in them do not count.
    code: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_path_buf()
}

fn tracked() -> Vec<String> {
    let listing = Command::new("git").args(["ls-files"]).current_dir(root()).output().expect("git runs");
    assert!(listing.status.success(), "git ls-files: {}", String::from_utf8_lossy(&listing.stderr));
    String::from_utf8(listing.stdout).expect("UTF-8 paths").lines().map(str::to_string).collect()
}

fn sources() -> Vec<Source> {
    let rust = tracked().into_iter().filter(|path| path.ends_with(".rs"));
    let present = rust.filter(|path| root().join(path).exists());
    let read = |path: String| {
        let text = fs::read_to_string(root().join(&path)).expect("readable");
        Source { code: blank(&text), path, text }
    };
    present.map(read).collect()
}

/// Blanks comments and literals but keeps every line break, so that line numbers stay true.
fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut i = 0;
    while i < chars.len() {
        let end = match (chars[i], chars.get(i + 1)) {
            ('/', Some('/')) => find(&chars, i, |c, _| c == '\n'),
            ('/', Some('*')) => find(&chars, i + 2, |c, next| c == '*' && next == Some(&'/')) + 2,
            ('r', Some('"' | '#')) if !chars[..i].last().is_some_and(|c| c.is_alphanumeric() || *c == '_') => {
                raw_string_end(&chars, i)
            }
            ('"', _) => string_end(&chars, i + 1, '"'),
            ('\'', Some('\\')) => string_end(&chars, i + 1, '\''),
            ('\'', Some(_)) if chars.get(i + 2) == Some(&'\'') => i + 3,
            _ => i,
        };
        if end == i {
            code.push(chars[i]);
            i += 1;
        } else {
            code.extend(chars[i..end.min(chars.len())].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            i = end;
        }
    }
    code
}

fn find(chars: &[char], from: usize, stop: impl Fn(char, Option<&char>) -> bool) -> usize {
    (from..chars.len()).find(|&i| stop(chars[i], chars.get(i + 1))).unwrap_or(chars.len())
}

fn string_end(chars: &[char], from: usize, quote: char) -> usize {
    let mut i = from;
    while i < chars.len() && chars[i] != quote {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

fn raw_string_end(chars: &[char], from: usize) -> usize {
    let hashes = chars[from + 1..].iter().take_while(|&&c| c == '#').count();
    if chars.get(from + 1 + hashes) != Some(&'"') {
        return from;
    }
    let body = from + 2 + hashes;
    let closes =
        |i: usize| chars[i] == '"' && chars[i + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes;
    (body..chars.len()).find(|&i| closes(i)).map_or(chars.len(), |i| i + 1 + hashes)
}

/// The lines of a file up to its in-file test module.
fn without_tests(source: &Source) -> usize {
    let test_module = source.text.find("\n#[cfg(test)]\nmod tests {");
    source.text[..test_module.unwrap_or(source.text.len())].lines().count()
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/")
        || path.ends_with("tests.rs")
        || path.starts_with("conformance/")
        || path.starts_with("fuzz/")
}

fn none(rule: &str, broken: &[String]) {
    assert!(broken.is_empty(), "{rule}:\n{}", broken.join("\n"));
}

#[test]
fn files_have_one_subject() {
    let longer: BTreeMap<_, _> = LONGER_FILES.iter().copied().collect();
    let allowed = |path: &str| longer.get(path).copied().unwrap_or(FILE_LINES);
    let sources = sources();
    let product = sources.iter().filter(|source| !is_test(&source.path));
    let long = product.filter(|source| without_tests(source) > allowed(&source.path));
    let broken: Vec<_> = long.map(|source| format!("{} {} lines", source.path, without_tests(source))).collect();
    none(&format!("a file has at most {FILE_LINES} lines"), &broken);
}

#[test]
fn functions_fit_a_screen() {
    let mut broken = Vec::new();
    for source in sources() {
        for (line, name, lines) in functions(&source.code) {
            if lines > FUNCTION_LINES {
                broken.push(format!("{}:{line} {name} {lines} lines", source.path));
            }
        }
    }
    none(&format!("a function has at most {FUNCTION_LINES} lines"), &broken);
}

/// Line, name and length of each function with a body.
fn functions(code: &str) -> Vec<(usize, String, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let word_before = code[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
        let name: String = code[at + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let Some(open) = code[at..].find(['{', ';']).filter(|_| !word_before && !name.is_empty()) else { continue };
        if code.as_bytes()[at + open] == b';' {
            continue;
        }
        let mut depth = 0usize;
        for (i, c) in code[at + open..].char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => continue,
            }
            if depth == 0 {
                let line = code[..at].matches('\n').count() + 1;
                found.push((line, name, code[at..at + open + i].matches('\n').count() + 1));
                break;
            }
        }
    }
    found
}

#[test]
fn every_file_opens_with_its_promise() {
    let sources = sources();
    let silent = sources.iter().filter(|source| !source.text.starts_with("//!"));
    none("a file opens with //!", &silent.map(|source| source.path.clone()).collect::<Vec<_>>());
}

#[test]
fn arrows_point_one_way() {
    let mut broken = Vec::new();
    for (name, allowed) in ARROWS {
        let Ok(manifest) = fs::read_to_string(root().join(name).join("Cargo.toml")) else { continue };
        let runtime = manifest.split("[dev-dependencies]").next().unwrap_or("");
        for (other, _) in ARROWS {
            let named = runtime
                .lines()
                .any(|line| line.starts_with(&format!("{other}.")) || line.starts_with(&format!("{other} =")));
            if named && !allowed.contains(other) {
                broken.push(format!("{name} -> {other}"));
            }
        }
    }
    none("an arrow that the design does not have", &broken);
}

#[test]
fn packages_stay_at_home() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| !is_test(&source.path) && !source.path.starts_with("benches/")) {
        for (package, homes) in HOMES {
            let met = word(&source.code, package);
            if met && !homes.iter().any(|home| source.path.starts_with(home)) {
                broken.push(format!("{} uses {package}", source.path));
            }
        }
    }
    none("a package is met away from home", &broken);
}

/// Whether the word stands alone before a `::` somewhere.
fn word(code: &str, package: &str) -> bool {
    let path = format!("{package}::");
    code.match_indices(&path)
        .any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':'))
}

#[test]
fn unsafe_is_fenced() {
    let mut broken = Vec::new();
    for source in sources() {
        let says = source.code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe");
        if says && !UNSAFE_FILES.contains(&source.path.as_str()) {
            broken.push(source.path);
        }
    }
    none("`unsafe` outside the listed files", &broken);
}

#[test]
fn banned_words_stay_out() {
    const CLOCK: &[&str] = &["SystemTime::now", "Instant::now", "env::var"];
    const UNFINISHED: &[&str] = &["todo!(", "unimplemented!(", "dbg!(", "#[ignore"];
    let mut broken = Vec::new();
    for source in sources() {
        let product = source.code.split("#[cfg(test)]\nmod tests {").next().unwrap_or("").to_string();
        let mut ban = |code: &str, words: &[&str]| {
            let met = words.iter().filter(|word| code.contains(**word));
            broken.extend(met.map(|word| format!("{} says {word}", source.path)));
        };
        if source.path != "kymo/tests/it/tidy.rs" {
            ban(&source.code, UNFINISHED);
        }
        if is_test(&source.path) || source.path.starts_with("benches/") {
            continue;
        }
        ban(&product, &[".unwrap()"]);
        if !source.path.starts_with("kymo/") {
            ban(&product, CLOCK);
            ban(&product, &["println!(", "eprintln!("]);
        }
    }
    none("a banned word", &broken);
}

#[test]
fn names_are_nouns_of_the_field() {
    const BANNED: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc", "manager", "types", "lib2"];
    let named = |path: &String| path.split(['/', '.']).any(|part| BANNED.contains(&part));
    none("a name that says nothing", &tracked().into_iter().filter(named).collect::<Vec<_>>());
}

#[test]
fn the_repository_stays_small() {
    let bytes = |path: &String| fs::metadata(root().join(path)).map_or(0, |found| found.len());
    let large = tracked().into_iter().filter(|path| bytes(path) > FILE_BYTES);
    none(&format!("a file over {FILE_BYTES} bytes"), &large.collect::<Vec<_>>());
}

#[test]
fn documents_are_fresh() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let config = kymo::config::kymo_toml::documentation();
    assert!(read("docs/config.md").contains(&config), "docs/config.md lacks this table:\n{config}");
    let keys = kymo::config::statsd_keys::documentation();
    assert!(read("docs/wire.md").contains(&keys), "docs/wire.md lacks this table:\n{keys}");
    let version = format!("## {}", env!("CARGO_PKG_VERSION"));
    assert!(read("CHANGELOG.md").contains(&version), "CHANGELOG.md has no {version}");
}
