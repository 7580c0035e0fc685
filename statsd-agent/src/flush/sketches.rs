//! The interval's timers and sets as sketches, where the store keeps such instead of statistics.

use super::book::Book;
use super::naming::Naming;
use super::outlet::Outlet;
use crate::wire::Kind;
use std::collections::HashMap;
use tsdb::sketch::{DdSketch, Hll, Sketch};
use tsdb::{SeriesId, SketchKind};

/// What a timer's samples, which weigh so much together, are kept as. `None` where the rules ask for a sketch of members: a
/// timer has none.
pub(crate) fn of_timer(kept: (SeriesId, SketchKind), values: &[f64], weight: f64) -> Option<(SeriesId, Sketch)> {
    let (stored, SketchKind::Dd { accuracy, bins }) = kept else { return None };
    let mut sketch = DdSketch::new(accuracy, bins);
    let extremes = values.iter().fold((f64::INFINITY, 0.0f64), |(least, greatest), &value| {
        (if value > 0.0 { value.min(least) } else { least }, value.max(greatest))
    });
    sketch.expect(extremes.0, extremes.1);
    // Which sample was sent at which rate is not kept: all weigh alike, and the sum is that of the rates.
    let each = weight / values.len() as f64;
    for &value in values {
        sketch.insert(value, each);
    }
    Some((stored, Sketch::Dd(sketch)))
}

/// The sets that are kept as sketches, by their series in the book.
pub(crate) fn of_sets(book: &mut Book, naming: &Naming, outlet: &mut Outlet) -> HashMap<u32, (SeriesId, Hll)> {
    let mut sketched = HashMap::new();
    let ids: Vec<u32> = book.live(Kind::Set).collect();
    for id in ids {
        if let Some((stored, SketchKind::Hll { lg_k })) = outlet.sketching(naming, &mut book.series[id as usize]) {
            sketched.insert(id, (stored, Hll::new(lg_k)));
        }
    }
    if sketched.is_empty() {
        return sketched;
    }
    for (id, hash) in book.member_hashes() {
        if let Some((_, set)) = sketched.get_mut(&id) {
            set.insert_hash(hash);
        }
    }
    sketched
}
