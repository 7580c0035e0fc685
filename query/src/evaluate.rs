//! Runs a plan over what was read. This file alone loops over series, counts what they cost and composes the names
//! and tags of every output; a kernel is handed slices, or whole lists where it needs them.

use crate::aggregation::Aggregation;
use crate::consolidate::Common;
use crate::error::{Fault, Misfit};
use crate::fold::{Rows, path_expressions};
use crate::functions::args::literals;
use crate::functions::{Args, Body, Function, Need, Renames, Slots, Tagging, Takes, Value};
use crate::plan::{Fetch, Planned, Planner, Spent};
use crate::read::Reading;
use crate::series::{Consolidation, Series, Style};
use crate::source::{Source, SourceError};
use crate::{Cost, Request, bind, parse, read, sketches, tags, template};
use std::collections::HashMap;
use tsdb::{Tagged, Timestamp, Window};

/// One run: what was read, what was spent, and what a function leaves for the ones after it.
pub struct Evaluation<'a> {
    source: &'a dyn Source,
    request: &'a Request<'a>,
    fetches: &'a [Fetch],
    fetched: Vec<Wanted>,
    shared: Shared,
}

/// What the texts that functions evaluate share with the target they stand in, and targets with the next ones.
#[derive(Default)]
struct Shared {
    spent: Spent,
    name_bytes: usize,
    /// The request's, or what `setXFilesFactor` made of it.
    x_files_factor: f64,
    /// The sums of `stacked` by the name of the stack.
    stacks: HashMap<String, Vec<f64>>,
    /// How many texts stand in each other.
    depth: u32,
}

/// A reading and how many expressions still want it.
struct Wanted {
    reading: Option<Reading>,
    uses_left: usize,
}

/// How deep texts may stand in each other: an `applyByNode` in the template of another.
const TEXTS_DEEP_MAX: u32 = 4;

impl<'a> Evaluation<'a> {
    /// `fetched` belongs to `fetches`, one each.
    pub(crate) fn new(
        source: &'a dyn Source,
        request: &'a Request<'a>,
        fetches: &'a [Fetch],
        fetched: Vec<Option<Reading>>,
        spent: Spent,
    ) -> Self {
        let shared = Shared { spent, x_files_factor: request.x_files_factor, ..Shared::default() };
        Evaluation { source, request, fetches, fetched: wanted(fetches, fetched), shared }
    }

    /// What all of it took.
    pub(crate) fn cost(&self) -> Cost {
        self.shared.spent.cost
    }

    /// What is asked.
    pub fn request(&self) -> &'a Request<'a> {
        self.request
    }

    /// Which share of a row must be present, from here on.
    pub fn x_files_factor(&mut self) -> &mut f64 {
        &mut self.shared.x_files_factor
    }

    /// The sums of a stack so far.
    pub fn stack(&mut self, name: &str) -> &mut Vec<f64> {
        self.shared.stacks.entry(name.to_owned()).or_default()
    }

    /// The series that an expression answers.
    pub(crate) fn run(&mut self, planned: Planned) -> Result<Vec<Series>, Misfit> {
        match planned {
            Planned::Nothing => Ok(Vec::new()),
            Planned::Path { expression, fetches } => {
                Ok(fetches.into_iter().filter_map(|at| self.series(at, &expression)).collect())
            }
            Planned::Call { function, values, inputs, window, reach_secs, span } => {
                let lists = inputs.into_iter().map(|input| self.run(input)).collect::<Result<Vec<_>, _>>()?;
                let Request { limits, now, zone, .. } = self.request;
                let args = Args { function, values: &values, window, reach_secs, limits, now: *now, zone };
                self.call(&args, lists).map_err(|fault| Misfit::new(fault, span))
            }
        }
    }

