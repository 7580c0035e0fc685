//! Sketches of timers and sets beside the packages that do the same: a sample, a merge, a quantile, the stored form.

use crate::Size;
use crate::measure::{BYTES_PER_SKETCH, Measured, NS_PER_SAMPLE, US_PER_SKETCH, given, measure};
use datasketches::hll::{HllSketch, HllType, HllUnion};
use sketches_ddsketch::{Config, DDSketch};
use std::hint::black_box;
use tsdb::sketch::{Accuracy, BinLimit, DdSketch, Hll, LgK, Sketch};

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

/// Sketches of timers, then of sets.
pub fn run(size: Size) -> Vec<Measured> {
    let values = latencies(size.units);
    let mut all: Vec<Measured> = inserts(size, &values).into();
    all.extend(work(size, &values));
    all.extend(sizes());
    all.extend(sets(size));
    all
}
