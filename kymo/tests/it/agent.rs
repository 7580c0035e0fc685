//! `kymo agent` as a process: statsd's configuration file in, text to Graphite out, and nothing lost at a signal.

use crate::ports::ports;
use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

fn flushed_at(signal: &str) -> String {
    let graphite = TcpListener::bind("127.0.0.1:0").expect("a port");
    let [statsd, console] = ports();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("config.js");
    let config = format!(
        "// statsd's own file\nmodule.exports = {{ port: {statsd}, address: '127.0.0.1', mgmt_port: {}, mgmt_address: '127.0.0.1',\n\
         graphiteHost: '127.0.0.1', graphitePort: {}, flushInterval: 3600 * 0 + 3600000 }};\n",
        console,
        graphite.local_addr().expect("bound").port(),
    );
    // An expression is refused by name, not evaluated.
    fs::write(&path, &config).expect("written");
    let command = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kymo"));
        command.arg("agent").arg("--statsd-config").arg(&path).stderr(Stdio::piped()).stdout(Stdio::null());
        command
    };
    let refused = command().output().expect("kymo runs");
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told.contains("config.js") && told.contains("not evaluated"), "{told}");

    fs::write(&path, config.replace("3600 * 0 + ", "")).expect("written");
    let mut process = command().stderr(Stdio::null()).spawn().expect("kymo starts");
    let patience = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(("127.0.0.1", console)).is_err() {
        assert!(Instant::now() < patience, "the console never opened");
        thread::sleep(Duration::from_millis(20));
    }
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    for _ in 0..100 {
        socket.send_to(b"beats:3|c\npulse:71|g\nbad", ("127.0.0.1", statsd)).expect("sent");
    }
    let pid = process.id().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().expect("kill runs").success());
    let mut text = String::new();
    graphite.accept().expect("a connection").0.read_to_string(&mut text).expect("text");
    assert!(process.wait().expect("ended").success(), "a signal is an ordinary end");
    text
}

#[test]
fn a_signal_flushes_the_open_interval_before_the_end() {
    for signal in ["-TERM", "-INT"] {
        let text = flushed_at(signal);
        for line in ["stats_counts.beats 300 ", "stats.gauges.pulse 71 ", "stats_counts.statsd.bad_lines_seen 100 "] {
            assert!(text.contains(line), "{signal}: {line:?} in {text}");
        }
    }
}