    /// The series that a text answers, which a function made while the plan ran. It spends what the request has left.
    pub(crate) fn text(&mut self, text: &str, window: Window) -> Result<Vec<Series>, Fault> {
        let limits = &self.request.limits;
        if self.shared.depth >= TEXTS_DEEP_MAX {
            let wanted = "a target in a target".to_owned();
            return Err(Fault::Limit { limit: "nesting", allowed: u64::from(TEXTS_DEEP_MAX), wanted });
        }
        let Some(expr) = parse::parse(text, limits).map_err(|misfit| misfit.fault)?.expr else { return Ok(Vec::new()) };
        let expr = template::expand(expr, self.request.template, limits).map_err(|misfit| misfit.fault)?;
        let bound = bind::bind(expr, text, limits).map_err(|misfit| misfit.fault)?;
        let request = Request { window, ..self.request.clone() };
        let mut planner = Planner::resumed(self.source, &request, self.shared.spent);
        let planned = planner.target(0, bound).map_err(|misfit| misfit.fault)?;
        let (fetches, spent) = planner.finish();
        let fetched = wanted(&fetches, read::read(self.source, &request, &fetches).map_err(|error| error.fault)?);
        let shared = Shared { spent, depth: self.shared.depth + 1, ..std::mem::take(&mut self.shared) };
        let mut inner = Evaluation { source: self.source, request: &request, fetches: &fetches, fetched, shared };
        let answered = inner.run(planned);
        self.shared = inner.shared;
        self.shared.depth -= 1;
        answered.map_err(|misfit| misfit.fault)
    }

    /// When what was tagged so happened.
    pub(crate) fn moments(&self, window: Window, tagged: &Tagged) -> Result<Vec<Timestamp>, Fault> {
        let moments = match self.request.events {
            Some(events) => events.moments(window, tagged),
            None => Err(SourceError::Refused("there are no events here".to_owned())),
        };
        moments.map_err(|source| Fault::Source { name: "events".to_owned(), source })
    }

    /// A function of lists alone, as other functions call one by its name.
    pub(crate) fn apply(
        &mut self,
        function: &'static Function,
        window: Window,
        lists: Vec<Vec<Series>>,
    ) -> Result<Vec<Series>, Fault> {
        let of_lists =
            function.params.iter().filter(|param| param.takes.is_series() || param.takes == Takes::SeriesOrNumber);
        let (least, most) = of_lists.fold((0, 0), |(least, most), param| {
            let one = usize::from(param.need == Need::Required);
            (least + one, if param.multiple { usize::MAX } else { most + 1 })
        });
        let more = literals(function).find(|param| param.need == Need::Required);
        let reaches = function.window.is_some() || function.again.is_some();
        if reaches || more.is_some() || !(least..=most).contains(&lists.len()) {
            return Err(argument(function, format!("cannot be called with {} lists of series alone", lists.len())));
        }
        let values: Vec<_> = literals(function).map(|param| bind::left_out_beside(param, lists.len())).collect();
        let Request { limits, now, zone, .. } = self.request;
        let args = Args { function, values: &values, window, reach_secs: 0, limits, now: *now, zone };
        self.call(&args, lists)
    }

    /// A series as it was read; the last expression that wants the values takes them, the others copy.
    fn series(&mut self, at: usize, expression: &str) -> Option<Series> {
        let wanted = &mut self.fetched[at];
        wanted.uses_left -= 1;
        let Reading { slots, sketches } =
            if wanted.uses_left == 0 { wanted.reading.take() } else { wanted.reading.clone() }?;
        let name = &*self.fetches[at].name;
        Some(Series {
            name: name.to_owned(),
            path_expression: expression.to_owned(),
            tags: tags::of_name(name),
            start: slots.start,
            end: slots.end,
            step: slots.step,
            values: slots.values,
            consolidation: Consolidation::default(),
            x_files_factor: self.shared.x_files_factor,
            style: Style::default(),
            sketches,
        })
    }

    fn call(&mut self, args: &Args<'_>, mut lists: Vec<Vec<Series>>) -> Result<Vec<Series>, Fault> {
        self.go_on()?;
        if let Body::Lists(kernel) = args.function.body {
            return kernel(self, args, lists);
        }
        let mut series = if lists.len() == 1 { lists.swap_remove(0) } else { lists.into_iter().flatten().collect() };
        match args.function.body {
            Body::Points(kernel) => {
                for series in &mut series {
                    kernel(args, &mut series.values);
                    series.sketches = None;
                    self.wrap(args, series)?;
                }
            }
            Body::Series(kernel) => {
                for series in &mut series {
                    let slots = kernel(args, series)?;
                    self.spend_points(slots.values.len())?;
                    replace(series, slots);
                    self.wrap(args, series)?;
                }
            }
            Body::Fold(method) => {
                let word = args.function.name.strip_suffix("Series").unwrap_or(args.function.name);
                let all: Vec<&Series> = series.iter().collect();
                return Ok(self.aggregate(args.function, (word, method), &all, None)?.into_iter().collect());
            }
            Body::Merge => return self.merge(args.function, &series),
            Body::Leaf(leaf) => {
                for series in &mut series {
                    let leaf = leaf(args);
                    let found = series.sketches.take().ok_or_else(|| without_sketches(args.function, series))?;
                    let sketches = found.leaf(leaf);
                    series.values = sketches.values(series.step);
                    series.sketches = Some(sketches);
                    series.consolidation = Consolidation::default();
                    self.wrap(args, series)?;
                }
            }
            Body::Pick(kernel) => return kernel(args, series),
            Body::Name(kernel) => {
                for series in &mut series {
                    let name = kernel(args, series)?;
                    self.rename(series, name)?;
                }
            }
            Body::Style(kernel) => {
                for series in &mut series {
                    kernel(args, series);
                    self.wrap(args, series)?;
                }
            }
            // Binding has made a path expression of the call; lists have been dealt with.
            Body::Tagged | Body::Lists(_) => {}
        }
        Ok(series)
    }

