//! Holt and Winters' forecast: level, slope and season, each smoothed, with how far they usually miss. It begins one
//! `bootstrapInterval` before the request, so that it has learnt something when the request begins.

use super::{Again, Args, Body, Function, Group, Need, Param, Slots, Takes};
use crate::error::Fault;
use crate::evaluate::{Evaluation, argument};
use crate::series::{Consolidation, Series, Style};
use tsdb::{GAP, Window, is_gap};

type Answer = Result<Vec<Series>, Fault>;

/// How fast level and season follow.
const ALPHA_GAMMA: f64 = 0.1;
/// How fast the slope follows.
const BETA: f64 = 0.0035;

const DELTA: Param = Param::new("delta", Takes::NumberAsWritten).default(Need::Integer(3));
const BOOTSTRAP: Param =
    Param::new("bootstrapInterval", Takes::Duration).default(Need::Word("7d")).suggests(&["7d", "30d"]);
const SEASON: Param = Param::new("seasonality", Takes::Duration).default(Need::Word("1d")).suggests(&["1d", "7d"]);
const BAND: &[Param] = &[Param::SERIES, DELTA, BOOTSTRAP, SEASON];

/// The family, by name.
pub const ALL: &[Function] = &[
    Function::new(
        "holtWintersAberration",
        Group::Calculate,
        "How far values lie outside the confidence band of the Holt-Winters forecast; 0 within it.",
        BAND,
        Body::Lists(aberration),
    )
    .again(|args| Ok(Again { own: true, windows: vec![earlier(args)] })),
    Function::new(
        "holtWintersConfidenceArea",
        Group::Calculate,
        "The area between the confidence bands of the Holt-Winters forecast of one series.",
        BAND,
        Body::Lists(area),
    )
    .again(from_earlier),
    Function::new(
        "holtWintersConfidenceBands",
        Group::Calculate,
        "The Holt-Winters forecast less and plus `delta` times its usual error: two series of each.",
        BAND,
        Body::Lists(|run, args, lists| {
            Ok(bands(run, args, lists.into_iter().flatten())?.into_iter().flatten().collect())
        }),
    )
    .again(from_earlier),
    Function::new(
        "holtWintersForecast",
        Group::Calculate,
        "The forecast of each value from those before it, by the method of Holt and Winters.",
        &[Param::SERIES, BOOTSTRAP, SEASON],
        Body::Lists(forecast),
    )
    .again(from_earlier)
    .tagged(&[("holtWintersForecast", "1"), ("holtWintersDeviation", "1")]),
];

fn earlier(args: &Args<'_>) -> Window {
    Window { from: args.window.from - args.duration_secs("bootstrapInterval").min(1 << 40), until: args.window.until }
}

fn from_earlier(args: &Args<'_>) -> Result<Again, Fault> {
    Ok(Again { own: false, windows: vec![earlier(args)] })
}

/// What is forecast for each slot, and how far it usually misses.
struct Analysis {
    predictions: Vec<f64>,
    deviations: Vec<f64>,
}

/// A gap is forecast once more and breaks everything behind it, as in graphite-web: the level starts anew, the slope
/// and that slot of the season are 0.
fn analyse(args: &Args<'_>, series: &Series) -> Analysis {
    let season = usize::try_from(args.duration_secs("seasonality") / i64::from(series.step.secs())).unwrap_or(0);
    let count = series.values.len();
    let (mut predictions, mut deviations) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let mut seasonals: Vec<f64> = Vec::with_capacity(count);
    let (mut level, mut slope, mut next) = (GAP, 0.0, GAP);
    let ago = |of: &[f64], at: usize| at.checked_sub(season).and_then(|at| of.get(at)).copied().unwrap_or(0.0);
    for (at, &actual) in series.values.iter().enumerate() {
        if is_gap(actual) {
            predictions.push(std::mem::replace(&mut next, GAP));
            deviations.push(0.0);
            seasonals.push(0.0);
            (level, slope) = (GAP, 0.0);
            continue;
        }
        let last_level = if is_gap(level) { actual } else { level };
        let prediction = if at == 0 { actual } else { next };
        let last_season = ago(&seasonals, at);
        let last_slope = slope;
        level = ALPHA_GAMMA * (actual - last_season) + (1.0 - ALPHA_GAMMA) * (last_level + last_slope);
        slope = BETA * (level - last_level) + (1.0 - BETA) * last_slope;
        next = level + slope + ago(&seasonals, at + 1);
        let missed = (actual - if is_gap(prediction) { 0.0 } else { prediction }).abs();
        deviations.push(ALPHA_GAMMA * missed + (1.0 - ALPHA_GAMMA) * ago(&deviations, at));
        seasonals.push(ALPHA_GAMMA * (actual - level) + (1.0 - ALPHA_GAMMA) * last_season);
        predictions.push(prediction);
    }
    Analysis { predictions, deviations }
}

