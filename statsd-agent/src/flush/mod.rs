//! Tallies to points, on the interval's edge. One thread waits for the edge, asks the receivers for their intervals,
//! merges and prints them. It alone owns the book; the console asks it.

pub mod book;
pub mod carbon;
pub mod edge;
pub mod ledger;
pub mod naming;
pub mod number;
pub mod outlet;
pub mod print;
mod sketches;
pub mod statistics;
pub mod store;

pub use ledger::Ledger;

use crate::admin;
use crate::aggregate::Table;
use crate::config::Flush;
use crate::listen::{Rope, Shared};
use crate::told::{Teller, Told};
use crate::wire::Kind;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use edge::Edges;
use outlet::Outlet;
use print::Print;
use std::sync::Arc;
use std::time::Duration;

/// What the flush thread holds of one receiver.
pub struct Link {
    /// Intervals that the receiver hands over.
    pub full: Receiver<Table>,
    /// Empty tables for it.
    pub spare: Sender<Table>,
    /// Wakes it.
    pub rope: Rope,
}

/// What the console asks of the flush thread.
pub enum Request {
    /// The live series of a kind with the open interval's values, as statsd prints them.
    Show(Kind, Sender<String>),
    /// Goes on with other settings, from the next edge on where it is the interval.
    Reconfigure(Box<(Flush, Option<Print>)>),
    /// Deletes series; answers statsd's lines.
    Delete(Kind, Vec<String>, Sender<String>),
}

/// The flush thread's possessions.
pub struct Flusher {
    /// The book and how it is printed.
    pub ledger: Ledger,
    /// Where points go.
    pub outlet: Outlet,
    /// The sender to carbon, where there is one.
    pub carbon: Option<Sender<Vec<u8>>>,
    /// All receivers.
    pub links: Vec<Link>,
    /// What the console asks.
    pub requests: Receiver<Request>,
    /// When to flush.
    pub edges: Edges,
    /// The interval from the next edge on.
    pub interval_ms: u64,
    /// Where flushes are told, where they are.
    pub teller: Option<Teller>,
    /// [`crate::config::Flush::silent_until_heard`].
    pub silent_until_heard: bool,
    /// What all threads see.
    pub shared: Arc<Shared>,
    /// Milliseconds since the epoch.
    pub clock: fn() -> u64,
}

/// How long a receiver may take to hand over; longer means that it died, and the flush goes on without it.
const HAND_OVER: Duration = Duration::from_secs(10);
/// The longest wait in one piece, so that a clock that was set is noticed.
const LONGEST_WAIT_MS: u64 = 1000;

impl Flusher {
    /// Flushes at every edge until nobody can ask any more; then once more, whatever the receivers left.
    pub fn run(mut self) {
        let mut edge_ms = self.edges.after((self.clock)());
        loop {
            let now_ms = (self.clock)();
            if now_ms >= edge_ms {
                let (last_ms, skipped) = self.edges.catch_up(edge_ms, now_ms);
                self.shared.counters.flushes_skipped.add(skipped);
                self.collect();
                self.flush(last_ms, now_ms);
                self.ledger.set_interval(self.interval_ms);
                self.edges.set_interval(self.interval_ms);
                edge_ms = self.edges.after((self.clock)());
                continue;
            }
            if self.edges.is_lost(edge_ms, now_ms) {
                edge_ms = self.edges.after(now_ms);
            }
            let wait = Duration::from_millis((edge_ms - now_ms).min(LONGEST_WAIT_MS));
            match self.requests.recv_timeout(wait) {
                Ok(request) => self.answer(request),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        // The receivers have ended and left their last intervals.
        let mut tables: Vec<Table> = self.links.iter().flat_map(|link| link.full.try_iter()).collect();
        self.ledger.absorb(&mut tables);
        self.flush(edge_ms, (self.clock)());
    }

    /// Asks all receivers at once, then takes what each hands over; every one goes on with its spare table meanwhile.
    fn collect(&mut self) {
        self.shared.ask_for_intervals();
        for link in &self.links {
            link.rope.ring();
        }
        let mut tables = Vec::with_capacity(self.links.len());
        let mut owners = Vec::with_capacity(self.links.len());
        for link in &self.links {
            if let Ok(table) = link.full.recv_timeout(HAND_OVER) {
                tables.push(table);
                owners.push(&link.spare);
            }
        }
        self.ledger.absorb(&mut tables);
        for (table, owner) in tables.into_iter().zip(owners) {
            // A receiver that ended meanwhile needs none.
            let _ = owner.try_send(table);
        }
    }

    fn flush(&mut self, edge_ms: u64, now_ms: u64) {
        if self.silent_until_heard && self.shared.counters.datagrams.get() == 0 {
            return;
        }
        let date = self.edges.date_secs(edge_ms, now_ms);
        let clock = self.clock;
        let measure = move || clock().saturating_sub(now_ms);
        let body = self.ledger.flush(date, &mut self.outlet, &self.shared.counters, measure);
        self.tell(date);
        if let (Some(carbon), Some(body)) = (&self.carbon, body) {
            // The sender waits for the network longer than the flushes that may wait for it: carbon is down, and the
            // spool would have dropped this one or an older one.
            if carbon.try_send(body).is_err() {
                self.shared.counters.carbon_out.spool_dropped.add(1);
            }
        }
    }

    fn tell(&mut self, at_secs: i64) {
        let Some(teller) = &self.teller else { return };
        let printed = self.ledger.printed().map(|text| Told::Flushed { at_secs, text });
        for told in printed.into_iter().chain([Told::Counted(self.ledger.counted_series())]) {
            // The flush does not wait for a terminal.
            if teller.try_send(told).is_err() {
                self.shared.counters.told_dropped.add(1);
            }
        }
    }

    fn answer(&mut self, request: Request) {
        // Without room for another load the answer is the book as it is, so that asking cannot grow it.
        if !self.ledger.book.is_full() {
            self.collect();
        }
        // Whoever asked may have gone.
        let _ = match request {
            Request::Reconfigure(settings) => {
                let (flush, print) = *settings;
                self.ledger.reconfigure(&flush, print);
                self.interval_ms = flush.interval_ms;
                Ok(())
            }
            Request::Show(kind, reply) => reply.try_send(admin::show(&self.ledger, kind)),
            Request::Delete(kind, patterns, reply) => reply.try_send(admin::delete(&mut self.ledger, kind, &patterns)),
        };
    }
}
