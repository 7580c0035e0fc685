//! What will be read, known before anything is: names and their steps first, then windows, then one fetch per name and
//! window for the whole request.
//!
//! The first pass finds the names of every path expression and the archives behind them. The second goes down from
//! each target: a function that reaches back (movingAverage by points) needs the steps of its inputs to know how far,
//! so the steps of any expression can be told without reading a value. They are told for the window that the caller
//! wants; an inner function that itself reaches back into a coarser archive is taken to keep its step.

use crate::aggregation::Aggregation;
use crate::bind::{Bound, Call};
use crate::consolidate::lcm;
use crate::error::{Error, Fault, Misfit, SourceError, Span};
use crate::functions::{Again, Args, Body, Function, Value};
use crate::source::{Archive, Source};
use crate::{Cost, Note, Request};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use tsdb::{Step, Timestamp, Window};

/// The year 1. Nothing reaches back further, so that no time overflows whatever the length of a window.
const EARLIEST: Timestamp = Timestamp(-62_135_596_800);

/// An expression and what it will read.
#[derive(Debug)]
pub(crate) enum Planned {
    /// Nothing is there, so a function that would reach back for it has no steps to go by and answers nothing.
    Nothing,
    Path {
        expression: String,
        /// Into [`Plan::fetches`], by name.
        fetches: Vec<usize>,
    },
    Call {
        function: &'static Function,
        values: Vec<Value>,
        inputs: Vec<Planned>,
        /// The window the output is wanted for.
        window: Window,
        /// How much earlier the inputs begin.
        reach_secs: i64,
        span: Span,
    },
}

/// What becomes of the sketches that values are computed from.
#[derive(Clone, Copy, Debug)]
enum Wants {
    /// The values are enough.
    Values,
    /// Sketches too, where a series is longer than the caller will keep: several values will become one.
    MergedLast,
    /// Sketches too.
    Sketches,
    /// Sketches too, and path expressions name series of sketches.
    Series,
}

/// One reading: a series and a window.
#[derive(Debug)]
pub(crate) struct Fetch {
    pub name: Arc<str>,
    pub window: Window,
    /// What of its sketches is read.
    pub sketches: Sketched,
    /// How many expressions want it.
    pub uses: usize,
    /// Who wanted it first.
    target: usize,
    span: Span,
}

/// What of a series' sketches is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sketched {
    /// Nothing: its values only.
    No,
    /// Those that its values are computed from, if they are.
    Beside,
    /// They are the series.
    Alone,
}

impl Fetch {
    pub fn failed(&self, request: &Request<'_>, source: SourceError) -> Error {
        self.misfit(request, Fault::Source { name: self.name.to_string(), source })
    }

    pub fn misfit(&self, request: &Request<'_>, fault: Fault) -> Error {
        Misfit::new(fault, self.span).of_target(self.target, &request.targets[self.target])
    }
}

/// Plans the targets of one request, one after the other.
pub(crate) struct Planner<'a> {
    source: &'a dyn Source,
    request: &'a Request<'a>,
    target: usize,
    found: HashMap<String, Arc<[Arc<str>]>>,
    archives: HashMap<Arc<str>, Arc<[Archive]>>,
    /// By name, window and whether they are sketches alone.
    planned: HashMap<(Arc<str>, Window, bool), usize>,
    fetches: Vec<Fetch>,
    /// With what was spent before.
    spent: Spent,
    pub notes: Vec<Note>,
}

/// What a request has taken so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    /// What the answer tells.
    pub cost: Cost,
    /// Points read, copied and computed, which the limit counts.
    pub points: u64,
    /// Searches.
    pub finds: u64,
    /// Calls and paths planned; one that is read again counts again.
    pub expressions: u64,
}

