//! The agent as its callers see it: real sockets on free ports, real threads, a Graphite that listens.

mod carbon;
mod commits;
mod echo;
mod edges;
mod names;
mod sketches;
mod streams;
mod udp;

use statsd_agent::config::{Align, Flush, Server, StreamLimits};
use statsd_agent::flush::carbon::CarbonTarget;
use statsd_agent::flush::outlet::Protocol;
use statsd_agent::{Agent, Config, Sinks};
use std::collections::BTreeMap;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since the epoch.
fn clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

fn loopback() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

/// An agent's configuration on free loopback ports, without console, whose only flush is the one at its stop.
fn quiet(servers: Vec<Server>) -> Config {
    let flush = Flush { interval_ms: 3_600_000, align: Align::WallClock, ..Flush::default() };
    Config { servers, flush, console: None, streams: StreamLimits::default(), ..Config::default() }
}

/// A Graphite: everything that was sent to it, summed by name.
struct Graphite {
    port: u16,
    text: Arc<Mutex<String>>,
}

impl Graphite {
    fn listen() -> Graphite {
        let listener = TcpListener::bind(loopback()).expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let text = Arc::new(Mutex::new(String::new()));
        let into = Arc::clone(&text);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut flush = String::new();
                stream.expect("a connection").read_to_string(&mut flush).expect("text");
                into.lock().expect("nobody panicked").push_str(&flush);
            }
        });
        Graphite { port, text }
    }

    fn sinks(&self) -> Sinks {
        let carbon =
            CarbonTarget { host: "127.0.0.1".into(), port: self.port, protocol: Protocol::Text, spool_bytes: 1 << 20 };
        Sinks { carbon: Some(carbon), ..Sinks::default() }
    }

    /// The sums over all flushes. The agent has stopped, so that everything was sent; the last bytes may still be read.
    fn sums(&self, until: impl Fn(&BTreeMap<String, f64>) -> bool) -> BTreeMap<String, f64> {
        let mut sums = BTreeMap::new();
        for _ in 0..500 {
            sums.clear();
            for line in self.text.lock().expect("nobody panicked").lines() {
                let fields: Vec<&str> = line.split(' ').collect();
                *sums.entry(fields[0].to_owned()).or_insert(0.0) += fields[1].parse::<f64>().expect("a number");
            }
            if until(&sums) {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        sums
    }
}

/// Waits until the condition holds, for ten seconds at most.
fn wait_until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..2000 {
        if condition() {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("waited ten seconds for {what}");
}

fn start(config: &Config, sinks: Sinks) -> Agent {
    Agent::start(config, sinks, clock).expect("free ports")
}
