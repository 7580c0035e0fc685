//! Samples to the tallies of one interval. A shard belongs to one receiver thread, is never locked, and hands its whole
//! interval over by swapping tables: receiving never waits for a flush, and a flush never sees half an interval.

pub mod hash;
pub mod index;
pub mod keys;
pub mod name;
mod spellings;
pub mod table;
#[cfg(test)]
mod tests;

pub use hash::Seeds;
pub use table::{Budget, Table};

use crate::config::Limits;
use crate::counters::{Counters, Heard, Reject};
use crate::wire::{self, Dialect, Line, Notice, ParseError, Sample, notice, syslog};
use memchr::memchr;
use std::mem;
use std::sync::Arc;

/// One receiver's side of the aggregation: the table of the open interval.
pub struct Shard {
    table: Table,
    published: Heard,
    /// The name of the service check at hand.
    check: Vec<u8>,
}

impl Shard {
    /// An empty shard. Receivers of one agent share `seeds` (their sets are merged) and `budget` (their names are).
    pub fn new(limits: Limits, dialect: Dialect, seeds: Seeds, budget: Arc<Budget>) -> Shard {
        Shard { table: Table::new(limits, dialect, seeds, budget), published: Heard::default(), check: Vec::new() }
    }

    /// Tallies every line of a datagram, or of a block of whole lines. `stamp` orders batches of all receivers, so that
    /// the latest setting of a gauge wins; within a datagram the order is that of the bytes.
    ///
    /// No allocation for names that the table knows; about 110 bytes for a new one.
    pub fn receive(&mut self, datagram: &[u8], stamp: u64) {
        self.table.heard.datagrams += 1;
        self.table.heard.bytes += datagram.len() as u64;
        let mut rest = datagram;
        while !rest.is_empty() {
            let len = self.line(rest, stamp);
            // The newline, if there is one.
            rest = rest.get(len + 1..).unwrap_or_default();
        }
    }

    /// Notes a line that a stream gave up on because it was longer than allowed.
    pub fn line_too_long(&mut self) {
        self.table.heard.lines += 1;
        self.table.heard.samples += 1;
        self.table.heard.reject(Reject::LineTooLong);
    }

    /// Hands over the interval and goes on with `spare`.
    pub fn take(&mut self, spare: Table) -> Table {
        self.published = Heard::default();
        mem::replace(&mut self.table, spare)
    }

    /// What was heard in the open interval.
    pub fn heard(&self) -> &Heard {
        &self.table.heard
    }

    /// Adds what was heard since the last call to the agent's totals.
    pub fn publish(&mut self, counters: &Counters) {
        counters.publish(&self.table.heard, &self.published);
        self.published = self.table.heard;
    }

    /// The line that `text` begins with; answers its length. Usual lines are read in one pass, without looking for their
    /// end first.
    #[inline]
    fn line(&mut self, text: &[u8], stamp: u64) -> usize {
        if let Some(simple) = wire::simple(text) {
            self.table.heard.lines += 1;
            self.table.heard.samples += 1;
            let outcome = self.table.tally(simple.name, &[], &simple.sample, stamp);
            self.note(outcome);
            return simple.len;
        }
        let len = memchr(b'\n', text).unwrap_or(text.len());
        if len > 0 {
            self.table.heard.lines += 1;
            self.any_line(&text[..len], stamp);
        }
        len
    }

    fn any_line(&mut self, line: &[u8], stamp: u64) {
        let dialect = self.table.dialect();
        let mut line = line;
        if dialect == Dialect::All {
            line = syslog::payload(line.strip_suffix(b"\r").unwrap_or(line));
            if let Some(notice) = notice::read(line) {
                return self.notice(notice, stamp);
            }
        }
        let line = Line::split(line, dialect);
        let is_too_long = self.table.is_too_long(line.name, line.tags);
        for sample in line.samples() {
            self.table.heard.samples += 1;
            let outcome = match sample {
                Ok(_) if is_too_long => Err(Reject::NameTooLong),
                Ok(sample) => self.table.tally(line.name, line.tags, &sample, stamp),
                Err(error) => Err(error.into()),
            };
            self.note(outcome);
        }
    }

    /// An event is counted by its alert; a service check is the gauge `checks.NAME`.
    fn notice(&mut self, notice: Result<Notice<'_>, ParseError>, stamp: u64) {
        self.table.heard.samples += 1;
        let outcome = match notice {
            Ok(Notice::Event(alert)) => {
                self.table.heard.events[alert as usize] += 1;
                Ok(())
            }
            Ok(Notice::Check { name, status, tags }) => {
                self.check.clear();
                self.check.extend_from_slice(b"checks.");
                self.check.extend_from_slice(name);
                self.table.tally(&self.check, tags, &Sample::Set(status), stamp)
            }
            Err(error) => Err(error.into()),
        };
        self.note(outcome);
    }

    #[inline]
    fn note(&mut self, outcome: Result<(), Reject>) {
        match outcome {
            Ok(()) => self.table.heard.applied += 1,
            Err(reason) => self.table.heard.reject(reason),
        }
    }
}
