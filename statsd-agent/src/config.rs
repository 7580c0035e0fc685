//! The agent's settings as plain values; whoever reads files (kymo) fills them in. Defaults are statsd's own.

use crate::flush::print::Print;
use crate::flush::statistics::{Histogram, Percentile};
use crate::listen::overhear::KeyFlush;
use crate::listen::repeat;
use crate::wire::Dialect;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

/// Everything the agent needs to start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where StatsD lines are received; statsd's `servers`.
    pub servers: Vec<Server>,
    /// What the lines may say.
    pub dialect: Dialect,
    /// Receiver threads (and sockets) for each UDP address.
    pub receivers: u16,
    /// The kernel's receive buffer to ask for, for each UDP socket; the kernel may give less.
    pub receive_buffer_bytes: u32,
    /// Bounds of stream connections, of each server.
    pub streams: StreamLimits,
    /// Bounds of the tallies, of each receiver.
    pub limits: Limits,
    /// When and what is flushed.
    pub flush: Flush,
    /// The management console, where one is wanted.
    pub console: Option<Console>,
    /// Other statsd servers that what is heard is repeated to.
    pub repeaters: Vec<repeat::Target>,
    /// Bytes that may wait for each repeater, and for the log of messages and the count of names.
    pub echo_bytes: usize,
    /// Log every message; needs somebody to tell (as the next two).
    pub messages: bool,
    /// Tell the most frequent names.
    pub keys: Option<KeyFlush>,
    /// Print each flush.
    pub print: Option<Print>,
    /// Where carbon's points are received; needs a store among the sinks. A second entry of lines with port 0 takes the
    /// port that the first one got.
    pub carbon: Vec<CarbonListen>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            servers: vec![Server::Udp(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8125)))],
            dialect: Dialect::Statsd,
            receivers: 1,
            receive_buffer_bytes: 8 << 20,
            streams: StreamLimits::default(),
            limits: Limits::default(),
            flush: Flush::default(),
            console: Some(Console::at(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8126)))),
            repeaters: Vec::new(),
            echo_bytes: 16 << 20,
            messages: false,
            keys: None,
            print: None,
            carbon: Vec::new(),
        }
    }
}

/// One place where StatsD lines are received. Port 0 asks the kernel for a free one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Server {
    /// Datagrams.
    Udp(SocketAddr),
    /// A stream of lines.
    Tcp(SocketAddr),
    /// A stream of lines over a Unix socket.
    Unix {
        /// The socket file; a stale one is replaced.
        path: PathBuf,
        /// Permission bits to give it.
        mode: Option<u32>,
    },
}

/// One place where carbon's points are received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CarbonListen {
    /// One or more lines a datagram.
    Udp(SocketAddr),
    /// A stream of lines.
    Tcp(SocketAddr),
    /// A stream of pickled lists, each after its length.
    Pickle(SocketAddr),
}

/// Bounds of stream connections.
#[derive(Clone, Copy, Debug)]
pub struct StreamLimits {
    /// Open connections of one server; a further one takes the place of the one that has been silent longest.
    pub connections: u16,
    /// The longest line; the rest of a longer one is skipped and counted. One connection holds at most this much.
    pub longest_line_bytes: u32,
    /// The longest pickle; a longer one ends its connection. One connection holds at most this much.
    pub longest_frame_bytes: u32,
    /// A connection that sends nothing for this long is closed.
    pub idle_ms: u64,
}

impl Default for StreamLimits {
    fn default() -> StreamLimits {
        // Ten minutes: longer than any flush interval in use, shorter than a forgotten client's life.
        // A mebibyte is carbon's own bound of a pickle.
        StreamLimits { connections: 4096, longest_line_bytes: 65_536, longest_frame_bytes: 1 << 20, idle_ms: 600_000 }
    }
}

/// Bounds of one receiver's interval, and (`names`) of the agent. What passes them is refused and counted by reason.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Series; about 110 bytes each in every receiver that hears them, and as much again in the book.
    pub names: u32,
    /// Bytes of all names of one receiver, below 4 GiB.
    pub name_bytes: u32,
    /// The longest name with its tags, as sent.
    pub longest_name: u16,
    /// Timer samples of an interval; 16 bytes each, and 24 more during a flush.
    pub timings: u32,
    /// Set members of an interval; 24 bytes each.
    pub members: u32,
    /// Gauge changes (`+1|g`) of an interval; 24 bytes each.
    pub changes: u32,
    /// Values that name a second of their own (`|T1656581400`), of an interval; 24 bytes each.
    pub dated: u32,
    /// Bytes of set members that each receiver keeps to be printed; zero keeps none but counts all the same.
    pub member_bytes: u32,
    /// A series that had no sample for this many flushes may be given up when the names are full.
    pub evict_after_flushes: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            names: 1_000_000,
            name_bytes: 64 << 20,
            longest_name: 2048,
            timings: 4_000_000,
            members: 1_000_000,
            changes: 1_000_000,
            dated: 1_000_000,
            member_bytes: 0,
            evict_after_flushes: 360,
        }
    }
}

