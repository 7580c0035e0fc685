//! Series that were computed from sketches, with these at hand: wherever several of their values become one, the sketches are
//! merged and asked again, so that a quantile is that of all samples and never a mean of quantiles.

use crate::aggregation::Quantile;
use crate::error::Fault;
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

    /// The numbers that each of the windows of so many values has together, from the value `first` on. Two neighbouring blocks
    /// as long as a window are merged from their common border, so that it costs a few merges a value; what waits for the
    /// next block is counted with `spend`, in points of eight bytes.
    ///
    /// # Errors
    /// Those of `spend`.
    pub(crate) fn windows(
        &self,
        first: usize,
        points: usize,
        step: Step,
        mut spend: impl FnMut(usize) -> Result<(), Fault>,
    ) -> Result<Vec<f64>, Fault> {
        let secs = f64::from(step.secs()) * points as f64;
        let number = |merged: Option<&Sketch>| merged.and_then(|all| self.leaf.value(all, secs)).unwrap_or(GAP);
        let slots = self.stored.get(first..).unwrap_or_default();
        let mut numbers = Vec::with_capacity((slots.len() + 1).saturating_sub(points));
        let mut since: Vec<Option<Vec<u8>>> = Vec::new();
        for block in slots.chunks(points) {
            let mut until = None;
            for (at, stored) in block.iter().enumerate() {
                until = with(until, stored.as_deref());
                match since.get(at + 1) {
                    _ if at + 1 == points => numbers.push(number(until.as_ref())),
                    Some(since) => numbers.push(number(with(until.clone(), since.as_deref()).as_ref())),
                    // In the first block no window has ended yet.
                    None => {}
                }
            }
            since.clear();
            let mut running = None;
            for stored in block.iter().rev() {
                running = with(running, stored.as_deref());
                let bytes = running.as_ref().map(encoded);
                spend(bytes.as_ref().map_or(0, Vec::len).div_ceil(8))?;
                since.push(bytes);
            }
            since.reverse();
        }
        Ok(numbers)
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
        stored.push(all.as_ref().map(encoded));
    }
    Ok(Some(Sketches { stored: stored.into(), leaf }))
}

/// Of another kind, which a changed rule leaves behind, the samples cannot be joined: they are left out.
fn with(all: Option<Sketch>, stored: Option<&[u8]>) -> Option<Sketch> {
    let sketch = stored.and_then(Sketch::decode);
    match (all, sketch) {
        (Some(mut all), Some(sketch)) => {
            let _ = all.merge_coarsely(&sketch);
            Some(all)
        }
        (all, sketch) => all.or(sketch),
    }
}

fn encoded(sketch: &Sketch) -> Vec<u8> {
    let mut bytes = Vec::new();
    sketch.encode(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use tsdb::sketch::{Accuracy, BinLimit, DdSketch};

    #[test]
    fn a_window_has_the_number_of_its_sketches_merged() {
        let slot = |at: u32| {
            let mut sketch = DdSketch::new(Accuracy::DEFAULT, BinLimit::DEFAULT);
            (0..at % 4).for_each(|i| assert!(sketch.insert(f64::from((at * 37 + i * 11) % 101 + 1), 1.0)));
            (!at.is_multiple_of(5)).then(|| encoded(&Sketch::Dd(sketch)))
        };
        let stored: Arc<[_]> = (0..41).map(slot).collect();
        let all = Sketches { stored, leaf: Leaf::quantile(0.5).expect("a leaf") };
        let step = Step::new(10).expect("a step");
        for points in 1..=45 {
            let mut spent = 0;
            let windows = all.windows(1, points, step, |points| {
                spent += points;
                Ok(())
            });
            let expected: Vec<f64> = (1..41).map(|first| all.value(first, points, step)).collect();
            let expected = &expected[..(40_usize + 1).saturating_sub(points)];
            assert_eq!(
                windows.expect("within all limits").iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
                expected.iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
                "{points}"
            );
            assert!(spent >= 40);
        }
    }
}
