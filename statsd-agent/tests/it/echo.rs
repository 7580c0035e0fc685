//! What is heard and passed on: repeaters over UDP and TCP, the log of messages, the most frequent names, printed flushes.

use super::{loopback, quiet, start, wait_until};
use statsd_agent::config::Server;
use statsd_agent::flush::print::Print;
use statsd_agent::inspect::{Form, Value};
use statsd_agent::listen::overhear::KeyFlush;
use statsd_agent::listen::repeat::{Target, Way};
use statsd_agent::told::{Told, channel};
use statsd_agent::{Agent, Config, Live, Sinks};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

fn send(agent: &Agent, datagrams: &[&[u8]]) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    for datagram in datagrams {
        socket.send_to(datagram, agent.statsd_addr().expect("an address")).expect("sent");
    }
}

fn repeating(target: SocketAddr, host: &str, way: Way) -> Config {
    let repeaters = vec![Target { host: host.into(), port: target.port(), way }];
    Config { repeaters, ..quiet(vec![Server::Udp(loopback()), Server::Tcp(loopback())]) }
}

#[test]
fn datagrams_are_repeated_as_they_came() {
    for (way, host, other) in [
        (Way::Udp4, "localhost", UdpSocket::bind("127.0.0.1:0").expect("a socket")),
        (Way::Udp6, "::1", UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).expect("a socket")),
    ] {
        other.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        let agent = start(&repeating(other.local_addr().expect("bound"), host, way), Sinks::default());
        let datagrams: [&[u8]; 4] = [b"a:1|c\nbad\n", b"\xff\0", b"", b"b:2|ms|#x:y"];
        send(&agent, &datagrams);
        let mut bytes = [0; 65_536];
        for datagram in datagrams {
            let n = other.recv(&mut bytes).expect("repeated");
            assert_eq!(&bytes[..n], datagram);
        }
        wait_until("the lines", || agent.counters().applied.get() == 2);
        // A stream's block may be longer than any datagram: it is parted between lines.
        let mut stream = TcpStream::connect(agent.statsd_addrs()[1]).expect("a connection");
        let lines = "some.counter:1|c\n".repeat(5_000);
        stream.write_all(lines.as_bytes()).expect("sent");
        let mut heard = Vec::new();
        while heard.len() < lines.len() {
            let n = other.recv(&mut bytes).expect("repeated");
            assert_eq!(bytes[n - 1], b'\n');
            heard.extend_from_slice(&bytes[..n]);
        }
        assert_eq!(heard, lines.as_bytes());
        assert_eq!(agent.counters().repeat_dropped.get(), 0);
    }
}

#[test]
fn streams_get_each_datagram_and_a_newline_across_a_restart() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = other.local_addr().expect("bound");
    let agent = start(&repeating(address, "127.0.0.1", Way::Tcp), Sinks::default());
    send(&agent, &[b"a:1|c", b"b:1|c\nc:1|c"]);
    let mut lines = BufReader::new(other.accept().expect("a connection").0).lines();
    let mut next = || lines.next().expect("a line").expect("text");
    assert_eq!([next(), next(), next()], ["a:1|c", "b:1|c", "c:1|c"]);
    // It goes away in order, and what is heard meanwhile waits.
    drop(lines);
    drop(other);
    std::thread::sleep(Duration::from_millis(50));
    send(&agent, &[b"d:1|c", b"e:1|c"]);
    wait_until("the lines", || agent.counters().applied.get() == 5);
    let other = TcpListener::bind(address).expect("the same port");
    let mut text = String::new();
    let mut stream = other.accept().expect("again").0;
    agent.stop();
    stream.read_to_string(&mut text).expect("text");
    assert_eq!(text, "d:1|c\ne:1|c\n");
}

#[test]
fn a_repeater_that_is_away_keeps_no_more_than_its_bound_and_holds_up_nobody() {
    let gone = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    let config = Config { echo_bytes: 10_000, ..repeating(gone, "127.0.0.1", Way::Tcp) };
    let agent = start(&config, Sinks::default());
    let datagram = [b'x'; 990];
    for _ in 0..100 {
        send(&agent, &[&datagram]);
    }
    wait_until("all of them", || agent.counters().samples.get() == 100);
    let counters = std::sync::Arc::clone(agent.counters());
    agent.stop();
    assert_eq!(counters.repeat_dropped.get() + counters.echo_dropped.get(), 100);
    assert!(counters.echo_dropped.get() >= 80, "{}", counters.echo_dropped.get());
}

#[test]
fn messages_names_and_flushes_are_told() {
    let (teller, told) = channel();
    let config = Config {
        messages: true,
        keys: Some(KeyFlush { interval_ms: 3_600_000, percent: 100.0, names: 10 }),
        print: Some(Print { form: Form::PLAIN, thresholds: vec![Value::Number(90.0)] }),
        ..quiet(vec![Server::Udp(loopback())])
    };
    let mut config = config;
    config.limits.member_bytes = 1 << 20;
    let agent = start(&config, Sinks { teller: Some(teller), ..Sinks::default() });
    send(&agent, &[b"u:b|s\nu:10|s\nu:a|s\nu:b|s"]);
    assert_eq!(told.recv_timeout(Duration::from_secs(10)), Ok(Told::Lines(b"u:b|s\nu:10|s\nu:a|s\nu:b|s\n".to_vec())));
    let live = |messages| Live { flush: config.flush.clone(), print: config.print.clone(), messages };
    agent.reconfigure(live(false));
    send(&agent, &[b"a b:1|c"]);
    wait_until("the line", || agent.counters().applied.get() == 5);
    agent.stop();
    let rest: Vec<Told> = told.into_iter().collect();
    let keys = [("u", 4), ("a_b", 1)].map(|(name, count)| (name.to_owned(), count));
    let Told::Flushed { text, .. } = &rest[1] else { panic!("{rest:?}") };
    assert_eq!(rest[0], Told::Keys(keys.to_vec()));
    assert!(text.contains("\n  sets: { u: [ '10', 'b', 'a' ] },\n  pctThreshold: [ 90 ]\n}"), "{text}");
    assert!(text.contains("\n    a_b: 1\n  },\n  timers: {},"), "{text}");
    assert_eq!(rest[2], Told::Counted(5));
}
