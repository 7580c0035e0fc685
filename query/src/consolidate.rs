//! Fewer points from many: to a common step before series are combined, to `maxDataPoints` before they are sent.
//!
//! Both follow graphite-web to the letter, oddities included: groups are counted from each series' own first point and
//! not from a multiple of the new step, a partial group at the end is judged as if it were whole, and maxDataPoints
//! loses the partial group at the start so that the groups stay where they are from one refresh to the next.
//!
//! Values that were computed from sketches are computed anew from what these merge into: the p99 of a wide group is that of
//! all its samples, its count is all of them. Whoever says how to consolidate gets the values consolidated so.

use crate::aggregation::{Aggregation, count_present, is_enough};
use crate::series::Series;
use std::borrow::Cow;
use tsdb::{GAP, Step, Timestamp};

/// The step and range that several series share once they are combined row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Common {
    /// The smallest start.
    pub start: Timestamp,
    /// The largest end, less what does not fill a step.
    pub end: Timestamp,
    /// The least common multiple of the steps.
    pub step: Step,
}

/// What the series have in common; `None` for no series, or when the step would pass 136 years.
pub fn common<'a>(series: impl Iterator<Item = &'a Series> + Clone) -> Option<Common> {
    let start = series.clone().map(|series| series.start).min()?;
    let end = series.clone().map(|series| series.end).max()?;
    let step = series.map(|series| series.step).try_fold(Step::new(1)?, lcm)?;
    let remainder = (end - start).rem_euclid(i64::from(step.secs()));
    Some(Common { start, end: end - remainder, step })
}

/// The least common multiple; `None` when 32 bits cannot hold it.
pub fn lcm(a: Step, b: Step) -> Option<Step> {
    let (mut x, mut y) = (a.secs(), b.secs());
    while y != 0 {
        (x, y) = (y, x % y);
    }
    Step::new((a.secs() / x).checked_mul(b.secs())?)
}

/// The series' values in groups as long as the step, each made one; the values themselves where that is one each.
pub fn to_step(series: &Series, step: Step) -> Cow<'_, [f64]> {
    match (step.secs() / series.step.secs()) as usize {
        0 | 1 => Cow::Borrowed(&series.values),
        size => Cow::Owned(grouped(series, 0, size)),
    }
}

fn grouped(series: &Series, skipped: usize, size: usize) -> Vec<f64> {
    let method = Aggregation::from(series.consolidation);
    let values = series.values.get(skipped..).unwrap_or_default();
    let one = |(at, group): (usize, &[f64])| match &series.sketches {
        _ if !is_enough(count_present(group), size, series.x_files_factor) => GAP,
        Some(sketches) => sketches.value(skipped + at * size, group.len(), series.step),
        None => method.over(group),
    };
    values.chunks(size).enumerate().map(one).collect()
}

/// Leaves each series with about `points` values at most. The range of all series together decides how many that
/// makes, so one long series coarsens the others too. 0 points asks for nothing and changes nothing.
pub fn to_max_data_points(series: &mut [Series], points: u32) {
    let start = series.iter().map(|series| series.start).min();
    let end = series.iter().map(|series| series.end).max();
    let (Some(start), Some(end), true) = (start, end, points > 0) else { return };
    if series.iter().all(|series| series.values.is_empty()) {
        return;
    }
    for series in series {
        if points == 1 {
            to_one(series);
        } else {
            to_fewer(series, (end - start) as f64, f64::from(points));
        }
    }
}

/// Merges what is computed from sketches into about `points` values at most, and leaves other series as they are: a picture
/// keeps their extremes, which of quantiles would be those of single slots.
pub fn merge_to_points(series: &mut [Series], points: u32) {
    for series in series.iter_mut().filter(|series| series.sketches.is_some() && points > 1) {
        let range_secs = (series.end - series.start) as f64;
        to_fewer(series, range_secs, f64::from(points));
    }
}

fn to_one(series: &mut Series) {
    if series.values.len() > 1 {
        series.values = grouped(series, 0, series.values.len());
        series.sketches = None;
        let secs = u32::try_from(series.end - series.start).unwrap_or(u32::MAX);
        series.step = Step::new(secs).unwrap_or(series.step);
    }
}

fn to_fewer(series: &mut Series, range_secs: f64, points: f64) {
    let step = i64::from(series.step.secs());
    let slots = range_secs / step as f64;
    if points < slots {
        let size = (slots / points).ceil();
        let Some(coarse) = u32::try_from(size as i64 * step).ok().and_then(Step::new) else { return };
        let secs = i64::from(coarse.secs());
        // The start moves to where a group begins if groups are counted from the epoch; the points before are lost.
        let nudge = secs + series.start.0.rem_euclid(step) - series.start.0.rem_euclid(secs);
        let lost = usize::try_from(nudge / step - 1).unwrap_or(0);
        series.values = grouped(series, lost, size as usize);
        series.sketches = None;
        series.start = series.start + nudge;
        series.step = coarse;
    }
    within_range(series);
}

/// As many values as have a time within the range, its end included. A moving window over series of several steps
/// makes more than that; graphite-web leaves them out when it writes JSON.
pub(crate) fn within_range(series: &mut Series) {
    let room = (series.end - series.start).div_euclid(i64::from(series.step.secs())) + 1;
    series.values.truncate(usize::try_from(room).unwrap_or(0));
}
