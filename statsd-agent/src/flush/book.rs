//! The book: every series that lives on from flush to flush, and the merged tallies of the open interval. One thread owns
//! it; shards' tables are merged into it whole.

use super::naming::Naming;
use super::store::Sketching;
use crate::aggregate::table::{AsIs, Change, Dated, Home, Member, Members, Tally, Texts, UNSET};
use crate::aggregate::{Seeds, Table, index::Index};
use crate::config::{Flush, Idle, Limits};
use crate::wire::Kind;
use std::hash::BuildHasherDefault;
use std::mem;

/// One series. About 100 bytes and its name, twice that with stored ids of a timer.
pub(crate) struct Series {
    pub name: Box<str>,
    /// Where the tags begin in `name`.
    pub base_len: usize,
    pub kind: Kind,
    /// Printed at the next flush. A deleted series is dormant: unseen, its place kept for its return.
    pub live: bool,
    /// Counter: the sum. Timer: the weights. Gauge: the value. Set: unused.
    pub value: f64,
    /// Set: members of the interval.
    pub members: u32,
    /// The store's ids of its statistics, by number.
    pub stored: Vec<super::store::Stored>,
    /// What the store keeps instead of its statistics.
    pub sketch: Sketching,
    /// statsd never deletes its own counters, nor any whose name contains one of theirs.
    protected: bool,
    samples: u64,
    idle_flushes: u32,
    ttl: u32,
    /// Gauge: the batch of the last setting, and its place among that batch's changes.
    set_at: (u64, u32),
    version: u32,
}

/// How many counters statsd has of its own.
const OWN_COUNTERS: usize = 3;

/// All series and the open interval's merged tallies.
pub struct Book {
    idle: Idle,
    limits: Limits,
    seeds: Seeds,
    index: Index,
    pub(crate) series: Vec<Series>,
    order: [Vec<u32>; 4],
    free: Vec<u32>,
    timings: Vec<(u32, f64)>,
    members: Members,
    /// Values that name their own second, until the flush prints them.
    pub(crate) dated: Vec<Dated>,
    texts: Texts,
    /// The ids of statsd's own counters.
    own: [u32; OWN_COUNTERS],
    lag_name: String,
    lag: Option<u32>,
    refused: u64,
    evicted: u64,
}

/// The samples of all timers, side by side by series.
pub(crate) struct Grouped {
    starts: Vec<usize>,
    values: Vec<f64>,
}

impl Grouped {
    /// The samples of one series, in order of arrival until someone sorts them.
    pub fn of(&mut self, id: u32) -> &mut [f64] {
        let id = id as usize;
        match self.starts.get(id..id + 2) {
            Some(&[start, end]) => &mut self.values[start..end],
            _ => &mut [],
        }
    }
}

/// What the tables of one merge say about gauges, until all have spoken.
#[derive(Default)]
struct Gauges {
    settings: Vec<(u32, (u64, u32), f64)>,
    changes: Vec<((u64, u32), Change)>,
}

impl Book {
    /// A book with statsd's own counters.
    pub fn new(flush: &Flush, limits: Limits, seeds: Seeds, naming: &Naming) -> Book {
        let mut book = Book {
            idle: flush.idle,
            limits,
            seeds,
            index: Index::default(),
            series: Vec::new(),
            order: Default::default(),
            free: Vec::new(),
            timings: Vec::new(),
            members: Members::with_hasher(BuildHasherDefault::<AsIs>::default()),
            dated: Vec::new(),
            texts: Texts::default(),
            own: [0; OWN_COUNTERS],
            lag_name: String::new(),
            lag: None,
            refused: 0,
            evicted: 0,
        };
        book.rename_own(naming);
        book
    }

