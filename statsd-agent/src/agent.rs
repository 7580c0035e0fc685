//! The running agent: starts every thread, and stops them from the sockets inwards, so that each stage drains what the one
//! before it left.

use crate::admin;
use crate::aggregate::Table;
use crate::config::{CarbonListen, Config, Flush, Server as StatsdServer};
use crate::counters::Counters;
use crate::error::Error;
use crate::flush::carbon::{self, CarbonTarget};
use crate::flush::edge::Edges;
use crate::flush::outlet::Outlet;
use crate::flush::print::Print;
use crate::flush::store::StoreOut;
use crate::flush::{Flusher, Ledger, Link, Request};
use crate::listen::carbon::CarbonReceiver;
use crate::listen::echo::{Blocks, Echo, Wants};
use crate::listen::listener::Listener;
use crate::listen::overhear::{Overhearing, Wanted, overhear};
use crate::listen::stream::{Framing, Heard, Next, Server};
use crate::listen::{Bell, Post, Rope, Shared, bell, repeat, udp};
use crate::told::Teller;
use crossbeam_channel::{Sender, bounded};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::Ordering;
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
    pub store: Option<Arc<dyn Store>>,
    /// Who is told what there is to print; without anybody nothing is made to be printed.
    pub teller: Option<Teller>,
}

/// What a running agent can change.
#[derive(Clone, Debug)]
pub struct Live {
    /// Percentiles, names and idle rules hold from the next flush on, the interval after it. `align` and the like stay.
    pub flush: Flush,
    /// How flushes are printed, where they are.
    pub print: Option<Print>,
    /// Whether every message is logged.
    pub messages: bool,
}

/// A running agent. Dropping it without [`Agent::stop`] stops it as well.
pub struct Agent {
    shared: Arc<Shared>,
    threads: Vec<(JoinHandle<()>, Rope)>,
    flusher: Option<JoinHandle<()>>,
    sender: Option<JoinHandle<()>>,
    requests: Option<Sender<Request>>,
    echoes: Vec<JoinHandle<()>>,
    overhearing: Option<(usize, Arc<Wanted>)>,
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
        let mut echo = Echo::new(config.echo_bytes);
        let repeaters: Vec<(repeat::Target, Blocks)> =
            config.repeaters.iter().map(|target| (target.clone(), echo.listen(Wants::Now).1)).collect();
        let overhearing = sinks.teller.as_ref().map(|_| Overhearing::new(config, &mut echo));
        let shared = Shared::with_echo(echo);
        let mut start = Start { clock, config, shared, ledger: Ledger::new(config), links: vec![], tasks: vec![] };
        let mut statsd_addrs = Vec::new();
        for server in &config.servers {
            statsd_addrs.extend(start.statsd(server)?);
        }
        let carbon_addrs = start.carbon(sinks.store.as_ref())?;
        let (requests, asked) = bounded(16);
        let console_addr = start.console(&requests)?;
        let protocol = sinks.carbon.as_ref().map(|target| target.protocol);
        let (carbon, sender) =
            sinks.carbon.map(|target| start.sender(target, sinks.teller.clone())).transpose()?.unzip();
        let Start { shared, ledger, links, tasks, .. } = start;
        let flusher = Flusher {
            ledger,
            outlet: Outlet::new(protocol, sinks.store.map(StoreOut::new)),
            carbon,
            links,
            requests: asked,
            interval_ms,
            teller: sinks.teller.clone(),
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
            echoes: vec![],
            overhearing: overhearing.as_ref().map(|one| (one.ear, Arc::clone(&one.wanted))),
            statsd_addrs,
            console_addr,
            carbon_addrs,
        };
        agent.flusher = Some(spawn("flush".into(), move || flusher.run())?);
        agent.echo(repeaters, overhearing.zip(sinks.teller), clock)?;
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

    /// Changes what can be changed while the agent runs.
    pub fn reconfigure(&self, live: Live) {
        if let Some((ear, wanted)) = &self.overhearing {
            wanted.messages.store(live.messages, Ordering::Relaxed);
            self.shared.echo.switch(*ear, if wanted.any() { Wants::Now } else { Wants::Later });
        }
        if let Some(requests) = &self.requests {
            // Full only while the flush thread is at work, and gone only when the agent ends.
            let _ = requests.send(Request::Reconfigure(Box::new((live.flush, live.print))));
        }
    }

    /// Starts those who hear what the receivers pass on.
    fn echo(
        &mut self,
        repeaters: Vec<(repeat::Target, Blocks)>,
        overhearing: Option<(Overhearing, Teller)>,
        clock: fn() -> u64,
    ) -> Result<(), Error> {
        for (at, (target, blocks)) in repeaters.into_iter().enumerate() {
            let shared = Arc::clone(&self.shared);
            let run = move || repeat::repeat(&target, &blocks, &shared, clock);
            self.echoes.push(spawn(format!("repeat-{at}"), run)?);
        }
        if let Some((Overhearing { wanted, blocks, .. }, teller)) = overhearing {
            let shared = Arc::clone(&self.shared);
            let run = move || overhear(&wanted, &blocks, &teller, &shared, clock);
            self.echoes.push(spawn("overhear".into(), run)?);
        }
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
        self.shared.drain();
        for thread in self.echoes.drain(..) {
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
                let listener = bind(address).map_err(&wrong)?;
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
            let hear = |post: &mut Post, heard: Heard<'_>, _: &mut Vec<u8>| {
                match heard {
                    Heard::Lines(lines) => {
                        post.echo([lines].into_iter());
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

    fn carbon(&mut self, store: Option<&Arc<dyn Store>>) -> Result<Vec<SocketAddr>, Error> {
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
        let listener = bind(&settings.address).map_err(&wrong)?;
        let bound = listener.local_addr().map_err(&wrong)?;
        let server = self.server(Listener::Tcp(listener), Framing::Chunks).map_err(wrong)?;
        let console = admin::Console {
            requests: requests.clone(),
            settings: settings.clone(),
            shared: Arc::clone(&self.shared),
            clock: self.clock,
            started_secs: ((self.clock)() + 500) / 1000,
            healthy: settings.healthy,
        };
        self.task("console", move |bell| console.serve(server, bell))?;
        Ok(Some(bound))
    }

    /// The thread that sends to carbon runs until the flush thread has ended, so it has no rope.
    fn sender(&self, target: CarbonTarget, teller: Option<Teller>) -> Result<(Sender<Vec<u8>>, JoinHandle<()>), Error> {
        let (bodies, waiting) = bounded(carbon::WAITING);
        let (shared, clock) = (Arc::clone(&self.shared), self.clock);
        let thread =
            spawn("carbon-out".into(), move || carbon::send(&target, &waiting, teller.as_ref(), &shared, clock))?;
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

/// Node listens on every address of both families where none is said; a machine without IPv6 has the others.
pub(crate) fn bind(address: &SocketAddr) -> io::Result<TcpListener> {
    let bound = TcpListener::bind(address);
    match bound {
        Err(_) if address.is_ipv6() && address.ip().is_unspecified() => {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).or(bound)
        }
        bound => bound,
    }
}

pub(crate) fn wrong(what: &'static str, address: &SocketAddr) -> impl Fn(io::Error) -> Error + use<> {
    let address = address.to_string();
    move |source| Error::Listen { what, address: address.clone(), source }
}

pub(crate) fn spawn(name: String, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    thread::Builder::new().name(name.clone()).spawn(run).map_err(|source| Error::Thread { name, source })
}
