//! `kymo store`: a whisper tree goes in and comes out as it was, for whisper's own tools too; a backup of a running server
//! is restored; what is damaged, locked or wrong is said with its name.

use crate::running::Running;
use conformance::{fixture, peers};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};
use tsdb::whisper::{self, CreateOptions};
use tsdb::{Retention, Rollup, Timestamp};

fn kymo(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kymo")).arg("store").args(args).output().expect("kymo runs")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a command prints that ends well.
fn done(args: &[&str]) -> String {
    let output = kymo(args);
    assert!(output.status.success(), "{args:?}: {}{}", out(&output), err(&output));
    out(&output)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn files(root: &Path, extension: &str) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("listed") {
            let path = entry.expect("listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                files.push(path.strip_prefix(root).expect("below").to_owned());
            }
        }
    }
    files.sort();
    files
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs().cast_signed()
}

/// Prints of every file of a tree what whisper itself reads: header, and every archive whole.
const READ_ALL: &str = "
import os, struct, sys, whisper
root, now = sys.argv[1], int(sys.argv[2])
for folder, _, names in sorted(os.walk(root)):
    for name in sorted(names):
        path = os.path.join(folder, name)
        info = whisper.info(path)
        print(os.path.relpath(path, root), info['aggregationMethod'], info['xFilesFactor'], info['maxRetention'])
        for archive in info['archives']:
            step, kept = archive['secondsPerPoint'], archive['retention']
            times, values = whisper.fetch(path, now - kept, now, now, step)
            print(step, kept, times, [v if v is None else struct.pack('!d', v).hex() for v in values])
";

#[test]
fn a_tree_goes_in_and_comes_out_as_whisper_reads_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let [tree, data, exported] = ["tree", "data", "exported"].map(|name| folder.path().join(name));
    fixture::write(&tree).expect("written");
    let count = files(&tree, "wsp").len();
    fs::write(tree.join("broken.wsp"), "no whisper file, but longer than its header").expect("written");
    fs::write(tree.join("notes.txt"), "not a series").expect("written");
    let aggregation = folder.path().join("storage-aggregation.conf");
    let args = ["import", text(&tree), "--data", text(&data), "--write-aggregation", text(&aggregation)];
    let output = kymo(&args);
    assert_eq!(output.status.code(), Some(1), "a file was left out");
    assert!(out(&output).starts_with(&format!("{count} series imported, 1 files left out\n")), "{}", out(&output));
    assert!(err(&output).contains("broken.wsp") && !err(&output).contains("notes"), "{}", err(&output));
    assert!(out(&output).contains("files have another method or x-files factor"), "{}", out(&output));
    // The rules that were written agree with every file.
    let told = done(&["export", text(&exported), "--data", text(&data), "--storage-aggregation", text(&aggregation)]);
    assert_eq!(told, format!("{count} files written, 0 series left out\n"));
    assert_eq!(files(&exported, "wsp").len(), count);
    for path in files(&exported, "wsp") {
        let (given, expected) = (whisper::read_whole(&exported.join(&path)), whisper::read_whole(&tree.join(&path)));
        let seen = |whole: Result<whisper::WholeFile, tsdb::Error>| format!("{:?}", whole.expect("read"));
        assert_eq!(seen(given), seen(expected), "{}", path.display());
    }
    // A file that is there is left alone.
    let again = kymo(&["export", text(&exported), "--data", text(&data), "--pattern", "ramp.*"]);
    assert!(again.status.code() == Some(1) && err(&again).contains("exists already"), "{}", err(&again));
    fs::remove_file(tree.join("broken.wsp")).expect("removed");
    fs::remove_file(tree.join("notes.txt")).expect("removed");
    let Some(python) = peers::python() else { return };
    let read = |tree: &Path| {
        let mut command = Command::new(&python);
        let output = command.args(["-c", READ_ALL, text(tree), &fixture::NOW.to_string()]).output().expect("runs");
        assert!(output.status.success(), "{}", err(&output));
        out(&output)
    };
    let (given, expected) = (read(&exported), read(&tree));
    assert!(expected.lines().count() > 2 * count && given == expected, "whisper reads another tree");
    for tool in ["whisper-info.py", "whisper-fetch.py"] {
        let path = exported.join(&files(&exported, "wsp")[0]);
        let output = peers::run_script(tool).expect("python is there").arg(&path).output().expect("runs");
        assert!(output.status.success(), "{tool}: {}", err(&output));
    }
}

