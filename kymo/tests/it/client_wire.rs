//! The recorded datagrams of real clients, each against the call that its client made, in every dialect.
//!
//! `clients/meant.txt` says what was meant. Datagrams that it does not know (another folder named by `KYMO_CONFORMANCE`)
//! must be understood whole: no bad line, nothing lost, and the same series again.

use conformance::captures::{Capture, captures};
use conformance::{Score, cases};
use statsd_agent::Config;
use statsd_agent::counters::{Counters, Heard, Reject};
use statsd_agent::flush::Ledger;
use statsd_agent::flush::outlet::{Outlet, Protocol};
use statsd_agent::wire::carbon::{self, CarbonError};
use statsd_agent::wire::notice::Alert;
use statsd_agent::wire::{Dialect, Kind};
use std::collections::BTreeMap;

const MEANT: &str = include_str!("clients/meant.txt");

/// What a datagram is there for.
#[derive(Default)]
struct Meant {
    all: Vec<&'static str>,
    statsd: Vec<&'static str>,
}

fn meant() -> BTreeMap<String, Meant> {
    let mut table: BTreeMap<String, Meant> = BTreeMap::new();
    let mut open = String::new();
    for line in MEANT.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        match line.strip_prefix("  ") {
            None => open = serde_json::from_str(line).expect("a JSON text"),
            Some(series) => {
                let meant = table.entry(open.clone()).or_default();
                match series.strip_prefix("statsd: ") {
                    Some(series) => meant.statsd.push(series),
                    None => meant.all.push(series),
                }
            }
        }
    }
    table
}

/// What one datagram, sent alone, becomes: the flushed points by name, and what was heard.
struct Outcome {
    points: BTreeMap<String, (f64, i64)>,
    heard: Heard,
}

const FLUSHED_AT: i64 = 1_700_000_000;

fn receive(datagram: &str, dialect: Dialect) -> Outcome {
    let mut ledger = Ledger::new(&Config { dialect, ..Config::default() });
    let mut shard = ledger.shard();
    shard.receive(datagram.as_bytes(), 1);
    let heard = *shard.heard();
    ledger.absorb(&mut [shard.take(ledger.table())]);
    let mut outlet = Outlet::new(Some(Protocol::Text), None);
    let text = ledger.flush(FLUSHED_AT, &mut outlet, &Counters::default(), || 0).expect("a text outlet");
    let mut points = BTreeMap::new();
    for line in String::from_utf8(text).expect("UTF-8").lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [name, value, at] = fields[..] else { panic!("{line:?}") };
        points.insert(name.to_owned(), (value.parse().expect("a number"), at.parse().expect("a second")));
    }
    let own = ["stats.statsd.", "stats_counts.statsd.", "statsd."];
    points.retain(|name, _| !own.iter().any(|own| name.starts_with(own)));
    Outcome { points, heard }
}

/// The flushed name of a series' statistic; tags stay last.
fn flushed(before: &str, series: &str, after: &str) -> String {
    let (base, tags) = series.split_at(series.find(';').unwrap_or(series.len()));
    format!("{before}.{base}{after}{tags}")
}

/// Takes what the table says out of the outcome; what is left over at the end was not meant.
fn compare(expect: &[&str], mut outcome: Outcome) -> Result<(), String> {
    let heard = outcome.heard;
    if heard.samples != heard.applied + heard.rejected.iter().sum::<u64>() {
        return Err(format!("lost: {heard:?}"));
    }
    if expect == ["misread"] {
        return if heard.bad_lines() > 0 { Ok(()) } else { Err("read without a bad part".into()) };
    }
    let mut bad = 0;
    for line in expect {
        let words: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| words[at].parse::<f64>().unwrap_or_else(|_| panic!("{line}"));
        let date = words.last().and_then(|word| word.strip_prefix('@')?.parse().ok()).unwrap_or(FLUSHED_AT);
        let mut point = |name: String, value: f64| match outcome.points.remove(&name) {
            Some(found) if found == (value, date) => Ok(()),
            found => Err(format!("{name}: {found:?} is not {value} at {date}")),
        };
        match words[0] {
            "counter" => {
                // The interval is 10 s.
                point(flushed("stats", words[1], ""), number(2) / 10.0)?;
                point(flushed("stats_counts", words[1], ""), number(2))?;
            }
            "gauge" => point(flushed("stats.gauges", words[1], ""), number(2))?,
            "set" => point(flushed("stats.sets", words[1], ".count"), number(2))?,
            "timer" => {
                for pair in words[2..].chunks(2) {
                    let value = pair[1].parse().expect("a number");
                    point(flushed("stats.timers", words[1], &format!(".{}", pair[0])), value)?;
                }
                // The other statistics follow from these; that they are right is tested elsewhere.
                let (base, tags) = words[1].split_at(words[1].find(';').unwrap_or(words[1].len()));
                let others = format!("stats.timers.{base}.");
                outcome.points.retain(|name, _| !(name.starts_with(&others) && name.ends_with(tags)));
            }
            "event" => {
                let alert = Alert::ALL.into_iter().find(|alert| alert.name() == words[1]).expect("an alert");
                if heard.events[alert as usize] as f64 != number(2) {
                    return Err(format!("{line}: {:?}", heard.events));
                }
            }
            "bad" => {
                let reason = Reject::ALL.into_iter().find(|reason| reason.name() == words[1]).expect("a reason");
                bad += heard.rejected[reason as usize];
            }
            kind => panic!("{kind}: {:?} are the kinds", Kind::ALL),
        }
    }
    if !outcome.points.is_empty() {
        return Err(format!("not meant: {:?}", outcome.points));
    }
    if bad == heard.rejected.iter().sum::<u64>() { Ok(()) } else { Err(format!("rejected: {heard:?}")) }
}

