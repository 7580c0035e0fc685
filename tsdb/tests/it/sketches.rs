//! Sketches in the slab store beside a model that keeps every value: whatever the archive, open, sealed, merged, late or read
//! again from the disk, a leaf is that of all values of its slot.

use std::collections::BTreeMap;
use std::path::Path;
use tsdb::sketch::{Accuracy, BinLimit, DdSketch, Hll, LgK, Sketch};
use tsdb::{
    Rules, SketchPoint, SlabOptions, SlabStore, Step, Store, StoreLimits, Timestamp, WhisperStore, Window, is_gap,
};

const SCHEMAS: &str = "[all]\npattern = .*\nretentions = 1s:2m,10s:20m,60s:4h\n";
const BEGIN: i64 = 1_700_000_040;

fn rules(sketch: &str) -> Rules {
    let aggregation = format!("[all]\npattern = .*\nsketch = {sketch}\n");
    let schemas = Some((Path::new("schemas"), SCHEMAS));
    Rules::parse(schemas, Some((Path::new("aggregation"), &aggregation))).expect("rules")
}

fn open(folder: &Path) -> SlabStore {
    let store = SlabStore::open(folder, rules("ddsketch"), StoreLimits::default(), SlabOptions::default());
    store.expect("opened")
}

fn dd(accuracy: f64, values: &[f64]) -> Sketch {
    let accuracy = Accuracy::from_ratio(accuracy).expect("an accuracy");
    let mut sketch = DdSketch::new(accuracy, BinLimit::DEFAULT);
    values.iter().for_each(|&value| assert!(sketch.insert(value, 1.0)));
    Sketch::Dd(sketch)
}

fn write(store: &SlabStore, now: i64, sketches: &[(&str, i64, &Sketch)]) -> tsdb::WriteReport {
    let point = |&(name, at, sketch): &(&str, i64, _)| {
        let series = store.resolve(name).expect("resolved");
        SketchPoint { series, at: Timestamp(at), sketch }
    };
    let points: Vec<SketchPoint<'_>> = sketches.iter().map(point).collect();
    store.write_sketches(Timestamp(now), &points)
}

/// Uniform numbers, the same at every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }

    fn latencies(&mut self) -> Vec<f64> {
        let count = self.below(30);
        (0..count).map(|_| (f64::from(self.below(90_000) as u32) / 10_000.0).exp()).collect()
    }
}

/// All values by series and second.
#[derive(Default)]
struct Model(BTreeMap<(String, i64), Vec<f64>>);

impl Model {
    fn sorted(&self, name: &str, from: i64, step: i64) -> Option<Vec<f64>> {
        let slots = self.0.range((name.to_owned(), from)..(name.to_owned(), from + step));
        let mut found = None;
        slots.for_each(|(_, values)| found.get_or_insert_with(Vec::new).extend_from_slice(values));
        if let Some(values) = &mut found {
            values.sort_by(f64::total_cmp);
        }
        found
    }

    /// Asks for a window and compares every slot of some leaves; answers the step that was read.
    #[track_caller]
    fn check(&self, store: &SlabStore, name: &str, window: (i64, i64), now: i64) -> Step {
        let window = Window { from: Timestamp(window.0), until: Timestamp(window.1) };
        let fetch = |leaf: &str| store.fetch(&format!("{name}.{leaf}"), window, Timestamp(now)).expect("fetched");
        let counts = fetch("count").expect("there");
        let leaves = ["p50", "p99", "upper_90", "sum"].map(|leaf| fetch(leaf).expect("there").values);
        for (i, &count) in counts.values.iter().enumerate() {
            let step = i64::from(counts.step.secs());
            let at = counts.start + step * i as i64;
            let Some(values) = self.sorted(name, at.0, step) else {
                assert!(is_gap(count), "{name} has {count} at {at:?}, of {step} s");
                continue;
            };
            assert_eq!(count, values.len() as f64, "{name} at {at:?}, of {step} s");
            let Some(last) = values.len().checked_sub(1) else { continue };
            let place = |q: f64| values[(q * last as f64) as usize];
            let upper = values[((0.9 * values.len() as f64).round() as usize).clamp(1, values.len()) - 1];
            let exact = [place(0.5), place(0.99), upper, values.iter().sum()];
            for (leaf, exact) in leaves.iter().zip(exact) {
                let got = leaf[i];
                assert!((got - exact).abs() <= 0.01 * exact + 1e-9, "{name} at {at:?}: {got}, exactly {exact}");
            }
        }
        counts.step
    }
}

