//! A real kymo process on free ports, as a test sees it: its addresses, its HTTP answers, its end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for anything that a healthy process does at once or within a few flushes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A process that is killed when the test lets go of it.
pub struct Running {
    process: Child,
    /// Where StatsD datagrams go.
    pub statsd: SocketAddr,
    /// Where carbon lines go, TCP and UDP.
    pub carbon: SocketAddr,
    /// Where carbon's pickles go.
    pub pickle: SocketAddr,
    /// Where HTTP is answered.
    pub http: SocketAddr,
}

impl Running {
    /// `kymo serve` on free ports with this data folder, flushing every second unless asked otherwise.
    pub fn start(data: &Path, more: &[&str]) -> Running {
        Running::start_at(data, "127.0.0.1:0", more)
    }

    /// The same with HTTP at this address.
    pub fn start_at(data: &Path, http: &str, more: &[&str]) -> Running {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kymo"));
        command.arg("serve").arg("--data").arg(data);
        if !more.contains(&"--flush-interval") {
            command.args(["--flush-interval", "1s"]);
        }
        for listener in ["--statsd", "--carbon", "--carbon-pickle"] {
            command.args([listener, "127.0.0.1:0"]);
        }
        command.args(["--http", http]);
        let mut process = command.args(more).stdout(Stdio::piped()).spawn().expect("kymo starts");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines().map_while(Result::ok);
        let mut address = |word: &str| {
            let line = lines.find(|line| line.starts_with(word)).unwrap_or_else(|| panic!("kymo said no {word}"));
            let last = line.split_whitespace().last().expect("an address");
            last.rsplit("://").next().expect("an address").trim_end_matches('/').parse().expect("an address")
        };
        let [statsd, carbon, pickle, http] = ["statsd", "carbon", "pickle", "http"].map(&mut address);
        // Nobody reads further output; a full pipe must not stop the process.
        std::thread::spawn(move || lines.for_each(drop));
        Running { process, statsd, carbon, pickle, http }
    }

    /// Sends each text as one StatsD datagram.
    pub fn send(&self, datagrams: &[&str]) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        for datagram in datagrams {
            socket.send_to(datagram.as_bytes(), self.statsd).expect("sent");
        }
    }

    /// Status, headers and body of a GET.
    pub fn get(&self, path: &str) -> (u16, String, Vec<u8>) {
        self.ask("GET", path, &[])
    }

    /// The same with another method and headers.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, String, Vec<u8>) {
        let mut stream = TcpStream::connect(self.http).expect("connects");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        write!(stream, "{method} {path} HTTP/1.0\r\nHost: kymo\r\n{headers}\r\n").expect("asked");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("answered");
        let end = answer.windows(4).position(|at| at == b"\r\n\r\n").expect("a header");
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let status = head.split_whitespace().nth(1).and_then(|code| code.parse().ok()).expect("a status");
        (status, head, answer[end + 4..].to_vec())
    }

    /// The JSON of a /render request.
    pub fn render(&self, query: &str) -> serde_json::Value {
        let (status, _, body) = self.get(&format!("/render?format=json&{query}"));
        assert_eq!(status, 200, "{query}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).expect("JSON")
    }

    /// The values of the first series that a target gives, gaps left out.
    pub fn values(&self, target: &str) -> Vec<f64> {
        let answer = self.render(&format!("from=-5min&target={target}"));
        let points = answer[0]["datapoints"].as_array().cloned().unwrap_or_default();
        points.iter().filter_map(|point| point[0].as_f64()).collect()
    }

    /// Waits until the values of a target satisfy the test, and returns them.
    pub fn wait(&self, target: &str, enough: impl Fn(&[f64]) -> bool) -> Vec<f64> {
        let start = Instant::now();
        loop {
            let values = self.values(target);
            if enough(&values) {
                return values;
            }
            assert!(start.elapsed() < PATIENCE, "{target} is still {values:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Sends a signal by its name.
    pub fn signal(&self, signal: &str) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &pid]).status().expect("kill runs");
        assert!(sent.success(), "kill -s {signal} {pid}");
    }

    /// Sends a signal by its name and waits for the end; true for a clean exit.
    pub fn stop(mut self, signal: &str) -> bool {
        self.signal(signal);
        self.process.wait().expect("waited for").success()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already ended when `stop` was called; an error then says just that.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
