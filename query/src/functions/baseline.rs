//! What is usual at this time: the medians of the same hours of other days.

use super::shift::{SHIFTS, moved, shifts};
use super::{Again, Args, Body, Function, Group, Need, Param, Takes};
use crate::aggregation::{Aggregation, count_present};
use crate::error::Fault;
use crate::evaluate::Evaluation;
use crate::series::Series;
use std::collections::HashMap;
use tsdb::{GAP, is_gap};

const PARAMS: &[Param] = &[
    Param::SERIES,
    Param::new("timeShiftUnit", Takes::Shift).default(Need::Word("1d")).suggests(SHIFTS),
    Param::new("timeShiftStart", Takes::Integer).default(Need::Integer(0)),
    Param::new("timeShiftEnd", Takes::Integer).default(Need::Integer(7)),
    Param::new("maxAbsentPercent", Takes::Number).optional(),
    Param::new("minAvg", Takes::Number).optional(),
];

/// The family, by name.
pub const ALL: &[Function] = &[
    Function::new(
        "baseline",
        Group::Calculate,
        "The median of each series as it was so many `timeShiftUnit` before, for each number from `timeShiftStart` up to, not including, `timeShiftEnd`, 0 left out. No baseline has more gaps than `maxAbsentPercent`, or a mean below `minAvg`.",
        PARAMS,
        Body::Lists(|run, args, lists| usual(run, args, lists, false)),
    )
    .again(|args| again(args, false)),
    Function::new(
        "baselineAberration",
        Group::Calculate,
        "Every value over its `baseline`: 1.1 is a tenth more than usual.",
        PARAMS,
        Body::Lists(|run, args, lists| usual(run, args, lists, true)),
    )
    .again(|args| again(args, true)),
];

fn again(args: &Args<'_>, own: bool) -> Result<Again, Fault> {
    let secs = args.duration_secs("timeShiftUnit");
    let windows = times(args)?.map(|times| moved(args.window, secs, times)).collect();
    Ok(Again { own, windows })
}

/// How many units each of the lists is shifted by.
fn times(args: &Args<'_>) -> Result<impl Iterator<Item = i64> + use<>, Fault> {
    Ok(shifts(args)?.filter(|times| *times != 0))
}

/// Series of one name, at the times they are compared for.
#[derive(Default)]
struct Compared {
    now: Option<Series>,
    others: Vec<Series>,
}

fn usual(run: &mut Evaluation<'_>, args: &Args<'_>, lists: Vec<Vec<Series>>, over: bool) -> Result<Vec<Series>, Fault> {
    let (mut places, mut found) = (HashMap::new(), Vec::<Compared>::new());
    let mut lists = lists.into_iter();
    let secs = args.duration_secs("timeShiftUnit");
    let own = if over { lists.next() } else { None };
    let shifted = times(args)?.zip(lists).map(|(times, list)| (secs.saturating_mul(times), list));
    for (by, list) in own.map(|list| (0, list)).into_iter().chain(shifted) {
        for mut series in list {
            let place = *places.entry(series.name.clone()).or_insert_with(|| {
                found.push(Compared::default());
                found.len() - 1
            });
            let compared = &mut found[place];
            if by == 0 {
                compared.now = Some(series);
            } else if compared.now.is_some() || !over {
                (series.start, series.end) = (series.start + -by, series.end + -by);
                compared.others.push(series);
            }
        }
    }
    let answers = found.into_iter().filter(|compared| !compared.others.is_empty());
    answers.filter_map(|compared| one(run, args, compared).transpose()).collect()
}

fn one(run: &mut Evaluation<'_>, args: &Args<'_>, compared: Compared) -> Result<Option<Series>, Fault> {
    let Compared { now, others } = compared;
    let all: Vec<&Series> = others.iter().chain(&now).collect();
    let rows = run.rows(args.function, &all)?;
    let medians = rows.each(|row| {
        let others = &row[..others.len()];
        if count_present(others) == 0 { GAP } else { Aggregation::Median.over(others) }
    });
    let (present, mean) = (count_present(&medians), Aggregation::Average.over(&medians));
    let absent = 100.0 * (medians.len() - present) as f64 / medians.len() as f64;
    let too_few = args.maybe_number("maxAbsentPercent").is_some_and(|most| absent > most);
    let too_little = args.maybe_number("minAvg").is_some_and(|least| mean < least);
    if too_few || too_little {
        return Ok(None);
    }
    let values = match now {
        None => medians,
        Some(_) => {
            let now = rows.column(others.len()).iter().copied().chain(std::iter::repeat(GAP));
            medians.iter().zip(now).map(|(usual, now)| aberration(now, *usual)).collect()
        }
    };
    let name = format!("{}({})", args.function_name(), others[0].name);
    run.computed(name, rows.common, values).map(Some)
}

/// Nothing can be said in fractions of nothing: 0, as carbonapi has it.
fn aberration(now: f64, usual: f64) -> f64 {
    match usual {
        _ if is_gap(now) || is_gap(usual) => GAP,
        0.0 => 0.0,
        _ => now / usual,
    }
}
