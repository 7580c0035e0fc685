//! Target text, parsed, bound, planned and evaluated over a few small series: an answer within the limits, or an error that
//! points into the text.

use super::NOW;
use jiff::tz::TimeZone;
use query::source::{Archive, Fetched, Node};
use query::{Limits, Request, Source, SourceError, Stop};
use tsdb::{GAP, Step, Timestamp, Window};

const NAMES: &[&str] = &["a.b", "a.c", "servers.web01.cpu.user", "servers.web02.cpu.user", "stats.gauges.x"];
const POINTS: u32 = 100;

struct Few;

impl Source for Few {
    fn find(&self, pattern: &str) -> Result<Vec<Node>, SourceError> {
        let all = pattern.contains(['*', '{', '[', '?']);
        let leaf = |name: &&&str| all || **name == pattern;
        Ok(NAMES.iter().filter(leaf).map(|name| Node { path: (*name).to_owned(), leaf: true }).collect())
    }

    fn archives(&self, _: &str) -> Result<Option<Vec<Archive>>, SourceError> {
        Ok(Step::new(60).map(|step| vec![Archive { step, points: POINTS }]))
    }

    fn fetch(&self, name: &str, window: Window, now: Timestamp) -> Result<Option<Fetched>, SourceError> {
        let Some(step) = Step::new(60) else { return Ok(None) };
        let from = window.from.max(now - i64::from(60 * POINTS));
        let (start, end) = (from.floor(step) + 60, window.until.min(now).floor(step) + 60);
        let value = |at: i64| match (at / 60) % 7 {
            0 => GAP,
            1 => 0.0,
            n => (n as f64 - 4.0) * name.len() as f64,
        };
        let values = (start.0..end.0).step_by(60).map(value).collect();
        Ok(Some(Fetched { start, end, step, values }))
    }
}

/// Answers the text as a target, and each of its lines as targets of one request.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    ask(&[text.to_owned()]);
    if text.contains('\n') {
        ask(&text.lines().take(8).map(str::to_owned).collect::<Vec<_>>());
    }
}

fn ask(targets: &[String]) {
    let window = Window { from: NOW - 1800, until: NOW };
    let limits = Limits { points: 200_000, name_bytes: 1 << 20, series: 100, finds: 50, ..Limits::default() };
    let zone = TimeZone::UTC;
    match query::answer(
        &Few,
        &Request {
            targets,
            window,
            now: NOW,
            zone,
            x_files_factor: 0.0,
            max_data_points: 0,
            template: &[],
            events: None,
            limits,
            stop: Stop::default(),
        },
    ) {
        Ok(answer) => assert!(answer.series.iter().all(|series| series.values.len() <= 200_000)),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            let _ = error.caret();
        }
    }
}
