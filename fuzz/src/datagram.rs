//! A StatsD datagram through a shard and its flush: every sample is applied or rejected for a reason, and every number that
//! leaves is finite.

use super::NOW;
use statsd_agent::Config;
use statsd_agent::config::{Limits, TimerStatistics};
use statsd_agent::counters::Counters;
use statsd_agent::flush::Ledger;
use statsd_agent::flush::outlet::{Outlet, Protocol};
use statsd_agent::flush::statistics::{Bin, Histogram, Percentile};

/// The ways in which a datagram is read; a further dialect is a further row.
fn ways() -> [Config; 1] {
    [Config::default()]
}

/// Reads the bytes in every way. A zero byte ends an interval, so that idle and returning series are met too.
pub fn run(bytes: &[u8]) {
    for mut config in ways() {
        config.limits = Limits { names: 40, timings: 60, members: 40, changes: 40, ..config.limits };
        config.flush.timers = statistics();
        intervals(&config, bytes);
    }
}

fn statistics() -> TimerStatistics {
    let bins = ["1", "10.5", "inf"].iter().filter_map(|bin| Bin::parse(bin)).collect();
    let percentiles = ["90", "-10", "99.9"].iter().filter_map(|one| Percentile::parse(one)).collect();
    TimerStatistics { percentiles, histograms: vec![Histogram { part_of_name: "h".into(), bins }], only: Vec::new() }
}

fn intervals(config: &Config, bytes: &[u8]) {
    let mut ledger = Ledger::new(config);
    let mut shard = ledger.shard();
    let mut outlet = Outlet::new(Some(Protocol::Text), None);
    let counters = Counters::default();
    for (at, datagram) in bytes.split(|&byte| byte == 0).take(8).enumerate() {
        shard.receive(datagram, at as u64);
        let heard = *shard.heard();
        let rejected: u64 = heard.rejected.iter().sum();
        assert_eq!(heard.samples, heard.applied + rejected, "samples are applied or rejected");
        assert!(heard.samples >= heard.lines, "a line has a sample");
        let mut tables = [shard.take(ledger.table())];
        ledger.absorb(&mut tables);
        let flushed = ledger.flush(NOW.0 + 10 * at as i64, &mut outlet, &counters, || 0).expect("a text outlet");
        let text = String::from_utf8(flushed).expect("UTF-8");
        for line in text.lines() {
            let mut fields = line.split(' ');
            let (Some(_), Some(value), Some(_), None) = (fields.next(), fields.next(), fields.next(), fields.next())
            else {
                panic!("{line:?} has not three fields");
            };
            assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{line:?} is not finite");
        }
        let [table] = tables;
        drop(shard.take(table));
    }
}