/// What is left once the time for learning is over; none of the looks of the series remain.
fn replace(run: &mut Evaluation<'_>, args: &Args<'_>, series: &mut Series, mut values: Vec<f64>) -> Result<(), Fault> {
    let secs = args.duration_secs("bootstrapInterval").min(1 << 40);
    let learning = usize::try_from(secs / i64::from(series.step.secs())).unwrap_or(usize::MAX);
    values.drain(..learning.min(values.len()));
    let slots = Slots { start: series.start + secs, ..Slots::of(series, values) };
    (series.consolidation, series.style) = (Consolidation::default(), Style::default());
    run.replace(series, slots)
}

fn forecast(run: &mut Evaluation<'_>, args: &Args<'_>, lists: Vec<Vec<Series>>) -> Answer {
    let mut all: Vec<Series> = lists.into_iter().flatten().collect();
    for series in &mut all {
        let Analysis { predictions, .. } = analyse(args, series);
        replace(run, args, series, predictions)?;
        run.wrap(args, series)?;
    }
    Ok(all)
}

/// Lower and upper band of each series.
fn bands(
    run: &mut Evaluation<'_>,
    args: &Args<'_>,
    all: impl Iterator<Item = Series>,
) -> Result<Vec<[Series; 2]>, Fault> {
    const TAGS: [&str; 4] =
        ["holtWintersForecast", "holtWintersDeviation", "holtWintersConfidenceUpper", "holtWintersConfidenceLower"];
    let delta = args.any_number("delta");
    let mut bands = Vec::new();
    for mut series in all {
        let Analysis { predictions, deviations } = analyse(args, &series);
        series.tags.extend(TAGS.map(|tag| (tag.to_owned(), "1".to_owned())));
        (series.values, series.sketches) = (Vec::new(), None);
        let mut band = |word: &str, sign: f64| -> Result<Series, Fault> {
            let mut band = series.clone();
            let both = predictions.iter().zip(&deviations);
            let bound = |(prediction, deviation): (&f64, &f64)| match is_gap(*prediction) {
                true => GAP,
                false => prediction + sign * (delta * deviation),
            };
            replace(run, args, &mut band, both.map(bound).collect())?;
            let name = format!("holtWintersConfidence{word}({})", series.name);
            run.rename(&mut band, name)?;
            Ok(band)
        };
        bands.push([band("Lower", -1.0)?, band("Upper", 1.0)?]);
    }
    Ok(bands)
}

/// Values and bands go by place, not by time. Where there is no band there is nothing to miss.
fn aberration(run: &mut Evaluation<'_>, args: &Args<'_>, lists: Vec<Vec<Series>>) -> Answer {
    let mut lists = lists.into_iter();
    let mut own = lists.next().unwrap_or_default();
    let bands = bands(run, args, lists.flatten())?;
    for series in &mut own {
        let upper = format!("holtWintersConfidenceUpper({})", series.name);
        let Some([lower, upper]) = bands.iter().find(|[_, band]| band.name == upper) else {
            return Err(argument(args.function, format!("`{}` has no band", series.name)));
        };
        let beyond = |(at, value): (usize, &f64)| {
            let band = |band: &Series| band.values.get(at).copied().filter(|bound| !is_gap(*bound));
            let (lower, upper) = (band(lower), band(upper));
            match (upper.filter(|upper| value > upper), lower.filter(|lower| value < lower)) {
                (Some(bound), _) | (None, Some(bound)) => value - bound,
                (None, None) => 0.0,
            }
        };
        let slots = Slots::of(series, series.values.iter().enumerate().map(beyond).collect());
        run.replace(series, slots)?;
        (series.consolidation, series.style) = (Consolidation::default(), Style::default());
        run.wrap(args, series)?;
    }
    Ok(own)
}

fn area(run: &mut Evaluation<'_>, args: &Args<'_>, lists: Vec<Vec<Series>>) -> Answer {
    let bands = bands(run, args, lists.into_iter().flatten())?;
    let count = bands.len();
    let Ok([mut area]) = <[[Series; 2]; 1]>::try_from(bands) else {
        return Err(argument(args.function, format!("takes exactly one series; there are {count}")));
    };
    for band in &mut area {
        band.tags.insert(args.function.name.to_owned(), "1".to_owned());
        band.style.stacked = true;
        let name = format!("holtWintersConfidenceArea({})", band.path_expression);
        band.path_expression.clone_from(&name);
        run.rename(band, name)?;
    }
    area[0].style.invisible = true;
    Ok(area.into())
}
