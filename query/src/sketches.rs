//! Series that were computed from sketches, with these at hand: wherever several of their values become one, the sketches are
//! merged and asked again, so that a quantile is that of all samples and never a mean of quantiles.

use crate::aggregation::Quantile;
use crate::series::Series;
use crate::source::FetchedSketches;
use std::sync::Arc;
use tsdb::sketch::leaves::Whole;
use tsdb::sketch::{Leaf, Sketch, Unmergeable};
use tsdb::{GAP, Step, Timestamp};

/// The stored sketches of a series, one a value, and which number of each the values are.
#[derive(Clone, Debug)]
pub struct Sketches {
    stored: Arc<[Option<Vec<u8>>]>,
    leaf: Leaf,
}

impl Sketches {
    /// Those that a leaf is computed from; `None` for another name.
    pub(crate) fn of_leaf(name: &str, fetched: FetchedSketches) -> Option<Sketches> {
        let metric = name.split(';').next().unwrap_or(name);
        let leaf = metric.rsplit('.').next().and_then(Leaf::parse)?;
        Some(Sketches { stored: fetched.stored.into(), leaf })
    }

    /// Those of a series of sketches, asked for their count.
    pub(crate) fn of_series(fetched: FetchedSketches) -> Sketches {
        Sketches { stored: fetched.stored.into(), leaf: Leaf::Whole(Whole::Count) }
    }

    /// The same, asked for another number.
    pub fn leaf(self, leaf: Leaf) -> Sketches {
        Sketches { leaf, ..self }
    }

    /// The same, asked for a quantile. `None` of sets.
    pub fn quantile(self, quantile: Quantile) -> Option<Sketches> {
        let first = self.stored.iter().flatten().find_map(|stored| Sketch::decode(stored))?;
        let leaf = Leaf::quantile(quantile.share()).filter(|leaf| leaf.is_of(first.kind().family()))?;
        Some(self.leaf(leaf))
    }

    /// The number that `count` values from `first` on have together.
    pub fn value(&self, first: usize, count: usize, step: Step) -> f64 {
        let secs = f64::from(step.secs()) * count as f64;
        let merged = self.merged(None, first, count).ok().flatten();
        merged.and_then(|sketch| self.leaf.value(&sketch, secs)).unwrap_or(GAP)
    }

    /// The number of each.
    pub(crate) fn values(&self, step: Step) -> Vec<f64> {
        (0..self.stored.len()).map(|at| self.value(at, 1, step)).collect()
    }

    /// Merges some sketches into one, or makes one of them.
    fn merged(&self, mut all: Option<Sketch>, first: usize, count: usize) -> Result<Option<Sketch>, Unmergeable> {
        let slots = self.stored.iter().skip(first).take(count).flatten();
        for sketch in slots.filter_map(|stored| Sketch::decode(stored)) {
            match &mut all {
                Some(all) => all.merge_coarsely(&sketch)?,
                None => all = Some(sketch),
            }
        }
        Ok(all)
    }
}

/// The samples of all series, at a common step; groups are counted from each series' first value, as values are combined.
/// `None` where a series has no sketches.
///
/// # Errors
/// Some are of values and some of members.
pub(crate) fn merge(
    series: &[&Series],
    (start, end, step): (Timestamp, Timestamp, Step),
) -> Result<Option<Sketches>, Unmergeable> {
    let Some(sketches) = series.iter().map(|series| series.sketches.as_ref()).collect::<Option<Vec<_>>>() else {
        return Ok(None);
    };
    let Some(leaf) = sketches.first().map(|sketches| sketches.leaf) else { return Ok(None) };
    let slots = usize::try_from((end - start).div_euclid(i64::from(step.secs()))).unwrap_or(0);
    let mut stored = Vec::with_capacity(slots);
    for at in 0..slots {
        let mut all = None;
        for (series, sketches) in series.iter().zip(&sketches) {
            let size = (step.secs() / series.step.secs()).max(1) as usize;
            all = sketches.merged(all, at * size, size)?;
        }
        stored.push(all.map(|sketch| {
            let mut bytes = Vec::new();
            sketch.encode(&mut bytes);
            bytes
        }));
    }
    Ok(Some(Sketches { stored: stored.into(), leaf }))
}
