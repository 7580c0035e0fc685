//! The running agent: starts every thread, and stops them from the sockets inwards, so that each stage drains what the one
//! before it left.

use crate::admin;
use crate::aggregate::Table;
use crate::config::{CarbonListen, Config, Server as StatsdServer};
use crate::counters::Counters;
use crate::error::Error;
use crate::flush::carbon::{self, CarbonTarget};
use crate::flush::edge::Edges;
use crate::flush::outlet::Outlet;
use crate::flush::store::StoreOut;
use crate::flush::{Flusher, Ledger, Link, Request};
use crate::listen::carbon::CarbonReceiver;
use crate::listen::stream::{Framing, Heard, Listener, Next, Server, Stream};
use crate::listen::{Bell, Post, Rope, Shared, bell, udp};
use crossbeam_channel::{Sender, bounded};
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use tsdb::Store;

/// The shortest interval between flushes; a shorter one would do nothing else.
const LEAST_INTERVAL_MS: u64 = 10;

/// Where points go; without any they are processed and discarded.
#[derive(Clone, Default)]
pub struct Sinks {
    /// Another Graphite.
    pub carbon: Option<CarbonTarget>,
    /// A store of this process; received carbon lines go there too.
    pub store: Option<Arc<Store>>,
}

/// A running agent. Dropping it without [`Agent::stop`] stops it as well.
pub struct Agent {
    shared: Arc<Shared>,
    threads: Vec<(JoinHandle<()>, Rope)>,
    flusher: Option<JoinHandle<()>>,
    sender: Option<JoinHandle<()>>,
    requests: Option<Sender<Request>>,
    statsd_addrs: Vec<SocketAddr>,
    console_addr: Option<SocketAddr>,
    carbon_addrs: Vec<SocketAddr>,
}

impl Agent {
    /// Binds every address, then starts the threads; nothing runs when an address could not be bound. `clock` answers
    /// milliseconds since the epoch.
    pub fn start(config: &Config, sinks: Sinks, clock: fn() -> u64) -> Result<Agent, Error> {
        let interval_ms = config.flush.interval_ms;
        if interval_ms < LEAST_INTERVAL_MS {
            return Err(Error::Interval { interval_ms, least_ms: LEAST_INTERVAL_MS });
        }
        let mut start =
            Start { clock, config, shared: Shared::new(), ledger: Ledger::new(config), links: vec![], tasks: vec![] };
        let mut statsd_addrs = Vec::new();
        for server in &config.servers {
            statsd_addrs.extend(start.statsd(server)?);
        }
        let carbon_addrs = start.carbon(sinks.store.as_ref())?;
        let (requests, asked) = bounded(16);
        let console_addr = start.console(&requests)?;
        let protocol = sinks.carbon.as_ref().map(|target| target.protocol);
        let (carbon, sender) = sinks.carbon.map(|target| start.sender(target)).transpose()?.unzip();
        let Start { shared, ledger, links, tasks, .. } = start;
        let flusher = Flusher {
            ledger,
            outlet: Outlet::new(protocol, sinks.store.map(StoreOut::new)),
            carbon,
            links,
            requests: asked,
            edges: Edges::new(config.flush.align, interval_ms, clock(), config.flush.taken_until_ms),
            silent_until_heard: config.flush.silent_until_heard,
            shared: Arc::clone(&shared),
            clock,
        };
        let mut agent = Agent {
            shared,
            threads: vec![],
            flusher: None,
            sender,
            requests: Some(requests),
            statsd_addrs,
            console_addr,
            carbon_addrs,
        };
        agent.flusher = Some(spawn("flush".into(), move || flusher.run())?);
        for (name, rope, run) in tasks {
            agent.threads.push((spawn(name, run)?, rope));
        }
        Ok(agent)
    }

    /// Where StatsD lines are received, in the order of the configuration; Unix sockets have no address.
    pub fn statsd_addrs(&self) -> &[SocketAddr] {
        &self.statsd_addrs
    }

    /// The first of [`Agent::statsd_addrs`].
    pub fn statsd_addr(&self) -> Option<SocketAddr> {
        self.statsd_addrs.first().copied()
    }

    /// Where carbon's points are received, in the order of the configuration.
    pub fn carbon_addrs(&self) -> &[SocketAddr] {
        &self.carbon_addrs
    }

