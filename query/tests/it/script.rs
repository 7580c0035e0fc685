//! Scripts: series in, targets asked, series out, as text. One file a function in `scripts/`.
//!
//! ```text
//! load 10s                        # a step; the first value is at 0s, a multiple of days since 1970
//!   web.a  1 2 _ 4                # a name, two blanks or more, values; `_` is a gap
//! eval scale(web.a, 2)            # over all that is loaded, or `eval from 10s until 30s …`,
//!   scale(web.a,2)  2 4 _ 8       # `points 3` for maxDataPoints, `xff 0.5` for xFilesFactor
//!   times 0s 10s                  # of the series above: first time and step, where they matter
//!   tags name=web.a scale=2.0     # of the series above: all of them, where they matter
//! eval scale(web.a)               # an error: its one-line message and the bytes it points at
//!   error scale: `factor` is missing
//!   at scale(web.a)
//! sketches 10s                  # as load, of series of sketches: the samples of each slot
//!   timer.a  1,2,3 _ 4
//! events                        # what happened: a moment and tags
//!   20s  deploy api
//! template name=value           # `template[name]` of the evals below
//! clear                           # forgets what was loaded
//! ```
//!
//! Below a series of sketches find lists p50, p99 and count, of sets count and uniques; members are samples with letters.

use jiff::tz::TimeZone;
use query::source::{Archive, Fetched, FetchedSketches, Node, Tagged};
use query::{
    Answer, Error, EventSource, Limits, Request, Series, Source, SourceError, Stop, attime, consolidate, functions,
    python,
};
use std::collections::BTreeMap;
use std::path::Path;
use tsdb::index::{Bounds, Index, TagExpression};
use tsdb::sketch::{Accuracy, BinLimit, DdSketch, Hll, Leaf, LgK, Sketch};
use tsdb::{GAP, Step, Timestamp, Window, is_gap};

/// More than any script loads.
const RETENTION_POINTS: u32 = 1000;
/// `0s` of every script: 27 whole years of 365 days and some after 1970, a midnight and a Monday in UTC.
const ORIGIN: i64 = 86400 * 11000;

#[test]
fn scripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/scripts");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut evals, mut failures) = (0, Vec::new());
    for file in &files {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let mut script = Script { name, ..Script::default() };
        evals += script.run(&std::fs::read_to_string(file).unwrap());
        failures.append(&mut script.failures);
    }
    println!("scripts: {} files, {evals} targets", files.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    for function in functions::all() {
        assert!(files.iter().any(|file| file.file_stem().unwrap() == function.name), "{} has no script", function.name);
    }
}

/// The step of a series and a sketch a slot.
type Sketches = (Step, Vec<Option<Sketch>>);

#[derive(Default)]
struct Script {
    name: String,
    series: BTreeMap<String, (Step, Vec<f64>)>,
    sketches: BTreeMap<String, Sketches>,
    events: Vec<(Timestamp, Vec<String>)>,
    template: Vec<(String, String)>,
    failures: Vec<String>,
}