#[test]
fn leaves_are_those_of_all_values_at_every_archive_and_age() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut store, mut model, mut random) = (open(folder.path()), Model::default(), Random(7));
    let names = ["t.a", "t.b", "t.c;host=x"];
    let mut steps = std::collections::BTreeSet::new();
    for second in 0..2000 {
        let now = BEGIN + second;
        for name in names {
            // Now and then one has nothing, or says something about a second that is sealed.
            let late = if random.below(40) == 0 { random.below(100) as i64 } else { 0 };
            let at = (now - late).max(BEGIN);
            if random.below(10) > 0 {
                let values = random.latencies();
                assert_eq!(write(&store, now, &[(name, at, &dd(0.01, &values))]).written, 1);
                model.0.insert((name.to_owned(), at), values);
            }
        }
        if random.below(5) > 0 {
            store.commit(Timestamp(now)).expect("committed");
        }
        if random.below(25) == 0 {
            store.upkeep(Timestamp(now)).expect("kept");
        }
        if random.below(400) == 0 {
            store.commit(Timestamp(now)).expect("committed");
            drop(store);
            store = open(folder.path());
        }
        if random.below(30) == 0 {
            let from = [now - 100, now - 1000, now - 1900, now - 40][random.below(4) as usize].max(BEGIN);
            let until = from + random.below((now - from).unsigned_abs() + 1) as i64;
            let name = names[random.below(2) as usize];
            steps.insert(model.check(&store, name, (from, until), now).secs());
        }
    }
    assert_eq!(steps, [1, 10, 60].into());
    let tagged = store.fetch(
        "t.c.count;host=x",
        Window { from: Timestamp(BEGIN), until: Timestamp(BEGIN + 1500) },
        Timestamp(BEGIN + 2000),
    );
    let expected: usize = model
        .0
        .iter()
        .filter(|((name, at), _)| name == names[2] && *at < BEGIN + 1560 && *at >= BEGIN + 60)
        .map(|(_, values)| values.len())
        .sum();
    assert_eq!(
        tagged.expect("fetched").expect("there").values.iter().filter(|count| !is_gap(**count)).sum::<f64>(),
        expected as f64
    );
    assert_eq!(store.counters().dropped(), 0);
    assert_eq!(store.recent_errors(), Vec::<String>::new());
}

#[test]
fn a_sketch_is_a_branch_with_leaves() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = open(folder.path());
    let value = tsdb::Point { series: store.resolve("t.a.other").expect("resolved"), at: Timestamp(BEGIN), value: 5.0 };
    store.write(Timestamp(BEGIN), &[value]);
    let mut set = Hll::new(LgK::DEFAULT);
    set.insert(b"ann");
    let (sketch, set) = (dd(0.01, &[1.0, 2.0]), Sketch::Hll(set));
    write(&store, BEGIN, &[("t.a", BEGIN, &sketch), ("s.u", BEGIN, &set), ("t.x;dc=a", BEGIN, &sketch)]);
    for reopened in [false, true] {
        if reopened {
            store.commit(Timestamp(BEGIN)).expect("committed");
            drop(store);
            store = open(folder.path());
        }
        let find = |pattern: &str| {
            let nodes = store.find(pattern).expect("found").into_iter();
            nodes.map(|node| format!("{}{}", node.path, if node.leaf { "" } else { "." })).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(find("t.*"), "t.a.");
        assert_eq!(find("*.*.p9*"), "t.a.p90 t.a.p95 t.a.p99 t.a.p999");
        assert_eq!(find("t.a.o*"), "t.a.other");
        assert_eq!(find("t.a.{p50,p97,p990,uniques,nothing}"), "t.a.p50 t.a.p97");
        assert_eq!(find("s.u.*"), "s.u.count s.u.uniques");
        assert_eq!(find("t.x.p99;dc=a"), "t.x.p99;dc=a");
        assert_eq!((find("t.a"), find("t.a.p50.p50")), ("t.a.".to_owned(), String::new()));
        assert_eq!(store.find_sketches("*.*").expect("found"), ["s.u", "t.a"]);
        assert_eq!(store.find_sketches("t.x;dc=a").expect("found"), ["t.x;dc=a"]);
        let leaves = store.leaves().expect("listed");
        assert!(leaves.contains(&"t.a.p99".to_owned()) && !leaves.contains(&"t.a".to_owned()), "{leaves:?}");
    }
    let ended = store.resolve("t.a").expect("resolved");
    assert_eq!(store.remove(Timestamp(BEGIN), &[ended]).expect("removed"), 1);
    assert_eq!(store.find("t.a.p*").expect("found"), []);
    let window = Window { from: Timestamp(BEGIN - 10), until: Timestamp(BEGIN) };
    assert_eq!(store.fetch("t.a.p50", window, Timestamp(BEGIN)).expect("fetched"), None);
}

