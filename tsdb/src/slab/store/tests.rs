//! The life cycle of a slab store: quotas, series that wait, ends and new beginnings, a bound on bytes.

use super::*;

const NOW: i64 = 1_700_000_000;

fn open(folder: &Path, options: SlabOptions) -> SlabStore {
    let schemas = "[fast]\npattern = ^fast\\.\nretentions = 1s:10m\n[rest]\npattern = .*\nretentions = 10s:1d\n";
    let rules = Rules::parse(Some((Path::new("schemas"), schemas)), None).expect("rules");
    SlabStore::open(folder, rules, StoreLimits::default(), options).expect("opened")
}

fn point(store: &SlabStore, name: &str, at: i64, value: f64) -> Point {
    Point { series: store.resolve(name).expect("resolved"), at: Timestamp(at), value }
}

fn last(store: &SlabStore, name: &str, now: i64) -> Option<f64> {
    let window = Window { from: Timestamp(now - 300), until: Timestamp(now) };
    let fetched = store.fetch(name, window, Timestamp(now)).expect("fetched")?;
    fetched.values.iter().rev().copied().find(|value| !crate::is_gap(*value))
}

#[test]
fn a_quota_refuses_newcomers_and_loses_nothing_of_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let quotas = vec![Quota { prefix: "devices.".to_owned(), series: 2 }];
    let options = SlabOptions { quotas, ..SlabOptions::default() };
    let store = open(folder.path(), options.clone());
    let names = ["devices.a", "devices.b", "devices.c", "other.d"];
    let points: Vec<Point> = names.iter().map(|name| point(&store, name, NOW, 1.0)).collect();
    let report = store.write(Timestamp(NOW), &points);
    assert_eq!((report.written, report.created, report.dropped_quota), (3, 3, 1));
    assert_eq!(store.find("devices.*").expect("found").len(), 2);
    store.commit(Timestamp(NOW)).expect("committed");
    drop(store);
    // Those that were there count, and one that has ended makes room.
    let store = open(folder.path(), options);
    let newcomer = [point(&store, "devices.c", NOW + 10, 2.0)];
    assert_eq!(store.write(Timestamp(NOW + 10), &newcomer).dropped_quota, 1);
    let ended = store.resolve("devices.a").expect("resolved");
    assert_eq!(store.remove(Timestamp(NOW + 10), &[ended]).expect("removed"), 1);
    assert_eq!(store.write(Timestamp(NOW + 10), &newcomer).written, 1);
    assert_eq!((last(&store, "devices.a", NOW + 10), last(&store, "devices.c", NOW + 10)), (None, Some(2.0)));
}

#[test]
fn series_beyond_the_rate_wait_with_their_points() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = SlabOptions { creates_per_second: Some(10), waiting_points: 40, ..SlabOptions::default() };
    let store = open(folder.path(), options);
    let points: Vec<Point> = (0..60).map(|i| point(&store, &format!("many.n{i}"), NOW, f64::from(i))).collect();
    let report = store.write(Timestamp(NOW), &points);
    assert_eq!((report.written, report.created, report.dropped_quota), (10, 10, 10));
    for second in 1..=4 {
        // A newer value of a series that waits does not overtake the older one.
        let newer = [point(&store, "many.n49", NOW, 4900.0 + second as f64)];
        store.write(Timestamp(NOW + second), &newer);
        store.commit(Timestamp(NOW + second)).expect("committed");
    }
    assert_eq!(store.find("many.*").expect("found").len(), 50);
    assert_eq!((last(&store, "many.n20", NOW + 4), last(&store, "many.n49", NOW + 4)), (Some(20.0), Some(4904.0)));
    assert_eq!(store.counters().of("dropped_quota"), 10);
}

