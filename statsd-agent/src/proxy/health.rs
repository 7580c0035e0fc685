//! Health checks: each node has a thread of its own that asks the node's console for `health`, so that a node that does not
//! answer delays nobody else's check. Every wait has an end.

use super::roster::Roster;
use super::{Counters, Node, Notice, Tell};
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The longest single wait for the network within a check, so that a stop is seen.
const SLICE_MS: u64 = 500;
/// A reply longer than this is no console's.
const REPLY_BYTES: usize = 4096;

/// What a node's thread works with.
pub struct Checker {
    /// The node.
    pub node: Arc<Node>,
    /// Where outcomes go.
    pub roster: Arc<Roster>,
    /// Counts checks.
    pub counters: Arc<Counters>,
    /// A check begins this often, and fails when it has not ended by then. Shared, so that a reload changes it.
    pub interval_ms: Arc<AtomicU64>,
    /// Whether host names stand for IPv6 addresses.
    pub ipv6: bool,
    /// Milliseconds since the epoch.
    pub clock: fn() -> u64,
    /// Ends the thread when its sender is dropped.
    pub until: Receiver<()>,
    /// Hears of unusual failures.
    pub tell: Tell,
}

impl Checker {
    /// Checks until told to stop.
    pub fn run(self) {
        loop {
            let started_ms = (self.clock)();
            let outcome = self.check(started_ms);
            if self.is_over() {
                return;
            }
            self.note(outcome);
            let spent_ms = (self.clock)().saturating_sub(started_ms);
            let rest = Duration::from_millis(self.interval_ms().saturating_sub(spent_ms));
            if self.until.recv_timeout(rest) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }

    fn interval_ms(&self) -> u64 {
        self.interval_ms.load(Ordering::Relaxed)
    }

    fn is_over(&self) -> bool {
        self.until.try_recv() == Err(crossbeam_channel::TryRecvError::Disconnected)
    }

    fn note(&self, outcome: io::Result<bool>) {
        self.counters.checks.add(1);
        let up = outcome.as_ref().is_ok_and(|&up| up);
        if !up {
            self.counters.checks_failed.add(1);
        }
        if let Err(error) = outcome {
            // These three say no more than that the node is away, which the roster tells once.
            let usual = [ErrorKind::ConnectionRefused, ErrorKind::HostUnreachable, ErrorKind::ConnectionReset];
            if !usual.contains(&error.kind()) && self.roster.nodes().iter().any(|(node, up)| *up && self.is(node)) {
                (self.tell)(&Notice::CheckFailed(self.node.name(), &error));
            }
        }
        self.roster.checked(&self.node, up);
    }

    fn is(&self, node: &Arc<Node>) -> bool {
        Arc::ptr_eq(&self.node, node)
    }

    /// Whether the node's console says that it is up.
    fn check(&self, started_ms: u64) -> io::Result<bool> {
        let found: Vec<SocketAddr> = (self.node.host.as_str(), self.node.port).to_socket_addrs()?.collect();
        let wanted = found.iter().find(|address| address.is_ipv6() == self.ipv6).or(found.first());
        let Some(&address) = wanted else { return Err(ErrorKind::NotFound.into()) };
        self.roster.reached_at(&self.node, address);
        let deadline_ms = started_ms.saturating_add(self.interval_ms());
        let mut stream = self.connect(SocketAddr::new(address.ip(), self.node.admin_port), deadline_ms)?;
        stream.set_write_timeout(Some(Duration::from_millis(SLICE_MS)))?;
        stream.write_all(b"health\r\n")?;
        let mut reply = Vec::new();
        let mut chunk = [0; 512];
        loop {
            stream.set_read_timeout(Some(self.slice(deadline_ms)?))?;
            match stream.read(&mut chunk) {
                Ok(0) => return Ok(is_up(&reply)),
                Ok(n) => reply.extend_from_slice(&chunk[..n]),
                Err(error) if waits(&error) => continue,
                Err(error) => return Err(error),
            }
            if reply.contains(&b'\n') || reply.len() > REPLY_BYTES {
                return Ok(is_up(&reply));
            }
        }
    }

    fn connect(&self, to: SocketAddr, deadline_ms: u64) -> io::Result<TcpStream> {
        loop {
            match TcpStream::connect_timeout(&to, self.slice(deadline_ms)?) {
                Err(error) if waits(&error) => {}
                done => return done,
            }
        }
    }

    /// How long the next wait may take; an error when the check is out of time, or to be ended.
    fn slice(&self, deadline_ms: u64) -> io::Result<Duration> {
        let left_ms = deadline_ms.saturating_sub((self.clock)());
        if left_ms == 0 || self.is_over() {
            return Err(ErrorKind::TimedOut.into());
        }
        Ok(Duration::from_millis(left_ms.min(SLICE_MS)))
    }
}

fn waits(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// proxy.js looks for `up` anywhere in the reply.
fn is_up(reply: &[u8]) -> bool {
    reply.windows(2).any(|pair| pair == b"up")
}
