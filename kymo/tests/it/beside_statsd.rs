//! Beside the original statsd: the same random configurations and packets to both, and every printed number, every reply of
//! the console and every page of the console backend compared as text. The original runs without its sockets and clock
//! (`original.js`), so that hundreds of cases take seconds; ours without sockets, too. Only input on which `docs/wire.md`
//! says that we differ is left out.

use conformance::peers;
use kymo::config::statsd_file;
use serde_json::{Value, json};
use statsd_agent::admin;
use statsd_agent::aggregate::Shard;
use statsd_agent::counters::Counters;
use statsd_agent::flush::Ledger;
use statsd_agent::flush::outlet::{Outlet, Protocol};
use statsd_agent::wire::Kind;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Cases without SLOW_TESTS, and with.
const CASES: (u64, u64) = (300, 20_000);

/// Numbers from a seed, the same on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) as usize % sides
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.roll(of.len())].clone()
    }

    fn some<T: Clone>(&mut self, of: &[T], most: usize) -> Vec<T> {
        (0..self.roll(most + 1)).map(|_| self.one(of)).collect()
    }
}

struct Original {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Original {
    fn start() -> Option<Original> {
        let package = peers::package("statsd")?;
        let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/original.js");
        let mut command = Command::new("node");
        command.arg(driver).arg(package).env("TZ", "UTC").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("node runs");
        let (input, output) = (process.stdin.take().expect("piped"), process.stdout.take().expect("piped"));
        Some(Original { process, input, output: BufReader::new(output) })
    }