/// When and what is flushed.
#[derive(Clone, Debug)]
pub struct Flush {
    /// Milliseconds between flushes; rates divide by it.
    pub interval_ms: u64,
    /// What the flushes are aligned to.
    pub align: Align,
    /// On the wall clock, no flush is dated at or before this moment (epoch): an agent before this one has flushed the
    /// interval that ends there.
    pub taken_until_ms: u64,
    /// Nothing is flushed before the first datagram, not even the agent's own statistics: a whisper tree that is only
    /// looked at stays as it is.
    pub silent_until_heard: bool,
    /// Which statistics of a timer.
    pub timers: TimerStatistics,
    /// What becomes of series without samples.
    pub idle: Idle,
    /// How the results are named.
    pub names: Names,
}

impl Default for Flush {
    fn default() -> Flush {
        Flush {
            interval_ms: 10_000,
            align: Align::ProcessStart,
            taken_until_ms: 0,
            silent_until_heard: false,
            timers: TimerStatistics::default(),
            idle: Idle::default(),
            names: Names::default(),
        }
    }
}

/// What the flushes are aligned to, and with it how their points are dated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// The start of the process, as statsd has it; a point is dated by the moment of its flush.
    ProcessStart,
    /// Multiples of the interval since the epoch; a point is dated by the end of its interval.
    WallClock,
}

/// Which statistics of a timer are flushed.
#[derive(Clone, Debug)]
pub struct TimerStatistics {
    /// statsd's `percentThreshold`.
    pub percentiles: Vec<Percentile>,
    /// statsd's `histogram`; the first whose text is part of the name holds.
    pub histograms: Vec<Histogram>,
    /// statsd's `calculatedTimerMetrics`; empty means all.
    pub only: Vec<String>,
}

impl Default for TimerStatistics {
    fn default() -> TimerStatistics {
        let percentiles = Percentile::parse("90").into_iter().collect();
        TimerStatistics { percentiles, histograms: Vec::new(), only: Vec::new() }
    }
}

/// What becomes of series without samples; statsd's `delete*`. The default sends zeros, and gauges' last values.
#[derive(Clone, Copy, Debug)]
pub struct Idle {
    /// Forget counters at each flush.
    pub delete_counters: bool,
    /// Forget timers at each flush.
    pub delete_timers: bool,
    /// Forget sets at each flush.
    pub delete_sets: bool,
    /// Forget gauges after `gauges_max_ttl` flushes.
    pub delete_gauges: bool,
    /// Flushes for which a gauge is sent after its last sample.
    pub gauges_max_ttl: u32,
}

impl Default for Idle {
    fn default() -> Idle {
        let kept = false;
        Idle { delete_counters: kept, delete_timers: kept, delete_sets: kept, delete_gauges: kept, gauges_max_ttl: 1 }
    }
}

/// How the results are named; statsd's `graphite` section, `prefixStats` and `flush_counts`. Empty parts are left out.
#[derive(Clone, Debug)]
pub struct Names {
    /// The names of statsd before 0.6 (`stats.K`, `stats_counts.K`), which ignore the prefixes below.
    pub legacy: bool,
    /// First node of all names.
    pub global_prefix: String,
    /// Second node of counters.
    pub counter_prefix: String,
    /// Second node of timers.
    pub timer_prefix: String,
    /// Second node of gauges.
    pub gauge_prefix: String,
    /// Second node of sets.
    pub set_prefix: String,
    /// Last node of all names.
    pub global_suffix: String,
    /// The node of the agent's own statistics.
    pub own: String,
    /// Send counts of counters beside rates.
    pub counts: bool,
}

impl Default for Names {
    fn default() -> Names {
        Names {
            legacy: true,
            global_prefix: "stats".into(),
            counter_prefix: "counters".into(),
            timer_prefix: "timers".into(),
            gauge_prefix: "gauges".into(),
            set_prefix: "sets".into(),
            global_suffix: String::new(),
            own: "statsd".into(),
            counts: true,
        }
    }
}

/// The management console.
#[derive(Clone, Debug)]
pub struct Console {
    /// Where it listens.
    pub address: SocketAddr,
    /// The reply to `config`.
    pub config_text: String,
    /// What the reply to `config` has more after the first flush: statsd sets its defaults late.
    pub config_text_late: String,
    /// What contributes to `stats`, in order.
    pub backends: Vec<Backend>,
    /// What `health` answers first.
    pub healthy: bool,
}

impl Console {
    /// A healthy console that flushes to Graphite.
    pub fn at(address: SocketAddr) -> Console {
        let (config_text, config_text_late) = (String::new(), String::new());
        Console { address, config_text, config_text_late, backends: vec![Backend::Graphite], healthy: true }
    }
}

/// statsd's backends that have something to say in `stats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Flushes to Graphite.
    Graphite,
    /// Prints flushes.
    Console,
}