impl<'a> Planner<'a> {
    pub fn new(source: &'a dyn Source, request: &'a Request<'a>) -> Planner<'a> {
        Planner::resumed(source, request, Spent::default())
    }

    /// A plan made while another one runs counts on.
    pub fn resumed(source: &'a dyn Source, request: &'a Request<'a>, spent: Spent) -> Planner<'a> {
        let (found, archives, planned) = (HashMap::new(), HashMap::new(), HashMap::new());
        let (fetches, notes) = (Vec::new(), Vec::new());
        Planner { source, request, target: 0, found, archives, planned, fetches, spent, notes }
    }

    /// What is to be read, and what will have been spent with it.
    pub fn finish(self) -> (Vec<Fetch>, Spent) {
        (self.fetches, self.spent)
    }

    /// Plans one target.
    pub fn target(&mut self, target: usize, bound: Bound) -> Result<Planned, Misfit> {
        self.target = target;
        self.plan(bound, self.request.window, Wants::MergedLast)
    }

    fn plan(&mut self, bound: Bound, window: Window, wants: Wants) -> Result<Planned, Misfit> {
        let Call { function, values, mut inputs, span, .. } = match bound {
            Bound::Path { expression, tagged, span } => return self.path(expression, &tagged, span, window, wants),
            Bound::Call(call) => call,
        };
        self.spent.expressions += 1;
        self.check(
            "series",
            self.request.limits.series as u64,
            self.spent.expressions,
            "calls, each time that one is read",
            span,
        )?;
        if let Some(again) = function.again {
            let again = again(&self.args(function, &values, window)).map_err(|fault| Misfit::new(fault, span))?;
            let wants = wanted(function, &values, wants);
            let inputs = self.again(inputs, again, window, wants)?;
            return Ok(Planned::Call { function, values, inputs, window, reach_secs: 0, span });
        }
        let mut inner = window;
        if let Some(reach) = function.window {
            let steps = self.steps_of_all(&inputs, window)?;
            let Some(coarsest) = steps.last() else { return Ok(Planned::Nothing) };
            inner = reach(&self.args(function, &values, window), *coarsest, window);
            inner.from = inner.from.max(EARLIEST);
            inputs = inputs.into_iter().map(|input| self.without_pipes(input)).collect();
        }
        let reach_secs = window.from - inner.from;
        let mut wants = wanted(function, &values, wants);
        // Series of finer steps are brought to a common one first: several of their values become one.
        if function.joins() && matches!(wants, Wants::Values) && self.steps_of_all(&inputs, inner)?.len() > 1 {
            wants = Wants::Sketches;
        }
        let inputs = inputs.into_iter().map(|input| self.plan(input, inner, wants)).collect::<Result<_, _>>()?;
        Ok(Planned::Call { function, values, inputs, window, reach_secs, span })
    }

    /// The lists of a function that has its first one evaluated for several windows.
    fn again(
        &mut self,
        mut inputs: Vec<Bound>,
        again: Again,
        window: Window,
        wants: Wants,
    ) -> Result<Vec<Planned>, Misfit> {
        if inputs.is_empty() {
            return Ok(Vec::new());
        }
        let first = inputs.remove(0);
        let mut planned = Vec::new();
        if again.own {
            planned.push(self.plan(first.clone(), window, wants)?);
        }
        if !again.windows.is_empty() {
            let first = self.without_pipes(first);
            for mut window in again.windows {
                window.from = window.from.max(EARLIEST);
                window.until = window.until.max(EARLIEST);
                planned.push(match window.from <= window.until {
                    true => self.plan(first.clone(), window, wants)?,
                    false => Planned::Nothing,
                });
            }
        }
        for input in inputs {
            planned.push(self.plan(input, window, Wants::Values)?);
        }
        Ok(planned)
    }

    /// graphite-web evaluates the input of a function that reaches back a second time, and by then it has used up the
    /// pipes inside: what counts is the expression before the first one. The recorded answers have it so; a note tells.
    fn without_pipes(&mut self, bound: Bound) -> Bound {
        match bound {
            Bound::Path { .. } => bound,
            Bound::Call(mut call) if call.piped => {
                let message =
                    format!("`{}` is left out: a moving window reads what stands before a pipe", call.function.name);
                self.notes.push(Note { target: self.target, span: call.span, message });
                self.without_pipes(call.inputs.swap_remove(0))
            }
            Bound::Call(mut call) => {
                call.inputs = call.inputs.into_iter().map(|input| self.without_pipes(input)).collect();
                Bound::Call(call)
            }
        }
    }

    fn args<'b>(&'b self, function: &'static Function, values: &'b [Value], window: Window) -> Args<'b> {
        let Request { limits, now, zone, .. } = self.request;
        Args { function, values, window, reach_secs: 0, limits, now: *now, zone }
    }

