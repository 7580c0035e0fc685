//! Repeats what is heard to other statsd servers, unchanged: datagrams over UDP, and over TCP on one kept connection a
//! target, each ended by a newline. A target that is away keeps its queue waiting; what does not fit there is counted.

use super::Shared;
use super::echo::{Block, Blocks};
use crate::counters::Counters;
use memchr::memrchr;
use std::io::{self, ErrorKind, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// How a target is reached; statsd's `repeaterProtocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Datagrams over IPv4.
    Udp4,
    /// Datagrams over IPv6.
    Udp6,
    /// A stream.
    Tcp,
}

/// Another statsd server; one of statsd's `repeater`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How it is reached.
    pub way: Way,
}

/// The longest datagram that UDP has.
const DATAGRAM_BYTES: usize = 65_507;
/// How often a name is resolved anew.
const RESOLVED_MS: u64 = 60_000;
/// How long an idle repeater sleeps before it looks whether the agent stops.
const LOOK: Duration = Duration::from_millis(100);
const CONNECT: Duration = Duration::from_secs(2);
const WRITE: Duration = Duration::from_secs(5);
/// Between two attempts to reach a target that is away.
const PAUSE: Duration = Duration::from_millis(500);

/// Repeats to one target until the agent has stopped and nothing waits any more.
pub fn repeat(target: &Target, blocks: &Blocks, shared: &Arc<Shared>, clock: fn() -> u64) {
    let mut road = match target.way {
        Way::Tcp => Road::Tcp(None),
        _ => Road::Udp { socket: None, to: None, resolved_ms: 0 },
    };
    loop {
        match blocks.next(LOOK) {
            Ok(block) => road.send(target, &block, shared, clock),
            Err(_) if shared.is_drained() => return,
            Err(_) => {}
        }
    }
}

enum Road {
    Udp { socket: Option<UdpSocket>, to: Option<SocketAddr>, resolved_ms: u64 },
    Tcp(Option<TcpStream>),
}

impl Road {
    fn send(&mut self, target: &Target, block: &Block, shared: &Shared, clock: fn() -> u64) {
        let counters = &shared.counters;
        match self {
            Road::Udp { socket, to, resolved_ms } => {
                let now_ms = clock();
                if to.is_none() || now_ms.saturating_sub(*resolved_ms) > RESOLVED_MS {
                    (*to, *resolved_ms) = (resolve(target).ok().or(*to), now_ms);
                }
                if socket.is_none() {
                    *socket = local(target.way).ok();
                }
                let (Some(socket), Some(to)) = (socket, to) else {
                    counters.repeat_dropped.add(block.len() as u64);
                    return;
                };
                block.datagrams().for_each(|datagram| send_datagrams(socket, *to, datagram, counters));
            }
            Road::Tcp(stream) => send_stream(stream, target, block, shared),
        }
    }
}

/// One datagram; a stream's block of lines that is longer than any is parted at a newline.
fn send_datagrams(socket: &UdpSocket, to: SocketAddr, datagram: &[u8], counters: &Counters) {
    let mut rest = datagram;
    loop {
        let end = match rest.len() {
            0..=DATAGRAM_BYTES => rest.len(),
            _ => memrchr(b'\n', &rest[..DATAGRAM_BYTES]).map_or(DATAGRAM_BYTES, |at| at + 1),
        };
        match socket.send_to(&rest[..end], to) {
            Ok(_) => counters.repeated.add(1),
            Err(_) => counters.repeat_dropped.add(1),
        }
        rest = &rest[end..];
        if rest.is_empty() {
            return;
        }
    }
}

/// Writes the block, over as many connections as it takes: after a failure the datagram that was being written begins
/// anew. An agent that stops tries once more.
fn send_stream(stream: &mut Option<TcpStream>, target: &Target, block: &Block, shared: &Shared) {
    let (mut bytes, mut ends) = (Vec::new(), Vec::new());
    for datagram in block.datagrams() {
        bytes.extend_from_slice(datagram);
        bytes.push(b'\n');
        ends.push(bytes.len());
    }
    let mut done = 0;
    loop {
        // Before the attempt, so that one is made after the stop.
        let last = shared.is_drained();
        if stream.as_ref().is_some_and(has_ended) {
            *stream = None;
        }
        if stream.is_none() {
            *stream = connect(target).ok();
        }
        if let Some(open) = stream {
            let start = if done == 0 { 0 } else { ends[done - 1] };
            let (written, result) = write(open, &bytes[start..]);
            let before = done;
            done = ends.partition_point(|&end| end <= start + written);
            shared.counters.repeated.add((done - before) as u64);
            if result.is_ok() {
                return;
            }
            *stream = None;
        }
        if last {
            shared.counters.repeat_dropped.add((ends.len() - done) as u64);
            return;
        }
        thread::sleep(PAUSE);
    }
}

/// How many bytes went before the end or the error.
fn write(stream: &mut TcpStream, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < bytes.len() {
        match stream.write(&bytes[written..]) {
            Ok(0) => return (written, Err(ErrorKind::WriteZero.into())),
            Ok(n) => written += n,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (written, Err(error)),
        }
    }
    (written, Ok(()))
}

/// Whether the peer has closed: the first write after that would succeed and be lost.
fn has_ended(stream: &TcpStream) -> bool {
    if stream.set_nonblocking(true).is_err() {
        return true;
    }
    let ended = match stream.peek(&mut [0]) {
        Ok(n) => n == 0,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
    };
    ended || stream.set_nonblocking(false).is_err()
}

fn connect(target: &Target) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&resolve(target)?, CONNECT)?;
    stream.set_write_timeout(Some(WRITE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn resolve(target: &Target) -> io::Result<SocketAddr> {
    let fits = |address: &SocketAddr| match target.way {
        Way::Udp4 => address.is_ipv4(),
        Way::Udp6 => address.is_ipv6(),
        Way::Tcp => true,
    };
    let mut found = (target.host.as_str(), target.port).to_socket_addrs()?;
    found.find(fits).ok_or_else(|| ErrorKind::AddrNotAvailable.into())
}

fn local(way: Way) -> io::Result<UdpSocket> {
    match way {
        Way::Udp6 => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)),
        _ => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)),
    }
}
