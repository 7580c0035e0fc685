//! A backup while somebody writes holds what was committed before it began; a check finds every flipped byte that counts.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use tsdb::sketch::{Accuracy, BinLimit, DdSketch, Sketch};
use tsdb::slab::{backup, check, restore};
use tsdb::{Point, Rules, SketchPoint, SlabStore, Store, StoreLimits, SyncPolicy, Timestamp, Window};

const BEGUN: i64 = 1_700_000_000;
const SERIES: i64 = 300;

fn open(folder: &Path) -> SlabStore {
    let schemas = "[some]\npattern = ^s[0-4]\nretentions = 1s:10m,10s:1d\n[rest]\npattern = .*\nretentions = 1s:1h\n";
    let sketches = "[timers]\npattern = \\.timer$\nsketch = ddsketch\n";
    let rules = Rules::parse(Some((Path::new("schemas"), schemas)), Some((Path::new("aggregation"), sketches)));
    let rules = rules.expect("rules");
    SlabStore::open(folder, rules, StoreLimits::default(), SyncPolicy::None).expect("opened")
}

fn value(series: i64, at: i64) -> f64 {
    (series * 7919 + at % 10_007) as f64 / 8.0
}

/// A second of every series, and some of them a minute late.
fn write(store: &SlabStore, at: i64) {
    let point = |series: i64, at: i64| Point {
        series: store.resolve(&format!("s{}.n{series}", series % 10)).expect("resolved"),
        at: Timestamp(at),
        value: value(series, at),
    };
    let on_time = (0..SERIES).filter(|series| (series + at) % 13 != 0).map(|series| point(series, at));
    let late = (0..SERIES).filter(|series| (series + at - 60) % 13 == 0).map(|series| point(series, at - 60));
    let points: Vec<Point> = on_time.chain(late).collect();
    let report = store.write(Timestamp(at), &points);
    assert_eq!(report.dropped(), 0);
    let mut timer = DdSketch::new(Accuracy::DEFAULT, BinLimit::DEFAULT);
    assert!(timer.insert(value(1, at), 1.0));
    let series = store.resolve("s1.timer").expect("resolved");
    let sketch = SketchPoint { series, at: Timestamp(at), sketch: &Sketch::Dd(timer) };
    assert_eq!(store.write_sketches(Timestamp(at), &[sketch]).dropped(), 0);
    store.commit(Timestamp(at)).expect("committed");
}

/// Everything that was written from `from` until `until` reads as it was written.
fn verify(store: &SlabStore, from: i64, until: i64) {
    let window = Window { from: Timestamp(from - 1), until: Timestamp(until) };
    let timer = store.fetch("s1.timer.max", window, Timestamp(until)).expect("fetched").expect("there");
    for (at, given) in (timer.start.0..).zip(&timer.values).filter(|(at, _)| *at >= BEGUN) {
        assert_eq!(*given, value(1, at), "the timer at {}", at - BEGUN);
    }
    for series in 0..SERIES {
        let name = format!("s{}.n{series}", series % 10);
        let fetched = store.fetch(&name, window, Timestamp(until)).expect("fetched").expect("there");
        for (at, given) in (fetched.start.0..).zip(&fetched.values) {
            // What comes a minute late may not have come yet.
            let is_late = (series + at) % 13 == 0;
            if !is_late || at >= BEGUN && at + 60 <= until {
                assert_eq!(*given, value(series, at), "{name} at {}, {} before the end", at - BEGUN, until - at);
            }
        }
    }
}

/// A series that expires, which is counted in a file of its own.
fn expire_one(store: &SlabStore, now: i64) {
    let series = store.resolve("s9.gone").expect("resolved");
    store.write(Timestamp(now - 300), &[Point { series, at: Timestamp(now - 300), value: 1.0 }]);
    store.commit(Timestamp(now)).expect("committed");
    let expired = store.expire(Timestamp(now), Timestamp(now - 200)).expect("expired");
    assert_eq!(expired.iter().map(|name| name.as_ref()).collect::<Vec<_>>(), ["s9.gone"]);
}

