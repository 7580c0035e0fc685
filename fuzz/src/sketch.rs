//! A stored sketch: any bytes are nothing or a sketch, which answers every leaf, merges and is read again as it was written.

use tsdb::sketch::{Percentile, Sketch, leaves_of};

/// Reads the bytes as a sketch and does everything with it.
pub fn run(bytes: &[u8]) {
    let Some(sketch) = Sketch::decode(bytes) else { return };
    let percentiles: Vec<_> = ["90", "99.9", "-10", "0"].iter().filter_map(|text| Percentile::parse(text)).collect();
    for leaf in leaves_of(sketch.kind().family(), &percentiles) {
        assert!(leaf.value(&sketch, 10.0).is_none_or(f64::is_finite), "{leaf}");
    }
    let mut merged = sketch.clone();
    merged.merge(&sketch).expect("alike");
    for sketch in [sketch, merged] {
        let mut stored = Vec::new();
        sketch.encode(&mut stored);
        assert_eq!(Sketch::decode(&stored).as_ref(), Some(&sketch), "read as written");
    }
}
