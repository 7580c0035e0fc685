//! Rules: which retention, aggregation method and x-files factor a new series gets. Files are read as carbon reads
//! storage-schemas.conf and storage-aggregation.conf; without a file there are defaults that fit the names of StatsD.

mod text;

use crate::error::Error;
use crate::ini::{Ini, Section};
use crate::name::clip;
use crate::retention::{Archive, Retention};
use crate::rollup::Rollup;
use crate::sketch::{SketchKind, UnknownSketch};
use crate::time::Step;
use fancy_regex::Regex;
use std::path::Path;

/// What a new series is made with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings<'a> {
    /// Its archives.
    pub retention: &'a Retention,
    /// How they are rolled up.
    pub rollup: Rollup,
    /// From which share of known points on.
    pub x_files_factor: f64,
    /// Whether the store keeps a sketch of what makes the value, and which. The key is ours: carbon passes over it.
    pub sketch: Option<SketchKind>,
}

/// What an aggregation rule says.
#[derive(Clone, Copy, Debug)]
struct Aggregation {
    rollup: Rollup,
    x_files_factor: f64,
    sketch: Option<SketchKind>,
}

impl Aggregation {
    const fn new((rollup, x_files_factor): (Rollup, f64)) -> Aggregation {
        Aggregation { rollup, x_files_factor, sketch: None }
    }
}

/// The rules in order; of each kind the first that matches wins.
#[derive(Debug)]
pub struct Rules {
    /// The last matches everything.
    schemas: Vec<(Pattern, Retention)>,
    aggregations: Vec<(Pattern, Aggregation)>,
    /// Of series that no aggregation rule matches.
    otherwise: Aggregation,
    warnings: Vec<String>,
}

/// Ten seconds as StatsD flushes, then what a week and a year are looked at in.
const RETENTION: &str = "10s:6h,1m:7d,10m:1y";
/// What carbon appends to a given storage-schemas.conf.
const CARBON_RETENTION: &str = "60s:7d";
/// What carbon takes for what a given storage-aggregation.conf leaves open.
const CARBON_OTHERWISE: (Rollup, f64) = (Rollup::Average, 0.5);

/// For the names that StatsD emits, in both of its namespaces. Gauges come first, because their last node is the
/// user's own. Anchors and digits keep `count_ps` (a rate) and a legacy counter's rate (`stats.K`) averages.
const AGGREGATIONS: [(&str, Rollup, f64); 8] = [
    (r"^([^.]+\.)?gauges\.", Rollup::Last, 0.0),
    // Counts per flush in the legacy namespace, whatever their last node.
    (r"^stats_counts\.", Rollup::Sum, 0.0),
    // The distinct members of an hour are at least those of its fullest flush, and far fewer than the sum.
    (r"^([^.]+\.)?sets\.", Rollup::Max, 0.0),
    (r"\.lower(_(top)?[0-9_]+)?$|\.min$", Rollup::Min, 0.0),
    (r"\.upper(_(top)?[0-9_]+)?$|\.max$", Rollup::Max, 0.0),
    (r"\.count(_(top)?[0-9_]+)?$", Rollup::Sum, 0.0),
    (r"\.sum(_squares)?(_(top)?[0-9_]+)?$", Rollup::Sum, 0.0),
    (r"\.histogram\.bin_", Rollup::Sum, 0.0),
];
/// As statsd's documentation recommends: an average of three in ten is worth keeping.
const OTHERWISE: (Rollup, f64) = (Rollup::Average, 0.3);

impl Rules {
    /// Rules from the texts of carbon's files, each with its path for messages; an absent file means the defaults.
    ///
    /// # Errors
    /// Whatever would stop carbon from starting, and patterns that are no regular expressions.
    pub fn parse(schemas: Option<(&Path, &str)>, aggregation: Option<(&Path, &str)>) -> Result<Rules, Error> {
        let mut rules = Rules::default();
        if let Some((path, text)) = schemas {
            rules.schemas.clear();
            for section in Ini::parse(path, text)?.sections() {
                rules.add_schema(path, section)?;
            }
            rules.schemas.push((Pattern::Everything, built_in(CARBON_RETENTION)));
        }
        if let Some((path, text)) = aggregation {
            (rules.aggregations, rules.otherwise) = (Vec::new(), Aggregation::new(CARBON_OTHERWISE));
            for section in Ini::parse(path, text)?.sections() {
                rules.add_aggregation(path, section)?;
            }
        }
        Ok(rules)
    }

    /// The same rules for points that come at this step. Without a schemas file the finest archive takes it over, because
    /// of points in one slot only the last stays; a given file is obeyed as it is.
    pub fn at_step(mut self, step: Step) -> Rules {
        if let [(Pattern::Everything, retention)] = &mut self.schemas[..]
            && *retention == built_in(RETENTION)
        {
            *retention = retention_at(step);
        }
        self
    }

