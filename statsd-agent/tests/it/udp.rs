//! Datagrams: everything sent is read, everything read is applied or rejected, and every total is right, however often a
//! flush takes the interval away meanwhile.

use super::{Graphite, loopback, quiet, start, wait_until};
use statsd_agent::Config;
use statsd_agent::config::{Align, Flush, Server};
use statsd_agent::counters::Reject;
use std::net::UdpSocket;
use std::thread;

#[test]
fn sent_is_read_and_read_is_applied_or_rejected() {
    const SENDERS: u64 = 4;
    const DATAGRAMS: u64 = 3_000;
    let graphite = Graphite::listen();
    let flush = Flush { interval_ms: 50, align: Align::WallClock, ..Flush::default() };
    let config = Config { receivers: 3, flush, ..quiet(vec![Server::Udp(loopback())]) };
    let agent = start(&config, graphite.sinks());
    let address = agent.statsd_addr().expect("a UDP address");
    let counters = agent.counters();
    thread::scope(|scope| {
        for sender in 0..SENDERS {
            scope.spawn(move || {
                let socket = UdpSocket::bind(loopback()).expect("a port");
                for n in 0..DATAGRAMS {
                    let text = format!("all:1|c\nof.{sender}:2|c|@0.5\nt:{n}|ms\nbad\ns:{n}|s\ng{sender}:+1|g");
                    socket.send_to(text.as_bytes(), address).expect("sent");
                    // Not faster than they are read: the kernel's buffer is not what is tested.
                    while n % 50 == 49 && counters.datagrams.get() + 400 * SENDERS < n * SENDERS {
                        thread::yield_now();
                    }
                    if n % 25 == 24 {
                        thread::sleep(std::time::Duration::from_millis(1));
                    }
                }
            });
        }
    });
    let sent = SENDERS * DATAGRAMS;
    wait_until("all datagrams", || counters.datagrams.get() + counters.datagrams_dropped.get() >= sent);
    assert_eq!((counters.datagrams.get(), counters.datagrams_dropped.get()), (sent, 0), "the kernel dropped none");
    assert_eq!((counters.lines.get(), counters.samples.get()), (sent * 6, sent * 6));
    assert_eq!(counters.rejected(Reject::MissingType), sent);
    assert_eq!(counters.samples.get(), counters.applied.get() + counters.rejected_total());
    assert!(counters.flushes.get() > 0, "flushed while receiving");
    agent.stop();
    let sums = graphite.sums(|sums| sums.get("stats_counts.all") == Some(&(sent as f64)));
    let sum = |name: &str| sums.get(name).copied().unwrap_or(f64::NAN);
    assert_eq!(sum("stats_counts.all"), sent as f64);
    assert_eq!(sum("stats_counts.of.3"), DATAGRAMS as f64 * 4.0);
    assert_eq!(sum("stats.timers.t.count"), sent as f64);
    assert_eq!(sum("stats.timers.t.sum"), (0..DATAGRAMS).sum::<u64>() as f64 * SENDERS as f64);
    assert_eq!(sum("stats_counts.statsd.bad_lines_seen"), sent as f64);
    assert_eq!(sum("stats_counts.statsd.packets_received"), sent as f64);
    // Each sender is heard by one receiver; the gauge lives on from flush to flush and ends at its own total.
    let last = graphite.text.lock().expect("nobody panicked");
    let last = last.lines().rev().find_map(|line| line.strip_prefix("stats.gauges.g2 ")).expect("flushed");
    assert_eq!(last.split(' ').next(), Some("3000"));
}

#[test]
fn the_largest_datagram_is_read_whole() {
    let graphite = Graphite::listen();
    let agent = start(&quiet(vec![Server::Udp(loopback())]), graphite.sinks());
    let socket = UdpSocket::bind(loopback()).expect("a port");
    let mut datagram = "a:1|c\n".repeat(10_917).into_bytes();
    datagram.extend_from_slice(b"z:1|c");
    assert_eq!(datagram.len(), 65_507);
    socket.send_to(&datagram, agent.statsd_addr().expect("a UDP address")).expect("sent");
    socket.send_to(b"", agent.statsd_addr().expect("a UDP address")).expect("sent");
    wait_until("two datagrams", || agent.counters().datagrams.get() == 2);
    assert_eq!((agent.counters().applied.get(), agent.counters().datagrams_truncated.get()), (10_918, 0));
    agent.stop();
    let sums = graphite.sums(|sums| sums.contains_key("stats_counts.z"));
    assert_eq!((sums["stats_counts.a"], sums["stats_counts.z"]), (10_917.0, 1.0));
}

#[test]
fn a_port_that_somebody_holds_is_refused() {
    let held = UdpSocket::bind(loopback()).expect("a port");
    let config = quiet(vec![Server::Udp(held.local_addr().expect("bound"))]);
    let error = statsd_agent::Agent::start(&config, Default::default(), super::clock).err().expect("refused");
    assert!(error.to_string().starts_with("listen for statsd over udp on 127.0.0.1:"), "{error}");
}

#[test]
fn ipv6_is_heard() {
    let Ok(socket) = UdpSocket::bind("[::1]:0") else { return println!("SKIPPED: no IPv6 loopback") };
    let agent = start(&quiet(vec![Server::Udp("[::1]:0".parse().expect("an address"))]), Default::default());
    socket.send_to(b"a:1|c", agent.statsd_addr().expect("a UDP address")).expect("sent");
    wait_until("a datagram", || agent.counters().applied.get() == 1);
}
