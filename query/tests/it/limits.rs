//! Whatever is asked, the answer is bounded: each limit is reached, named and pointed at, and no text makes a panic.

use jiff::tz::TimeZone;
use proptest::prelude::*;
use query::functions::Takes;
use query::source::{Archive, Fetched, Node};
use query::{Answer, Error, Limits, Request, Source, SourceError, Stop, attime};
use std::sync::atomic::{AtomicUsize, Ordering};
use tsdb::{Step, Timestamp, Window};

const NOW: Timestamp = Timestamp(1_712_068_643);

/// A hundred series of a year's minutes each, all named by any pattern with a star; counts its fetches and the
/// calls that they came in.
#[derive(Default)]
struct Plenty {
    fetches: AtomicUsize,
    calls: AtomicUsize,
}

impl Source for Plenty {
    fn find(&self, pattern: &str) -> Result<Vec<Node>, SourceError> {
        let count = if pattern == "gone" {
            0
        } else if pattern.contains('*') {
            100
        } else {
            1
        };
        Ok((0..count).map(|nth| Node { path: format!("plenty.{nth:03}"), leaf: true }).collect())
    }

    fn archives(&self, _: &str) -> Result<Option<Vec<Archive>>, SourceError> {
        Ok(Some(vec![Archive { step: Step::new(60).unwrap(), points: 525_600 }]))
    }

    fn fetch(&self, _: &str, window: Window, now: Timestamp) -> Result<Option<Fetched>, SourceError> {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        let step = Step::new(60).unwrap();
        let from = window.from.max(now - 525_600 * 60);
        let (start, end) = (from.floor(step) + 60, window.until.min(now).floor(step) + 60);
        let values = (start.0..end.0).step_by(60).map(|at| (at % 7) as f64).collect();
        Ok(Some(Fetched { start, end, step, values }))
    }

    fn fetch_many(&self, names: &[&str], window: Window, now: Timestamp) -> Vec<Result<Option<Fetched>, SourceError>> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        names.iter().map(|name| self.fetch(name, window, now)).collect()
    }
}

