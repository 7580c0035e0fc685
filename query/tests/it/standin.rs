//! A source over the fixture's bytes, until the store is there.

use query::source::{Archive, Fetched, Node, Source, SourceError};
use std::collections::BTreeMap;
use tsdb::{GAP, Step, Timestamp, Window};

pub struct Bytes(BTreeMap<String, Vec<u8>>);

impl Bytes {
    pub fn new() -> Bytes {
        Bytes(conformance::fixture::series().into_iter().map(|s| (s.name.clone(), s.bytes())).collect())
    }
}

fn u32_at(bytes: &[u8], at: usize) -> i64 {
    i64::from(u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()))
}

fn element(glob: &str) -> String {
    let mut out = String::new();
    let mut chars = glob.chars().peekable();
    let mut depth = 0;
    while let Some(c) = chars.next() {
        match c {
            '*' => out.push_str("[^.]*"),
            '?' => out.push_str("[^.]"),
            '[' => {
                let rest: String = chars.clone().collect();
                if let Some(end) = rest.find(']') {
                    let inner = &rest[..end];
                    out.push('[');
                    out.push_str(&inner.replacen('!', "^", usize::from(inner.starts_with('!'))));
                    out.push(']');
                    for _ in 0..=inner.chars().count() {
                        chars.next();
                    }
                } else {
                    out.push_str("\\[");
                }
            }
            '{' => {
                depth += 1;
                out.push_str("(?:");
            }
            '}' if depth > 0 => {
                depth -= 1;
                out.push(')');
            }
            ',' if depth > 0 => out.push('|'),
            c => {
                if c.is_ascii_punctuation() {
                    out.push('\\');
                }
                out.push(c);
            }
        }
    }
    out
}

impl Source for Bytes {
    fn find(&self, pattern: &str) -> Result<Vec<Node>, SourceError> {
        if self.0.contains_key(pattern) {
            return Ok(vec![Node { path: pattern.to_owned(), leaf: true }]);
        }
        let parts: Vec<String> =
            pattern.split('.').map(|p| if p == "**" { ".*".to_owned() } else { element(p) }).collect();
        let text = format!("^{}$", parts.join("\\."));
        let Ok(regex) = fancy_regex::Regex::new(&text) else { return Ok(Vec::new()) };
        Ok(self
            .0
            .keys()
            .filter(|n| !n.contains(';') && regex.is_match(*n as &str).unwrap())
            .map(|n| Node { path: n.clone(), leaf: true })
            .collect())
    }

    fn archives(&self, name: &str) -> Result<Option<Vec<Archive>>, SourceError> {
        let Some(bytes) = self.0.get(name) else { return Ok(None) };
        let count = u32_at(bytes, 12) as usize;
        Ok(Some(
            (0..count)
                .map(|i| Archive {
                    step: Step::new(u32_at(bytes, 16 + 12 * i + 4) as u32).unwrap(),
                    points: u32_at(bytes, 16 + 12 * i + 8) as u32,
                })
                .collect(),
        ))
    }

    fn fetch(&self, name: &str, window: Window, now: Timestamp) -> Result<Option<Fetched>, SourceError> {
        let Some(archives) = self.archives(name)? else { return Ok(None) };
        let bytes = &self.0[name];
        let max = archives.iter().map(Archive::retention_secs).max().unwrap();
        let oldest = now - max;
        if window.from > now || window.until < oldest {
            return Ok(None);
        }
        let from = window.from.max(oldest);
        let until = window.until.min(now);
        let i = archives.iter().position(|a| a.retention_secs() >= now - from).unwrap();
        let (offset, step, points) =
            (u32_at(bytes, 16 + 12 * i) as usize, archives[i].step, i64::from(archives[i].points));
        let secs = i64::from(step.secs());
        let start = from.floor(step) + secs;
        let mut end = until.floor(step) + secs;
        if start == end {
            end = end + secs;
        }
        let base = u32_at(bytes, offset);
        let values = (0..(end - start) / secs)
            .map(|n| {
                let at = start.0 + n * secs;
                let slot = ((at - base) / secs).rem_euclid(points) as usize;
                let p = offset + 12 * slot;
                if base == 0 || u32_at(bytes, p) != at {
                    GAP
                } else {
                    f64::from_be_bytes(bytes[p + 4..p + 12].try_into().unwrap())
                }
            })
            .collect();
        Ok(Some(Fetched { start, end, step, values }))
    }
}