    fn run(&mut self, case: &Value) -> Value {
        writeln!(self.input, "{case}").expect("node reads");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("node answers");
        serde_json::from_str(&line).expect("JSON")
    }
}

impl Drop for Original {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const NAMES: [&str; 14] = [
    "a",
    "web.hits",
    "web.time",
    "web.time.db",
    "api-v2/login",
    "my key",
    "x_y",
    "12",
    "7",
    "render.page",
    "r;host=a",
    "UPPER.Case",
    "caf\u{e9}.x",
    "a(b)c",
];
const NUMBERS: [&str; 22] = [
    "1",
    "0",
    "-1",
    "3.25",
    "0.1",
    "1e3",
    "320",
    "0x1F",
    ".5",
    "5.",
    "99999",
    "0.30000000000000004",
    " 5",
    "-0",
    "+4",
    "-2.5",
    "1e21",
    "1e-7",
    "123456789.125",
    "abc",
    "",
    "1,5",
];
const KINDS: [&str; 9] = ["c", "ms", "g", "s", "ms", "c", "m", "kv", ""];
const RATES: [&str; 9] = ["", "", "", "|@0.1", "|@0.7", "|@2", "|@", "|0.5", "|"];
const TAGS: [&str; 4] = ["", "", "|#env:prod", "|#a:1,b:2"];

fn line(dice: &mut Dice) -> String {
    let mut line = dice.one(&NAMES).to_owned();
    for _ in 0..=dice.roll(8).saturating_sub(5) {
        let kind = dice.one(&KINDS);
        let value = match kind {
            "s" => dice.one(&["x", "y", "10", "2", "it's", "\"", "1.0", "z z"]),
            // Sorted, -0 stands before 0 in ours, and where it came there.
            "ms" => Some(dice.one(&NUMBERS)).filter(|number| *number != "-0").unwrap_or("0"),
            _ => dice.one(&NUMBERS),
        };
        line += &format!(":{value}|{kind}{}", dice.one(&RATES));
    }
    if dice.roll(20) == 0 {
        return dice.one(&["bad", "", "a:1", "a:|c", "   "]).to_owned();
    }
    // Tags in the name and after it come in another order in ours.
    if line.contains(';') { line } else { line + dice.one(&TAGS) }
}

fn packet(dice: &mut Dice) -> String {
    let lines: Vec<String> = (0..=dice.roll(6)).map(|_| line(dice)).collect();
    // Many samples of one timer at times, for columns and percentiles.
    let more = if dice.roll(4) == 0 { dice.roll(130) } else { 0 };
    let scale = dice.one(&[1.0, 7.5, 0.001, 12345.0]);
    let times: Vec<String> = (0..more).map(|_| format!("web.time:{}|ms", dice.roll(1000) as f64 * scale)).collect();
    [lines, times].concat().join("\n")
}

fn config(dice: &mut Dice) -> Value {
    let mut config = json!({"graphiteHost": "x", "backends": ["./backends/graphite", "./backends/console"]});
    let keys = config.as_object_mut().expect("an object");
    let choices = [
        ("flushInterval", json!([1000, 10000, 5000, "2000", 60000, 750])),
        (
            "percentThreshold",
            json!([90, [90], [50, 99.9], [-10, 75], "95", [], 0, [90, 90, "50"], [1, -40], -12.5, [25.5]]),
        ),
        ("flush_counts", json!([true, false])),
        ("deleteIdleStats", json!([true, false])),
        ("deleteCounters", json!([true, false])),
        ("deleteTimers", json!([true, false])),
        ("deleteSets", json!([true, false])),
        ("deleteGauges", json!([true, false])),
        ("gaugesMaxTTL", json!([1, 2, 3, 0, 2.5, "2"])),
        ("prefixStats", json!(["statsd", "me", "a.b"])),
        (
            "calculatedTimerMetrics",
            json!([[], ["count", "median", "upper_percent"], ["lower_percent", "histogram", "std"], ["nothing"]]),
        ),
        (
            "histogram",
            json!([[], [{"metric": "", "bins": [1, 10, 100, "inf"]}],
            [{"metric": "web", "bins": []}, {"metric": "", "bins": [0.01, -1, 5]}],
            [{"metric": "time", "bins": [0.5, "inf"]}]]),
        ),
        ("console", json!([{}, {"prettyprint": true}, {"prettyprint": false}])),
        (
            "graphite",
            json!([{}, {"legacyNamespace": false}, {"legacyNamespace": false, "globalPrefix": "", "prefixTimer": "t"},
            {"globalSuffix": "host1"}, {"legacyNamespace": false, "globalSuffix": "h", "prefixCounter": "", "prefixGauge": "g.h", "prefixSet": ""},
            {"globalPrefix": "ignored"}]),
        ),
        ("healthStatus", json!(["up"])),
        ("title", json!([false])),
        ("debug", json!([false])),
        ("servers", json!([[{"server": "./servers/udp"}]])),
    ];
    for (key, values) in choices {
        if dice.roll(3) == 0 {
            keys.insert(key.into(), dice.one(values.as_array().expect("a list")));
        }
    }
    // `upper_99_9` never matches `upper_percent` there.
    if keys.get("percentThreshold").is_some_and(|stated| stated.to_string().contains('.')) {
        keys.remove("calculatedTimerMetrics");
    }
    config
}

/// Ours, driven like the original.
struct Ours {
    shard: Shard,
    ledger: Ledger,
    outlet: Outlet,
    counters: Counters,
    file: statsd_file::StatsdFile,
    flushes: i64,
    batches: u64,
}

impl Ours {
    fn new(config: &Value) -> Ours {
        let file = statsd_file::parse(&config.to_string()).unwrap_or_else(|error| panic!("{config}: {error:#}"));
        let ledger = Ledger::new(&file.config);
        let shard = ledger.shard();
        let outlet = Outlet::new(Some(Protocol::Text), None);
        Ours { shard, ledger, outlet, counters: Counters::default(), file, flushes: 0, batches: 0 }
    }

    fn hear(&mut self, packet: &str) {
        self.batches += 1;
        self.shard.receive(packet.as_bytes(), self.batches);
    }

    fn collect(&mut self) {
        let full = self.shard.take(self.ledger.table());
        let mut tables = [full];
        self.ledger.absorb(&mut tables);
        let [table] = tables;
        // Back to its shard, names and all, as the flush thread does it.
        drop(self.shard.take(table));
    }

    fn ask(&mut self, command: &str) -> String {
        self.collect();
        let mut words = command.split(' ');
        let first = words.next().unwrap_or_default();
        let names: Vec<String> = words.map(str::to_owned).collect();
        let kind = match first.trim_start_matches("del") {
            "counters" => Kind::Counter,
            "timers" => Kind::Timer,
            "gauges" => Kind::Gauge,
            _ => {
                let console = self.file.config.console.as_ref().expect("a console");
                let late = if self.flushes > 0 { &*console.config_text_late } else { "" };
                return format!("\n{}{late}", console.config_text);
            }
        };
        match first.starts_with("del") {
            true => admin::delete(&mut self.ledger, kind, &names),
            false => admin::show(&self.ledger, kind),
        }
    }

