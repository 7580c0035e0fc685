//! From points to what a line needs: every point where there is room, otherwise the first, smallest, largest and last
//! of each pixel column (M4), so that no extreme is ever lost; averages only for stacks and where they are asked for.

use query::Consolidation;
use query::aggregation::Aggregation;

/// Columns of equal width over a plot, in seconds since the picture's start.
#[derive(Clone, Copy, Debug)]
pub struct Columns {
    /// Where the first begins.
    pub from: f64,
    /// Seconds in a column.
    pub secs: f64,
    /// How many there are.
    pub count: usize,
}

/// Values at constant steps; `start` is the time of the first, in seconds since the picture's start.
#[derive(Clone, Copy, Debug)]
pub struct Points<'a> {
    /// One value a step; what is not finite is absent.
    pub values: &'a [f64],
    /// Time of the first.
    pub start: f64,
    /// Seconds between two.
    pub step: f64,
}

impl Points<'_> {
    fn time(&self, i: usize) -> f64 {
        self.start + i as f64 * self.step
    }

    /// The index of the first value at or after a time, at most their number.
    fn index(&self, time: f64) -> usize {
        let index = ((time - self.start) / self.step).ceil();
        if index <= 0.0 { 0 } else { (index as usize).min(self.values.len()) }
    }
}

/// Pieces of a line, each without a break: (time, value).
#[derive(Clone, Debug, Default)]
pub struct Runs {
    points: Vec<(f64, f64)>,
    ends: Vec<usize>,
}

impl Runs {
    /// The pieces in order of time; none is empty.
    pub fn iter(&self) -> impl Iterator<Item = &[(f64, f64)]> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        starts.zip(self.ends.iter()).map(|(start, &end)| &self.points[start..end])
    }

    fn push(&mut self, time: f64, value: f64) {
        self.points.push((time, value));
    }

    fn end_run(&mut self) {
        if self.points.len() > self.ends.last().copied().unwrap_or(0) {
            self.ends.push(self.points.len());
        }
    }

    /// Each value held until the next point, the last one for a `step`.
    pub fn staircase(&self, step: f64) -> Runs {
        let mut stairs = Runs::default();
        for run in self.iter() {
            for pair in run.windows(2) {
                stairs.push(pair[0].0, pair[0].1);
                stairs.push(pair[1].0, pair[0].1);
            }
            if let Some(&(time, value)) = run.last() {
                stairs.push(time, value);
                stairs.push(time + step, value);
            }
            stairs.end_run();
        }
        stairs
    }
}

/// Whether a line goes on over absent values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bridge {
    /// It breaks.
    Never,
    /// Over at most so many of them.
    UpTo(usize),
}

/// Whether there are so many points that columns are drawn in their place.
pub fn is_dense(points: &Points<'_>, columns: &Columns) -> bool {
    points.step * 2.0 < columns.secs && points.values.len() > columns.count
}

/// Every point.
pub fn every(points: &Points<'_>, bridge: Bridge) -> Runs {
    let mut runs = Runs { points: Vec::with_capacity(points.values.len()), ends: Vec::new() };
    let mut absent = 0;
    for (i, &value) in points.values.iter().enumerate() {
        if !value.is_finite() {
            absent += 1;
            continue;
        }
        if absent > 0 && !matches!(bridge, Bridge::UpTo(most) if absent <= most) {
            runs.end_run();
        }
        absent = 0;
        runs.push(points.time(i), value);
    }
    runs.end_run();
    runs
}

/// First, smallest, largest and last value of each column, at their own times. The line breaks where values are absent
/// for a column's width or more.
pub fn extremes(points: &Points<'_>, columns: &Columns, bridge: Bridge) -> Runs {
    let mut runs = Runs { points: Vec::with_capacity(columns.count * 4), ends: Vec::new() };
    let mut last: Option<usize> = None;
    let mut begin = points.index(columns.from);
    // One column more, for what lies exactly on the right edge.
    for column in 1..=columns.count + 1 {
        let end = points.index(columns.from + column as f64 * columns.secs).max(begin);
        let Some(four) = four(&points.values[begin..end]) else {
            begin = end;
            continue;
        };
        let first = begin + four[0];
        if let Some(last) = last {
            let absent = first - last - 1;
            let breaks = match bridge {
                Bridge::Never => absent > 0 && absent as f64 * points.step >= columns.secs,
                Bridge::UpTo(most) => absent > most,
            };
            if breaks {
                runs.end_run();
            }
        }
        let mut before = usize::MAX;
        for i in four.map(|i| begin + i) {
            if i != before {
                runs.push(points.time(i), points.values[i]);
            }
            before = i;
        }
        last = Some(begin + four[3]);
        begin = end;
    }
    runs.end_run();
    runs
}

