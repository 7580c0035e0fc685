//! What callers may count on: what was written is found and read at once, what was committed is there after a kill, what was
//! removed is gone, what is refused is counted, and a folder that is none of ours is an error.

use super::*;
use std::sync::atomic::{AtomicI64, Ordering};
use tsdb::Error;

#[test]
fn a_new_series_is_found_and_read_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), "10s:1h,1m:1d");
    assert_eq!(store.find("**").expect("found"), []);
    let tagged = store.resolve("beats;ward=icu;bed=7").expect("a name");
    let points = [
        point(&store, 1, BEGUN, 1),
        point(&store, 2, BEGUN, 1),
        Point { series: tagged, at: Timestamp(BEGUN), value: 3.0 },
    ];
    let report = store.write(Timestamp(BEGUN), &points);
    assert_eq!((report.written, report.created, report.dropped()), (3, 3, 0));
    let found = store.find("unit.*.rate").expect("found").into_iter().map(|node| node.path).collect::<Vec<_>>();
    assert_eq!(found, [name_of(1), name_of(2)]);
    assert_eq!(store.leaves().expect("listed").len(), 3);
    for series in [1, 2] {
        let (values, _) = known(&store, &name_of(series), (BEGUN, BEGUN), BEGUN);
        assert_eq!(values, [(BEGUN, value_of(series, BEGUN, 1))]);
    }
    // The tags may be given in any order.
    assert_eq!(known(&store, "beats;bed=7;ward=icu", (BEGUN, BEGUN), BEGUN).0, [(BEGUN, 3.0)]);
    assert_eq!(store.counters().of("points_written"), 3);
}

#[test]
fn a_kill_loses_only_what_was_not_committed() {
    let folder = tempfile::tempdir().expect("a folder");
    let killed = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), "10s:1h,1m:1d");
    let tagged = store.resolve("beats;ward=icu;bed=7").expect("a name");
    for slot in 0..200 {
        let now = BEGUN + slot * 10;
        let points = [
            point(&store, 1, now, 0),
            point(&store, 2, now, 0),
            Point { series: tagged, at: Timestamp(now), value: 1.0 },
        ];
        store.write(Timestamp(now), &points);
        store.commit(Timestamp(now)).expect("committed");
    }
    let now = BEGUN + 2000;
    store.write(Timestamp(now), &[point(&store, 1, now, 0), point(&store, 3, now, 0)]);
    copy(folder.path(), killed.path());
    store.commit(Timestamp(now)).expect("committed");
    let check = |store: &SlabStore, is_committed: bool| {
        let (values, _) = known(store, &name_of(1), (BEGUN, now), now);
        let expected: Vec<_> = (0..200 + i64::from(is_committed)).map(|slot| BEGUN + slot * 10).collect();
        assert_eq!(values, expected.iter().map(|start| (*start, value_of(1, *start, 0))).collect::<Vec<_>>());
        assert_eq!(known(store, &name_of(3), (BEGUN, now), now).0.len(), usize::from(is_committed));
        assert_eq!(store.find("unit.*.rate").expect("found").len(), 2 + usize::from(is_committed));
        let tags = known(store, "beats;ward=icu;bed=7", (BEGUN, now), now).0;
        assert_eq!(tags.len(), 200);
        let archives = store.archives(&name_of(2)).expect("read").expect("there");
        assert_eq!(
            archives.iter().map(|archive| (archive.step.secs(), archive.points)).collect::<Vec<_>>(),
            [(10, 360), (60, 1440)]
        );
        assert_eq!(store.recent_errors(), [""; 0]);
    };
    check(&store, true);
    drop(store);
    check(&open(folder.path(), "10s:1h,1m:1d"), true);
    let store = open(killed.path(), "10s:1h,1m:1d");
    check(&store, false);
    // And the same column does not carry over what was never committed.
    store.write(Timestamp(now), &[point(&store, 9, now, 0)]);
    assert_eq!(known(&store, &name_of(9), (BEGUN, now), now).0, [(now, value_of(9, now, 0))]);
}

#[test]
fn a_removed_name_begins_empty_at_once_and_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = open(folder.path(), "1s:1h,10s:1d");
    let mut now = BEGUN;
    // Long enough that the column is given away and that the first life is in segments.
    for life in 1..=3u32 {
        for slot in 0..700 {
            now += 1;
            let mut points = vec![point(&store, 1, now, life)];
            points.extend((slot >= 650).then(|| point(&store, 10 + life, now, life)));
            store.write(Timestamp(now), &points);
            store.commit(Timestamp(now)).expect("committed");
        }
        store.upkeep(Timestamp(now)).expect("upkeep");
        let (values, _) = known(&store, &name_of(1), (BEGUN, now), now);
        assert_eq!(values.len(), 700, "life {life}");
        assert!(values.iter().all(|(start, value)| *value == value_of(1, *start, life)), "life {life}");
        let series = store.resolve(&name_of(1)).expect("a name");
        assert_eq!(store.remove(Timestamp(now), &[series]).expect("removed"), 1);
        assert_eq!(store.remove(Timestamp(now), &[series]).expect("removed"), 0, "it has ended already");
        assert_eq!(known(&store, &name_of(1), (BEGUN, now), now).0, []);
        assert_eq!(store.find(&name_of(1)).expect("found"), []);
        if life == 2 {
            drop(store);
            store = open(folder.path(), "1s:1h,10s:1d");
            assert_eq!(known(&store, &name_of(1), (BEGUN, now), now).0, []);
        }
    }
    for life in 1..=3 {
        let (values, _) = known(&store, &name_of(10 + life), (BEGUN, now), now);
        assert_eq!(values.len(), 50);
        assert!(values.iter().all(|(start, value)| *value == value_of(10 + life, *start, life)));
    }
}

