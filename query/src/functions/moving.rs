//! Calculate over a window that moves. The inputs begin one window earlier than the output, so that the first value
//! already has a whole window behind it.

use super::{Args, Body, Function, Group, Need, Param, Slots, Takes, Value, sliding};
use crate::aggregation::Aggregation;
use crate::error::Fault;
use crate::evaluate::{Evaluation, argument};
use crate::python;
use crate::series::Series;
use crate::sketches::Sketches;
use tsdb::{GAP, Step, Window, is_gap};

const SIZE: Param = Param::new("windowSize", Takes::PointsOrDuration)
    .suggests(&["5", "7", "10", "1min", "5min", "10min", "30min", "1hour"]);
const FACTOR: Param = Param::new("xFilesFactor", Takes::Number).optional();

/// The family, by name.
pub const ALL: &[Function] = &[
    Function::new(
        "exponentialMovingAverage",
        Group::Calculate,
        "A mean in which each value weighs 2 / (`windowSize` + 1), and what came before the rest; of a length of time its seconds count.",
        &[Param::SERIES, SIZE],
        Body::Series(exponential),
    )
    .window(one_window_earlier)
    .prints(",", &["windowSize"])
    .tags(&[("exponentialMovingAverage", "windowSize")]),
    moving(
        "movingAverage",
        "The mean of the last `windowSize` points, or of as many as that length of time holds.",
        Body::Series(|args, series| Ok(moved(Aggregation::Average, args, series))),
    )
    .tags(&[("movingAverage", "windowSize")]),
    moving(
        "movingMax",
        "The greatest of the last `windowSize` points, or of as many as that length of time holds.",
        Body::Series(|args, series| Ok(moved(Aggregation::Max, args, series))),
    )
    .tags(&[("movingMax", "windowSize")]),
    moving(
        "movingMedian",
        "The median of the last `windowSize` points, or of as many as that length of time holds.",
        Body::Series(|args, series| Ok(moved(Aggregation::Median, args, series))),
    )
    .tags(&[("movingMedian", "windowSize")]),
    moving(
        "movingMin",
        "The least of the last `windowSize` points, or of as many as that length of time holds.",
        Body::Series(|args, series| Ok(moved(Aggregation::Min, args, series))),
    )
    .tags(&[("movingMin", "windowSize")]),
    moving(
        "movingSum",
        "The sum of the last `windowSize` points, or of as many as that length of time holds.",
        Body::Series(|args, series| Ok(moved(Aggregation::Sum, args, series))),
    )
    .tags(&[("movingSum", "windowSize")]),
    Function::new(
        "movingWindow",
        Group::Calculate,
        "The last `windowSize` points, or as many as that length of time holds, made one value by `func`.",
        &[Param::SERIES, SIZE, Param::new("func", Takes::Aggregation).default(Need::Word("average")), FACTOR],
        Body::Lists(moving_window),
    )
    .window(one_window_earlier)
    .composes(|args, input| {
        format!("{}({input},{})", name_of_method(args), args.value("windowSize").in_name().unwrap_or_default())
    })
    .tags(&[]),
    Function::new(
        "stdev",
        Group::Calculate,
        "The standard deviation of the last `points`, where a share of `windowTolerance` of them is present; it begins with what there is.",
        &[
            Param::SERIES,
            Param::new("points", Takes::Integer),
            Param::new("windowTolerance", Takes::Number).default(Need::Number(0.1)),
        ],
        Body::Series(stdev),
    )
    .prints(",", &["points"])
    .tags(&[("stdev", "points")]),
];

const fn moving(name: &'static str, sentence: &'static str, body: Body) -> Function {
    Function::new(name, Group::Calculate, sentence, &[Param::SERIES, SIZE, FACTOR], body)
        .window(one_window_earlier)
        .prints(",", &["windowSize"])
}

/// A number of points reaches back as far as it does in the coarsest of the inputs.
fn one_window_earlier(args: &Args<'_>, step: Step, window: Window) -> Window {
    let secs = match args.value("windowSize") {
        Value::Integer(points) => points.saturating_mul(i64::from(step.secs())),
        _ => args.duration_secs("windowSize"),
    };
    Window { from: window.from - secs, until: window.until }
}

/// As many points as the window has.
fn window_points(args: &Args<'_>, series: &Series) -> usize {
    match args.value("windowSize") {
        Value::Integer(points) => usize::try_from(*points).unwrap_or(usize::MAX),
        _ => (args.duration_secs("windowSize") / i64::from(series.step.secs())) as usize,
    }
}

