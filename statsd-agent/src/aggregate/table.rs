//! The table of one interval: names to flat tallies, owned by whoever holds it, bounded in every part.
//!
//! A name is found by its spelling on the wire and its kind, so that a known line costs one hash and no copy. Spellings
//! that mean one series (`a b`, `a_b`) share its tally. Values are cleared at each flush, names stay.

use super::hash::Seeds;
use super::name;
use super::spellings::Spellings;
use crate::config::Limits;
use crate::counters::{Heard, Reject};
use crate::wire::{Dialect, Kind, Sample};
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// How many names may still become series; shared by all receivers. A name that is new to two receivers counts twice until
/// they are merged, so near the bound a newcomer may be refused one interval early, never admitted one too late.
#[derive(Debug)]
pub struct Budget(AtomicI64);

impl Budget {
    /// Room for `names` more.
    pub fn new(names: u32) -> Budget {
        Budget(AtomicI64::new(i64::from(names)))
    }

    /// Settles a merge: what the tables took is given back, what the book grew by is taken. A difference, not the new
    /// room itself, because receivers go on taking meanwhile.
    pub(crate) fn settle(&self, taken: u64, grown: i64) {
        self.0.fetch_add(taken as i64 - grown, Ordering::Relaxed);
    }

    fn take(&self) -> bool {
        let one_less = |left: i64| (left > 0).then(|| left - 1);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_ok()
    }
}

/// The tally of one series in one interval: 48 bytes, no pointer.
pub(crate) struct Tally {
    /// Counter: the sum. Timer: the weights. Gauge: the last setting.
    pub value: f64,
    /// Gauge: the batch of the last setting.
    pub stamp: u64,
    /// Gauge: how many changes the log held at that setting; `UNSET` when the interval has none.
    pub mark: u32,
    /// Samples applied; zero means untouched.
    pub samples: u32,
    /// Where the book keeps the series, once it told.
    pub home: Home,
    spelling: u32,
    /// The kind, beside the tally that it explains.
    pub kind: Kind,
}

/// A gauge that was not set in this interval.
pub(crate) const UNSET: u32 = u32::MAX;

/// The place of a series in the book; the version tells whether the place was given to another series since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    pub id: u32,
    pub version: u32,
}

impl Home {
    /// Not asked yet.
    pub const UNKNOWN: Home = Home { id: u32::MAX, version: u32::MAX };
}

/// A gauge change: kept apart and in order, because floats do not add up alike in another order, and because a later
/// setting by another receiver must be able to undo it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Change {
    pub series: u32,
    pub stamp: u64,
    pub value: f64,
}

/// A value that names the second it belongs to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Dated {
    pub series: u32,
    pub at_secs: u32,
    pub value: f64,
}

/// A member of a set of this interval: 24 bytes whatever its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub series: u32,
    pub digest: [u64; 2],
}

impl Hash for Member {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.digest[0] ^ u64::from(self.series).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    }
}

/// Members are keyed digests already; hashing them again would only cost.
#[derive(Default)]
pub(crate) struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = self.0.rotate_left(7) ^ word;
    }
}

/// Set members by series.
pub(crate) type Members = HashSet<Member, BuildHasherDefault<AsIs>>;

/// The set members of an interval as they were sent, where somebody prints them: in the order of their coming, up to a
/// bound of bytes.
#[derive(Default)]
pub(crate) struct Texts {
    kept: Vec<(Member, Box<[u8]>)>,
    bytes: usize,
}

impl Texts {
    /// Keeps a member that is new; without room it is only counted.
    #[cold]
    pub fn keep(&mut self, member: Member, text: &[u8], bytes_max: usize) {
        let cost = text.len() + size_of::<(Member, Box<[u8]>)>();
        if self.bytes + cost <= bytes_max {
            self.bytes += cost;
            self.kept.push((member, text.into()));
        }
    }

    /// Each with its member.
    pub fn iter(&self) -> impl Iterator<Item = &(Member, Box<[u8]>)> {
        self.kept.iter()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Texts::default();
    }
}

/// The names and tallies of one receiver's interval.
pub struct Table {
    limits: Limits,
    dialect: Dialect,
    seeds: Seeds,
    budget: Arc<Budget>,
    spellings: Spellings,
    pub(crate) tallies: Vec<Tally>,
    pub(crate) touched: Vec<u32>,
    pub(crate) timings: Vec<(u32, f64)>,
    pub(crate) changes: Vec<Change>,
    pub(crate) members: Members,
    pub(crate) dated: Vec<Dated>,
    pub(crate) texts: Texts,
    pub(crate) heard: Heard,
    /// Names taken from the budget in this interval.
    pub(crate) admitted: u64,
    tagged: Vec<u8>,
    canonical: String,
}

