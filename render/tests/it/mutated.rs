//! Requests that nobody would write: the recorded ones, cut, spliced and strewn with what breaks parsers. None is answered by a
//! 5xx or a panic, and what they take stays bounded. `KYMO_HOSTILE=10000` asks more of them, `KYMO_HOSTILE_SEED` others.

use crate::ask::get_with;
use conformance::{cases, fixture};
use render::App;
use render::access::EventsView;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tsdb::{EventLimits, Events, Timestamp, WhisperStore};

/// What breaks parsers, calendars, arithmetic and memory.
const STREWN: [&str; 46] = [
    "(",
    ")",
    "((((((((",
    "))))))",
    "{",
    "}",
    "{a,b,{c,d}}",
    "[",
    "]",
    "[z-a]",
    "*",
    "**",
    "*.*.*.*.*.*",
    ".",
    "..",
    ",",
    "|",
    "||",
    "'",
    "\"",
    "\\",
    "%",
    "%00",
    "\u{0}",
    "\u{202e}é\u{1f4a9}",
    "-1",
    "0",
    "1e999",
    "-1e-999",
    "99999999999999999999",
    "nan",
    "inf",
    "None",
    "true",
    "$1",
    "template(a,b=1)",
    "events(\"*\")",
    "seriesByTag(\"name=~.*\")",
    "\"(a+)+$\"",
    "\"1y\"",
    "\"-9999999d\"",
    "9223372036854775807",
    "-9223372036854775808",
    "now-1y",
    "midnight+99999999d",
    "<script>",
];

const NAMES: [&str; 22] = [
    "target",
    "from",
    "until",
    "now",
    "tz",
    "format",
    "maxDataPoints",
    "xFilesFactor",
    "jsonp",
    "noNullPoints",
    "width",
    "height",
    "scale",
    "lineMode",
    "colorList",
    "yMin",
    "graphType",
    "pieMode",
    "template[a]",
    "cacheTimeout",
    "query",
    "expr",
];

const PATHS: [&str; 14] = [
    "/render",
    "/metrics/find",
    "/metrics/expand",
    "/metrics/index.json",
    "/tags",
    "/tags/name",
    "/tags/findSeries",
    "/tags/autoComplete/tags",
    "/tags/autoComplete/values",
    "/events/get_data",
    "/events/1",
    "/functions",
    "/explore",
    "/",
];

/// xorshift64*
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end.max(1)
    }

    fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    /// A text cut, doubled, strewn or joined with another.
    fn mutated(&mut self, text: &str, other: &str) -> String {
        let mut chars: Vec<char> = text.chars().collect();
        for _ in 0..=self.below(4) {
            let at = self.below(chars.len() + 1);
            match self.below(6) {
                0 => chars.truncate(at),
                1 => drop(chars.splice(at..at, self.one(&STREWN).chars())),
                2 => drop(chars.splice(at.., other.chars().skip(self.below(other.len())))),
                3 => drop(chars.drain(at..(at + self.below(9)).min(chars.len()))),
                4 if chars.len() < 4000 => chars.extend_from_within(at..),
                _ => {
                    let strewn = self.one(&STREWN).chars();
                    chars.splice(at..(at + 1).min(chars.len()), strewn);
                }
            }
        }
        chars.into_iter().collect()
    }
}

fn seeds() -> Vec<(String, Vec<(String, String)>)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let seed = |case: &Value| {
        let params = case["params"].as_array()?.iter().map(|pair| (text(&pair[0]), text(&pair[1]))).collect();
        (case["method"] == "GET").then(|| (text(&case["path"]), params))
    };
    cases("render.jsonl").unwrap_or_default().iter().filter_map(seed).collect()
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn what_nobody_would_write_is_answered_without_a_5xx() {
    let told = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let (count, seed) = (told("KYMO_HOSTILE").unwrap_or(1500), told("KYMO_HOSTILE_SEED").unwrap_or(7));
    let folder = tempfile::tempdir().unwrap();
    fixture::write(folder.path()).unwrap();
    let (events, _) = Events::open(&folder.path().join("events.redb"), EventLimits::default()).unwrap();
    let mut app = App::new(Arc::new(WhisperStore::open_read_only(folder.path()).unwrap()), || Timestamp(fixture::NOW));
    app.events = Some(EventsView::of(Arc::new(events), &app.grants));
    // What a test without optimization gets through; each limit that is met is a 400.
    app.limits.query.points = 2_000_000;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (seeds, mut dice) = (seeds(), Dice(seed as u64 | 1));
    let (before, mut slowest, mut statuses) = (peak_kib(), Duration::ZERO, [0; 6]);
    for _ in 0..count {
        let (mut path, mut params) = match seeds.is_empty() {
            true => ("/render".to_owned(), vec![("target".to_owned(), "ramp.saw".to_owned())]),
            false => seeds[dice.below(seeds.len())].clone(),
        };
        let other =
            seeds.get(dice.below(seeds.len())).and_then(|(_, params)| params.first()).map_or("a.b", |(_, value)| value);
        for _ in 0..=dice.below(3) {
            let at = dice.below(params.len() + 1);
            match params.get_mut(at) {
                Some((_, value)) => *value = dice.mutated(value, other),
                None => params.push((dice.one(&NAMES).to_owned(), dice.one(&STREWN).to_owned())),
            }
        }
        if dice.below(10) == 0 {
            path = dice.one(&PATHS).to_owned();
        }
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&params).finish();
        let address = format!("{path}?{query}");
        // A request's head has a bound of its own.
        if address.len() > 60_000 {
            continue;
        }
        let begun = Instant::now();
        let reply = runtime.block_on(get_with(&app, &address, &[]));
        slowest = slowest.max(begun.elapsed());
        assert!(reply.status.as_u16() < 500, "{}: {address}\n{}", reply.status, String::from_utf8_lossy(&reply.body));
        statuses[usize::from(reply.status.as_u16() / 100)] += 1;
    }
    let grown = peak_kib().saturating_sub(before) / 1024;
    println!("hostile: {count} requests, {statuses:?} by hundreds, slowest {slowest:?}, {grown} MiB more at the peak");
    assert!(statuses[2] > 0 && statuses[4] > 0);
    // Answers of two million points, twice, and what else the tests of this process take beside this one.
    assert!(grown < 1024, "{grown} MiB");
}