#[test]
fn a_name_that_ended_begins_anew_and_stays_so_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), SlabOptions::default());
    store.write(Timestamp(NOW), &[point(&store, "a.b", NOW - 20, 1.0), point(&store, "fast.c", NOW, 2.0)]);
    store.commit(Timestamp(NOW)).expect("committed");
    let series = store.resolve("a.b").expect("resolved");
    store.remove(Timestamp(NOW), &[series]).expect("removed");
    assert_eq!((store.find("a.*").expect("found").len(), last(&store, "a.b", NOW)), (0, None));
    store.write(Timestamp(NOW + 10), &[point(&store, "a.b", NOW + 10, 3.0)]);
    store.commit(Timestamp(NOW + 10)).expect("committed");
    let check = |store: &SlabStore| {
        let window = Window { from: Timestamp(NOW - 60), until: Timestamp(NOW + 10) };
        let fetched = store.fetch("a.b", window, Timestamp(NOW + 10)).expect("fetched").expect("there");
        assert_eq!(fetched.values.iter().filter(|value| !crate::is_gap(**value)).collect::<Vec<_>>(), [&3.0]);
        assert_eq!(last(store, "fast.c", NOW + 10), Some(2.0));
        assert_eq!(store.leaves().expect("listed"), ["a.b", "fast.c"]);
    };
    check(&store);
    drop(store);
    check(&open(folder.path(), SlabOptions::default()));
}

/// Rules of one retention for all.
fn with(folder: &Path, retentions: &str) -> SlabStore {
    let schemas = format!("[all]\npattern = .*\nretentions = {retentions}\n");
    let rules = Rules::parse(Some((Path::new("schemas"), &schemas)), None).expect("rules");
    SlabStore::open(folder, rules, StoreLimits::default(), SyncPolicy::None).expect("opened")
}

/// Places of every schema that belong to a series.
fn columns(store: &SlabStore) -> Vec<u64> {
    store.schemas().iter().map(|schema| schema.sizes().0).collect()
}

/// A series that was written under one retention for an hour, and has moved to another.
fn moved(folder: &Path) -> (SlabStore, i64) {
    let begun = NOW - NOW % 3600;
    let store = with(folder, "10s:1d");
    for now in (begun..begun + 3600).step_by(10) {
        store.write(Timestamp(now), &[point(&store, "a.b", now, 1.0), point(&store, "a.c", now, 1.0)]);
        store.commit(Timestamp(now)).expect("committed");
    }
    drop(store);
    let store = with(folder, "60s:2d");
    store.upkeep(Timestamp(begun + 3500)).expect("upkeep");
    store.upkeep(Timestamp(begun + 3600)).expect("upkeep");
    assert_eq!((columns(&store), store.formers.read().expect("whole").len()), (vec![2, 2], 2));
    (store, begun + 3600)
}

fn known(store: &SlabStore, name: &str, now: i64) -> usize {
    let window = Window { from: Timestamp(now - 7200), until: Timestamp(now) };
    let fetched = store.fetch(name, window, Timestamp(now)).expect("fetched");
    fetched.map_or(0, |fetched| fetched.values.iter().filter(|value| !crate::is_gap(**value)).count())
}

#[test]
fn a_moved_series_ends_in_every_place_it_had() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, now) = moved(folder.path());
    let series = store.resolve("a.b").expect("resolved");
    assert_eq!(store.remove(Timestamp(now), &[series]).expect("removed"), 1);
    assert_eq!((columns(&store), known(&store, "a.b", now)), (vec![1, 1], 0));
    drop(store);
    let store = with(folder.path(), "60s:2d");
    assert_eq!((columns(&store), known(&store, "a.b", now), known(&store, "a.c", now)), (vec![1, 1], 0, 60));
    store.write(Timestamp(now), &[point(&store, "a.b", now, 9.0)]);
    store.commit(Timestamp(now)).expect("committed");
    assert_eq!(known(&store, "a.b", now), 1, "nothing of its former life");
    drop(store);
    let store = with(folder.path(), "60s:2d");
    assert_eq!((columns(&store), known(&store, "a.b", now), known(&store, "a.c", now)), (vec![1, 2], 1, 60));
    // A place that is kept no longer stays given up.
    store.upkeep(Timestamp(now + 100_000)).expect("upkeep");
    store.commit(Timestamp(now + 100_000)).expect("committed");
    assert_eq!(columns(&store), [0, 2]);
    drop(store);
    let store = with(folder.path(), "60s:2d");
    assert_eq!(columns(&store), [0, 2]);
    assert!(store.formers.read().expect("whole").is_empty());
}

