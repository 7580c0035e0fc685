//! The store as sink, and carbon's lines and pickles straight into it.

use super::{clock, loopback, quiet, start, wait_until};
use statsd_agent::config::{CarbonListen, Server};
use statsd_agent::counters::PickleReject;
use statsd_agent::{Config, Sinks};
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::sync::Arc;
use tsdb::{Rules, Store, StoreLimits, Timestamp, WhisperStore, Window, is_gap};

fn store() -> (tempfile::TempDir, Arc<dyn Store>) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = WhisperStore::open(folder.path(), Rules::default(), StoreLimits::default()).expect("a store");
    (folder, Arc::new(store))
}

/// The values of the last hours.
fn values(store: &dyn Store, name: &str) -> Vec<f64> {
    let now = Timestamp((clock() / 1000) as i64 + 7200);
    let window = Window { from: now - 4 * 3600, until: now };
    let fetched = store.fetch(name, window, now).expect("readable").unwrap_or_else(|| panic!("no series {name}"));
    fetched.values.into_iter().filter(|&value| !is_gap(value)).collect()
}

#[test]
fn statistics_are_series_of_the_store() {
    let (_folder, store) = store();
    let mut config = quiet(vec![Server::Udp(loopback())]);
    // The default step of the store, so that no flush falls into the slot of another.
    config.flush.interval_ms = 10_000;
    let agent = start(&config, Sinks { store: Some(Arc::clone(&store)), ..Sinks::default() });
    let socket = UdpSocket::bind(loopback()).expect("a port");
    socket.connect(agent.statsd_addr().expect("a UDP address")).expect("an address");
    socket.send(b"req:5|c\ntemp:36.6|g\nt:1|ms\nt:3|ms\nu:a|s|#env:prod").expect("sent");
    wait_until("five samples", || agent.counters().applied.get() == 5);
    agent.stop();
    assert!(values(&store, "stats_counts.req").contains(&5.0));
    assert!(values(&store, "stats.gauges.temp").iter().all(|&value| value == 36.6));
    assert!(values(&store, "stats.timers.t.mean_90").contains(&2.0));
    assert!(values(&store, "stats.sets.u.count;env=prod").contains(&1.0));
    assert!(!values(&store, "statsd.numStats").is_empty());
}

#[test]
fn carbon_lines_go_straight_to_the_store() {
    let (_folder, store) = store();
    let carbon = vec![CarbonListen::Tcp(loopback()), CarbonListen::Udp(loopback())];
    let agent =
        start(&Config { carbon, ..quiet(vec![]) }, Sinks { store: Some(Arc::clone(&store)), ..Sinks::default() });
    let [tcp, udp] = agent.carbon_addrs() else { panic!("two addresses") };
    assert_eq!(tcp, udp, "one port for both");
    let now = clock() / 1000;
    let text = format!(
        "collectd.load 1.5 {now}\r\ncollectd.unknown nan {now}\r\na;b=2;a=1 3 -1\nnot a point\n../../etc 1 {now}\nlast 7 {now}"
    );
    TcpStream::connect(tcp).expect("a connection").write_all(text.as_bytes()).expect("sent");
    let socket = UdpSocket::bind(loopback()).expect("a port");
    socket.send_to(format!("uwsgi.127_0_0_1:1.rq 2 {now}.5\n").as_bytes(), udp).expect("sent");
    let counters = &agent.counters().carbon_in;
    wait_until("seven lines", || counters.lines.get() == 7 && counters.points.get() >= 4);
    let seen = [&counters.points, &counters.nan, &counters.bad, &counters.refused].map(|count| count.get());
    assert_eq!(seen.iter().sum::<u64>(), 7);
    assert_eq!((seen[1], seen[2]), (1, 1), "{seen:?}");
    agent.stop();
    for (name, value) in [("collectd.load", 1.5), ("a;a=1;b=2", 3.0), ("last", 7.0), ("uwsgi.127_0_0_1:1.rq", 2.0)] {
        assert_eq!(values(&store, name), [value], "{name}");
    }
}

/// A frame with its length.
fn frame(pickle: &str) -> Vec<u8> {
    [&u32::try_from(pickle.len()).expect("short").to_be_bytes(), pickle.as_bytes()].concat()
}

#[test]
fn pickles_go_straight_to_the_store() {
    let (_folder, store) = store();
    let carbon = vec![CarbonListen::Tcp(loopback()), CarbonListen::Pickle(loopback())];
    let agent =
        start(&Config { carbon, ..quiet(vec![]) }, Sinks { store: Some(Arc::clone(&store)), ..Sinks::default() });
    let [_, pickle] = agent.carbon_addrs() else { panic!("two addresses") };
    let now = clock() / 1000;
    let point = |name: &str, value: &str| format!("(S'{name}'\n(L{now}L\n{value}tta");
    let good = [point("a.b", "S'1.5'\n"), point("c;y=1;x=2", "I7\n"), point("nan", "Fnan\n"), point("x", "N")];
    let [one, evil, two, mistake] = [
        format!("(l{}.", good.concat()),
        "cposix\nsystem\n(S'true'\ntR.".to_string(),
        format!("(l{}{}.", point("../../etc", "I1\n"), point("last", "I2\n")),
        "I5\n.".to_string(),
    ]
    .map(|pickle| frame(&pickle));
    let mut tcp = TcpStream::connect(pickle).expect("a connection");
    // Cut anywhere, also inside the length; a refused frame does not end the connection.
    for part in [one, evil, two, mistake].concat().chunks(7) {
        tcp.write_all(part).expect("sent");
        tcp.flush().expect("sent");
    }
    tcp.write_all(&frame("(lp0\n.")[..6]).expect("sent");
    drop(tcp);
    let counters = &agent.counters().carbon_in;
    wait_until("five frames", || counters.pickles.get() == 5);
    let mut tcp = TcpStream::connect(pickle).expect("a connection");
    tcp.write_all(&[0, 0x10, 0, 1]).expect("sent");
    assert!(matches!(tcp.read(&mut [0]), Ok(0) | Err(_)), "a frame too long ends the connection");
    wait_until("six points", || counters.lines.get() == 6 && counters.points.get() == 3);
    assert_eq!([&counters.nan, &counters.bad, &counters.refused].map(|count| count.get()), [1, 1, 1]);
    let rejected = PickleReject::ALL.map(|reason| counters.pickles_rejected(reason));
    assert_eq!((counters.pickles.get(), rejected), (6, [1, 0, 0, 1, 1, 1]));
    agent.stop();
    for (name, value) in [("a.b", 1.5), ("c;x=2;y=1", 7.0), ("last", 2.0)] {
        assert_eq!(values(&store, name), [value], "{name}");
    }
}

#[test]
fn carbon_lines_without_a_store_are_a_wrong_configuration() {
    let config = Config { carbon: vec![CarbonListen::Tcp(loopback())], ..quiet(vec![]) };
    let error = statsd_agent::Agent::start(&config, Sinks::default(), clock).err().expect("refused");
    assert!(error.to_string().contains("no store"), "{error}");
}
