//! One flush, without threads or clocks: tables in, points out. The recorded statsd cases drive exactly this.

use super::book::{Book, Series};
use super::naming::{Naming, Own};
use super::outlet::Outlet;
use super::print::{Page, Print};
use super::sketches;
use super::statistics::Statistics;
use super::store::Stored;
use crate::aggregate::{Budget, Seeds, Shard, Table};
use crate::config::{Config, Flush};
use crate::counters::Counters;
use crate::wire::{Dialect, Kind};
use std::collections::HashMap;
use std::sync::Arc;
use tsdb::sketch::Sketch;

/// The book with all that a flush needs to print it.
pub struct Ledger {
    pub(crate) book: Book,
    naming: Naming,
    statistics: Statistics,
    interval_ms: u64,
    flushed_at_secs: Option<i64>,
    own: [Stored; Own::ALL.len()],
    budget: Arc<Budget>,
    counted: usize,
    seeds: Seeds,
    limits: crate::config::Limits,
    dialect: Dialect,
    print: Option<Print>,
    page: Option<Page>,
    counted_series: u64,
}

/// What a flush tells about itself and the sending before it; milliseconds are measured by whoever has the clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measured {
    /// statsd's `processing_time`.
    pub processing_ms: u64,
    /// statsd's `graphiteStats.calculationtime`.
    pub calculation_ms: u64,
}

impl Ledger {
    /// An empty ledger. Shards must come from [`Ledger::shard`].
    pub fn new(config: &Config) -> Ledger {
        let statistics = Statistics::new(&config.flush.timers);
        let naming = Naming::new(&config.flush.names, &statistics);
        let seeds = Seeds::random();
        let book = Book::new(&config.flush, config.limits, seeds.clone(), &naming);
        let mut ledger = Ledger {
            book,
            naming,
            statistics,
            interval_ms: config.flush.interval_ms,
            flushed_at_secs: None,
            own: [Stored::Unknown; Own::ALL.len()],
            budget: Arc::new(Budget::new(config.limits.names)),
            counted: 0,
            seeds,
            limits: config.limits,
            dialect: config.dialect,
            print: config.print.clone(),
            page: None,
            counted_series: 0,
        };
        ledger.settle(0);
        ledger
    }

    /// Goes on with other settings: what the open interval has heard is flushed with them.
    pub fn reconfigure(&mut self, flush: &Flush, print: Option<Print>) {
        self.statistics = Statistics::new(&flush.timers);
        self.naming = Naming::new(&flush.names, &self.statistics);
        self.book.set_idle(flush.idle);
        self.book.rename_own(&self.naming);
        self.forget_stored();
        // Whether flushes are printed at all was settled at the start: it decides what receivers keep.
        if let (Some(form), Some(print)) = (&mut self.print, print) {
            *form = print;
        }
        self.settle(0);
    }

    fn forget_stored(&mut self) {
        self.book.forget_stored();
        self.own = [Stored::Unknown; Own::ALL.len()];
    }

    /// Divides by another interval from now on.
    pub fn set_interval(&mut self, interval_ms: u64) {
        self.interval_ms = interval_ms;
    }

    /// The last flush as the console backend prints it, where it is to be printed.
    pub fn printed(&mut self) -> Option<String> {
        let page = self.page.take()?;
        Some(page.text(self.print.as_ref()?))
    }

    /// How many series the last flush had: statsd's `numStats`.
    pub fn counted_series(&self) -> u64 {
        self.counted_series
    }

    /// A shard whose intervals this ledger can absorb.
    pub fn shard(&self) -> Shard {
        Shard::new(self.limits, self.dialect, self.seeds.clone(), Arc::clone(&self.budget))
    }

    /// A spare table for a shard.
    pub fn table(&self) -> Table {
        Table::new(self.limits, self.dialect, self.seeds.clone(), Arc::clone(&self.budget))
    }

    /// Merges shards' intervals and leaves their tables empty.
    pub fn absorb(&mut self, tables: &mut [Table]) {
        let admitted = self.book.absorb(tables);
        self.settle(admitted);
    }

    /// Keeps the budget at the bound less what the book holds and the tables took.
    fn settle(&mut self, admitted: u64) {
        let grown = self.book.len() as i64 - self.counted as i64;
        self.counted = self.book.len();
        self.budget.settle(admitted, grown);
    }

    /// Prints the interval, dated `at_secs`, and begins the next one. `measure` answers the milliseconds since the flush
    /// began. The body for carbon is answered where the outlet has one.
    pub fn flush(
        &mut self,
        at_secs: i64,
        outlet: &mut Outlet,
        counters: &Counters,
        measure: impl Fn() -> u64,
    ) -> Option<Vec<u8>> {
        let interval_secs = self.interval_ms as f64 / 1000.0;
        if let Some(before) = self.flushed_at_secs.replace(at_secs) {
            self.book.set_lag((at_secs - before) as f64 - interval_secs);
        }
        outlet.begin(at_secs);
        if outlet.names_have_changed() {
            self.forget_stored();
        }
        self.page = self.print.as_ref().map(|_| Page::default());
        let mut series = self.counters(outlet, interval_secs);
        series += self.timers(outlet, interval_secs);
        let processing_ms = measure();
        series += self.gauges_and_sets(outlet);
        self.dated(outlet, at_secs, interval_secs);
        self.counted_series = series;
        let measured = Measured { processing_ms, calculation_ms: measure().saturating_sub(processing_ms) };
        self.own_statistics(outlet, counters, series, measured);
        counters.series_evicted.add(self.book.turn());
        self.settle(0);
        counters.series.set(self.book.len() as u64);
        counters.flushes.add(1);
        counters.flushed_at_secs.set(at_secs.unsigned_abs());
        let body = outlet.end(counters);
        counters.flush_ms.set(measure());
        body
    }

