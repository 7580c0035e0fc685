//! When the store is asked to make points safe: after each flush, and never for a block of carbon's.

use super::{clock, loopback, quiet, start, wait_until};
use statsd_agent::config::{CarbonListen, Server};
use statsd_agent::{Config, Sinks};
use std::io::Write;
use std::net::{TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use tsdb::{
    Archive, Counts, Error, Fetched, Node, Point, Rules, SeriesId, Store, StoreLimits, Timestamp, WhisperStore, Window,
    WriteReport,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Call {
    /// So many points.
    Write(usize),
    Commit,
}

/// A store that remembers what was asked of it.
struct Watched {
    store: WhisperStore,
    calls: Mutex<Vec<Call>>,
}

impl Watched {
    fn calls(&self) -> Vec<Call> {
        self.calls.lock().expect("whole").clone()
    }
}

impl Store for Watched {
    fn resolve(&self, name: &str) -> Result<SeriesId, Error> {
        self.store.resolve(name)
    }

    fn name(&self, series: SeriesId) -> Option<Arc<str>> {
        self.store.name(series)
    }

    fn series_count(&self) -> usize {
        self.store.series_count()
    }

    fn write(&self, now: Timestamp, points: &[Point]) -> WriteReport {
        self.calls.lock().expect("whole").push(Call::Write(points.len()));
        self.store.write(now, points)
    }

    fn commit(&self, now: Timestamp) -> Result<(), Error> {
        self.calls.lock().expect("whole").push(Call::Commit);
        self.store.commit(now)
    }

    fn sync(&self) {
        self.store.sync();
    }

    fn find(&self, pattern: &str) -> Result<Vec<Node>, Error> {
        self.store.find(pattern)
    }

    fn leaves(&self) -> Result<Vec<String>, Error> {
        self.store.leaves()
    }

    fn archives(&self, name: &str) -> Result<Option<Vec<Archive>>, Error> {
        self.store.archives(name)
    }

    fn fetch(&self, name: &str, window: Window, now: Timestamp) -> Result<Option<Fetched>, Error> {
        self.store.fetch(name, window, now)
    }

    fn counters(&self) -> Counts {
        self.store.counters()
    }

    fn recent_errors(&self) -> Vec<String> {
        self.store.recent_errors()
    }
}

#[test]
fn a_flush_is_committed_when_all_of_it_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = WhisperStore::open(folder.path(), Rules::default(), StoreLimits::default()).expect("a store");
    let store = Arc::new(Watched { store, calls: Mutex::default() });
    let config = Config { carbon: vec![CarbonListen::Tcp(loopback())], ..quiet(vec![Server::Udp(loopback())]) };
    let agent = start(&config, Sinks { store: Some(Arc::clone(&store) as Arc<dyn Store>), ..Sinks::default() });

    let text = format!("a 1 {0}\nb 2 {0}\n", clock() / 1000);
    TcpStream::connect(agent.carbon_addrs()[0]).expect("a connection").write_all(text.as_bytes()).expect("sent");
    wait_until("carbon's points", || agent.counters().carbon_in.points.get() == 2);
    let of_carbon = store.calls();
    assert!(of_carbon.iter().all(|call| *call != Call::Commit), "{of_carbon:?}");

    let socket = UdpSocket::bind(loopback()).expect("a port");
    socket.connect(agent.statsd_addr().expect("a UDP address")).expect("an address");
    socket.send(b"c:1|c\nd:1|c\ne:1|g").expect("sent");
    wait_until("the samples", || agent.counters().applied.get() == 3);
    agent.stop();
    let calls = store.calls();
    let [Call::Write(points), Call::Commit] = calls[of_carbon.len()..] else { panic!("{calls:?}") };
    assert!(points > 5, "counters, a gauge and the agent's own statistics: {points}");
}
