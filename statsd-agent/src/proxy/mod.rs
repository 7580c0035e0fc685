//! `kymo proxy`, in the place of statsd's proxy.js: lines in, and each on to the node that owns its name on the ring, so
//! that several statsd can share the work of one. Nothing is tallied here: `lines received = forwarded + dropped`, by
//! reason, whenever the receivers stand still.

pub mod console;
pub mod forward;
pub mod health;
pub mod known;
pub mod ring;
pub mod roster;

pub use ring::{Member, Ring};

use crate::agent::{bind, join, spawn, wrong};
use crate::config::{Console as ConsoleConfig, Server as Listen, StreamLimits};
use crate::counters::Count;
use crate::error::Error;
use crate::listen::listener::Listener;
use crate::listen::stream::{Framing, Heard, Next, Server};
use crate::listen::{Bell, Rope, Shared, bell, mmsg, udp};
use crossbeam_channel::{Sender, bounded};
use forward::Forwarder;
use health::Checker;
use roster::Roster;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Everything a proxy needs to start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where lines are received.
    pub servers: Vec<Listen>,
    /// Receiver threads (and sockets) for each UDP address.
    pub receivers: u16,
    /// The kernel's receive buffer to ask for, for each UDP socket.
    pub receive_buffer_bytes: u32,
    /// Bounds of stream connections.
    pub streams: StreamLimits,
    /// Where lines go.
    pub nodes: Vec<NodeConfig>,
    /// How often each node is checked.
    pub check_interval_ms: u64,
    /// Whether the nodes' host names stand for IPv6 addresses.
    pub ipv6: bool,
    /// The management console.
    pub console: ConsoleConfig,
    /// Bounds of the forwarding.
    pub limits: Limits,
}

/// Bounds of the forwarding, of each receiver.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Keys whose node is remembered; 64 bytes each, rounded up to a power of two.
    pub known_keys: u32,
    /// Lines are packed into datagrams of at most this size; 0 sends each line alone, as proxy.js does.
    pub datagram_bytes: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        // 1432 is what clients pack to: an Ethernet frame less its IP and UDP headers, with room for a tunnel's.
        Limits { known_keys: 10_000, datagram_bytes: 1432 }
    }
}

/// A statsd behind the proxy, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeConfig {
    /// Name or address; part of what the ring hashes, so `localhost` and `127.0.0.1` are different nodes.
    pub host: String,
    /// Where its datagrams go.
    pub port: u16,
    /// Where its console listens.
    pub admin_port: u16,
}

/// A node and what went to it.
pub struct Node {
    host: String,
    port: u16,
    admin_port: u16,
    name: String,
    /// Lines handed to the kernel for it.
    pub lines: Count,
    /// Datagrams of these lines.
    pub datagrams: Count,
    /// Datagrams of which its host said that nobody listens there.
    pub refused: Count,
}

impl Node {
    fn new(config: NodeConfig) -> Node {
        let name = format!("{}:{}", config.host, config.port);
        let NodeConfig { host, port, admin_port } = config;
        let zero = Count::default;
        Node { host, port, admin_port, name, lines: zero(), datagrams: zero(), refused: zero() }
    }

    /// `host:port`.
    pub fn name(&self) -> &str {
        &self.name
    }

    fn literal(&self) -> Option<SocketAddr> {
        self.host.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, self.port))
    }

    fn is(&self, config: &NodeConfig) -> bool {
        self.host == config.host && self.port == config.port && self.admin_port == config.admin_port
    }
}

/// Why a line was not forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// No node is up.
    NoNode,
    /// Longer than a stream's line may be, or than a datagram can be.
    LineTooLong,
    /// The kernel did not take it.
    SendFailed,
}

impl Lost {
    /// Every reason, in the order of the counters.
    pub const ALL: [Lost; 3] = [Lost::NoNode, Lost::LineTooLong, Lost::SendFailed];

    /// The reason as it appears in reports.
    pub fn name(self) -> &'static str {
        match self {
            Lost::NoNode => "no_node",
            Lost::LineTooLong => "line_too_long",
            Lost::SendFailed => "send_failed",
        }
    }
}

/// What a proxy counts beside what its receivers do ([`crate::counters::Counters`]).
#[derive(Default)]
pub struct Counters {
    /// Lines handed to the kernel, all nodes together, also those that are gone.
    pub forwarded: Count,
    /// Lines dropped, by [`Lost`].
    pub lost: [Count; Lost::ALL.len()],
    /// Datagrams of which a node's host said that nobody listens there. They were sent, so their lines are forwarded ones.
    pub refused: Count,
    /// Health checks done.
    pub checks: Count,
    /// Health checks that did not find the node up.
    pub checks_failed: Count,
}

impl Counters {
    fn lost(&self, reason: Lost, lines: u64) {
        self.lost[reason as usize].add(lines);
    }
}