#[test]
fn what_was_imported_is_served_and_backed_up_while_it_grows() {
    let folder = tempfile::tempdir().expect("a folder");
    let [tree, data, saved, again] = ["tree", "data", "saved", "again"].map(|name| folder.path().join(name));
    fs::create_dir_all(tree.join("old")).expect("made");
    let path = tree.join("old/level.wsp");
    let options = CreateOptions { rollup: Rollup::Max, ..CreateOptions::default() };
    whisper::create(&path, &Retention::parse("60s:1d").expect("valid"), options).expect("made");
    let began = now();
    whisper::update(&path, Timestamp(began - 120), 42.5, Timestamp(began)).expect("updated");
    assert!(done(&["import", text(&tree), "--data", text(&data)]).starts_with("1 series imported"));
    let server = Running::start(&data, &[]);
    assert_eq!(server.wait("old.level", |values| !values.is_empty()), [42.5]);
    server.send(&["fresh:7|g"]);
    server.wait("stats.gauges.fresh", |values| !values.is_empty());
    for command in ["check", "stats", "expire --unwritten-for 30d", "delete old.*", "export out"] {
        let mut args: Vec<&str> = command.split(' ').collect();
        args.extend(["--data", text(&data)]);
        let output = kymo(&args);
        assert!(!output.status.success() && err(&output).contains("running kymo"), "{command}: {}", err(&output));
    }
    let told = done(&["backup", text(&saved), "--data", text(&data)]);
    assert!(told.contains("of them links"), "{told}");
    assert!(server.stop("TERM"));
    let told = done(&["restore", text(&saved), text(&again)]);
    assert!(told.ends_with("0 damaged\n"), "{told}");
    let output = kymo(&["restore", text(&saved), text(&again)]);
    assert!(!output.status.success() && err(&output).contains("exists already"), "{}", err(&output));
    let server = Running::start(&again, &[]);
    assert_eq!(server.values("old.level"), [42.5]);
    assert!(server.values("stats.gauges.fresh").contains(&7.0));
    assert!(server.stop("TERM"));
}

#[test]
fn series_end_by_age_and_by_name_after_a_dry_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let [tree, data] = ["tree", "data"].map(|name| folder.path().join(name));
    fs::create_dir_all(tree.join("a")).expect("made");
    let now = now();
    for (name, days) in [("a/fresh", 0), ("a/week", 7), ("a/quarter", 90)] {
        let path = tree.join(format!("{name}.wsp"));
        let retention = Retention::parse("60s:1d,1h:1y").expect("valid");
        whisper::create(&path, &retention, CreateOptions { x_files_factor: 0.0, ..CreateOptions::default() })
            .expect("made");
        let at = Timestamp(now - days * 86_400 - 7200);
        whisper::update(&path, at, 1.0, at).expect("updated");
    }
    done(&["import", text(&tree), "--data", text(&data)]);
    let ended = |args: &[&str]| {
        let told = done(&[args, &["--data", text(&data)]].concat());
        told.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(ended(&["expire", "--unwritten-for", "30d", "--dry-run"]), ["a.quarter"]);
    assert_eq!(ended(&["expire", "--unwritten-for", "3d", "--dry-run"]), ["a.quarter", "a.week"]);
    assert_eq!(ended(&["expire", "--unwritten-for", "30d"]), ["a.quarter"]);
    assert_eq!(ended(&["expire", "--unwritten-for", "30d"]), Vec::<String>::new());
    assert_eq!(ended(&["delete", "a.*", "--dry-run"]), ["a.fresh", "a.week"]);
    assert_eq!(ended(&["delete", "a.w*"]), ["a.week"]);
    for nothing in [&["delete", "a.w*"][..], &["delete", "a.w*", "--dry-run"]] {
        let output = kymo(&[nothing, &["--data", text(&data)]].concat());
        assert!(!output.status.success() && err(&output).contains("no series matches \"a.w*\""), "{}", err(&output));
    }
    let stats: Value = serde_json::from_str(&done(&["stats", "--json", "--data", text(&data)])).expect("JSON");
    assert_eq!((&stats["series"], &stats["retentions"][0]["columns"]), (&Value::from(1), &Value::from(1)));
    assert_eq!(stats["expired"]["series"], 1);
    assert!(stats["expired"]["last"].as_i64().is_some_and(|last| last >= now));
    let points: u64 = stats["retentions"][0]["archives"][0]["points"].as_u64().expect("a number");
    assert_eq!(points, 3, "what has ended leaves the disk with its segments");
    assert!(done(&["stats", "--data", text(&data)]).contains("60s:1440"));
    assert_eq!(
        done(&["check", "--data", text(&data)]).lines().last().map(|line| line.ends_with("0 damaged")),
        Some(true)
    );
}

#[test]
fn damage_is_found_and_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let [tree, data] = ["tree", "data"].map(|name| folder.path().join(name));
    fixture::write(&tree).expect("written");
    done(&["import", text(&tree), "--data", text(&data)]);
    let segment = files(&data, "seg").pop().expect("a segment");
    let mut bytes = fs::read(data.join(&segment)).expect("read");
    bytes[4100] ^= 1;
    fs::write(data.join(&segment), bytes).expect("written");
    let output = kymo(&["check", "--data", text(&data)]);
    assert_eq!(output.status.code(), Some(1));
    assert!(out(&output).contains(text(&segment)) && out(&output).ends_with(" 1 damaged\n"), "{}", out(&output));
    let nowhere = folder.path().join("nowhere");
    let target = folder.path().join("target");
    let commands = [
        vec!["check"],
        vec!["stats"],
        vec!["delete", "a.*"],
        vec!["expire", "--unwritten-for", "30d"],
        vec!["export", text(&target)],
        vec!["backup", text(&target)],
    ];
    for command in commands {
        let output = kymo(&[&command[..], &["--data", text(&nowhere)]].concat());
        let told = err(&output);
        assert!(!output.status.success() && told.contains("there is no store in "), "{command:?}: {told}");
        assert!(!nowhere.exists() && !target.exists(), "{command:?} made something");
    }
    assert!(!kymo(&["expire", "--unwritten-for", "soon", "--data", text(&data)]).status.success());
    assert!(!kymo(&["import", "/nowhere", "--data", text(&data)]).status.success());
}