#[test]
fn what_is_no_sketch_of_its_series_is_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let (sketch, set) = (dd(0.01, &[1.0]), Sketch::Hll(Hll::new(LgK::DEFAULT)));
    let report = write(
        &store,
        BEGIN,
        &[("a.b", BEGIN, &sketch), ("a.b", BEGIN, &set), ("a.b", BEGIN - 500, &sketch), ("a.b", BEGIN + 9000, &sketch)],
    );
    assert_eq!((report.written, report.dropped_kind, report.dropped_old, report.dropped_future), (1, 1, 1, 1));
    let tree = tempfile::tempdir().expect("a folder");
    let whisper = WhisperStore::open(tree.path(), rules("ddsketch"), StoreLimits::default()).expect("opened");
    let series = whisper.resolve("a.b").expect("resolved");
    let given = SketchPoint { series, at: Timestamp(BEGIN), sketch: &sketch };
    assert_eq!(whisper.write_sketches(Timestamp(BEGIN), &[given]).dropped_kind, 1);
    assert_eq!((whisper.sketch_of("a.b"), store.sketch_of("a.b")), (None, Some(sketch.kind())));
}

#[test]
fn values_from_before_fill_the_gaps_of_leaves() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let value = tsdb::Point { series: store.resolve("t.a.count").expect("resolved"), at: Timestamp(BEGIN), value: 7.0 };
    store.write(Timestamp(BEGIN), &[value]);
    write(&store, BEGIN + 1, &[("t.a", BEGIN + 1, &dd(0.01, &[1.0, 2.0]))]);
    let window = Window { from: Timestamp(BEGIN - 1), until: Timestamp(BEGIN + 1) };
    let fetched = store.fetch("t.a.count", window, Timestamp(BEGIN + 1)).expect("fetched").expect("there");
    assert_eq!(fetched.values, [7.0, 2.0]);
}

#[test]
fn sketches_of_two_accuracies_and_of_any_size_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let low: Vec<f64> = (1..=1000).map(f64::from).collect();
    let high: Vec<f64> = (1001..=2000).map(f64::from).collect();
    // As large as they become, so that one lies in several frames.
    let mut set = Hll::new(LgK::MAX);
    (0..200_000u32).for_each(|member| set.insert(&member.to_le_bytes()));
    let sketches = [dd(0.01, &low), dd(0.05, &high), Sketch::Hll(set)];
    write(
        &store,
        BEGIN + 1,
        &[("t.a", BEGIN, &sketches[0]), ("t.a", BEGIN + 1, &sketches[1]), ("s.big", BEGIN, &sketches[2])],
    );
    store.commit(Timestamp(BEGIN + 1)).expect("committed");
    drop(store);
    let store = open(folder.path());
    for sealed in [false, true] {
        let now = BEGIN + 700;
        if sealed {
            store.upkeep(Timestamp(now)).expect("kept");
        }
        let window = Window { from: Timestamp(BEGIN - 10), until: Timestamp(BEGIN + 1) };
        let fetch = |name: &str| store.fetch(name, window, Timestamp(now)).expect("fetched").expect("there").values[0];
        assert_eq!((fetch("t.a.count"), fetch("t.a.max")), (2000.0, 2000.0));
        let p50 = fetch("t.a.p50");
        assert!((p50 - 1000.0).abs() <= 61.0, "{p50}");
        let members = fetch("s.big.uniques");
        assert!((members / 200_000.0 - 1.0).abs() < 0.01, "{members}");
    }
    assert_eq!(store.recent_errors(), Vec::<String>::new());
}