/// What whoever runs the proxy may want to log.
#[derive(Debug)]
pub enum Notice<'a> {
    /// A node is back on the ring.
    Added(&'a str),
    /// A node is off the ring.
    Removed(&'a str),
    /// The last node went: everything received is dropped and counted.
    NoNodes,
    /// A check of a node that was up failed in an unusual way.
    CheckFailed(&'a str, &'a io::Error),
}

/// Takes notices.
pub type Tell = fn(&Notice<'_>);

/// A running proxy. Dropping it without [`Proxy::stop`] stops it as well.
pub struct Proxy {
    shared: Arc<Shared>,
    counters: Arc<Counters>,
    roster: Arc<Roster>,
    threads: Vec<(JoinHandle<()>, Rope)>,
    checkers: Vec<(Arc<Node>, Sender<()>, JoinHandle<()>)>,
    interval_ms: Arc<AtomicU64>,
    config_text: Arc<Mutex<String>>,
    ipv6: bool,
    clock: fn() -> u64,
    tell: Tell,
    addresses: Vec<SocketAddr>,
    console_addr: SocketAddr,
}

impl Proxy {
    /// Binds every address, then starts the threads. `clock` answers milliseconds since the epoch.
    pub fn start(config: &Config, clock: fn() -> u64, tell: Tell) -> Result<Proxy, Error> {
        let nodes: Vec<_> = config.nodes.iter().cloned().map(Node::new).map(Arc::new).collect();
        let roster = Arc::new(Roster::new(nodes.clone(), tell));
        let mut start = Start {
            config,
            clock,
            shared: Shared::new(),
            counters: Arc::default(),
            config_text: Arc::new(Mutex::new(config.console.config_text.clone())),
            roster,
            tasks: vec![],
            addresses: vec![],
        };
        for server in &config.servers {
            start.listen(server)?;
        }
        let console_addr = start.console()?;
        let Start { shared, counters, config_text, roster, tasks, addresses, .. } = start;
        let mut proxy = Proxy {
            shared,
            counters,
            roster,
            threads: vec![],
            checkers: vec![],
            interval_ms: Arc::new(AtomicU64::new(config.check_interval_ms)),
            config_text,
            ipv6: config.ipv6,
            clock,
            tell,
            addresses,
            console_addr,
        };
        for node in nodes {
            proxy.check(node)?;
        }
        for (name, rope, run) in tasks {
            proxy.threads.push((spawn(name, run)?, rope));
        }
        Ok(proxy)
    }

    /// Where lines are received, in the order of the configuration; Unix sockets have no address.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where the console listens.
    pub fn console_addr(&self) -> SocketAddr {
        self.console_addr
    }

    /// What the console's `status` says behind its first two lines.
    pub fn counts(&self) -> String {
        console::counts(&self.roster, &self.counters, &self.shared)
    }

    /// Lines received, forwarded and dropped so far.
    pub fn lines(&self) -> (u64, u64, u64) {
        let dropped = self.counters.lost.iter().map(Count::get).sum();
        (self.shared.counters.lines.get(), self.counters.forwarded.get(), dropped)
    }

    /// Goes on with another list of nodes, another interval of checks and another reply to `config`. Nodes that stay keep
    /// their health and their counts.
    pub fn reload(&mut self, nodes: &[NodeConfig], check_interval_ms: u64, config_text: &str) -> Result<(), Error> {
        self.interval_ms.store(check_interval_ms, Ordering::Relaxed);
        config_text.clone_into(&mut self.config_text.lock().unwrap_or_else(PoisonError::into_inner));
        let known = |config: &NodeConfig| self.checkers.iter().find(|(node, ..)| node.is(config));
        let kept_or_new = |config: &NodeConfig| match known(config) {
            Some((node, ..)) => (Arc::clone(node), None),
            None => {
                let node = Arc::new(Node::new(config.clone()));
                (Arc::clone(&node), Some(node))
            }
        };
        let (all, new): (Vec<Arc<Node>>, Vec<Option<Arc<Node>>>) = nodes.iter().map(kept_or_new).unzip();
        self.roster.replace(all.clone());
        let (stay, go) = std::mem::take(&mut self.checkers)
            .into_iter()
            .partition(|(node, ..)| all.iter().any(|one| Arc::ptr_eq(one, node)));
        self.checkers = stay;
        end_checks(go);
        new.into_iter().flatten().try_for_each(|node| self.check(node))
    }

    /// Reads the sockets empty, forwards what was in them, and joins every thread.
    pub fn stop(mut self) -> String {
        self.halt();
        self.counts()
    }

    fn check(&mut self, node: Arc<Node>) -> Result<(), Error> {
        let (end, until) = bounded(0);
        let checker = Checker {
            node: Arc::clone(&node),
            roster: Arc::clone(&self.roster),
            counters: Arc::clone(&self.counters),
            interval_ms: Arc::clone(&self.interval_ms),
            ipv6: self.ipv6,
            clock: self.clock,
            until,
            tell: self.tell,
        };
        let thread = spawn(format!("health-{}", self.checkers.len()), move || checker.run())?;
        self.checkers.push((node, end, thread));
        Ok(())
    }

    fn halt(&mut self) {
        self.shared.stop();
        for (_, rope) in &self.threads {
            rope.ring();
        }
        for (thread, _) in self.threads.drain(..) {
            join(thread);
        }
        end_checks(std::mem::take(&mut self.checkers));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.halt();
    }
}

/// Tells all to end before it waits for one.
fn end_checks(checkers: Vec<(Arc<Node>, Sender<()>, JoinHandle<()>)>) {
    let threads: Vec<_> = checkers.into_iter().map(|(_, _, thread)| thread).collect();
    threads.into_iter().for_each(join);
}

type Task = (String, Rope, Box<dyn FnOnce() + Send>);

/// Everything bound so far, and the threads that will use it.
struct Start<'a> {
    config: &'a Config,
    clock: fn() -> u64,
    shared: Arc<Shared>,
    counters: Arc<Counters>,
    config_text: Arc<Mutex<String>>,
    roster: Arc<Roster>,
    tasks: Vec<Task>,
    addresses: Vec<SocketAddr>,
}

impl Start<'_> {
    fn listen(&mut self, server: &Listen) -> Result<(), Error> {
        match server {
            Listen::Udp(address) => {
                let wrong = wrong("lines over udp", address);
                let sockets = udp::bind(*address, self.config.receivers.max(1), self.config.receive_buffer_bytes);
                let sockets = sockets.map_err(&wrong)?;
                self.addresses.push(sockets[0].local_addr().map_err(&wrong)?);
                for socket in sockets {
                    let (mut forwarder, shared) = (self.forwarder(), Arc::clone(&self.shared));
                    let hear = |forwarder: &mut Forwarder, batch: &mmsg::Batch| {
                        batch.datagrams().for_each(|datagram| forwarder.receive(datagram));
                    };
                    self.task("proxy-udp", move |bell| {
                        udp::each_batch(&socket, bell, &shared, &mut forwarder, hear, Forwarder::settle);
                    })?;
                }
                Ok(())
            }
            Listen::Tcp(address) => {
                let wrong = wrong("lines over tcp", address);
                let listener = bind(address).map_err(&wrong)?;
                self.addresses.push(listener.local_addr().map_err(&wrong)?);
                let server = self.server(Listener::Tcp(listener), Framing::Lines).map_err(wrong)?;
                self.stream(server)
            }
            Listen::Unix { path, mode } => {
                let wrong = |source| Error::ListenUnix { path: path.clone(), source };
                let listener = Listener::unix(path, *mode).map_err(wrong)?;
                let server = self.server(listener, Framing::Lines).map_err(wrong)?;
                self.stream(server)
            }
        }
    }

    fn stream(&mut self, server: Server) -> Result<(), Error> {
        let mut forwarder = self.forwarder();
        let hear = |forwarder: &mut Forwarder, heard: Heard<'_>, _: &mut Vec<u8>| {
            match heard {
                Heard::Lines(lines) => forwarder.receive(lines),
                Heard::LineTooLong => forwarder.line_too_long(),
            }
            Next::Listen
        };
        self.task("proxy-stream", move |bell| server.serve(bell, &mut forwarder, hear, Forwarder::settle))
    }

    fn console(&mut self) -> Result<SocketAddr, Error> {
        let address = self.config.console.address;
        let wrong = wrong("the management console", &address);
        let listener = bind(&address).map_err(&wrong)?;
        let bound = listener.local_addr().map_err(&wrong)?;
        let server = self.server(Listener::Tcp(listener), Framing::Chunks).map_err(wrong)?;
        let console = console::Console {
            roster: Arc::clone(&self.roster),
            counters: Arc::clone(&self.counters),
            shared: Arc::clone(&self.shared),
            config_text: Arc::clone(&self.config_text),
            clock: self.clock,
            started_secs: (self.clock)() / 1000,
            healthy: true,
        };
        self.task("console", move |bell| console.serve(server, bell))?;
        Ok(bound)
    }

    fn forwarder(&self) -> Forwarder {
        let (roster, counters, shared) = (&self.roster, &self.counters, &self.shared);
        Forwarder::new(Arc::clone(roster), Arc::clone(counters), Arc::clone(shared), &self.config.limits)
    }

    fn server(&self, listener: Listener, framing: Framing) -> io::Result<Server> {
        Server::new(listener, framing, self.config.streams, Arc::clone(&self.shared), self.clock)
    }

    /// A thread to start when everything is bound, and a rope to its bell.
    fn task(&mut self, name: &str, run: impl FnOnce(&Bell) + Send + 'static) -> Result<(), Error> {
        let name = format!("{name}-{}", self.tasks.len());
        let (rope, bell) = bell().map_err(|source| Error::Thread { name: name.clone(), source })?;
        self.tasks.push((name, rope, Box::new(move || run(&bell))));
        Ok(())
    }
}
