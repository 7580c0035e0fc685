//! Series that come whole from whisper files: every archive as it was, bit for bit, for as long as nobody writes; then live
//! writes go on where the files ended.

use conformance::fixture;
use std::path::{Path, PathBuf};
use tsdb::whisper::{self, CreateOptions, Resolution, WholeFile};
use tsdb::{
    Imported, Point, Retention, Rollup, Rules, SlabStore, Store, StoreLimits, SyncPolicy, Timestamp, Window, name,
};

const NOW: i64 = 1_700_000_003;

/// Numbers that look random and are the same every time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

fn files(root: &Path) -> Vec<(String, PathBuf)> {
    let (mut files, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("listed") {
            let path = entry.expect("listed").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push((name::of_path(path.strip_prefix(root).expect("below")).expect("a name"), path));
            }
        }
    }
    files.sort();
    files
}

fn open(folder: &Path, aggregation: &str) -> SlabStore {
    let rules = Rules::parse(None, Some((Path::new("aggregation"), aggregation))).expect("rules");
    SlabStore::open(folder, rules, StoreLimits::default(), SyncPolicy::None).expect("opened")
}

fn import(store: &mut SlabStore, tree: &Path, now: i64) -> u64 {
    let mut import = store.import(Timestamp(now));
    for (name, path) in files(tree) {
        let whole = whisper::read_whole(&path).expect("read");
        import.add(&imported(&name, &whole)).expect("added");
    }
    import.finish().expect("finished")
}

fn imported<'a>(name: &'a str, whole: &'a WholeFile) -> Imported<'a> {
    let WholeFile { retention, rollup, x_files_factor, archives } = whole;
    Imported { name, retention, rollup: *rollup, x_files_factor: *x_files_factor, archives }
}

fn bits(archives: &[Vec<(Timestamp, f64)>]) -> Vec<Vec<(i64, u64)>> {
    archives.iter().map(|values| values.iter().map(|(at, value)| (at.0, value.to_bits())).collect()).collect()
}

/// Every archive of every file is in the store.
fn check(store: &SlabStore, tree: &Path) {
    for (name, path) in files(tree) {
        let whole = whisper::read_whole(&path).expect("read");
        let exported = store.export(&name).expect("read").unwrap_or_else(|| panic!("{name} is not there"));
        assert_eq!((&exported.name, &exported.retention), (&name, &whole.retention));
        for (archive, (given, expected)) in bits(&exported.archives).iter().zip(bits(&whole.archives)).enumerate() {
            let differ = given.iter().zip(&expected).find(|(given, expected)| given != expected);
            assert!(
                *given == expected,
                "{name}, archive {archive}: {} and {}, first {differ:?}",
                given.len(),
                expected.len()
            );
        }
    }
}

/// Whatever is asked, both stores answer alike.
fn check_fetches(store: &SlabStore, tree: &Path, now: i64) {
    for (name, path) in files(tree) {
        for age in [60, 3600, 21_000, 80_000, 600_000, 3_000_000, 30_000_000] {
            for now in [now, now + 100, now + 4000] {
                let window = Window { from: Timestamp(now - age), until: Timestamp(now - age / 3) };
                let expected = whisper::fetch(&path, window, Timestamp(now), Resolution::Finest).expect("fetched");
                let given = store.fetch(&name, window, Timestamp(now)).expect("fetched");
                let (Some(expected), Some(given)) = (&expected, &given) else {
                    assert_eq!(given.is_some(), expected.is_some(), "{name} {age}");
                    continue;
                };
                assert_eq!((given.start, given.end, given.step), (expected.start, expected.end, expected.step));
                let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&given.values), bits(&expected.values), "{name} {age} {now}");
            }
        }
    }
}

