//! From packet to picture with the real program: datagrams and lines in, JSON and PNG out, and nothing lost at its end.

use crate::running::Running;
use std::io::Write;
use std::net::{TcpStream, UdpSocket};
use std::process::Command;
use tempfile::tempdir;

fn total(values: &[f64]) -> f64 {
    values.iter().sum()
}

#[test]
fn a_datagram_becomes_points_within_two_flushes() {
    let data = tempdir().unwrap();
    let kymo = Running::start(data.path(), &[]);
    kymo.send(&[
        "shop.visits:3|c\nshop.visits:4|c",
        "shop.load:70|g\nshop.load:-3|g",
        "shop.users:ann|s\nshop.users:bob|s",
    ]);
    kymo.send(&["shop.time:320|ms|@0.1", "shop.time:100|ms"]);
    let visits = kymo.wait("stats_counts.shop.visits", |values| total(values) > 0.0);
    assert_eq!(total(&visits), 7.0);
    assert_eq!(kymo.wait("stats.gauges.shop.load", |values| !values.is_empty())[0], 67.0);
    assert_eq!(kymo.wait("stats.sets.shop.users.count", |values| !values.is_empty())[0], 2.0);
    assert_eq!(kymo.wait("stats.timers.shop.time.upper", |values| !values.is_empty())[0], 320.0);
    let sampled = kymo.wait("stats.timers.shop.time.count", |values| total(values) > 0.0);
    assert_eq!(total(&sampled), 11.0);
}

#[test]
fn a_series_is_found_and_drawn() {
    let data = tempdir().unwrap();
    let kymo = Running::start(data.path(), &[]);
    kymo.send(&["web.hits:1|c"]);
    kymo.wait("stats_counts.web.hits", |values| !values.is_empty());
    let (status, head, body) = kymo.get("/metrics/find?query=stats_counts.*");
    assert_eq!(status, 200, "{head}");
    assert!(String::from_utf8_lossy(&body).contains("\"web\""));
    let (status, head, png) = kymo.get("/render?target=stats_counts.web.*&from=-5min&width=800&height=400");
    assert!(status == 200 && head.contains("image/png"), "{head}");
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    assert_eq!(png[16..24], [0, 0, 3, 32, 0, 0, 1, 144], "800 x 400");
    let (status, head, page) = kymo.get("/");
    assert!(status == 200 && head.contains("text/html"), "{head}");
    assert!(String::from_utf8_lossy(&page).contains("<svg"), "the first page holds a graph");
}

#[test]
fn a_data_folder_is_asked_without_a_server_by_the_rules_that_are_given() {
    let data = tempdir().unwrap();
    let kymo = Running::start(data.path(), &[]);
    kymo.send(&["web.hits:2|c"]);
    kymo.wait("stats_counts.web.hits", |values| total(values) == 2.0);
    let ask = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kymo"));
        command.args(["query", "sumSeries(stats_counts.web.*)", "--from", "-2h", "--data"]).arg(data.path()).args(more);
        let output = command.output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (answered, _, told) = ask(&[]);
    assert!(!answered && told.contains("--server"), "{told}");
    assert!(kymo.stop("TERM"));
    // Two hours are read from minutes, whose method the rules say: a sum is the default for counts.
    let (answered, printed, told) = ask(&[]);
    assert!(answered && printed.contains("2"), "{printed}{told}");
    let rules = data.path().join("aggregation.conf");
    std::fs::write(&rules, "[all]\npattern = .*\nxFilesFactor = 0\naggregationMethod = avg_zero\n").unwrap();
    let (answered, other, _) = ask(&["--storage-aggregation", rules.to_str().unwrap()]);
    assert!(answered && other != printed, "{other}");
}

