//! The fuzz targets on the stable compiler: past findings stay fixed, and the recorded cases, which are the fuzzers' seeds,
//! hold what the targets assert. The seeds are left in `target/fuzz/seeds` for fuzz/smoke.

#[path = "../../../fuzz/src/lib.rs"]
mod targets;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use tsdb::sketch::{Sketch, SketchKind};
use tsdb::whisper::{self, CreateOptions};
use tsdb::{Archive, Retention, Step, Timestamp};

/// Seeds of each target, without repetitions.
type Seeds = BTreeMap<&'static str, BTreeSet<Vec<u8>>>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_path_buf()
}

#[test]
fn past_findings_stay_fixed() {
    let mut ran = 0;
    for (name, run) in targets::TARGETS {
        let folder = root().join("fuzz/regressions").join(name);
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.expect("readable").path();
            println!("{}", path.display());
            run(&fs::read(&path).expect("readable"));
            ran += 1;
        }
    }
    println!("fuzz: {ran} past findings");
}

#[test]
fn recorded_cases_hold_what_the_fuzz_targets_assert() {
    let mut seeds = Seeds::new();
    statsd(&mut seeds);
    captures(&mut seeds);
    pickles(&mut seeds);
    render(&mut seeds);
    whisper_files(&mut seeds);
    files(&mut seeds);
    sketches(&mut seeds);
    credentials(&mut seeds);
    for (name, run) in targets::TARGETS {
        let all = seeds.get(name).unwrap_or_else(|| panic!("{name} has no seeds"));
        let folder = root().join("target/fuzz/seeds").join(name);
        fs::create_dir_all(&folder).expect("a folder");
        for (i, seed) in all.iter().enumerate() {
            run(seed);
            fs::write(folder.join(format!("{i:05}")), seed).expect("written");
        }
        println!("fuzz: {name}: {} seeds", all.len());
    }
}

fn add(seeds: &mut Seeds, name: &'static str, seed: impl Into<Vec<u8>>) {
    seeds.entry(name).or_default().insert(seed.into());
}

/// Packets, one interval after the other, and the configurations that they were flushed with.
fn statsd(seeds: &mut Seeds) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    for case in conformance::cases("statsd.jsonl").unwrap_or_default() {
        let packets: Vec<String> = case["packets"].as_array().into_iter().flatten().map(text).collect();
        add(seeds, "datagram", packets.join("\0"));
        add(seeds, "config", case["config"].to_string());
    }
    for case in conformance::cases("client_wire.jsonl").unwrap_or_default() {
        let datagrams: Vec<String> = case["datagrams"].as_array().into_iter().flatten().map(text).collect();
        add(seeds, "datagram", datagrams.join("\n"));
    }
}

/// What statsd's pickle backend and Python's protocols 0, 2 and 4 make of a point or two.
fn pickles(seeds: &mut Seeds) {
    let frames: [&[u8]; 5] = [
        b"(l(S'stats.a'\n(L1700000000L\nS'1.5'\ntta(S'stats.b'\n(L1700000000L\nS'-2e+21'\ntta.",
        b"(lp0\n(Va.b\np1\n(I1700000000\nF1.5\ntp2\ntp3\na.",
        b"\x80\x02]q\x00X\x03\x00\x00\x00a.bq\x01J\x00\xf1Seq\x02G?\xf8\x00\x00\x00\x00\x00\x00\x86q\x03\x86q\x04a.",
        b"\x80\x04\x95\x22\x00\x00\x00\x00\x00\x00\x00]\x94(\x8c\x01a\x94GA\xd9T\xfc@\x00\x00\x00K\x07\x86\x94\x86\x94h\x01M\x01\x02K\x08\x86\x94\x86\x94e.",
        b"cos\nsystem\n(S'true'\ntR.",
    ];
    frames.iter().for_each(|frame| add(seeds, "pickle", *frame));
}

/// Credentials, forwarded addresses, scopes, names and ranges as they are meant to be, and nearly so.
fn credentials(seeds: &mut Seeds) {
    for seed in [
        "Bearer kymo_fuzzed\n127.0.0.1\nread:a.b\na.b.c\n10:20",
        "bearer kymo_other\n1.2.3.4, 127.0.0.1\nread:a.b\na.bc;t=1\n@~:10",
        "Basic bmFtZTpreW1vX2Z1enplZA==\n127.0.0.1, 10.1.1.1\nwrite\n_tagged.160.29e.a_DOT_b;t=1\n:10",
        "Basic bmFtZQ==\n::1\nadmin\na.b;t=1\n1e3:",
        "Digest x\n::ffff:127.0.0.1\nread:a..b.\n.a.b{t=\"1\"}\n-5",
    ] {
        add(seeds, "access", seed);
    }
    let tables = "[[tokens]]\nname = \"a\"\nhash = \"sha256:00\"\nscopes = [\"read:a\"]\nexpires = \"2027-01-31\"\n\
                  [[users]]\nname = \"b\"\nscopes = []\n[access]\ntrusted_proxies = [\"10.0.0.0/8\"]\n\
                  [[alerts]]\nname = \"c\"\ntarget = \"d\"\nwarning = \"@1:2\"\nfor = \"2m\"\n";
    add(seeds, "config", tables);
}