impl Script {
    /// Runs a script and tells how many targets it asked.
    fn run(&mut self, text: &str) -> usize {
        let lines = text.lines().map(|line| line.split(" #").next().unwrap().trim_end());
        let lines: Vec<(usize, &str)> =
            (1..).zip(lines).filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).collect();
        let mut evals = 0;
        for (at, (number, line)) in lines.iter().enumerate() {
            let below = lines[at + 1..].iter().map(|(_, line)| *line).take_while(|line| line.starts_with(' '));
            let below: Vec<&str> = below.map(str::trim).collect();
            let place = format!("{}.test:{number}", self.name);
            match line.split_once(' ').unwrap_or((line, "")) {
                ("load", step) => self.load(step, &below, &place),
                ("sketches", step) => self.load_sketches(step, &below),
                ("events", "") => self.events.extend(below.iter().map(|line| happened(line))),
                ("template", given) => {
                    let (name, value) = given.split_once('=').unwrap();
                    self.template.push((name.to_owned(), value.to_owned()));
                }
                ("clear", "") => {
                    (self.series, self.sketches) = Default::default();
                    (self.events, self.template) = Default::default();
                }
                ("eval", asked) => {
                    evals += 1;
                    self.eval(asked, &below, &place);
                }
                _ if line.starts_with(' ') => {}
                _ => panic!("{place}: {line:?} is no command"),
            }
        }
        evals
    }

    fn load(&mut self, step: &str, below: &[&str], place: &str) {
        let step = Step::new(secs(step) as u32).unwrap();
        for line in below {
            let (name, values) = line.split_once("  ").unwrap_or_else(|| panic!("{place}: {line:?}"));
            self.series.insert(name.to_owned(), (step, values.split_whitespace().map(value).collect()));
        }
    }

    fn load_sketches(&mut self, step: &str, below: &[&str]) {
        let step = Step::new(secs(step) as u32).unwrap();
        for line in below {
            let (name, slots) = line.split_once("  ").unwrap();
            let slots = slots.split_whitespace().map(|slot| (slot != "_").then(|| sketch(slot)));
            self.sketches.insert(name.to_owned(), (step, slots.collect()));
        }
    }

    /// A series of sketches and the leaf that a name asks for.
    fn leaf(&self, name: &str) -> Option<(&Sketches, Leaf)> {
        let (base, leaf) = name.rsplit_once('.')?;
        Some((self.sketches.get(base)?, Leaf::parse(leaf)?))
    }

    fn fetch_slots<T: Clone>(
        slots: &[T],
        step: Step,
        window: Window,
        now: Timestamp,
        none: T,
    ) -> (Timestamp, Timestamp, Vec<T>) {
        let secs = i64::from(step.secs());
        let from = window.from.max(now - secs * i64::from(RETENTION_POINTS));
        let (start, end) = (from.floor(step) + secs, window.until.floor(step) + secs);
        let slot = |at: i64| usize::try_from((at - ORIGIN).div_euclid(secs)).ok().and_then(|at| slots.get(at));
        let fetched = (start.0..end.0).step_by(secs as usize).map(|at| slot(at).cloned().unwrap_or(none.clone()));
        (start, end, fetched.collect())
    }

    fn eval(&mut self, asked: &str, below: &[&str], place: &str) {
        let lengths = self.series.values().map(|(step, values)| (values.len(), *step));
        let lengths = lengths.chain(self.sketches.values().map(|(step, slots)| (slots.len(), *step)));
        let mut last = lengths.map(|(slots, step)| (slots as i64 - 1) * i64::from(step.secs())).max();
        let (mut first, mut points, mut x_files_factor) = (-1, None, 0.0);
        let mut rest = asked;
        while let Some((option @ ("from" | "until" | "points" | "xff"), after)) = rest.split_once(' ') {
            let (argument, after) = after.split_once(' ').unwrap();
            match option {
                "from" => first = secs(argument),
                "until" => last = Some(secs(argument)),
                "points" => points = Some(argument.parse().unwrap()),
                _ => x_files_factor = argument.parse().unwrap(),
            }
            rest = after;
        }
        let until = Timestamp(ORIGIN + last.unwrap_or(0));
        let window = Window { from: Timestamp(ORIGIN + first), until };
        let (targets, limits) = ([rest.to_owned()], Limits::default());
        let (zone, max_data_points) = (TimeZone::UTC, points.unwrap_or(0));
        let request = Request {
            targets: &targets,
            window,
            now: until,
            zone,
            x_files_factor,
            max_data_points,
            template: &self.template,
            events: Some(self),
            limits,
            stop: Stop::default(),
        };
        let given = match query::answer(&*self, &request) {
            Ok(Answer { mut series, .. }) => {
                consolidate::to_max_data_points(&mut series, points.unwrap_or(0));
                series.iter().flat_map(|series| shown(series, below)).collect()
            }
            Err(error) => refusal(&error, below),
        };
        let expected: Vec<String> = below.iter().map(|line| squeezed(line)).collect();
        if given != expected {
            let lines = |lines: &[String]| lines.iter().map(|line| format!("\n    {line}")).collect::<String>();
            self.failures.push(format!("{place}: {rest}\n  expected{}\n  given{}", lines(&expected), lines(&given)));
        }
    }
}

