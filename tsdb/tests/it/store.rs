//! The store as its callers see it.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use tsdb::{
    Error, GAP, NameError, Point, Rules, SeriesId, Store, StoreLimits, Timestamp, WhisperStore, Window, WriteReport,
    is_gap,
};

const NOW: Timestamp = Timestamp(1_700_000_000);

fn open(root: &Path) -> WhisperStore {
    let schemas = "[a]\npattern = ^short\nretentions = 10s:1m,1m:10m\n[b]\npattern = .\nretentions = 10s:10m,1m:1h\n";
    let aggregation = "[sum]\npattern = count$\nxFilesFactor = 0\naggregationMethod = sum\n";
    let rules = Rules::parse(Some((Path::new("s"), schemas)), Some((Path::new("a"), aggregation))).expect("rules");
    WhisperStore::open(root, rules, StoreLimits::default()).expect("a store")
}

fn point(series: SeriesId, age: i64, value: f64) -> Point {
    Point { series, at: NOW - age, value }
}

fn values(store: &dyn Store, name: &str, age: i64) -> Option<Vec<f64>> {
    let window = Window { from: NOW - age, until: NOW };
    store.fetch(name, window, NOW).expect("readable").map(|fetched| fetched.values)
}

#[track_caller]
fn check_known(store: &dyn Store, name: &str, age: i64, expected: &[f64]) {
    let known: Vec<f64> =
        values(store, name, age).expect("a file").into_iter().filter(|value| !is_gap(*value)).collect();
    assert_eq!(known, expected, "{name}");
}

#[test]
fn writes_and_reads_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (a, b) = (store.resolve("web.count").unwrap(), store.resolve("web.load").unwrap());
    assert_eq!(store.find("**").unwrap(), [], "no file is made before its first point");
    let report = store.write(NOW, &[point(a, 0, 1.0), point(b, 0, 2.0), point(a, 30, 3.0)]);
    assert_eq!(report, WriteReport { written: 3, created: 2, ..WriteReport::default() });
    let window = Window { from: NOW - 35, until: NOW };
    let fetched = store.fetch("web.count", window, NOW).unwrap().unwrap();
    assert_eq!((fetched.start, fetched.end, fetched.step.secs()), (NOW - 30, NOW + 10, 10));
    assert_eq!(fetched.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>(), [3.0, GAP, GAP, 1.0].map(f64::to_bits));
    check_known(&store, "web.count", 3000, &[3.0, 1.0]);
    check_known(&store, "web.load", 100, &[2.0]);
    assert_eq!(values(&store, "web.none", 100), None);
    assert_eq!(store.fetch("web.count", Window { from: NOW - 9000, until: NOW - 8000 }, NOW).unwrap(), None);
    let archives = store.archives("web.load").unwrap().unwrap();
    assert_eq!(archives.iter().map(|a| (a.step.secs(), a.points)).collect::<Vec<_>>(), [(10, 60), (60, 60)]);
    assert_eq!(store.archives("none").unwrap(), None);
    assert_eq!(store.leaves().unwrap(), ["web.count", "web.load"]);
    assert_eq!((store.counters().of("points_written"), store.counters().of("files_created")), (3, 2));
    store.sync();
    assert_eq!(store.recent_errors(), [""; 0]);
}

#[test]
fn one_path_has_one_id() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let id = store.resolve("a.b").unwrap();
    for same in ["a..b", ".a.b", "a.b."] {
        assert_eq!(store.resolve(same).unwrap(), id);
    }
    assert_eq!(store.name(id).as_deref(), Some("a.b"));
    let refused = [("../x", NameError::Character), ("a\0", NameError::Character), ("...", NameError::Empty)];
    for (name, expected) in refused {
        assert!(matches!(store.resolve(name), Err(Error::Name { reason, .. }) if reason == expected), "{name:?}");
    }
    assert_eq!(store.counters().of("names_refused"), 3);
    let limits = StoreLimits { series: 1, ..StoreLimits::default() };
    let other = tempfile::tempdir().unwrap();
    let small = WhisperStore::open(other.path(), Rules::default(), limits).unwrap();
    small.resolve("a").unwrap();
    assert_eq!(small.resolve("a").unwrap(), small.resolve("a").unwrap());
    assert!(matches!(small.resolve("b"), Err(Error::SeriesLimit { limit: 1 })));
    assert_eq!(small.series_count(), 1);
}