    fn counters(&mut self, outlet: &mut Outlet, interval_secs: f64) -> u64 {
        self.each(Kind::Counter, |naming, series, page| {
            let sum = series.value;
            if let Some(page) = page {
                page.counter(&series.name, sum, sum / interval_secs);
            }
            outlet.point(naming, series, 0, sum / interval_secs);
            if naming.of(Kind::Counter).len() > 1 {
                outlet.point(naming, series, 1, sum);
            }
        })
    }

    fn timers(&mut self, outlet: &mut Outlet, interval_secs: f64) -> u64 {
        let mut grouped = self.book.grouped();
        let ids: Vec<u32> = self.book.live(Kind::Timer).collect();
        let Ledger { book, naming, statistics, page, .. } = self;
        let mut results = Vec::new();
        for &id in &ids {
            let series = &mut book.series[id as usize];
            let values = grouped.of(id);
            let sketched =
                outlet.sketching(naming, series).and_then(|kept| sketches::of_timer(kept, values, series.value));
            let is_read = sketched.is_none() || page.is_some() || outlet.has_text();
            results.clear();
            let put = |number, value| results.push((number, value));
            match values.is_empty() {
                true => statistics.idle(put),
                false if is_read => statistics.of(&series.name, values, series.value, interval_secs, put),
                false => statistics.bins_of(&series.name, values, put),
            }
            if let Some(page) = page {
                page.timer(&series.name, values, statistics, &results);
            }
            for &(number, value) in &results {
                match sketched.is_some() && !statistics.is_bin(number) {
                    true => outlet.text_point(naming, series, number, value),
                    false => outlet.point(naming, series, number, value),
                }
            }
            if let Some((stored, sketch)) = sketched {
                outlet.sketch(stored, sketch);
            }
        }
        ids.len() as u64
    }

    fn gauges_and_sets(&mut self, outlet: &mut Outlet) -> u64 {
        let gauges = self.each(Kind::Gauge, |naming, series, page| {
            let value = series.value;
            if let Some(page) = page {
                page.gauge(&series.name, value);
            }
            outlet.point(naming, series, 0, value);
        });
        let sketched = sketches::of_sets(&mut self.book, &self.naming, outlet);
        let ids: Vec<u32> = self.book.live(Kind::Set).collect();
        for &id in &ids {
            let series = &mut self.book.series[id as usize];
            let members = f64::from(series.members);
            match sketched.contains_key(&id) {
                true => outlet.text_point(&self.naming, series, 0, members),
                false => outlet.point(&self.naming, series, 0, members),
            }
        }
        sketched.into_values().for_each(|(stored, set)| outlet.sketch(stored, Sketch::Hll(set)));
        self.print_sets();
        gauges + ids.len() as u64
    }

    /// The values that named their own second, under the names of the aggregated ones.
    fn dated(&mut self, outlet: &mut Outlet, at_secs: i64, interval_secs: f64) {
        let Ledger { book, naming, .. } = self;
        for dated in std::mem::take(&mut book.dated) {
            let series = &mut book.series[dated.series as usize];
            outlet.begin(i64::from(dated.at_secs));
            match series.kind {
                Kind::Counter => {
                    outlet.point(naming, series, 0, dated.value / interval_secs);
                    if naming.of(Kind::Counter).len() > 1 {
                        outlet.point(naming, series, 1, dated.value);
                    }
                }
                _ => outlet.point(naming, series, 0, dated.value),
            }
        }
        outlet.begin(at_secs);
    }

    fn print_sets(&mut self) {
        let Ledger { book, page: Some(page), .. } = self else { return };
        let mut members: HashMap<u32, Vec<&[u8]>> = HashMap::new();
        for (id, text) in book.texts() {
            members.entry(id).or_default().push(text);
        }
        for id in book.live(Kind::Set) {
            page.set(&book.series[id as usize].name, members.get(&id).map_or(&[], Vec::as_slice));
        }
    }

    fn each(&mut self, kind: Kind, mut put: impl FnMut(&Naming, &mut Series, Option<&mut Page>)) -> u64 {
        let ids: Vec<u32> = self.book.live(kind).collect();
        for &id in &ids {
            put(&self.naming, &mut self.book.series[id as usize], self.page.as_mut());
        }
        ids.len() as u64
    }

    fn own_statistics(&mut self, outlet: &mut Outlet, counters: &Counters, series: u64, measured: Measured) {
        let carbon = &counters.carbon_out;
        for own in Own::ALL {
            let value = match own {
                Own::NumStats => series,
                Own::ProcessingTime => measured.processing_ms,
                Own::CalculationTime => measured.calculation_ms,
                Own::LastException => carbon.last_exception_secs.get(),
                Own::LastFlush => carbon.last_flush_secs.get(),
                Own::FlushTime => carbon.flush_ms.get(),
                Own::FlushLength => carbon.flush_bytes.get(),
            };
            outlet.own(&self.naming, own, &mut self.own[own as usize], value as f64);
        }
    }
}
