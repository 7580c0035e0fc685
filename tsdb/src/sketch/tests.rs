//! Sketches against exact answers and against other implementations of the same papers.

use super::leaves::leaves_of;
use super::*;
use datasketches::hll::{HllSketch, HllType};
use proptest::prelude::*;
use sketches_ddsketch::{Config, DDSketch};

/// The same numbers at every run.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        (member_hash(&self.0.to_le_bytes()) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Latencies: a long tail over a few decades.
    fn latency(&mut self) -> f64 {
        let normal: f64 = (0..12).map(|_| self.unit()).sum::<f64>() - 6.0;
        (3.0 + 1.2 * normal).exp()
    }
}

fn dd(accuracy: f64, bins: u16) -> DdSketch {
    DdSketch::new(Accuracy::from_ratio(accuracy).unwrap(), BinLimit::new(bins).unwrap())
}

fn of(values: &[f64]) -> DdSketch {
    let mut sketch = dd(0.01, 2048);
    values.iter().for_each(|&value| assert!(sketch.insert(value, 1.0)));
    sketch
}

fn round_trip(sketch: &Sketch) -> usize {
    let mut bytes = Vec::new();
    sketch.encode(&mut bytes);
    assert_eq!(Sketch::decode(&bytes).as_ref(), Some(sketch));
    for end in 0..bytes.len() {
        assert_eq!(Sketch::decode(&bytes[..end]), None, "{end} of {} bytes", bytes.len());
    }
    bytes.push(0);
    assert_eq!(Sketch::decode(&bytes), None, "one byte too many");
    bytes.len() - 1
}

#[track_caller]
fn near(got: f64, exact: f64, error: f64, what: &str) {
    // A part in 10^9 for the rounding of logarithms at a bin's edge.
    let allowed = exact.abs() * (error + 1e-9);
    assert!((got - exact).abs() <= allowed, "{what}: {got}, exactly {exact}");
}

#[test]
fn quantiles_are_within_the_accuracy() {
    let mut random = Random(1);
    for accuracy in [0.002, 0.01, 0.05] {
        for n in [1, 2, 3, 10, 1000, 20_000] {
            let mut values: Vec<f64> = (0..n)
                .map(|i| random.latency() * if i % 5 == 0 { -1.0 } else { 1.0 } * f64::from(i % 7 != 0))
                .collect();
            let mut sketch = dd(accuracy, 8192);
            values.iter().for_each(|&value| assert!(sketch.insert(value, 1.0)));
            values.sort_by(f64::total_cmp);
            for q in [0.0, 0.001, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1.0] {
                let exact = values[(q * f64::from(n - 1)) as usize];
                near(sketch.quantile(q).unwrap(), exact, accuracy, &format!("{q} of {n} at {accuracy}"));
            }
            assert_eq!(sketch.min(), values.first().copied());
            assert_eq!(sketch.max(), values.last().copied());
            round_trip(&Sketch::Dd(sketch));
        }
    }
}

#[test]
fn bins_are_those_of_another_implementation() {
    let (mut random, mut ours, mut theirs) = (Random(2), dd(0.01, 2048), DDSketch::new(Config::defaults()));
    for _ in 0..50_000 {
        let value = random.latency();
        assert!(ours.insert(value, 1.0));
        theirs.add(value);
    }
    for percent in 1..100 {
        let q = f64::from(percent) / 100.0;
        let (ours, theirs) = (ours.quantile(q).unwrap(), theirs.quantile(q).unwrap().unwrap());
        // Equal bins have equal values; their ranks round otherwise, which may be the next bin.
        assert!((ours / theirs - 1.0).abs() < 0.0203, "{q}: {ours}, theirs {theirs}");
    }
    let alike = (1..100).filter(|&percent| {
        let q = f64::from(percent) / 100.0;
        (ours.quantile(q).unwrap() / theirs.quantile(q).unwrap().unwrap() - 1.0).abs() < 1e-12
    });
    assert!(alike.count() >= 95, "most are to the bit");
}