fn happened(line: &str) -> (Timestamp, Vec<String>) {
    let (at, tags) = line.split_once("  ").unwrap_or((line, ""));
    (Timestamp(ORIGIN + secs(at)), tags.split_whitespace().map(str::to_owned).collect())
}

impl EventSource for Script {
    fn moments(&self, window: Window, tagged: &Tagged) -> Result<Vec<Timestamp>, SourceError> {
        let wanted = |tags: &Vec<String>| match tagged {
            Tagged::Anyhow => true,
            Tagged::Every(wanted) => wanted.iter().all(|tag| tags.contains(tag)),
            Tagged::Any(wanted) => wanted.iter().any(|tag| tags.contains(tag)),
        };
        let is_in = |at: Timestamp| window.from <= at && at <= window.until;
        Ok(self.events.iter().filter(|(at, tags)| is_in(*at) && wanted(tags)).map(|(at, _)| *at).collect())
    }
}

/// A series as lines; times and tags only if the script mentions any.
fn shown(series: &Series, below: &[&str]) -> Vec<String> {
    let mentions = |word: &str| below.iter().any(|line| line.starts_with(word));
    let values: Vec<String> = series.values.iter().map(|value| printed(*value)).collect();
    let mut lines = vec![squeezed(&format!("{}  {}", series.name, values.join(" ")))];
    if mentions("times ") {
        lines.push(format!("times {}s {}s", series.start.0 - ORIGIN, series.step.secs()));
    }
    if mentions("tags ") {
        let tags: Vec<String> = series.tags.iter().map(|(tag, value)| format!("{tag}={value}")).collect();
        lines.push(format!("tags {}", tags.join(" ")));
    }
    lines
}

fn refusal(error: &Error, below: &[&str]) -> Vec<String> {
    let place = error.place.as_deref().unwrap();
    let pointed = &place.text[place.span.offset..place.span.end()];
    let lines = [format!("error {}", error.fault), format!("at {pointed}")];
    lines.into_iter().filter(|line| line.starts_with("error") || below.len() > 1).collect()
}

fn printed(value: f64) -> String {
    if is_gap(value) { "_".to_owned() } else { python::repr(value).trim_end_matches(".0").to_owned() }
}

fn value(text: &str) -> f64 {
    if text == "_" { GAP } else { text.parse().unwrap() }
}

fn secs(text: &str) -> i64 {
    attime::interval_secs(text).unwrap()
}

/// Blanks around values do not matter, two or more of them before the first.
fn squeezed(line: &str) -> String {
    match line.split_once("  ") {
        Some((name, values)) => {
            format!("{name}  {}", values.split_whitespace().collect::<Vec<_>>().join(" ")).trim_end().to_owned()
        }
        None => line.to_owned(),
    }
}

impl Source for Script {
    fn find(&self, pattern: &str) -> Result<Vec<Node>, SourceError> {
        let globs =
            pattern.replace('.', r"\.").replace('*', "[^.]*").replace('{', "(").replace('}', ")").replace(',', "|");
        let regex =
            fancy_regex::Regex::new(&format!("^{globs}$")).map_err(|why| SourceError::Refused(why.to_string()))?;
        let leaves = self.sketches.iter().flat_map(|(name, (_, slots))| {
            let is_set = slots.iter().flatten().any(|sketch| matches!(sketch, Sketch::Hll(_)));
            let leaves = if is_set { ["count", "uniques"].as_slice() } else { &["p50", "p99", "count"] };
            leaves.iter().map(move |leaf| format!("{name}.{leaf}"))
        });
        let names = self.series.keys().cloned().chain(leaves);
        let names = names.filter(|name| regex.is_match(name.as_str()).unwrap());
        Ok(names.map(|path| Node { path, leaf: true }).collect())
    }

