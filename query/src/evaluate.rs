//! Runs a plan over what was read. This file alone loops over series, counts what they cost and composes the names
//! and tags of every output; a kernel is handed slices.

use crate::Request;
use crate::aggregation::{Aggregation, count_present, is_enough};
use crate::consolidate::{self, Common};
use crate::error::{Fault, Misfit};
use crate::functions::{Args, Body, Function, Renames, Slots, Tagging, Value};
use crate::plan::{Fetch, Planned};
use crate::read::Reading;
use crate::series::{Consolidation, Series, Style};
use crate::sketches;
use std::borrow::Cow;
use std::collections::BTreeMap;
use tsdb::{GAP, is_gap};

/// One run: what was read, and what may still be spent.
pub struct Evaluation<'a> {
    request: &'a Request<'a>,
    fetches: &'a [Fetch],
    fetched: Vec<Wanted>,
    points_left: u64,
    name_bytes_left: usize,
    /// The request's, or what `setXFilesFactor` made of it.
    x_files_factor: f64,
}

/// A reading and how many expressions still want it.
struct Wanted {
    reading: Option<Reading>,
    uses_left: usize,
}

impl<'a> Evaluation<'a> {
    /// `fetched` belongs to `fetches`, one each.
    pub(crate) fn new(
        request: &'a Request<'a>,
        fetches: &'a [Fetch],
        fetched: Vec<Option<Reading>>,
        points: u64,
    ) -> Self {
        let wanted = |(reading, fetch): (_, &Fetch)| Wanted { reading, uses_left: fetch.uses };
        let fetched = fetched.into_iter().zip(fetches).map(wanted).collect();
        let limits = &request.limits;
        let points_left = limits.points.saturating_sub(points);
        let x_files_factor = request.x_files_factor;
        Evaluation { request, fetches, fetched, points_left, name_bytes_left: limits.name_bytes, x_files_factor }
    }

