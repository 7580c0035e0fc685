//! Several series into rows: all brought to one step, then the values of each time side by side. What combines series
//! is a function of a row; no point is boxed and no row allocates.

use crate::aggregation::{Aggregation, count_present, is_enough};
use crate::consolidate::{self, Common};
use crate::series::Series;
use std::borrow::Cow;
use tsdb::{GAP, is_gap};

/// Series side by side at their common step.
pub(crate) struct Rows<'a> {
    pub common: Common,
    columns: Vec<Cow<'a, [f64]>>,
}

impl<'a> Rows<'a> {
    /// `None` of no series, or where the steps have no common multiple below 136 years.
    pub fn of(series: &[&'a Series]) -> Option<Rows<'a>> {
        let common = consolidate::common(series.iter().copied())?;
        let columns = series.iter().map(|series| consolidate::to_step(series, common.step)).collect();
        Some(Rows { common, columns })
    }

    /// How many rows there are; short series end in gaps.
    pub fn height(&self) -> usize {
        self.columns.iter().map(|column| column.len()).max().unwrap_or(0)
    }

    /// The values of one series at the common step.
    pub fn column(&self, at: usize) -> &[f64] {
        &self.columns[at]
    }

    /// A value of each row.
    pub fn each(&self, mut one: impl FnMut(&mut [f64]) -> f64) -> Vec<f64> {
        let mut row = vec![GAP; self.columns.len()];
        let fill = |at: usize| {
            for (cell, column) in row.iter_mut().zip(&self.columns) {
                *cell = column.get(at).copied().unwrap_or(GAP);
            }
            one(&mut row)
        };
        (0..self.height()).map(fill).collect()
    }

    /// One value a row. Where any value is enough, the usual methods go series by series, so that memory is read in
    /// order; each row still adds from the left.
    pub fn aggregate(&self, method: Aggregation, x_files_factor: f64) -> Vec<f64> {
        match method {
            Aggregation::Sum | Aggregation::Average if x_files_factor <= 0.0 => self.summed(method),
            Aggregation::Max if x_files_factor <= 0.0 => self.best(|value, best| value > best),
            Aggregation::Min if x_files_factor <= 0.0 => self.best(|value, best| value < best),
            _ => self.each(|row| {
                let enough = is_enough(count_present(row), row.len(), x_files_factor);
                if enough { method.over(row) } else { GAP }
            }),
        }
    }

    /// Without branches, so that it runs in vector registers: a gap adds a zero to a sum that began as one.
    fn summed(&self, method: Aggregation) -> Vec<f64> {
        let mut sums = vec![0.0; self.height()];
        let mut counts = vec![0.0; sums.len()];
        for column in &self.columns {
            for ((value, sum), count) in column.iter().zip(&mut sums[..column.len()]).zip(&mut counts[..column.len()]) {
                let (value, one) = if is_gap(*value) { (0.0, 0.0) } else { (*value, 1.0) };
                *sum += value;
                *count += one;
            }
        }
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum = match method {
                _ if count == 0.0 => GAP,
                Aggregation::Average => *sum / count,
                _ => *sum,
            };
        }
        sums
    }

    /// The first of the best. No comparison with a NaN is true, so one that comes first stays.
    fn best(&self, better: impl Fn(f64, f64) -> bool) -> Vec<f64> {
        let mut bests = vec![GAP; self.height()];
        for column in &self.columns {
            for (value, best) in column.iter().zip(&mut bests) {
                let takes = !is_gap(*value) & (is_gap(*best) | better(*value, *best));
                *best = if takes { *value } else { *best };
            }
        }
        bests
    }
}

/// Two columns as one, cell by cell; the shorter one ends in gaps.
pub(crate) fn zip_longest(a: &[f64], b: &[f64], one: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    let cell = |column: &[f64], at: usize| column.get(at).copied().unwrap_or(GAP);
    (0..a.len().max(b.len())).map(|at| one(cell(a, at), cell(b, at))).collect()
}

/// A quotient; none by nothing or by zero.
pub(crate) fn quotient(a: f64, b: f64) -> f64 {
    if is_gap(a) || is_gap(b) || b == 0.0 { GAP } else { a / b }
}

/// A product; none of nothing.
pub(crate) fn product(a: f64, b: f64) -> f64 {
    if is_gap(a) || is_gap(b) { GAP } else { a * b }
}

/// The queries that named the series, each once, in order.
pub(crate) fn path_expressions<'a>(series: impl IntoIterator<Item = &'a Series>) -> String {
    let mut seen = std::collections::HashSet::new();
    let texts = series.into_iter().map(|series| series.path_expression.as_str());
    texts.filter(|text| seen.insert(*text)).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tsdb::{Step, Timestamp};

    fn slot() -> impl Strategy<Value = f64> {
        prop_oneof![Just(GAP), Just(f64::NAN), Just(-0.0), Just(f64::INFINITY), -1e3..1e3]
    }

    proptest! {
        #[test]
        fn the_fast_paths_fold_as_the_methods_do(columns in proptest::collection::vec(proptest::collection::vec(slot(), 0..6), 1..6)) {
            let common = Common { start: Timestamp(0), end: Timestamp(6), step: Step::new(1).unwrap() };
            let rows = Rows { common, columns: columns.iter().map(Cow::from).collect() };
            for method in [Aggregation::Sum, Aggregation::Average, Aggregation::Max, Aggregation::Min] {
                let given = rows.aggregate(method, 0.0);
                for (at, given) in given.iter().enumerate() {
                    let row: Vec<f64> = columns.iter().map(|column| column.get(at).copied().unwrap_or(GAP)).collect();
                    let expected = method.over(&row);
                    let same = is_gap(expected) == is_gap(*given);
                    prop_assert!(same && (expected == *given || expected.is_nan() && given.is_nan()));
                }
            }
        }
    }
}