#[test]
fn a_backup_while_somebody_writes_holds_what_was_committed() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("store");
    let store = Arc::new(open(&root));
    let (committed, is_over) = (Arc::new(AtomicI64::new(BEGUN)), Arc::new(AtomicBool::new(false)));
    for at in BEGUN..BEGUN + 700 {
        write(&store, at);
        committed.store(at, Ordering::SeqCst);
    }
    let writer = {
        let (store, committed, is_over) = (Arc::clone(&store), Arc::clone(&committed), Arc::clone(&is_over));
        std::thread::spawn(move || {
            let mut at = committed.load(Ordering::SeqCst);
            while !is_over.load(Ordering::SeqCst) {
                at += 1;
                write(&store, at);
                committed.store(at, Ordering::SeqCst);
                if at % 20 == 0 {
                    store.upkeep(Timestamp(at)).expect("upkeep");
                }
            }
        })
    };
    for round in 0..3 {
        let before = committed.load(Ordering::SeqCst);
        let target = folder.path().join(format!("backup{round}"));
        let done = backup(&root, &target).expect("backed up");
        assert!(done.files > 4 && (round == 0 || done.linked > 0), "{done:?}");
        let restored = folder.path().join(format!("restored{round}"));
        assert_eq!(restore(&target, &restored).expect("restored"), done.files);
        // A row that was under way when it was copied is torn, and lies in no commit that counts.
        let torn: Vec<_> = check(&restored).expect("checked").damaged;
        assert!(torn.iter().all(|(path, _)| path.ends_with("ring") || path.ends_with("late.log")), "{torn:?}");
        verify(&open(&restored), before - 500, before);
        fs::remove_dir_all(&restored).expect("removed");
        fs::remove_dir_all(&target).expect("removed");
    }
    is_over.store(true, Ordering::SeqCst);
    writer.join().expect("wrote");
}

#[test]
fn a_backup_that_is_not_whole_is_not_restored() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("store");
    let store = open(&root);
    for at in BEGUN..BEGUN + 400 {
        write(&store, at);
    }
    store.upkeep(Timestamp(BEGUN + 400)).expect("upkeep");
    expire_one(&store, BEGUN + 399);
    let target = folder.path().join("backup");
    backup(&root, &target).expect("backed up");
    assert!(matches!(backup(&root, &target), Err(tsdb::Error::Exists(_))));
    let full = folder.path().join("full");
    fs::create_dir(&full).expect("made");
    fs::write(full.join("x"), "x").expect("written");
    assert!(matches!(restore(&target, &full), Err(tsdb::Error::Exists(_))));
    let restored = folder.path().join("restored");
    for path in files(&target) {
        let whole = fs::read(&path).expect("read");
        let mut broken = whole.clone();
        match whole.len() / 2 {
            0 => broken.push(1),
            at => broken[at] ^= 1,
        }
        // A link would change the store too.
        fs::remove_file(&path).expect("removed");
        fs::write(&path, broken).expect("written");
        assert!(restore(&target, &restored).is_err(), "{}", path.display());
        assert!(!restored.join("names.log").exists());
        fs::write(&path, whole).expect("written");
    }
    restore(&target, &restored).expect("restored");
    assert_eq!(check(&restored).expect("checked").damaged, []);
    let expired = store.expired();
    assert_eq!((expired.series, open(&restored).expired()), (1, expired));
    drop(store);
    assert_eq!(check(&root).expect("checked").damaged, []);
}

fn files(root: &Path) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("listed") {
            let path = entry.expect("listed").path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}

#[test]
fn a_check_finds_what_is_damaged_and_says_where() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    for at in BEGUN..BEGUN + 800 {
        write(&store, at);
    }
    store.upkeep(Timestamp(BEGUN + 800)).expect("upkeep");
    for at in BEGUN + 800..BEGUN + 830 {
        write(&store, at);
    }
    expire_one(&store, BEGUN + 829);
    assert!(matches!(check(folder.path()), Err(tsdb::Error::Locked(_))));
    drop(store);
    let whole = check(folder.path()).expect("checked");
    assert!(whole.damaged.is_empty() && whole.files > 8, "{whole:?}");
    let mut found = 0;
    for path in files(folder.path()).into_iter().filter(|path| !path.ends_with(".kymo.lock")) {
        let bytes = fs::read(&path).expect("read");
        let filled: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
        if filled.is_empty() {
            continue; // nothing was written to it yet
        }
        // In the first row of a ring that holds a slot, wherever else anything is.
        let places = [0, 9, filled.len() / 3, filled.len() / 2, filled.len() - 1];
        for place in places.into_iter().filter_map(|place| filled.get(place)) {
            let mut broken = bytes.clone();
            broken[*place] ^= 0x10;
            fs::write(&path, broken).expect("written");
            let checked = check(folder.path()).expect("checked");
            let named: Vec<_> = checked.damaged.iter().map(|(path, _)| path.clone()).collect();
            assert!(named.contains(&path), "{} byte {place} of {}: {named:?}", path.display(), bytes.len());
            found += 1;
        }
        fs::write(&path, &bytes).expect("written");
        let mut short = bytes.clone();
        short.truncate(filled[filled.len() - 1] / 2);
        fs::write(&path, short).expect("written");
        assert!(!check(folder.path()).expect("checked").damaged.is_empty(), "{} cut", path.display());
        fs::write(&path, bytes).expect("written");
    }
    assert!(found > 30);
    assert_eq!(check(folder.path()).expect("checked"), whole);
}