#[test]
fn the_last_given_of_a_slot_wins() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let series = store.resolve("a").unwrap();
    let report =
        store.write(NOW, &[point(series, 1, 1.0), point(series, 5, 2.0), point(series, 1, 3.0), point(series, 9, 4.0)]);
    assert_eq!(report.written, 4);
    check_known(&store, "a", 60, &[4.0]);
}

#[test]
fn drops_by_reason() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let (a, b) = (store.resolve("a").unwrap(), store.resolve("b").unwrap());
    let report = store.write(
        NOW,
        &[point(a, 4000, 1.0), point(b, 3000, 2.0), point(b, 4000, 3.0), point(b, -300, 4.0), point(b, -9000, 5.0)],
    );
    let expected = WriteReport { written: 2, created: 2, dropped_old: 2, dropped_future: 1, ..WriteReport::default() };
    assert_eq!((report, report.dropped()), (expected, 3));
    let later = NOW + 300;
    let fetched = store.fetch("b", Window { from: NOW, until: later }, later).unwrap().unwrap();
    assert_eq!(fetched.values.last(), Some(&4.0));
    let foreign = {
        let other = tempfile::tempdir().unwrap();
        let other = open(other.path());
        for i in 0..5 {
            other.resolve(&format!("x{i}")).unwrap();
        }
        other.resolve("y").unwrap()
    };
    assert_eq!(store.write(NOW, &[point(foreign, 0, 1.0)]).dropped_failed, 1);
}

/// Points in the near future must not run over the end of their archive, as they would in the original.
#[test]
fn the_future_does_not_damage_the_next_archive() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let series = store.resolve("short.a").unwrap();
    store.write(NOW, &[point(series, 500, 7.0)]);
    let points: Vec<Point> = (-40..6).map(|i| point(series, i * 10, i as f64)).collect();
    assert_eq!(store.write(NOW, &points).written, 46);
    check_known(&store, "short.a", 505, &[7.0]);
    let bytes = fs::metadata(folder.path().join("short/a.wsp")).unwrap().len();
    assert_eq!(bytes, 16 + 24 + 12 * (6 + 10));
}

#[test]
fn a_broken_file_loses_only_its_own_points() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let ids: Vec<SeriesId> = ["a", "b", "c", "d"].iter().map(|name| store.resolve(name).unwrap()).collect();
    let write = || store.write(NOW, &ids.iter().map(|id| point(*id, 0, 1.0)).collect::<Vec<_>>());
    assert_eq!(write().written, 4);
    let path = |name: &str| folder.path().join(name);
    // Truncated while a handle is kept; emptied and replaced; a folder in its place.
    fs::OpenOptions::new().write(true).open(path("a.wsp")).unwrap().set_len(100).unwrap();
    fs::remove_file(path("b.wsp")).unwrap();
    fs::write(path("b.wsp"), b"").unwrap();
    fs::remove_file(path("c.wsp")).unwrap();
    fs::create_dir(path("c.wsp")).unwrap();
    let expected = WriteReport { written: 1, dropped_broken: 2, dropped_failed: 1, ..WriteReport::default() };
    assert_eq!(write(), expected);
    assert_eq!(write(), expected);
    let errors = store.recent_errors();
    assert_eq!(errors.len(), 3, "{errors:?}");
    assert!(errors[0].contains("a.wsp is corrupt: it is truncated"), "{errors:?}");
    assert!(errors[1].contains("b.wsp is corrupt: it has 0 bytes"), "{errors:?}");
    assert!(errors[2].contains("c.wsp: Is a directory"), "{errors:?}");
    check_known(&store, "d", 60, &[1.0]);
    let window = Window { from: NOW - 60, until: NOW };
    assert!(matches!(store.fetch("a", window, NOW), Err(Error::Corrupt { .. })));
    // And mended.
    fs::remove_file(path("a.wsp")).unwrap();
    assert_eq!(write().created, 1);
}