    /// Which share of a row must be present, from here on.
    pub fn x_files_factor(&mut self) -> &mut f64 {
        &mut self.x_files_factor
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
            tags: tags_of(name),
            start: slots.start,
            end: slots.end,
            step: slots.step,
            values: slots.values,
            consolidation: Consolidation::default(),
            x_files_factor: self.x_files_factor,
            style: Style::default(),
            sketches,
        })
    }

    fn call(&mut self, args: &Args<'_>, mut lists: Vec<Vec<Series>>) -> Result<Vec<Series>, Fault> {
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
                Ok(series)
            }
            Body::Series(kernel) => {
                for series in &mut series {
                    let slots = kernel(args, series)?;
                    self.spend_points(slots.values.len())?;
                    replace(series, slots);
                    self.wrap(args, series)?;
                }
                Ok(series)
            }
            Body::Fold(method) => self.fold(args.function, Folding::Values(method), &series),
            Body::Merge => self.fold(args.function, Folding::Sketches, &series),
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
                Ok(series)
            }
            Body::Pick(kernel) => Ok(kernel(args, series)),
            Body::Name(kernel) => {
                for series in &mut series {
                    series.name = kernel(args, series)?;
                    self.spend_name(series.name.len())?;
                }
                Ok(series)
            }
            Body::Style(kernel) => {
                for series in &mut series {
                    kernel(args, series);
                    self.wrap(args, series)?;
                }
                Ok(series)
            }
            // Dealt with above.
            Body::Lists(_) => Ok(series),
        }
    }

    /// All series into one at their common step. Nothing of nothing is nothing.
    fn fold(&mut self, function: &'static Function, folding: Folding, series: &[Series]) -> Result<Vec<Series>, Fault> {
        if series.is_empty() {
            return Ok(Vec::new());
        }
        let Some(Common { start, end, step }) = consolidate::common(series) else {
            let reason = "the steps of the series have no common multiple below 136 years".to_owned();
            return Err(argument(function, reason));
        };
        let (values, sketches) = match folding {
            Folding::Values(method) => {
                let rows: Vec<Cow<'_, [f64]>> =
                    series.iter().map(|series| consolidate::to_step(series, step)).collect();
                (folded(method, &rows, self.x_files_factor), None)
            }
            Folding::Sketches => {
                let merged = sketches::merge(series, (start, end, step));
                let merged = merged.map_err(|why| argument(function, why.to_string()))?;
                let without = || series.iter().find(|series| series.sketches.is_none()).unwrap_or(&series[0]);
                let merged = merged.ok_or_else(|| without_sketches(function, without()))?;
                (merged.values(step), Some(merged))
            }
        };
        self.spend_points(values.len())?;
        let name = format!("{}({})", function.name, path_expressions(series));
        self.spend_name(name.len())?;
        let tags = folded_tags(function, series, &name);
        let x_files_factor = self.x_files_factor;
        let (consolidation, style) = (Consolidation::default(), Style::default());
        let path_expression = name.clone();
        Ok(vec![Series {
            name,
            path_expression,
            tags,
            start,
            end,
            step,
            values,
            consolidation,
            x_files_factor,
            style,
            sketches,
        }])
    }

    /// Values in the place of a series' own, at other times.
    pub(crate) fn replace(&mut self, series: &mut Series, slots: Slots) -> Result<(), Fault> {
        self.spend_points(slots.values.len())?;
        replace(series, slots);
        Ok(())
    }

    /// A series that no store has.
    pub(crate) fn computed(&mut self, name: String, at: Common, values: Vec<f64>) -> Result<Series, Fault> {
        self.spend_points(values.len())?;
        self.spend_name(name.len())?;
        Ok(Series {
            path_expression: name.clone(),
            tags: tags_of(&name),
            name,
            start: at.start,
            end: at.end,
            step: at.step,
            values,
            consolidation: Consolidation::default(),
            x_files_factor: self.x_files_factor,
            style: Style::default(),
            sketches: None,
        })
    }

    /// Another name for a series, charged.
    pub(crate) fn rename(&mut self, series: &mut Series, name: String) -> Result<(), Fault> {
        self.spend_name(name.len())?;
        series.name = name;
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

    fn spend_points(&mut self, points: usize) -> Result<(), Fault> {
        let allowed = self.request.limits.points;
        let wanted = || "computing more points".to_owned();
        let left = self.points_left.checked_sub(points as u64);
        self.points_left = left.ok_or_else(|| Fault::Limit { limit: "points", allowed, wanted: wanted() })?;
        Ok(())
    }

    fn spend_name(&mut self, bytes: usize) -> Result<(), Fault> {
        let allowed = self.request.limits.name_bytes as u64;
        let wanted = || "the length of all names".to_owned();
        let left = self.name_bytes_left.checked_sub(bytes);
        self.name_bytes_left = left.ok_or_else(|| Fault::Limit { limit: "name_bytes", allowed, wanted: wanted() })?;
        Ok(())
    }
}

