//! What a kernel is told: its arguments by name, already of the kind that the parameter takes.

use super::{Function, Param, Takes};
use crate::aggregation::Aggregation;
use crate::limits::Limits;
use crate::pattern::{Pattern, Template};
use crate::python;
use jiff::tz::TimeZone;
use tsdb::{Timestamp, Window};

/// One argument, checked.
#[derive(Clone, Debug)]
pub enum Value {
    /// Left out, or `none`.
    Absent,
    /// [`Takes::Number`].
    Number(f64),
    /// [`Takes::Integer`], or the points of [`Takes::PointsOrDuration`].
    Integer(i64),
    /// [`Takes::Text`] or [`Takes::Consolidation`].
    Text(String),
    /// [`Takes::Pattern`].
    Pattern(Box<Pattern>),
    /// [`Takes::Replacement`].
    Replacement(Template),
    /// [`Takes::Duration`] or the other half of [`Takes::PointsOrDuration`].
    Duration {
        /// As written.
        text: String,
        /// Its length.
        secs: i64,
    },
    /// [`Takes::Aggregation`].
    Aggregation {
        /// As written.
        word: String,
        /// What it means.
        method: Aggregation,
    },
    /// [`Takes::Flag`].
    Flag(bool),
    /// A part of a dotted name.
    Node(i64),
    /// A tag.
    Tag(String),
    /// The arguments of a `multiple` parameter.
    List(Vec<Value>),
    /// Of [`Takes::SeriesOrNumber`]: a list of series, which is among the others.
    Series,
    /// Of [`Takes::Callback`].
    Function {
        /// As written.
        word: String,
        /// What it means.
        function: &'static Function,
    },
}

impl Value {
    /// As a series' name shows it: numbers with `%g`, words in quotes. `None` for what names leave out.
    pub fn in_name(&self) -> Option<String> {
        Some(match self {
            Value::Number(number) => python::general(*number),
            Value::Integer(number) | Value::Node(number) => number.to_string(),
            Value::Text(text) | Value::Tag(text) => format!("\"{text}\""),
            Value::Duration { text, .. } => format!("\"{text}\""),
            Value::Aggregation { word, .. } => format!("\"{word}\""),
            Value::Flag(true) => "true".to_owned(),
            _ => return None,
        })
    }

    /// As a tag holds it: Python's `str`.
    pub fn in_tag(&self) -> String {
        match self {
            Value::Number(number) => python::repr(*number),
            Value::Integer(number) | Value::Node(number) => number.to_string(),
            Value::Text(text) | Value::Tag(text) | Value::Duration { text, .. } => text.clone(),
            Value::Aggregation { word, .. } => word.clone(),
            Value::Flag(flag) => if *flag { "True" } else { "False" }.to_owned(),
            Value::Function { word, .. } => word.clone(),
            Value::Absent | Value::Pattern(_) | Value::Replacement(_) | Value::List(_) | Value::Series => {
                "None".to_owned()
            }
        }
    }
}

/// The arguments of one call but its series, and what else a kernel may know of the request.
#[derive(Clone, Copy, Debug)]
pub struct Args<'a> {
    pub(crate) function: &'static Function,
    /// One for each parameter that takes no series, in order.
    pub(crate) values: &'a [Value],
    /// The window that the output is wanted for.
    pub window: Window,
    /// How many seconds earlier the inputs begin than the output is wanted.
    pub reach_secs: i64,
    /// The request's limits.
    pub limits: &'a Limits,
    /// The moment that counts as now.
    pub now: Timestamp,
    /// The request's calendar.
    pub zone: &'a TimeZone,
}

