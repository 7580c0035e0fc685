//! Stream connections: lines split anywhere, ends without a newline, senders that stall, flood, reset or never end a line.

use super::{Graphite, loopback, quiet, start, wait_until};
use statsd_agent::config::{Console, Server, StreamLimits};
use statsd_agent::counters::Reject;
use statsd_agent::{Agent, Config};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};

fn tcp(streams: StreamLimits) -> Agent {
    start(&Config { streams, ..quiet(vec![Server::Tcp(loopback())]) }, Default::default())
}

fn connect(agent: &Agent) -> TcpStream {
    TcpStream::connect(agent.statsd_addr().expect("a TCP address")).expect("a connection")
}

#[test]
fn lines_are_joined_and_the_last_needs_no_newline() {
    let agent = tcp(StreamLimits::default());
    let mut stream = connect(&agent);
    for part in [&b"abc:1"[..], b"|c\nd:2", b"|c\ne:3|c\nf:4|", b"c"] {
        stream.write_all(part).expect("sent");
        stream.flush().expect("sent");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(agent.counters().applied.get(), 3);
    stream.shutdown(Shutdown::Write).expect("open");
    wait_until("the tail", || agent.counters().applied.get() == 4);
}

#[test]
fn a_line_without_end_is_skipped_and_counted() {
    let agent = tcp(StreamLimits { longest_line_bytes: 1000, ..StreamLimits::default() });
    let mut stream = connect(&agent);
    stream.write_all(&[b'x'; 300_000]).expect("sent");
    stream.write_all(b"\na:1|c\n").expect("sent");
    wait_until("the line after it", || agent.counters().applied.get() == 1);
    assert_eq!(agent.counters().rejected(Reject::LineTooLong), 1);
    assert_eq!(agent.counters().samples.get(), 2);
}

#[test]
fn a_newcomer_takes_the_place_of_the_longest_silent() {
    let agent = tcp(StreamLimits { connections: 200, ..StreamLimits::default() });
    let counters = agent.counters();
    let mut good = connect(&agent);
    good.write_all(b"a:1|c\n").expect("sent");
    wait_until("the good one", || counters.applied.get() == 1);
    // Ten times as many as may be: half a line each, and then silence.
    let stalled: Vec<TcpStream> = (0..2000)
        .map(|_| {
            let mut stream = connect(&agent);
            // Closed again before it is read, perhaps.
            let _ = stream.write_all(b"half.a.line");
            stream
        })
        .collect();
    wait_until("the stalled ones", || counters.connections.get() == 2001);
    assert_eq!((counters.connections_silent.get(), counters.connections_refused.get()), (1801, 0));
    good.write_all(b"a:1|c\n").expect("the one that spoke has its place");
    let mut late = connect(&agent);
    late.write_all(b"a:1|c\n").expect("sent");
    wait_until("both", || counters.applied.get() == 3);
    assert_eq!(counters.samples.get(), 3, "half a line of a closed connection is not a line");
    drop(stalled);
}

#[test]
fn who_was_heard_just_now_keeps_its_place() {
    let agent = tcp(StreamLimits { connections: 3, ..StreamLimits::default() });
    let mut busy: Vec<TcpStream> = (0..3).map(|_| connect(&agent)).collect();
    let send = |busy: &mut Vec<TcpStream>| {
        busy.iter_mut().for_each(|stream| stream.write_all(b"a:1|c\n").expect("a place"));
    };
    send(&mut busy);
    wait_until("three lines", || agent.counters().applied.get() == 3);
    let mut refused = connect(&agent);
    assert_eq!(refused.read(&mut [0; 1]).unwrap_or(0), 0, "closed at once");
    assert_eq!(agent.counters().connections_refused.get(), 1);
    send(&mut busy);
    wait_until("six lines", || agent.counters().applied.get() == 6);
}

#[test]
fn consoles_that_do_not_read_do_not_keep_others_waiting() {
    let config = Config { console: Some(Console::at(loopback())), ..quiet(vec![Server::Tcp(loopback())]) };
    let agent = start(&config, Default::default());
    let address = agent.console_addr().expect("a console");
    let mut names = connect(&agent);
    for n in 0..10_000 {
        names.write_all(format!("a.rather.long.name.of.a.counter.{n}:1|c\n").as_bytes()).expect("sent");
    }
    wait_until("the names", || agent.counters().applied.get() == 10_000);
    let deaf: Vec<TcpStream> = (0..30)
        .map(|_| {
            let mut stream = TcpStream::connect(address).expect("a connection");
            stream.write_all(b"counters").expect("sent");
            stream
        })
        .collect();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let began = std::time::Instant::now();
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.write_all(b"health").expect("sent");
    let mut reply = [0; 64];
    let n = stream.read(&mut reply).expect("a reply");
    assert_eq!(&reply[..n], b"health: up\n");
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
    // Whoever reads late gets the whole of it.
    let mut late = &deaf[0];
    let mut text = Vec::new();
    late.shutdown(Shutdown::Write).expect("open");
    late.read_to_end(&mut text).expect("the reply");
    let text = String::from_utf8(text).expect("ASCII");
    assert!(text.starts_with("{\n  'statsd.bad_lines_seen': 0,") && text.ends_with("\nEND\n\n"), "{}", text.len());
}

#[test]
fn a_silent_connection_ends_after_the_idle_time() {
    let agent = tcp(StreamLimits { idle_ms: 50, ..StreamLimits::default() });
    let mut stream = connect(&agent);
    stream.write_all(b"a:1|c\n").expect("sent");
    assert_eq!(stream.read(&mut [0; 1]).expect("closed in order"), 0);
    assert_eq!((agent.counters().applied.get(), agent.counters().connections_idle.get()), (1, 1));
}

#[test]
fn unix_sockets_replace_a_stale_file_and_leave_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("statsd.sock");
    drop(UnixListener::bind(&path).expect("a socket"));
    assert!(path.exists(), "a stale file");
    let graphite = Graphite::listen();
    let agent = start(&quiet(vec![Server::Unix { path: path.clone(), mode: Some(0o600) }]), graphite.sinks());
    let mut stream = UnixStream::connect(&path).expect("a connection");
    stream.write_all(b"a:1|c\nb:2|c").expect("sent");
    drop(stream);
    wait_until("both lines", || agent.counters().applied.get() == 2);
    agent.stop();
    assert!(!path.exists());
    let sums = graphite.sums(|sums| sums.contains_key("stats_counts.b"));
    assert_eq!(sums["stats_counts.b"], 2.0);
}

