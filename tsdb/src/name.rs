//! Series names and their paths. A name is canonical once its empty nodes are gone and its tags are sorted; only
//! canonical names have a path, and that path lies below the store's folder by construction.
//!
//! As under carbon, a dot is a folder's edge, and a filesystem collapses empty nodes: `a..b`, `.a.b` and `a.b.` all mean
//! `a.b`. (Carbon itself would write `a.b.` to a hidden file that Graphite never lists.)
//!
//! OpenMetrics' `name{tag="value"}` is `name;tag=value`. That lies at `_tagged/<h[0:3]>/<h[3:6]>/<leaf>.wsp`, h being the
//! SHA-256 of the canonical name in hex. The leaf is h where such a file exists already, else the name with `_DOT_` for
//! dots, so that names can be read back; h again where the readable leaf is no file name.

use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The extension of whisper files, with its dot.
pub(crate) const EXTENSION: &str = ".wsp";
/// The first node of tagged names' own paths.
pub(crate) const TAGGED_ROOT: &str = "_tagged";
/// What stands for a dot in the readable leaf of a tagged name.
const DOT: &str = "_DOT_";
/// Longest name. Paths end at 4096 bytes, and the store's folder needs some of them.
pub const NAME_BYTES_MAX: usize = 3_500;
/// Longest file name on the usual filesystems.
const COMPONENT_BYTES_MAX: usize = 255;

/// Why a name is refused; small, so that receivers can count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing but dots.
    #[error("it has no node")]
    Empty,
    /// A slash, a NUL or another control character.
    #[error("it holds a slash or a control character")]
    Character,
    /// The name, or one of its nodes, is too long for a path.
    #[error("it, or one of its nodes, is too long for a file name")]
    TooLong,
    /// What follows a semicolon is not `tag=value`.
    #[error("it has a tag that is not of the form tag=value")]
    Tag,
}

/// The canonical form of a name; borrowed when the name is canonical already.
///
/// # Errors
/// The name can have no path.
pub fn canonical(name: &str) -> Result<Cow<'_, str>, NameError> {
    if name.len() > NAME_BYTES_MAX {
        return Err(NameError::TooLong);
    }
    if name.bytes().any(|byte| byte.is_ascii_control()) {
        return Err(NameError::Character);
    }
    if is_open_metrics(name) {
        return canonical(&from_open_metrics(name)?).map(|name| Cow::Owned(name.into_owned()));
    }
    let tagged = if is_tagged(name) { canonical_tagged(name)? } else { Cow::Borrowed(name) };
    let canonical = if is_tagged(&tagged) { tagged } else { canonical_plain(tagged)? };
    // What is left when dots and empty tags are gone may look like tags that nobody gave it.
    if is_open_metrics(&canonical) { Err(NameError::Tag) } else { Ok(canonical) }
}

/// Whether the name is of the form `name{tag="value"}`.
fn is_open_metrics(name: &str) -> bool {
    name.ends_with("\"}") && name.contains('{')
}

/// Whether the name has tags. The own path of a tagged series (`_tagged.abc.def.…`) is a plain name.
pub(crate) fn is_tagged(name: &str) -> bool {
    name.contains(';') && !name.strip_prefix(TAGGED_ROOT).is_some_and(|rest| rest.starts_with('.'))
}

fn canonical_plain(name: Cow<'_, str>) -> Result<Cow<'_, str>, NameError> {
    if name.contains('/') {
        return Err(NameError::Character);
    }
    if name.split('.').any(|node| node.len() > COMPONENT_BYTES_MAX - EXTENSION.len()) {
        return Err(NameError::TooLong);
    }
    if !name.is_empty() && name.split('.').all(|node| !node.is_empty()) {
        return Ok(name);
    }
    let nodes: Vec<&str> = name.split('.').filter(|node| !node.is_empty()).collect();
    if nodes.is_empty() { Err(NameError::Empty) } else { Ok(Cow::Owned(nodes.join("."))) }
}

/// `name{tag="value",other="value"}` as `name;tag=value;other=value`; carbon takes both for one series.
fn from_open_metrics(name: &str) -> Result<String, NameError> {
    let (metric, tags) = name.strip_suffix('}').and_then(|name| name.split_once('{')).ok_or(NameError::Tag)?;
    let mut carbon = metric.to_owned();
    let mut rest = tags;
    while !rest.is_empty() {
        let (tag, after) = rest.split_once("=\"").ok_or(NameError::Tag)?;
        carbon.push(';');
        carbon.push_str(tag);
        carbon.push('=');
        let mut letters = after.chars();
        let before = carbon.len();
        loop {
            match letters.next().ok_or(NameError::Tag)? {
                '"' => break,
                '\\' => carbon.push(letters.next().filter(|c| matches!(c, '"' | '\\')).ok_or(NameError::Tag)?),
                letter => carbon.push(letter),
            }
        }
        let value = &carbon[before..];
        if tag.is_empty() || tag.contains(['=', ';', '{']) || value.is_empty() || value.contains([';', '{']) {
            return Err(NameError::Tag);
        }
        let after = letters.as_str();
        rest = after.strip_prefix(',').or_else(|| after.strip_prefix(":,")).unwrap_or(after);
        if rest == after && !after.is_empty() {
            return Err(NameError::Tag);
        }
    }
    Ok(carbon)
}

/// Tags sorted as carbon sorts them: by the text `;tag=value`, the last of equal tags kept. A tag without a value is no
/// tag, and `name` is the metric's own.
fn canonical_tagged(name: &str) -> Result<Cow<'_, str>, NameError> {
    let (metric, tags) = name.split_once(';').ok_or(NameError::Tag)?;
    let metric = metric.trim_start_matches('~');
    if metric.bytes().all(|byte| byte == b'.') {
        return Err(NameError::Empty);
    }
    let mut kept: Vec<&str> = Vec::new();
    for segment in tags.split(';') {
        let (tag, value) = segment.split_once('=').ok_or(NameError::Tag)?;
        if tag.is_empty() || tag.contains(['!', '^']) {
            return Err(NameError::Tag);
        }
        kept.retain(|other| other.split_once('=').is_some_and(|(other, _)| other != tag));
        if !value.is_empty() && tag != "name" {
            kept.push(segment);
        }
    }
    kept.sort_unstable();
    let canonical = kept.iter().fold(metric.to_owned(), |mut text, segment| {
        text.push(';');
        text.push_str(segment);
        text
    });
    Ok(if canonical == name { Cow::Borrowed(name) } else { Cow::Owned(canonical) })
}

