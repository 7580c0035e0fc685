//! How alike series are: Pearson's correlation of their values, in windows or over all of it.

use super::sliding::joined_items;
use super::{Args, Body, Function, Group, Need, Param, Takes};
use crate::error::Fault;
use crate::evaluate::{Evaluation, argument};
use crate::series::Series;
use tsdb::{GAP, is_gap};

/// The family, by name.
pub const ALL: &[Function] = &[
    Function::new(
        "pearson",
        Group::Calculate,
        "The correlation of two series, from -1 to 1, in the `windowSize` points up to each; points that one of them lacks are left out.",
        &[
            Param::new("series", Takes::Series),
            Param::new("otherSeries", Takes::Series),
            Param::new("windowSize", Takes::Integer),
        ],
        Body::Lists(|run, args, lists| windowed(run, args, &lists)),
    ),
    Function::new(
        "pearsonClosest",
        Group::FilterSeries,
        "The `n` series that correlate most with the first one, whatever the `direction` (`abs`), rising with it (`pos`) or falling (`neg`).",
        &[
            Param::new("series", Takes::Series),
            Param::SERIES,
            Param::new("n", Takes::Integer),
            Param::new("direction", Takes::Choice(&["abs", "pos", "neg"])).default(Need::Word("abs")),
        ],
        Body::Lists(closest),
    ),
];

/// Of pairs of values: how many, their means, the sums of squares about these, and of products.
#[derive(Clone, Copy)]
struct Moments {
    count: f64,
    means: (f64, f64),
    squares: (f64, f64),
    products: f64,
}

impl Moments {
    const NONE: Moments = Moments { count: 0.0, means: (0.0, 0.0), squares: (0.0, 0.0), products: 0.0 };

    fn of((a, b): (f64, f64)) -> Moments {
        if is_gap(a) || is_gap(b) { Moments::NONE } else { Moments { count: 1.0, means: (a, b), ..Moments::NONE } }
    }

    /// Chan, Golub and LeVeque 1983.
    fn join(self, other: Moments) -> Moments {
        let count = self.count + other.count;
        if count == 0.0 {
            return Moments::NONE;
        }
        let apart = (other.means.0 - self.means.0, other.means.1 - self.means.1);
        let (share, both) = (other.count / count, self.count * other.count / count);
        Moments {
            count,
            means: (self.means.0 + apart.0 * share, self.means.1 + apart.1 * share),
            squares: (
                self.squares.0 + other.squares.0 + apart.0 * apart.0 * both,
                self.squares.1 + other.squares.1 + apart.1 * apart.1 * both,
            ),
            products: self.products + other.products + apart.0 * apart.1 * both,
        }
    }

    /// A gap where one of the two does not vary.
    fn correlation(self) -> f64 {
        let score = self.products / (self.squares.0.sqrt() * self.squares.1.sqrt());
        if score.is_nan() { GAP } else { score.clamp(-1.0, 1.0) }
    }
}

fn the_only<'l>(args: &Args<'_>, param: &str, list: &'l [Series]) -> Result<&'l Series, Fault> {
    match list {
        [only] => Ok(only),
        _ => Err(argument(args.function, format!("`{param}` must be one series; there are {}", list.len()))),
    }
}

fn windowed(run: &mut Evaluation<'_>, args: &Args<'_>, lists: &[Vec<Series>]) -> Result<Vec<Series>, Fault> {
    let (a, b) = (the_only(args, "series", &lists[0])?, the_only(args, "otherSeries", &lists[1])?);
    let size = args.integer("windowSize");
    let Some(points) = usize::try_from(size).ok().filter(|points| *points > 0) else {
        return Err(argument(args.function, "`windowSize` must be 1 or more".to_owned()));
    };
    let rows = run.rows(args.function, &[a, b])?;
    let mut pairs = Vec::with_capacity(rows.height());
    rows.each(|row| {
        pairs.push((row[0], row[1]));
        GAP
    });
    let mut values = vec![GAP; pairs.len().min(points - 1)];
    values.extend(joined_items(&pairs, points, Moments::NONE, Moments::of, Moments::join, Moments::correlation));
    let name = format!("pearson({},{},{size})", a.name, b.name);
    Ok(vec![run.computed(name, rows.common, values)?])
}

fn closest(run: &mut Evaluation<'_>, args: &Args<'_>, mut lists: Vec<Vec<Series>>) -> Result<Vec<Series>, Fault> {
    let candidates = lists.pop().unwrap_or_default();
    let reference = the_only(args, "series", &lists[0])?;
    let mut scored = Vec::new();
    for series in candidates {
        let rows = run.rows(args.function, &[reference, &series])?;
        let mut moments = Moments::NONE;
        rows.each(|row| {
            moments = moments.join(Moments::of((row[0], row[1])));
            GAP
        });
        drop(rows);
        let score = moments.correlation();
        let closeness = match args.text("direction") {
            _ if is_gap(score) => continue,
            "pos" if score >= 0.0 => score,
            "neg" if score <= 0.0 => -score,
            "abs" => score.abs(),
            _ => continue,
        };
        scored.push((closeness, series));
    }
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let wanted = usize::try_from(args.integer("n")).unwrap_or(0);
    Ok(scored.into_iter().take(wanted).map(|(_, series)| series).collect())
}
