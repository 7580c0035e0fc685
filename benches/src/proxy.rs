//! The proxy: packed datagrams in, each line on to the node that owns its name. Both ends' system calls are part of it.

use crate::Size;
use crate::agent::datagrams;
use crate::measure::{Measured, NS_PER_LINE, measure};
use statsd_agent::Config as Agent;
use statsd_agent::config::{Console, Server};
use statsd_agent::proxy::{Config, Limits, NodeConfig, Proxy};
use std::net::{Ipv4Addr, UdpSocket};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Sent at once before the sender lets the proxy come along; well below any receive buffer.
const BURST: usize = 64;
/// Nodes behind the proxy.
const NODES: usize = 3;

fn millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// Every line is received and forwarded, or the bench fails.
pub fn run(size: Size) -> Vec<Measured> {
    // Bound and never read: what a node does with its lines is not the proxy's cost. The first check of each is an hour's
    // wait away from being told, so that all stay on the ring.
    let nodes: Vec<_> = (0..NODES).map(|_| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket")).collect();
    let consoles: Vec<_> =
        (0..NODES).map(|_| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port")).collect();
    let node = |(udp, console): (&UdpSocket, &std::net::TcpListener)| NodeConfig {
        host: "127.0.0.1".into(),
        port: udp.local_addr().expect("bound").port(),
        admin_port: console.local_addr().expect("bound").port(),
    };
    let config = Config {
        servers: vec![Server::Udp((Ipv4Addr::LOCALHOST, 0).into())],
        receivers: 1,
        receive_buffer_bytes: Agent::default().receive_buffer_bytes,
        streams: Agent::default().streams,
        nodes: nodes.iter().zip(&consoles).map(node).collect(),
        check_interval_ms: 3_600_000,
        ipv6: false,
        console: Console::at((Ipv4Addr::LOCALHOST, 0).into()),
        limits: Limits::default(),
    };
    let proxy = Proxy::start(&config, millis, |_| {}).expect("free ports");
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    socket.connect(proxy.addresses()[0]).expect("connects");
    let sent = datagrams(size.units, size.names, |_| "1|c".to_string());
    let mut lines = 0;
    let measured = measure("proxy/lines_forwarded", NS_PER_LINE, size.rounds, size.units, || {
        for burst in sent.chunks(BURST) {
            for datagram in burst {
                socket.send(datagram).expect("sent");
                lines += datagram.split(|&byte| byte == b'\n').count() as u64;
            }
            while proxy.lines().1 < lines {
                thread::sleep(Duration::from_micros(20));
            }
        }
    });
    assert_eq!(proxy.lines(), (lines, lines, 0), "every line was forwarded");
    proxy.stop();
    vec![measured]
}