#[test]
fn the_console_answers_from_the_open_interval_and_survives_a_reset() {
    let console = Some(Console { config_text: "port: 8125\n".into(), ..Console::at(loopback()) });
    let agent = start(&Config { console, ..quiet(vec![Server::Tcp(loopback())]) }, Default::default());
    let address = agent.console_addr().expect("a console");
    connect(&agent).write_all(b"a.b:3|c\nt:2|ms\nt:1|ms\n").expect("sent");
    wait_until("three lines", || agent.counters().applied.get() == 3);
    for _ in 0..50 {
        // Closed with an unread reply, so that the console's next read finds a reset connection.
        let mut gone = TcpStream::connect(address).expect("a connection");
        gone.write_all(b"help\n").expect("sent");
    }
    let mut stream = TcpStream::connect(address).expect("a connection");
    let mut ask = |command: &str, end: &str| {
        stream.write_all(command.as_bytes()).expect("sent");
        let mut reply = String::new();
        let mut bytes = [0; 4096];
        while !reply.ends_with(end) {
            let n = stream.read(&mut bytes).expect("a reply");
            assert!(n > 0, "{command:?}: closed after {reply:?}");
            reply.push_str(std::str::from_utf8(&bytes[..n]).expect("text"));
        }
        reply
    };
    assert_eq!(ask("timers", "END\n\n"), "{ t: [ 2, 1 ] }\nEND\n\n");
    assert!(ask("counters\r\n", "END\n\n").contains("'a.b': 3\n"));
    assert_eq!(ask("delcounters a.* nope\n", "END\n\n"), "deleted: a.b\nmetric nope not found\nEND\n\n");
    assert_eq!(ask("config\n", "8125\n"), "\nport: 8125\n");
    assert_eq!(ask("health DOWN\n", "\n"), "health: down\n");
    assert!(ask("stats\n", "END\n\n").starts_with("uptime: "));
    assert_eq!(ask("sets\n", "\n"), "ERROR\n");
}