    fn path(
        &mut self,
        expression: String,
        tagged: &[String],
        span: Span,
        window: Window,
        wants: Wants,
    ) -> Result<Planned, Misfit> {
        if expression.is_empty() {
            return Ok(Planned::Nothing);
        }
        let names = self.find(&expression, tagged, span)?;
        let alone = match wants {
            Wants::Series if tagged.is_empty() => {
                self.source.find_sketches(&expression).map_err(|why| misread(&expression, span, why))?
            }
            _ => Vec::new(),
        };
        self.spent.cost.series += names.len() + alone.len();
        let allowed = self.request.limits.series as u64;
        self.check("series", allowed, self.spent.cost.series as u64, "series to read", span)?;
        let mut fetches = Vec::with_capacity(names.len() + alone.len());
        for name in names.iter() {
            let Some(archive) = self.archive(name, span, window)? else { continue };
            let sketches = match wants {
                Wants::Sketches | Wants::Series => Sketched::Beside,
                Wants::MergedLast if self.is_longer_than_kept(archive, window) => Sketched::Beside,
                Wants::MergedLast | Wants::Values => Sketched::No,
            };
            fetches.push(self.fetch(name, archive, span, window, sketches)?);
        }
        for name in alone.into_iter().map(Arc::from) {
            let Some(archive) = self.archive(&name, span, window)? else { continue };
            fetches.push(self.fetch(&name, archive, span, window, Sketched::Alone)?);
        }
        Ok(Planned::Path { expression, fetches })
    }

    /// The reading of a name and window, planned once. What it takes is charged before any of it is read; a second use
    /// is a copy and takes as much again.
    fn fetch(
        &mut self,
        name: &Arc<str>,
        archive: Archive,
        span: Span,
        window: Window,
        sketches: Sketched,
    ) -> Result<usize, Misfit> {
        let slots = slots(archive, window);
        self.spent.points += slots.unsigned_abs();
        self.check("points", self.request.limits.points, self.spent.points, "points to read", span)?;
        let key = (Arc::clone(name), window, sketches == Sketched::Alone);
        if let Some(at) = self.planned.get(&key) {
            self.fetches[*at].uses += 1;
            if sketches == Sketched::Beside {
                self.fetches[*at].sketches = sketches;
            }
            return Ok(*at);
        }
        self.spent.cost.points += slots.unsigned_abs();
        self.fetches.push(Fetch { name: Arc::clone(name), window, sketches, uses: 1, target: self.target, span });
        self.planned.insert(key, self.fetches.len() - 1);
        Ok(self.fetches.len() - 1)
    }

    fn is_longer_than_kept(&self, archive: Archive, window: Window) -> bool {
        let points = i64::from(self.request.max_data_points);
        points > 0 && slots(archive, window) > points
    }

    fn check(&self, limit: &'static str, allowed: u64, count: u64, of: &str, span: Span) -> Result<(), Misfit> {
        if self.request.stop.is_said() {
            return Err(Misfit::new(Fault::Stopped, span));
        }
        if count <= allowed {
            return Ok(());
        }
        Err(Misfit::new(Fault::Limit { limit, allowed, wanted: format!("{count} {of}") }, span))
    }

