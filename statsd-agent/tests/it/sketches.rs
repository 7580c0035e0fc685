//! Timers and sets as sketches: ledger and store without sockets, beside what carbon is sent of the same flush.

use statsd_agent::Config;
use statsd_agent::config::{Flush, Names};
use statsd_agent::counters::Counters;
use statsd_agent::flush::Ledger;
use statsd_agent::flush::outlet::{Outlet, Protocol};
use statsd_agent::flush::statistics::{Bin, Histogram};
use statsd_agent::flush::store::StoreOut;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tsdb::{Rules, SlabStore, Store, StoreLimits, SyncPolicy, Timestamp, Window, is_gap};

const NOW: i64 = 1_700_000_000;

struct Bench {
    ledger: Ledger,
    outlet: Outlet,
    store: Arc<SlabStore>,
    counters: Counters,
    flushes: i64,
    _folder: TempDir,
}

impl Bench {
    fn new(config: &Config, protocol: Option<Protocol>) -> Bench {
        let folder = tempfile::tempdir().expect("a folder");
        let rules = "[timers]\npattern = timers\\.\nsketch = ddsketch\n[sets]\npattern = sets\\.\nsketch = hll\n";
        let rules = Rules::parse(None, Some((Path::new("aggregation"), rules))).expect("rules");
        let store = SlabStore::open(folder.path(), rules, StoreLimits::default(), SyncPolicy::None).expect("opened");
        let store = Arc::new(store);
        let outlet = Outlet::new(protocol, Some(StoreOut::new(Arc::clone(&store) as Arc<dyn Store>)));
        let (ledger, counters) = (Ledger::new(config), Counters::default());
        Bench { ledger, outlet, store, counters, flushes: 0, _folder: folder }
    }

    /// An interval of lines; answers what carbon is sent.
    fn flush(&mut self, lines: &str) -> String {
        let mut shard = self.ledger.shard();
        shard.receive(lines.as_bytes(), 1);
        self.ledger.absorb(&mut [shard.take(self.ledger.table())]);
        self.flushes += 1;
        let body = self.ledger.flush(NOW + 10 * self.flushes, &mut self.outlet, &self.counters, || 0);
        String::from_utf8(body.unwrap_or_default()).expect("text")
    }

    /// The last values of a name, one a flush.
    fn values(&self, name: &str) -> Option<Vec<f64>> {
        let now = NOW + 10 * self.flushes;
        let window = Window { from: Timestamp(NOW), until: Timestamp(now) };
        Some(self.store.fetch(name, window, Timestamp(now)).expect("fetched")?.values)
    }
}

fn of(lines: &str, name: &str) -> Option<f64> {
    let line = lines.lines().find(|line| line.split(' ').next() == Some(name))?;
    line.split(' ').nth(1)?.parse().ok()
}

#[test]
fn the_store_answers_as_carbon_is_told() {
    let mut bench = Bench::new(&Config::default(), Some(Protocol::Text));
    let samples: Vec<String> = (1..=400).map(|i| format!("web.time:{}.5|ms|@0.5", i * 37 % 401)).collect();
    let lines = bench.flush(&format!("{}\nweb.users:ann|s\nweb.users:bob|s\nweb.users:ann|s", samples.join("\n")));
    for leaf in ["count", "count_ps", "sum", "sum_squares", "mean", "upper", "lower", "count_90"] {
        let name = format!("stats.timers.web.time.{leaf}");
        let (told, stored) = (of(&lines, &name).expect("told"), bench.values(&name).expect("there")[0]);
        assert!((told - stored).abs() <= 1e-9 * told, "{leaf}: {stored}, carbon {told}");
    }
    for (leaf, error) in [("median", 0.01), ("upper_90", 0.01), ("mean_90", 0.01), ("sum_squares_90", 0.0201)] {
        let name = format!("stats.timers.web.time.{leaf}");
        let (told, stored) = (of(&lines, &name).expect("told"), bench.values(&name).expect("there")[0]);
        assert!((told - stored).abs() <= error * told, "{leaf}: {stored}, carbon {told}");
    }
    assert_eq!(of(&lines, "stats.timers.web.time.count"), Some(800.0));
    assert_eq!(of(&lines, "stats.sets.web.users.count"), Some(2.0));
    assert_eq!(bench.values("stats.sets.web.users.count"), Some(vec![2.0]));
    assert_eq!(bench.store.find("stats.timers.web.time").expect("found").len(), 1, "a branch and no more");
    assert_eq!(bench.store.counters().dropped(), 0);
}

#[test]
fn idle_series_count_zero_and_come_back() {
    let mut bench = Bench::new(&Config::default(), None);
    bench.flush("a.time:5|ms\nb.users:ann|s");
    bench.flush("");
    bench.flush("a.time:7|ms\na.time:9|ms\nb.users:bob|s\nb.users:cid|s");
    assert_eq!(bench.values("stats.timers.a.time.count"), Some(vec![1.0, 0.0, 2.0]));
    let upper = bench.values("stats.timers.a.time.upper").expect("there");
    assert!(is_gap(upper[1]) && (upper[0], upper[2]) == (5.0, 9.0), "{upper:?}");
    assert_eq!(bench.values("stats.sets.b.users.count"), Some(vec![1.0, 0.0, 2.0]));
}

#[test]
fn bins_and_other_kinds_stay_values() {
    let mut config = Config::default();
    let bins = ["10", "inf"].map(|text| Bin::parse(text).expect("a bin"));
    config.flush.timers.histograms = vec![Histogram { part_of_name: String::new(), bins: bins.into() }];
    let mut bench = Bench::new(&config, None);
    let lines = bench.flush("a.time:30|ms\na.time:5|ms\na.time:50|ms\na.hits:3|c\na.load:7|g");
    assert_eq!(lines, "");
    assert_eq!(bench.values("stats.timers.a.time.histogram.bin_10"), Some(vec![1.0]));
    assert_eq!(bench.values("stats.timers.a.time.histogram.bin_inf"), Some(vec![2.0]));
    assert_eq!(bench.values("stats.timers.a.time.sum"), Some(vec![85.0]));
    assert_eq!(
        (bench.values("stats_counts.a.hits"), bench.values("stats.gauges.a.load")),
        (Some(vec![3.0]), Some(vec![7.0]))
    );
}

#[test]
fn other_namespaces_and_tags_are_sketched_too() {
    let names = Names { legacy: false, global_suffix: "east".to_owned(), ..Names::default() };
    let flush = Flush { names, ..Flush::default() };
    let config = Config { flush, dialect: statsd_agent::wire::Dialect::All, ..Config::default() };
    let mut bench = Bench::new(&config, None);
    bench.flush("a.time:8|ms|#host:x\na.time:2|ms|#host:x\na.time:0|ms|#host:x");
    let value = |leaf: &str| bench.values(&format!("stats.timers.a.time.east.{leaf};host=x")).expect("there")[0];
    assert_eq!((value("lower"), value("upper"), value("sum"), value("count")), (0.0, 8.0, 10.0, 3.0));
    assert!((value("p50") - 2.0).abs() <= 0.02);
}
