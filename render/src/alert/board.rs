//! All rules and how they stand: looked at round by round, told as JSON, and what changed as notices.

use super::course::{Change, Course};
use super::rule::Rule;
use super::verdict::{Judged, NoData, State, Verdict};
use crate::catalogue::Catalogue;
use crate::encode::{Charset, JsonWriter, Layout};
use query::Limits;
use std::sync::{Arc, PoisonError, RwLock};
use tsdb::Timestamp;

/// Series of a rule that are told, the worst first.
const TOLD_MAX: usize = 50;

/// A rule and how it stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The rule.
    pub rule: Arc<Rule>,
    /// Its course.
    pub course: Course,
    /// What the last look saw; an error where the target could not be answered. `None` before the first look.
    pub last: Option<Result<Verdict, String>>,
}

/// A change that somebody may want to be told of.
#[derive(Clone, Debug)]
pub struct Notice {
    /// How the rule stands now.
    pub standing: Standing,
    /// What became what.
    pub change: Change,
}

/// How all rules stand, for whoever asks. Locked to clone or replace a pointer.
#[derive(Debug, Default)]
pub struct Board(RwLock<Arc<Vec<Standing>>>);

impl Board {
    /// As they stood after the last round.
    pub fn standings(&self) -> Arc<Vec<Standing>> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts these up.
    pub fn put(&self, standings: Vec<Standing>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(standings);
    }

    /// Looks at every rule, puts up how they stand, and says what changed.
    pub fn round(&self, catalogue: &dyn Catalogue, limits: &Limits, now: Timestamp) -> Vec<Notice> {
        let mut standings = (*self.standings()).clone();
        let mut notices = Vec::new();
        for standing in &mut standings {
            let seen = standing.rule.evaluate(catalogue, limits, now);
            let observed = seen.as_ref().map_or(State::Unknown, |verdict| verdict.state);
            let change = standing.course.see(observed, standing.rule.for_secs, now);
            standing.last = Some(seen);
            notices.extend(change.map(|change| Notice { standing: standing.clone(), change }));
        }
        self.put(standings);
        notices
    }
}

impl Standing {
    /// A rule that nobody has looked at.
    pub fn new(rule: Arc<Rule>, now: Timestamp) -> Standing {
        Standing { rule, course: Course::new(now), last: None }
    }

    /// Everything that is told about it, as one JSON object.
    pub fn write(&self, json: &mut JsonWriter) {
        json.begin_map();
        self.write_inside(json);
        json.end_map();
    }

    fn write_inside(&self, json: &mut JsonWriter) {
        let (rule, course) = (&self.rule, &self.course);
        text(json, "name", &rule.name);
        text(json, "target", &rule.target);
        text(json, "state", course.state.name());
        number(json, "since", course.since.0);
        if let Some((state, since)) = course.pending() {
            json.key("pending");
            json.begin_map();
            text(json, "state", state.name());
            number(json, "since", since.0);
            json.end_map();
        }
        if let Some(seen) = course.seen {
            number(json, "seen", seen.0);
        }
        for (key, range) in [("warning", &rule.terms.warning), ("critical", &rule.terms.critical)] {
            if let Some(range) = range {
                text(json, key, &range.to_string());
            }
        }
        number(json, "for", rule.for_secs);
        text(json, "no_data", rule.terms.no_data.name());
        match &self.last {
            Some(Err(error)) => text(json, "error", error),
            Some(Ok(verdict)) => series(json, &verdict.series),
            None => {}
        }
    }
}

impl Notice {
    /// What a webhook is sent.
    pub fn body(&self) -> Vec<u8> {
        let mut json = JsonWriter::new(Charset::Utf8, Layout::Line);
        json.begin_map();
        text(&mut json, "alert", &self.standing.rule.name);
        text(&mut json, "from", self.change.from.name());
        text(&mut json, "to", self.change.to.name());
        self.standing.write_inside(&mut json);
        json.end_map();
        json.finish().into_bytes()
    }
}

fn series(json: &mut JsonWriter, series: &[Judged]) {
    number(json, "series_count", i64::try_from(series.len()).unwrap_or(i64::MAX));
    json.key("series");
    json.begin_list();
    for one in series.iter().take(TOLD_MAX) {
        json.begin_map();
        text(json, "name", &one.name);
        text(json, "state", one.state.name());
        match one.value {
            Ok(value) => {
                json.key("value");
                json.number(value);
            }
            Err(NoData::Empty) => {}
            Err(NoData::Old(secs)) => number(json, "old", secs),
        }
        json.end_map();
    }
    json.end_list();
}

fn text(json: &mut JsonWriter, key: &str, value: &str) {
    json.key(key);
    json.string(value);
}

fn number(json: &mut JsonWriter, key: &str, value: i64) {
    json.key(key);
    json.integer(value);
}