#[test]
fn series_that_could_not_be_ended_are_as_they_were() {
    let folder = tempfile::tempdir().expect("a folder");
    let (store, now) = moved(folder.path());
    let ids = ["a.b", "a.c"].map(|name| store.resolve(name).expect("resolved"));
    store.imported.write().expect("whole").insert(ids[1].0);
    let disk = Arc::new(crate::slab::heap::HeapDisk::default());
    let (failing, _) = Names::open(Arc::clone(&disk) as _, Path::new("names.log"), |_| {}).expect("opened");
    let log = store.names.lock().expect("whole").turn_to(failing);
    disk.fail_syncs(1);
    assert!(store.remove(Timestamp(now), &ids).is_err());
    assert_eq!((columns(&store), known(&store, "a.b", now), known(&store, "a.c", now)), (vec![2, 2], 60, 60));
    assert_eq!(store.formers.read().expect("whole").len(), 2);
    assert!(store.imported.read().expect("whole").contains(ids[1].0));
    assert_eq!(store.leaves().expect("listed"), ["a.b", "a.c"]);
    store.commit(Timestamp(now)).expect("committed");
    let mut records = 0;
    Names::open(disk as _, Path::new("names.log"), |_| records += 1).expect("opened");
    assert_eq!(records, 0, "the log says nothing of it");
    store.names.lock().expect("whole").turn_to(log);
    drop(store);
    let store = with(folder.path(), "60s:2d");
    assert_eq!((columns(&store), known(&store, "a.b", now)), (vec![2, 2], 60));
}

#[test]
fn what_nothing_was_written_to_expires_unless_something_comes_meanwhile() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), SlabOptions::default());
    for (name, age) in [("a.old", 7200), ("a.late", 7200), ("a.new", 60)] {
        store.write(Timestamp(NOW - age), &[point(&store, name, NOW - age, 1.0)]);
        store.commit(Timestamp(NOW - age)).expect("committed");
    }
    let cutoff = Timestamp(NOW - 3600);
    let named = |store: &SlabStore| {
        let found = store.unwritten_since(cutoff).expect("looked at");
        found.into_iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(named(&store), ["a.late", "a.old"]);
    // As whoever writes while the segments are looked through.
    let unwritten = store.unwritten_since(cutoff).expect("looked at");
    store.write(Timestamp(NOW), &[point(&store, "a.late", NOW - 1800, 2.0)]);
    assert_eq!(store.end_unwritten(Timestamp(NOW), cutoff, &unwritten).expect("ended").len(), 1);
    assert_eq!(store.leaves().expect("listed"), ["a.late", "a.new"]);
    assert_eq!((store.counters().of("series_expired"), last(&store, "a.late", NOW - 1800)), (1, Some(2.0)));
    assert!(store.expire(Timestamp(NOW), cutoff).expect("expired").is_empty());
    store.commit(Timestamp(NOW)).expect("committed");
    drop(store);
    let store = open(folder.path(), SlabOptions::default());
    assert_eq!(store.leaves().expect("listed"), ["a.late", "a.new"]);
    assert_eq!(store.expired(), Expired { series: 1, last: Some(Timestamp(NOW)) });
}

/// The first look is an hour after the opening, so that whoever writes has time to come back; then one every hour.
#[test]
fn series_expire_by_themselves_once_an_hour() {
    let folder = tempfile::tempdir().expect("a folder");
    let day = 86_400;
    let half = day / 2;
    let options = || SlabOptions { expire_after_secs: Some(half), ..SlabOptions::default() };
    let store = open(folder.path(), SlabOptions::default());
    let names = ["a.old", "a.back", "a.new"];
    let points = |now: i64| names.map(|name| point(&store, name, now, 1.0));
    store.write(Timestamp(NOW), &points(NOW));
    store.commit(Timestamp(NOW)).expect("committed");
    let now = NOW + 2 * day;
    store.upkeep(Timestamp(now)).expect("upkeep");
    store.upkeep(Timestamp(now + 7200)).expect("upkeep");
    assert_eq!(store.leaves().expect("listed").len(), 3, "by default nothing does");
    drop(store);
    let store = open(folder.path(), options());
    let upkeep = |after: i64| {
        store.upkeep(Timestamp(now + after)).expect("upkeep");
        store.leaves().expect("listed").join(" ")
    };
    assert_eq!(upkeep(0), "a.back a.new a.old");
    assert_eq!(upkeep(3599), "a.back a.new a.old");
    store.write(Timestamp(now + 3599), &[point(&store, "a.back", now + 3599, 2.0)]);
    store.write(Timestamp(now + 3599), &[point(&store, "a.new", now + 4000 - half, 2.0)]);
    assert_eq!(upkeep(3600), "a.back a.new", "one of them was written to late");
    assert_eq!(upkeep(5400), "a.back a.new", "nobody looks");
    assert_eq!(upkeep(7200), "a.back");
    // A clock that is set back by a day does not put the next look off by a day.
    assert_eq!(upkeep(-day), "a.back");
    assert_eq!((upkeep(day + 4000), upkeep(day + 7600)), ("".to_owned(), "".to_owned()));
    assert_eq!(store.counters().of("series_expired"), 3);
    drop(store);
    assert_eq!(open(folder.path(), options()).expired().series, 3);
}