#[test]
fn series_of_sketches_end_and_are_exported_as_series_of_values_are() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let sketch = dd(0.01, &[1.0, 2.0, 4.0]);
    for second in 0..900 {
        let (old, now) = (second < 300, BEGIN + second);
        write(&store, now, &[("t.live", now, &sketch), ("t.tagged;a=b", now, &sketch)]);
        if old {
            write(&store, now, &[("t.dead", now, &sketch)]);
        }
        store.commit(Timestamp(now)).expect("committed");
        if second == 600 {
            store.upkeep(Timestamp(now)).expect("kept");
        }
    }
    let names = |found: Vec<(std::sync::Arc<str>, tsdb::SeriesId)>| {
        found.into_iter().map(|(name, _)| name.to_string()).collect::<Vec<_>>().join(" ")
    };
    for (cutoff, expected) in [(BEGIN + 299, ""), (BEGIN + 300, "t.dead"), (BEGIN + 900, "t.dead t.live t.tagged;a=b")]
    {
        assert_eq!(names(store.unwritten_since(Timestamp(cutoff)).expect("looked")), expected, "{}", cutoff - BEGIN);
    }
    assert_eq!(names(store.matching("t.*").expect("found")), "t.dead t.live");
    let stats = &store.stats().expect("counted")[0].archives;
    let counted: Vec<_> = stats.iter().map(|archive| (archive.sketch_segments > 0, archive.points)).collect();
    assert_eq!(counted, [(true, 0); 3]);
    assert!(stats[1].sketches >= 90 && stats[1].sketch_bytes > 100, "{stats:?}");
    let leaves = store.leaf_names("t.tagged;a=b");
    assert!(leaves.contains(&"t.tagged.p99;a=b".to_owned()), "{leaves:?}");
    assert!(store.export("t.live").expect("read").is_none() && store.leaf_names("t.live.p99").is_empty());
    for (name, value) in [("t.live.max", 4.0), ("t.tagged.mean;a=b", 7.0 / 3.0)] {
        let exported = store.export(name).expect("read").expect("there");
        assert_eq!(exported.name, name);
        let sizes: Vec<usize> = exported.archives.iter().map(Vec::len).collect();
        assert_eq!(sizes, [120, 90, 15]);
        assert!(exported.archives.iter().flatten().all(|(_, got)| (got - value).abs() < 1e-12), "{exported:?}");
        assert_eq!(exported.archives[0].last().map(|(at, _)| *at), Some(Timestamp(BEGIN + 899)));
    }
    let count = store.export("t.live.count").expect("read").expect("there");
    assert_eq!(count.archives[2][3], (Timestamp(BEGIN + 180), 180.0));
}

#[test]
fn damage_is_a_gap_and_never_a_wrong_value() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    for second in 0..200 {
        let now = BEGIN + second;
        let values: Vec<f64> = (0..20).map(|i| f64::from(i * 7 + 1) * (second + 1) as f64).collect();
        write(&store, now, &[("t.a", now, &dd(0.01, &values))]);
        store.commit(Timestamp(now)).expect("committed");
    }
    store.upkeep(Timestamp(BEGIN + 200)).expect("kept");
    drop(store);
    let mut files = Vec::new();
    let mut open_folders = vec![folder.path().to_owned()];
    while let Some(folder) = open_folders.pop() {
        for path in std::fs::read_dir(folder).expect("listed").map(|entry| entry.expect("listed").path()) {
            match path.is_dir() {
                true => open_folders.push(path),
                false if path.to_string_lossy().contains("sketch") => files.push(path),
                false => {}
            }
        }
    }
    assert!(files.iter().any(|path| path.extension().is_some_and(|end| end == "log")), "{files:?}");
    assert!(files.iter().any(|path| path.extension().is_some_and(|end| end == "seg")), "{files:?}");
    let (mut gaps, mut random) = (0, Random(3));
    for round in 0..60 {
        let path = &files[round % files.len()];
        let whole = std::fs::read(path).expect("read");
        let mut bytes = whole.clone();
        let written = whole.iter().rposition(|byte| *byte != 0).expect("not empty") as u64 + 1;
        let at = random.below(written) as usize;
        bytes[at] ^= 1 << random.below(8);
        std::fs::write(path, &bytes).expect("written");
        let store = open(folder.path());
        let window = Window { from: Timestamp(BEGIN + 99), until: Timestamp(BEGIN + 199) };
        let fetched = store.fetch("t.a.max", window, Timestamp(BEGIN + 199)).expect("fetched").expect("there");
        for (at, got) in (fetched.start.0..).zip(fetched.values) {
            let exact = f64::from(19 * 7 + 1) * (at - BEGIN + 1) as f64;
            assert!(is_gap(got) || got == exact, "{got} at {}, byte {at} of {path:?}", at - BEGIN);
            gaps += u32::from(is_gap(got));
        }
        drop(store);
        std::fs::write(path, &whole).expect("written");
    }
    assert!(gaps > 0, "nothing was hit");
}

