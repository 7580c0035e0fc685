//! Evaluate: a target over series in memory, and /render's JSON of a day from a whisper file.

use crate::Size;
use crate::measure::{MS_PER_REQUEST, Measured, measure};
use jiff::tz::TimeZone;
use query::{Limits, Request, Source, SourceError, Stop};
use render::encode::{self, Layout, Nulls};
use tsdb::{Archive, Fetched, Node, Point, Rules, Step, Store, StoreLimits, Timestamp, WhisperStore, Window};

const NOW: Timestamp = Timestamp(1_700_000_000);
const MINUTES: u32 = 1440;

/// As many series as asked, a minute a point, kept for a day.
struct Memory(usize);

impl Source for Memory {
    fn find(&self, _pattern: &str) -> Result<Vec<Node>, SourceError> {
        Ok((0..self.0).map(|i| Node { path: format!("web.host{i:04}.load"), leaf: true }).collect())
    }

    fn archives(&self, _name: &str) -> Result<Option<Vec<Archive>>, SourceError> {
        let step = Step::new(60).expect("not zero");
        Ok(Some(vec![Archive { step, points: MINUTES }]))
    }

    fn fetch(&self, _name: &str, window: Window, _now: Timestamp) -> Result<Option<Fetched>, SourceError> {
        let step = Step::new(60).expect("not zero");
        let (start, end) = (window.from.floor(step) + 60, window.until.floor(step) + 60);
        let values = (0..(end - start) / 60).map(|i| (i % 97) as f64).collect();
        Ok(Some(Fetched { start, end, step, values }))
    }
}

fn answer(source: &dyn Source, target: &str) -> Vec<query::Series> {
    let request = Request {
        targets: &[target.to_string()],
        window: Window { from: NOW - 86_400, until: NOW },
        now: NOW,
        zone: TimeZone::UTC,
        x_files_factor: 0.0,
        max_data_points: 0,
        template: &[],
        events: None,
        limits: Limits::default(),
        stop: Stop::default(),
    };
    query::answer(source, &request).expect("answered").series
}

fn evaluate(name: &'static str, size: Size, series: usize, target: &str) -> Measured {
    let source = Memory(series);
    measure(name, MS_PER_REQUEST, size.rounds, 1, || {
        assert!(!answer(&source, target).is_empty());
    })
}

fn render_json(size: Size) -> Measured {
    let folder = tempfile::tempdir().expect("a folder");
    let store = WhisperStore::open(folder.path(), Rules::default(), StoreLimits::default()).expect("opens");
    let series = store.resolve("web.load").expect("a name");
    let point = |i: i64| Point { series, at: NOW - 86_400 + i * 10, value: i as f64 / 3.0 };
    store.write(NOW, &(1..=8640).map(point).collect::<Vec<_>>());
    measure("query/render_json_day_of_one_series", MS_PER_REQUEST, size.rounds, 20, || {
        for _ in 0..20 {
            let body = encode::json::encode(&answer(&store, "web.load"), Nulls::Kept, Layout::Line);
            assert!(body.len() > 1440);
        }
    })
}

/// A sum, a moving average and a top list over many series; JSON of one.
pub fn run(size: Size) -> Vec<Measured> {
    let series = size.names.min(2000);
    vec![
        evaluate("query/sum_of_1000_over_a_day", size, series, "sumSeries(web.*.load)"),
        evaluate("query/moving_average_of_1000", size, series, "movingAverage(web.*.load,10)"),
        evaluate("query/highest_max_of_1000", size, series, "highestMax(web.*.load,5)"),
        render_json(size),
    ]
}