#[test]
fn the_oldest_segments_go_when_the_bytes_are_bounded() {
    let folder = tempfile::tempdir().expect("a folder");
    let fill = |options: SlabOptions| {
        let store = open(folder.path(), options);
        for slot in 0..6 * 360 {
            let now = NOW + slot * 10;
            store.write(Timestamp(now), &[point(&store, "a.b", now, (slot * 7919 % 1000) as f64)]);
            store.commit(Timestamp(now)).expect("committed");
        }
        let now = Timestamp(NOW + 6 * 3600);
        store.upkeep(now).expect("upkeep");
        let segments: Vec<(Timestamp, u64)> =
            store.schemas().iter().flat_map(|schema| schema.parts()).map(|(end, bytes, _)| (end, bytes)).collect();
        (segments, store.counters().of("segments_removed"))
    };
    let (all, removed) = fill(SlabOptions { sync: SyncPolicy::None, ..SlabOptions::default() });
    let bytes: u64 = all.iter().map(|(_, bytes)| bytes).sum();
    assert!(all.len() >= 5 && removed == 0, "{all:?}");
    let (left, removed) =
        fill(SlabOptions { sync: SyncPolicy::None, max_bytes: Some(bytes / 2), ..SlabOptions::default() });
    assert!(removed >= 1 && left.iter().map(|(_, bytes)| bytes).sum::<u64>() <= bytes / 2, "{left:?}");
    assert_eq!(left.iter().map(|(end, _)| *end).max(), all.iter().map(|(end, _)| *end).max(), "the newest stays");
}

#[test]
fn series_take_over_a_changed_retention_with_the_next_hour() {
    let folder = tempfile::tempdir().expect("a folder");
    let with = |retentions: &str| with(folder.path(), retentions);
    let fill = |store: &SlabStore, from: i64, until: i64| {
        for now in (from..until).step_by(10) {
            store.write(Timestamp(now), &[point(store, "a.b", now, now as f64)]);
            store.commit(Timestamp(now)).expect("committed");
        }
        store.upkeep(Timestamp(until)).expect("upkeep");
    };
    let begun = NOW - NOW % 3600;
    fill(&with("10s:1d"), begun, begun + 3000);
    let store = with("60s:2d");
    store.upkeep(Timestamp(begun + 3000)).expect("upkeep");
    fill(&store, begun + 3000, begun + 3600);
    assert_eq!(store.archives("a.b").expect("read").expect("there")[0].step.secs(), 60);
    fill(&store, begun + 3600, begun + 5400);
    let check = |store: &SlabStore, now: i64| {
        let window = Window { from: Timestamp(begun - 1), until: Timestamp(begun + 5399) };
        let fetched = store.fetch("a.b", window, Timestamp(now)).expect("fetched").expect("there");
        assert_eq!((fetched.step.secs(), fetched.values.len()), (60, 90));
        for (i, value) in fetched.values.iter().enumerate() {
            let start = begun + 60 * i as i64;
            // The mean of what lies in the old place; the last of each minute in the new one.
            let expected = if start < begun + 3600 { start as f64 + 25.0 } else { start as f64 + 50.0 };
            assert_eq!(*value, expected, "{i}");
        }
    };
    check(&store, begun + 5400);
    drop(store);
    let store = with("60s:2d");
    check(&store, begun + 5400);
    // When the old retention has passed, so has what lay there.
    store.upkeep(Timestamp(begun + 100_000)).expect("upkeep");
    assert!(store.formers.read().expect("whole").is_empty());
}

