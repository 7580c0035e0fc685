//! One whisper tree, two programs: graphite-web reads what kymo writes, kymo reads what carbon-cache writes, both while it is
//! written, and the tools of both say the same of every file.

use super::original::{Site, now, output, send_tcp, whisper_fetch, whisper_files};
use crate::ports::ports;
use crate::running::Running;
use conformance::peers;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const SCHEMAS: &str = "[all]\npattern = .*\nretentions = 1s:1m,5s:10m\n";
const AVERAGES: &str = "[all]\npattern = .*\nxFilesFactor = 0\naggregationMethod = average\n";
const PATIENCE: Duration = Duration::from_secs(20);

fn serve(site: &Site) -> Running {
    let flags = site.flags();
    Running::start(&site.path("kymo-data"), &flags.each_ref().map(String::as_str))
}

/// What is sent in one second: other values every second, two names below one folder, one elsewhere, one with tags.
fn lines(at: i64) -> String {
    let wave = (at % 17) as f64 / 4.0;
    format!("tree.a.x {wave} {at}\ntree.a.y -{wave} {at}\ntree.b {at} {at}\ntree.t;z=1;a=2 {wave} {at}\n")
}

/// The body of a GET, as JSON.
fn get(port: u16, path: &str) -> Value {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("answered");
    let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.contains(" 200 "), "{path}: {text}");
    serde_json::from_str(body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
}

/// Names and points of an answer, sorted by name: the order of a folder's files is the file system's.
fn points(answer: &Value) -> Vec<(String, Value)> {
    let one = |series: &Value| (series["target"].as_str().expect("a name").to_owned(), series["datapoints"].clone());
    let mut points: Vec<_> = answer.as_array().expect("a list").iter().map(one).collect();
    points.sort_by(|one, other| one.0.cmp(&other.0));
    points
}

/// Sends lines every quarter of a second until told to stop, as it looks to whoever reads meanwhile.
fn while_written<T>(port: u16, work: impl FnOnce() -> T) -> T {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                send_tcp(port, &lines(now()));
                thread::sleep(Duration::from_millis(250));
            }
        });
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        stop.store(true, Ordering::Relaxed);
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[test]
fn graphite_web_reads_what_kymo_writes_while_it_writes() {
    let site = Site::new(SCHEMAS, AVERAGES);
    let Some((_web, web)) = site.graphite_web() else { return };
    let kymo = serve(&site);
    let began = now();
    while_written(kymo.carbon.port(), || {
        // Long enough for rolled-up points that are whole.
        while now() < began + 14 {
            thread::sleep(Duration::from_millis(200));
        }
        let until = now() - 3;
        let rolled = until - until % 5 - 1;
        for (target, from, until) in [
            ("tree.a.*", began - 1, until),
            ("tree.*", began + 3, until),
            ("sumSeries(tree.a.*)", began - 1, until),
            ("movingAverage(tree.b,3)", began + 5, until),
            ("tree.a.x", until - 500, rolled),
            ("alias(scale(tree.b,2),'twice')", until - 500, rolled),
        ] {
            let path = format!("/render?target={target}&from={from}&until={until}&format=json");
            let (theirs, ours) = (points(&get(web, &path)), points(&get(kymo.http.port(), &path)));
            assert_eq!(theirs, ours, "{path}");
            let known = theirs.iter().flat_map(|(_, points)| points.as_array().expect("points"));
            assert!(known.filter(|point| !point[0].is_null()).count() >= 2, "{path} has no values: {theirs:?}");
        }
    });
}

#[test]
fn kymo_reads_what_carbon_cache_writes_while_it_writes() {
    let site = Site::new(SCHEMAS, AVERAGES);
    let [line, pickle] = ports();
    let Some(_carbon) = site.carbon_cache(line, pickle) else { return };
    let kymo = serve(&site);
    let began = now();
    while_written(line, || {
        let patience = Instant::now() + PATIENCE;
        loop {
            let path = format!("/render?target=tree.b&from={}&until={}&format=json", began - 3, now() - 2);
            let answer = get(kymo.http.port(), &path);
            let shown = answer[0]["datapoints"].as_array().cloned().unwrap_or_default();
            let known: Vec<&Value> = shown.iter().filter(|point| !point[0].is_null()).collect();
            // The value is the second that it was sent in.
            assert!(known.iter().all(|point| point[0].as_f64() == point[1].as_f64()), "{answer}");
            if known.len() >= 4 {
                break;
            }
            assert!(Instant::now() < patience, "{answer}");
            thread::sleep(Duration::from_millis(300));
        }
        kymo.wait("sumSeries(tree.a.*)", |values| values.len() > 2 && values.iter().all(|sum| *sum == 0.0));
    });
}

fn kymo_whisper(tool: &str, args: &[&str], file: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kymo"));
    command.args(["whisper", tool]).args(args).arg(file);
    String::from_utf8(output(&mut command).stdout).expect("UTF-8")
}

#[test]
fn the_tools_of_both_agree_on_files_of_both() {
    let (ours, theirs) = (Site::new(SCHEMAS, AVERAGES), Site::new(SCHEMAS, AVERAGES));
    let [line, pickle] = ports();
    let at = now();
    let sent: String = (0..40).rev().map(|ago| lines(at - ago)).collect();
    {
        let Some(_carbon) = theirs.carbon_cache(line, pickle) else { return };
        let kymo = serve(&ours);
        send_tcp(line, &sent);
        send_tcp(kymo.carbon.port(), &sent);
        let patience = Instant::now() + PATIENCE;
        while [&ours, &theirs].iter().any(|site| whisper_files(&site.tree()).len() < 4) {
            assert!(Instant::now() < patience, "{:?}", whisper_files(&theirs.tree()));
            thread::sleep(Duration::from_millis(100));
        }
        // carbon-cache writes what it holds when it is told to stop, at the end of this block, or before.
        thread::sleep(Duration::from_secs(2));
    }
    let (from, until) = ((at - 45).to_string(), (at + 1).to_string());
    for site in [&ours, &theirs] {
        for file in whisper_files(&site.tree()) {
            let path = site.tree().join(file);
            let fetched = whisper_fetch(&path, at - 45, at + 1).expect("the tool was there before");
            let window = [&*format!("--from={from}"), &*format!("--until={until}"), "--drop=nulls"];
            let printed = kymo_whisper("fetch", &window, &path);
            let point = |line: &str| {
                line.split_once('\t').map(|(at, value)| (at.parse().expect("a time"), value.parse().expect("a value")))
            };
            let printed: Vec<(i64, f64)> = printed.lines().filter_map(point).collect();
            assert!(fetched.len() >= 20, "{}: {} points", path.display(), fetched.len());
            assert_eq!(printed, fetched, "{}", path.display());
            let mut info = peers::run_script("whisper-info.py").expect("the tool was there before");
            let described = String::from_utf8(output(info.arg(&path)).stdout).expect("UTF-8");
            assert_eq!(kymo_whisper("info", &[], &path), described, "{}", path.display());
        }
    }
}