    /// The series of a path expression, or of what tags are asked for.
    fn find(&mut self, expression: &str, tagged: &[String], span: Span) -> Result<Arc<[Arc<str>]>, Misfit> {
        if let Some(names) = self.found.get(expression) {
            return Ok(Arc::clone(names));
        }
        self.spent.finds += 1;
        self.check("finds", self.request.limits.finds as u64, self.spent.finds, "path expressions", span)?;
        let misread = |source| misread(expression, span, source);
        let mut names: Vec<Arc<str>> = if tagged.is_empty() {
            let nodes = self.source.find(expression).map_err(misread)?;
            nodes.into_iter().filter(|node| node.leaf).map(|node| node.path.into()).collect()
        } else {
            self.source.find_tagged(tagged).map_err(misread)?.into_iter().map(Arc::from).collect()
        };
        names.sort_unstable();
        names.dedup();
        let names: Arc<[Arc<str>]> = names.into();
        self.found.insert(expression.to_owned(), Arc::clone(&names));
        Ok(names)
    }

    /// The archive that a window will be read from: the finest that reaches back to its start. `None` where the
    /// window lies outside what is kept, or the series is gone since it was found.
    fn archive(&mut self, name: &Arc<str>, span: Span, window: Window) -> Result<Option<Archive>, Misfit> {
        if !self.archives.contains_key(name) {
            let archives = self.source.archives(name).map_err(|source| misread(name, span, source))?;
            self.archives.insert(Arc::clone(name), archives.unwrap_or_default().into());
        }
        let archives = &self.archives[name];
        let now = self.request.now;
        let Some(longest) = archives.iter().map(Archive::retention_secs).max() else { return Ok(None) };
        if window.from > now || window.until < now - longest {
            return Ok(None);
        }
        let age = (now - window.from).min(longest);
        Ok(archives.iter().find(|archive| archive.retention_secs() >= age).copied())
    }

    /// The steps that an expression's series will have, finest first.
    fn steps(&mut self, bound: &Bound, window: Window) -> Result<BTreeSet<Step>, Misfit> {
        let Call { function, values, inputs, .. } = match bound {
            Bound::Path { expression, tagged, span } => {
                let mut steps = BTreeSet::new();
                for name in self.find(expression, tagged, *span)?.iter() {
                    steps.extend(self.archive(name, *span, window)?.map(|archive| archive.step));
                }
                return Ok(steps);
            }
            Bound::Call(call) => call,
        };
        let steps = self.steps_of_all(&inputs[..function.leading(inputs.len())], window)?;
        let set = function.step.and_then(|step| step(&self.args(function, values, window)));
        Ok(match set {
            Some(step) if !steps.is_empty() => BTreeSet::from([step]),
            _ if function.joins() => {
                let mut all = steps.iter().copied();
                let first = all.next();
                first.and_then(|first| all.try_fold(first, lcm)).into_iter().collect()
            }
            _ => steps,
        })
    }

    fn steps_of_all(&mut self, inputs: &[Bound], window: Window) -> Result<BTreeSet<Step>, Misfit> {
        let mut steps = BTreeSet::new();
        for input in inputs {
            steps.extend(self.steps(input, window)?);
        }
        Ok(steps)
    }
}

/// As many slots as a window can have.
fn slots(archive: Archive, window: Window) -> i64 {
    let step = i64::from(archive.step.secs());
    (window.until - window.from).div_euclid(step).clamp(0, i64::from(archive.points)) + 1
}

/// What a function wants of its inputs, of whose own output so much is wanted.
fn wanted(function: &'static Function, values: &[Value], outer: Wants) -> Wants {
    fn is_quantile(value: &Value) -> bool {
        match value {
            Value::Aggregation { method, .. } => matches!(method, Aggregation::Quantile(_)),
            Value::List(values) => values.iter().any(|value| match value {
                Value::Text(word) => matches!(Aggregation::parse(word), Some(Aggregation::Quantile(_))),
                _ => false,
            }),
            _ => false,
        }
    }
    match function.body {
        _ if function.of_sketches => Wants::Series,
        _ if values.iter().any(is_quantile) => Wants::Sketches,
        // The values stay what they were, if at another time.
        _ if function.again.is_some() => outer,
        Body::Name(_) | Body::Style(_) | Body::Pick(_) => outer,
        _ => Wants::Values,
    }
}

fn misread(name: &str, span: Span, source: SourceError) -> Misfit {
    Misfit::new(Fault::Source { name: name.to_owned(), source }, span)
}
