//! Filter Series: which series stay, and in which order.

use super::{Args, Body, Function, Group, Param, Takes};
use crate::aggregation::Aggregation;
use crate::series::Series;
use std::cmp::Reverse;

/// The family, by name.
pub const ALL: &[Function] = &[Function::new(
    "highestMax",
    Group::FilterSeries,
    "The `n` series with the largest maximum, largest first.",
    &[Param::SERIES, Param::new("n", Takes::Integer)],
    Body::Pick(|args, series| highest(Aggregation::Max, args, series)),
)];

/// Series of the same measure keep their order. A series of gaps, or one whose measure is no number, is the lowest.
fn highest(method: Aggregation, args: &Args<'_>, mut series: Vec<Series>) -> Vec<Series> {
    series.sort_by_cached_key(|series| {
        let measure = method.over(&series.values);
        Reverse(Ranked(if measure.is_nan() { f64::NEG_INFINITY } else { measure }))
    });
    series.truncate(first(args.integer("n"), series.len()));
    series
}

/// How many are left of a Python slice `[:n]`; a negative number counts from the end.
fn first(n: i64, len: usize) -> usize {
    let from_end = || len.saturating_sub(usize::try_from(n.unsigned_abs()).unwrap_or(usize::MAX));
    usize::try_from(n).map_or_else(|_| from_end(), |n| n.min(len))
}

/// A float that sorts.
#[derive(Clone, Copy, PartialEq)]
struct Ranked(f64);

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Ranked) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Ranked) -> std::cmp::Ordering {
        // Zeros of either sign are equal to Python.
        (self.0 + 0.0).total_cmp(&(other.0 + 0.0))
    }
}
