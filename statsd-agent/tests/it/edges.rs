//! Without sockets: several shards into one ledger, intervals taken at any moment, names given up and found again.

use proptest::prelude::*;
use statsd_agent::Config;
use statsd_agent::aggregate::Shard;
use statsd_agent::config::{Idle, Limits};
use statsd_agent::counters::Counters;
use statsd_agent::flush::Ledger;
use statsd_agent::flush::outlet::{Outlet, Protocol};
use std::collections::BTreeMap;

struct Rig {
    ledger: Ledger,
    shards: Vec<Shard>,
    outlet: Outlet,
    counters: Counters,
    batches: u64,
    now_secs: i64,
}

impl Rig {
    fn new(shards: usize, config: &Config) -> Rig {
        let ledger = Ledger::new(config);
        let shards = (0..shards).map(|_| ledger.shard()).collect();
        let outlet = Outlet::new(Some(Protocol::Text), None);
        Rig { ledger, shards, outlet, counters: Counters::default(), batches: 0, now_secs: 0 }
    }

    fn hear(&mut self, shard: usize, text: &str) {
        self.batches += 1;
        self.shards[shard].receive(text.as_bytes(), self.batches);
    }

    fn flush(&mut self) -> BTreeMap<String, String> {
        let Rig { ledger, shards, .. } = self;
        let mut tables: Vec<_> = shards.iter_mut().map(|shard| shard.take(ledger.table())).collect();
        ledger.absorb(&mut tables);
        // The tables go back to their shards, names and all, as the flush thread does it.
        for (shard, table) in shards.iter_mut().zip(tables) {
            drop(shard.take(table));
        }
        self.now_secs += 10;
        let text = ledger.flush(self.now_secs, &mut self.outlet, &self.counters, || 0).expect("a text outlet");
        let lines = String::from_utf8(text).expect("ASCII");
        lines
            .lines()
            .map(|line| line.split_once(' ').expect("three fields"))
            .map(|(n, v)| (n.into(), v.into()))
            .collect()
    }

    fn value(&mut self, name: &str) -> Option<f64> {
        let flushed = self.flush();
        flushed.get(name).map(|text| text.split(' ').next().expect("a value").parse().expect("a number"))
    }
}

#[test]
fn the_latest_setting_of_a_gauge_wins_across_receivers() {
    let mut rig = Rig::new(2, &Config::default());
    rig.hear(0, "g:10|g\ng:+1|g");
    rig.hear(1, "g:+100|g");
    assert_eq!(rig.value("stats.gauges.g"), Some(111.0));
    rig.hear(0, "g:+1|g");
    rig.hear(1, "g:5|g\ng:-2|g");
    rig.hear(0, "g:+1|g");
    assert_eq!(rig.value("stats.gauges.g"), Some(4.0), "what came before the setting is gone, whoever heard it");
    assert_eq!(rig.value("stats.gauges.g"), Some(4.0));
    rig.hear(0, "g:0|g\ng:-3|g");
    assert_eq!(rig.value("stats.gauges.g"), Some(-3.0));
}

#[test]
fn members_timers_and_counters_of_all_receivers_are_one() {
    let mut rig = Rig::new(3, &Config::default());
    for shard in 0..3 {
        rig.hear(shard, "s:a|s\ns:b|s\nt:1|ms\nt:5|ms\nc:2|c");
        rig.hear(shard, &format!("s:only{shard}|s"));
    }
    let flushed = rig.flush();
    assert_eq!(flushed["stats.sets.s.count"], "5 10");
    assert_eq!(flushed["stats.timers.t.count"], "6 10");
    assert_eq!(flushed["stats.timers.t.median"], "3 10");
    assert_eq!(flushed["stats_counts.c"], "6 10");
    assert_eq!(rig.flush()["stats.sets.s.count"], "0 20");
}

#[test]
fn idle_names_make_room_for_new_ones_and_live_names_stay_exact() {
    // Three of the five are statsd's own counters, and one more is its gauge.
    let limits = Limits { names: 6, evict_after_flushes: 2, ..Limits::default() };
    let mut rig = Rig::new(1, &Config { limits, ..Config::default() });
    rig.hear(0, "live:1|c\nold:1|c");
    rig.flush();
    for _ in 0..3 {
        rig.hear(0, "live:1|c");
        assert_eq!(rig.flush()["stats_counts.live"], format!("1 {}", rig.now_secs));
    }
    rig.hear(0, "live:1|c\nnew:1|c");
    let flushed = rig.flush();
    assert!(!flushed.contains_key("stats_counts.new"), "full: refused, and the idle one is given up");
    assert_eq!(rig.counters.series_evicted.get(), 1);
    rig.hear(0, "live:1|c\nnew:7|c");
    let flushed = rig.flush();
    assert!(!flushed.contains_key("stats_counts.old"));
    assert!(flushed["stats_counts.live"].starts_with("1 ") && flushed["stats_counts.new"].starts_with("7 "));
}

#[test]
fn deleted_series_come_back_where_they_were() {
    let idle = Idle { delete_counters: true, delete_gauges: true, ..Idle::default() };
    let mut config = Config::default();
    config.flush.idle = idle;
    let mut rig = Rig::new(1, &config);
    rig.hear(0, "c:1|c\ng:5|g");
    assert!(rig.flush().contains_key("stats_counts.c"));
    let flushed = rig.flush();
    assert!(!flushed.contains_key("stats_counts.c") && !flushed.contains_key("stats.gauges.g"));
    rig.hear(0, "c:4|c\ng:+1|g");
    let flushed = rig.flush();
    assert!(flushed["stats_counts.c"].starts_with("4 ") && flushed["stats.gauges.g"].starts_with("1 "));
}

proptest! {
    /// Whatever is heard by whomever, in whatever pieces: the sums of all flushes are those of the samples applied.
    #[test]
    fn nothing_is_lost_between_shards_and_flushes(
        steps in proptest::collection::vec((0usize..3, 0usize..4, 1u32..100, prop::bool::weighted(0.2)), 1..60)
    ) {
        let mut rig = Rig::new(3, &Config::default());
        let mut sums = [0u64; 4];
        let mut flushed = [0u64; 4];
        let mut take = |rig: &mut Rig| {
            let lines = rig.flush();
            for (i, sum) in flushed.iter_mut().enumerate() {
                let line = lines.get(&format!("stats_counts.n{i}")).map_or("0", |text| text.split(' ').next().expect("a value"));
                *sum += line.parse::<u64>().expect("a whole number");
            }
        };
        for (shard, name, value, edge) in steps {
            rig.hear(shard, &format!("n{name}:{value}|c"));
            sums[name] += u64::from(value);
            if edge {
                take(&mut rig);
            }
        }
        take(&mut rig);
        prop_assert_eq!(sums, flushed);
    }
}
