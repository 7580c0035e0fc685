//! `kymo agent` in statsd's place before a real carbon-cache: what it flushes arrives in carbon's files, also what was flushed
//! while carbon was away.

use super::original::{Site, now, send_udp, wait, whisper_fetch};
use crate::ports::ports;
use std::path::Path;
use std::thread;
use std::time::Duration;

const SECONDS: &str = "[all]\npattern = .*\nretentions = 1s:1h\n";

/// The values of a file in the last minutes, as whisper-fetch.py reads them; none without a file.
fn values(file: &Path) -> Vec<f64> {
    if !file.exists() {
        return Vec::new();
    }
    let points = whisper_fetch(file, now() - 300, now() + 5).expect("whisper is here");
    points.into_iter().map(|(_, value)| value).collect()
}

fn config(line: u16, pickle: u16, protocol: &str) -> String {
    format!(
        "graphiteHost: '127.0.0.1', graphitePort: {line}, graphitePicklePort: {pickle}, graphiteProtocol: '{protocol}', \
         flushInterval: 500, deleteCounters: true, deleteTimers: true, deleteSets: true"
    )
}

fn reaches_carbon(protocol: &str) {
    let site = Site::new(SECONDS, "");
    let [line, pickle, statsd, console] = ports();
    let Some(_carbon) = site.carbon_cache(line, pickle) else { return };
    let agent = site.kymo_agent(statsd, console, &config(line, pickle, protocol));
    send_udp(
        statsd,
        "web.hits:3|c|@0.5\nweb.hits:4|c\nweb.load:-12.75|g\nweb.time:320|ms\nweb.time:100|ms\nweb.users:ann|s",
    );
    for (name, value) in [
        ("stats_counts/web/hits", 10.0),
        ("stats/gauges/web/load", -12.75),
        ("stats/timers/web/time/upper", 320.0),
        ("stats/timers/web/time/mean", 210.0),
        ("stats/sets/web/users/count", 1.0),
    ] {
        let file = site.tree().join(name).with_extension("wsp");
        let values = wait(name, || Some(values(&file)).filter(|values| !values.is_empty()));
        assert!(values.iter().all(|&found| found == value), "{protocol}: {name}: {values:?}");
    }
    agent.stop();
}

#[test]
fn the_agents_text_arrives_in_carbons_files() {
    reaches_carbon("text");
}

#[test]
fn the_agents_pickles_arrive_in_carbons_files() {
    reaches_carbon("pickle");
}

#[test]
fn what_was_flushed_while_carbon_was_away_arrives_too() {
    for protocol in ["text", "pickle"] {
        let site = Site::new(SECONDS, "");
        let [line, pickle, statsd, console] = ports();
        let Some(carbon) = site.carbon_cache(line, pickle) else { return };
        let _agent = site.kymo_agent(statsd, console, &config(line, pickle, protocol));
        let file = |name: &str| site.tree().join(format!("stats_counts/{name}.wsp"));
        let arrives = |name: &str, value: f64| {
            let values = wait(name, || Some(values(&file(name))).filter(|values| !values.is_empty()));
            assert_eq!(values, [value], "{protocol}: {name}");
        };
        send_udp(statsd, "before:1|c");
        arrives("before", 1.0);
        carbon.stop();
        // Two flushes and more, each with a count of its own.
        for (name, value) in [("first", 2), ("second", 3)] {
            send_udp(statsd, &format!("{name}:{value}|c"));
            thread::sleep(Duration::from_millis(700));
        }
        let _again = site.carbon_cache(line, pickle);
        arrives("first", 2.0);
        arrives("second", 3.0);
        send_udp(statsd, "after:4|c");
        arrives("after", 4.0);
    }
}