impl Table {
    /// An empty table; it allocates as names come.
    pub fn new(limits: Limits, dialect: Dialect, seeds: Seeds, budget: Arc<Budget>) -> Table {
        Table {
            limits,
            dialect,
            spellings: Spellings::new(seeds.clone()),
            seeds,
            budget,
            tallies: Vec::new(),
            touched: Vec::new(),
            timings: Vec::new(),
            changes: Vec::new(),
            members: Members::default(),
            dated: Vec::new(),
            texts: Texts::default(),
            heard: Heard::default(),
            admitted: 0,
            tagged: Vec::new(),
            canonical: String::new(),
        }
    }

    /// What was heard in this interval.
    pub fn heard(&self) -> &Heard {
        &self.heard
    }

    /// The canonical name of a series.
    pub(crate) fn name(&self, tally: &Tally) -> &str {
        std::str::from_utf8(self.spellings.text(tally.spelling)).expect("canonical names are ASCII")
    }

    /// Adds one sample to the series that the name means.
    #[inline]
    pub(crate) fn tally(&mut self, name: &[u8], tags: &[u8], sample: &Sample<'_>, stamp: u64) -> Result<(), Reject> {
        let kind = sample.kind();
        let id = if tags.is_empty() { self.spellings.find(kind, name) } else { self.find_tagged(kind, name, tags) };
        let id = match id {
            Some(id) => id,
            None => self.admit(kind, name, tags)?,
        };
        let tally = &mut self.tallies[id as usize];
        match *sample {
            Sample::Count(value) => tally.value += value,
            Sample::Set(value) => {
                tally.value = value;
                tally.stamp = stamp;
                tally.mark = self.changes.len() as u32;
            }
            Sample::Time { value, weight } => {
                if self.timings.len() >= self.limits.timings as usize {
                    return Err(Reject::TimersFull);
                }
                self.timings.push((id, value));
                tally.value += weight;
            }
            Sample::Change(value) => {
                if self.changes.len() >= self.limits.changes as usize {
                    return Err(Reject::ChangesFull);
                }
                self.changes.push(Change { series: id, stamp, value });
            }
            Sample::Member(member) => {
                let (text, member) = (member, Member { series: id, digest: self.seeds.member(member) });
                if self.members.len() >= self.limits.members as usize && !self.members.contains(&member) {
                    return Err(Reject::MembersFull);
                }
                if self.members.insert(member) && self.limits.member_bytes > 0 {
                    self.texts.keep(member, text, self.limits.member_bytes as usize);
                }
            }
            Sample::CountAt { value, at_secs } | Sample::SetAt { value, at_secs } => {
                return self.date(Dated { series: id, at_secs, value });
            }
        }
        if tally.samples == 0 {
            self.touched.push(id);
        }
        tally.samples = tally.samples.saturating_add(1);
        Ok(())
    }

    /// Keeps a value past the tallies: the series has nothing in the open interval.
    #[cold]
    fn date(&mut self, dated: Dated) -> Result<(), Reject> {
        if self.dated.len() >= self.limits.dated as usize {
            return Err(Reject::DatedFull);
        }
        self.dated.push(dated);
        self.heard.dated += 1;
        Ok(())
    }

    /// Whether no series can have this name. Asked once for a line of many values, so that none of them looks for it.
    pub(crate) fn is_too_long(&self, name: &[u8], tags: &[u8]) -> bool {
        name.len() + tags.len() >= usize::from(self.limits.longest_name)
    }

    /// What the lines may say.
    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    #[cfg(test)]
    pub(crate) fn spellings(&self) -> usize {
        self.spellings.len()
    }

    /// Empties the values and keeps the names, for the next interval.
    pub(crate) fn clear(&mut self) {
        for &id in &self.touched {
            let tally = &mut self.tallies[id as usize];
            (tally.value, tally.samples, tally.mark) = (0.0, 0, UNSET);
        }
        self.touched.clear();
        self.timings.clear();
        self.changes.clear();
        self.members.clear();
        self.dated.clear();
        self.texts.clear();
        self.heard = Heard::default();
        self.admitted = 0;
    }

