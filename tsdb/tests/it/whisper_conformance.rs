//! Runs the recorded whisper vectors: after every step the result and the file's bytes must be those of whisper 1.1.10.

use conformance::{Score, cases, peers};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tsdb::whisper::{self, Compare, CreateOptions, Fill, Header, Lock, Migration, OldFile, ResizeOptions, Resolution};
use tsdb::{Archive, Error, GAP, Retention, Rollup, Step, Timestamp, Window, is_gap};

/// Steps that are not the library's: the tools' output is the program's business, and tested there.
const NOT_OURS: [&str; 1] = ["cli"];

#[test]
fn recorded_vectors() {
    let Some(cases) = cases("whisper.jsonl") else { return };
    check_all(&cases, "whisper");
}

/// Vectors that the real library makes here and now, from random operations of every kind.
#[test]
fn fresh_vectors() {
    let Some(python) = peers::python() else { return };
    let count = if std::env::var_os("SLOW_TESTS").is_some() { "5000" } else { "300" };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance/peers/whisper_vectors.py");
    let made = Command::new(python).arg(script).args(["2", count]).output().expect("python runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let text = String::from_utf8(made.stdout).expect("UTF-8");
    let cases: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect();
    check_all(&cases, "fresh whisper vectors");
}

fn check_all(cases: &[Value], name: &str) {
    let mut score = Score::default();
    let mut skipped = std::collections::BTreeMap::<&str, usize>::new();
    for case in cases {
        let steps = case["steps"].as_array().expect("steps");
        let foreign = steps.iter().find_map(|step| NOT_OURS.iter().find(|op| step["op"] == **op));
        if let Some(op) = foreign {
            *skipped.entry(op).or_default() += 1;
            continue;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.wsp");
        let outcome = steps.iter().enumerate().try_for_each(|(i, step)| {
            check_step(step, &path).map_err(|why| format!("step {i} ({}): {why}", step["op"]))
        });
        score.note(case["id"].as_str().expect("id"), outcome.and_then(|()| check_sha256(case, &path)));
    }
    println!("whisper: not run, by step: {skipped:?}");
    score.finish(name);
}

fn check_step(step: &Value, path: &Path) -> Result<(), String> {
    let got = run(step, path);
    if got != step["result"] {
        return Err(format!("expected {}, got {got}", step["result"]));
    }
    check_sha256(step, path)
}

fn check_sha256(holder: &Value, path: &Path) -> Result<(), String> {
    let Some(expected) = holder.get("sha256").and_then(Value::as_str) else { return Ok(()) };
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let got = hex(&Sha256::digest(bytes));
    if got == expected { Ok(()) } else { Err("the file's bytes differ".into()) }
}

fn run(step: &Value, path: &Path) -> Value {
    let done = |result: Result<(), Error>| result.map_or_else(|error| class(&error), |()| Value::Null);
    match step["op"].as_str().expect("op") {
        "create" => create(step, path),
        "update" => done(whisper::update(path, time(&step["ts"]), float(&step["value"]), time(&step["now"]))),
        "update_many" => {
            let points: Vec<_> = array(&step["points"]).iter().map(|p| (time(&p[0]), float(&p[1]))).collect();
            done(whisper::update_many(path, &points, time(&step["now"])))
        }
        "fetch" => fetch(step, path),
        "info" => {
            whisper::info(path).map_or_else(|error| class(&error), |header| header.as_ref().map_or(Value::Null, info))
        }
        "set_xff" => {
            whisper::set_x_files_factor(path, float(&step["xff"])).map_or_else(|e| class(&e), |old| json!(old))
        }
        "set_agg" => set_rollup(step, path),
        "parse_retention" => parse_retention(step["s"].as_str().expect("text")),
        "raw" => raw(step, path),
        "merge" => {
            let end = |name: &str| (!step[name].is_null()).then(|| time(&step[name]));
            match whisper::merge(&source(step, path), path, end("from"), end("until"), time(&step["now"])) {
                Err(Error::BadWindow { .. }) => json!({ "error": "ValueError" }),
                merged => done(merged),
            }
        }
        "fill" => done(whisper::fill(&source(step, path), path, Lock::None, time(&step["now"]))),
        "diff" => diff(step, path),
        "resize" => resize(step, path),
        op => panic!("unknown step {op}"),
    }
}

fn create(step: &Value, path: &Path) -> Value {
    let archives = array(&step["archives"]).iter().map(|pair| {
        let archive = |i: usize| u32::try_from(pair[i].as_u64().expect("a number")).expect("32 bits");
        Archive { step: Step::new(archive(0)).expect("a step"), points: archive(1) }
    });
    let retention = match Retention::new(archives.collect()) {
        Ok(retention) => retention,
        Err(error) => return class(&Error::Retention(error)),
    };
    let mut options = CreateOptions::default();
    if !step["xff"].is_null() {
        options.x_files_factor = float(&step["xff"]);
    }
    if step["sparse"] == true {
        options.fill = Fill::Sparse;
    }
    let rollup = step["agg"].as_str().map_or(Ok(Rollup::Average), |name| name.parse());
    let result = match rollup {
        Err(_) => Err(Error::UnknownRollup(step["agg"].to_string())),
        Ok(rollup) => whisper::create(path, &retention, CreateOptions { rollup, ..options }),
    };
    let Err(error) = result else { return Value::Null };
    if matches!(error, Error::XFilesFactor(_) | Error::UnknownRollup(_)) {
        // The original leaves an empty file behind here and the further steps expect it; ours leaves none.
        assert!(!path.exists(), "a refused create leaves nothing behind");
        fs::write(path, b"").expect("writable");
    }
    class(&error)
}

fn fetch(step: &Value, path: &Path) -> Value {
    let now = time(&step["now"]);
    let until = if step["until"].is_null() { now } else { time(&step["until"]) };
    let resolution = match &step["archive"] {
        Value::Null => Resolution::Finest,
        archive => {
            let text = archive.as_str().map_or_else(|| archive.to_string(), str::to_owned);
            match tsdb::retention::parse_archive(&format!("{text}:1")) {
                Ok((secs, _)) => Resolution::Step(Step::new(u32::try_from(secs).expect("32 bits")).expect("a step")),
                Err(_) => return json!({ "error": "ValueError" }),
            }
        }
    };
    match whisper::fetch(path, Window { from: time(&step["from"]), until }, now, resolution) {
        Err(error) => class(&error),
        Ok(None) => Value::Null,
        Ok(Some(fetched)) => json!({
            "start": fetched.start.0,
            "end": fetched.end.0,
            "step": fetched.step.secs(),
            "values": fetched.values.iter().map(|value| number(*value)).collect::<Vec<_>>(),
        }),
    }
}

fn info(header: &Header) -> Value {
    let archive = |located: &whisper::Located| {
        json!({
            "offset": located.offset,
            "secondsPerPoint": located.archive.step.secs(),
            "points": located.archive.points,
            "retention": located.archive.retention_secs(),
            "size": located.size_bytes(),
        })
    };
    json!({
        "aggregationMethod": header.rollup.name(),
        "maxRetention": header.max_retention_secs,
        "xFilesFactor": header.x_files_factor(),
        "archives": header.archives().iter().map(archive).collect::<Vec<_>>(),
    })
}

fn set_rollup(step: &Value, path: &Path) -> Value {
    // The original reads the header before it looks at the method.
    let checked = whisper::info(path).and_then(|_| {
        let name = step["agg"].as_str().expect("a name");
        let rollup = name.parse().map_err(|_| Error::UnknownRollup(name.into()))?;
        whisper::set_rollup(path, rollup, None)
    });
    checked.map_or_else(|error| class(&error), |old| json!(old.name()))
}

fn parse_retention(text: &str) -> Value {
    use tsdb::RetentionError::Zero;
    match tsdb::retention::parse_archive(text) {
        Ok((secs, points)) => json!([secs, points]),
        Err(Zero(_)) => json!({ "error": "ZeroDivisionError" }),
        Err(_) => json!({ "error": "ValueError" }),
    }
}

/// The other file of a merge, fill or diff, made by its own steps.
fn source(step: &Value, path: &Path) -> PathBuf {
    let source = path.with_file_name("source.wsp");
    if source.exists() {
        fs::remove_file(&source).expect("removed");
    }
    for (i, made) in array(&step["src"]).iter().enumerate() {
        check_step(made, &source).unwrap_or_else(|why| panic!("source step {i}: {why}"));
    }
    source
}

fn diff(step: &Value, path: &Path) -> Value {
    let compare = if step["ignore_empty"] == true { Compare::Both } else { Compare::Any };
    let diffs = whisper::diff(&source(step, path), path, compare, None, time(&step["now"]));
    let point = |(at, left, right): &(Timestamp, f64, f64)| json!([at.0, number(*left), number(*right)]);
    let archive = |diff: &whisper::ArchiveDiff| {
        json!([diff.archive, diff.points.iter().map(point).collect::<Vec<_>>(), diff.compared])
    };
    diffs.map_or_else(|error| class(&error), |diffs| diffs.iter().map(archive).collect())
}

fn resize(step: &Value, path: &Path) -> Value {
    let mut options = ResizeOptions::default();
    let mut archives = Vec::new();
    for arg in array(&step["args"]).iter().filter_map(Value::as_str) {
        match arg.split_once('=').unwrap_or((arg, "")) {
            ("--nobackup", _) => options.old = OldFile::Remove,
            ("--aggregate", _) => options.migration = Migration::Aggregate,
            ("--xFilesFactor", factor) => options.x_files_factor = Some(factor.parse().expect("a number")),
            ("--aggregationMethod", method) => options.rollup = Some(method.parse().expect("a method")),
            _ => archives.push(arg),
        }
    }
    let retention = Retention::parse(&archives.join(",")).expect("archives");
    let backup = path.with_file_name("a.wsp.bak");
    match whisper::resize(path, &retention, options, time(&step["now"])) {
        Ok(()) => {
            assert_eq!(backup.exists(), options.old == OldFile::Keep);
            json!(0)
        }
        Err(error) => class(&error),
    }
}

fn raw(step: &Value, path: &Path) -> Value {
    let text = step["hex"].as_str().expect("hex");
    let byte = |i: usize| u8::from_str_radix(&text[i..i + 2], 16).expect("hex");
    let bytes: Vec<u8> = (0..text.len()).step_by(2).map(byte).collect();
    let file = fs::OpenOptions::new().write(true).open(path).expect("the file");
    file.write_all_at(&bytes, step["offset"].as_u64().expect("offset")).expect("writable");
    Value::Null
}

/// The class of the original's exception.
fn class(error: &Error) -> Value {
    let name = match error {
        Error::Corrupt { .. } => "CorruptWhisperFile",
        Error::Exists(_) | Error::Retention(_) => "InvalidConfiguration",
        Error::XFilesFactor(_) => "InvalidXFilesFactor",
        Error::UnknownRollup(_) => "InvalidAggregationMethod",
        Error::NotCovered { .. } => "TimestampNotCovered",
        Error::BadWindow { .. } => "InvalidTimeInterval",
        Error::NoArchive { .. } => "ValueError",
        Error::Unalike { .. } => "NotImplementedError",
        other => return json!(other.chain()),
    };
    json!({ "error": name })
}

fn array(value: &Value) -> &[Value] {
    value.as_array().expect("an array")
}

fn time(value: &Value) -> Timestamp {
    Timestamp(value.as_i64().or_else(|| value.as_f64().map(|secs| secs as i64)).expect("a time"))
}

fn float(value: &Value) -> f64 {
    match value.as_str() {
        Some(bits) => f64::from_bits(u64::from_str_radix(bits.trim_start_matches("0x"), 16).expect("hex")),
        None => value.as_f64().expect("a number"),
    }
}

fn number(value: f64) -> Value {
    if is_gap(value) {
        Value::Null
    } else if value.is_finite() {
        json!(value)
    } else {
        json!(format!("0x{:016x}", value.to_bits()))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn gap_is_no_recorded_value() {
    assert_eq!(number(GAP), Value::Null);
}
