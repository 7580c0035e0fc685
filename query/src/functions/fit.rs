//! Polynomials that come nearest to a series.

use super::{Args, Body, Function, Group, Need, Param, Slots, Takes, Value};
use crate::error::Fault;
use crate::evaluate::argument;
use crate::series::Series;
use tsdb::{GAP, is_gap};

/// Beyond, a polynomial follows the noise, or the rounding.
const DEGREE_MAX: i64 = 20;

/// The family, by name.
pub const ALL: &[Function] = &[
    Function::new(
        "polyfit",
        Group::Calculate,
        "The polynomial of `degree` (1, or up to 20) that is nearest to the values, carried on by `offset` into the future.",
        &[
            Param::SERIES,
            Param::new("degree", Takes::Integer).default(Need::Optional),
            Param::new("offset", Takes::Duration).default(Need::Optional).suggests(&["1h", "1d", "7d"]),
        ],
        Body::Series(polyfit),
    )
    .prints(",", &["degree", "offset"]),
];

/// An orthogonal polynomial less the one before: `p[k+1](x) = (x - middle) p[k](x) - ratio p[k-1](x)`.
struct Term {
    middle: f64,
    ratio: f64,
    weight: f64,
}

fn polyfit(args: &Args<'_>, series: &Series) -> Result<Slots, Fault> {
    let degree = args.maybe_integer("degree").unwrap_or(1);
    if !(1..=DEGREE_MAX).contains(&degree) {
        return Err(argument(args.function, format!("`degree` must be from 1 to {DEGREE_MAX}")));
    }
    let step = i64::from(series.step.secs());
    let further = if matches!(args.value("offset"), Value::Absent) { 0 } else { args.duration_secs("offset") / step };
    let further = usize::try_from(further).unwrap_or(usize::MAX);
    let len = series.values.len().saturating_add(further);
    if len as u64 > args.limits.points {
        return Err(Fault::Limit { limit: "points", allowed: args.limits.points, wanted: format!("{len} points") });
    }
    // Places from -1 to 1 over the values keep the products small.
    let half = (series.values.len().max(2) - 1) as f64 / 2.0;
    let place = |at: usize| (at as f64 - half) / half;
    let (places, known): (Vec<f64>, Vec<f64>) =
        (0..).zip(&series.values).filter(|(_, value)| !is_gap(**value)).map(|(at, value)| (place(at), *value)).unzip();
    let values = match known.len() {
        0 | 1 => vec![GAP; len],
        _ => {
            let terms = terms(&places, &known, degree as usize);
            (0..len).map(|at| height(&terms, place(at))).collect()
        }
    };
    Ok(Slots { end: series.end + (len - series.values.len()) as i64 * step, ..Slots::of(series, values) })
}

/// Least squares by orthogonal polynomials over the places that have values (Forsythe 1957): each coefficient is a mean of
/// its own, so no system of equations loses digits. Fewer terms than asked for where there are fewer values.
fn terms(places: &[f64], values: &[f64], degree: usize) -> Vec<Term> {
    let mut before = vec![0.0; places.len()];
    let mut polynomial = vec![1.0; places.len()];
    let mut squares_before = 1.0;
    let mut terms = Vec::with_capacity(degree + 1);
    while terms.len() <= degree.min(places.len() - 1) {
        let squares: f64 = polynomial.iter().map(|p| p * p).sum();
        let weight = polynomial.iter().zip(values).map(|(p, value)| p * value).sum::<f64>() / squares;
        let middle = polynomial.iter().zip(places).map(|(p, x)| x * p * p).sum::<f64>() / squares;
        let ratio = if terms.is_empty() { 0.0 } else { squares / squares_before };
        for ((p, before), x) in polynomial.iter_mut().zip(&mut before).zip(places) {
            (*p, *before) = ((x - middle) * *p - ratio * *before, *p);
        }
        squares_before = squares;
        terms.push(Term { middle, ratio, weight });
    }
    terms
}

fn height(terms: &[Term], x: f64) -> f64 {
    let (mut before, mut polynomial, mut height) = (0.0, 1.0, 0.0);
    for Term { middle, ratio, weight } in terms {
        height += weight * polynomial;
        (polynomial, before) = ((x - middle) * polynomial - ratio * before, polynomial);
    }
    height
}
