//! graphite-web 1.1.10's recorded answers to /render, evaluated here over the same tree.
//!
//! Compared as compare_render.py compares: names, tags and times alike, values within 1e-9, NaN as null. What was a
//! 4xx must be the client's mistake here; what crashed there may be anything but a panic.

use crate::imported;
use conformance::{Score, cases, fixture};
use jiff::tz::TimeZone;
use query::attime::{self, TimeError};
use query::source::Tagged;
use query::{Answer, EventSource, Limits, Request, Series, Source, SourceError, Stop, consolidate, functions};
use serde_json::Value;
use tsdb::{Timestamp, WhisperStore, Window, is_gap};

#[test]
fn recorded_render_answers() {
    let folder = tempfile::tempdir().unwrap();
    fixture::write(folder.path()).unwrap();
    judge_all("recorded render", &WhisperStore::open_read_only(folder.path()).unwrap(), Tags::HashUnknown, &[]);
}

/// The same tree imported into our own store: the same answers, without exception.
#[test]
fn recorded_render_answers_of_an_imported_tree() {
    let folder = tempfile::tempdir().unwrap();
    let store = imported::fixture_store(folder.path(), Timestamp(fixture::NOW + 2 * 86_400));
    judge_all("recorded render, imported", &store, Tags::Known, &[]);
}

/// Cases that look at a coarse slot which is still being filled. Whisper has the mean of means there, in which an hour of
/// three values weighs as much as one of sixty; our own store has the mean of the values (docs/store.md).
const BEING_FILLED: [&str; 2] = ["archive-011", "archive-013"];

/// Imported while it was written: as above, but for what is still being filled.
#[test]
fn recorded_render_answers_of_a_tree_that_is_written_on() {
    if conformance::is_chosen() {
        println!("SKIPPED: which of the chosen cases look at a slot that is being filled is not known");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let store = imported::fixture_store(folder.path(), Timestamp(fixture::NOW));
    judge_all("recorded render, written on", &store, Tags::Known, &BEING_FILLED);
}

/// Whether every tagged series can be found; in a tree of whisper files what lies under its hash alone cannot.
#[derive(Clone, Copy, PartialEq)]
enum Tags {
    Known,
    HashUnknown,
}

/// What the hash hides.
const BY_HASH: &str = "app.sync.latency";

/// Asks every case; those that are excepted must differ, lest the list outlives its reasons.
fn judge_all(which: &str, store: &dyn Source, tags: Tags, excepted: &[&str]) {
    let Some(cases) = cases("render.jsonl") else { return };
    let (mut score, mut quirks, mut skipped) = (Score::default(), (0, 0), 0);
    for case in cases.iter().filter(|case| case["path"] == "/render" && case["cmp"] == "render") {
        let asked = Asked::new(case);
        let hidden = asked.targets.iter().any(|target| target.contains("seriesByTag(") && target.contains(BY_HASH));
        if !asked.uses_built_functions_only() || hidden && tags == Tags::HashUnknown {
            skipped += 1;
            continue;
        }
        let nulls = if asked.param("noNullPoints").is_some() { Nulls::Dropped } else { Nulls::Given };
        let outcome = judge(&case["expect"], asked.answer(store), nulls);
        let id = case["id"].as_str().unwrap();
        if case["quirk"].is_boolean() {
            quirks = (quirks.0 + usize::from(outcome.is_ok()), quirks.1 + 1);
            if let Err(why) = outcome {
                println!("quirk {id}: {why}");
            }
            continue;
        }
        let outcome = match outcome {
            Ok(()) if excepted.contains(&id) => Err("it does not differ any more".to_owned()),
            Err(_) if excepted.contains(&id) => Ok(()),
            outcome => outcome,
        };
        score.note(&format!("{id} {:?}", asked.targets), outcome);
    }
    println!("{which}: skipped {skipped} (other functions, tags), quirks {}/{}", quirks.0, quirks.1);
    score.finish(which);
}

#[test]
fn windows_without_end_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    fixture::write(folder.path()).unwrap();
    let store = WhisperStore::open_read_only(folder.path()).unwrap();
    for window in ["9223372036854775807", "99999", "\"999999999d\"", "\"1y\""] {
        let targets = vec![format!("summarize(movingAverage(ramp.saw,{window}),\"5min\")")];
        let asked = Asked { targets, params: Vec::new() };
        assert_eq!(asked.answer(&store).unwrap().len(), 1, "{window}");
    }
}

/// The parameters of one request.
struct Asked {
    targets: Vec<String>,
    params: Vec<(String, String)>,
}

impl Asked {
    fn new(case: &Value) -> Asked {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let params = case["params"].as_array().unwrap().iter().map(|pair| (text(&pair[0]), text(&pair[1])));
        let (targets, params) = params.partition::<Vec<_>, _>(|(name, _)| name == "target" || name == "target[]");
        Asked { targets: targets.into_iter().map(|(_, target)| target).collect(), params }
    }

    fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().rev().find(|(param, _)| param == name).map(|(_, value)| value.as_str())
    }

    /// What stands for placeholders: `template[name]`.
    fn template(&self) -> Vec<(String, String)> {
        let given = |(name, value): &(String, String)| {
            let name = name.strip_prefix("template[")?.strip_suffix(']')?;
            Some((name.to_owned(), value.clone()))
        };
        self.params.iter().filter_map(given).collect()
    }

    /// Whether every word before a parenthesis is a function that there is.
    fn uses_built_functions_only(&self) -> bool {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let known = |before: &str| {
            let name = before.trim_end().rsplit(|c| !is_word(c)).next().unwrap();
            name.is_empty() || name == "template" || functions::lookup(name).is_some()
        };
        self.targets.iter().all(|target| target.match_indices('(').all(|(at, _)| known(&target[..at])))
    }

    fn answer(&self, store: &dyn Source) -> Result<Vec<Series>, String> {
        let zone = self.param("tz").and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC);
        let now = Timestamp(fixture::NOW);
        let now = self.param("now").map_or(Ok(now), |text| attime::parse(text, now, &zone));
        let window =
            now.and_then(|now| Ok((now, attime::window(self.param("from"), self.param("until"), now, &zone)?)));
        let (now, window) = window.map_err(|why: TimeError| why.to_string())?;
        let x_files_factor =
            self.param("xFilesFactor").unwrap_or("0").parse().map_err(|_| "xFilesFactor".to_owned())?;
        let limits = Limits::default();
        let request = Request {
            targets: &self.targets,
            window,
            now,
            zone,
            x_files_factor,
            max_data_points: 0,
            template: &self.template(),
            events: Some(&Happened),
            limits,
            stop: Stop::default(),
        };
        let Answer { mut series, .. } = query::answer(store, &request).map_err(|why| {
            assert!(why.is_client_error(), "{why}");
            format!("{why}\n{}", why.caret().unwrap_or_default())
        })?;
        if let Some(points) = self.param("maxDataPoints").and_then(|text| text.parse().ok()) {
            consolidate::to_max_data_points(&mut series, points);
        }
        Ok(series)
    }
}

/// The fixture's events.
struct Happened;

impl EventSource for Happened {
    fn moments(&self, window: Window, tagged: &Tagged) -> Result<Vec<Timestamp>, SourceError> {
        let has = |event: &fixture::Event, tag: &String| event.tags.split(' ').any(|has| has == tag);
        let wanted = |event: &fixture::Event| match tagged {
            Tagged::Anyhow => true,
            Tagged::Every(tags) => tags.iter().all(|tag| has(event, tag)),
            Tagged::Any(tags) => tags.iter().any(|tag| has(event, tag)),
        };
        let moments = fixture::EVENTS.iter().filter(|event| wanted(event)).map(|event| Timestamp(event.when));
        Ok(moments.filter(|at| window.from <= *at && *at <= window.until).collect())
    }
}

/// Whether points without a value are part of the answer; leaving them out is the HTTP layer's part.
#[derive(Clone, Copy, PartialEq)]
enum Nulls {
    Given,
    Dropped,
}

fn judge(expect: &Value, answer: Result<Vec<Series>, String>, nulls: Nulls) -> Result<(), String> {
    match (expect["status"].as_u64().unwrap(), answer) {
        (500.., _) | (400..500, Err(_)) => Ok(()),
        (status @ 400..500, Ok(_)) => Err(format!("{status} expected, an answer given")),
        (_, Err(why)) => Err(why),
        (_, Ok(series)) => {
            let body = expect["body"].as_str().unwrap().replace("1e9999", "1e308");
            compare(serde_json::from_str::<Value>(&body).unwrap().as_array().unwrap(), &series, nulls)
        }
    }
}

fn compare(expected: &[Value], given: &[Series], nulls: Nulls) -> Result<(), String> {
    let names = |series: &[Series]| series.iter().map(|series| series.name.clone()).collect::<Vec<_>>();
    if expected.len() != given.len() {
        return Err(format!("{} series expected, given {:?}", expected.len(), names(given)));
    }
    expected.iter().zip(given).try_for_each(|(expected, given)| compare_series(expected, given, nulls))
}

fn compare_series(expected: &Value, given: &Series, nulls: Nulls) -> Result<(), String> {
    let unnamed = expected["target"].is_null() && given.style.unnamed;
    if !unnamed && expected["target"] != given.name.as_str() {
        return Err(format!("{} expected, {:?} given", expected["target"], given.name));
    }
    if expected["tags"] != serde_json::to_value(&given.tags).unwrap() {
        return Err(format!("{}: tags {} expected, {:?} given", given.name, expected["tags"], given.tags));
    }
    let points: Vec<(Option<f64>, i64)> = serde_json::from_value(expected["datapoints"].clone()).unwrap();
    let step = i64::from(given.step.secs());
    let time = |(at, value): (i64, &f64)| (given.start.0 + at * step, *value);
    let (times, values): (Vec<i64>, Vec<f64>) =
        (0..).zip(&given.values).map(time).filter(|(_, value)| nulls == Nulls::Given || !value.is_nan()).unzip();
    let expected_times: Vec<i64> = points.iter().map(|(_, at)| *at).collect();
    if times != expected_times {
        return Err(format!("{}: times {expected_times:?} expected, {times:?} given", given.name));
    }
    let finite = points.iter().filter_map(|(value, _)| *value).map(f64::abs).filter(|value| *value < 1e290);
    let scale = finite.fold(0.0, f64::max);
    for ((expected, at), value) in points.iter().zip(&values) {
        if !close(*expected, *value, scale) {
            return Err(format!("{}: at {at} {expected:?} expected, {value:?} given", given.name));
        }
    }
    Ok(())
}

fn close(expected: Option<f64>, given: f64, scale: f64) -> bool {
    let Some(expected) = expected else { return given.is_nan() || is_gap(given) };
    if expected.abs() >= 1e308 && given.is_infinite() {
        return expected.signum() == given.signum();
    }
    expected == given || (expected - given).abs() <= (1e-9 * expected.abs().max(given.abs())).max(1e-12 * scale)
}
