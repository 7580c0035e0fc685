//! `kymo check` as a monitor sees it: one line, performance data, an exit code. Against a running server and against a store.

use crate::running::Running;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Output and exit code of a check.
fn check(args: &[&str]) -> (String, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kymo"));
    let output = command.env_remove("KYMO_TOKEN").arg("check").args(args).output().expect("kymo runs");
    let text = String::from_utf8(output.stdout).expect("text");
    (text, output.status.code().expect("an exit code"))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// A server with `check.low` 5, `check.high` 600 and `check.old` 7, ten minutes ago.
fn measured(data: &std::path::Path) -> Running {
    let kymo = Running::start(data, &[]);
    let mut carbon = TcpStream::connect(kymo.carbon).expect("connects");
    let now = now();
    let points = format!("check.low 5 {now}\ncheck.high 600 {now}\nold.value 7 {}\n", now - 400);
    carbon.write_all(points.as_bytes()).expect("sent");
    drop(carbon);
    for name in ["check.low", "check.high"] {
        kymo.wait(name, |values| !values.is_empty());
    }
    kymo
}

#[test]
fn states_are_exit_codes_and_one_line() {
    let data = tempfile::tempdir().expect("a folder");
    let kymo = measured(data.path());
    let url = format!("http://{}", kymo.http);
    let judged = |args: &[&str]| check(&[&["--url", &url], args].concat());

    let low = ["-t", "check.low", "-w", "250", "-c", "500"];
    assert_eq!(judged(&low), ("KYMO OK - check.low 5 | 'check.low'=5;250;500;;\n".to_owned(), 0));
    let (line, code) = judged(&["-t", "check.low", "-w", "~:4", "-c", "500"]);
    assert_eq!((line.as_str(), code), ("KYMO WARNING - check.low 5 (warning ~:4) | 'check.low'=5;~:4;500;;\n", 1));
    let (line, code) = judged(&["-t", "check.*", "-w", "250", "-c", "@500:700"]);
    assert!(line.starts_with("KYMO CRITICAL - 1 of 2 series: check.high 600 (critical @500:700) | "), "{line}");
    assert!(line.contains("'check.low'=5;250;@500:700;;"), "{line}");
    assert_eq!(code, 2);
    assert_eq!(judged(&["-t", "sumSeries(check.*)", "-c", "604:606"]).1, 0);

    for (state, expected) in [("ok", 0), ("warning", 1), ("critical", 2), ("unknown", 3)] {
        let (line, code) = judged(&["-t", "nosuch.*", "-w", "1", "--no-data", state]);
        assert_eq!(line, format!("KYMO {} - no series: nosuch.*\n", state.to_uppercase()));
        assert_eq!(code, expected);
        assert_eq!(judged(&["-t", "old.value", "-w", "9", "--age", "300", "--no-data", state]).1, expected);
    }
    let (line, _) = judged(&["-t", "old.value", "-w", "9", "--age", "300"]);
    assert!(line.starts_with("KYMO UNKNOWN - old.value has no data for 4"), "{line}");
    assert_eq!(judged(&["-t", "old.value", "-w", "9"]).1, 0, "without an age any value within the range counts");
    assert!(kymo.stop("TERM"));

    // The same from the store itself, once no server has it open.
    let folder = data.path().to_str().expect("UTF-8");
    let (line, code) = check(&["--data", folder, "-t", "check.*", "-w", "250", "-c", "500", "--from", "-1h"]);
    assert!(line.starts_with("KYMO CRITICAL - 1 of 2 series: check.high 600 (critical 500)"), "{line}");
    assert_eq!(code, 2);
}

#[test]
fn whatever_goes_wrong_is_unknown() {
    let data = tempfile::tempdir().expect("a folder");
    let kymo = Running::start(data.path(), &[]);
    let url = format!("http://{}", kymo.http);
    let folder = data.path().to_str().expect("UTF-8");
    for (args, told) in [
        (&["--url", &url, "-t", "nofunction(a)", "-w", "1"][..], "unknown function `nofunction`"),
        (&["--url", &url, "-t", "a", "-w", "20:10"], "starts above its end"),
        (&["--url", &url, "-t", "a", "-w", "a|b"], "is no range"),
        (&["--url", &url, "-w", "1"], "--target"),
        (&["--url", "http://127.0.0.1:9", "-t", "a"], "is kymo running there?"),
        (&["--data", folder, "-t", "a"], "a running kymo has"),
        (&["--url", &url, "-t", "a", "--token-file", "/nonexistent"], "open /nonexistent"),
    ] {
        let (line, code) = check(args);
        assert!(line.starts_with("KYMO UNKNOWN - ") && line.contains(told), "{args:?}: {line}");
        assert_eq!((line.lines().count(), code), (1, 3), "{args:?}");
        assert!(!line.contains('|'), "{line}");
    }
    assert_eq!(check(&["--help"]).1, 0);
}

#[test]
fn a_check_ends_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let begun = Instant::now();
    let (line, code) = check(&["--url", &url, "-t", "a", "-w", "1", "--timeout", "1"]);
    assert!(line.starts_with("KYMO UNKNOWN - "), "{line}");
    assert_eq!(code, 3);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

#[test]
fn the_token_of_a_file_is_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let asked = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("asked");
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).expect("reads") == 1 {
            head.push(byte[0]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]").expect("answered");
        String::from_utf8(head).expect("text")
    });
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "kymo_name_secret\n").expect("written");
    let (line, code) =
        check(&["--url", &url, "-t", "a", "-w", "1", "--token-file", file.path().to_str().expect("UTF-8")]);
    assert_eq!((line.as_str(), code), ("KYMO UNKNOWN - no series: a\n", 3));
    let head = asked.join().expect("asked").to_lowercase();
    assert!(head.contains("authorization: bearer kymo_name_secret\r\n"), "{head}");
    assert!(head.starts_with("get /render?target=a&format=json&from=-600s"), "{head}");
}
