//! Calculate over a window that moves: movingAverage. Its inputs begin one window earlier than its output, so that the
//! first value already has a whole window behind it.

use super::{Args, Body, Function, Group, Param, Slots, Takes, Value};
use crate::aggregation::{Aggregation, count_present, is_enough};
use crate::series::Series;
use tsdb::{GAP, Step, Window, is_gap};

/// The family, by name.
pub const ALL: &[Function] = &[Function::new(
    "movingAverage",
    Group::Calculate,
    "The mean of the last `windowSize` points, or of as many as that length of time holds.",
    &[
        Param::SERIES,
        Param::new("windowSize", Takes::PointsOrDuration),
        Param::new("xFilesFactor", Takes::Number).optional(),
    ],
    Body::Series(|args, series| Ok(moving(Aggregation::Average, args, series))),
)
.window(one_window_earlier)
.prints(",", &["windowSize"])
.tags(&[("movingAverage", "windowSize")])];

/// A number of points reaches back as far as it does in the coarsest of the inputs.
fn one_window_earlier(args: &Args<'_>, step: Step, window: Window) -> Window {
    let secs = match args.value("windowSize") {
        Value::Integer(points) => points.saturating_mul(i64::from(step.secs())),
        _ => args.duration_secs("windowSize"),
    };
    Window { from: window.from - secs, until: window.until }
}

/// The output begins as much later than the input as the window reaches back, in seconds, and as many points later as
/// the window has. Where steps differ these are not the same, and graphite-web's times are off by the difference.
fn moving(method: Aggregation, args: &Args<'_>, series: &Series) -> Slots {
    let points = match args.value("windowSize") {
        Value::Integer(points) => usize::try_from(*points).unwrap_or(usize::MAX),
        _ => (args.duration_secs("windowSize") / i64::from(series.step.secs())) as usize,
    };
    let x_files_factor = args.maybe_number("xFilesFactor").unwrap_or(series.x_files_factor);
    let values = match series.values.len().saturating_sub(points) {
        0 => Vec::new(),
        count if points == 0 => vec![GAP; count],
        _ if method == Aggregation::Average && points > DIRECT_POINTS_MAX => {
            means(&series.values, points, x_files_factor)
        }
        _ => {
            let one = |window: &[f64]| {
                let enough = is_enough(count_present(window), points, x_files_factor);
                if enough { method.over(window) } else { GAP }
            };
            series.values[1..].windows(points).map(one).collect()
        }
    };
    Slots { values, ..Slots { start: series.start + args.reach_secs, ..Slots::of(series, Vec::new()) } }
}

/// Up to here every window is summed on its own, in graphite-web's order; beyond, that would be quadratic.
const DIRECT_POINTS_MAX: usize = 16;

/// Means of long windows in linear time. Values are summed within blocks as long as a window, from the left and from
/// the right; a window is the end of one block and the beginning of the next. Nothing is ever subtracted, so neither
/// an infinity nor rounding outlives its window.
fn means(values: &[f64], points: usize, x_files_factor: f64) -> Vec<f64> {
    let values = &values[1..];
    let add =
        |(sum, count): (f64, usize), value: f64| if is_gap(value) { (sum, count) } else { (sum + value, count + 1) };
    let mut until = vec![(0.0, 0); values.len()];
    let mut since = until.clone();
    for (block, begin) in values.chunks(points).zip((0..).step_by(points)) {
        let mut running = (0.0, 0);
        for (at, value) in block.iter().enumerate() {
            running = add(running, *value);
            until[begin + at] = running;
        }
        running = (0.0, 0);
        for (at, value) in block.iter().enumerate().rev() {
            running = add(running, *value);
            since[begin + at] = running;
        }
    }
    let one = |begin: usize| {
        let (mut sum, mut count) = until[begin + points - 1];
        if !begin.is_multiple_of(points) {
            (sum, count) = (since[begin].0 + sum, since[begin].1 + count);
        }
        if is_enough(count, points, x_files_factor) { sum / count as f64 } else { GAP }
    };
    (0..=values.len() - points).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn long_windows_are_summed_as_short_ones_are(
            values in proptest::collection::vec(prop_oneof![3 => -1e3..1e3, 1 => Just(GAP)], 2..80),
            points in 1usize..40,
            x_files_factor in 0.0..1.0,
        ) {
            prop_assume!(points < values.len());
            let given = means(&values, points, x_files_factor);
            let expected = values[1..].windows(points).map(|window| {
                let enough = is_enough(count_present(window), points, x_files_factor);
                if enough { Aggregation::Average.over(window) } else { GAP }
            });
            for (given, expected) in given.iter().zip(expected) {
                prop_assert_eq!(is_gap(*given), is_gap(expected));
                prop_assert!(is_gap(expected) || (given - expected).abs() < 1e-9);
            }
        }
    }
}