/// Where a series may lie, relative to the store's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where it lies if there is a file; always so for a plain name.
    pub first: PathBuf,
    /// Where it lies otherwise; for tagged names whose readable leaf is a file name.
    pub second: Option<PathBuf>,
}

impl Place {
    /// The paths of a canonical name.
    pub(crate) fn of(canonical: &str) -> Place {
        if is_tagged(canonical) { Place::tagged(canonical) } else { Place::plain(canonical) }
    }

    /// Where the file is made if there is none.
    pub(crate) fn to_create(&self) -> &PathBuf {
        self.second.as_ref().unwrap_or(&self.first)
    }

    /// The same places as nodes of the tree, dotted.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = String> {
        [Some(&self.first), self.second.as_ref()].into_iter().flatten().map(|path| {
            let path = path.to_string_lossy();
            path.strip_suffix(EXTENSION).unwrap_or(&path).replace('/', ".")
        })
    }

    fn plain(name: &str) -> Place {
        let mut path = String::with_capacity(name.len() + EXTENSION.len());
        path.extend(name.chars().map(|c| if c == '.' { '/' } else { c }));
        path.push_str(EXTENSION);
        Place { first: path.into(), second: None }
    }

    fn tagged(name: &str) -> Place {
        let mut hash = String::with_capacity(64);
        for byte in Sha256::digest(name.as_bytes()) {
            // Writing to a String cannot fail.
            let _ = write!(hash, "{byte:02x}");
        }
        let folder: PathBuf = [TAGGED_ROOT, &hash[0..3], &hash[3..6]].iter().collect();
        let readable = format!("{}{EXTENSION}", name.replace('.', DOT));
        let is_file_name = readable.len() <= COMPONENT_BYTES_MAX && !readable.contains('/');
        Place { second: is_file_name.then(|| folder.join(readable)), first: folder.join(hash + EXTENSION) }
    }
}

/// Where the file of a series lies below the folder of a tree, as kymo and graphite-web make it.
///
/// # Errors
/// No series can have that name.
pub fn path_of(name: &str) -> Result<PathBuf, NameError> {
    Ok(Place::of(&canonical(name)?).to_create().clone())
}

/// The name of the series whose file lies at this path below the folder of a tree; `None` for what is no such path. A tagged
/// series that lies under its hash alone has no other name than that path: nothing says its tags.
pub fn of_path(path: &Path) -> Option<String> {
    let path = path.to_str()?.strip_suffix(EXTENSION)?;
    if let Some(name) = path.strip_prefix(TAGGED_ROOT).and_then(|rest| tagged_of_leaf(rest.rsplit('/').next()?)) {
        return Some(name);
    }
    let name = path.replace('/', ".");
    canonical(&name).is_ok_and(|canonical| canonical == name).then_some(name)
}

/// The name that a readable leaf of a tagged series stands for.
pub(crate) fn tagged_of_leaf(leaf: &str) -> Option<String> {
    let name = leaf.contains(';').then(|| leaf.replace(DOT, "."))?;
    canonical(&name).is_ok_and(|canonical| canonical == name).then_some(name)
}

/// The six hex digits of a tagged name's two folders.
pub(crate) fn tagged_hash(canonical: &str) -> u32 {
    let digest = Sha256::digest(canonical.as_bytes());
    u32::from_be_bytes([0, digest[0], digest[1], digest[2]])
}

