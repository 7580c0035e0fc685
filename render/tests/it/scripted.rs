//! A catalogue of made-up series, each a function of time.

use query::source::{Archive, Fetched, Node};
use query::{Source, SourceError};
use render::Catalogue;
use std::collections::{BTreeMap, BTreeSet};
use tsdb::{Step, Timestamp, Window};

/// The moment at which the scripts' clock stands.
pub const NOW: Timestamp = Timestamp(1_712_068_643);

type Course = Box<dyn Fn(i64) -> f64 + Send + Sync>;

/// Series with a point every ten seconds, for a day.
#[derive(Default)]
pub struct Scripted {
    series: BTreeMap<String, Course>,
}

impl Scripted {
    /// Adds a series.
    pub fn with(mut self, name: &str, course: impl Fn(i64) -> f64 + Send + Sync + 'static) -> Scripted {
        self.series.insert(name.to_owned(), Box::new(course));
        self
    }
}

const STEP_SECS: i64 = 10;
const KEPT_SECS: i64 = 86_400;

impl Source for Scripted {
    fn find(&self, pattern: &str) -> Result<Vec<Node>, SourceError> {
        if pattern == "the.store.fails" {
            return Err(SourceError::Failed("/secret/path is broken".into()));
        }
        let mut found = BTreeSet::new();
        for one in braces(pattern) {
            let parts: Vec<&str> = one.split('.').collect();
            for name in self.series.keys() {
                let nodes: Vec<&str> = name.split('.').collect();
                if nodes.len() >= parts.len() && parts.iter().zip(&nodes).all(|(glob, node)| fits(glob, node)) {
                    found.insert((nodes[..parts.len()].join("."), nodes.len() == parts.len()));
                }
            }
        }
        Ok(found.into_iter().map(|(path, leaf)| Node { path, leaf }).collect())
    }

    fn archives(&self, name: &str) -> Result<Option<Vec<Archive>>, SourceError> {
        let archive =
            || Archive { step: Step::new(10).unwrap(), points: u32::try_from(KEPT_SECS / STEP_SECS).unwrap() };
        Ok(self.series.contains_key(name).then(|| vec![archive()]))
    }

    fn fetch(&self, name: &str, window: Window, now: Timestamp) -> Result<Option<Fetched>, SourceError> {
        let Some(course) = self.series.get(name) else { return Ok(None) };
        let step = Step::new(10).unwrap();
        let start = window.from.max(now - KEPT_SECS).floor(step) + STEP_SECS;
        let end = window.until.min(now).floor(step) + STEP_SECS;
        let times = (start.0..end.0).step_by(10);
        Ok(Some(Fetched { start, end: end.max(start), step, values: times.map(course).collect() }))
    }
}

impl Catalogue for Scripted {
    fn leaves(&self) -> Result<Vec<String>, SourceError> {
        Ok(self.series.keys().cloned().collect())
    }
}

fn braces(pattern: &str) -> Vec<String> {
    let Some(open) = pattern.find('{') else { return vec![pattern.to_owned()] };
    let Some(close) = pattern[open..].find('}').map(|at| open + at) else { return vec![pattern.to_owned()] };
    let choices = pattern[open + 1..close].split(',');
    choices.flat_map(|one| braces(&format!("{}{one}{}", &pattern[..open], &pattern[close + 1..]))).collect()
}

fn fits(glob: &str, node: &str) -> bool {
    match glob.chars().next() {
        None => node.is_empty(),
        Some('*') => (0..=node.len()).filter(|&at| node.is_char_boundary(at)).any(|at| fits(&glob[1..], &node[at..])),
        Some(c) => node
            .chars()
            .next()
            .is_some_and(|n| (c == '?' || c == n) && fits(&glob[c.len_utf8()..], &node[n.len_utf8()..])),
    }
}