    /// Where the console listens.
    pub fn console_addr(&self) -> Option<SocketAddr> {
        self.console_addr
    }

    /// Totals since the start; they may be kept beyond the agent's end.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.shared.counters
    }

    /// Drains the sockets, flushes the open interval, sends it, and joins every thread.
    pub fn stop(mut self) {
        self.halt();
    }

    fn halt(&mut self) {
        self.shared.stop();
        for (_, rope) in &self.threads {
            rope.ring();
        }
        for (thread, _) in self.threads.drain(..) {
            join(thread);
        }
        // Nobody can ask any more, which ends the flush thread, which ends the sender.
        self.requests = None;
        for thread in [self.flusher.take(), self.sender.take()].into_iter().flatten() {
            join(thread);
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.halt();
    }
}

/// A panic in a thread is a broken invariant; it goes on in whoever joins, unless that one is panicking already.
pub(crate) fn join(thread: JoinHandle<()>) {
    if let Err(panic) = thread.join()
        && !thread::panicking()
    {
        std::panic::resume_unwind(panic);
    }
}

type Task = (String, Rope, Box<dyn FnOnce() + Send>);

/// Everything bound so far, and the threads that will use it.
struct Start<'a> {
    clock: fn() -> u64,
    config: &'a Config,
    shared: Arc<Shared>,
    ledger: Ledger,
    links: Vec<Link>,
    tasks: Vec<Task>,
}