#[test]
fn the_fixture_tree_comes_in_and_goes_out_as_it_was() {
    let (tree, folder, out) = (
        tempfile::tempdir().expect("it is there"),
        tempfile::tempdir().expect("it is there"),
        tempfile::tempdir().expect("it is there"),
    );
    fixture::write(tree.path()).expect("it is there");
    let now = fixture::NOW + 100_000;
    let mut store = open(folder.path(), "");
    assert_eq!(import(&mut store, tree.path(), now), 153);
    check(&store, tree.path());
    check_fetches(&store, tree.path(), fixture::NOW);
    // Years in which nobody writes.
    for days in [0, 1, 400, 4000] {
        store.upkeep(Timestamp(now + days * 86_400)).expect("upkeep");
        check(&store, tree.path());
    }
    drop(store);
    let store = open(folder.path(), "");
    store.upkeep(Timestamp(now)).expect("upkeep");
    check(&store, tree.path());
    for (name, _) in files(tree.path()) {
        let exported = store.export(&name).expect("read").expect("there");
        let path = out.path().join(name::path_of(&name).expect("a path"));
        std::fs::create_dir_all(path.parent().expect("it is there")).expect("it is there");
        whisper::write_whole(&path, &exported.retention, CreateOptions::default(), &exported.archives)
            .expect("written");
    }
    check(&store, out.path());
    check_fetches(&store, out.path(), fixture::NOW);
}

const RETENTIONS: [&str; 6] =
    ["60:8", "10:36,60:30,600:24", "10:6,60:5", "1:60,10:60,60:60", "10:12,20:12,120:10,1200:6", "10s:6h,1m:7d,10m:1y"];

/// A tree that whisper's own arithmetic made, with gaps, late points, odd numbers and every method.
fn generate(tree: &Path, random: &mut Random, now: i64) {
    for number in 0..60 {
        let retention = Retention::parse(RETENTIONS[number % 6]).expect("it is there");
        let options = CreateOptions {
            x_files_factor: random.below(5) as f64 / 4.0,
            rollup: Rollup::ALL[random.below(8) as usize],
            ..CreateOptions::default()
        };
        let folder = tree.join(format!("g{}", number % 7));
        std::fs::create_dir_all(&folder).expect("it is there");
        let path = folder.join(format!("s{number}.wsp"));
        whisper::create(&path, &retention, options).expect("it is there");
        let longest = retention.archives().last().expect("it is there").retention_secs();
        let finest = retention.archives()[0].retention_secs();
        for round in 0..4 {
            let span = if round % 2 == 0 { longest } else { finest };
            let point = |_| {
                let odd =
                    [0.0, -0.0, 1e300, 0.1, f64::INFINITY, f64::NAN, -f64::NAN, f64::from_bits(0x7ff8_1234_0000_0001)];
                let any = random.below(2000) as f64 / 8.0 - 100.0;
                (
                    Timestamp(now - random.below(span as u64) as i64),
                    odd.get(random.below(80) as usize).copied().unwrap_or(any),
                )
            };
            let points: Vec<_> = (0..150).map(point).collect();
            whisper::update_many(&path, &points, Timestamp(now)).expect("it is there");
        }
    }
}

#[test]
fn generated_trees_come_in_exactly() {
    for seed in 0..2 {
        let (tree, folder) = (tempfile::tempdir().expect("it is there"), tempfile::tempdir().expect("it is there"));
        generate(tree.path(), &mut Random(seed), NOW);
        // Rules that are the files' own for none, and for some.
        let rules = ["", "[all]\nxFilesFactor = 0\naggregationMethod = sum\npattern = .*\n"][seed as usize % 2];
        let mut store = open(folder.path(), rules);
        assert_eq!(import(&mut store, tree.path(), NOW + 200_000), 60);
        check(&store, tree.path());
        check_fetches(&store, tree.path(), NOW);
        // Once more over itself, in several batches that are merged.
        for _ in 0..if seed == 0 { 5 } else { 1 } {
            import(&mut store, tree.path(), NOW + 200_000);
        }
        store.upkeep(Timestamp(NOW + 200_000)).expect("upkeep");
        check(&store, tree.path());
        drop(store);
        check(&open(folder.path(), rules), tree.path());
    }
}

