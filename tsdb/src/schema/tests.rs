//! The rules: defaults for the names that StatsD emits, and carbon's files.

use super::*;
use crate::retention::RetentionError;

fn rules(schemas: &str, aggregation: &str) -> Result<Rules, Error> {
    let text = |text: &'static str| Path::new(text);
    let schemas = (!schemas.is_empty()).then_some((text("schemas.conf"), schemas));
    let aggregation = (!aggregation.is_empty()).then_some((text("aggregation.conf"), aggregation));
    Rules::parse(schemas, aggregation)
}

#[track_caller]
fn check(rules: &Rules, name: &str, retention: &str, rollup: Rollup, factor: f64) {
    let retention = Retention::parse(retention).unwrap();
    let expected = Settings { retention: &retention, rollup, x_files_factor: factor, sketch: None };
    assert_eq!(rules.settings(name), expected, "{name}");
}

#[test]
fn defaults_fit_the_names_of_statsd() {
    let rules = Rules::default();
    let check = |names: &[&str], rollup, factor| {
        for name in names {
            check(&rules, name, "10s:6h,1m:7d,10m:1y", rollup, factor);
        }
    };
    check(&["stats_counts.web.hits", "stats_counts.web.upper", "stats.counters.web.hits.count"], Rollup::Sum, 0.0);
    check(&["stats.timers.t.count", "stats.timers.t.count_90", "stats.timers.t.count_top10"], Rollup::Sum, 0.0);
    check(&["stats.timers.t.sum", "stats.timers.t.sum_99_9", "stats.timers.t.sum_squares_90"], Rollup::Sum, 0.0);
    check(&["stats.timers.t.sum_squares", "stats.timers.t.histogram.bin_inf"], Rollup::Sum, 0.0);
    check(&["stats.timers.t.lower", "stats.timers.t.lower_top10", "x.min"], Rollup::Min, 0.0);
    check(&["stats.timers.t.upper", "stats.timers.t.upper_99_9", "x.max"], Rollup::Max, 0.0);
    check(&["stats.sets.users.count"], Rollup::Max, 0.0);
    check(&["stats.gauges.temperature", "stats.gauges.queue.count", "gauges.x.upper"], Rollup::Last, 0.0);
    let averages = [
        "stats.web.hits",
        "stats.counters.web.hits.rate",
        "stats.counters.gauges.hits.rate",
        "stats.timers.t.count_ps",
        "stats.timers.t.mean",
        "stats.timers.t.mean_90",
        "stats.timers.t.median",
        "stats.timers.t.std",
        "statsd.numStats",
        "stats.statsd.processing_time",
        "servers.web01.cpu.user",
        "count",
        "a.lower_bound",
    ];
    check(&averages, Rollup::Average, 0.3);
}

#[test]
fn first_match_wins_and_carbons_defaults_are_appended() {
    let schemas = "[carbon]\npattern = ^carbon\\.\nretentions = 60:90d\n\n[Fast]\nPATTERN: \\.ecg\\.(?!slow)\n\
        retentions = 1s:1h, 10s:6h\n[never]\npattern = ^carbon\nretentions = 1h:1y\n";
    let aggregation = "[min]\npattern = \\.min$\nxFilesFactor = 0.1\naggregationMethod = min\n[half]\npattern = ^h\n";
    let rules = rules(schemas, aggregation).unwrap();
    check(&rules, "carbon.agents.a", "60:90d", Rollup::Average, 0.5);
    check(&rules, "d1.ecg.rate", "1s:1h,10s:6h", Rollup::Average, 0.5);
    check(&rules, "d1.ecg.slow.min", "60s:7d", Rollup::Min, 0.1);
    check(&rules, "stats_counts.x", "60s:7d", Rollup::Average, 0.5);
    assert_eq!(rules.warnings(), [""; 0]);
}

#[test]
fn one_file_leaves_the_others_defaults() {
    let rules = rules("[a]\npattern=.\nretentions=1m:1d", "").unwrap();
    check(&rules, "stats_counts.x", "1m:1d", Rollup::Sum, 0.0);
}

