//! The original programs as processes: their folders, their ports, their end. What a test starts here is gone when it ends.

use crate::ports::ports;
use conformance::peers;
use std::fs::{self, File};
use std::io::Write;
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// Longest wait for what takes a healthy process a second or two.
const PATIENCE: Duration = Duration::from_secs(20);

/// A second of 1970's count.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

/// Asks until there is an answer.
pub fn wait<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        thread::sleep(Duration::from_millis(30));
    }
}

/// Sends text over a connection of its own.
pub fn send_tcp(port: u16, text: &str) {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("connects");
    stream.write_all(text.as_bytes()).expect("sent");
}

/// Sends a datagram.
pub fn send_udp(port: u16, text: &str) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    socket.send_to(text.as_bytes(), (Ipv4Addr::LOCALHOST, port)).expect("sent");
}

/// A running program, killed when the test lets go of it.
pub struct Original {
    process: Child,
    log: PathBuf,
}

impl Original {
    /// Starts it with its output in a file, and waits until it listens on a port.
    pub fn start(mut command: Command, log: PathBuf, port: u16) -> Original {
        let output = File::create(&log).expect("a log");
        let errors = output.try_clone().expect("a log");
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let process = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut original = Original { process, log };
        wait(&format!("{command:?} to listen on {port}"), || {
            let ended = original.process.try_wait().expect("asked");
            assert!(ended.is_none(), "{command:?} ended: {ended:?}\n{}", original.log());
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()
        });
        original
    }

    /// What it printed.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it as an operator would.
    pub fn stop(mut self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
        wait("an end after SIGTERM", || self.process.try_wait().expect("asked"));
    }
}

