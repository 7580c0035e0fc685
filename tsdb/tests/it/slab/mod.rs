//! The slab store as its callers see it, whole and damaged. A value says which series it is of and which slot, so that one
//! that is served in the wrong place is recognised.

mod damage;
mod ends;
mod full_disk;
mod kills;
mod life;
mod model;

use std::fs;
use std::path::Path;
use tsdb::{Point, Rules, SlabStore, Store, StoreLimits, SyncPolicy, Timestamp, Window, is_gap};

/// When the tests begin: a whole day, so that every stretch begins here.
const BEGUN: i64 = 1_700_006_400;

/// Numbers that are the same at every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    /// A number of at least `least`, at most `most`.
    fn between(&mut self, least: i64, most: i64) -> i64 {
        least + self.roll((most - least + 1) as u64) as i64
    }
}

/// The rules of one retention, whose coarser archives keep the highest value: that too says where it is from.
fn rules(retentions: &str) -> Rules {
    let schemas = format!("[all]\npattern = .*\nretentions = {retentions}\n");
    let aggregation = "[all]\npattern = .*\nxFilesFactor = 0\naggregationMethod = max\n";
    Rules::parse(Some((Path::new("schemas"), &schemas)), Some((Path::new("aggregation"), aggregation))).expect("rules")
}

fn open_with(folder: &Path, retentions: &str, policy: SyncPolicy) -> Result<SlabStore, tsdb::Error> {
    SlabStore::open(folder, rules(retentions), StoreLimits::default(), policy)
}

fn open(folder: &Path, retentions: &str) -> SlabStore {
    open_with(folder, retentions, SyncPolicy::None).expect("opened")
}

/// A value of a series in the slot that begins at `start`; `version` tells those of one slot apart.
fn value_of(series: u32, start: i64, version: u32) -> f64 {
    assert!(series < 1 << 13 && version < 1 << 14 && (0..1 << 26).contains(&(start - BEGUN + (1 << 25))));
    (u64::from(series) << 40 | ((start - BEGUN + (1 << 25)) as u64) << 14 | u64::from(version)) as f64
}

/// The series and the slot that a value says it is of.
fn origin_of(value: f64) -> (u32, i64) {
    let bits = value as u64;
    ((bits >> 40) as u32, (bits >> 14 & ((1 << 26) - 1)) as i64 + BEGUN - (1 << 25))
}

fn name_of(series: u32) -> String {
    format!("unit.bed{series}.rate")
}

fn point(store: &dyn Store, series: u32, start: i64, version: u32) -> Point {
    let id = store.resolve(&name_of(series)).expect("a name");
    Point { series: id, at: Timestamp(start), value: value_of(series, start, version) }
}

/// Slots and values of a series that are no gaps, from `from` on until `until`, and the step.
fn known(store: &dyn Store, name: &str, (from, until): (i64, i64), now: i64) -> (Vec<(i64, f64)>, i64) {
    let window = Window { from: Timestamp(from - 1), until: Timestamp(until) };
    let Some(fetched) = store.fetch(name, window, Timestamp(now)).expect("readable") else { return (Vec::new(), 1) };
    let step = i64::from(fetched.step.secs());
    let slots = fetched.values.iter().enumerate().map(|(i, value)| (fetched.start.0 + i as i64 * step, *value));
    (slots.filter(|(_, value)| !is_gap(*value)).collect(), step)
}

/// Copies a folder as it is now, without the lock.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("listed") {
        let path = entry.expect("listed").path();
        let beside = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &beside);
        } else {
            fs::copy(&path, &beside).expect("copied");
        }
    }
}
