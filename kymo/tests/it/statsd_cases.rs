//! statsd's recorded flushes, replayed without sockets or clocks: packets into a shard, the flush arithmetic into text, names
//! and numbers compared bit for bit. `must` is equal, `defect` survives with finite numbers, `quirk` is counted and printed.

use conformance::{Score, cases};
use kymo::config::statsd_file;
use serde_json::{Map, Value};
use statsd_agent::admin;
use statsd_agent::aggregate::Shard;
use statsd_agent::counters::Counters;
use statsd_agent::flush::Ledger;
use statsd_agent::flush::outlet::{Outlet, Protocol};
use statsd_agent::wire::Kind;
use std::collections::BTreeMap;

/// Cases that need what this replay leaves out, with the reason; the socket tests and the outside judge run them.
const SKIPPED: &[(&str, &str)] = &[
    ("tcp_split_across_writes", "the stream server joins what writes split; here packets are datagrams"),
    ("ns_pickle_new", "compared as text here; the pickle frames have a test beside the outlet"),
];

/// A flushed line: one number, or several where a name was printed twice.
type Flushed = BTreeMap<String, Vec<f64>>;

struct Replay {
    shard: Shard,
    ledger: Ledger,
    outlet: Outlet,
    counters: Counters,
    at_secs: i64,
    interval_secs: f64,
    packets: u64,
}

impl Replay {
    fn new(case: &Value) -> Result<Replay, String> {
        let mut config = case["config"].as_object().cloned().unwrap_or_default();
        config.insert("flushInterval".into(), (number(&case["flush_s"]) * 1000.0).into());
        let file = statsd_file::parse(&Value::Object(config).to_string()).map_err(|error| format!("{error:#}"))?;
        let ledger = Ledger::new(&file.config);
        let shard = ledger.shard();
        let outlet = Outlet::new(Some(Protocol::Text), None);
        let interval_secs = number(&case["flush_s"]);
        Ok(Replay {
            shard,
            ledger,
            outlet,
            counters: Counters::default(),
            at_secs: 1_700_000_000,
            interval_secs,
            packets: 0,
        })
    }

    fn send(&mut self, packet: &[u8]) {
        self.packets += 1;
        self.shard.receive(packet, self.packets);
    }

    fn collect(&mut self) {
        let spare = self.ledger.table();
        let full = self.shard.take(spare);
        self.ledger.absorb(&mut [full]);
    }

    fn console(&mut self, command: &str) -> Option<String> {
        self.collect();
        let mut words = command.split(' ');
        let first = words.next().unwrap_or_default();
        let names: Vec<String> = words.map(str::to_owned).collect();
        let kind = match first.strip_prefix("del").unwrap_or(first) {
            "counters" => Kind::Counter,
            "timers" => Kind::Timer,
            "gauges" => Kind::Gauge,
            // The rest of the console needs no tallies; the outside judge asks it.
            _ => return None,
        };
        Some(match first.starts_with("del") {
            true => admin::delete(&mut self.ledger, kind, &names),
            false => admin::show(&self.ledger, kind),
        })
    }

    fn flush(&mut self) -> Flushed {
        self.collect();
        self.at_secs += self.interval_secs.ceil() as i64;
        let text = self.ledger.flush(self.at_secs, &mut self.outlet, &self.counters, || 1).expect("a text outlet");
        let mut flushed = Flushed::new();
        for line in String::from_utf8(text).expect("ASCII").lines() {
            let fields: Vec<&str> = line.rsplitn(3, ' ').collect();
            let value = fields[1].parse().expect("a number");
            flushed.entry(fields[2].to_owned()).or_default().push(value);
        }
        flushed
    }
}

fn number(value: &Value) -> f64 {
    match value {
        Value::String(text) => match text.as_str() {
            "Infinity" => f64::INFINITY,
            "-Infinity" => f64::NEG_INFINITY,
            _ => f64::NAN,
        },
        value => value.as_f64().expect("a number"),
    }
}

fn bytes(packet: &Value) -> Vec<u8> {
    match packet.get("b64").and_then(Value::as_str) {
        Some(text) => base64(text),
        None => packet.as_str().expect("a text").as_bytes().to_vec(),
    }
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut out, mut bits, mut held) = (Vec::new(), 0u32, 0);
    for byte in text.bytes().filter(|&byte| byte != b'=') {
        let digit = DIGITS.iter().position(|&d| d == byte).expect("base64") as u32;
        bits = bits << 6 | digit;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    out
}

fn compare(expect: &Map<String, Value>, volatile: &Value, got: &Flushed) -> Result<(), String> {
    let volatile: Vec<&str> = volatile.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut wrong = Vec::new();
    for (name, value) in expect {
        let value: Vec<f64> =
            value.as_array().map_or_else(|| vec![number(value)], |list| list.iter().map(number).collect());
        match got.get(name) {
            None => wrong.push(format!("missing {name}")),
            Some(got) if *got != value => wrong.push(format!("{name}: expected {value:?}, got {got:?}")),
            Some(_) => {}
        }
    }
    wrong.extend(volatile.iter().filter(|name| !got.contains_key(**name)).map(|name| format!("missing {name}")));
    let known = |name: &String| expect.contains_key(name) || volatile.contains(&name.as_str());
    wrong.extend(got.keys().filter(|name| !known(name)).map(|name| format!("extra {name}")));
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

fn run(case: &Value) -> Result<(), String> {
    let mut replay = Replay::new(case)?;
    let defect = case["class"] == "defect";
    let first = std::iter::once(case);
    for step in first.chain(case["then"].as_array().into_iter().flatten()) {
        for packet in step["packets"].as_array().into_iter().flatten() {
            replay.send(&bytes(packet));
        }
        for asked in step["mgmt"].as_array().into_iter().flatten() {
            let reply = replay.console(asked["cmd"].as_str().expect("a command"));
            if let Some(reply) = reply.filter(|reply| asked["reply"] != reply.as_str()) {
                return Err(format!("{}: got {reply:?}", asked["cmd"]));
            }
        }
        let got = replay.flush();
        if let Some((name, values)) = got.iter().find(|(_, values)| values.iter().any(|value| !value.is_finite())) {
            return Err(format!("{name} = {values:?}"));
        }
        if !defect {
            compare(step["expect"].as_object().expect("names"), &step["volatile"], &got)?;
        }
    }
    replay.send(b"replay.alive:1|c");
    let alive = replay.flush().iter().any(|(name, values)| name.contains("replay.alive") && *values == [1.0]);
    if alive { Ok(()) } else { Err("no longer counts an ordinary packet".into()) }
}

#[test]
fn recorded_flushes_are_reproduced() {
    let Some(cases) = cases("statsd.jsonl") else { return };
    let (mut counted, mut quirks, mut differing) = (Score::default(), 0, Vec::new());
    for case in &cases {
        let name = case["name"].as_str().expect("a name");
        if let Some((_, reason)) = SKIPPED.iter().find(|(skipped, _)| *skipped == name) {
            println!("skipped {name}: {reason}");
            continue;
        }
        let outcome = run(case);
        if case["class"] == "quirk" {
            quirks += 1;
            differing.extend(outcome.err().map(|why| format!("{name}: {why}")));
        } else {
            counted.note(name, outcome);
        }
    }
    println!("statsd quirks {}/{quirks}\n{}", quirks - differing.len(), differing.join("\n"));
    counted.finish("statsd must and defect");
}