/// A text from outside, short enough for a message.
pub(crate) fn clip(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    let mut clipped: String = text.chars().take(CHARS_MAX).collect();
    if clipped.len() < text.len() {
        clipped.push('…');
    }
    clipped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Component;

    fn check(name: &str, expected: Result<&str, NameError>) {
        assert_eq!(canonical(name).as_deref(), expected.as_ref().map(|name| *name), "{name:?}");
    }

    #[test]
    fn collapses_empty_nodes() {
        check("a.b", Ok("a.b"));
        check("a..b", Ok("a.b"));
        check(".bpm", Ok("bpm"));
        check("foo.", Ok("foo"));
        check("..", Err(NameError::Empty));
        check("", Err(NameError::Empty));
    }

    #[test]
    fn refuses_what_could_leave_the_folder() {
        check("../etc/passwd", Err(NameError::Character));
        check("a/../../b", Err(NameError::Character));
        check("a\0b", Err(NameError::Character));
        check(&"x".repeat(252), Err(NameError::TooLong));
        check(&"x.".repeat(2000), Err(NameError::TooLong));
    }

    #[test]
    fn sorts_tags() {
        check("m;b=2;a=1", Ok("m;a=1;b=2"));
        check("m;a=1;a=2", Ok("m;a=2"));
        check("m;a=x=y;a-b=1", Ok("m;a-b=1;a=x=y"));
        check("m.;a=", Ok("m"));
        check("~m;name=x;a=1", Ok("m;a=1"));
        check("m;a", Err(NameError::Tag));
        check("m;=1", Err(NameError::Tag));
        check(";a=1", Err(NameError::Empty));
        check("_tagged.160.29e.m;a=1", Ok("_tagged.160.29e.m;a=1"));
    }

    #[test]
    fn takes_open_metrics_for_tags() {
        check("m.x{b=\"2\",a=\"1\"}", Ok("m.x;a=1;b=2"));
        check("m{a=\"x\\\"y\\\\\":,b=\"=\"}", Ok("m;a=x\"y\\;b=="));
        check("m{name=\"other\"}", Ok("m"));
        check("m{}", Ok("m{}"));
        check("m{a=\"1\"}..", Err(NameError::Tag));
        check("{=\"=\"i\"};b=", Err(NameError::Tag));
        check("m{\"}.", Err(NameError::Tag));
        for bad in
            ["m{a=\"\"}", "m{=\"1\"}", "m{a=\"x\\n\"}", "m{a=\"1\"b=\"2\"}", "m{{a=\"1\"}", "m{a=\"x;y\"}", "m{\"}"]
        {
            check(bad, Err(NameError::Tag));
        }
        check("{a=\"1\"}", Err(NameError::Empty));
    }

    #[test]
    fn places_as_graphite_does() {
        assert_eq!(Place::of("a.b").first, Path::new("a/b.wsp"));
        let place = Place::of("http.requests;host=web01;method=POST;status=200");
        let readable = "_tagged/160/29e/http_DOT_requests;host=web01;method=POST;status=200.wsp";
        assert_eq!(place.to_create(), Path::new(readable));
        let place = Place::of("app.sync.latency;os=ios;region=us");
        let hashed = "_tagged/6af/794/6af7949c48ea6c101358eca4f1fe448f7f8e9994102d2ce9cd006978873ea794.wsp";
        assert_eq!(place.first, Path::new(hashed));
        assert_eq!(Place::of("m;url=/api/x").second, None);
        assert_eq!(Place::of(&format!("m;a={}", "x".repeat(250))).second, None);
    }

    #[test]
    fn paths_have_names_and_names_paths() {
        for name in ["a.b", "a", "http.requests;host=web01;method=POST"] {
            assert_eq!(of_path(&path_of(name).expect("a path")).as_deref(), Some(name));
        }
        let hashed = "_tagged/6af/794/6af7949c48ea6c101358eca4f1fe448f7f8e9994102d2ce9cd006978873ea794.wsp";
        let name = of_path(Path::new(hashed)).expect("a name");
        assert_eq!(path_of(&name).expect("a path"), Path::new(hashed));
        assert_eq!((of_path(Path::new("a/b.txt")), of_path(Path::new("a.b/c..wsp"))), (None, None));
        assert_eq!(path_of("../a"), Err(NameError::Character));
    }

    proptest! {
        #[test]
        fn no_name_leaves_the_folder(name in "[a./\\\\;=~{}\"\u{0}-\u{2}é]{0,20}") {
            if let Ok(canonical_name) = canonical(&name) {
                prop_assert_eq!(canonical(&canonical_name), Ok(Cow::Borrowed(&*canonical_name)));
                let place = Place::of(&canonical_name);
                for path in [Some(&place.first), place.second.as_ref()].into_iter().flatten() {
                    prop_assert!(path.components().all(|part| matches!(part, Component::Normal(_))));
                }
            }
        }
    }
}