#[test]
fn leaves_out_what_carbon_leaves_out() {
    let schemas = "[a]\npattern = .\n[b]\nretentions = 1m:1d\n[c]\npattern = x\nretentions = 1m:1d,7m:1h\n";
    let rules = rules(schemas, "[d]\nxFilesFactor = 0\n").unwrap();
    check(&rules, "x", "60s:7d", Rollup::Average, 0.5);
    let warnings = rules.warnings();
    assert_eq!(warnings.len(), 4, "{warnings:?}");
    assert_eq!(warnings[0], "schemas.conf:1: section [a] has no retentions and is left out");
    assert!(warnings[2].contains("[c] is left out: the archive of 420 s"), "{warnings:?}");
}

#[track_caller]
fn check_error(schemas: &str, aggregation: &str, expected: &str) {
    assert_eq!(rules(schemas, aggregation).map(|_| ()).unwrap_err().to_string(), expected);
}

#[test]
fn names_section_and_line_of_an_error() {
    let unit = RetentionError::Unit("q".into());
    check_error(
        "[a]\npattern = x\nretentions = 1m:1d,2q:1d",
        "",
        &format!("schemas.conf:3: section [a], retentions: {unit}"),
    );
    check_error("", "[a]\nxFilesFactor = 1.5", &in_aggregation(2, "xFilesFactor: it is not a number between 0 and 1"));
    let methods = "average, sum, last, max, min, avg_zero, absmax or absmin";
    check_error(
        "",
        "[a]\n# first\naggregationMethod = median",
        &in_aggregation(3, &format!("aggregationMethod: unknown aggregation method: use {methods}")),
    );
    let unbalanced = rules("[a]\npattern = (\nretentions = 1m:1d", "").unwrap_err().to_string();
    assert!(unbalanced.starts_with("schemas.conf:2: section [a], pattern: "), "{unbalanced}");
}

#[test]
fn a_section_may_ask_for_a_sketch() {
    let aggregation = "[t]\npattern = ^stats\\.timers\\.\nSketch = ddsketch:0.02\n[s]\npattern = sets\nsketch = hll\n\
        [sum]\npattern = .\naggregationMethod = sum\n";
    let rules = rules("", aggregation).unwrap();
    let sketch = |name| rules.settings(name).sketch.map(|kind| kind.to_string());
    assert_eq!(sketch("stats.timers.web").as_deref(), Some("ddsketch:0.02"));
    assert_eq!(sketch("stats.sets.users").as_deref(), Some("hll:12"));
    assert_eq!(sketch("stats.web"), None);
    check_error(
        "",
        "[a]\npattern = .\nsketch = ddsketch:1",
        &in_aggregation(3, &format!("sketch: {}", UnknownSketch::Accuracy)),
    );
    check_error("", "[a]\nsketch = tdigest", &in_aggregation(2, &format!("sketch: {}", UnknownSketch::Kind)));
}

fn in_aggregation(line: usize, rest: &str) -> String {
    format!("aggregation.conf:{line}: section [a], {rest}")
}

#[test]
fn built_in_rules_follow_the_flush_interval() {
    let archives = |secs| {
        let rules = Rules::default().at_step(Step::new(secs).unwrap());
        let archives = rules.settings("a").retention.archives().to_vec();
        archives.iter().map(|archive| (archive.step.secs(), archive.points)).collect::<Vec<_>>()
    };
    assert_eq!(archives(10), [(10, 2160), (60, 10_080), (600, 52_560)]);
    assert_eq!(archives(1), [(1, 3600), (10, 2160), (60, 10_080), (600, 52_560)]);
    assert_eq!(archives(4), [(4, 5400), (60, 10_080), (600, 52_560)]);
    assert_eq!(archives(60), [(60, 360), (600, 52_560)]);
    assert_eq!(archives(7)[0].0, 7, "no coarser archive of ours is a multiple");
    for secs in (1..=3600).step_by(119) {
        assert_eq!(archives(secs)[0].0, secs, "{secs}");
    }
    let given = Rules::parse(Some((Path::new("s.conf"), "[a]\npattern = .*\nretentions = 60:5\n")), None).unwrap();
    let given = given.at_step(Step::new(1).unwrap());
    assert_eq!(given.settings("a").retention.archives()[0].step.secs(), 60, "a file is obeyed");
}