/// A datagram of a client that the table does not know: understood whole, and the same when sent again.
fn compare_unknown(datagram: &str) -> Result<(), String> {
    let (once, twice) = (receive(datagram, Dialect::All), receive(datagram, Dialect::All));
    let heard = once.heard;
    let conserved = heard.samples == heard.applied + heard.rejected.iter().sum::<u64>();
    let said = !once.points.is_empty() || heard.events.iter().any(|&events| events > 0);
    let same = once.points == twice.points;
    if conserved && same && said && heard.bad_lines() == 0 { Ok(()) } else { Err(format!("{heard:?}")) }
}

fn check(client: &str, datagram: &str, table: &BTreeMap<String, Meant>, score: &mut Score) {
    let Some(meant) = table.get(datagram) else {
        let ours = || Err("not in clients/meant.txt".to_owned());
        let outcome = if conformance::is_chosen() { compare_unknown(datagram) } else { ours() };
        return score.note(client, outcome.map_err(|why| format!("{datagram:?}: {why}")));
    };
    for dialect in [Dialect::All, Dialect::Statsd] {
        let others = dialect == Dialect::Statsd && !meant.statsd.is_empty();
        let expect = if others { &meant.statsd } else { &meant.all };
        let outcome = compare(expect, receive(datagram, dialect));
        score.note(client, outcome.map_err(|why| format!("{dialect:?} {datagram:?}: {why}")));
    }
}

#[test]
fn datagrams_of_real_clients_mean_what_was_called() {
    let Some(clients) = cases("client_wire.jsonl") else { return };
    let table = meant();
    let mut score = Score::default();
    for client in &clients {
        for datagram in client["datagrams"].as_array().into_iter().flatten() {
            let client = client["client"].as_str().expect("a name");
            check(client, datagram.as_str().expect("a text"), &table, &mut score);
        }
    }
    score.finish("client_wire");
}

#[test]
fn captured_datagrams_mean_what_was_called() {
    let Some(captures) = captures() else { return };
    let table = meant();
    let mut score = Score::default();
    for capture in captures.iter().filter(|capture| !capture.is_carbon()) {
        check(&capture.client, &capture.text, &table, &mut score);
    }
    score.finish("captures");
}

/// The same names, values and seconds as a plain split finds, `nan` told apart, CRLF no part of anything.
#[test]
fn captured_carbon_lines_are_points() {
    let Some(captures) = captures() else { return };
    let mut score = Score::default();
    let mut nans = 0;
    if conformance::is_chosen() && !captures.iter().any(Capture::is_carbon) {
        println!("SKIPPED carbon captures: the chosen folder has none");
        return;
    }
    for capture in captures.iter().filter(|capture| capture.is_carbon()) {
        for line in capture.text.split_terminator('\n') {
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            let outcome = match (&fields[..], carbon::parse(line.as_bytes())) {
                ([_, "nan", _], Err(CarbonError::Nan)) => {
                    nans += 1;
                    Ok(())
                }
                ([name, value, at], Ok(point)) => {
                    let right =
                        (point.name, point.value, point.at) == (*name, value.parse().expect(""), at.parse().ok());
                    if right { Ok(()) } else { Err(format!("{line:?}: {point:?}")) }
                }
                (_, got) => Err(format!("{line:?}: {got:?}")),
            };
            score.note(&capture.client, outcome);
        }
    }
    score.finish("carbon captures");
    assert!(nans > 0 || conformance::is_chosen(), "collectd sent some");
}