#[test]
fn no_data_goes_to_a_ghost() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let series = store.resolve("a").unwrap();
    let path = folder.path().join("a.wsp");
    store.write(NOW, &[point(series, 20, 1.0)]);
    fs::remove_file(&path).unwrap();
    assert_eq!(store.write(NOW, &[point(series, 0, 2.0)]).created, 1);
    check_known(&store, "a", 60, &[2.0]);
    assert_eq!(store.counters().of("handles_stale"), 1);
    // Moved aside: noticed within a minute.
    fs::rename(&path, folder.path().join("a.bak")).unwrap();
    let later = NOW + 61;
    store.write(later, &[Point { series, at: later, value: 3.0 }]);
    let fetched = store.fetch("a", Window { from: NOW, until: later }, later).unwrap().unwrap();
    assert_eq!(fetched.values.last(), Some(&3.0));
}

#[test]
fn tagged_series_lie_where_graphite_looks() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let name = "http.requests;host=web01;method=POST;status=200";
    let own = "_tagged.160.29e.http_DOT_requests;host=web01;method=POST;status=200";
    let series = store.resolve("http.requests;status=200;host=web01;method=POST").unwrap();
    assert_eq!(store.resolve(name).unwrap(), series);
    store.write(NOW, &[point(series, 0, 1.0)]);
    assert_eq!(store.leaves().unwrap(), [own]);
    check_known(&store, name, 60, &[1.0]);
    check_known(&store, own, 60, &[1.0]);
    let find = |pattern: &str| store.find(pattern).unwrap().into_iter().map(|node| node.path).collect::<Vec<_>>();
    assert_eq!(find(name), [name]);
    assert_eq!(find("_tagged.*.*.*"), [own]);
    assert_eq!(find("http.requests;host=none"), [""; 0]);
    // A file under the hash is preferred, as in graphite-web.
    let hashed = "app.sync.latency;os=ios;region=us";
    let path = "_tagged/6af/794/6af7949c48ea6c101358eca4f1fe448f7f8e9994102d2ce9cd006978873ea794.wsp";
    fs::create_dir_all(folder.path().join("_tagged/6af/794")).unwrap();
    fs::copy(folder.path().join(own.replace('.', "/") + ".wsp"), folder.path().join(path)).unwrap();
    let series = store.resolve(hashed).unwrap();
    assert_eq!(store.write(NOW, &[point(series, 0, 5.0)]).created, 0);
    check_known(&store, hashed, 60, &[5.0]);
    let slashed = store.resolve("api;url=/a/b").unwrap();
    assert_eq!(store.write(NOW, &[point(slashed, 0, 6.0)]).created, 1);
    check_known(&store, "api;url=/a/b", 60, &[6.0]);
}

#[test]
fn one_writer_where_the_folder_is_ours() {
    let folder = tempfile::tempdir().unwrap();
    let ours = folder.path().join("ours");
    let first = WhisperStore::open(&ours, Rules::default(), StoreLimits::default()).unwrap();
    assert!(matches!(WhisperStore::open(&ours, Rules::default(), StoreLimits::default()), Err(Error::Locked(_))));
    let series = first.resolve("a").unwrap();
    first.write(NOW, &[point(series, 0, 1.0)]);
    let reader = WhisperStore::open_read_only(&ours).unwrap();
    check_known(&reader, "a", 60, &[1.0]);
    let series = reader.resolve("a").unwrap();
    assert_eq!(reader.write(NOW, &[point(series, 0, 2.0)]).dropped_read_only, 1);
    check_known(&first, "a", 60, &[1.0]);
    drop(first);
    WhisperStore::open(&ours, Rules::default(), StoreLimits::default()).unwrap();
    // A tree that others made is shared.
    let foreign = folder.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("x.wsp"), b"").unwrap();
    let both = [0, 1].map(|_| WhisperStore::open(&foreign, Rules::default(), StoreLimits::default()).unwrap());
    assert_eq!(both[0].leaves().unwrap(), ["x"]);
    assert!(matches!(WhisperStore::open_read_only(&folder.path().join("none")), Err(Error::Io { .. })));
}