impl Start<'_> {
    fn statsd(&mut self, server: &StatsdServer) -> Result<Option<SocketAddr>, Error> {
        match server {
            StatsdServer::Udp(address) => {
                let wrong = wrong("statsd over udp", address);
                let sockets = udp::bind(*address, self.config.receivers.max(1), self.config.receive_buffer_bytes);
                let sockets = sockets.map_err(&wrong)?;
                let bound = sockets[0].local_addr().map_err(&wrong)?;
                for socket in sockets {
                    self.receiver("statsd-udp", move |bell, post, last| udp::receive(&socket, bell, post, last))?;
                }
                Ok(Some(bound))
            }
            StatsdServer::Tcp(address) => {
                let wrong = wrong("statsd over tcp", address);
                let listener = TcpListener::bind(address).map_err(&wrong)?;
                let bound = listener.local_addr().map_err(&wrong)?;
                let server = self.server(Listener::Tcp(listener), Framing::Lines).map_err(wrong)?;
                self.statsd_stream(server)?;
                Ok(Some(bound))
            }
            StatsdServer::Unix { path, mode } => {
                let wrong = |source| Error::ListenUnix { path: path.clone(), source };
                let listener = Listener::unix(path, *mode).map_err(wrong)?;
                let server = self.server(listener, Framing::Lines).map_err(wrong)?;
                self.statsd_stream(server)?;
                Ok(None)
            }
        }
    }

    fn statsd_stream(&mut self, server: Server) -> Result<(), Error> {
        self.receiver("statsd-stream", move |bell, mut post, last_table| {
            let hear = |post: &mut Post, heard: Heard<'_>, _: &mut Stream| {
                match heard {
                    Heard::Lines(lines) => {
                        let stamp = post.stamp();
                        post.shard.receive(lines, stamp);
                    }
                    Heard::LineTooLong => post.shard.line_too_long(),
                }
                Next::Listen
            };
            server.serve(bell, &mut post, hear, Post::settle);
            post.close(last_table);
        })
    }

    fn carbon(&mut self, store: Option<&Arc<Store>>) -> Result<Vec<SocketAddr>, Error> {
        let mut bound: Vec<SocketAddr> = Vec::new();
        for listen in &self.config.carbon {
            let store = store.map(Arc::clone).ok_or(Error::NoStore)?;
            let receiver = CarbonReceiver::new(store, Arc::clone(&self.shared), self.clock);
            let port_of_lines = bound.first().map(SocketAddr::port);
            let beside = |address: &SocketAddr| match (address.port(), port_of_lines) {
                (0, Some(port)) => SocketAddr::new(address.ip(), port),
                _ => *address,
            };
            bound.push(match listen {
                CarbonListen::Tcp(address) => {
                    let (server, bound) = self.stream("carbon over tcp", beside(address), Framing::Lines)?;
                    self.task("carbon-tcp", move |bell| receiver.serve(server, bell))?;
                    bound
                }
                CarbonListen::Pickle(address) => {
                    let (server, bound) = self.stream("carbon's pickles", *address, Framing::Frames)?;
                    self.task("carbon-pickle", move |bell| receiver.serve_pickles(server, bell))?;
                    bound
                }
                CarbonListen::Udp(address) => {
                    let address = beside(address);
                    let wrong = wrong("carbon over udp", &address);
                    let sockets = udp::bind(address, 1, self.config.receive_buffer_bytes).map_err(&wrong)?;
                    let [socket] = <[UdpSocket; 1]>::try_from(sockets).expect("one was asked for");
                    let bound = socket.local_addr().map_err(wrong)?;
                    self.task("carbon-udp", move |bell| receiver.receive_datagrams(&socket, bell))?;
                    bound
                }
            });
        }
        Ok(bound)
    }

    /// A TCP server and where it listens.
    fn stream(&self, what: &'static str, at: SocketAddr, framing: Framing) -> Result<(Server, SocketAddr), Error> {
        let wrong = wrong(what, &at);
        let listener = TcpListener::bind(at).map_err(&wrong)?;
        let bound = listener.local_addr().map_err(&wrong)?;
        Ok((self.server(Listener::Tcp(listener), framing).map_err(wrong)?, bound))
    }

    fn console(&mut self, requests: &Sender<Request>) -> Result<Option<SocketAddr>, Error> {
        let Some(settings) = &self.config.console else { return Ok(None) };
        let wrong = wrong("the management console", &settings.address);
        let listener = TcpListener::bind(settings.address).map_err(&wrong)?;
        let bound = listener.local_addr().map_err(&wrong)?;
        let server = self.server(Listener::Tcp(listener), Framing::Chunks).map_err(wrong)?;
        let console = admin::Console {
            requests: requests.clone(),
            config_text: settings.config_text.clone(),
            shared: Arc::clone(&self.shared),
            clock: self.clock,
            started_secs: (self.clock)() / 1000,
            healthy: true,
        };
        self.task("console", move |bell| console.serve(server, bell))?;
        Ok(Some(bound))
    }

    /// The thread that sends to carbon runs until the flush thread has ended, so it has no rope.
    fn sender(&self, target: CarbonTarget) -> Result<(Sender<Vec<u8>>, JoinHandle<()>), Error> {
        let (bodies, waiting) = bounded(carbon::WAITING);
        let (shared, clock) = (Arc::clone(&self.shared), self.clock);
        let thread = spawn("carbon-out".into(), move || carbon::send(&target, &waiting, &shared, clock))?;
        Ok((bodies, thread))
    }

    fn server(&self, listener: Listener, framing: Framing) -> io::Result<Server> {
        Server::new(listener, framing, self.config.streams, Arc::clone(&self.shared), self.clock)
    }

    /// A thread with a post: its shard, one spare table waiting, and a link for the flush thread.
    fn receiver(&mut self, name: &str, run: impl FnOnce(&Bell, Post, Table) + Send + 'static) -> Result<(), Error> {
        // Two: the interval that was asked for, and the last one of a receiver that ends.
        let (full, handed_over) = bounded(2);
        let (spare, spares) = bounded(2);
        let _ = spare.try_send(self.ledger.table());
        let post = Post::new(self.ledger.shard(), Arc::clone(&self.shared), self.clock, full, spares);
        let last_table = self.ledger.table();
        let rope = self.task(name, move |bell| run(bell, post, last_table))?;
        self.links.push(Link { full: handed_over, spare, rope });
        Ok(())
    }

    /// A thread to start when everything is bound, and a rope to its bell.
    fn task(&mut self, name: &str, run: impl FnOnce(&Bell) + Send + 'static) -> Result<Rope, Error> {
        let name = format!("{name}-{}", self.tasks.len());
        let wrong = |source| Error::Thread { name: name.clone(), source };
        let (rope, bell) = bell().map_err(wrong)?;
        let again = rope.again().map_err(wrong)?;
        self.tasks.push((name, rope, Box::new(move || run(&bell))));
        Ok(again)
    }
}

pub(crate) fn wrong(what: &'static str, address: &SocketAddr) -> impl Fn(io::Error) -> Error + use<> {
    let address = address.to_string();
    move |source| Error::Listen { what, address: address.clone(), source }
}

pub(crate) fn spawn(name: String, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    thread::Builder::new().name(name.clone()).spawn(run).map_err(|source| Error::Thread { name, source })
}