    fn find_tagged(&self, expressions: &[String]) -> Result<Vec<String>, SourceError> {
        let index = Index::new(1000, Bounds { expansions: 100, nodes: 1000 });
        for name in self.series.keys().filter(|name| name.contains(';')) {
            index.show(index.resolve(name)?);
        }
        let expressions = expressions.iter().map(|text| TagExpression::parse(text)).collect::<Result<Vec<_>, _>>()?;
        Ok(index.tagged(&expressions)?)
    }

    fn archives(&self, name: &str) -> Result<Option<Vec<Archive>>, SourceError> {
        let step = self.series.get(name).map(|(step, _)| *step);
        let step = step.or_else(|| self.leaf(name).map(|((step, _), _)| *step));
        let step = step.or_else(|| self.sketches.get(name).map(|(step, _)| *step));
        Ok(step.map(|step| vec![Archive { step, points: RETENTION_POINTS }]))
    }

    fn fetch(&self, name: &str, window: Window, now: Timestamp) -> Result<Option<Fetched>, SourceError> {
        if let Some(((step, slots), leaf)) = self.leaf(name) {
            let (start, end, slots) = Script::fetch_slots(slots, *step, window, now, None);
            let value = |sketch: &Option<Sketch>| leaf.value(sketch.as_ref()?, f64::from(step.secs()));
            let values = slots.iter().map(|sketch| value(sketch).unwrap_or(GAP)).collect();
            return Ok(Some(Fetched { start, end, step: *step, values }));
        }
        let Some((step, values)) = self.series.get(name) else { return Ok(None) };
        let (start, end, values) = Script::fetch_slots(values, *step, window, now, GAP);
        Ok(Some(Fetched { start, end, step: *step, values }))
    }

    fn find_sketches(&self, pattern: &str) -> Result<Vec<String>, SourceError> {
        let regex =
            fancy_regex::Regex::new(&format!("^{}$", pattern.replace('.', r"\.").replace('*', "[^.]*"))).unwrap();
        Ok(self.sketches.keys().filter(|name| regex.is_match(name).unwrap()).cloned().collect())
    }

    fn fetch_sketches(
        &self,
        name: &str,
        window: Window,
        now: Timestamp,
    ) -> Result<Option<FetchedSketches>, SourceError> {
        let found = self.leaf(name).map(|(found, _)| found).or_else(|| self.sketches.get(name));
        let Some((step, slots)) = found else { return Ok(None) };
        let (start, end, slots) = Script::fetch_slots(slots, *step, window, now, None);
        let stored = slots.iter().map(|sketch| {
            let mut bytes = Vec::new();
            sketch.as_ref()?.encode(&mut bytes);
            Some(bytes)
        });
        Ok(Some(FetchedSketches { start, end, step: *step, stored: stored.collect() }))
    }
}

/// Of samples, or of members where these are no numbers.
fn sketch(slot: &str) -> Sketch {
    let samples: Vec<&str> = slot.split(',').collect();
    let values: Option<Vec<f64>> = samples.iter().map(|sample| sample.parse().ok()).collect();
    match values {
        Some(values) => {
            let mut sketch = DdSketch::new(Accuracy::DEFAULT, BinLimit::DEFAULT);
            values.iter().for_each(|&value| assert!(sketch.insert(value, 1.0)));
            Sketch::Dd(sketch)
        }
        None => {
            let mut set = Hll::new(LgK::DEFAULT);
            samples.iter().for_each(|member| set.insert(member.as_bytes()));
            Sketch::Hll(set)
        }
    }
}