#[test]
fn carbon_lines_go_straight_to_the_store() {
    let data = tempdir().unwrap();
    let kymo = Running::start(data.path(), &[]);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let mut tcp = TcpStream::connect(kymo.carbon).unwrap();
    // CRLF as collectd sends it, a nan that is skipped, a line cut in two, a tail without an end.
    write!(tcp, "lab.temp 36.6 {now}\r\nlab.nan nan {now}\r\nlab.st").unwrap();
    tcp.flush().unwrap();
    write!(tcp, "ate 2 -1\nlab.tail;site=a 5 {now}").unwrap();
    drop(tcp);
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.send_to(format!("lab.udp 7 {now}\nbroken line\n").as_bytes(), kymo.carbon).unwrap();
    for (name, value) in [("lab.temp", 36.6), ("lab.state", 2.0), ("lab.tail;site=a", 5.0), ("lab.udp", 7.0)] {
        assert_eq!(kymo.wait(name, |values| !values.is_empty()), [value], "{name}");
    }
    assert!(kymo.values("lab.nan").is_empty());
}

#[test]
fn the_open_interval_survives_each_stop_signal_and_a_restart_within_it() {
    for signal in ["TERM", "INT"] {
        let data = tempdir().unwrap();
        let interval = ["--flush-interval", "4s"];
        let kymo = Running::start(data.path(), &interval);
        kymo.send(&["last.words:5|c"]);
        // A stop reads what the kernel has taken, so no wait is needed here.
        assert!(kymo.stop(signal), "SIG{signal} ends cleanly");
        let again = Running::start(data.path(), &interval);
        again.send(&["last.words:7|c"]);
        let values = again.wait("stats_counts.last.words", |values| total(values) >= 12.0);
        assert_eq!(total(&values), 12.0, "SIG{signal}: {values:?}");
    }
}

#[test]
fn what_was_flushed_survives_a_kill() {
    let data = tempdir().unwrap();
    let kymo = Running::start(data.path(), &[]);
    kymo.send(&["kept.hits:9|c"]);
    kymo.wait("stats_counts.kept.hits", |values| total(values) == 9.0);
    // It is seen before it is committed, and committed before the next flush begins.
    kymo.send(&["next.hits:1|c"]);
    kymo.wait("stats_counts.next.hits", |values| total(values) == 1.0);
    assert!(!kymo.stop("KILL"));
    let again = Running::start(data.path(), &[]);
    assert_eq!(total(&again.wait("stats_counts.kept.hits", |values| !values.is_empty())), 9.0);
}

#[test]
fn a_foreign_tree_stays_clean() {
    let (data, tree) = (tempdir().unwrap(), tempdir().unwrap());
    let kymo = Running::start(data.path(), &["--whisper", tree.path().to_str().unwrap()]);
    kymo.send(&["app.hits:1|c"]);
    kymo.wait("stats_counts.app.hits", |values| !values.is_empty());
    assert!(tree.path().join("stats_counts/app/hits.wsp").exists());
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert!(!tree.path().join("kymo").exists(), "kymo's own series stay in --data");
}

#[test]
fn nothing_is_lost_between_the_socket_and_the_store() {
    let data = tempdir().unwrap();
    let kymo = Running::start(data.path(), &[]);
    let good: Vec<String> = (0..500).map(|i| format!("sum.total:{}|c\nbad line {i}\n", i % 7)).collect();
    kymo.send(&good.iter().map(String::as_str).collect::<Vec<_>>());
    let sent: f64 = (0..500).map(|i| f64::from(i % 7)).sum();
    kymo.wait("stats_counts.sum.total", |values| total(values) == sent);
    let own = |name: &str| format!("sumSeries(kymo.statsd.{name}.count)");
    kymo.wait(&own("datagrams_read"), |values| total(values) == 500.0);
    kymo.wait(&own("samples"), |values| total(values) == 1000.0);
    kymo.wait(&own("applied"), |values| total(values) == 500.0);
    kymo.wait(&own("rejected.*"), |values| total(values) == 500.0);
}