#[test]
fn each_rule_has_its_own_retention() {
    let folder = tempfile::tempdir().expect("a folder");
    let schemas = "[fast]\npattern = ^fast\nretentions = 1s:10m\n[rest]\npattern = .*\nretentions = 60s:1d,1h:30d\n";
    let rules = || Rules::parse(Some((Path::new("s"), schemas)), None).expect("rules");
    let open = || SlabStore::open(folder.path(), rules(), StoreLimits::default(), SyncPolicy::Flush).expect("opened");
    let store = open();
    let ids = ["fast.a", "slow.a", "fast.b", "slow.b"].map(|name| store.resolve(name).expect("a name"));
    let now = Timestamp(BEGUN + 30);
    let points: Vec<Point> = (0..).zip(ids).map(|(i, series)| Point { series, at: now, value: f64::from(i) }).collect();
    assert_eq!(store.write(now, &points).written, 4);
    store.commit(now).expect("committed");
    let check = |store: &SlabStore| {
        assert_eq!(known(store, "fast.b", (BEGUN, now.0), now.0), (vec![(now.0, 2.0)], 1));
        assert_eq!(known(store, "slow.b", (BEGUN, now.0), now.0), (vec![(BEGUN, 3.0)], 60));
        let steps = |name: &str| store.archives(name).expect("read").expect("there")[0].step.secs();
        assert_eq!((steps("fast.a"), steps("slow.a")), (1, 60));
    };
    check(&store);
    drop(store);
    check(&open());
}

#[test]
fn limits_are_kept_and_what_they_cost_is_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let limits = StoreLimits { series: 3, ahead_secs: 60, ..StoreLimits::default() };
    let store = SlabStore::open(folder.path(), rules("10s:1h"), limits, SyncPolicy::None).expect("opened");
    let points = [0, 1, 2].map(|series| point(&store, series, BEGUN, 0));
    assert_eq!(store.write(Timestamp(BEGUN), &points).written, 3);
    assert!(matches!(store.resolve("one.more"), Err(Error::SeriesLimit { limit: 3 })));
    let report = store.write(
        Timestamp(BEGUN),
        &[
            point(&store, 0, BEGUN + 60, 0),
            point(&store, 0, BEGUN + 70, 0),
            point(&store, 0, BEGUN - 3600, 0),
            point(&store, 0, BEGUN - 3610, 0),
        ],
    );
    assert_eq!((report.written, report.dropped_future, report.dropped_old), (2, 1, 1));
    let foreign = {
        let other = tempfile::tempdir().expect("a folder");
        let other = open(other.path(), "10s:1h");
        (0..9).map(|i| other.resolve(&name_of(i)).expect("a name")).last().expect("nine")
    };
    let report = store.write(Timestamp(BEGUN), &[Point { series: foreign, at: Timestamp(BEGUN), value: 1.0 }]);
    assert_eq!(report.dropped_failed, 1);
    store.commit(Timestamp(BEGUN)).expect("committed");
    drop(store);
    // A lower limit refuses newcomers; what is there stays, and gives its place up when it ends.
    let limits = StoreLimits { series: 2, ..limits };
    let store = SlabStore::open(folder.path(), rules("10s:1h"), limits, SyncPolicy::None).expect("opened");
    assert_eq!(store.find("unit.*.rate").expect("found").len(), 3);
    assert!(store.resolve("one.more").is_err());
    let [first, second] = [0, 1].map(|series| store.resolve(&name_of(series)).expect("a name"));
    store.remove(Timestamp(BEGUN), &[first]).expect("removed");
    assert!(store.resolve("one.more").is_err());
    let report = store.write(Timestamp(BEGUN), &[point(&store, 0, BEGUN, 7)]);
    assert_eq!((report.written, report.dropped_quota), (0, 1), "its name is known, and its place is gone");
    store.remove(Timestamp(BEGUN), &[second]).expect("removed");
    store.write(Timestamp(BEGUN), &[point(&store, 0, BEGUN, 7)]);
    assert_eq!(known(&store, &name_of(0), (BEGUN - 3600, BEGUN + 60), BEGUN + 60).0, [(BEGUN, value_of(0, BEGUN, 7))]);
    drop(store);
    let store = open(folder.path(), "10s:1h");
    assert_eq!(known(&store, &name_of(2), (BEGUN, BEGUN), BEGUN).0, [(BEGUN, value_of(2, BEGUN, 0))]);
}