/// What of several series becomes one.
#[derive(Clone, Copy)]
enum Folding {
    Values(Aggregation),
    Sketches,
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

/// One value a row. Short series end in gaps. Where any value is enough, the usual methods go series by series, so
/// that memory is read in order; each row still adds from the left.
fn folded(method: Aggregation, rows: &[Cow<'_, [f64]>], x_files_factor: f64) -> Vec<f64> {
    let width = rows.iter().map(|row| row.len()).max().unwrap_or(0);
    match method {
        Aggregation::Sum | Aggregation::Average if x_files_factor <= 0.0 => return summed(method, rows, width),
        Aggregation::Max if x_files_factor <= 0.0 => return best(rows, width, |value, best| value > best),
        Aggregation::Min if x_files_factor <= 0.0 => return best(rows, width, |value, best| value < best),
        _ => {}
    }
    let mut column = vec![GAP; rows.len()];
    let mut one = |at: usize| {
        for (cell, row) in column.iter_mut().zip(rows) {
            *cell = row.get(at).copied().unwrap_or(GAP);
        }
        let enough = is_enough(count_present(&column), rows.len(), x_files_factor);
        if enough { method.over(&column) } else { GAP }
    };
    (0..width).map(&mut one).collect()
}

/// Without branches, so that it runs in vector registers: a gap adds a zero to a sum that began as one.
fn summed(method: Aggregation, rows: &[Cow<'_, [f64]>], width: usize) -> Vec<f64> {
    let mut sums = vec![0.0; width];
    let mut counts = vec![0.0; width];
    for row in rows {
        for ((value, sum), count) in row.iter().zip(&mut sums[..row.len()]).zip(&mut counts[..row.len()]) {
            let (value, one) = if is_gap(*value) { (0.0, 0.0) } else { (*value, 1.0) };
            *sum += value;
            *count += one;
        }
    }
    for (sum, count) in sums.iter_mut().zip(counts) {
        *sum = match method {
            _ if count == 0.0 => GAP,
            Aggregation::Average => *sum / count,
            _ => *sum,
        };
    }
    sums
}

/// The first of the best. No comparison with a NaN is true, so one that comes first stays.
fn best(rows: &[Cow<'_, [f64]>], width: usize, better: impl Fn(f64, f64) -> bool) -> Vec<f64> {
    let mut bests = vec![GAP; width];
    for row in rows {
        for (value, best) in row.iter().zip(&mut bests) {
            let takes = !is_gap(*value) & (is_gap(*best) | better(*value, *best));
            *best = if takes { *value } else { *best };
        }
    }
    bests
}

/// The queries that named the series, each once, in order.
fn path_expressions(series: &[Series]) -> String {
    let mut seen = std::collections::HashSet::new();
    let distinct = series.iter().map(|series| series.path_expression.as_str()).filter(|text| seen.insert(*text));
    distinct.collect::<Vec<_>>().join(",")
}

/// The tags that all series share; the name too if they share it, else the new one.
fn folded_tags(function: &Function, series: &[Series], name: &str) -> BTreeMap<String, String> {
    let mut tags = series[0].tags.clone();
    tags.retain(|tag, value| series[1..].iter().all(|series| series.tags.get(tag) == Some(value)));
    tags.entry("name".to_owned()).or_insert_with(|| name.to_owned());
    let method = function.name.strip_suffix("Series").unwrap_or(function.name);
    tags.insert("aggregatedBy".to_owned(), method.to_owned());
    tags
}

/// `name;tag=value;…`: what does not read as that is a name as a whole.
fn tags_of(name: &str) -> BTreeMap<String, String> {
    let whole = || BTreeMap::from([("name".to_owned(), name.to_owned())]);
    let mut parts = name.split(';');
    let metric = parts.next().unwrap_or(name);
    let mut tags = BTreeMap::new();
    for part in parts {
        match part.split_once('=') {
            Some((tag, value)) if is_tag(tag) && !value.is_empty() && !value.starts_with('~') => {
                tags.insert(tag.to_owned(), value.to_owned());
            }
            _ => return whole(),
        }
    }
    tags.insert("name".to_owned(), metric.trim_start_matches('~').to_owned());
    tags
}

fn is_tag(text: &str) -> bool {
    !text.is_empty() && !text.contains([';', '!', '^', '='])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slot() -> impl Strategy<Value = f64> {
        prop_oneof![Just(GAP), Just(f64::NAN), Just(-0.0), Just(f64::INFINITY), -1e3..1e3]
    }

    proptest! {
        #[test]
        fn the_fast_paths_fold_as_the_methods_do(rows in proptest::collection::vec(proptest::collection::vec(slot(), 0..6), 1..6)) {
            let borrowed: Vec<Cow<'_, [f64]>> = rows.iter().map(Cow::from).collect();
            for method in [Aggregation::Sum, Aggregation::Average, Aggregation::Max, Aggregation::Min] {
                let given = folded(method, &borrowed, 0.0);
                for (at, given) in given.iter().enumerate() {
                    let column: Vec<f64> = rows.iter().map(|row| row.get(at).copied().unwrap_or(GAP)).collect();
                    let expected = method.over(&column);
                    let same = is_gap(expected) == is_gap(*given);
                    prop_assert!(same && (expected == *given || expected.is_nan() && given.is_nan()));
                }
            }
        }
    }
}