#[test]
fn more_late_points_than_may_wait_are_folded_by_whoever_brings_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), SlabOptions { late_points: 8, ..SlabOptions::default() });
    let late: Vec<i64> = (1..200).map(|i| NOW - i * 310).collect();
    for at in &late {
        assert_eq!(store.write(Timestamp(NOW), &[point(&store, "a.b", *at, *at as f64)]).written, 1);
    }
    store.commit(Timestamp(NOW)).expect("committed");
    let window = Window { from: Timestamp(NOW - 80_000), until: Timestamp(NOW) };
    let read = |store: &SlabStore| {
        let fetched = store.fetch("a.b", window, Timestamp(NOW)).expect("fetched").expect("there");
        fetched.values.iter().rev().copied().filter(|value| !crate::is_gap(*value)).collect::<Vec<f64>>()
    };
    let expected: Vec<f64> = late.iter().map(|at| *at as f64).collect();
    assert_eq!(read(&store), expected);
    drop(store);
    assert_eq!(read(&open(folder.path(), SlabOptions::default())), expected);
}

#[test]
fn late_points_of_many_slots_that_the_ring_holds_are_written_into_their_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path(), SlabOptions { late_points: 100, ..SlabOptions::default() });
    // Every row of the ring holds a slot.
    let now = NOW + 3_000;
    for at in NOW..=now {
        store.write(Timestamp(at), &[point(&store, "fast.a", at, 1.0)]);
        store.commit(Timestamp(at)).expect("committed");
        if at % 50 == 0 {
            store.upkeep(Timestamp(at)).expect("upkeep");
        }
    }
    for value in 2..=4 {
        for at in now - 60..now - 4 {
            let report = store.write(Timestamp(now), &[point(&store, "fast.a", at, f64::from(value))]);
            assert_eq!((report.written, report.dropped()), (1, 0));
        }
        store.commit(Timestamp(now)).expect("committed");
    }
    let check = |store: &SlabStore| {
        let window = Window { from: Timestamp(now - 61), until: Timestamp(now - 5) };
        let fetched = store.fetch("fast.a", window, Timestamp(now)).expect("fetched").expect("there");
        assert_eq!(fetched.values, vec![4.0; 56]);
    };
    check(&store);
    assert!(store.recent_errors().is_empty(), "{:?}", store.recent_errors());
    drop(store);
    check(&open(folder.path(), SlabOptions::default()));
}

/// What is late for the time before a move lies in the new place alone. It must not hide the rest of the coarser slot, as long
/// as the finest archive reaches back and after that, wherever it lies: in memory, in a segment, or sealed into coarser ones.
#[test]
fn a_late_value_of_a_moved_series_stands_for_its_own_slot_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let begun = NOW - NOW % 3600;
    let fill = |store: &SlabStore, from: i64, until: i64| {
        for now in (from..until).step_by(10) {
            store.write(Timestamp(now), &[point(store, "a.b", now, 6.0)]);
            store.commit(Timestamp(now)).expect("committed");
        }
        store.upkeep(Timestamp(until)).expect("upkeep");
    };
    fill(&with(folder.path(), "10s:1d,60s:4d"), begun, begun + 3500);
    let store = with(folder.path(), "10s:2h,60s:1d,600s:7d");
    store.upkeep(Timestamp(begun + 3500)).expect("upkeep");
    store.upkeep(Timestamp(begun + 3600)).expect("upkeep");
    assert_eq!(store.archives("a.b").expect("read").expect("there").len(), 3);
    // One value over another, one into a gap, before the move.
    let late = [point(&store, "a.b", begun + 1210, 66.0), point(&store, "a.b", begun + 3500, 36.0)];
    assert_eq!(store.write(Timestamp(begun + 3610), &late).written, 2);
    store.commit(Timestamp(begun + 3610)).expect("committed");
    // A window that begins earlier is answered from a coarser archive.
    let check = |store: &SlabStore, now: i64, (before, step): (i64, u32)| {
        let window = Window { from: Timestamp(begun - before - 1), until: Timestamp(begun + 3599) };
        let fetched = store.fetch("a.b", window, Timestamp(begun + now)).expect("fetched").expect("there");
        let earlier = usize::try_from((begun - fetched.start.0) / i64::from(step)).expect("in time");
        assert_eq!((fetched.step.secs(), fetched.values.len() - earlier), (step, 3600 / step as usize));
        let value = |at: i64| match at {
            1210 => Some(66.0),
            3500 => Some(36.0),
            _ => (at < 3500).then_some(6.0),
        };
        for (i, found) in (0..).zip(&fetched.values[earlier..]) {
            let slots = (i * i64::from(step)..(i + 1) * i64::from(step)).step_by(10);
            let known: Vec<f64> = slots.filter_map(value).collect();
            let mean = known.iter().sum::<f64>() / known.len() as f64;
            let wanted = if known.is_empty() { crate::gap::GAP } else { mean };
            let is_alike = (found - wanted).abs() < 1e-9 || found.is_nan() && wanted.is_nan();
            assert!(is_alike, "{now}: {found} in {i} of {step}, not {wanted}");
        }
    };
    let archives = [(0, 10), (12_000, 60), (90_000, 600)];
    for now in [3620, 5000, 7000] {
        archives.iter().for_each(|archive| check(&store, now, *archive));
        store.upkeep(Timestamp(begun + now)).expect("upkeep");
    }
    drop(store);
    let store = with(folder.path(), "10s:2h,60s:1d,600s:7d");
    archives.iter().for_each(|archive| check(&store, 7100, *archive));
    // The finest archive does not reach back any more: the old place knows most of each slot.
    fill(&store, begun + 12_000, begun + 12_100);
    let window = Window { from: Timestamp(begun - 1), until: Timestamp(begun + 3599) };
    let fetched = store.fetch("a.b", window, Timestamp(begun + 12_100)).expect("fetched").expect("there");
    assert_eq!((fetched.step.secs(), fetched.values[0], fetched.values[20]), (60, 6.0, 6.0));
    assert_eq!(fetched.values.iter().filter(|value| crate::is_gap(**value)).count(), 1, "the last minute");
    let far = store.fetch("a.b", window, Timestamp(begun + 100_000)).expect("fetched").expect("there");
    assert_eq!((far.step.secs(), far.values.len()), (600, 6));
    assert!(far.values.iter().all(|value| (6.0..=7.0).contains(value)), "{:?}", far.values);
}