/// The output begins as much later than the input as the window reaches back, in seconds, and as many points later as
/// the window has. Where steps differ these are not the same, and graphite-web's times are off by the difference.
fn later(args: &Args<'_>, series: &Series, values: Vec<f64>) -> Slots {
    Slots { values, ..Slots { start: series.start + args.reach_secs, ..Slots::of(series, Vec::new()) } }
}

fn moved(method: Aggregation, args: &Args<'_>, series: &Series) -> Slots {
    let points = window_points(args, series);
    let x_files_factor = args.maybe_number("xFilesFactor").unwrap_or(series.x_files_factor);
    let values = match series.values.len().saturating_sub(points) {
        0 => Vec::new(),
        count if points == 0 => vec![GAP; count],
        _ => sliding::over(method, &series.values[1..], points, x_files_factor),
    };
    later(args, series, values)
}

/// `movingSum` of `sum`: what Python's `capitalize` makes of the word.
fn name_of_method(args: &Args<'_>) -> String {
    let (word, _) = args.aggregation_word("func");
    let word = word.to_lowercase();
    let first = word.chars().next().map(|first| first.to_ascii_uppercase());
    format!("moving{}{}", first.map(String::from).unwrap_or_default(), word.get(1..).unwrap_or_default())
}

fn moving_window(run: &mut Evaluation<'_>, args: &Args<'_>, lists: Vec<Vec<Series>>) -> Result<Vec<Series>, Fault> {
    let mut all: Vec<Series> = lists.into_iter().flatten().collect();
    let method = args.aggregation("func");
    for series in &mut all {
        let sketches = match method {
            Aggregation::Quantile(quantile) => series.sketches.take().and_then(|found| found.quantile(quantile)),
            _ => None,
        };
        let slots = match sketches {
            Some(sketches) => of_samples(run, args, series, &sketches)?,
            None => moved(method, args, series),
        };
        run.replace(series, slots)?;
        series.tags.insert(name_of_method(args), args.value("windowSize").in_tag());
        run.wrap(args, series)?;
    }
    Ok(all)
}

/// Of all samples in each window that has enough values.
fn of_samples(run: &mut Evaluation<'_>, args: &Args<'_>, series: &Series, sketches: &Sketches) -> Result<Slots, Fault> {
    let mut slots = moved(Aggregation::Count, args, series);
    let points = window_points(args, series);
    if points > 0 && !slots.values.is_empty() {
        let numbers = sketches.windows(1, points, series.step, |points| run.spend_points(points))?;
        let enough = slots.values.iter_mut().zip(numbers).filter(|(count, _)| !is_gap(**count));
        enough.for_each(|(value, number)| *value = number);
    }
    Ok(slots)
}

/// It begins with the mean of the first window. A gap stays a gap and changes nothing.
fn exponential(args: &Args<'_>, series: &Series) -> Result<Slots, Fault> {
    let size = match args.value("windowSize") {
        Value::Integer(points) => *points as f64,
        _ => args.duration_secs("windowSize") as f64,
    };
    let weight = 2.0 / (size + 1.0);
    let (first, rest) = series.values.split_at(window_points(args, series).min(series.values.len()));
    let mut mean = Aggregation::Average.over(first);
    if is_gap(mean) {
        mean = 0.0;
    }
    let mut values = Vec::with_capacity(rest.len() + 1);
    values.push(python::round(mean, 6));
    values.extend(rest.iter().map(|value| {
        if is_gap(*value) {
            return GAP;
        }
        mean = weight * value + (1.0 - weight) * mean;
        python::round(mean, 6)
    }));
    Ok(later(args, series, values))
}

/// From sums of values and squares that go along, as graphite-web has it: with what rounding leaves of them.
fn stdev(args: &Args<'_>, series: &Series) -> Result<Slots, Fault> {
    let Some(points) = usize::try_from(args.integer("points")).ok().filter(|points| *points > 0) else {
        return Err(argument(args.function, "`points` must be greater than 0".to_owned()));
    };
    let tolerance = args.number("windowTolerance");
    let (mut present, mut sum, mut squares) = (0.0, 0.0, 0.0);
    let one = |(at, &value): (usize, &f64)| {
        let dropped = at.checked_sub(points).map(|at| series.values[at]).filter(|value| !is_gap(*value));
        if let Some(dropped) = dropped {
            present -= 1.0;
            sum -= dropped;
            squares -= python::square(dropped);
        }
        if !is_gap(value) {
            present += 1.0;
            sum += value;
            squares += python::square(value);
        }
        let variance = present * squares - python::square(sum);
        let enough = present > 0.0 && present / points as f64 >= tolerance;
        if !enough || variance < 0.0 { GAP } else { variance.sqrt() / present }
    };
    Ok(Slots::of(series, series.values.iter().enumerate().map(one).collect()))
}
