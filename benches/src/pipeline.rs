//! End to end: datagrams through a real socket into the agent and its flush into whisper files. What the kernel spends on
//! sending and receiving is part of it, because a user pays for it too.

use crate::Size;
use crate::agent::datagrams;
use crate::measure::{Measured, NS_PER_LINE, measure};
use statsd_agent::config::Server;
use statsd_agent::{Agent, Config, Sinks};
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tsdb::{Rules, Store, StoreLimits, WhisperStore};

/// Sent at once before the sender lets the receivers come along; well below any receive buffer.
const BURST: usize = 64;

fn millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// Every line arrives and is applied, or the bench fails: a fast server that loses lines is not fast.
pub fn run(size: Size) -> Vec<Measured> {
    let folder = tempfile::tempdir().expect("a folder");
    let store: Arc<dyn Store> =
        Arc::new(WhisperStore::open(folder.path(), Rules::default(), StoreLimits::default()).expect("opens"));
    let config =
        Config { servers: vec![Server::Udp((Ipv4Addr::LOCALHOST, 0).into())], console: None, ..Config::default() };
    let sinks = Sinks { store: Some(Arc::clone(&store)), ..Sinks::default() };
    let agent = Agent::start(&config, sinks, millis).expect("starts");
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    socket.connect(agent.statsd_addr().expect("an address")).expect("connects");
    let sent = datagrams(size.units, size.names, |_| "1|c".to_string());
    let mut lines = 0;
    let measured = measure("pipeline/udp_counter_lines_sent_and_tallied", NS_PER_LINE, size.rounds, size.units, || {
        for burst in sent.chunks(BURST) {
            for datagram in burst {
                socket.send(datagram).expect("sent");
                lines += datagram.split(|&byte| byte == b'\n').count() as u64;
            }
            while agent.counters().lines.get() < lines {
                thread::sleep(Duration::from_micros(20));
            }
        }
    });
    assert_eq!(agent.counters().applied.get(), lines, "every line was applied");
    agent.stop();
    assert!(store.counters().of("points_written") >= size.names as u64, "the last flush reached the files");
    vec![measured]
}