/// The same of sketches: those of a coarser slot are merged of both places.
#[test]
fn a_late_sketch_of_a_moved_series_stands_for_its_own_slot_alone() {
    use crate::sketch::{Accuracy, BinLimit, DdSketch, Sketch};
    use crate::store::SketchPoint;
    let folder = tempfile::tempdir().expect("a folder");
    let begun = NOW - NOW % 3600;
    let put = |store: &SlabStore, now: i64, at: i64, samples: u32| {
        let mut sketch = DdSketch::new(Accuracy::from_ratio(0.01).expect("valid"), BinLimit::DEFAULT);
        (0..samples).for_each(|_| assert!(sketch.insert(1.0, 1.0)));
        let series = store.resolve("t.a").expect("a name");
        let sketch = &Sketch::Dd(sketch);
        let report = store.write_sketches(Timestamp(now), &[SketchPoint { series, at: Timestamp(at), sketch }]);
        assert_eq!(report.written, 1);
        store.commit(Timestamp(now)).expect("committed");
    };
    let store = with(folder.path(), "10s:1d,60s:4d");
    (begun..begun + 3000).step_by(10).for_each(|now| put(&store, now, now, 2));
    drop(store);
    let store = with(folder.path(), "10s:2h,60s:1d,600s:7d");
    store.upkeep(Timestamp(begun + 3500)).expect("upkeep");
    store.upkeep(Timestamp(begun + 3600)).expect("upkeep");
    put(&store, begun + 3610, begun + 610, 7);
    put(&store, begun + 3620, begun + 3010, 5);
    for now in [3620, 5000, 7000] {
        for (before, step) in [(0, 10), (12_000, 60), (90_000, 600)] {
            let window = Window { from: Timestamp(begun - before - 1), until: Timestamp(begun + 3599) };
            let fetched = store.fetch("t.a.count", window, Timestamp(begun + now)).expect("fetched").expect("there");
            let earlier = usize::try_from((begun - fetched.start.0) / step).expect("in time");
            for (i, found) in (0..).zip(&fetched.values[earlier..]) {
                let samples = (i * step..(i + 1) * step).step_by(10).map(|at| match at {
                    610 => 7.0,
                    3010 => 5.0,
                    _ if at < 3000 => 2.0,
                    _ => 0.0,
                });
                assert_eq!(
                    if crate::is_gap(*found) { 0.0 } else { *found },
                    samples.sum::<f64>(),
                    "{now}: {i} of {step}"
                );
            }
        }
        store.upkeep(Timestamp(begun + now)).expect("upkeep");
    }
}