/// The file and the series of one name answer alike.
fn check_live(store: &SlabStore, live: &Path, now: i64) {
    for (age, length) in [(600, 600), (7000, 3000), (7000, 7000), (80_000, 80_000), (500_000, 500_000)] {
        let window = Window { from: Timestamp(now - age), until: Timestamp(now - age + length) };
        let expected =
            whisper::fetch(live, window, Timestamp(now), Resolution::Finest).expect("fetched").expect("there");
        let given = store.fetch("live", window, Timestamp(now)).expect("fetched").expect("there");
        let seen = |fetched: &tsdb::Fetched| {
            let bits: Vec<u64> = fetched.values.iter().map(|value| value.to_bits()).collect();
            (fetched.start, fetched.end, fetched.step, bits)
        };
        assert_eq!(seen(&given), seen(&expected), "{age} at {}", now - NOW);
    }
}

/// Somebody imports a tree, and turns the traffic over half a year later: what is within its retention by then stays, what is
/// older goes, and trees of other archives are not touched.
#[test]
fn the_first_live_write_may_come_months_after_the_import() {
    let (tree, folder) = (tempfile::tempdir().expect("it is there"), tempfile::tempdir().expect("it is there"));
    let options = CreateOptions { x_files_factor: 0.0, rollup: Rollup::Sum, ..CreateOptions::default() };
    for (name, retention) in [("live", "10s:2h,10m:1y"), ("dead", "10s:2h,10m:1y"), ("other", "10s:2h,1m:1d")] {
        let path = tree.path().join(format!("{name}.wsp"));
        whisper::create(&path, &Retention::parse(retention).expect("it is there"), options).expect("it is there");
        for at in (NOW - 30_000..NOW).step_by(10) {
            whisper::update(&path, Timestamp(at), 1.0, Timestamp(at)).expect("it is there");
        }
    }
    let rules = "[all]\npattern = .*\nxFilesFactor = 0\naggregationMethod = sum\n";
    let mut store = open(folder.path(), rules);
    import(&mut store, tree.path(), NOW + 20);
    let (months, day) = (NOW + 180 * 86_400, 86_400);
    for at in (NOW..months).step_by(30 * day as usize) {
        store.upkeep(Timestamp(at)).expect("upkeep");
    }
    check(&store, tree.path());
    let series = store.resolve("live").expect("a name");
    let write = |at: i64| {
        let point = Point { series, at: Timestamp(at), value: 7.0 };
        assert_eq!(store.write(Timestamp(at), &[point]).written, 1);
        store.commit(Timestamp(at)).expect("committed");
    };
    write(months);
    for later in [0, day, 2 * day] {
        store.upkeep(Timestamp(months + later)).expect("upkeep");
        write(months + later + 10);
        let now = Timestamp(months + later + 20);
        let fetched = |name: &str, from: i64, until: i64| {
            let window = Window { from: Timestamp(from), until: Timestamp(until) };
            let fetched = store.fetch(name, window, now).expect("fetched").expect("there");
            let present: Vec<f64> = fetched.values.into_iter().filter(|value| !value.is_nan()).collect();
            (fetched.step.secs(), present)
        };
        assert_eq!(fetched("live", months + later, months + later + 20), (10, vec![7.0]));
        // Ten minutes of ones, half a year ago.
        for name in ["live", "dead"] {
            let (step, old) = fetched(name, NOW - 20_000, NOW - 2_000);
            assert_eq!((step, old), (600, vec![60.0; 30]), "{name}");
        }
    }
    // Nobody writes to series of these archives.
    let whole = whisper::read_whole(&tree.path().join("other.wsp")).expect("read");
    let exported = store.export("other").expect("read").expect("there");
    assert_eq!(bits(&exported.archives), bits(&whole.archives));
}

