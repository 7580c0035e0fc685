//! Which graphs stand on the first page when nobody has chosen any: the busiest of each kind, picked by these rules.
//!
//! 1. A name tells its kind by StatsD's naming: a counter's rate, a timer, a gauge, a set; anything else is plain. What
//!    the server says about itself is left out, it has its own place on the page.
//! 2. A counter or timer is as busy as its mean rate in the last half hour; a gauge, set or plain name as the share of
//!    slots in which its value changed.
//! 3. The kinds take turns (counters, timers, gauges and sets, plain names), each giving its busiest first, until the
//!    page is full. What had no value at all is not shown.
//!
//! The cost is bounded: with very many names only every n-th is looked at, and the choice is kept for a while.

use crate::draw::{Unit, signal_unit};
use query::Source;
use std::collections::BTreeMap;
use tsdb::{Timestamp, Window};

use super::link::target_of;

/// How many subjects are read to choose among them; each costs one read of half an hour.
const SUBJECTS_MAX: usize = 250;
/// The time over which busyness is judged.
const JUDGED_SECS: i64 = 1800;
/// Names whose series tell about the server or its peers, not about what it measures.
///
/// `stats_counts.` holds the same counters as `stats.` does, as counts.
const ABOUT_OURSELVES: [&str; 9] = [
    "kymo.",
    "stats.kymo.",
    "statsd.",
    "stats.statsd.",
    "stats_counts.",
    "stats.counters.statsd.",
    "stats.gauges.statsd.",
    "carbon.",
    "_tagged.",
];

/// One graph of the first page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Panel {
    /// What is drawn.
    pub target: String,
    /// The name as people know it.
    pub title: String,
    /// Its kind, in a word.
    pub what: &'static str,
    /// The unit of its axis.
    pub unit: Unit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Counter,
    Timer,
    Level,
    Plain,
}

/// What a name is about, and the leaf by which it is judged.
struct Subject {
    kind: Kind,
    panel: Panel,
    judged_by: String,
}

/// The busiest `count` panels among `names`. A series that cannot be read is passed over.
pub fn choose(source: &dyn Source, names: &[String], now: Timestamp, count: usize) -> Vec<Panel> {
    let mut subjects: BTreeMap<String, Subject> = BTreeMap::new();
    for name in names.iter().filter(|name| !is_about_ourselves(name)) {
        if let Some(subject) = subject_of(name) {
            subjects.entry(subject.panel.target.clone()).or_insert(subject);
        }
    }
    let every = subjects.len().div_ceil(SUBJECTS_MAX).max(1);
    let mut kinds: BTreeMap<Kind, Vec<(f64, Panel)>> = BTreeMap::new();
    let subjects: Vec<Subject> = subjects.into_values().step_by(every).collect();
    let judged_by: Vec<&str> = subjects.iter().map(|subject| &*subject.judged_by).collect();
    let read = source.fetch_many(&judged_by, Window { from: now - JUDGED_SECS, until: now }, now);
    for (subject, fetched) in subjects.into_iter().zip(read) {
        let Ok(Some(fetched)) = fetched else { continue };
        if let Some(busyness) = busyness(subject.kind, &fetched.values) {
            kinds.entry(subject.kind).or_default().push((busyness, subject.panel));
        }
    }
    for ranked in kinds.values_mut() {
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.target.cmp(&b.1.target)));
    }
    take_turns(kinds.into_values().collect(), count)
}

/// Whether a name tells about the server itself.
pub fn is_about_ourselves(name: &str) -> bool {
    ABOUT_OURSELVES.iter().any(|own| name.starts_with(own))
}

/// The first of each kind, then the second of each, and so on.
fn take_turns(kinds: Vec<Vec<(f64, Panel)>>, count: usize) -> Vec<Panel> {
    let mut queues: Vec<_> = kinds.into_iter().map(Vec::into_iter).collect();
    let mut chosen = Vec::new();
    loop {
        let before = chosen.len();
        for queue in &mut queues {
            if chosen.len() < count {
                chosen.extend(queue.next().map(|(_, panel)| panel));
            }
        }
        if chosen.len() == before {
            return chosen;
        }
    }
}