    /// Merges the intervals of several shards and leaves their tables empty. Answers the names that they had taken from
    /// the budget.
    pub fn absorb(&mut self, tables: &mut [Table]) -> u64 {
        let admitted = tables.iter().map(|table| table.admitted).sum();
        let mut gauges = Gauges::default();
        for table in tables.iter_mut() {
            let heard = *table.heard();
            let own = [heard.bad_lines(), heard.datagrams, heard.lines];
            for (&id, n) in self.own.iter().zip(own) {
                self.series[id as usize].value += n as f64;
            }
            self.refused += heard.rejected[crate::counters::Reject::NamesFull as usize];
            self.absorb_tallies(table, &mut gauges);
            self.absorb_logs(table, &mut gauges);
            self.absorb_dated(table);
            table.clear();
        }
        self.settle(gauges);
        let stays = |home: Home| self.series.get(home.id as usize).is_some_and(|series| series.version == home.version);
        for table in tables.iter_mut().filter(|table| table.should_forget(stays)) {
            table.forget(stays);
        }
        admitted
    }

    /// Whether merging once more before the flush could pass the bound on samples held.
    pub(crate) fn is_full(&self) -> bool {
        self.timings.len() >= self.limits.timings as usize
            || self.members.len() >= self.limits.members as usize
            || self.dated.len() >= self.limits.dated as usize
    }

    /// Tells the gauge that says by how much the last interval was too long; from the second flush on, as statsd.
    pub fn set_lag(&mut self, secs: f64) {
        let id = match self.lag {
            Some(id) => id,
            None => {
                let name = mem::take(&mut self.lag_name);
                self.place(Kind::Gauge, &name)
            }
        };
        self.lag = Some(id);
        self.series[id as usize].value = secs;
        self.revive(id);
    }