    /// All series into one at their common step, as graphite-web's `aggregate` makes it; `word` is in its name and tags.
    /// Nothing of nothing is nothing.
    pub(crate) fn aggregate(
        &mut self,
        function: &'static Function,
        (word, method): (&str, Aggregation),
        series: &[&Series],
        x_files_factor: Option<f64>,
    ) -> Result<Option<Series>, Fault> {
        if series.is_empty() {
            return Ok(None);
        }
        let x_files_factor = x_files_factor.unwrap_or(self.shared.x_files_factor);
        let rows = self.rows(function, series)?;
        let Common { start, end, step } = rows.common;
        let sketches = match method {
            // Of all samples, not of the values that were computed from them.
            Aggregation::Quantile(quantile) => {
                let merged = sketches::merge(series, (start, end, step));
                merged.map_err(|why| argument(function, why.to_string()))?.and_then(|merged| merged.quantile(quantile))
            }
            _ => None,
        };
        let values = match &sketches {
            Some(sketches) => sketches.values(step),
            None => rows.aggregate(method, x_files_factor),
        };
        let name = format!("{word}Series({})", path_expressions(series.iter().copied()));
        let mut one = self.computed(name, rows.common, values)?;
        one.tags = shared_tags(series, &one.name, word);
        (one.x_files_factor, one.sketches) = (x_files_factor, sketches);
        Ok(Some(one))
    }

    /// The sketches of all series merged, step by step.
    fn merge(&mut self, function: &'static Function, series: &[Series]) -> Result<Vec<Series>, Fault> {
        let all: Vec<&Series> = series.iter().collect();
        if all.is_empty() {
            return Ok(Vec::new());
        }
        let common = self.rows(function, &all)?.common;
        let merged = sketches::merge(&all, (common.start, common.end, common.step));
        let merged = merged.map_err(|why| argument(function, why.to_string()))?;
        let without = || all.iter().find(|series| series.sketches.is_none()).unwrap_or(&all[0]);
        let merged = merged.ok_or_else(|| without_sketches(function, without()))?;
        let name = format!("{}({})", function.name, path_expressions(series));
        let mut one = self.computed(name, common, merged.values(common.step))?;
        one.tags = shared_tags(&all, &one.name, function.name);
        one.sketches = Some(merged);
        Ok(vec![one])
    }

