//! The functions of a target: one type, one table, families as files.
//!
//! A function is data (a name, a sentence, parameters, how its answer is named) and a kernel of a few lines whose
//! [`Body`] says who loops: `evaluate.rs` alone goes over series, a kernel is handed slices. To add one, write it into
//! its family's `ALL`; everything else (binding, planning, names, tags, docs/functions.md, /functions) follows from
//! the entry.

pub mod alias;
pub mod args;
pub mod baseline;
pub mod bounds;
pub mod combine;
pub mod filter;
pub mod fit;
pub mod gaps;
pub mod generate;
pub mod graph;
pub mod groups;
pub mod holt_winters;
mod legend;
pub mod likeness;
pub mod line;
pub mod moving;
pub mod outliers;
pub mod page;
pub mod pairs;
pub mod param;
pub mod point;
pub mod series;
pub mod shift;
pub mod sketch;
mod sliding;
pub mod special;
pub mod summarize;
pub mod whole;

pub use args::{Args, Value};
pub use param::{Need, Param, Takes};

use crate::aggregation::Aggregation;
use crate::error::Fault;
use crate::evaluate::Evaluation;
use crate::series::Series;
use tsdb::sketch::Leaf;
use tsdb::{Step, Timestamp, Window};

/// Every function, family by family, in the documentation's order.
pub const FUNCTIONS: &[&[Function]] = &[
    combine::ALL,
    groups::ALL,
    pairs::ALL,
    point::ALL,
    series::ALL,
    gaps::ALL,
    whole::ALL,
    bounds::ALL,
    summarize::ALL,
    moving::ALL,
    holt_winters::ALL,
    shift::ALL,
    baseline::ALL,
    fit::ALL,
    likeness::ALL,
    generate::ALL,
    sketch::ALL,
    filter::ALL,
    outliers::ALL,
    alias::ALL,
    graph::ALL,
    line::ALL,
    special::ALL,
];

/// The function of a name or alias.
pub fn lookup(name: &str) -> Option<&'static Function> {
    all().find(|function| function.name == name || function.aliases.contains(&name))
}

/// Every function once, without its aliases.
pub fn all() -> impl Iterator<Item = &'static Function> {
    FUNCTIONS.iter().copied().flatten()
}