/// What a leaf belongs to; `None` for the leaves that another one of their subject stands for.
fn subject_of(name: &str) -> Option<Subject> {
    let subject = |kind, target: String, title: &str, what| {
        let unit = match kind {
            Kind::Timer => Unit::Milliseconds,
            Kind::Counter => Unit::PerSecond,
            Kind::Level | Kind::Plain => signal_unit(name).unwrap_or_default(),
        };
        let panel = Panel { target, title: title.to_owned(), what, unit };
        Some(Subject { kind, panel, judged_by: name.to_owned() })
    };
    if let Some(rest) = name.strip_prefix("stats.timers.") {
        // Judged by how many came in; `count_ps` is the only leaf of a timer that is a rate.
        let title = rest.strip_suffix(".count_ps")?;
        let target = format!("stats.timers.{}.{{mean,upper_90}}", target_of(title));
        return subject(Kind::Timer, target, title, "timer");
    }
    if let Some(title) = name.strip_prefix("stats.gauges.") {
        return subject(Kind::Level, target_of(name), title, "gauge");
    }
    if let Some(rest) = name.strip_prefix("stats.sets.") {
        return subject(Kind::Level, target_of(name), rest.strip_suffix(".count")?, "set");
    }
    if let Some(rest) = name.strip_prefix("stats.counters.") {
        return subject(Kind::Counter, target_of(name), rest.strip_suffix(".rate")?, "counter");
    }
    if let Some(title) = name.strip_prefix("stats.") {
        return subject(Kind::Counter, target_of(name), title, "counter");
    }
    subject(Kind::Plain, target_of(name), name, "")
}

/// `None` when the series has had no value of late.
fn busyness(kind: Kind, values: &[f64]) -> Option<f64> {
    let present: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    if present.is_empty() {
        return None;
    }
    let slots = values.len() as f64;
    Some(match kind {
        Kind::Counter | Kind::Timer => present.iter().sum::<f64>() / slots,
        // Presence breaks the tie between values that never change.
        Kind::Level | Kind::Plain => {
            let changes = present.windows(2).filter(|pair| pair[0] != pair[1]).count();
            (changes as f64 + present.len() as f64 * 1e-3) / slots
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{Kind, Panel, subject_of, take_turns};
    use crate::draw::Unit;

    #[test]
    fn names_tell_their_kind() {
        let told = |name: &str| subject_of(name).map(|s| (s.kind, s.panel.target, s.panel.title));
        let some = |kind, target: &str, title: &str| Some((kind, target.to_owned(), title.to_owned()));
        assert_eq!(
            told("stats.timers.api.get.count_ps"),
            some(Kind::Timer, "stats.timers.api.get.{mean,upper_90}", "api.get")
        );
        assert_eq!(told("stats.timers.api.get.upper_90"), None);
        assert_eq!(told("stats.api.hits"), some(Kind::Counter, "stats.api.hits", "api.hits"));
        assert_eq!(told("stats.counters.a.rate"), some(Kind::Counter, "stats.counters.a.rate", "a"));
        assert_eq!(told("stats.counters.a.count"), None);
        assert_eq!(told("stats.gauges.g"), some(Kind::Level, "stats.gauges.g", "g"));
        assert_eq!(told("servers.a b"), some(Kind::Plain, "servers.a?b", "servers.a b"));
    }

    #[test]
    fn kinds_take_turns() {
        let panel = |name: &str| Panel { target: name.to_owned(), title: name.to_owned(), what: "", unit: Unit::Si };
        let kinds = vec![vec![(9.0, panel("c1")), (8.0, panel("c2")), (7.0, panel("c3"))], vec![(1.0, panel("t1"))]];
        let names = |count| take_turns(kinds.clone(), count).into_iter().map(|p| p.title).collect::<Vec<_>>();
        assert_eq!(names(3), ["c1", "t1", "c2"]);
        assert_eq!(names(9), ["c1", "t1", "c2", "c3"]);
    }
}