    /// Series side by side; there must be one.
    pub(crate) fn rows<'s>(&self, function: &'static Function, series: &[&'s Series]) -> Result<Rows<'s>, Fault> {
        let reason = || "the steps of the series have no common multiple below 136 years".to_owned();
        Rows::of(series).ok_or_else(|| argument(function, reason()))
    }

    /// A series that was computed from others, known by the name it is given.
    pub(crate) fn computed(&mut self, name: String, at: Common, values: Vec<f64>) -> Result<Series, Fault> {
        self.spend_points(values.len())?;
        self.spend_name(name.len())?;
        Ok(Series {
            path_expression: name.clone(),
            tags: tags::of_computed(&name),
            name,
            start: at.start,
            end: at.end,
            step: at.step,
            values,
            consolidation: Consolidation::default(),
            x_files_factor: self.shared.x_files_factor,
            style: Style::default(),
            sketches: None,
        })
    }

    /// Another name for the answer alone.
    pub(crate) fn rename(&mut self, series: &mut Series, name: String) -> Result<(), Fault> {
        self.spend_name(name.len())?;
        series.name = name;
        series.style.unnamed = false;
        Ok(())
    }

    /// Values in the place of a series' own, at other times.
    pub(crate) fn replace(&mut self, series: &mut Series, slots: Slots) -> Result<(), Fault> {
        self.spend_points(slots.values.len())?;
        replace(series, slots);
        Ok(())
    }

    /// Name and tags of a series that went through a function.
    pub(crate) fn wrap(&mut self, args: &Args<'_>, series: &mut Series) -> Result<(), Fault> {
        let function = args.function;
        if function.naming.renames != Renames::Nothing {
            let name = composed(args, &series.name);
            if function.naming.renames == Renames::NameAndPath {
                series.path_expression.clone_from(&name);
            }
            self.rename(series, name)?;
        }
        match function.tagging {
            Tagging::Flag => drop(series.tags.insert(function.name.to_owned(), "1".to_owned())),
            Tagging::Params(tags) => {
                series.tags.extend(tags.iter().map(|(tag, param)| ((*tag).to_owned(), args.value(param).in_tag())));
            }
            Tagging::ParamOr(tag, param, word) => {
                let value = args.value(param);
                let value = if matches!(value, Value::Absent) { word.to_owned() } else { value.in_tag() };
                series.tags.insert(tag.to_owned(), value);
            }
            Tagging::Words(tags) => {
                series.tags.extend(tags.iter().map(|(tag, word)| ((*tag).to_owned(), (*word).to_owned())));
            }
        }
        Ok(())
    }

    /// Whether anybody still waits; asked before each kernel.
    fn go_on(&self) -> Result<(), Fault> {
        if self.request.stop.is_said() { Err(Fault::Stopped) } else { Ok(()) }
    }

    pub(crate) fn spend_points(&mut self, points: usize) -> Result<(), Fault> {
        self.go_on()?;
        let allowed = self.request.limits.points;
        self.shared.spent.points = self.shared.spent.points.saturating_add(points as u64);
        if self.shared.spent.points <= allowed {
            return Ok(());
        }
        Err(Fault::Limit { limit: "points", allowed, wanted: "computing more points".to_owned() })
    }

    fn spend_name(&mut self, bytes: usize) -> Result<(), Fault> {
        self.go_on()?;
        let allowed = self.request.limits.name_bytes;
        self.shared.name_bytes = self.shared.name_bytes.saturating_add(bytes);
        if self.shared.name_bytes <= allowed {
            return Ok(());
        }
        let wanted = "the length of all names".to_owned();
        Err(Fault::Limit { limit: "name_bytes", allowed: allowed as u64, wanted })
    }
}

fn wanted(fetches: &[Fetch], fetched: Vec<Option<Reading>>) -> Vec<Wanted> {
    let wanted = |(reading, fetch): (_, &Fetch)| Wanted { reading, uses_left: fetch.uses };
    fetched.into_iter().zip(fetches).map(wanted).collect()
}

/// What an output series is called, of an input's name.
fn composed(args: &Args<'_>, input: &str) -> String {
    let function = args.function;
    if let Some(composed) = function.composed {
        return composed(args, input);
    }
    let mut name = format!("{}({input}", function.name);
    for text in function.naming.shown.iter().filter_map(|param| args.value(param).in_name()) {
        name.push_str(function.naming.separator);
        name.push_str(&text);
    }
    name.push(')');
    name
}

pub(crate) fn argument(function: &'static Function, reason: String) -> Fault {
    Fault::Argument { function: function.name, reason }
}

fn without_sketches(function: &'static Function, series: &Series) -> Fault {
    argument(function, format!("`{}` has no sketches", series.name))
}

fn replace(series: &mut Series, slots: Slots) {
    let Slots { start, end, step, values } = slots;
    (series.start, series.end, series.step, series.values) = (start, end, step, values);
    series.sketches = None;
}

/// The tags that all series share; the name too if they share it, else the new one.
fn shared_tags(series: &[&Series], name: &str, word: &str) -> std::collections::BTreeMap<String, String> {
    let mut tags = series[0].tags.clone();
    tags.retain(|tag, value| series[1..].iter().all(|series| series.tags.get(tag) == Some(value)));
    tags.entry("name".to_owned()).or_insert_with(|| name.to_owned());
    tags.insert("aggregatedBy".to_owned(), word.to_owned());
    tags
}