/// After an import both stores go on with the same points and say the same, where whisper's roll-ups are those of the finest
/// values: sums of whole numbers.
#[test]
fn live_writes_go_on_where_the_files_ended() {
    let (tree, folder) = (tempfile::tempdir().expect("it is there"), tempfile::tempdir().expect("it is there"));
    let retention = Retention::parse("10s:2h,1m:1d,10m:7d").expect("it is there");
    let options = CreateOptions { x_files_factor: 0.0, rollup: Rollup::Sum, ..CreateOptions::default() };
    let mut random = Random(9);
    let mut value = move || random.below(100) as f64;
    for name in ["live", "dead"] {
        let path = tree.path().join(format!("{name}.wsp"));
        whisper::create(&path, &retention, options).expect("it is there");
        for at in (NOW - 30_000..NOW).step_by(10) {
            whisper::update(&path, Timestamp(at), value(), Timestamp(at)).expect("it is there");
        }
    }
    let rules = "[all]\npattern = .*\nxFilesFactor = 0\naggregationMethod = sum\n";
    let mut store = open(folder.path(), rules);
    import(&mut store, tree.path(), NOW + 20);
    check(&store, tree.path());
    let live = tree.path().join("live.wsp");
    for step in 0..2500_i64 {
        let now = NOW + 30 + step * 10;
        let series = store.resolve("live").expect("it is there");
        let mut at = vec![now];
        // A relay's queue: some time before, and around the end of the files.
        if step % 50 == 7 {
            at.extend([now - 333, NOW - 15, NOW - 700]);
        }
        for at in at {
            let value = value();
            whisper::update(&live, Timestamp(at), value, Timestamp(now)).expect("it is there");
            let report = store.write(Timestamp(now), &[Point { series, at: Timestamp(at), value }]);
            assert_eq!(report.written, 1);
        }
        store.commit(Timestamp(now)).expect("it is there");
        if step % 37 == 0 {
            store.upkeep(Timestamp(now)).expect("it is there");
        }
        if step % 211 == 0 {
            check_live(&store, &live, now);
        }
        if step == 1000 || step == 20 {
            drop(store);
            store = open(folder.path(), rules);
        }
    }
    // The other ended with its file: what is within its retention is there, given and computed alike.
    let exported = store.export("dead").expect("it is there").expect("it is there");
    assert!(exported.archives[2].iter().any(|(at, _)| *at < Timestamp(NOW - 20_000)));
}

#[test]
fn a_series_of_other_archives_is_refused_and_the_same_is_written_over() {
    let folder = tempfile::tempdir().expect("it is there");
    let mut store = open(folder.path(), "");
    let mut whole = WholeFile {
        retention: Retention::parse("10:60,60:60").expect("it is there"),
        rollup: None,
        x_files_factor: 0.0,
        archives: vec![vec![(Timestamp(NOW - NOW % 60), 1.5)], Vec::new()],
    };
    let mut import = store.import(Timestamp(NOW));
    import.add(&imported("a.b", &whole)).expect("it is there");
    assert!(import.add(&imported("..", &whole)).is_err());
    import.finish().expect("it is there");
    whole.archives[0][0].1 = 2.5;
    let mut import = store.import(Timestamp(NOW));
    import.add(&imported("a..b", &whole)).expect("it is there");
    whole.retention = Retention::parse("10:61,60:60").expect("it is there");
    assert!(matches!(import.add(&imported("a.b", &whole)), Err(tsdb::Error::OtherArchives(_))));
    import.finish().expect("it is there");
    let exported = store.export("a.b").expect("it is there").expect("it is there");
    assert_eq!(exported.archives[0], [(Timestamp(NOW - NOW % 60), 2.5)]);
    // One of six is too few for the rules' factor.
    assert!(exported.archives[1].is_empty());
}
