//! Real clients, real sockets, a real kymo: what their calls say is what /render answers.
//!
//! The calls stand in the scripts of `clients/`; the clients come from PyPI, npm, the crate registry and Debian
//! (`conformance/peers/install`). A flush may fall between two calls, so values are read over all flushes.

use crate::ports::ports;
use crate::running::Running;
use cadence::prelude::*;
use cadence::{BufferedUdpMetricSink, StatsdClient, UdpMetricSink};
use conformance::peers;
use std::fs;
use std::net::{TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tempfile::tempdir;

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/clients").join(name)
}

fn run(command: &mut Command) {
    let output = command.output().expect("the client runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Everything outside letters, digits and dots written as `%XX`.
fn encoded(target: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'_';
    target.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Waits for the values of one series to satisfy `enough`.
fn wait(kymo: &Running, name: &str, enough: impl Fn(&[f64]) -> bool) -> Vec<f64> {
    kymo.wait(&encoded(name), enough)
}

/// A name around which a statistic's own is written; tags stay last.
fn named(before: &str, series: &str, after: &str) -> String {
    let (base, tags) = series.split_at(series.find(';').unwrap_or(series.len()));
    format!("{before}.{base}{after}{tags}")
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9 * a.abs().max(1.0)
}

fn counter(kymo: &Running, series: &str, count: f64) {
    wait(kymo, &named("stats_counts", series, ""), |values| {
        !values.is_empty() && close(values.iter().sum::<f64>(), count)
    });
}

fn gauge(kymo: &Running, series: &str, last: f64) {
    wait(kymo, &named("stats.gauges", series, ""), |values| values.last().is_some_and(|&value| close(value, last)));
}

/// The number of events, and the lowest and highest value.
fn timer(kymo: &Running, series: &str, count: f64, lower: f64, upper: f64) {
    let stat = |stat: &str| named("stats.timers", series, &format!(".{stat}"));
    wait(kymo, &stat("count"), |values| close(values.iter().sum::<f64>(), count));
    let lowest = wait(kymo, &stat("lower"), |values| !values.is_empty());
    let highest = wait(kymo, &stat("upper"), |values| !values.is_empty());
    assert!(close(lowest.iter().copied().fold(f64::INFINITY, f64::min), lower), "{series}: {lowest:?}");
    assert!(close(highest.iter().copied().fold(f64::NEG_INFINITY, f64::max), upper), "{series}: {highest:?}");
}

/// The distinct members; where a flush parted the calls, each interval counts its own.
fn set(kymo: &Running, series: &str, members: f64, calls: f64) {
    let name = named("stats.sets", series, ".count");
    let sizes = wait(kymo, &name, |values| values.iter().sum::<f64>() >= members);
    let parted = sizes.iter().filter(|&&size| size > 0.0).count() > 1;
    let most = if parted { calls } else { members };
    assert!(sizes.iter().sum::<f64>() <= most, "{series}: {sizes:?}");
}

/// The value that the series has in one second.
fn dated(kymo: &Running, name: &str, at_secs: u64, value: f64) {
    wait(kymo, name, |values| !values.is_empty());
    let answer = kymo.render(&format!("from=-5min&target={}", encoded(name)));
    let points = answer[0]["datapoints"].as_array().cloned().unwrap_or_default();
    let found: Vec<_> = points.iter().filter(|point| point[0].is_number()).collect();
    assert!(found.len() == 1 && found[0][0] == value && found[0][1] == at_secs, "{name}: {found:?}");
}

fn nothing_was_rejected(kymo: &Running) {
    wait(kymo, "sumSeries(kymo.statsd.applied.count)", |values| values.iter().sum::<f64>() > 0.0);
    let rejected = kymo.values(&encoded("sumSeries(kymo.statsd.rejected.*.count)"));
    assert_eq!(rejected.iter().sum::<f64>(), 0.0, "{rejected:?}");
}

#[test]
fn pypi_statsd() {
    let Some(python) = peers::python() else { return };
    let data = tempdir().unwrap();
    let kymo = Running::start(data.path(), &[]);
    run(Command::new(python).arg(script("statsd_py.py")).arg(kymo.statsd.port().to_string()));
    counter(&kymo, "jsocol.hits", 1.0 + 50.0 - 3.0);
    gauge(&kymo, "jsocol.queue", 63.0);
    gauge(&kymo, "jsocol.below", -12.0);
    timer(&kymo, "jsocol.save", 2.0, 2.5, 320.0);
    set(&kymo, "jsocol.users", 2.0, 3.0);
    counter(&kymo, "jsocol.with_space", 1.0);
    counter(&kymo, "jsocol.piped", 100.0);
    timer(&kymo, "jsocol.wait", 100.0, 0.0, 99.0);
    nothing_was_rejected(&kymo);
}

#[test]
fn pypi_datadog() {
    let Some(python) = peers::python() else { return };
    let data = tempdir().unwrap();
    let kymo = Running::start(data.path(), &[]);
    let past = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - 100;
    let (port, at) = (kymo.statsd.port().to_string(), past.to_string());
    run(Command::new(python).arg(script("datadog_py.py")).args([port, at]));
    counter(&kymo, "dog.hits;env=prod;route=-v1;solo=true", 5.0);
    gauge(&kymo, "dog.temp;env=prod;host=db1:5432", 36.6);
    timer(&kymo, "dog.wait;env=prod", 2.0, -0.5, 1.5);
    timer(&kymo, "dog.size;env=prod", 1.0, 12.0, 12.0);
    timer(&kymo, "dog.took;env=prod", 1.0, 320.0, 320.0);
    set(&kymo, "dog.peers;env=prod", 2.0, 3.0);
    dated(&kymo, "stats.gauges.dog.filled;env=prod", past, 70.0);
    dated(&kymo, "stats_counts.dog.backfilled;env=prod", past, 20.0);
    dated(&kymo, "stats.dog.backfilled;env=prod", past, 20.0);
    gauge(&kymo, "checks.sync.up;env=prod;region=eu", 2.0);
    for alert in ["warning", "error"] {
        wait(&kymo, &format!("kymo.statsd.events.{alert}.count"), |values| values.iter().sum::<f64>() == 1.0);
    }
    wait(&kymo, "kymo.statsd.dated.count", |values| values.iter().sum::<f64>() == 2.0);
    counter(&kymo, "packed.hits", 20.0);
    gauge(&kymo, "packed.level", 9.0);
    set(&kymo, "packed.who", 3.0, 3.0);
    timer(&kymo, "packed.spread", 10.0, 0.0, 9.0);
    timer(&kymo, "packed.lasted", 10.0, 0.0, 90.0);
    nothing_was_rejected(&kymo);
}

/// A program that is ended when the test lets go of it.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn gunicorn_statsd_host() {
    let Some(python) = peers::python() else { return };
    let data = tempdir().unwrap();
    let kymo = Running::start(data.path(), &[]);
    let [web] = ports();
    let folder = script("");
    let mut command = Command::new(python);
    command.args(["-m", "gunicorn", "--workers", "1", "--bind", &format!("127.0.0.1:{web}")]);
    command.args(["--statsd-host", &kymo.statsd.to_string(), "--statsd-prefix", "svc"]);
    command.args(["--dogstatsd-tags", "env:prod,team:cloud", "--worker-tmp-dir"]).arg(data.path());
    command.arg("--chdir").arg(folder).arg("gunicorn_app:app").env("PYTHONDONTWRITEBYTECODE", "1");
    let _gunicorn = Ended(command.stderr(Stdio::null()).spawn().expect("gunicorn starts"));
    let begun = Instant::now();
    for path in ["/", "/missing", "/"] {
        while !ask(web, path) {
            assert!(begun.elapsed() < Duration::from_secs(20), "gunicorn never answered");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    let tagged = |name: &str| format!("svc.gunicorn.{name};env=prod;team=cloud");
    counter(&kymo, &tagged("requests"), 3.0);
    counter(&kymo, &tagged("request.status.200"), 2.0);
    counter(&kymo, &tagged("request.status.404"), 1.0);
    gauge(&kymo, &tagged("workers"), 1.0);
    let durations = named("stats.timers", &tagged("request.duration"), ".count");
    wait(&kymo, &durations, |values| values.iter().sum::<f64>() == 3.0);
    nothing_was_rejected(&kymo);
}

/// Whether the web server answered a request.
fn ask(port: u16, path: &str) -> bool {
    use std::io::{Read, Write};
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    let asked = write!(stream, "GET {path} HTTP/1.0\r\n\r\n");
    let mut answer = String::new();
    asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.contains("beat")
}

#[test]
fn celery_statsd() {
    let Some(python) = peers::python() else { return };
    let data = tempdir().unwrap();
    let kymo = Running::start(data.path(), &[]);
    let mut command = Command::new(python);
    run(command.arg(script("celery_app.py")).arg(kymo.statsd.port().to_string()).current_dir(data.path()));
    counter(&kymo, "celery.tasks.welcome.success", 2.0);
    counter(&kymo, "celery.tasks.welcome.failure", 1.0);
    for timer in ["run", "enqueue"] {
        let count = format!("stats.timers.celery.tasks.welcome.{timer}.count");
        wait(&kymo, &count, |values| values.iter().sum::<f64>() == 3.0);
    }
    nothing_was_rejected(&kymo);
}

#[test]
fn npm_hot_shots() {
    let (Some(node), Some(package)) = (peers::program("node"), peers::package("hot-shots")) else { return };
    let data = tempdir().unwrap();
    let kymo = Running::start(data.path(), &[]);
    run(Command::new(node).arg(script("hot_shots.js")).arg(package).arg(kymo.statsd.port().to_string()));
    counter(&kymo, "hot.hits.js;env=prod;route=-v1;solo=true", 5.0);
    counter(&kymo, "hot.down.js;env=prod", -4.0);
    gauge(&kymo, "hot.temp.js;env=prod;host=db1:5432", 36.1);
    timer(&kymo, "hot.took.js;env=prod", 1.0, 320.5, 320.5);
    timer(&kymo, "hot.wait.js;env=prod", 1.0, 1.5, 1.5);
    timer(&kymo, "hot.size.js;env=prod", 1.0, 12.0, 12.0);
    set(&kymo, "hot.peers.js;env=prod", 2.0, 2.0);
    gauge(&kymo, "checks.hot.sync.up.js;env=prod;region=eu", 2.0);
    wait(&kymo, "kymo.statsd.events.success.count", |values| values.iter().sum::<f64>() == 1.0);
    counter(&kymo, "tele.hits;env=prod;host=a;url=http:--x:80-y", 5.0);
    timer(&kymo, "tele.took;env=prod;host=a", 1.0, 5.0, 5.0);
    counter(&kymo, "buf.hits", 100.0);
    nothing_was_rejected(&kymo);
}

#[test]
fn npm_node_statsd_statsd_client_and_lynx() {
    let packages = ["node-statsd", "statsd-client", "lynx"].map(peers::package);
    let (Some(node), [Some(one), Some(two), Some(three)]) = (peers::program("node"), packages) else { return };
    let data = tempdir().unwrap();
    let kymo = Running::start(data.path(), &[]);
    let mut command = Command::new(node);
    run(command.arg(script("node_clients.js")).args([one, two, three]).arg(kymo.statsd.port().to_string()));
    counter(&kymo, "ns.hits;env=prod", 4.0);
    gauge(&kymo, "ns.temp;env=prod", 36.6);
    timer(&kymo, "ns.took;env=prod", 1.0, 320.0, 320.0);
    timer(&kymo, "ns.wait;env=prod", 1.0, 1.5, 1.5);
    set(&kymo, "ns.users;env=prod", 2.0, 2.0);
    counter(&kymo, "ns.a;env=prod", 1.0);
    counter(&kymo, "ns.b;env=prod", 1.0);
    counter(&kymo, "sc.hits;env=prod", 4.0);
    gauge(&kymo, "sc.level;env=prod", 67.0);
    set(&kymo, "sc.users;env=prod", 1.0, 1.0);
    timer(&kymo, "sc.took;env=prod", 1.0, 320.0, 320.0);
    timer(&kymo, "sc.wait;env=prod", 1.0, 2.0, 2.0);
    counter(&kymo, "lx.hits", 7.0);
    gauge(&kymo, "lx.level", 99.0);
    timer(&kymo, "lx.took", 1.0, 320.0, 320.0);
    set(&kymo, "lx.users", 1.0, 1.0);
    counter(&kymo, "lx.batched", 1.0);
    counter(&kymo, "lx.other", 2.0);
    nothing_was_rejected(&kymo);
}

#[test]
fn the_crate_cadence() {
    let data = tempdir().unwrap();
    let kymo = Running::start(data.path(), &[]);
    let past = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - 100;
    let socket = || UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let sink = UdpMetricSink::from(kymo.statsd, socket()).expect("a sink");
    let cadence = StatsdClient::builder("cad", sink).with_tag("env", "prod").build();
    cadence.count_with_tags("hits", 5).with_tag("route", "/v1").with_tag_value("solo").send();
    cadence.count_with_tags("hits", 3).with_sampling_rate(0.5).send();
    cadence.gauge("temp", 36.6).expect("sent");
    cadence.time("took", vec![1, 2, 30]).expect("sent");
    cadence.histogram("wave", vec![512, 515, 530]).expect("sent");
    cadence.histogram("nanos", Duration::from_micros(2)).expect("sent");
    cadence.distribution("size", vec![0.1, 0.2]).expect("sent");
    cadence.meter("meter", 7).expect("sent");
    cadence.set("users", 42).expect("sent");
    cadence.count_with_tags("late", 4).with_timestamp(past).send();
    cadence.count_with_tags("boxed", 1).with_container_id("ci-83c0a99c").send();
    let buffered = StatsdClient::from_sink("buf", BufferedUdpMetricSink::from(kymo.statsd, socket()).expect("a sink"));
    for n in 0..100 {
        buffered.count("cad", n).expect("sent");
    }
    buffered.flush().expect("sent");
    counter(&kymo, "cad.hits;env=prod;route=-v1;solo=true", 5.0);
    counter(&kymo, "cad.hits;env=prod", 6.0);
    gauge(&kymo, "cad.temp;env=prod", 36.6);
    timer(&kymo, "cad.took;env=prod", 3.0, 1.0, 30.0);
    timer(&kymo, "cad.wave;env=prod", 3.0, 512.0, 530.0);
    timer(&kymo, "cad.nanos;env=prod", 1.0, 2000.0, 2000.0);
    timer(&kymo, "cad.size;env=prod", 2.0, 0.1, 0.2);
    counter(&kymo, "cad.meter;env=prod", 7.0);
    set(&kymo, "cad.users;env=prod", 1.0, 1.0);
    dated(&kymo, "stats_counts.cad.late;env=prod", past, 4.0);
    counter(&kymo, "cad.boxed;env=prod", 1.0);
    counter(&kymo, "buf.cad", 4950.0);
    nothing_was_rejected(&kymo);
}

#[test]
fn collectd_write_graphite() {
    let Some(collectd) = peers::program("collectd") else { return };
    let data = tempdir().unwrap();
    let kymo = Running::start(data.path(), &[]);
    let config = data.path().join("collectd.conf");
    // The cpu plugin counts; with rates its first interval is unknown, which is sent as nan.
    let text = format!(
        "Hostname \"box\"\nFQDNLookup false\nInterval 1\nBaseDir {0:?}\nPIDFile {1:?}\nLoadPlugin load\nLoadPlugin uptime\n\
         LoadPlugin cpu\nLoadPlugin write_graphite\n<Plugin write_graphite>\n <Node \"kymo\">\n  Host \"127.0.0.1\"\n\
         Port \"{2}\"\n  Protocol \"tcp\"\n  Prefix \"collectd.\"\n  StoreRates true\n </Node>\n</Plugin>\n",
        data.path(),
        data.path().join("collectd.pid"),
        kymo.carbon.port(),
    );
    fs::write(&config, text).expect("written");
    let mut command = Command::new(collectd);
    command.args(["-f", "-C"]).arg(&config).stdout(Stdio::null()).stderr(Stdio::null());
    let _collectd = Ended(command.spawn().expect("collectd starts"));
    let uptime = wait(&kymo, "collectd.box.uptime.uptime", |values| values.len() >= 2);
    assert!(uptime.windows(2).all(|pair| pair[1] >= pair[0]) && uptime[0] > 0.0, "{uptime:?}");
    for name in ["load.load.shortterm", "load.load.midterm", "load.load.longterm", "cpu-0.cpu-idle"] {
        let values = wait(&kymo, &format!("collectd.box.{name}"), |values| !values.is_empty());
        assert!(values.iter().all(|&value| (0.0..1e6).contains(&value)), "{name}: {values:?}");
    }
    wait(&kymo, "kymo.carbon.nan.count", |values| values.iter().sum::<f64>() > 0.0);
    for fault in ["bad", "refused"] {
        let found = kymo.values(&format!("kymo.carbon.{fault}.count"));
        assert_eq!(found.iter().sum::<f64>(), 0.0, "{fault}");
    }
}
