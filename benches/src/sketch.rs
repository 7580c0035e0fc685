//! Sketches of timers and sets beside the packages that do the same: a sample, a merge, a quantile, the stored form.

use crate::Size;
use crate::measure::{BYTES_PER_SKETCH, Measured, NS_PER_SAMPLE, US_PER_FETCH, US_PER_SKETCH, given, measure};
use datasketches::hll::{HllSketch, HllType, HllUnion};
use sketches_ddsketch::{Config, DDSketch};
use statsd_agent::counters::Counters;
use statsd_agent::flush::Ledger;
use statsd_agent::flush::outlet::Outlet;
use statsd_agent::flush::store::StoreOut;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tsdb::sketch::{Accuracy, BinLimit, DdSketch, Hll, LgK, Sketch};
use tsdb::{Rules, SketchPoint, SlabStore, Store, StoreLimits, SyncPolicy, Timestamp, Window};

/// Latencies, lognormal with a long tail; the same at every run.
fn latencies(count: usize) -> Vec<f64> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    (0..count).map(|_| (3.0 + 1.2 * ((0..12).map(|_| uniform()).sum::<f64>() - 6.0)).exp()).collect()
}

fn ours(values: &[f64]) -> DdSketch {
    let mut sketch = DdSketch::new(Accuracy::DEFAULT, BinLimit::DEFAULT);
    values.iter().for_each(|&value| assert!(sketch.insert(value, 1.0)));
    sketch
}

fn theirs(values: &[f64]) -> DDSketch {
    let mut sketch = DDSketch::new(Config::defaults());
    values.iter().for_each(|&value| sketch.add(value));
    sketch
}

/// One sample, when the sketch has met its range.
fn inserts(size: Size, values: &[f64]) -> [Measured; 2] {
    let (mut own, mut other) = (ours(values), theirs(values));
    let own = measure("sketch/ddsketch_insert", NS_PER_SAMPLE, size.rounds, values.len(), || {
        values.iter().for_each(|&value| assert!(own.insert(value, 1.0)));
    });
    let other = measure("sketch/ddsketch_insert_sketches_ddsketch", NS_PER_SAMPLE, size.rounds, values.len(), || {
        values.iter().for_each(|&value| other.add(value));
    });
    [own, other]
}

/// Merging, asking and storing sketches of a thousand values.
fn work(size: Size, values: &[f64]) -> Vec<Measured> {
    let many: Vec<DdSketch> = values.chunks(1000).map(ours).collect();
    let others: Vec<DDSketch> = values.chunks(1000).map(theirs).collect();
    let (rounds, count) = (size.rounds, many.len());
    let (mut all, mut all_theirs) = (ours(values), theirs(values));
    let stored = |sketch: &DdSketch| {
        let mut bytes = Vec::new();
        sketch.encode(&mut bytes);
        bytes
    };
    let blobs: Vec<Vec<u8>> = many.iter().map(stored).collect();
    let java: Vec<Vec<u8>> = others.iter().map(DDSketch::to_java_bytes).collect();
    let mut bytes = Vec::new();
    vec![
        measure("sketch/ddsketch_merge", US_PER_SKETCH, rounds, count, || {
            many.iter().for_each(|one| all.merge(one).expect("alike"));
        }),
        measure("sketch/ddsketch_merge_sketches_ddsketch", US_PER_SKETCH, rounds, count, || {
            others.iter().for_each(|one| all_theirs.merge(one).expect("alike"));
        }),
        measure("sketch/ddsketch_p99", US_PER_SKETCH, rounds, count, || {
            many.iter().for_each(|one| assert!(black_box(one.quantile(0.99)).is_some()));
        }),
        measure("sketch/ddsketch_p99_sketches_ddsketch", US_PER_SKETCH, rounds, count, || {
            others.iter().for_each(|one| drop(black_box(one.quantile(0.99))));
        }),
        measure("sketch/ddsketch_encode", US_PER_SKETCH, rounds, count, || {
            many.iter().for_each(|one| {
                bytes.clear();
                one.encode(&mut bytes);
            });
        }),
        measure("sketch/ddsketch_encode_sketches_ddsketch", US_PER_SKETCH, rounds, count, || {
            others.iter().for_each(|one| drop(black_box(one.to_java_bytes())));
        }),
        measure("sketch/ddsketch_decode", US_PER_SKETCH, rounds, count, || {
            blobs.iter().for_each(|blob| drop(black_box(Sketch::decode(blob))));
        }),
        measure("sketch/ddsketch_decode_sketches_ddsketch", US_PER_SKETCH, rounds, count, || {
            java.iter().for_each(|blob| drop(black_box(DDSketch::from_java_bytes(blob))));
        }),
    ]
}