#[test]
fn a_process_that_ends_at_a_bad_moment_loses_nothing_that_was_committed() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let mut model = Model::default();
    let mut random = Random(11);
    for second in 0..300 {
        let now = BEGIN + second;
        let values = random.latencies();
        write(&store, now, &[("t.a", now, &dd(0.01, &values))]);
        model.0.insert(("t.a".to_owned(), now), values);
        store.commit(Timestamp(now)).expect("committed");
    }
    let now = BEGIN + 299;
    let windows = [(now - 100, now), (BEGIN, now)];
    let check = |store: &SlabStore, moment: &str| {
        println!("{moment}");
        for window in windows {
            model.check(store, "t.a", window, now);
        }
    };
    let schema = std::fs::read_dir(folder.path()).expect("listed").map(|entry| entry.expect("listed").path());
    let schema = schema.into_iter().find(|path| path.is_dir()).expect("a schema");
    let logs = || logs_of(&schema);
    check(&store, "before anything is sealed");
    let unsealed = logs();
    store.upkeep(Timestamp(now)).expect("kept");
    assert!(logs().len() < unsealed.len());
    drop(store);
    // The segments were there, and the logs were not yet removed.
    for (bytes, path) in &unsealed {
        std::fs::write(path, bytes).expect("written");
    }
    let store = open(folder.path());
    check(&store, "sealed, with the logs still there");
    store.upkeep(Timestamp(now)).expect("kept");
    check(&store, "sealed twice");
    drop(store);
    let store = open(folder.path());
    check(&store, "read again");
    drop(store);
    // The power cut the last append in its middle: what was committed before it is there.
    let (bytes, path) = logs().into_iter().max_by_key(|(_, path)| path.clone()).expect("a log");
    let written = bytes.iter().rposition(|byte| *byte != 0).expect("not empty") + 1;
    std::fs::write(&path, &bytes[..written - 20]).expect("written");
    model.0.remove(&("t.a".to_owned(), now));
    let store = open(folder.path());
    let cut = (now - 100, now - 1);
    model.check(&store, "t.a", cut, now);
    let values = random.latencies();
    write(&store, now, &[("t.a", now, &dd(0.01, &values))]);
    store.commit(Timestamp(now)).expect("committed");
    model.0.insert(("t.a".to_owned(), now), values);
    drop(store);
    let store = open(folder.path());
    model.check(&store, "t.a", (now - 100, now), now);
    assert_eq!(store.recent_errors(), Vec::<String>::new());
}

/// The logs of a folder, whole.
fn logs_of(folder: &Path) -> Vec<(Vec<u8>, std::path::PathBuf)> {
    let paths = std::fs::read_dir(folder).expect("listed").map(|entry| entry.expect("listed").path());
    let logs = paths.filter(|path| path.extension().is_some_and(|end| end == "log"));
    logs.map(|path| (std::fs::read(&path).expect("read"), path)).collect()
}

/// A new series beyond those that may begin in a second keeps its sketches until its turn comes; what has no room is counted.
#[test]
fn sketches_of_series_that_may_not_begin_yet_wait() {
    let folder = tempfile::tempdir().expect("a folder");
    let options =
        |waiting_points| SlabOptions { creates_per_second: Some(1), waiting_points, ..SlabOptions::default() };
    let open = |waiting_points| {
        let store = SlabStore::open(folder.path(), rules("ddsketch"), StoreLimits::default(), options(waiting_points));
        store.expect("opened")
    };
    let store = open(1000);
    let sketches: Vec<(String, Sketch)> =
        (0..4_u8).map(|i| (format!("new.{i}"), dd(0.01, &[f64::from(i) + 1.0]))).collect();
    let told = |at: i64| sketches.iter().map(|(name, sketch)| (&**name, at, sketch)).collect::<Vec<_>>();
    let report = write(&store, BEGIN, &told(BEGIN));
    assert_eq!((report.written, report.dropped()), (1, 0), "the others wait");
    // What comes meanwhile waits behind them.
    let report = write(&store, BEGIN + 1, &told(BEGIN + 1));
    assert_eq!(report.dropped(), 0);
    for now in BEGIN + 2..BEGIN + 6 {
        store.commit(Timestamp(now)).expect("committed");
    }
    let window = Window { from: Timestamp(BEGIN - 1), until: Timestamp(BEGIN + 1) };
    let counts = |store: &SlabStore, name: &str| {
        let fetched = store.fetch(&format!("{name}.count"), window, Timestamp(BEGIN + 6)).expect("read");
        fetched.map(|fetched| fetched.values)
    };
    for (name, _) in &sketches {
        assert_eq!(counts(&store, name), Some(vec![1.0, 1.0]), "{name}");
    }
    drop(store);
    let store = open(1);
    let begun = [("later.0", BEGIN + 7, &sketches[0].1), ("later.1", BEGIN + 7, &sketches[1].1)];
    let report = write(&store, BEGIN + 7, &begun);
    assert_eq!((report.written, report.dropped_quota), (1, 1), "a sketch takes more than a point's room");
}