#[test]
fn nothing_but_numbers_is_taken() {
    let mut sketch = of(&[]);
    for (value, weight) in [
        (f64::NAN, 1.0),
        (f64::INFINITY, 1.0),
        (f64::NEG_INFINITY, 1.0),
        (1.0, 0.0),
        (1.0, -1.0),
        (1.0, f64::NAN),
        (1.0, f64::INFINITY),
    ] {
        assert!(!sketch.insert(value, weight), "{value} {weight}");
    }
    assert_eq!((sketch.samples(), sketch.quantile(0.5), sketch.min()), (0, None, None));
    assert_eq!(sketch, of(&[]));
    for value in [f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, -5e-324, 0.0, -0.0, 1e300] {
        assert!(sketch.insert(value, 1e300));
    }
    assert!(sketch.sum().is_finite() && sketch.sum_squares().is_finite() && sketch.weight().is_finite());
    assert_eq!(sketch.quantile(-0.1), None);
    assert_eq!(sketch.quantile(f64::NAN), None);
    round_trip(&Sketch::Dd(sketch));
}

#[test]
fn beyond_the_limit_the_lowest_bins_are_joined_in_any_order() {
    let mut values: Vec<f64> = (0..2000).map(|i| 1.01f64.powi(i)).collect();
    let fill = |values: &[f64]| {
        let mut sketch = dd(0.01, 64);
        values.iter().for_each(|&value| assert!(sketch.insert(value, 1.0)));
        sketch
    };
    let up = fill(&values);
    values.reverse();
    let down = fill(&values);
    values.sort_by_key(|value| value.to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mixed = fill(&values);
    assert!(up.bins() <= 64);
    let close = |a: &DdSketch, b: &DdSketch| a.positive == b.positive && a.min() == b.min() && a.max() == b.max();
    assert!(close(&up, &down) && close(&up, &mixed));
    near(up.quantile(0.99).unwrap(), 1.01f64.powi(1979), 0.01, "the highest stay accurate");
    let mut wide = dd(0.01, 8192);
    values.iter().for_each(|&value| assert!(wide.insert(value, 1.0)));
    let mut merged = dd(0.01, 64);
    merged.merge(&wide).unwrap();
    assert!(close(&merged, &up), "a merge joins alike");
    // Halves that end far from each other.
    values.sort_by(f64::total_cmp);
    let (low, high) = (fill(&values[..1000]), fill(&values[1000..]));
    for (mut one, other) in [(low.clone(), &high), (high.clone(), &low)] {
        one.merge(other).unwrap();
        assert!(close(&one, &up));
    }
}

#[test]
fn merging_is_inserting() {
    let mut random = Random(3);
    let values: Vec<f64> = (0..5000).map(|i| (random.latency().floor() - 3.0) * f64::from(1 + i % 3)).collect();
    let whole = of(&values);
    for parts in [2, 7, 100] {
        let mut merged = of(&[]);
        values.chunks(values.len() / parts).for_each(|part| merged.merge(&of(part)).unwrap());
        assert_eq!(merged, whole, "whole numbers add up alike in any order");
    }
    let mut other = Sketch::Dd(dd(0.02, 2048));
    let error = other.merge(&Sketch::Dd(whole.clone())).unwrap_err();
    assert_eq!(error.to_string(), "a sketch of accuracy 0.01 cannot be merged into one of accuracy 0.02");
    assert_eq!(other, Sketch::Dd(dd(0.02, 2048)), "nothing is changed");
    assert_eq!(other.merge(&Sketch::Hll(Hll::new(LgK::DEFAULT))), Err(Unmergeable::Kind));
    let mut cleared = whole;
    cleared.clear();
    assert_eq!(cleared, of(&[]));
    values.iter().for_each(|&value| assert!(cleared.insert(value, 1.0)));
    assert_eq!(cleared, of(&values));
}

#[test]
fn stored_sizes_are_compact() {
    let mut random = Random(4);
    // Tenths of milliseconds, and all the bits that a double has.
    for (n, tenths_max, full_max) in [(1, 12, 18), (10, 40, 60), (100, 165, 180), (1000, 335, 360), (10_000, 420, 475)]
    {
        let values: Vec<f64> = (0..n).map(|_| random.latency()).collect();
        let full = round_trip(&Sketch::Dd(of(&values)));
        let tenths: Vec<f64> = values.iter().map(|value| (value * 10.0).round() / 10.0).collect();
        let tenths = round_trip(&Sketch::Dd(of(&tenths)));
        println!("{n} values: {} bins, {full} B, in tenths {tenths} B", of(&values).bins());
        assert!(tenths <= tenths_max && full <= full_max, "{n}: {tenths} {full}");
    }
}

#[test]
fn weights_count_and_share() {
    let mut sketch = dd(0.01, 2048);
    (0..3).for_each(|_| assert!(sketch.insert(7.0, 1.0 / 0.3)));
    assert_eq!(sketch.weight(), 10.0, "as statsd counts");
    assert_eq!((sketch.samples(), sketch.sum()), (3, 21.0), "as statsd adds");
    round_trip(&Sketch::Dd(sketch));
    // One in ten was sent of the slow, all of the fast: by weight half are slow.
    let mut mixed = dd(0.01, 2048);
    (0..100).for_each(|_| assert!(mixed.insert(1.0, 1.0)));
    (0..10).for_each(|_| assert!(mixed.insert(100.0, 10.0)));
    near(mixed.quantile(0.45).unwrap(), 1.0, 0.01, "the fast half");
    near(mixed.quantile(0.55).unwrap(), 100.0, 0.01, "the slow half");
    round_trip(&Sketch::Dd(mixed));
}

/// The statistics of values that all weigh one, with statsd's definitions, by name.
fn exactly(sorted: &[f64], percentiles: &[f64], secs: f64) -> Vec<(String, f64)> {
    let (n, sum) = (sorted.len(), sorted.iter().sum::<f64>());
    let mean = sum / n as f64;
    let squares = |values: &[f64]| values.iter().map(|value| value * value).sum::<f64>();
    let std = (sorted.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n as f64).sqrt();
    let median = if n % 2 == 1 { sorted[n / 2] } else { (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0 };
    let mut all: Vec<(String, f64)> = [
        ("count", n as f64),
        ("count_ps", n as f64 / secs),
        ("sum", sum),
        ("sum_squares", squares(sorted)),
        ("mean", mean),
        ("median", median),
        ("std", std),
        ("lower", sorted[0]),
        ("upper", sorted[n - 1]),
        ("min", sorted[0]),
        ("max", sorted[n - 1]),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    for percent in percentiles {
        let taken = if n == 1 { 1 } else { ((percent.abs() / 100.0 * n as f64).round() as usize).min(n) };
        let suffix = percent.to_string().replacen('.', "_", 1).replacen('-', "top", 1);
        if taken == 0 {
            continue;
        }
        let (part, bound) = match *percent > 0.0 {
            true => (&sorted[..taken], format!("upper_{suffix}")),
            false => (&sorted[n - taken..], format!("lower_{suffix}")),
        };
        all.push((bound, if *percent > 0.0 { part[taken - 1] } else { part[0] }));
        all.push((format!("count_{suffix}"), taken as f64));
        all.push((format!("sum_{suffix}"), part.iter().sum()));
        all.push((format!("mean_{suffix}"), part.iter().sum::<f64>() / taken as f64));
        all.push((format!("sum_squares_{suffix}"), squares(part)));
    }
    all
}

#[test]
fn leaves_are_statsds_statistics() {
    let percentiles = [90.0, 99.9, 50.0, 12.5, 100.0, -10.0, -100.0, -0.5];
    let named: Vec<Percentile> = percentiles.iter().map(|p| Percentile::parse(&p.to_string()).unwrap()).collect();
    let mut random = Random(5);
    for n in [1, 2, 3, 10, 99, 100, 1000, 5000] {
        let mut values: Vec<f64> = (0..n).map(|_| (random.latency() * 10.0).round() / 10.0).collect();
        let sketch = Sketch::Dd(of(&values));
        values.sort_by(f64::total_cmp);
        let exact = exactly(&values, &percentiles, 10.0);
        let listed = leaves_of(sketch.kind().family(), &named);
        for (name, exact) in &exact {
            let leaf = Leaf::parse(name).unwrap_or_else(|| panic!("{name} is no leaf"));
            assert_eq!(leaf.to_string(), *name);
            assert!(listed.contains(&leaf), "{name} is not listed");
            let error = match name.as_str() {
                "median" => 0.01,
                name if name.starts_with("sum_squares_") => 0.0201,
                name if name.starts_with("count") || !name.contains(|c: char| c.is_ascii_digit()) => 0.0,
                _ => 0.01,
            };
            near(leaf.value(&sketch, 10.0).unwrap(), *exact, error, &format!("{name} of {n}"));
        }
        for leaf in listed {
            let known = exact.iter().any(|(name, _)| *name == leaf.to_string()) || matches!(leaf, Leaf::Quantile(_));
            assert!(known || leaf.value(&sketch, 10.0).is_none(), "{leaf} of {n}");
        }
    }
}

#[test]
fn leaves_have_one_name() {
    let quantile = |name: &str, q: f64| {
        let values: Vec<f64> = (1..=10_001).map(f64::from).collect();
        let leaf = Leaf::parse(name).unwrap();
        assert_eq!(leaf.to_string(), name);
        near(leaf.value(&Sketch::Dd(of(&values)), 1.0).unwrap(), 1.0 + (q * 10_000.0).floor(), 0.01, name);
    };
    for (name, q) in [
        ("p0", 0.0),
        ("p5", 0.05),
        ("p50", 0.5),
        ("p10", 0.1),
        ("p999", 0.999),
        ("p9999", 0.9999),
        ("p001", 0.001),
        ("p055", 0.055),
        ("p100", 1.0),
    ] {
        quantile(name, q);
    }
    let no_leaves = "p p990 p00 p05 p1000 p-1 p5_5 p123456789 P50 upper_ upper_090 upper_90_0 upper_top10 lower_90 upper_0 count_top0 count_1000 mean_top count_9.5 std_90 counts upper_90_1234567";
    for name in std::iter::once("").chain(no_leaves.split(' ')) {
        assert_eq!(Leaf::parse(name), None, "{name}");
    }
    assert_eq!(Leaf::parse("lower_0").map(|leaf| leaf.value(&Sketch::Dd(of(&[7.0])), 1.0)), Some(Some(7.0)));
    let empty = Sketch::Dd(of(&[]));
    let worth: Vec<_> =
        leaves_of(empty.kind().family(), &[]).iter().filter_map(|leaf| leaf.value(&empty, 10.0)).collect();
    assert_eq!(worth, [0.0, 0.0], "count and count_ps, as of an idle timer");
    let mut set = Hll::new(LgK::DEFAULT);
    set.insert(b"a");
    let set = Sketch::Hll(set);
    let names: Vec<_> =
        leaves_of(set.kind().family(), &[Percentile::parse("90").unwrap()]).iter().map(Leaf::to_string).collect();
    assert_eq!(names, ["count", "uniques"]);
    for name in ["count", "uniques"] {
        assert_eq!(Leaf::parse(name).unwrap().value(&set, 10.0), Some(1.0));
    }
    assert_eq!(Leaf::parse("p50").unwrap().value(&set, 10.0), None);
}

fn hll(lg_k: u8, members: std::ops::Range<u64>) -> Hll {
    let mut set = Hll::new(LgK::new(lg_k).unwrap());
    members.for_each(|member| set.insert(format!("user-{member}").as_bytes()));
    set
}

#[test]
fn few_members_are_counted_exactly() {
    for n in [0, 1, 2, 5, 20, 100, 500] {
        let mut set = hll(12, 0..n);
        (0..n).for_each(|member| set.insert(format!("user-{member}").as_bytes()));
        assert_eq!(set.estimate(), n as f64);
        let bytes = round_trip(&Sketch::Hll(set));
        assert!(bytes <= 5 + 5 * n as usize, "{bytes} bytes for {n}");
    }
}

#[test]
fn many_members_are_estimated_within_the_error() {
    // Twenty sets of each size: the root of the mean square is what the error promises, and none is far off.
    for (lg_k, sizes) in [(4, &[10, 1000][..]), (10, &[100, 1000, 10_000]), (12, &[1000, 3000, 10_000, 20_000])] {
        let promised = 1.04 / f64::from(1 << lg_k).sqrt();
        for &n in sizes {
            let errors = (0..20).map(|set| hll(lg_k, set * n..(set + 1) * n).estimate() / n as f64 - 1.0);
            let errors: Vec<f64> = errors.collect();
            let rms = (errors.iter().map(|error| error * error).sum::<f64>() / 20.0).sqrt();
            assert!(rms < 1.5 * promised, "{n} at {lg_k}: {rms}, promised {promised}");
            assert!(errors.iter().all(|error| error.abs() < 4.0 * promised), "{n} at {lg_k}: {errors:?}");
        }
    }
}

#[test]
fn a_set_grows_from_ten_to_a_million_beside_another_implementation() {
    let mut ours = Hll::new(LgK::DEFAULT);
    let mut theirs = HllSketch::new(12, HllType::Hll8).unwrap();
    let mut from = 0u64;
    for n in [10, 100, 1000, 10_000, 100_000, 1_000_000u64] {
        for member in from..n {
            ours.insert(&member.to_le_bytes());
            theirs.update(member);
        }
        from = n;
        let error = |estimate: f64| (estimate / n as f64 - 1.0).abs();
        println!("{n}: ours {:.5}, theirs {:.5}", error(ours.estimate()), error(theirs.estimate()));
        assert!(error(ours.estimate()) < 2.0 * 1.04 / 64.0, "{n}: {}", ours.estimate());
        let bytes = round_trip_of_set(&ours);
        assert!(bytes <= 2100, "{bytes}");
    }
}

fn round_trip_of_set(set: &Hll) -> usize {
    let mut bytes = Vec::new();
    set.encode(&mut bytes);
    assert_eq!(Hll::decode(&bytes).as_ref(), Some(set));
    bytes.len()
}

#[test]
fn sets_merge_without_loss_also_of_two_sizes() {
    for n in [3, 100, 600, 1200, 30_000] {
        for (ours, theirs) in [(12, 12), (12, 9), (9, 12), (4, 18), (18, 4)] {
            let mut merged = hll(ours, 0..n);
            merged.merge(&hll(theirs, n / 2..2 * n));
            let expected = hll(ours.min(theirs), 0..2 * n);
            // What was folded has registers where the other still counts members.
            merged.registers();
            let mut expected = expected;
            expected.registers();
            assert_eq!(merged, expected, "{n} at {ours} and {theirs}");
        }
    }
}

#[test]
fn what_is_stored_stays_readable() {
    // These bytes are on disks: a change of either form or of the hash is a new version.
    let mut bytes = Vec::new();
    let mut sketch = of(&[10.0, 20.0, 20.0, -5.5]);
    assert!(sketch.insert(0.0, 1.0));
    sketch.encode(&mut bytes);
    let mut set = Hll::new(LgK::DEFAULT);
    ["a", "b", "c"].iter().for_each(|member| set.insert(member.as_bytes()));
    let at = bytes.len();
    set.encode(&mut bytes);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(&bytes[..at]), "01013812326d28fa06c2ad0b01e60122032104aa010002");
    assert_eq!(hex(&bytes[at..]), "01028c0381d594c207c3cdd6dc02fde6cff302");
}

fn any_dd() -> impl Strategy<Value = Sketch> {
    let value = prop_oneof![
        -1e3..1e3f64,
        any::<f64>().prop_filter("finite", |value| value.is_finite()),
        Just(0.0),
        (0i32..5000).prop_map(|n| f64::from(n) / 10.0)
    ];
    let weight = prop_oneof![4 => Just(1.0), 1 => Just(10.0), 1 => Just(1.0 / 0.3), 1 => 1e-9..1e9f64];
    (prop::collection::vec((value, weight), 0..80), 1u32..2000, 64u16..8192).prop_map(|(samples, accuracy, bins)| {
        let mut sketch =
            DdSketch::new(Accuracy::from_millionths(accuracy * 100).unwrap(), BinLimit::new(bins).unwrap());
        samples.iter().for_each(|&(value, weight)| assert!(sketch.insert(value, weight)));
        Sketch::Dd(sketch)
    })
}

fn any_hll() -> impl Strategy<Value = Sketch> {
    (prop::collection::vec(any::<u64>(), 0..200), 4u8..=18).prop_map(|(hashes, lg_k)| {
        let mut set = Hll::new(LgK::new(lg_k).unwrap());
        // Some with long runs of zeros.
        hashes.iter().for_each(|&hash| set.insert_hash(if hash % 3 == 0 { hash << (hash % 64) } else { hash }));
        Sketch::Hll(set)
    })
}

proptest! {
    #[test]
    fn any_sketch_is_read_as_it_was_written(sketch in prop_oneof![any_dd(), any_hll()]) {
        let mut bytes = Vec::new();
        sketch.encode(&mut bytes);
        prop_assert_eq!(Sketch::decode(&bytes), Some(sketch));
    }

    #[test]
    fn any_bytes_are_nothing_or_a_sketch(mut bytes in prop::collection::vec(any::<u8>(), 0..60), kind in 1u8..=2, flags in 0u8..64) {
        if bytes.len() > 3 {
            bytes[..3].copy_from_slice(&[1, kind, if kind == 1 { flags } else { 0x80 | (4 + flags % 15) }]);
        }
        survives(&bytes);
    }

    #[test]
    fn a_changed_byte_is_nothing_or_a_sketch(sketch in prop_oneof![any_dd(), any_hll()], at in any::<prop::sample::Index>(), byte: u8) {
        let mut bytes = Vec::new();
        sketch.encode(&mut bytes);
        *at.get_mut(&mut bytes) = byte;
        survives(&bytes);
    }

    #[test]
    fn sketches_merge_in_any_order(a in any_dd(), b in any_dd()) {
        let (Sketch::Dd(a), Sketch::Dd(b)) = (a, b) else { unreachable!() };
        let whole = |sketches: [&DdSketch; 2]| {
            let mut merged = DdSketch::new(a.accuracy(), a.bin_limit());
            sketches.iter().for_each(|sketch| {
                if merged.accuracy() == sketch.accuracy() {
                    merged.merge(sketch).unwrap();
                }
            });
            (merged.positive, merged.negative, merged.zero)
        };
        prop_assert_eq!(whole([&a, &b]), whole([&b, &a]));
    }
}

/// Whatever is read answers every question, merges with itself and is written and read again.
fn survives(bytes: &[u8]) {
    let Some(sketch) = Sketch::decode(bytes) else { return };
    let percentiles = ["90", "99.9", "-10", "0"].map(|text| Percentile::parse(text).unwrap());
    for leaf in leaves_of(sketch.kind().family(), &percentiles) {
        assert!(leaf.value(&sketch, 10.0).is_none_or(f64::is_finite), "{leaf}");
    }
    let mut again = Vec::new();
    sketch.encode(&mut again);
    assert_eq!(Sketch::decode(&again).as_ref(), Some(&sketch));
    let mut twice = sketch.clone();
    twice.merge(&sketch).unwrap();
    let mut bytes = Vec::new();
    twice.encode(&mut bytes);
    assert_eq!(Sketch::decode(&bytes), Some(twice));
}
