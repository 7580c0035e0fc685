//! Ticks over changes of the clocks, in zones of whole and half hours.

use super::*;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn at(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_second()
}

fn written(from: &str, until: &str, name: &str, width: f32) -> (Vec<String>, Vec<String>) {
    let axis = axis((at(from), at(until)), &zone(name), None, width, |text| text.len() as f32 * 6.0);
    let below = axis.ticks.iter().filter_map(|tick| tick.below.clone()).collect();
    (axis.ticks.into_iter().map(|tick| tick.label).collect(), below)
}

#[test]
fn hours_stay_round_when_the_clocks_go_forward() {
    // Berlin, 29 March 2026: 02:00 does not exist, the day has 23 hours.
    let (labels, below) = written("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", "Europe/Berlin", 800.0);
    assert_eq!(
        labels,
        ["00:00", "04:00", "06:00", "08:00", "10:00", "12:00", "14:00", "16:00", "18:00", "20:00", "22:00", "00:00"]
    );
    assert_eq!(below, ["Sun 29 Mar 2026", "Mon 30 Mar"]);
}

#[test]
fn an_hour_that_happens_twice_is_shown_twice_where_there_is_room() {
    // New York, 1 November 2026: 01:00 EDT, then 01:00 EST.
    let from = "2026-11-01T03:00:00Z";
    let (labels, _) = written(from, "2026-11-01T09:00:00Z", "America/New_York", 600.0);
    assert_eq!(labels, ["23:00", "00:00", "01:00", "01:00", "02:00", "03:00", "04:00"]);
    let (labels, below) = written(from, "2026-11-02T09:00:00Z", "America/New_York", 420.0);
    assert!(labels.iter().all(|label| ["00:00", "06:00", "12:00", "18:00"].contains(&label.as_str())), "{labels:?}");
    assert_eq!(below, ["Sun 1 Nov 2026", "Mon 2 Nov"]);
}

#[test]
fn half_hour_offsets_are_round_in_their_own_time() {
    let (labels, below) = written("2026-03-05T18:00:00Z", "2026-03-06T00:00:00Z", "Asia/Kolkata", 500.0);
    assert_eq!(labels, ["00:00", "01:00", "02:00", "03:00", "04:00", "05:00"]);
    assert_eq!(below, ["Fri 6 Mar 2026"]);
}

#[test]
fn days_begin_where_the_zone_begins_them() {
    let (labels, below) = written("2026-03-26T23:00:00Z", "2026-04-01T22:00:00Z", "Europe/Berlin", 640.0);
    assert_eq!(
        labels,
        ["Fri 27 Mar", "Sat 28 Mar", "Sun 29 Mar", "Mon 30 Mar", "Tue 31 Mar", "Wed 1 Apr", "Thu 2 Apr"]
    );
    assert_eq!(below, ["2026"]);
    let week = (at("2026-03-26T23:00:00Z"), at("2026-04-01T22:00:00Z"));
    let axis = axis(week, &zone("Europe/Berlin"), None, 640.0, |_| 40.0);
    let steps: Vec<i64> = axis.ticks.windows(2).map(|pair| (pair[1].at - pair[0].at) / 3600).collect();
    assert_eq!(steps, [24, 24, 23, 24, 24, 24]);
}

#[test]
fn from_a_second_to_ten_thousand_years_there_is_an_axis() {
    for name in ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Africa/Cairo", "Pacific/Apia"] {
        let zone = zone(name);
        for exponent in 0..19 {
            let span = 10_i64.pow(exponent);
            for from in [i64::MIN, -4_000_000_000, 0, 1_772_000_000, i64::MAX - 5] {
                let axis = axis((from, from.saturating_add(span)), &zone, None, 4096.0, |text| text.len() as f32 * 6.0);
                assert!(axis.ticks.len() < 100 && axis.changes.len() < 100, "{name} {from} {span}");
                assert!(axis.ticks.windows(2).all(|pair| pair[0].at < pair[1].at));
            }
        }
    }
}

#[test]
fn labels_have_the_format_that_was_asked_for() {
    let window = (at("2026-03-05T18:00:00Z"), at("2026-03-06T00:00:00Z"));
    let axis = |format| axis(window, &zone("Asia/Kolkata"), Some(format), 700.0, |text| text.len() as f32 * 6.0);
    let labels = |format| axis(format).ticks.into_iter().map(|tick| tick.label).collect::<Vec<_>>();
    assert_eq!(labels("%a %H h")[..3], ["Fri 00 h", "Fri 01 h", "Fri 02 h"]);
    // Longer labels stand further apart.
    let long = labels("%A, %d %B %Y, %H:%M:%S");
    assert_eq!(long[..2], ["Friday, 06 March 2026, 00:00:00", "Friday, 06 March 2026, 02:00:00"]);
    assert!(axis("%H").ticks.iter().all(|tick| tick.below.is_none()));
    assert!(is_format("%d/%m %I:%M%p") && !is_format("%Q%"));
}

#[test]
fn the_corner_names_the_zone() {
    let name = |zone_name_: &str, from, until| zone_name(at(from), at(until), &zone(zone_name_));
    let (winter, summer) = ("2026-03-05T00:00:00Z", "2026-07-05T00:00:00Z");
    assert_eq!(name("Europe/Berlin", winter, winter), "CET (UTC+01:00)");
    assert_eq!(name("Europe/Berlin", winter, summer), "CET→CEST (UTC+01:00→+02:00)");
    assert_eq!(name("America/Sao_Paulo", winter, summer), "America/Sao_Paulo (UTC−03:00)");
    assert_eq!(name("UTC", winter, summer), "UTC");
    assert_eq!(name("Asia/Kolkata", winter, summer), "IST (UTC+05:30)");
}
