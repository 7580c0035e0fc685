//! `kymo whisper` against what the whisper-*.py tools printed: the recorded cases, output, exit code and file.

use clap::Parser;
use conformance::{Score, cases};
use kymo::cli::{Cli, Command};
use kymo::command::whisper::{Console, run};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use tsdb::whisper::{self, CreateOptions};
use tsdb::{Archive, Retention, Rollup, Step, Timestamp};

/// What a tool printed to its two outputs, and its exit code.
#[derive(Debug, PartialEq)]
pub struct Told {
    pub exit: u8,
    pub out: String,
    pub err: String,
}

/// Runs `kymo whisper ARGS` inside this process, as if it were `now`.
pub fn kymo_whisper(args: &[OsString], input: &[u8], now: Timestamp) -> Told {
    let words = ["kymo", "whisper"].map(OsString::from).into_iter().chain(args.iter().cloned());
    let whisper = match Cli::try_parse_from(words).map(|cli| cli.command) {
        Ok(Some(Command::Whisper(whisper))) => whisper,
        Ok(other) => panic!("another command: {other:?}"),
        Err(error) => {
            let exit = u8::try_from(error.exit_code()).expect("a small code");
            let (out, err) = if error.use_stderr() { ("", error.to_string()) } else { ("help", String::new()) };
            return Told { exit, out: out.into(), err };
        }
    };
    let (mut out, mut err, mut input) = (Vec::new(), Vec::new(), input);
    let code = run(&whisper.tool, &mut Console { now, input: &mut input, out: &mut out, err: &mut err });
    let exit = code.unwrap_or_else(|error| {
        err.extend(format!("{error:#}").bytes());
        1
    });
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Told { exit, out: text(out), err: text(err) }
}

fn int(value: &Value) -> i64 {
    value.as_i64().or_else(|| value.as_f64().map(|float| float as i64)).expect("a number")
}

fn create(path: &Path, step: &Value) {
    let archive =
        |pair: &Value| Archive { step: Step::new(int(&pair[0]) as u32).expect("a step"), points: int(&pair[1]) as u32 };
    let archives = step["archives"].as_array().expect("archives").iter().map(archive).collect();
    let rollup: Rollup = step["agg"].as_str().unwrap_or("average").parse().expect("a method");
    let x_files_factor = step["xff"].as_f64().unwrap_or(0.5);
    let retention = Retention::new(archives).expect("valid");
    whisper::create(path, &retention, CreateOptions { x_files_factor, rollup, ..CreateOptions::default() })
        .expect("made");
}

/// The subcommand of an original: `whisper-info.py` is `info`.
pub fn subcommand(tool: &str) -> &str {
    let name = tool.strip_suffix(".py").unwrap_or(tool);
    name.strip_prefix("whisper-").unwrap_or(name)
}

fn run_tool(path: &Path, step: &Value) -> Result<(), String> {
    let file = path.to_str().expect("UTF-8");
    let tool = subcommand(step["tool"].as_str().expect("a tool"));
    let args = step["args"].as_array().expect("args").iter();
    let args = args.map(|arg| arg.as_str().expect("text").replace("{path}", file).into());
    let args: Vec<OsString> = std::iter::once(tool.into()).chain(args).collect();
    let told = kymo_whisper(&args, b"", Timestamp(int(&step["now"])));
    let expected = step["result"]["stdout"].as_str().expect("stdout").replace("{path}", file);
    if told.out == expected && i64::from(told.exit) == int(&step["result"]["exit"]) {
        return check_sha256(step, path);
    }
    Err(format!("{} {}: {told:?}, not {expected:?}", step["tool"], step["args"]))
}

fn check_sha256(holder: &Value, path: &Path) -> Result<(), String> {
    let Some(expected) = holder.get("sha256").and_then(Value::as_str) else { return Ok(()) };
    let digest = Sha256::digest(fs::read(path).map_err(|error| error.to_string())?);
    let got: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    if got == expected { Ok(()) } else { Err("the file's bytes differ".into()) }
}

/// As the tool resizes: it tells more than the recorded step, which knows the exit code and the file alone.
fn resize(path: &Path, step: &Value) -> Result<(), String> {
    let args = step["args"].as_array().expect("args").iter().map(|arg| OsString::from(arg.as_str().expect("text")));
    let args: Vec<OsString> = ["resize".into(), path.into()].into_iter().chain(args).collect();
    let told = kymo_whisper(&args, b"", Timestamp(int(&step["now"])));
    if i64::from(told.exit) != int(&step["result"]) {
        return Err(format!("{told:?}"));
    }
    check_sha256(step, path)
}

#[test]
fn tools_print_what_the_originals_print() {
    let Some(vectors) = cases("whisper.jsonl") else { return };
    let mut score = Score::default();
    for vector in vectors.iter().filter(|vector| ["cli", "resize"].iter().any(|group| vector["group"] == *group)) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.wsp");
        let outcome = vector["steps"].as_array().expect("steps").iter().enumerate().try_for_each(|(i, step)| {
            let points = || step["points"].as_array().expect("points").iter();
            let point = |pair: &Value| (Timestamp(int(&pair[0])), pair[1].as_f64().expect("a number"));
            let done = match step["op"].as_str().expect("an op") {
                "create" => {
                    create(&path, step);
                    check_sha256(step, &path)
                }
                "update_many" => {
                    let points: Vec<_> = points().map(point).collect();
                    whisper::update_many(&path, &points, Timestamp(int(&step["now"]))).expect("updated");
                    check_sha256(step, &path)
                }
                "resize" => resize(&path, step),
                "cli" => run_tool(&path, step),
                // The library's own steps are its own tests' business.
                _ => Ok(()),
            };
            done.map_err(|why| format!("step {i}: {why}"))
        });
        score.note(vector["id"].as_str().expect("id"), outcome.and_then(|()| check_sha256(vector, &path)));
    }
    score.finish("whisper tools");
}
