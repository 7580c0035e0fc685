//! Sketches with the real program: datagrams in, quantiles out, right over any window, also after a restart and a kill.

use crate::running::Running;
use std::fs;
use std::path::Path;
use tempfile::{TempDir, tempdir};

const RULES: &str = "[timers]\npattern = ^stats\\.timers\\.\nsketch = ddsketch:0.01\n\n[sets]\npattern = ^stats\\.sets\\.\nsketch = hll:12\n";

/// A program whose timers and sets are kept as sketches.
fn start(data: &Path, rules: &TempDir) -> Running {
    let path = rules.path().join("storage-aggregation.conf");
    fs::write(&path, RULES).expect("written");
    Running::start(data, &["--storage-aggregation", path.to_str().expect("text")])
}

#[track_caller]
fn near(got: f64, exact: f64, error: f64) {
    assert!((got - exact).abs() <= error * exact.abs() + 1e-9, "{got}, exactly {exact}");
}

#[test]
fn a_timer_is_kept_as_a_sketch_and_asked_for_any_quantile() {
    let (data, rules) = (tempdir().unwrap(), tempdir().unwrap());
    let kymo = start(data.path(), &rules);
    let values: Vec<f64> = (1..=1000).map(|i| f64::from(i * i % 997 + 1)).collect();
    let mut sorted = values.clone();
    sorted.sort_by(f64::total_cmp);
    // One datagram, so that all fall into one interval.
    let text: Vec<String> = values.iter().map(|value| format!("web.time:{value}|ms")).collect();
    kymo.send(&[&text.join("\n")]);
    let p99 = kymo.wait("stats.timers.web.time.p99", |values| !values.is_empty());
    near(p99[0], sorted[989], 0.01);
    let first = |leaf: &str| kymo.values(&format!("stats.timers.web.time.{leaf}"))[0];
    near(first("p50"), sorted[499], 0.01);
    near(first("p975"), sorted[974], 0.01);
    near(first("upper_90"), sorted[899], 0.01);
    assert_eq!((first("count"), first("min"), first("upper")), (1000.0, sorted[0], sorted[999]));
    near(first("mean"), values.iter().sum::<f64>() / 1000.0, 1e-12);
    let (_, _, body) = kymo.get("/metrics/find?query=stats.timers.web.time.*");
    let found = String::from_utf8_lossy(&body).into_owned();
    for leaf in ["p50", "p99", "p999", "count", "upper_90"] {
        assert!(found.contains(&format!("\"stats.timers.web.time.{leaf}\"")), "{leaf}: {found}");
    }
    assert!(!found.contains("p975"), "{found}");
    assert!(kymo.values("stats.timers.web.time").is_empty(), "the series itself is no leaf");
}

#[test]
fn a_set_counts_its_members_once() {
    let (data, rules) = (tempdir().unwrap(), tempdir().unwrap());
    let kymo = start(data.path(), &rules);
    let lines: Vec<String> = (0..600).map(|i| format!("web.users:user-{}|s", i % 300)).collect();
    kymo.send(&[&lines.join("\n")]);
    let count = kymo.wait("stats.sets.web.users.count", |values| !values.is_empty());
    assert_eq!(count[0], 300.0);
}

#[test]
fn sketches_survive_a_restart_and_a_kill() {
    for signal in ["TERM", "KILL"] {
        let (data, rules) = (tempdir().unwrap(), tempdir().unwrap());
        let kymo = start(data.path(), &rules);
        kymo.send(&["kept.time:10|ms\nkept.time:20|ms\nkept.time:30|ms|@0.5"]);
        kymo.wait("stats.timers.kept.time.count", |values| values.contains(&4.0));
        // It is seen before it is committed, and committed before the next flush begins.
        kymo.send(&["next.time:1|ms"]);
        kymo.wait("stats.timers.next.time.count", |values| values.contains(&1.0));
        assert_eq!(kymo.stop(signal), signal == "TERM");
        let again = start(data.path(), &rules);
        let counts = again.wait("stats.timers.kept.time.count", |values| !values.is_empty());
        assert!(counts.contains(&4.0), "{signal}: {counts:?}");
        let first = |leaf: &str| again.values(&format!("stats.timers.kept.time.{leaf}"))[0];
        assert_eq!((first("sum"), first("max")), (60.0, 30.0), "{signal}");
        near(first("p50"), 20.0, 0.01);
    }
}

#[test]
fn quantiles_of_groups_and_windows_are_those_of_all_samples() {
    let (data, rules) = (tempdir().unwrap(), tempdir().unwrap());
    let kymo = start(data.path(), &rules);
    // A quick host with many samples and a slow one with few: the mean of their p90 would be far off.
    let mut all: Vec<f64> = Vec::new();
    for (host, count, factor) in [("a", 900, 1.0), ("b", 100, 100.0)] {
        let values: Vec<f64> = (1..=count).map(|i| f64::from(i % 50 + 1) * factor).collect();
        for chunk in values.chunks(450) {
            let lines: Vec<String> = chunk.iter().map(|value| format!("{host}.time:{value}|ms")).collect();
            kymo.send(&[&lines.join("\n")]);
            // So that each falls into an interval of its own.
            std::thread::sleep(std::time::Duration::from_millis(1100));
        }
        all.extend(values);
    }
    all.sort_by(f64::total_cmp);
    let count = |target: &str| kymo.values(target).iter().sum::<f64>();
    kymo.wait("mergeSketches(stats.timers.*.time)", |values| values.iter().sum::<f64>() == 1000.0);
    assert_eq!(count("stats.timers.a.time.count"), 900.0);
    let one = |target: &str| {
        let answer = kymo.render(&format!("from=-5min&maxDataPoints=1&target={target}"));
        answer[0]["datapoints"][0][0].as_f64().unwrap_or_else(|| panic!("{target}: {answer}"))
    };
    for (q, leaf) in [(0.5, "p50"), (0.92, "p92"), (0.99, "p99")] {
        let exact = all[(q * 999.0) as usize];
        near(one(&format!("quantile(mergeSketches(stats.timers.*.time),{q})")), exact, 0.01);
        near(one(&format!("mergeSketches(stats.timers.*.time.{leaf})")), exact, 0.01);
        let summarized = kymo.values(&format!("summarize(mergeSketches(stats.timers.*.time.p50),'1h','quantile:{q}')"));
        if summarized.len() == 1 {
            near(summarized[0], exact, 0.01);
        }
    }
    assert_eq!(one("stats.timers.b.time.count"), 100.0);
}
