//! Series that no store has: the time, curves of it, a walk, what happened.

use super::{Args, Body, Function, Group, Need, Param, Takes, Value};
use crate::consolidate::Common;
use crate::error::Fault;
use crate::evaluate::{Evaluation, argument};
use crate::functions::shift::local_secs;
use crate::series::{Consolidation, Series};
use tsdb::{GAP, Step, Tagged, Timestamp, Window};

type Answer = Result<Vec<Series>, Fault>;

const NAME: Param = Param::new("name", Takes::Text);
const STEP: Param = Param::new("step", Takes::Integer).default(Need::Integer(60));

/// The family, by name.
pub const ALL: &[Function] = &[
    Function::new(
        "events",
        Group::Special,
        "How many events with all of these tags there were in each second; `*` is all events.",
        &[Param::new("tags", Takes::Text).multiple()],
        Body::Lists(events),
    ),
    Function::new(
        "identity",
        Group::Calculate,
        "The time in seconds since 1970, once a minute.",
        &[NAME],
        Body::Lists(identity),
    ),
    Function::new(
        "randomWalk",
        Group::Special,
        "A walk from 0 by less than half up or down a step; the same for the same name and start.",
        &[NAME, STEP],
        Body::Lists(random_walk),
    )
    .aliases(&["randomWalkFunction"]),
    Function::new(
        "sin",
        Group::Transform,
        "The sine of the time in seconds since 1970, times `amplitude`.",
        &[NAME, Param::new("amplitude", Takes::NumberAsWritten).default(Need::Integer(1)), STEP],
        Body::Lists(|run, args, _| {
            let amplitude = args.any_number("amplitude");
            let from = args.window.from;
            generated(run, args, from, |at| (at as f64).sin() * amplitude)
        }),
    )
    .aliases(&["sinFunction"]),
    Function::new("time", Group::Transform, "The time in seconds since 1970.", &[NAME, STEP], Body::Lists(time))
        .aliases(&["timeFunction"]),
];

/// From the request's start up to, not including, its end; `at` is shown as the start. A value is made of the time that
/// a clock in the request's zone shows.
fn generated(run: &mut Evaluation<'_>, args: &Args<'_>, at: Timestamp, value: impl FnMut(i64) -> f64) -> Answer {
    let shown = local_secs(args.window.from, args.zone);
    Ok(vec![stepped(run, args, (at, shown, args.integer("step")), value)?])
}

/// A value a second, and none where nothing happened. An event at the end of the range is not in it.
fn events(run: &mut Evaluation<'_>, args: &Args<'_>, _: Vec<Vec<Series>>) -> Answer {
    let tags: Vec<String> = args.list("tags").iter().map(Value::in_tag).collect();
    let name = format!("events(\"{}\")", tags.join("\", \""));
    let tagged = if tags == ["*"] { Tagged::Anyhow } else { Tagged::Every(tags) };
    let Window { from, until } = args.window;
    let second = Common { start: from, end: until, step: Step::SECOND };
    let mut values = vec![GAP; points(args, second)?];
    for moment in run.moments(Window { from, until: until - 1 }, &tagged)? {
        let value = usize::try_from(moment - from).ok().and_then(|at| values.get_mut(at));
        if let Some(value) = value {
            *value = if value.is_nan() { 1.0 } else { *value + 1.0 };
        }
    }
    let mut series = run.computed(name, second, values)?;
    series.consolidation = Consolidation::Sum;
    Ok(vec![series])
}

fn stepped(
    run: &mut Evaluation<'_>,
    args: &Args<'_>,
    (start, first, secs): (Timestamp, i64, i64),
    value: impl FnMut(i64) -> f64,
) -> Result<Series, Fault> {
    let Some(step) = u32::try_from(secs).ok().and_then(Step::new) else {
        return Err(argument(args.function, "`step` must be greater than 0".to_owned()));
    };
    let common = Common { start, end: start + (args.window.until - args.window.from), step };
    let values = (0..points(args, common)? as i64).map(|at| first + at * secs).map(value).collect();
    run.computed(args.text("name").to_owned(), common, values)
}

/// How many points these are, if so many may be.
fn points(args: &Args<'_>, at: Common) -> Result<usize, Fault> {
    let secs = i64::from(at.step.secs());
    let (allowed, points) = (args.limits.points, u64::try_from((at.end - at.start + secs - 1) / secs).unwrap_or(0));
    if points > allowed {
        return Err(Fault::Limit { limit: "points", allowed, wanted: format!("{points} points") });
    }
    Ok(points as usize)
}

fn time(run: &mut Evaluation<'_>, args: &Args<'_>, _: Vec<Vec<Series>>) -> Answer {
    let start = Timestamp(local_secs(args.window.from, args.zone));
    generated(run, args, start, |at| at as f64)
}

fn identity(run: &mut Evaluation<'_>, args: &Args<'_>, _: Vec<Vec<Series>>) -> Answer {
    let from = args.window.from;
    let mut series = stepped(run, args, (from, from.0, 60), |at| at as f64)?;
    series.path_expression = format!("identity(\"{}\")", series.name);
    Ok(vec![series])
}

/// xorshift64*, seeded by name and start: a plan over the same series gives the same answer.
fn random_walk(run: &mut Evaluation<'_>, args: &Args<'_>, _: Vec<Vec<Series>>) -> Answer {
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    let name = args.text("name").bytes().chain(args.window.from.0.to_le_bytes());
    let mut state = name.fold(0xcbf2_9ce4_8422_2325, fnv) | 1;
    let mut place = 0.0;
    generated(run, args, args.window.from, move |_| {
        let here = place;
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let bits = state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11;
        place += bits as f64 / (1u64 << 53) as f64 - 0.5;
        here
    })
}
