//! `kymo whisper` against what the whisper-*.py tools printed: the recorded cases of the tools that exist here.

use clap::Parser;
use conformance::{Score, cases};
use kymo::cli::{Cli, Command};
use serde_json::Value;
use std::path::Path;
use tsdb::whisper::{self, CreateOptions};
use tsdb::{Archive, Retention, Rollup, Step, Timestamp};

/// The originals whose output is compared; a vector's other tools only change the file, or come with later versions.
const TOOLS: &[(&str, &str)] = &[
    ("whisper-info.py", "info"),
    ("whisper-fetch.py", "fetch"),
    ("whisper-update.py", "update"),
    ("whisper-create.py", "create"),
];

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

/// Runs one recorded call; `None` for a tool that is not built.
fn run_tool(path: &Path, step: &Value) -> Option<Result<(), String>> {
    let tool = TOOLS.iter().find(|(original, _)| step["tool"] == *original)?.1;
    let file = path.to_str().expect("UTF-8");
    let args = step["args"].as_array().expect("args").iter();
    let args = args.map(|arg| arg.as_str().expect("text").replace("{path}", file));
    let cli = match Cli::try_parse_from(["kymo", "whisper", tool].map(String::from).into_iter().chain(args)) {
        Ok(cli) => cli,
        Err(error) => return Some(Err(error.to_string())),
    };
    let Some(Command::Whisper(whisper)) = cli.command else { return Some(Err("another command".into())) };
    let mut out = Vec::new();
    let code = kymo::command::whisper::run(&whisper.tool, Timestamp(int(&step["now"])), &mut out);
    let exit = i64::from(!code.is_ok_and(|code| code == std::process::ExitCode::SUCCESS));
    let expected = step["result"]["stdout"].as_str().expect("stdout").replace("{path}", file);
    let printed = String::from_utf8(out).expect("UTF-8");
    Some(if printed == expected && exit == int(&step["result"]["exit"]) {
        Ok(())
    } else {
        Err(format!("{} {}: {exit} {printed:?}, not {expected:?}", step["tool"], step["args"]))
    })
}

#[test]
fn tools_print_what_the_originals_print() {
    let Some(vectors) = cases("whisper.jsonl") else { return };
    let (mut score, mut unbuilt) = (Score::default(), 0);
    for vector in vectors.iter().filter(|vector| vector["group"] == "cli") {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wsp");
        for (i, step) in vector["steps"].as_array().expect("steps").iter().enumerate() {
            let points = || step["points"].as_array().expect("points").iter();
            let point = |pair: &Value| (Timestamp(int(&pair[0])), pair[1].as_f64().expect("a number"));
            match step["op"].as_str().expect("an op") {
                "create" => create(&path, step),
                "update_many" => {
                    let points: Vec<_> = points().map(point).collect();
                    whisper::update_many(&path, &points, Timestamp(int(&step["now"]))).expect("updated");
                }
                "cli" => match run_tool(&path, step) {
                    Some(outcome) => score.note(&format!("{} step {i}", vector["id"]), outcome),
                    // The method of later steps depends on it.
                    None if step["tool"] == "whisper-set-aggregation-method.py" => {
                        let rollup: Rollup = step["args"][1].as_str().expect("a method").parse().expect("a method");
                        whisper::set_rollup(&path, rollup).expect("set");
                        if let Some(factor) = step["args"][2].as_str() {
                            whisper::set_x_files_factor(&path, factor.parse().expect("a factor")).expect("set");
                        }
                    }
                    None => unbuilt += 1,
                },
                _ => unbuilt += 1,
            }
        }
    }
    println!("whisper tools: {unbuilt} steps of tools that are not built were passed over");
    score.finish("whisper tools");
}
