//! Parse, tally and flush: packed datagrams of known names into a shard, and its interval out as points.

use crate::Size;
use crate::measure::{Measured, NS_PER_LINE, NS_PER_SERIES, measure};
use statsd_agent::Config;
use statsd_agent::counters::Counters;
use statsd_agent::flush::Ledger;
use statsd_agent::flush::outlet::{Outlet, Protocol};
use statsd_agent::wire::Dialect;
use std::mem;

/// What clients pack into one datagram on an Ethernet.
const DATAGRAM_BYTES: usize = 1432;

/// Datagrams full of lines of one kind over `names` names, `lines` in all.
pub fn datagrams(lines: usize, names: usize, value: impl Fn(usize) -> String) -> Vec<Vec<u8>> {
    let mut datagrams = vec![Vec::new()];
    for i in 0..lines {
        // A step that is coprime to the number of names visits all of them, neighbours far apart.
        let line = format!("app.web.host{:04}.requests:{}", i * 7919 % names, value(i));
        let open = datagrams.last_mut().expect("never empty");
        if open.len() + 1 + line.len() > DATAGRAM_BYTES {
            datagrams.push(line.into_bytes());
            continue;
        }
        if !open.is_empty() {
            open.push(b'\n');
        }
        open.extend_from_slice(line.as_bytes());
    }
    datagrams
}

fn tally(name: &'static str, size: Size, value: impl Fn(usize) -> String) -> Measured {
    tally_in(Dialect::Statsd, name, size, value)
}

fn tally_in(dialect: Dialect, name: &'static str, size: Size, value: impl Fn(usize) -> String) -> Measured {
    let sent = datagrams(size.units, size.names, value);
    let ledger = Ledger::new(&Config { dialect, ..Config::default() });
    let mut shard = ledger.shard();
    // Names become known, as they are after the first interval; the tables are swapped as a flush would.
    let mut spare = ledger.table();
    let mut ledger = ledger;
    measure(name, NS_PER_LINE, size.rounds, size.units, || {
        for datagram in &sent {
            shard.receive(datagram, 1);
        }
        let mut full = [shard.take(mem::replace(&mut spare, ledger.table()))];
        ledger.absorb(&mut full);
        let [cleared] = full;
        spare = cleared;
    })
}

fn flush(size: Size) -> Measured {
    let sent = datagrams(size.units, size.units, |_| "1|c".to_string());
    let config = Config::default();
    let mut ledger = Ledger::new(&config);
    let mut shard = ledger.shard();
    let counters = Counters::default();
    let mut outlet = Outlet::new(Some(Protocol::Text), None);
    for datagram in &sent {
        shard.receive(datagram, 1);
    }
    ledger.absorb(&mut [shard.take(ledger.table())]);
    measure("flush/counters_to_carbon_text", NS_PER_SERIES, size.rounds, size.units, || {
        let body = ledger.flush(1_700_000_000, &mut outlet, &counters, || 0);
        assert!(body.is_some_and(|body| !body.is_empty()));
    })
}

/// Counters and timers at known names, then a flush of as many series as lines.
pub fn run(size: Size) -> Vec<Measured> {
    vec![
        tally("agent/counter_lines", size, |_| "1|c".to_string()),
        tally("agent/counter_lines_sampled", size, |i| format!("{}|c|@0.1", i % 9)),
        tally("agent/gauge_lines", size, |i| format!("{}.5|g", i % 1000)),
        tally("agent/timer_lines", size, |i| format!("{}.25|ms", i % 320)),
        tally("agent/set_lines", size, |i| format!("user-{}|s", i % 5000)),
        tally("agent/counter_lines_tagged", size, |_| "1|c|#env:prod,region:eu".to_string()),
        tally_in(Dialect::All, "agent/counter_lines_tagged_all_dialects", size, |_| {
            "1|c|#env:prod,region:eu".to_string()
        }),
        tally_in(Dialect::All, "agent/three_packed_values_tagged", size, |i| {
            format!("{}:2.5:3|ms|@0.5|#env:prod,region:eu", i % 320)
        }),
        flush(size),
    ]
}