/// The accessors take what the parameter's [`Takes`] promises; binding has seen to it, so a mismatch is a mistake in
/// the function's own entry.
impl Args<'_> {
    /// The function that was called.
    pub fn function_name(&self) -> &'static str {
        self.function.name
    }

    /// Any argument.
    pub fn value(&self, name: &str) -> &Value {
        let at = literals(self.function).position(|param| param.name == name);
        let Some(at) = at else { panic!("{} has no parameter {name}", self.function.name) };
        &self.values[at]
    }

    fn mismatch(&self, name: &str, takes: Takes) -> ! {
        panic!("{}: {name} is bound as {:?}, not {takes:?}", self.function.name, self.value(name))
    }

    /// Of [`Takes::Number`].
    pub fn number(&self, name: &str) -> f64 {
        self.maybe_number(name).unwrap_or_else(|| self.mismatch(name, Takes::Number))
    }

    /// Of an optional [`Takes::Number`].
    pub fn maybe_number(&self, name: &str) -> Option<f64> {
        match self.value(name) {
            Value::Number(number) => Some(*number),
            Value::Absent => None,
            _ => self.mismatch(name, Takes::Number),
        }
    }

    /// Of [`Takes::Integer`].
    pub fn integer(&self, name: &str) -> i64 {
        let Value::Integer(number) = self.value(name) else { self.mismatch(name, Takes::Integer) };
        *number
    }

    /// Of an optional [`Takes::Integer`].
    pub fn maybe_integer(&self, name: &str) -> Option<i64> {
        if matches!(self.value(name), Value::Absent) { None } else { Some(self.integer(name)) }
    }

    /// Of [`Takes::NumberAsWritten`], or whatever else is a number.
    pub fn any_number(&self, name: &str) -> f64 {
        match self.value(name) {
            Value::Integer(number) => *number as f64,
            _ => self.number(name),
        }
    }

    /// Of an optional [`Takes::Text`], [`Takes::Choice`] or [`Takes::Date`].
    pub fn maybe_text(&self, name: &str) -> Option<&str> {
        match self.value(name) {
            Value::Text(text) => Some(text),
            Value::Absent => None,
            _ => self.mismatch(name, Takes::Text),
        }
    }

    /// Of [`Takes::Text`].
    pub fn text(&self, name: &str) -> &str {
        let Value::Text(text) = self.value(name) else { self.mismatch(name, Takes::Text) };
        text
    }

    /// Of [`Takes::Pattern`].
    pub fn pattern(&self, name: &str) -> &Pattern {
        let Value::Pattern(pattern) = self.value(name) else { self.mismatch(name, Takes::Pattern) };
        pattern
    }

    /// Of [`Takes::Replacement`].
    pub fn replacement(&self, name: &str) -> &Template {
        let Value::Replacement(template) = self.value(name) else { self.mismatch(name, Takes::Replacement) };
        template
    }

    /// Of [`Takes::Duration`].
    pub fn duration_secs(&self, name: &str) -> i64 {
        let Value::Duration { secs, .. } = self.value(name) else { self.mismatch(name, Takes::Duration) };
        *secs
    }

    /// Of [`Takes::Aggregation`].
    pub fn aggregation(&self, name: &str) -> Aggregation {
        let Value::Aggregation { method, .. } = self.value(name) else { self.mismatch(name, Takes::Aggregation) };
        *method
    }

    /// Of [`Takes::Aggregation`]: the word it was written with, and what it means.
    pub fn aggregation_word(&self, name: &str) -> (&str, Aggregation) {
        let Value::Aggregation { word, method } = self.value(name) else { self.mismatch(name, Takes::Aggregation) };
        (word, *method)
    }

    /// Of [`Takes::Flag`].
    pub fn flag(&self, name: &str) -> bool {
        let Value::Flag(flag) = self.value(name) else { self.mismatch(name, Takes::Flag) };
        *flag
    }

    /// Of a `multiple` parameter.
    pub fn list(&self, name: &str) -> &[Value] {
        let Value::List(values) = self.value(name) else { self.mismatch(name, Takes::NodeOrTag) };
        values
    }
}

/// The parameters whose arguments are values, not series.
pub(crate) fn literals(function: &Function) -> impl Iterator<Item = &'static Param> {
    function.params.iter().filter(|param| !param.takes.is_series())
}