    /// Whether a pass that forgets would pay: near a bound, and a quarter of the spellings could go, or any series of a
    /// table that is full.
    pub(crate) fn should_forget(&self, stays: impl Fn(Home) -> bool) -> bool {
        let (names, name_bytes) = (self.limits.names as usize, self.limits.name_bytes as usize);
        if self.spellings.len() < names && self.spellings.bytes() < name_bytes / 2 {
            return false;
        }
        let gone = self.tallies.iter().filter(|tally| !stays(tally.home)).count();
        let full =
            self.tallies.len() >= names || self.spellings.bytes() + usize::from(self.limits.longest_name) >= name_bytes;
        (full && gone > 0) || (gone + self.spellings.len() - self.tallies.len()) * 4 >= self.spellings.len()
    }

    /// Forgets all spellings but the canonical ones, and the series that `stays` gives up. Only of a cleared table.
    pub(crate) fn forget(&mut self, stays: impl Fn(Home) -> bool) {
        assert!(self.touched.is_empty(), "an interval is forgotten only after it was merged");
        let mut fresh = Table::new(self.limits, self.dialect, self.seeds.clone(), Arc::clone(&self.budget));
        for tally in self.tallies.iter().filter(|tally| stays(tally.home)) {
            let id = fresh.push_series(tally.kind, self.spellings.text(tally.spelling));
            fresh.tallies[id as usize].home = tally.home;
        }
        *self = fresh;
    }

    /// Name and tags lie apart on the wire (the value is between), so they are brought together to be one key. A newline
    /// parts them, which no line can contain.
    fn find_tagged(&mut self, kind: Kind, name: &[u8], tags: &[u8]) -> Option<u32> {
        let mut spelling = mem::take(&mut self.tagged);
        spelling.clear();
        spelling.extend_from_slice(name);
        spelling.push(b'\n');
        spelling.extend_from_slice(tags);
        let found = self.spellings.find(kind, &spelling);
        self.tagged = spelling;
        found
    }

    /// Makes room for a spelling seen for the first time: its series may exist under another spelling.
    #[cold]
    fn admit(&mut self, kind: Kind, name: &[u8], tags: &[u8]) -> Result<u32, Reject> {
        if self.is_too_long(name, tags) {
            return Err(Reject::NameTooLong);
        }
        let mut canonical = mem::take(&mut self.canonical);
        let id = if name::canonical(name, tags, self.dialect, &mut canonical) {
            self.spellings.find(kind, canonical.as_bytes()).map_or_else(|| self.admit_series(kind, &canonical), Ok)
        } else {
            Err(Reject::EmptyName)
        };
        if let (Ok(id), true) = (id, tags.is_empty() && name != canonical.as_bytes()) {
            self.admit_spelling(kind, name, id);
        } else if let (Ok(id), false) = (id, tags.is_empty()) {
            let spelling = mem::take(&mut self.tagged);
            self.admit_spelling(kind, &spelling, id);
            self.tagged = spelling;
        }
        self.canonical = canonical;
        id
    }

    fn admit_series(&mut self, kind: Kind, canonical: &str) -> Result<u32, Reject> {
        let room = self.tallies.len() < self.limits.names as usize
            && self.spellings.bytes() + canonical.len() <= self.limits.name_bytes as usize
            // A tag without a value grows by five bytes, so that the canonical name may pass the bound that the sent one kept.
            && u16::try_from(canonical.len()).is_ok();
        if !room || !self.budget.take() {
            return Err(Reject::NamesFull);
        }
        self.admitted += 1;
        Ok(self.push_series(kind, canonical.as_bytes()))
    }

    fn push_series(&mut self, kind: Kind, canonical: &[u8]) -> u32 {
        let id = self.tallies.len() as u32;
        let spelling = self.spellings.insert(kind, canonical, id);
        self.tallies.push(Tally { value: 0.0, stamp: 0, mark: UNSET, samples: 0, home: Home::UNKNOWN, spelling, kind });
        id
    }

    /// Other spellings take at most half of the room, so that they never crowd out names. Without room the spelling is
    /// worked out again each time: slower, not wrong.
    fn admit_spelling(&mut self, kind: Kind, spelling: &[u8], series: u32) {
        let room = self.spellings.len() < self.limits.names as usize * 2
            && self.spellings.bytes() + spelling.len() <= self.limits.name_bytes as usize / 2;
        if room {
            self.spellings.insert(kind, spelling, series);
        }
    }
}