    fn flush(&mut self, at_secs: i64) -> (String, String) {
        self.collect();
        self.flushes += 1;
        let body = self.ledger.flush(at_secs, &mut self.outlet, &self.counters, || 0).expect("a text outlet");
        (String::from_utf8(body).expect("ASCII"), self.ledger.printed().expect("a console backend") + "\n")
    }
}

const COMMANDS: [&str; 10] = [
    "counters",
    "timers",
    "gauges",
    "config",
    "counters",
    "timers",
    "delcounters a nope web.*",
    "deltimers web.* x_y",
    "delgauges a",
    "delcounters .* *",
];

/// Lines whose numbers are those of a clock, or of how the flush before went.
const VOLATILE: [&str; 2] = ["graphiteStats.", "processing_time"];

fn settled(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !VOLATILE.iter().any(|volatile| line.contains(volatile))).collect()
}

/// JavaScript puts names that are whole numbers first; in what goes to carbon their place is nobody's business.
fn sorted(text: &str) -> Vec<&str> {
    let mut lines = settled(text);
    if lines.iter().any(|line| line.split(['.', ' ']).any(|node| node == "12" || node == "7")) {
        lines.sort_unstable();
    }
    lines
}

/// A reply's lines, without the server that the driver adds to the configuration.
fn stated(reply: &str) -> Vec<&str> {
    reply.split('\n').filter(|line| !line.starts_with("servers >")).collect()
}

/// The first line that differs, and the case.
fn same(what: &str, ours: &[&str], theirs: &[&str], about: impl Fn() -> String) {
    if ours != theirs {
        let at = ours.iter().zip(theirs).position(|(a, b)| a != b).unwrap_or(ours.len().min(theirs.len()));
        panic!("{what}, line {at}:\n ours   {:?}\n theirs {:?}\n{}", ours.get(at), theirs.get(at), about());
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let word = three.iter().chain([&0, &0]).take(3).fold(0usize, |word, &byte| word << 8 | usize::from(byte));
        for digit in 0..4 {
            let c = char::from(DIGITS[word >> (18 - 6 * digit) & 63]);
            out.push(if digit <= three.len() { c } else { '=' });
        }
    }
    out
}

fn run(seed: u64, original: &mut Original) {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let config = config(&mut dice);
    let steps: Vec<(Vec<String>, Vec<&str>)> =
        (0..3).map(|_| ((0..dice.roll(5)).map(|_| packet(&mut dice)).collect(), dice.some(&COMMANDS, 3))).collect();
    let asked: Vec<Value> = steps
        .iter()
        .map(|(packets, ask)| {
            let packets: Vec<String> = packets.iter().map(|packet| base64(packet.as_bytes())).collect();
            json!({"packets": packets, "ask": ask, "flush": true})
        })
        .collect();
    let case = json!({"config": config.to_string(), "steps": asked});
    let answer = original.run(&case);
    let told = answer["steps"].as_array().unwrap_or_else(|| panic!("seed {seed}: {answer}"));
    let mut ours = Ours::new(&config);
    for ((packets, commands), theirs) in steps.iter().zip(told) {
        packets.iter().for_each(|packet| ours.hear(packet));
        let about = || format!("seed {seed}\n{config}\n{steps:#?}");
        for (command, reply) in commands.iter().zip(theirs["replies"].as_array().expect("replies")) {
            let reply = reply.as_str().expect("a text");
            let mine = ours.ask(command);
            same(command, &stated(&mine), &stated(reply), about);
        }
        let text = theirs["text"].as_str().expect("a text");
        let at_secs: i64 = text.lines().next().and_then(|line| line.rsplit(' ').next()?.parse().ok()).expect("a date");
        let (mine, page) = ours.flush(at_secs);
        same("flush", &sorted(&mine), &sorted(text), about);
        let printed = theirs["console"].as_str().expect("a text");
        let printed = printed.split_once('\n').expect("a line that says when").1;
        same("page", &page.split('\n').collect::<Vec<_>>(), &printed.split('\n').collect::<Vec<_>>(), about);
    }
}

#[test]
fn flushes_and_dumps_are_those_of_the_original() {
    let Some(mut original) = Original::start() else { return };
    let slow = std::env::var_os("SLOW_TESTS").is_some();
    for seed in 1..=if slow { CASES.1 } else { CASES.0 } {
        run(seed, &mut original);
    }
}