#[test]
fn writers_and_readers_do_not_disturb_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open(folder.path()));
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let store = Arc::clone(&store);
            std::thread::spawn(move || {
                for i in 0..50 {
                    let names = [format!("s{i}"), format!("own{writer}.s{i}")];
                    let points = names.map(|name| point(store.resolve(&name).unwrap(), 0, f64::from(i)));
                    assert_eq!(store.write(NOW, &points).written, 2);
                    check_known(&store, &format!("s{i}"), 60, &[f64::from(i)]);
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    assert_eq!(store.leaves().unwrap().len(), 250);
    assert_eq!(store.counters().of("files_created"), 250, "each file is made once");
    assert!(fs::read_dir(folder.path()).unwrap().all(|entry| {
        let name = entry.unwrap().file_name();
        !name.to_string_lossy().starts_with(".new-")
    }));
}

#[test]
fn a_header_changed_in_place_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let series = store.resolve("a").unwrap();
    store.write(NOW, &[point(series, 0, 1.0)]);
    let file = fs::OpenOptions::new().write(true).open(folder.path().join("a.wsp")).unwrap();
    file.write_all_at(&9u32.to_be_bytes(), 0).unwrap();
    let later = NOW + 60;
    let report = store.write(later, &[Point { series, at: later, value: 1.0 }]);
    assert_eq!(report.dropped_broken, 1);
    assert!(store.recent_errors()[0].contains("unknown aggregation code 9"));
}

/// On a filesystem of 128 KiB, which only root can make.
#[test]
fn a_full_disk_stops_politely_and_resumes() {
    if std::env::var_os("KYMO_ROOT").is_none() {
        return println!("SKIPPED a_full_disk_stops_politely_and_resumes: KYMO_ROOT is not set");
    }
    let folder = tempfile::tempdir().unwrap();
    let mount = |command: &str, args: &[&str]| {
        assert!(std::process::Command::new(command).args(args).arg(folder.path()).status().unwrap().success());
    };
    mount("mount", &["-t", "tmpfs", "-o", "size=128k", "tmpfs"]);
    let outcome = std::panic::catch_unwind(|| {
        let store = open(folder.path());
        let ids: Vec<SeriesId> = (0..100).map(|i| store.resolve(&format!("s{i:02}")).unwrap()).collect();
        let points: Vec<Point> = ids.iter().map(|id| point(*id, 0, 1.0)).collect();
        let report = store.write(NOW, &points);
        assert!(report.written > 10 && report.dropped_full > 10, "{report:?}");
        assert_eq!(report.written + report.dropped_full, 100);
        check_known(&store, "s00", 60, &[1.0]);
        for name in store.leaves().unwrap() {
            store.archives(&name).unwrap().unwrap();
        }
        assert!(store.recent_errors()[0].contains("No space left"));
        for i in 0..10 {
            fs::remove_file(folder.path().join(format!("s{i:02}.wsp"))).unwrap();
        }
        drop(store);
        let store = open(folder.path());
        let series = store.resolve("s05").unwrap();
        assert_eq!(store.write(NOW, &[point(series, 0, 2.0)]).written, 1);
        check_known(&store, "s05", 60, &[2.0]);
    });
    mount("umount", &[]);
    outcome.unwrap();
}