/// Places of the first, the two extremes in order of time, and the last value; `None` if all are absent.
fn four(values: &[f64]) -> Option<[usize; 4]> {
    let first = values.iter().position(|v| v.is_finite())?;
    let last = values.iter().rposition(|v| v.is_finite())?;
    let (min, max) = range(&values[first..=last]);
    let place = |wanted: f64| first + values[first..=last].iter().position(|&v| v == wanted).unwrap_or(0);
    let (min, max) = (place(min), place(max));
    Some([first, min.min(max), min.max(max), last])
}

/// Smallest and largest of the finite values; the first is finite.
fn range(values: &[f64]) -> (f64, f64) {
    let (mut lows, mut highs) = ([values[0]; 4], [values[0]; 4]);
    let chunks = values.chunks_exact(4);
    let rest = chunks.remainder();
    // Comparisons with what is not a number are false, so absent values fall through; four lanes fill a register.
    for chunk in chunks {
        for lane in 0..4 {
            lows[lane] = if chunk[lane] < lows[lane] { chunk[lane] } else { lows[lane] };
            highs[lane] = if chunk[lane] > highs[lane] { chunk[lane] } else { highs[lane] };
        }
    }
    let low = lows.into_iter().chain(rest.iter().copied()).fold(values[0], f64::min);
    let high = highs.into_iter().chain(rest.iter().copied()).fold(values[0], f64::max);
    if low.is_finite() && high.is_finite() {
        return (low, high);
    }
    let finite = values.iter().copied().filter(|v| v.is_finite());
    finite.fold((values[0], values[0]), |(low, high), v| (low.min(v), high.max(v)))
}

/// The mean of the present values of each column; between two points of a step wider than a column, the line between
/// them. One value a column, NaN where there is none.
pub fn averages(points: &Points<'_>, columns: &Columns) -> Vec<f64> {
    let mut begin = points.index(columns.from);
    let mut out = Vec::with_capacity(columns.count);
    for column in 0..columns.count {
        let from = columns.from + column as f64 * columns.secs;
        let end = points.index(from + columns.secs).max(begin);
        let (mut sum, mut count) = (0.0, 0_usize);
        for v in points.values[begin..end].iter().filter(|v| v.is_finite()) {
            sum += v;
            count += 1;
        }
        out.push(match (count, end == begin) {
            (0, true) => between(points, begin, from + columns.secs / 2.0),
            (0, false) => f64::NAN,
            _ => sum / count as f64,
        });
        begin = end;
    }
    out
}

/// The line between the points before and at `next`.
fn between(points: &Points<'_>, next: usize, time: f64) -> f64 {
    match (next.checked_sub(1).map(|i| points.values[i]), points.values.get(next)) {
        (Some(before), Some(after)) if before.is_finite() && after.is_finite() => {
            before + (after - before) * ((time - points.time(next - 1)) / points.step).clamp(0.0, 1.0)
        }
        _ => f64::NAN,
    }
}

/// Consolidated as graphite-web does before it draws: groups of equally many points, counted from the first.
pub fn consolidated(points: &Points<'_>, columns: &Columns, how: Consolidation, share: f64) -> (Vec<f64>, f64) {
    let per_group = points.values.len().div_ceil(columns.count.max(1)).max(1);
    let values = points.values.chunks(per_group).map(|group| one_of(group, how, share)).collect();
    (values, points.step * per_group as f64)
}

fn one_of(group: &[f64], how: Consolidation, share: f64) -> f64 {
    let present = || group.iter().copied().filter(|v| v.is_finite());
    let count = present().count();
    if count == 0 || (count as f64) < share * group.len() as f64 {
        return f64::NAN;
    }
    match how {
        Consolidation::Average => present().sum::<f64>() / count as f64,
        Consolidation::AverageZero => present().sum::<f64>() / group.len() as f64,
        Consolidation::Sum => present().sum(),
        Consolidation::Min => present().fold(f64::INFINITY, f64::min),
        Consolidation::Max => present().fold(f64::NEG_INFINITY, f64::max),
        Consolidation::First => present().next().unwrap_or(f64::NAN),
        Consolidation::Last => present().next_back().unwrap_or(f64::NAN),
        Consolidation::Quantile(_) => Aggregation::from(how).over(&present().collect::<Vec<_>>()),
    }
}

#[cfg(test)]
#[path = "down_tests.rs"]
mod tests;