    /// What a series of this name is made with.
    pub fn settings(&self, name: &str) -> Settings<'_> {
        let schema = self.schemas.iter().find(|(pattern, _)| pattern.matches(name));
        let (_, retention) = schema.expect("the last schema matches everything");
        let aggregation = self.aggregations.iter().find(|(pattern, _)| pattern.matches(name));
        let Aggregation { rollup, x_files_factor, sketch } = aggregation.map_or(self.otherwise, |(_, found)| *found);
        Settings { retention, rollup, x_files_factor, sketch }
    }

    /// What was left out of the files, and why, as carbon logs it.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn add_schema(&mut self, path: &Path, section: &Section) -> Result<(), Error> {
        let Some(retentions) = section.get("retentions") else {
            self.warn(path, section, "has no retentions and is left out");
            return Ok(());
        };
        let Some(pattern) = section.get("pattern").filter(|pattern| !pattern.text.is_empty()) else {
            self.warn(path, section, "has no pattern and is left out");
            return Ok(());
        };
        // Text that cannot be read stops carbon; archives that do not fit each other are left out.
        for part in retentions.text.split(',') {
            let parsed = crate::retention::parse_archive(part);
            parsed.map_err(|error| section.error(path, retentions.line, "retentions", &error.to_string()))?;
        }
        match Retention::parse(&retentions.text) {
            Ok(retention) => self.schemas.push((compile(path, section)?, retention)),
            Err(error) => self.warn(path, section, &format!("is left out: {error} (pattern {})", clip(&pattern.text))),
        }
        Ok(())
    }

    fn add_aggregation(&mut self, path: &Path, section: &Section) -> Result<(), Error> {
        let mut aggregation = Aggregation::new(CARBON_OTHERWISE);
        if let Some(value) = section.get("xfilesfactor") {
            let parsed = value.text.parse().ok().filter(|factor| (0.0..=1.0).contains(factor));
            let wrong = || section.error(path, value.line, "xFilesFactor", "it is not a number between 0 and 1");
            aggregation.x_files_factor = parsed.ok_or_else(wrong)?;
        }
        if let Some(value) = section.get("aggregationmethod") {
            let wrong = |error| section.error(path, value.line, "aggregationMethod", &format!("{error}"));
            aggregation.rollup = value.text.parse().map_err(|error: crate::rollup::UnknownRollup| wrong(error))?;
        }
        if let Some(value) = section.get("sketch") {
            let wrong = |error: UnknownSketch| section.error(path, value.line, "sketch", &error.to_string());
            aggregation.sketch = Some(value.text.parse().map_err(wrong)?);
        }
        if section.get("pattern").is_none_or(|pattern| pattern.text.is_empty()) {
            self.warn(path, section, "has no pattern and is left out");
            return Ok(());
        }
        self.aggregations.push((compile(path, section)?, aggregation));
        Ok(())
    }

    fn warn(&mut self, path: &Path, section: &Section, what: &str) {
        self.warnings.push(format!("{}:{}: section [{}] {what}", path.display(), section.line, section.name));
    }
}

impl Default for Rules {
    fn default() -> Rules {
        let aggregations = AGGREGATIONS.map(|(pattern, rollup, factor)| {
            let regex = Regex::new(pattern).expect("a pattern of ours");
            (Pattern::Regex(Box::new(regex)), Aggregation::new((rollup, factor)))
        });
        Rules {
            schemas: vec![(Pattern::Everything, built_in(RETENTION))],
            aggregations: aggregations.into(),
            otherwise: Aggregation::new(OTHERWISE),
            warnings: Vec::new(),
        }
    }
}

#[derive(Debug)]
enum Pattern {
    Everything,
    Regex(Box<Regex>),
}

impl Pattern {
    /// As `re.search`: anywhere in the name, case-sensitive.
    fn matches(&self, name: &str) -> bool {
        match self {
            Pattern::Everything => true,
            // A pattern that gives up on a name, having tried too much, does not match it.
            Pattern::Regex(regex) => regex.is_match(name).unwrap_or(false),
        }
    }
}

fn compile(path: &Path, section: &Section) -> Result<Pattern, Error> {
    let Some(pattern) = section.get("pattern") else { return Ok(Pattern::Everything) };
    // Python's \Z is the very end, which is written \z here.
    let regex = Regex::new(&pattern.text.replace(r"\Z", r"\z"));
    let wrong = |error: fancy_regex::Error| section.error(path, pattern.line, "pattern", &error.to_string());
    Ok(Pattern::Regex(Box::new(regex.map_err(wrong)?)))
}

fn built_in(text: &str) -> Retention {
    Retention::parse(text).expect("a retention of ours")
}

/// The built-in retention with its finest archive at this step, and of the coarser ones those that are multiples of it.
fn retention_at(step: Step) -> Retention {
    const HOUR: u32 = 3600;
    let secs = step.secs();
    let coarser = [(10, 6 * HOUR), (60, 168 * HOUR), (600, 8760 * HOUR)].into_iter();
    let coarser: Vec<_> = coarser.filter(|&(coarse, _)| coarse > secs && coarse % secs == 0).collect();
    let kept = match coarser.first() {
        Some((10, _)) => HOUR,
        Some(_) => 6 * HOUR,
        None => 8760 * HOUR,
    };
    let archives = std::iter::once((secs, kept)).chain(coarser);
    let archive = |(secs, kept): (u32, u32)| Some(Archive { step: Step::new(secs)?, points: kept.div_ceil(secs) });
    let archives = archives.filter_map(archive).collect();
    Retention::new(archives).unwrap_or_else(|_| built_in(RETENTION))
}

#[cfg(test)]
mod tests;