/// A function: what it is called, takes and does.
#[derive(Debug)]
pub struct Function {
    /// The name, case-sensitive.
    pub name: &'static str,
    /// Other names of the same function.
    pub aliases: &'static [&'static str],
    /// Where pickers list it.
    pub group: Group,
    /// What it does, in one sentence.
    pub sentence: &'static str,
    /// What it takes, in order.
    pub params: &'static [Param],
    /// The kernel.
    pub body: Body,
    /// The window its inputs are read for, where that is not the caller's own.
    pub window: Option<fn(&Args<'_>, Step, Window) -> Window>,
    /// The windows that its first list is read for again, where one more evaluation is what it is about.
    pub again: Option<ReadAgain>,
    /// The step of its output, where an argument sets it.
    pub step: Option<fn(&Args<'_>) -> Option<Step>>,
    /// Whether its path expressions name series of sketches themselves, beside what is computed from them.
    pub of_sketches: bool,
    /// How an output series is called.
    pub naming: Naming,
    /// How an output series is called where [`Naming`] cannot say it.
    pub composed: Option<fn(&Args<'_>, &str) -> String>,
    /// Which tags an output series gains.
    pub tagging: Tagging,
}

impl Function {
    /// A function whose output is named `name(input)` and tagged `name=1`, and which reads the caller's window.
    pub const fn new(
        name: &'static str,
        group: Group,
        sentence: &'static str,
        params: &'static [Param],
        body: Body,
    ) -> Function {
        let naming = Naming { separator: ",", shown: &[], renames: Renames::NameAndPath };
        let tagging = Tagging::Flag;
        Function {
            name,
            aliases: &[],
            group,
            sentence,
            params,
            body,
            window: None,
            again: None,
            step: None,
            of_sketches: false,
            naming,
            composed: None,
            tagging,
        }
    }

    /// Other names for it.
    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Function {
        self.aliases = aliases;
        self
    }

    /// Its inputs are read for another window than its output is wanted for.
    pub const fn window(mut self, window: fn(&Args<'_>, Step, Window) -> Window) -> Function {
        self.window = Some(window);
        self
    }

    /// Its first list is read again, for these windows.
    pub const fn again(mut self, again: ReadAgain) -> Function {
        self.again = Some(again);
        self
    }

    /// Its output has the step that the arguments say.
    pub const fn step(mut self, step: fn(&Args<'_>) -> Option<Step>) -> Function {
        self.step = Some(step);
        self
    }

    /// Its path expressions name series of sketches too.
    pub const fn of_sketches(mut self) -> Function {
        self.of_sketches = true;
        self
    }

    /// These parameters follow the input in the output's name.
    pub const fn prints(mut self, separator: &'static str, shown: &'static [&'static str]) -> Function {
        self.naming = Naming { separator, shown, ..self.naming };
        self
    }

    /// The output's name is made of the arguments and the input's.
    pub const fn composes(mut self, composed: fn(&Args<'_>, &str) -> String) -> Function {
        self.composed = Some(composed);
        self
    }

    /// This tag takes the value of this parameter, or a word where it is left out.
    pub const fn tags_or(mut self, tag: &'static str, param: &'static str, word: &'static str) -> Function {
        self.tagging = Tagging::ParamOr(tag, param, word);
        self
    }

    /// These tags are these words, instead of the function's own tag being 1.
    pub const fn tagged(mut self, tags: &'static [(&'static str, &'static str)]) -> Function {
        self.tagging = Tagging::Words(tags);
        self
    }

    /// What becomes of names.
    pub const fn renames(mut self, renames: Renames) -> Function {
        self.naming.renames = renames;
        self
    }

    /// How many of its inputs, the first ones, its output is like: lists that may be left out are only looked at.
    pub(crate) fn leading(&self, inputs: usize) -> usize {
        let lists = || self.params.iter().filter(|param| param.takes.is_series());
        match lists().any(|param| param.need == Need::Optional && !param.multiple) {
            true => lists().filter(|param| param.need == Need::Required).count().min(inputs),
            false => inputs,
        }
    }

    /// Whether its output has the common step of its inputs.
    pub(crate) fn joins(&self) -> bool {
        match self.body {
            Body::Fold(_) | Body::Merge => true,
            Body::Lists(_) => self.group == Group::Combine,
            _ => false,
        }
    }

    /// These tags take the values of these parameters, instead of the function's own tag being 1.
    pub const fn tags(mut self, tags: &'static [(&'static str, &'static str)]) -> Function {
        self.tagging = Tagging::Params(tags);
        self
    }
}

/// A list of series for each argument that is series.
pub type Lists = Vec<Vec<Series>>;

/// Who loops, over what. `evaluate.rs` has one arm for each.
#[derive(Clone, Copy, Debug)]
pub enum Body {
    /// Changes values in place, at the same times.
    Points(fn(&Args<'_>, &mut [f64])),
    /// Makes of one series the values of another, perhaps at other times.
    Series(fn(&Args<'_>, &Series) -> Result<Slots, Fault>),
    /// Makes one series of all, row by row.
    Fold(Aggregation),
    /// Shows another number of each series' sketches.
    Leaf(fn(&Args<'_>) -> Leaf),
    /// Merges the sketches of all series, step by step.
    Merge,
    /// Chooses and orders.
    Pick(fn(&Args<'_>, Vec<Series>) -> Result<Vec<Series>, Fault>),
    /// Renames, and nothing else.
    Name(fn(&Args<'_>, &Series) -> Result<String, Fault>),
    /// Says how a series is to be consolidated or drawn; its values stay.
    Style(fn(&Args<'_>, &mut Series)),
    /// Makes series of lists: one for each argument that is series, in the order of the parameters.
    Lists(fn(&mut Evaluation<'_>, &Args<'_>, Lists) -> Result<Vec<Series>, Fault>),
    /// Names series by their tags: the call as it was written is the path expression.
    Tagged,
}

/// Tells from the arguments what is evaluated again.
pub type ReadAgain = fn(&Args<'_>) -> Result<Again, Fault>;

/// What of a function's first list is evaluated: a list each, in this order.
#[derive(Clone, Debug)]
pub struct Again {
    /// Whether the list in the caller's own window comes first.
    pub own: bool,
    /// The others.
    pub windows: Vec<Window>,
}

/// Values and their times: what a [`Body::Series`] kernel answers.
#[derive(Clone, Debug)]
pub struct Slots {
    /// Time of the first value.
    pub start: Timestamp,
    /// Exclusive.
    pub end: Timestamp,
    /// Seconds between values.
    pub step: Step,
    /// One a step.
    pub values: Vec<f64>,
}

impl Slots {
    /// New values at a series' own times.
    pub fn of(series: &Series, values: Vec<f64>) -> Slots {
        Slots { start: series.start, end: series.end, step: series.step, values }
    }
}

/// `function(input` + separator and value of each shown parameter + `)`. An absent value and a false flag are left out.
#[derive(Clone, Copy, Debug)]
pub struct Naming {
    /// Between input and values: `,` or `, `.
    pub separator: &'static str,
    /// Names of parameters.
    pub shown: &'static [&'static str],
    /// What is called so.
    pub renames: Renames,
}

/// What of a series becomes the composed name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renames {
    /// The name, and what aggregates print.
    NameAndPath,
    /// The name alone.
    Name,
    /// Neither.
    Nothing,
}

/// Which tags an output series gains.
#[derive(Clone, Copy, Debug)]
pub enum Tagging {
    /// The function's name, set to 1.
    Flag,
    /// Tag and the parameter that it takes its value from.
    Params(&'static [(&'static str, &'static str)]),
    /// Tag, parameter and what the tag is where the parameter is left out.
    ParamOr(&'static str, &'static str, &'static str),
    /// Tag and value.
    Words(&'static [(&'static str, &'static str)]),
}

/// Where pickers list a function; graphite-web's groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Several series into one.
    Combine,
    /// Every value anew.
    Transform,
    /// Over time.
    Calculate,
    /// Which series.
    FilterSeries,
    /// Names.
    Alias,
    /// What fits nowhere else.
    Special,
    /// How a graph shows a series.
    Graph,
    /// In which order.
    Sorting,
    /// Which values.
    FilterData,
}

impl Group {
    /// As graphite-web spells it.
    pub const fn title(self) -> &'static str {
        match self {
            Group::Combine => "Combine",
            Group::Transform => "Transform",
            Group::Calculate => "Calculate",
            Group::FilterSeries => "Filter Series",
            Group::Alias => "Alias",
            Group::Special => "Special",
            Group::Graph => "Graph",
            Group::Sorting => "Sorting",
            Group::FilterData => "Filter Data",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_sorted_in_their_family() {
        let mut seen = HashSet::new();
        for family in FUNCTIONS {
            assert!(family.is_sorted_by_key(|function| function.name), "{:?}", family[0].name);
        }
        for function in all() {
            for name in [&[function.name], function.aliases].concat() {
                assert!(seen.insert(name), "{name} twice");
            }
        }
    }

    #[test]
    fn what_names_and_tags_refer_to_exists() {
        for function in all() {
            let Tagging::Params(tags) = function.tagging else { continue };
            let referred = function.naming.shown.iter().chain(tags.iter().map(|(_, param)| param));
            for name in referred {
                assert!(function.params.iter().any(|param| param.name == *name), "{}: {name}", function.name);
            }
            let last = function.params.len().saturating_sub(1);
            assert!(function.params[..last].iter().all(|param| !param.multiple), "{}", function.name);
            assert!(function.sentence.ends_with('.'), "{}", function.name);
        }
    }
}
