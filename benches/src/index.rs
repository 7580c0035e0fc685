//! The index of a slab store: a million names made, shown, written and read back; patterns and tags asked of them; and what a
//! series costs in memory.

use crate::Size;
use crate::measure::{BYTES_PER_SERIES, MS_PER_REQUEST, Measured, NS_PER_SERIES, given, measure};
use std::path::PathBuf;
use tempfile::TempDir;
use tsdb::SeriesId;
use tsdb::index::{Bounds, Index, TagExpression};

const BOUNDS: Bounds = Bounds { expansions: 10_000, nodes: 2_000_000 };
/// Metrics of a device, and devices of a ward.
const METRICS: usize = 50;
const DEVICES: usize = 200;

/// Names of 40 bytes as monitors send them, or the same with tags.
fn names(count: usize, tagged: bool) -> Vec<String> {
    let name = |i: usize| {
        let (metric, device) = (i % METRICS, i / METRICS);
        let ward = device / DEVICES;
        match tagged {
            true => format!("vital.m{metric:02};device=d{device:06};ward=w{ward:04}"),
            false => format!("hospital.ward{ward:04}.dev{device:06}.vital.m{metric:02}.avg"),
        }
    };
    (0..count).map(name).collect()
}

fn resolved(names: &[String]) -> (Index, Vec<SeriesId>) {
    let index = Index::new(u32::MAX, BOUNDS);
    let ids = names.iter().map(|name| index.resolve(name).expect("room")).collect();
    (index, ids)
}

fn checkpointed(names: &[String]) -> (TempDir, PathBuf, Index) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("names.fst");
    let (index, ids) = resolved(names);
    index.show_all(&ids);
    index.checkpoint(&path).expect("written");
    (folder, path, index)
}

/// Bytes of the process that are in memory; 0 where the system does not say.
fn resident_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok()).map_or(0.0, |kib| kib * 1024.0)
}

/// What `make` keeps in memory. Several are made, because the first ones take what the process had given back to the
/// allocator.
fn memory(name: &'static str, names: &[String], make: impl Fn() -> Index) -> Measured {
    let mut kept = Vec::new();
    let mut most = 0.0f64;
    for _ in 0..5 {
        let before = resident_bytes();
        kept.push(make());
        most = most.max(resident_bytes() - before);
    }
    given(name, BYTES_PER_SERIES, vec![most / names.len() as f64])
}

/// After a start: names resolved, checkpoint attached.
fn attached(name: &'static str, names: &[String]) -> Measured {
    let (_folder, path, _index) = checkpointed(names);
    memory(name, names, || {
        let (index, _) = resolved(names);
        assert!(index.attach(&path).expect("read"));
        index
    })
}

/// All names shown, and no checkpoint made.
fn shown(name: &'static str, names: &[String]) -> Measured {
    memory(name, names, || {
        let (index, ids) = resolved(names);
        index.show_all(&ids);
        index
    })
}

fn life(size: Size, names: &[String]) -> Vec<Measured> {
    let rounds = size.rounds.min(5);
    let (_folder, path, index) = checkpointed(names);
    let known = measure("index/resolve_known", NS_PER_SERIES, rounds, names.len(), || {
        assert!(names.iter().all(|name| index.resolve(name).is_ok()));
    });
    let new = measure("index/resolve_new", NS_PER_SERIES, rounds, names.len(), || drop(resolved(names)));
    let restart = measure("index/resolve_new_and_attach", NS_PER_SERIES, rounds, names.len(), || {
        assert!(resolved(names).0.attach(&path).expect("read"));
    });
    let written = measure("index/checkpoint", NS_PER_SERIES, rounds, names.len(), || {
        index.checkpoint(&path).expect("written");
    });
    let mut made = 0;
    let count = names.len() / 10;
    let fresh: Vec<Vec<SeriesId>> = (0..rounds)
        .map(|round| (0..count).map(|i| format!("hospital.new{round}.dev{i:06}.vital.m00.avg")).collect::<Vec<_>>())
        .map(|names| names.iter().map(|name| index.resolve(name).expect("room")).collect())
        .collect();
    let shown = measure("index/show_all_new", NS_PER_SERIES, rounds, count, || {
        index.show_all(&fresh[made]);
        made += 1;
    });
    vec![known, new, restart, written, shown]
}

fn patterns(size: Size, names: &[String]) -> Vec<Measured> {
    let (_folder, _path, index) = checkpointed(names);
    let hidden: Vec<SeriesId> = names.iter().step_by(1000).filter_map(|name| index.known(name)).collect();
    index.hide_all(&hidden);
    let asked = [
        ("index/find_one_device", "hospital.*.dev000001.vital.*.avg"),
        ("index/find_1000_of_five_wards", "hospital.ward000[0-4].*.vital.m17.*"),
        ("index/find_devices_by_start", "hospital.*.dev0000*"),
        ("index/find_20000_in_all_wards", "hospital.*.*.vital.m17.avg"),
    ];
    let ask = |(name, pattern)| {
        measure(name, MS_PER_REQUEST, size.rounds, 1, || {
            assert!(!index.find(pattern).expect("within bounds").is_empty());
        })
    };
    asked.into_iter().map(ask).collect()
}

fn tags(size: Size, names: &[String]) -> Vec<Measured> {
    let (_folder, path, index) = checkpointed(names);
    let parsed = |texts: &[&str]| -> Vec<TagExpression> {
        texts.iter().map(|text| TagExpression::parse(text).expect("an expression")).collect()
    };
    let request = |name, mut ask: Box<dyn FnMut() -> Vec<String> + '_>| {
        measure(name, MS_PER_REQUEST, size.rounds, 1, || assert!(!ask().is_empty()))
    };
    let index = &index;
    let (ward, one, like) = (
        parsed(&["ward=w0000", "name=~vital.m0"]),
        parsed(&["device=d000001"]),
        parsed(&["name=vital.m17", "device=~d0000[0-4]", "ward!=w0009"]),
    );
    let mut all = vec![
        request("index/tag_names", Box::new(|| index.tag_names(&[], "", 100).expect("asked"))),
        request("index/tag_names_of_a_ward", Box::new(|| index.tag_names(&ward, "d", 100).expect("asked"))),
        request("index/tag_values", Box::new(|| index.tag_values("device", &[], "d0000", 100).expect("asked"))),
        request("index/tag_values_of_a_ward", Box::new(|| index.tag_values("device", &ward, "", 100).expect("asked"))),
        request("index/tag_values_of_a_device", Box::new(|| index.tag_values("name", &one, "", 100).expect("asked"))),
        request("index/tagged_by_pattern", Box::new(|| index.tagged(&like).expect("asked"))),
    ];
    all.push(measure("index/attach_tagged", NS_PER_SERIES, size.rounds.min(5), names.len(), || {
        assert!(resolved(names).0.attach(&path).expect("read"));
    }));
    all
}

/// A million series at full size, plain and tagged.
pub fn run(size: Size) -> Vec<Measured> {
    let count = size.units * 5;
    let (plain, tagged) = (names(count, false), names(count, true));
    let mut all = vec![attached("index/bytes", &plain), attached("index/bytes_tagged", &tagged)];
    all.push(shown("index/bytes_before_checkpoint", &plain));
    all.extend(life(size, &plain));
    all.extend(patterns(size, &plain));
    all.extend(tags(size, &tagged));
    all
}
