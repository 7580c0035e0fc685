//! A full disk, which is a small file system that only root can make: what has its room reserved goes on, the rest is
//! refused, counted and told; what was committed is read all the while; and with new room everything goes on by itself.

use super::*;
use std::process::Command;
use tsdb::SketchPoint;
use tsdb::sketch::{Accuracy, BinLimit, DdSketch, Sketch};

const RETENTIONS: &str = "10s:1h,60s:1d";
const TIMERS: u32 = 40;

/// A folder that is a file system of its own while this lives.
struct Small(tempfile::TempDir);

impl Small {
    fn new(size: &str) -> Small {
        let small = Small(tempfile::tempdir().expect("a folder"));
        let size = format!("size={size}");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(small.0.path()).status();
        assert!(mount.expect("started").success());
        small
    }

    /// Takes all room that is left.
    fn fill(&self) {
        let ballast = fs::File::create(self.0.path().join("ballast")).expect("made");
        let chunk = vec![1u8; 4096];
        while std::io::Write::write_all(&mut &ballast, &chunk).is_ok() {}
    }

    fn make_room(&self) {
        fs::remove_file(self.0.path().join("ballast")).expect("removed");
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Lazily, because a test that failed may have the store open.
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

/// One flush of a few series; the answer of its commit.
fn flush(store: &SlabStore, series: std::ops::Range<u32>, now: i64) -> Result<(), tsdb::Error> {
    let points: Vec<Point> = series.map(|series| point(store, series, now, 0)).collect();
    assert_eq!(store.write(Timestamp(now), &points).dropped(), 0);
    store.commit(Timestamp(now))
}

fn is_told(store: &SlabStore, file: &str) -> bool {
    store.recent_errors().iter().any(|error| error.contains(file) && error.contains("No space left"))
}

/// Late points beyond the room of their log wait, and are told.
fn check_late_is_refused(store: &SlabStore, now: i64) {
    let slots = (1..=90).flat_map(|slot| (0..40).map(move |series| (series, slot)));
    let late: Vec<Point> = slots.map(|(series, slot)| point(store, series, BEGUN - slot * 10, 0)).collect();
    assert_eq!(store.write(Timestamp(now), &late).dropped(), 0);
    assert!(store.commit(Timestamp(now)).expect_err("no room").is_full());
    assert!(is_told(store, "late.log"), "{:?}", store.recent_errors());
}

/// Every slot up to one holds its value.
fn check_all_until(store: &SlabStore, until: i64, at: i64) {
    let (values, step) = known(store, &name_of(7), (BEGUN + 1, until), at);
    let expected: Vec<_> = (1..=(until - BEGUN) / 10).map(|slot| BEGUN + slot * 10).collect();
    assert_eq!((values, step), (expected.iter().map(|start| (*start, value_of(7, *start, 0))).collect(), 10));
}

/// A sketch of each of so many timers; how many bytes they have is random, as it is of latencies.
fn flush_sketches(store: &SlabStore, now: i64) -> Result<(), tsdb::Error> {
    let mut dice = Dice(now as u64);
    for timer in 0..TIMERS {
        let mut sketch = DdSketch::new(Accuracy::DEFAULT, BinLimit::DEFAULT);
        sketch.insert(now as f64, 1.0);
        for _ in 0..300 {
            sketch.insert(1.0 + dice.roll(1 << (1 + timer % 20)) as f64, 1.0);
        }
        let series = store.resolve(&format!("timer.n{timer}")).expect("a name");
        let point = SketchPoint { series, at: Timestamp(now), sketch: &Sketch::Dd(sketch) };
        assert_eq!(store.write_sketches(Timestamp(now), &[point]).dropped(), 0);
    }
    store.commit(Timestamp(now))
}

/// Every timer has its highest sample, which says when it was, in each slot.
fn check_sketches(store: &SlabStore, from: i64, until: i64) {
    let expected: Vec<_> = (from..=until).step_by(10).map(|at| (at, at as f64)).collect();
    for timer in 0..TIMERS {
        let (values, _) = known(store, &format!("timer.n{timer}.max"), (from, until), until);
        assert_eq!(values, expected, "timer {timer}");
    }
}

#[test]
fn sketches_wait_for_room_and_are_there_afterwards() {
    if std::env::var_os("KYMO_ROOT").is_none() {
        return println!("SKIPPED slab::sketches_wait_for_room_and_are_there_afterwards: KYMO_ROOT is not set");
    }
    let small = Small::new("12m");
    let folder = small.0.path().join("data");
    let sketches = "[timers]\npattern = ^timer\nsketch = ddsketch\n";
    let schemas = format!("[all]\npattern = .*\nretentions = {RETENTIONS}\n");
    let rules = || Rules::parse(Some((Path::new("schemas"), &schemas)), Some((Path::new("aggregation"), sketches)));
    let open = || SlabStore::open(&folder, rules().expect("rules"), StoreLimits::default(), SyncPolicy::None);
    let store = open().expect("opened");
    let mut now = BEGUN;
    flush_sketches(&store, now).expect("committed");
    small.fill();
    let mut refused = 0;
    while now < BEGUN + 600 {
        now += 10;
        refused += usize::from(flush_sketches(&store, now).is_err_and(|error| error.is_full()));
    }
    assert!(refused > 10 && is_told(&store, "sketch"), "{refused}: {:?}", store.recent_errors());
    // What waits in memory is read all the same.
    check_sketches(&store, BEGUN, now);
    small.make_room();
    now += 10;
    flush_sketches(&store, now).expect("there is room");
    check_sketches(&store, BEGUN, now);
    drop(store);
    let store = open().expect("opened");
    check_sketches(&store, BEGUN, now);
    store.upkeep(Timestamp(now + 3600)).expect("upkeep");
    check_sketches(&store, BEGUN, now);
}

/// What was written since there is room is there, and the names that had none.
fn check_resumed(store: &SlabStore, resumed: i64, now: i64) {
    let (values, _) = known(store, &name_of(7), (now - 3500, now), now);
    let new = values.iter().filter(|(start, _)| *start >= resumed).count() as i64;
    assert_eq!(new, ((now - resumed) / 10 + 1).min(351));
    assert!(values.iter().all(|(start, value)| *value == value_of(7, *start, 0)));
    assert_eq!(store.find("unit.*.rate").expect("found").len(), 5000);
}

#[test]
fn a_full_disk_stops_politely_and_resumes() {
    if std::env::var_os("KYMO_ROOT").is_none() {
        return println!("SKIPPED slab::a_full_disk_stops_politely_and_resumes: KYMO_ROOT is not set");
    }
    let small = Small::new("12m");
    let folder = small.0.path().join("data");
    let store = open(&folder, RETENTIONS);
    let mut now = BEGUN;
    for _ in 0..30 {
        now += 10;
        flush(&store, 0..10, now).expect("committed");
    }
    small.fill();
    // Within the reserved room everything goes on: 4,096 series, and as many slots as the ring keeps.
    while now < BEGUN + 900 {
        now += 10;
        flush(&store, 0..10, now).expect("committed");
    }
    // New names beyond the room of the log, more series than the ring has columns for, late points beyond theirs.
    now += 10;
    assert!(flush(&store, 0..5000, now).expect_err("no room").is_full());
    assert!(is_told(&store, "names.log") && is_told(&store, "ring"), "{:?}", store.recent_errors());
    check_late_is_refused(&store, now);
    check_all_until(&store, now, now);
    // Nothing can be sealed, so the ring fills; then slots wait in memory, and at last they are given up and counted.
    let full_since = now;
    let mut first_lost = None;
    while now < full_since + 1500 {
        now += 10;
        let committed = flush(&store, 0..10, now);
        let sealed = store.upkeep(Timestamp(now));
        if now > BEGUN + 1900 {
            assert!(committed.is_err() && sealed.is_err(), "at {}", now - BEGUN);
        }
        if store.counters().of("slots_lost") > 0 {
            first_lost.get_or_insert(now);
        }
    }
    let first_lost = first_lost.expect("slots were given up") - 17 * 10;
    assert!(first_lost > BEGUN + 1000, "what is in the ring is not given up for what comes: {}", first_lost - BEGUN);
    check_all_until(&store, first_lost, now);
    assert!(is_told(&store, ".new"), "what could not be sealed is told: {:?}", store.recent_errors());
    small.make_room();
    let resumed = now + 10;
    for _ in 0..400 {
        now += 10;
        flush(&store, 0..10, now).unwrap_or_else(|error| panic!("at {}: {}", now - BEGUN, error.chain()));
        store.upkeep(Timestamp(now)).expect("upkeep");
    }
    check_resumed(&store, resumed, now);
    drop(store);
    check_resumed(&open(&folder, RETENTIONS), resumed, now);
}
