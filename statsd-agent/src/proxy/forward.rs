//! Lines to their nodes. Each receiver thread has its own lanes: a connected socket and one open datagram for each node.
//! Lines of one received batch that belong to one node leave together, in the order in which they came; nothing waits for
//! a later batch. No allocation, lock or resolution for each line.

use super::known::Known;
use super::roster::{Roster, Route};
use super::{Counters, Limits, Lost, Node};
use crate::listen::Shared;
use memchr::{memchr, memchr2};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

/// The longest UDP payload.
const LONGEST_BYTES: usize = 65_507;
/// How long a full send queue of the machine may hold a receiver up; what comes meanwhile waits in the receive buffer.
const SEND_PATIENCE: Duration = Duration::from_secs(1);
/// Attempts for one datagram: an attempt that reports that an *earlier* datagram was refused has not sent this one.
const ATTEMPTS: u32 = 4;

/// A receiver's side of the proxy.
pub struct Forwarder {
    roster: Arc<Roster>,
    counters: Arc<Counters>,
    shared: Arc<Shared>,
    route: Route,
    lanes: Vec<Lane>,
    known: Known,
    datagram_bytes: usize,
    heard: Heard,
}

/// What was heard since the last batch was settled.
#[derive(Default)]
struct Heard {
    datagrams: u64,
    bytes: u64,
    lines: u64,
    no_node: u64,
}

/// One node's open datagram.
struct Lane {
    node: Arc<Node>,
    at: Option<SocketAddr>,
    socket: Option<UdpSocket>,
    datagram: Vec<u8>,
    lines: u64,
}

impl Forwarder {
    /// A forwarder for one receiver thread.
    pub fn new(roster: Arc<Roster>, counters: Arc<Counters>, shared: Arc<Shared>, limits: &Limits) -> Forwarder {
        let route = roster.route();
        let lanes = lanes(&route, Vec::new());
        let (known, datagram_bytes) = (Known::new(limits.known_keys), limits.datagram_bytes as usize);
        Forwarder { roster, counters, shared, route, lanes, known, datagram_bytes, heard: Heard::default() }
    }

    /// Routes every line of a datagram, or of a block of whole lines.
    pub fn receive(&mut self, datagram: &[u8]) {
        if self.heard.datagrams == 0 {
            self.follow();
        }
        self.heard.datagrams += 1;
        self.heard.bytes += datagram.len() as u64;
        let mut rest = datagram;
        while !rest.is_empty() {
            let key = memchr2(b':', b'\n', rest).unwrap_or(rest.len());
            // The key ends the line where the line has no colon.
            let len = key + memchr(b'\n', &rest[key..]).unwrap_or(rest.len() - key);
            if len > 0 {
                self.line(&rest[..len], key);
            }
            rest = rest.get(len + 1..).unwrap_or_default();
        }
    }

    /// Notes a line that a stream gave up on because it was longer than allowed.
    pub fn line_too_long(&mut self) {
        self.heard.lines += 1;
        self.counters.lost(Lost::LineTooLong, 1);
    }

    /// After every batch and every ring: sends what is open, and publishes the counts.
    pub fn settle(&mut self) {
        for lane in &mut self.lanes {
            lane.send(&self.counters);
        }
        let heard = std::mem::take(&mut self.heard);
        let totals = &self.shared.counters;
        totals.datagrams.add(heard.datagrams);
        totals.bytes.add(heard.bytes);
        totals.lines.add(heard.lines);
        self.counters.lost(Lost::NoNode, heard.no_node);
    }

    /// Before the first datagram of a batch, when no lane holds a line: goes on with the roster of now.
    fn follow(&mut self) {
        if self.roster.epoch() != self.route.epoch {
            self.route = self.roster.route();
            self.lanes = lanes(&self.route, std::mem::take(&mut self.lanes));
            self.known.clear();
        }
    }

    #[inline]
    fn line(&mut self, line: &[u8], key: usize) {
        self.heard.lines += 1;
        let ring = &self.route.ring;
        match self.known.owner(&line[..key], |key| ring.owner(key)) {
            Some(id) => self.lanes[usize::from(id)].push(line, self.datagram_bytes, &self.counters),
            None => self.heard.no_node += 1,
        }
    }
}

/// The lanes of a route. Those whose node stays where it was keep their sockets.
fn lanes(route: &Route, before: Vec<Lane>) -> Vec<Lane> {
    let mut before: Vec<Option<Lane>> = before.into_iter().map(Some).collect();
    let lane = |(node, at): &(Arc<Node>, Option<SocketAddr>)| {
        let mut kept = before.iter_mut().filter_map(|lane| {
            lane.take_if(|lane| Arc::ptr_eq(&lane.node, node) && lane.at == *at && lane.socket.is_some())
        });
        kept.next().unwrap_or_else(|| {
            let socket = at.and_then(|at| connected(at).ok());
            Lane { node: Arc::clone(node), at: *at, socket, datagram: Vec::new(), lines: 0 }
        })
    };
    route.nodes.iter().map(lane).collect()
}

fn connected(to: SocketAddr) -> io::Result<UdpSocket> {
    let from: SocketAddr =
        if to.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
    let socket = UdpSocket::bind(from)?;
    socket.connect(to)?;
    socket.set_write_timeout(Some(SEND_PATIENCE))?;
    Ok(socket)
}

impl Lane {
    #[inline]
    fn push(&mut self, line: &[u8], datagram_bytes: usize, counters: &Counters) {
        if self.lines > 0 {
            if self.datagram.len() + 1 + line.len() > datagram_bytes {
                self.send(counters);
            } else {
                self.datagram.push(b'\n');
            }
        }
        self.datagram.extend_from_slice(line);
        self.lines += 1;
    }

    /// Sends the open datagram, if there is one: its lines are forwarded or lost for a reason.
    fn send(&mut self, counters: &Counters) {
        if self.lines == 0 {
            return;
        }
        let lines = std::mem::take(&mut self.lines);
        match self.hand_over(counters) {
            Ok(()) => {
                counters.forwarded.add(lines);
                self.node.lines.add(lines);
                self.node.datagrams.add(1);
            }
            Err(reason) => counters.lost(reason, lines),
        }
        self.datagram.clear();
    }

    fn hand_over(&mut self, counters: &Counters) -> Result<(), Lost> {
        if self.datagram.len() > LONGEST_BYTES {
            return Err(Lost::LineTooLong);
        }
        if self.socket.is_none() {
            // Out of descriptors or unreachable when the lane was made; once for each datagram is seldom enough.
            self.socket = self.at.and_then(|at| connected(at).ok());
        }
        let socket = self.socket.as_ref().ok_or(Lost::SendFailed)?;
        for _ in 0..ATTEMPTS {
            match socket.send(&self.datagram) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                    counters.refused.add(1);
                    self.node.refused.add(1);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        Err(Lost::SendFailed)
    }
}
