//! query turns a target expression into series: parse, bind, plan, fetch once, evaluate.
//!
//! It never opens a file, a socket or a clock: the same plan over the same series is the same answer. What it knows of
//! storage is [`Source`], what it knows of time is the request's `now`.
#![forbid(unsafe_code)]

pub mod error;
pub mod limits;

pub mod ast;
mod bind;
mod parse;
mod template;

pub mod attime;

mod plan;
mod read;
pub mod source;

pub mod aggregation;
pub mod consolidate;
mod evaluate;
mod fold;
pub mod functions;
pub mod pattern;
pub mod python;
pub mod series;
pub mod sketches;
mod stop;
mod tags;

pub use error::Error;
pub use limits::Limits;
pub use series::{Consolidation, Series, Style};
pub use source::{EventSource, Source, SourceError};
pub use stop::Stop;

use error::Span;
use evaluate::Evaluation;
use jiff::tz::TimeZone;
use plan::Planner;
use tsdb::{Timestamp, Window};

/// What is asked.
#[derive(Clone)]
pub struct Request<'a> {
    /// The targets, answered in order.
    pub targets: &'a [String],
    /// The range, from [`attime::window`] or elsewhere.
    pub window: Window,
    /// The moment that counts as now: archives are chosen by it.
    pub now: Timestamp,
    /// For functions that look at a calendar.
    pub zone: TimeZone,
    /// Which share of a group must be present for it to have a value; 0 is any.
    pub x_files_factor: f64,
    /// As many values of a series as the caller will keep; [`consolidate::to_max_data_points`] makes them. With it known,
    /// what is computed from sketches is merged there instead of averaged. 0: all.
    pub max_data_points: u32,
    /// What stands for the placeholders of `template`, before what the targets say.
    pub template: &'a [(String, String)],
    /// What `events` asks.
    pub events: Option<&'a dyn EventSource>,
    /// What the query may cost.
    pub limits: Limits,
    /// Ends it early.
    pub stop: Stop,
}

/// The answer to a request.
#[derive(Debug, Default)]
pub struct Answer {
    /// Target by target, within a target as its functions order them.
    pub series: Vec<Series>,
    /// What it took.
    pub cost: Cost,
    /// What the asker may want to know, though it kept nobody from answering.
    pub notes: Vec<Note>,
}

/// What a request takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Series that its path expressions name, counted as often as they name them.
    pub series: usize,
    /// Points read for it.
    pub points: u64,
}

/// Something in a target that was ignored, as graphite-web ignores it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Which target, counted from 0.
    pub target: usize,
    /// Where in it.
    pub span: Span,
    /// What and why.
    pub message: String,
}

/// Answers a request.
///
/// # Errors
/// Says what is wrong with which target and where; nothing was read unless the store itself failed.
pub fn answer(source: &dyn Source, request: &Request<'_>) -> Result<Answer, Error> {
    let mut planner = Planner::new(source, request);
    let mut notes = Vec::new();
    let mut planned = Vec::new();
    for (target, text) in request.targets.iter().enumerate() {
        let located = |misfit: error::Misfit| misfit.of_target(target, text);
        let parsed = parse::parse(text, &request.limits).map_err(located)?;
        notes.extend(parsed.ignored.map(|ignored| ignored.note(target)));
        let Some(expr) = parsed.expr else { continue };
        let expr = template::expand(expr, request.template, &request.limits).map_err(located)?;
        let bound = bind::bind(expr, text, &request.limits).map_err(located)?;
        planned.push((target, planner.target(target, bound).map_err(located)?));
    }
    notes.append(&mut planner.notes);
    let (fetches, spent) = planner.finish();
    let fetched = read::read(source, request, &fetches)?;
    let mut evaluation = Evaluation::new(source, request, &fetches, fetched, spent);
    let mut series = Vec::new();
    for (target, planned) in planned {
        let answered = evaluation.run(planned).map_err(|misfit| misfit.of_target(target, &request.targets[target]))?;
        series.extend(answered);
    }
    series.iter_mut().for_each(consolidate::within_range);
    Ok(Answer { series, cost: evaluation.cost(), notes })
}