/// Each is an error that names what is wrong, and leaves the folder as it was.
#[test]
fn a_folder_that_cannot_be_a_store_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |path: &Path, named: &str| {
        let error = open_with(path, "10s:1h", SyncPolicy::None).err().expect("refused").chain();
        assert!(error.contains(named), "{error}");
    };
    let file = folder.path().join("file");
    fs::write(&file, b"no folder").expect("written");
    refused(&file, "file");
    let made = |name: &str| {
        let path = folder.path().join(name);
        let store = open(&path, "10s:1h");
        store.write(Timestamp(BEGUN), &[point(&store, 1, BEGUN, 1)]);
        store.commit(Timestamp(BEGUN)).expect("committed");
        path
    };
    let schema = |path: &Path| path.join("0_10-360");
    let held = made("held");
    let holder = open(&held, "10s:1h");
    refused(&held, "in use");
    drop(holder);
    let lost = made("lost");
    fs::rename(schema(&lost), lost.join("aside")).expect("renamed");
    refused(&lost, "the folder of schema 0 is missing");
    let named = made("named");
    fs::remove_file(named.join("names.log")).expect("removed");
    fs::create_dir(named.join("names.log")).expect("made");
    refused(&named, "names.log");
    let foreign = made("foreign");
    fs::write(schema(&foreign).join("ring"), vec![b'x'; 50_000]).expect("written");
    refused(&foreign, "ring");
    assert_eq!(fs::read(schema(&foreign).join("ring")).expect("read"), vec![b'x'; 50_000]);
    let short = made("short");
    fs::File::options().write(true).open(schema(&short).join("ring")).expect("opened").set_len(5000).expect("cut");
    let store = open(&short, "10s:1h");
    assert_eq!(known(&store, &name_of(1), (BEGUN, BEGUN), BEGUN).0, []);
}

/// Series of the threads.
const SERIES: u32 = 24;

/// Reads any series from anywhere on: every slot that was committed before is there. The fifth has gaps.
fn read_until_the_end(store: &SlabStore, committed: &AtomicI64, mut dice: Dice) {
    loop {
        let now = committed.load(Ordering::Acquire);
        if now == i64::MAX {
            break;
        }
        let series = dice.roll(u64::from(SERIES)) as u32;
        let from = dice.between(BEGUN + 1, now.max(BEGUN + 1));
        let (values, _) = known(store, &name_of(series), (from, now), now.max(BEGUN + 1));
        let expected = (now - from + 1).max(0) as usize;
        let met = values.len();
        assert!(series == 5 || met >= expected, "series {series}: {met} of {expected} from {from} to {now}");
        assert!(values.iter().all(|(start, value)| *value == value_of(series, *start, 0)), "series {series}");
    }
}

/// One thread writes and commits, one keeps up, two read: whatever was committed before a read is in it.
#[test]
fn readers_and_writers_beside_commits_and_upkeep_see_whole_values() {
    const SLOTS: i64 = 4_000;
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), "1s:6h,10s:1d");
    let committed = AtomicI64::new(BEGUN);
    std::thread::scope(|scope| {
        let (store, committed) = (&store, &committed);
        scope.spawn(move || {
            for slot in 1..=SLOTS {
                let now = BEGUN + slot;
                let mut points: Vec<Point> = (0..SERIES).map(|series| point(store, series, now, 0)).collect();
                // Now and then one that is late, for a slot that was left out.
                points.retain(|point| slot % 7 != 3 || point.value != value_of(5, now, 0));
                points.extend((slot % 7 == 3 && slot > 707).then(|| point(store, 5, now - 700, 0)));
                assert_eq!(store.write(Timestamp(now), &points).dropped(), 0);
                store.commit(Timestamp(now)).expect("committed");
                committed.store(now, Ordering::Release);
            }
            committed.store(i64::MAX, Ordering::Release);
        });
        scope.spawn(move || {
            loop {
                let now = committed.load(Ordering::Acquire);
                if now == i64::MAX {
                    break;
                }
                store.upkeep(Timestamp(now)).expect("upkeep");
            }
        });
        for reader in 0..2u64 {
            scope.spawn(move || read_until_the_end(store, committed, Dice(77 + reader)));
        }
    });
    let now = BEGUN + SLOTS;
    for series in 0..SERIES {
        let (values, _) = known(&store, &name_of(series), (BEGUN + 1, now), now);
        // The first of those left out, and those of the last seven hundred seconds, were not written late.
        let left_out = (SLOTS - 700 + 1..=SLOTS).filter(|slot| series == 5 && slot % 7 == 3).count() as i64
            + i64::from(series == 5);
        assert_eq!(values.len() as i64, SLOTS - left_out, "series {series}");
    }
    assert_eq!((store.recent_errors(), store.counters().of("damaged_reads")), (Vec::new(), 0));
}