/// Bytes of the stored form, by the number of values.
fn sizes() -> Vec<Measured> {
    let one = |name, other, count| {
        let values = latencies(count);
        let mut bytes = Vec::new();
        ours(&values).encode(&mut bytes);
        let java = theirs(&values).to_java_bytes().len();
        [given(name, BYTES_PER_SKETCH, vec![bytes.len() as f64]), given(other, BYTES_PER_SKETCH, vec![java as f64])]
    };
    [
        one("sketch/ddsketch_bytes_of_10", "sketch/ddsketch_bytes_of_10_sketches_ddsketch", 10),
        one("sketch/ddsketch_bytes_of_100", "sketch/ddsketch_bytes_of_100_sketches_ddsketch", 100),
        one("sketch/ddsketch_bytes_of_1000", "sketch/ddsketch_bytes_of_1000_sketches_ddsketch", 1000),
        one("sketch/ddsketch_bytes_of_10000", "sketch/ddsketch_bytes_of_10000_sketches_ddsketch", 10_000),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Members of full sets, unions and the stored form.
fn sets(size: Size) -> Vec<Measured> {
    let members: Vec<String> = (0..size.units).map(|member| format!("user-{member}")).collect();
    let mut set = Hll::new(LgK::DEFAULT);
    let mut other = HllSketch::new(12, HllType::Hll8).expect("a size it has");
    let insert = measure("sketch/hll_insert", NS_PER_SAMPLE, size.rounds, members.len(), || {
        members.iter().for_each(|member| set.insert(member.as_bytes()));
    });
    let insert_theirs = measure("sketch/hll_insert_datasketches", NS_PER_SAMPLE, size.rounds, members.len(), || {
        members.iter().for_each(|member| other.update(member.as_str()));
    });
    let mut all = set.clone();
    let merge = measure("sketch/hll_merge", US_PER_SKETCH, size.rounds, 100, || {
        (0..100).for_each(|_| all.merge(black_box(&set)));
    });
    let mut union = HllUnion::new(12).expect("a size it has");
    let merge_theirs = measure("sketch/hll_merge_datasketches", US_PER_SKETCH, size.rounds, 100, || {
        (0..100).for_each(|_| union.update(black_box(&other)));
    });
    let mut bytes = Vec::new();
    set.encode(&mut bytes);
    let stored = given("sketch/hll_bytes", BYTES_PER_SKETCH, vec![bytes.len() as f64]);
    vec![insert, insert_theirs, merge, merge_theirs, stored]
}

/// Samples of each timer in an interval.
const SAMPLES: usize = 100;

fn store(rule: &str) -> (TempDir, Arc<SlabStore>) {
    let folder = tempfile::tempdir().expect("a folder");
    let schemas = "[all]\npattern = .*\nretentions = 10s:6h,1m:7d\n";
    let rule = format!("[all]\npattern = .*\n{rule}");
    let rules = Rules::parse(Some((Path::new("schemas"), schemas)), Some((Path::new("aggregation"), &rule)));
    let store = SlabStore::open(folder.path(), rules.expect("rules"), StoreLimits::default(), SyncPolicy::None);
    (folder, Arc::new(store.expect("opened")))
}

/// Intervals of timers with a hundred samples each through ledger and store, tallying left out.
fn flushes(name: &'static str, size: Size, rule: &str) -> (TempDir, Arc<SlabStore>, Measured) {
    let (folder, store) = store(rule);
    let values = latencies(size.names * SAMPLES);
    let mut ledger = Ledger::new(&statsd_agent::Config::default());
    let mut shard = ledger.shard();
    let counters = Counters::default();
    let mut outlet = Outlet::new(None, Some(StoreOut::new(Arc::clone(&store) as Arc<dyn Store>)));
    let mut at = 1_700_000_000;
    let mut spent = Vec::new();
    for _ in 0..=size.rounds {
        for (i, value) in values.iter().enumerate() {
            shard.receive(format!("app.host{}.time:{value:.2}|ms", i / SAMPLES).as_bytes(), 1);
        }
        ledger.absorb(&mut [shard.take(ledger.table())]);
        at += 10;
        spent.push(measure(name, US_PER_SKETCH, 1, size.names, || {
            ledger.flush(at, &mut outlet, &counters, || 0);
        }));
    }
    // The first makes the series.
    let least = spent.into_iter().skip(1).min_by(|one, other| one.least.total_cmp(&other.least));
    (folder, store, least.expect("a round"))
}

/// Timers as sketches beside the same as statistics; and what an hour of sketches takes when it is sealed.
fn stored(size: Size) -> Vec<Measured> {
    let (.., statistics) = flushes("sketch/flush_timer_as_statistics", size, "");
    let (.., sketches) = flushes("sketch/flush_timer_as_sketch", size, "sketch = ddsketch\n");
    let (folder, store) = store("sketch = ddsketch\n");
    let slots = 360;
    let values = latencies(slots * SAMPLES * 10);
    let series: Vec<_> = (0..10).map(|i| store.resolve(&format!("t.n{i}")).expect("resolved")).collect();
    // The slots of one sealed stretch.
    let start = 1_700_000_000 / 3600 * 3600;
    let mut samples = values.chunks(SAMPLES).map(|values| Sketch::Dd(ours(values)));
    for slot in 0..slots as i64 {
        let at = Timestamp(start + slot * 10);
        for (series, sketch) in series.iter().zip(samples.by_ref()) {
            store.write_sketches(at, &[SketchPoint { series: *series, at, sketch: &sketch }]);
        }
    }
    let now = Timestamp(start + 3700);
    store.commit(now).expect("committed");
    let open = measure("sketch/fetch_hour_of_p99_open", US_PER_FETCH, size.rounds, 10, || fetch(&store, now));
    store.upkeep(now).expect("kept");
    let sealed = measure("sketch/fetch_hour_of_p99_sealed", US_PER_FETCH, size.rounds, 10, || fetch(&store, now));
    let bytes = |archive: &str, count: usize| {
        let mut folders = fs::read_dir(folder.path()).expect("listed").map(|entry| entry.expect("listed").path());
        let schema = folders.find(|path| path.is_dir()).expect("a schema");
        let files = fs::read_dir(schema.join(archive)).into_iter().flatten();
        let bytes: u64 = files.map(|file| file.and_then(|file| file.metadata()).map_or(0, |found| found.len())).sum();
        vec![bytes as f64 / count as f64]
    };
    let finest = given("sketch/sealed_bytes_of_100", BYTES_PER_SKETCH, bytes("10s-sketch", slots * 10));
    let minute = given("sketch/sealed_bytes_of_600", BYTES_PER_SKETCH, bytes("60s-sketch", slots / 6 * 10));
    vec![statistics, sketches, open, sealed, finest, minute]
}

fn fetch(store: &SlabStore, now: Timestamp) {
    for i in 0..10 {
        let window = Window { from: Timestamp(now.0 - 3700), until: Timestamp(now.0 - 100) };
        let fetched = store.fetch(&format!("t.n{i}.p99"), window, now).expect("fetched").expect("there");
        assert!(fetched.values.len() >= 360);
    }
}

/// Sketches of timers, then of sets.
pub fn run(size: Size) -> Vec<Measured> {
    let values = latencies(size.units);
    let mut all: Vec<Measured> = inserts(size, &values).into();
    all.extend(work(size, &values));
    all.extend(sizes());
    all.extend(sets(size));
    all.extend(stored(size));
    all
}