fn ask(source: &Plenty, targets: &[&str], from: &str, limits: Limits) -> Result<Answer, Error> {
    let targets: Vec<String> = targets.iter().map(|target| (*target).to_owned()).collect();
    let window = attime::window(Some(from), None, NOW, &TimeZone::UTC).unwrap();
    let zone = TimeZone::UTC;
    query::answer(
        source,
        &Request {
            targets: &targets,
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
    )
}

fn refused(target: &str, from: &str, limits: Limits) -> (String, usize) {
    let source = Plenty::default();
    let error = ask(&source, &[target], from, limits).unwrap_err();
    assert!(error.is_client_error());
    assert!(error.caret().unwrap().contains('^'));
    (error.to_string(), source.fetches.load(Ordering::Relaxed))
}

#[test]
fn every_limit_is_named() {
    let limits = Limits::default;
    for (target, from, limits, name) in [
        ("a*".repeat(40_000), "-1h", limits(), "target_bytes"),
        (format!("{}a{}", "scale(".repeat(200), ",1)".repeat(200)), "-1h", limits(), "depth"),
        (format!("a{}", "|scale(2)".repeat(500)), "-1h", limits(), "depth"),
        ("sumSeries(a.*,b.*)".into(), "-1h", Limits { series: 199, ..limits() }, "series"),
        ("a.*".into(), "-1y", limits(), "points"),
        (format!("sumSeries({}a)", "a,".repeat(200)), "-1y", limits(), "points"),
        ("sumSeries(a,b,c)".into(), "-1h", Limits { finds: 2, ..limits() }, "finds"),
        ("movingAverage(a,99999999)".into(), "-1h", Limits { points: 10_000, ..limits() }, "points"),
    ] {
        let (message, fetches) = refused(&target, from, limits);
        assert!(message.contains(&format!("limit `{name}`")), "{message}");
        assert_eq!(fetches, 0, "{name}: nothing is read for what will be refused");
    }
    for (target, from, limits, name) in [
        (r#"summarize(a,"1s")"#.to_owned(), "-1y", Limits { points: 1_000_000, ..limits() }, "points"),
        (r#"scale(summarize(a.*,"1s"),2)"#.to_owned(), "-1d", Limits { points: 1_000_000, ..limits() }, "points"),
        (
            r#"aliasSub("#.repeat(30) + "a*" + &r#","(.+)","\1\1")"#.repeat(30),
            "-1h",
            Limits { name_bytes: 9_999, ..limits() },
            "name_bytes",
        ),
    ] {
        let (message, _) = refused(&target, from, limits);
        assert!(message.contains(name) || message.contains("grows past"), "{message}");
    }
}

#[test]
fn many_threads_read_what_one_does() {
    let answered = |threads| {
        let answer =
            ask(&Plenty::default(), &["a.*", "movingAverage(a.*,5)"], "-1h", Limits { threads, ..Limits::default() });
        answer.unwrap().series.into_iter().map(|series| (series.name, series.values)).collect::<Vec<_>>()
    };
    let alone = answered(1);
    assert_eq!(alone.len(), 200);
    for threads in [0, 2, 7, 100] {
        assert_eq!(answered(threads), alone, "{threads} threads");
    }
}

/// Says that nobody waits any more as soon as the first piece is read.
struct Leaving(Plenty, Stop);

impl Source for Leaving {
    fn find(&self, pattern: &str) -> Result<Vec<Node>, SourceError> {
        self.0.find(pattern)
    }

    fn archives(&self, name: &str) -> Result<Option<Vec<Archive>>, SourceError> {
        self.0.archives(name)
    }

    fn fetch(&self, name: &str, window: Window, now: Timestamp) -> Result<Option<Fetched>, SourceError> {
        self.1.say();
        self.0.fetch(name, window, now)
    }
}

#[test]
fn nothing_more_is_read_or_computed_once_nobody_waits() {
    let (zone, limits) = (TimeZone::UTC, Limits { threads: 1, ..Limits::default() });
    let window = attime::window(Some("-1h"), None, NOW, &zone).unwrap();
    let targets = ["a.*".to_owned()];
    let request = Request {
        targets: &targets,
        window,
        now: NOW,
        zone,
        x_files_factor: 0.0,
        max_data_points: 0,
        template: &[],
        events: None,
        limits,
        stop: Stop::default(),
    };
    let source = Leaving(Plenty::default(), request.stop.clone());
    let error = query::answer(&source, &request).unwrap_err();
    assert!(error.is_stopped() && !error.is_client_error(), "{error}");
    assert_eq!(source.0.fetches.load(Ordering::Relaxed), 64, "one piece");
    // What was stopped before it began finds and reads nothing.
    assert!(query::answer(&source, &request).unwrap_err().is_stopped());
    assert_eq!(source.0.fetches.load(Ordering::Relaxed), 64);
}

#[test]
fn a_name_and_window_is_read_once_for_all_targets() {
    let source = Plenty::default();
    let targets = ["a.*", "sumSeries(a.*)", "scale(a.*,2)", "movingAverage(a.*,5)", "movingAverage(a.*,\"5min\")"];
    let answer = ask(&source, &targets, "-1h", Limits::default()).unwrap();
    assert_eq!(answer.series.len(), 401);
    assert_eq!(source.fetches.load(Ordering::Relaxed), 200, "the plain window, and the one of both moving averages");
    assert_eq!(source.calls.load(Ordering::Relaxed), 4, "64 series of a window at once");
    assert_eq!(answer.cost.series, 500);
}

#[test]
fn what_is_left_over_is_noted() {
    let answer =
        ask(&Plenty::default(), &["a b", "scale(a,2", "a|scale(2)|movingAverage(2)"], "-1h", Limits::default());
    let notes: Vec<String> = answer.unwrap().notes.iter().map(|note| note.message.clone()).collect();
    assert_eq!(
        notes,
        [
            "ignored from here: expected the end of the target",
            "ignored from here: expected `,` or `)`",
            "`scale` is left out: a moving window reads what stands before a pipe"
        ]
    );
}

#[test]
fn an_error_has_a_caret_under_its_place() {
    let error = ask(&Plenty::default(), &["a", "scale(ünï, \"x\")"], "-1h", Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "scale: `factor` must be a number (target 2, byte 13)");
    assert_eq!(error.caret().unwrap(), "scale(ünï, \"x\")\n           ^^^");
}

/// Pieces that a target is made of, so that most texts get past the first character.
const PIECES: &[&str] = &[
    "scale(",
    "movingAverage(",
    "summarize(",
    "aliasSub(",
    "sumSeries(",
    "highestMax(",
    "aliasByNode(",
    "alias(",
    ")",
    ",",
    "a.b",
    "*",
    "{x,y}",
    "{",
    "}",
    "|",
    "=",
    "\"5min\"",
    "'x'",
    "\"",
    "'",
    "\\",
    "1",
    "-2.5e3",
    "none",
    "true",
    "inf",
    " ",
    ".",
    "func=",
    "\"(.*)\"",
    "\"\\1\"",
    "é",
    "\n",
    "99999999999999999999",
];

/// What an argument may be at its worst, by what its parameter takes.
fn hostile(takes: Takes) -> &'static [&'static str] {
    match takes {
        Takes::Series | Takes::SeriesLists => {
            &["a", "a.*", "gone", "scale(a,1e308)", "timeShift(a,\"1d\")", "delay(a,0)"]
        }
        Takes::SeriesOrNumber => &["a", "a.*", "0", "-1e308", "none"],
        Takes::Integer | Takes::Node | Takes::IntegerOrInfinity => {
            &["0", "1", "-1", "7", "9223372036854775807", "-9223372036854775807", "\"3\"", "inf"]
        }
        Takes::Number | Takes::Share | Takes::NumberAsWritten => {
            &["0", "1", "-1", "1e308", "-1e308", "1e-320", "inf", "0.5", "\"nan\"", "9223372036854775807", "true"]
        }
        Takes::Duration | Takes::Shift | Takes::PointsOrDuration => &[
            "\"1s\"",
            "\"7s\"",
            "\"-1min\"",
            "\"0s\"",
            "\"99999999y\"",
            "\"9999999999999s\"",
            "0",
            "3",
            "99999999999",
            "\"+1y\"",
        ],
        Takes::Date => &["\"now\"", "\"-1y\"", "\"+99y\"", "0", "99999999999", "\"bogus\"", "\"\""],
        Takes::CalendarUnit => &["\"y\"", "\"mon\"", "\"weeks9\"", "\"weeksé\"", "\"\"", "true", "\"h\""],
        Takes::Aggregation | Takes::Callback => {
            &["\"avg\"", "\"sum\"", "\"quantile:1\"", "\"median\"", "\"timeShift\"", "\"\""]
        }
        Takes::Flag => &["true", "false", "1"],
        _ => &["\"a\"", "\"\"", "\"(.*)\"", "\"%\"", "0", "-9223372036854775807", "\"é\""],
    }
}

/// A call of a function with an argument for each parameter, or one less.
fn hostile_call() -> impl Strategy<Value = String> {
    let functions: Vec<_> = query::functions::all().collect();
    (proptest::sample::select(functions), proptest::collection::vec(any::<proptest::sample::Index>(), 12), 0usize..3)
        .prop_map(|(function, picks, less)| {
            let count = function.params.len() - usize::from(less == 0 && !function.params.is_empty());
            let arguments = function.params[..count].iter().zip(picks).map(|(param, pick)| {
                let words = hostile(param.takes);
                words[pick.index(words.len())]
            });
            format!("{}({})", function.name, arguments.collect::<Vec<_>>().join(","))
        })
}

/// What is evaluated once for itself and once more for another window, inside another such: each doubles the work.
#[test]
fn calls_that_read_again_do_not_multiply_without_end() {
    let nested =
        |begin: &str, path: &str, end: &str, times| format!("{}{path}{}", begin.repeat(times), end.repeat(times));
    for target in [
        nested("timeShift(", "a", ",\"1h\")", 90),
        nested("timeStack(", "gone", ",\"1h\",0,100)", 90),
        nested("linearRegression(", "a", ")", 90),
        nested("holtWintersAberration(", "a", ")", 90),
        "timeStack(a,\"1h\",0,9223372036854775807)".to_owned(),
        "timeStack(a,\"1h\",-9223372036854775807,9223372036854775807)".to_owned(),
    ] {
        let (message, fetches) = refused(&target, "-1h", Limits::default());
        assert!(message.contains("limit `series`") || message.contains("limit `points`"), "{message}");
        assert_eq!(fetches, 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    #[test]
    fn no_call_panics(call in hostile_call(), outer in hostile_call()) {
        let limits = || Limits { points: 20_000, series: 500, ..Limits::default() };
        let nested = outer.replacen("a", &call, 1);
        for target in [call, nested] {
            if let Ok(answer) = ask(&Plenty::default(), &[&target], "-10min", limits()) {
                let points: usize = answer.series.iter().map(|series| series.values.len()).sum();
                prop_assert!(points <= 20_000, "{target}: {points}");
            }
        }
    }
}

proptest! {
    #[test]
    fn no_target_panics(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..40)) {
        let text: String = pieces.concat();
        let _ = ask(&Plenty::default(), &[&text], "-10min", Limits { points: 10_000, ..Limits::default() });
    }

    #[test]
    fn no_text_panics(text in any::<String>()) {
        let _ = ask(&Plenty::default(), &[&text], "-10min", Limits::default());
    }

    #[test]
    fn no_time_panics(text in "[0-9apmnowhdsy:/+_-]{0,20}|\\PC*") {
        let _ = attime::parse(&text, NOW, &TimeZone::get("America/New_York").unwrap());
        let _ = attime::interval_secs(&text);
    }
}