    /// The ids of the live series of a kind, in order of their first sight since they were deleted last.
    pub(crate) fn live(&self, kind: Kind) -> impl Iterator<Item = u32> + '_ {
        self.order[kind as usize].iter().copied()
    }

    /// The members of all sets that were kept to be printed, with their series.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.texts.iter().map(|(member, text)| (member.series, &**text))
    }

    /// The hashes of all sets' members, with their series.
    pub(crate) fn member_hashes(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.members.iter().map(|member| (member.series, member.digest[1]))
    }

    /// What becomes of idle series from now on.
    pub(crate) fn set_idle(&mut self, idle: Idle) {
        self.idle = idle;
    }

    /// The agent's own counters under these names from now on; those under the old ones go on as ordinary series.
    pub(crate) fn rename_own(&mut self, naming: &Naming) {
        for (at, name) in naming.own_counters().iter().enumerate() {
            self.own[at] = self.place(Kind::Counter, name);
            self.revive(self.own[at]);
        }
        if self.lag.is_none_or(|id| *self.series[id as usize].name != *naming.lag()) {
            (self.lag, self.lag_name) = (None, naming.lag().to_owned());
        }
    }

    /// The store's answers are forgotten: names, statistics or the store's own names have changed.
    pub(crate) fn forget_stored(&mut self) {
        self.series.iter_mut().for_each(|series| {
            series.stored.clear();
            series.sketch = Sketching::Unknown;
        });
    }

    /// Back from a deletion, a series is the newest, as the key of a JavaScript object is.
    fn revive(&mut self, id: u32) {
        let series = &mut self.series[id as usize];
        if !series.live {
            series.live = true;
            self.order[series.kind as usize].push(id);
        }
    }

    /// Takes the series that are not live out of the order of printing.
    fn forget_order(&mut self) {
        let Book { order, series, .. } = self;
        for ids in order {
            ids.retain(|&id| series[id as usize].live);
        }
    }

    /// The timers' samples by series: one counting sort for all of them.
    pub(crate) fn grouped(&self) -> Grouped {
        let mut starts = vec![0usize; self.series.len() + 1];
        for &(id, _) in &self.timings {
            starts[id as usize + 1] += 1;
        }
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        let mut next = starts.clone();
        let mut values = vec![0.0; self.timings.len()];
        for &(id, value) in &self.timings {
            values[next[id as usize]] = value;
            next[id as usize] += 1;
        }
        Grouped { starts, values }
    }

    /// Ends the interval after its flush: values start anew, idle series are dealt with. Answers how many were given up.
    pub fn turn(&mut self) -> u64 {
        self.timings.clear();
        self.members.clear();
        self.texts.clear();
        let idle = self.idle;
        let mut gone = false;
        for series in &mut self.series {
            let deleted = match series.kind {
                Kind::Counter => idle.delete_counters && !series.protected,
                Kind::Timer => idle.delete_timers,
                Kind::Set => idle.delete_sets,
                // Only gauges that were sent have a time to live; statsd's own gauge stays.
                Kind::Gauge => idle.delete_gauges && series.ttl == 1,
            };
            series.ttl = series.ttl.saturating_sub(1);
            gone |= series.live && deleted;
            series.live &= !deleted;
            if series.kind != Kind::Gauge || deleted {
                (series.value, series.members) = (0.0, 0);
            }
            series.idle_flushes = if series.samples == 0 { series.idle_flushes.saturating_add(1) } else { 0 };
            series.samples = 0;
        }
        if gone {
            self.forget_order();
        }
        if mem::take(&mut self.refused) > 0 {
            self.evict();
        }
        mem::take(&mut self.evicted)
    }

    /// Series that the book holds, dormant ones too.
    pub fn len(&self) -> usize {
        self.series.len() - self.free.len()
    }

    /// Whether the book holds nothing; never true, because statsd's own counters are in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Deletes series as the console does: an exact name, or all below `folder.*`. Answers the names deleted.
    pub fn delete(&mut self, kind: Kind, pattern: &str) -> Vec<String> {
        let folder = pattern.strip_suffix('*').filter(|folder| folder.ends_with('.'));
        let ids: Vec<u32> = self.live(kind).collect();
        let mut deleted = Vec::new();
        for id in ids {
            let series = &mut self.series[id as usize];
            if *series.name != *pattern && !folder.is_some_and(|folder| series.name.starts_with(folder)) {
                continue;
            }
            // statsd's own counters start anew; there they turn to NaN until the flush.
            series.live = kind == Kind::Counter && self.own.contains(&id);
            series.value = 0.0;
            deleted.push(series.name.to_string());
        }
        self.forget_order();
        if kind == Kind::Timer && !deleted.is_empty() {
            let Book { timings, series, .. } = self;
            timings.retain(|&(id, _)| series[id as usize].live);
        }
        deleted
    }

    fn absorb_tallies(&mut self, table: &mut Table, gauges: &mut Gauges) {
        for at in 0..table.touched.len() {
            let slot = table.touched[at] as usize;
            let home = self.home(table, &table.tallies[slot]);
            table.tallies[slot].home = home;
            let tally = &table.tallies[slot];
            self.revive(home.id);
            let series = &mut self.series[home.id as usize];
            series.samples += u64::from(tally.samples);
            match tally.kind {
                // Each value is finite but a sum may not be; held at the largest number, so that no NaN can follow.
                Kind::Counter | Kind::Timer => series.value = held(series.value + held(tally.value)),
                Kind::Set => {}
                Kind::Gauge => {
                    series.ttl = self.idle.gauges_max_ttl;
                    if tally.mark != UNSET {
                        gauges.settings.push((home.id, (tally.stamp, tally.mark), tally.value));
                    }
                }
            }
        }
    }

    fn absorb_logs(&mut self, table: &Table, gauges: &mut Gauges) {
        let home = |slot: u32| table.tallies[slot as usize].home.id;
        self.timings.extend(table.timings.iter().map(|&(slot, value)| (home(slot), value)));
        for (place, change) in (0u32..).zip(&table.changes) {
            gauges.changes.push(((change.stamp, place), Change { series: home(change.series), ..*change }));
        }
        for (member, text) in table.texts.iter() {
            let member = Member { series: home(member.series), ..*member };
            if !self.members.contains(&member) {
                self.texts.keep(member, text, self.limits.member_bytes as usize);
            }
        }
        for member in &table.members {
            let id = home(member.series);
            if self.members.insert(Member { series: id, ..*member }) {
                self.series[id as usize].members += 1;
            }
        }
    }

    fn absorb_dated(&mut self, table: &mut Table) {
        for at in 0..table.dated.len() {
            let dated = table.dated[at];
            let slot = dated.series as usize;
            let home = self.home(table, &table.tallies[slot]);
            table.tallies[slot].home = home;
            self.series[home.id as usize].samples += 1;
            self.dated.push(Dated { series: home.id, ..dated });
        }
    }

    /// The latest setting of a gauge wins, whichever receiver heard it; changes after it add up in order.
    fn settle(&mut self, mut gauges: Gauges) {
        for &(id, order, value) in &gauges.settings {
            let series = &mut self.series[id as usize];
            if order.0 >= series.set_at.0 {
                (series.set_at, series.value) = (order, value);
            }
        }
        gauges.changes.sort_by_key(|change| change.0);
        for (order, change) in &gauges.changes {
            let series = &mut self.series[change.series as usize];
            if *order >= series.set_at {
                // A change of zero is a setting to statsd, which shows in the sign of -0 only.
                let sum = if series.value == 0.0 { change.value } else { series.value + change.value };
                series.value = held(sum);
            }
        }
        // Places are those of one interval's log; in the next one every change comes after this setting.
        for (id, ..) in gauges.settings {
            self.series[id as usize].set_at.1 = 0;
        }
    }

    /// Where a tally belongs: known since its name was first merged, unless that place was given up.
    fn home(&mut self, table: &Table, tally: &Tally) -> Home {
        let known = self.series.get(tally.home.id as usize).is_some_and(|series| series.version == tally.home.version);
        if known {
            return tally.home;
        }
        let id = self.place(tally.kind, table.name(tally));
        Home { id, version: self.series[id as usize].version }
    }

    fn place(&mut self, kind: Kind, name: &str) -> u32 {
        let is_it = |id: u32| {
            let series = &self.series[id as usize];
            series.kind == kind && *series.name == *name
        };
        let found = self.index.find(self.seeds.name(kind, name.as_bytes()), is_it);
        found.unwrap_or_else(|| self.open(kind, name))
    }

    fn open(&mut self, kind: Kind, name: &str) -> u32 {
        let series = Series {
            name: name.into(),
            base_len: name.find(';').unwrap_or(name.len()),
            kind,
            // It is revived by its first sample; one that has only values of other seconds has nothing to say at a flush.
            live: false,
            value: 0.0,
            members: 0,
            stored: Vec::new(),
            sketch: Sketching::Unknown,
            protected: ["bad_lines_seen", "packets_received", "metrics_received"].iter().any(|own| name.contains(own)),
            samples: 0,
            idle_flushes: 0,
            ttl: 0,
            set_at: (0, 0),
            version: 0,
        };
        let id = match self.free.pop() {
            Some(id) => {
                let version = self.series[id as usize].version;
                self.series[id as usize] = Series { version, ..series };
                id
            }
            None => {
                self.series.push(series);
                self.series.len() as u32 - 1
            }
        };
        self.enter(id);
        id
    }

    fn enter(&mut self, id: u32) {
        let Book { index, seeds, series, .. } = self;
        let hash_of = |id: u32| seeds.name(series[id as usize].kind, series[id as usize].name.as_bytes());
        index.insert(hash_of(id), id, hash_of);
    }

    /// Gives up the series without samples for long, after a newcomer was refused. Live ones stay.
    fn evict(&mut self) {
        for id in (0..self.series.len() as u32).filter(|id| !self.own.contains(id)) {
            let series = &mut self.series[id as usize];
            let idle = series.idle_flushes >= self.limits.evict_after_flushes && Some(id) != self.lag;
            if idle && series.version != u32::MAX && !series.name.is_empty() {
                // A name is never empty, so that an empty one marks a place that is free already.
                (series.name, series.live, series.stored) = ("".into(), false, Vec::new());
                series.sketch = Sketching::Unknown;
                series.version += 1;
                self.free.push(id);
                self.evicted += 1;
            }
        }
        if self.evicted == 0 {
            return;
        }
        self.forget_order();
        self.index.clear();
        for id in
            (0..self.series.len() as u32).filter(|&id| !self.series[id as usize].name.is_empty()).collect::<Vec<_>>()
        {
            self.enter(id);
        }
    }
}

/// Holds a sum at the largest finite number.
fn held(value: f64) -> f64 {
    value.clamp(f64::MIN, f64::MAX)
}