impl Drop for Original {
    fn drop(&mut self) {
        // Has ended already when it was stopped.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The folder of a Graphite: `conf`, `storage/whisper`, and whatever a test writes.
pub struct Site {
    folder: TempDir,
}

impl Site {
    /// One with these storage-schemas.conf and storage-aggregation.conf.
    pub fn new(schemas: &str, aggregation: &str) -> Site {
        let site = Site { folder: tempfile::tempdir().expect("a folder") };
        for folder in ["conf", "storage/whisper", "storage/log/webapp"] {
            fs::create_dir_all(site.path(folder)).expect("made");
        }
        site.write("conf/storage-schemas.conf", schemas);
        site.write("conf/storage-aggregation.conf", aggregation);
        site
    }

    /// A path inside.
    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// The same as text.
    pub fn text(&self, path: &str) -> String {
        self.path(path).to_str().expect("UTF-8").to_owned()
    }

    /// Where the whisper files lie.
    pub fn tree(&self) -> PathBuf {
        self.path("storage/whisper")
    }

    /// Writes a file, and answers its path.
    pub fn write(&self, path: &str, text: &str) -> PathBuf {
        fs::write(self.path(path), text).expect("written");
        self.path(path)
    }

    /// The flags that give kymo this tree and these rules.
    pub fn flags(&self) -> [String; 6] {
        let schemas = ["--storage-schemas".into(), self.text("conf/storage-schemas.conf")];
        let aggregation = ["--storage-aggregation".into(), self.text("conf/storage-aggregation.conf")];
        let [[a, b], [c, d]] = [schemas, aggregation];
        ["--whisper".into(), self.text("storage/whisper"), a, b, c, d]
    }

    /// One of carbon's daemons, which listens on this port; `conf` is added to its section of carbon.conf.
    pub fn carbon(&self, program: &str, port: u16, conf: &str) -> Option<Original> {
        let name = program.trim_end_matches(".py");
        let section = name.trim_start_matches("carbon-");
        let path = format!("conf/{name}.conf");
        self.write(&path, &format!("[{section}]\nENABLE_TAGS = False\nCARBON_METRIC_INTERVAL = 0\n{conf}"));
        let mut command = peers::run_script(&format!("{name}.py"))?;
        command.env("GRAPHITE_ROOT", self.path("")).env("GRAPHITE_CONF_DIR", self.path("conf"));
        command.env("GRAPHITE_STORAGE_DIR", self.path("storage"));
        command.arg("--config").arg(self.path(&path)).arg("--nodaemon");
        command.arg("--pidfile").arg(self.path(&format!("{name}.pid"))).arg("start");
        Some(Original::start(command, self.path(&format!("storage/log/{name}.log")), port))
    }

    /// carbon-cache with its usual receivers, writing what it gets at once.
    pub fn carbon_cache(&self, line: u16, pickle: u16) -> Option<Original> {
        let [query] = ports();
        let local = "INTERFACE = 127.0.0.1";
        let conf = format!(
            "LINE_RECEIVER_{local}\nLINE_RECEIVER_PORT = {line}\nPICKLE_RECEIVER_{local}\nPICKLE_RECEIVER_PORT = {pickle}\n\
             CACHE_QUERY_{local}\nCACHE_QUERY_PORT = {query}\nMAX_CREATES_PER_MINUTE = inf\nMAX_UPDATES_PER_SECOND = inf\n"
        );
        self.carbon("carbon-cache.py", line, &conf)
    }

    /// graphite-web over this folder, and the port where it answers.
    pub fn graphite_web(&self) -> Option<(Original, u16)> {
        self.write("site_settings.py", SITE_SETTINGS);
        let serve = self.write("serve.py", GRAPHITE_WEB);
        let [port] = ports();
        let mut command = Command::new(peers::python()?);
        command.arg(serve).arg(port.to_string()).env("PYTHONPATH", self.path(""));
        command.env("GRAPHITE_ROOT", self.path("")).env("GRAPHITE_SETTINGS_MODULE", "site_settings");
        Some((Original::start(command, self.path("storage/log/web.log"), port), port))
    }

    /// statsd from npm with this configuration, without its braces; it listens on `statsd` and its console on `console`.
    pub fn statsd(&self, statsd: u16, console: u16, config: &str) -> Option<Original> {
        let path = self.write("statsd.js", &statsd_config(statsd, console, config));
        let mut command = Command::new(peers::program("node")?);
        command.arg(peers::package("statsd")?.join("stats.js")).arg(path);
        Some(Original::start(command, self.path("storage/log/statsd.log"), console))
    }

    /// `kymo agent` in its place.
    pub fn kymo_agent(&self, statsd: u16, console: u16, config: &str) -> Original {
        let path = self.write("statsd.js", &statsd_config(statsd, console, config));
        let mut command = Command::new(env!("CARGO_BIN_EXE_kymo"));
        command.arg("agent").arg("--statsd-config").arg(path);
        Original::start(command, self.path("storage/log/kymo-agent.log"), console)
    }
}

fn statsd_config(statsd: u16, console: u16, config: &str) -> String {
    format!("{{ address: '127.0.0.1', port: {statsd}, mgmt_address: '127.0.0.1', mgmt_port: {console}, {config} }}\n")
}

const SITE_SETTINGS: &str = "
import os
SECRET_KEY = 'tests'
ALLOWED_HOSTS = ['*']
TIME_ZONE = 'UTC'
STORAGE_DIR = os.environ['GRAPHITE_ROOT'] + 'storage'
WHISPER_DIR = STORAGE_DIR + '/whisper'
LOG_DIR = STORAGE_DIR + '/log/webapp'
CARBONLINK_HOSTS = []
FIND_CACHE_DURATION = 0
DEFAULT_CACHE_DURATION = 0
";

const GRAPHITE_WEB: &str = "
import sys
from wsgiref.simple_server import make_server
from graphite.wsgi import application
make_server('127.0.0.1', int(sys.argv[1]), application).serve_forever()
";

/// Runs to the end; the output must say that it went well.
pub fn output(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The points of a file between two moments, gaps left out, as whisper-fetch.py prints them.
pub fn whisper_fetch(file: &Path, from: i64, until: i64) -> Option<Vec<(i64, f64)>> {
    let mut command = peers::run_script("whisper-fetch.py")?;
    command.arg(format!("--from={from}")).arg(format!("--until={until}")).args(["--drop=nulls"]).arg(file);
    let text = String::from_utf8(output(&mut command).stdout).expect("UTF-8");
    let point =
        |line: &str| line.split_once('\t').and_then(|(at, value)| Some((at.parse().ok()?, value.parse().ok()?)));
    Some(text.lines().map(|line| point(line).unwrap_or_else(|| panic!("{line:?}"))).collect())
}

/// Every whisper file below a folder, by its path from there.
pub fn whisper_files(tree: &Path) -> Vec<PathBuf> {
    let (mut folders, mut files) = (vec![tree.to_path_buf()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("listed") {
            let path = entry.expect("listed").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "wsp") {
                files.push(path.strip_prefix(tree).expect("below").to_path_buf());
            }
        }
    }
    files.sort();
    files
}