/// What real senders sent: StatsD lines and carbon's.
fn captures(seeds: &mut Seeds) {
    let folder = root().join("conformance/data/captures");
    for entry in fs::read_dir(folder).expect("the captures") {
        let text = fs::read(entry.expect("readable").path()).expect("readable");
        for part in text.chunks(1024).take(8) {
            add(seeds, "datagram", part);
            add(seeds, "carbon", part);
        }
    }
    for line in
        ["a.b 1.5 1700000000", "a;b=c 2 -1\n", "a 1e3 17e8\r\nb nan 1", "m{t=\"v\"} 0x1 5", "a.b:c 2 1700000000.9"]
    {
        add(seeds, "carbon", line);
    }
}

/// Targets and times that graphite-web was asked for.
fn render(seeds: &mut Seeds) {
    for case in conformance::cases("render.jsonl").unwrap_or_default() {
        for param in case["params"].as_array().into_iter().flatten() {
            let (Some(key), Some(value)) = (param[0].as_str(), param[1].as_str()) else { continue };
            match key {
                "target" => add(seeds, "target", value),
                "from" | "until" => add(seeds, "time", value),
                _ => {}
            }
        }
    }
}

/// Files as the recorded cases create them, with a few points in, and their retentions as text.
fn whisper_files(seeds: &mut Seeds) {
    let folder = tempfile::tempdir().expect("a folder");
    let now = Timestamp(1_700_000_000);
    let mut shapes = BTreeSet::new();
    for case in conformance::cases("whisper.jsonl").unwrap_or_default() {
        for step in case["steps"].as_array().into_iter().flatten().filter(|step| step["op"] == "create") {
            let pair = |archive: &Value| Some((archive[0].as_u64()? as u32, archive[1].as_u64()? as u32));
            let archives: Vec<_> = step["archives"].as_array().into_iter().flatten().filter_map(pair).collect();
            let text: Vec<_> = archives.iter().map(|(step, points)| format!("{step}:{points}")).collect();
            add(seeds, "retention", text.join(","));
            shapes.insert(archives);
        }
    }
    for text in ["10s:6h,1m:7d,10m:1y", "60:1440", "1m:1d, 5m:2weeks", "1s:1s", "0:1", "1y:10y"] {
        add(seeds, "retention", text);
    }
    for (i, shape) in shapes.iter().enumerate() {
        let archives = shape.iter().filter_map(|&(step, points)| Some(Archive { step: Step::new(step)?, points }));
        let Ok(retention) = Retention::new(archives.collect()) else { continue };
        let path = folder.path().join(format!("{i}.wsp"));
        if whisper::create(&path, &retention, CreateOptions::default()).is_err() {
            continue;
        }
        let points: Vec<_> = (0..20).map(|nth| (now - nth * 7, nth as f64)).collect();
        whisper::update_many(&path, &points, now).expect("written");
        let bytes = fs::read(&path).expect("readable");
        if bytes.len() <= 4096 {
            add(seeds, "whisper", bytes);
        }
    }
}

/// Timers and sets of few and of many, weighed and not.
fn sketches(seeds: &mut Seeds) {
    for kind in ["ddsketch", "ddsketch:0.05:64", "hll:4", "hll:8"] {
        let kind: SketchKind = kind.parse().expect("a kind");
        for count in [0, 1, 30, 300] {
            let mut sketch = Sketch::new(kind);
            for nth in 0..count {
                match &mut sketch {
                    Sketch::Dd(timer) => {
                        let weight = if count == 30 { 2.5 } else { 1.0 };
                        assert!(timer.insert((f64::from(nth) - 9.0) * 1.5, weight), "a number");
                    }
                    Sketch::Hll(set) => set.insert(&u32::to_le_bytes(nth)),
                }
            }
            let mut bytes = Vec::new();
            sketch.encode(&mut bytes);
            add(seeds, "sketch", bytes);
        }
    }
}

/// Configuration as the documents and examples have it.
fn files(seeds: &mut Seeds) {
    for text in [
        "{ nodes: [{host: '127.0.0.1', port: 8127, adminport: 8128}], port: 8125, forkCount: 'auto', checkInterval: 1000 }",
        "module.exports = ({ servers: [{server: './servers/tcp', address: '127.0.0.1', port: 1}], percentThreshold: [90, -5] });",
        "// x\n{ graphiteHost: '127.0.0.1', histogram: [{metric: 't', bins: [1, 'inf']}], backends: ['./backends/graphite'] }",
        "statsd = \"127.0.0.1:0\"\nflush_interval = \"1s\"\n[limits]\nnames = 5\n",
        "[carbon]\npattern = ^carbon\\.\nretentions = 60:90d\n[default]\npattern = .*\nretentions = 10s:6h,1m:7d\n",
        "[min]\npattern = \\.lower$\nxFilesFactor = 0.1\naggregationMethod = min\n",
    ] {
        add(seeds, "config", text);
    }
}
