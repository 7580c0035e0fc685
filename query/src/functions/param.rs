//! Parameters: what a function takes, as binding checks it and as documentation and /functions tell it.

use super::special;
use crate::aggregation::Aggregation;

/// A parameter: its name, what it takes and whether it may be left out.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// As keyword arguments name it.
    pub name: &'static str,
    /// What it takes.
    pub takes: Takes,
    /// Whether it may be left out.
    pub need: Need,
    /// Whether the last parameter takes all arguments that are left.
    pub multiple: bool,
    /// What a picker offers to begin with; numbers are such.
    pub suggestions: &'static [&'static str],
}

/// Whether an argument may be left out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Need {
    /// It may not.
    Required,
    /// It may, and then there is none.
    Optional,
    /// It may, and then it is this word.
    Word(&'static str),
    /// It may, and then it is this flag.
    Flag(bool),
    /// It may, and then it is this whole number.
    Integer(i64),
    /// It may, and then it is this number.
    Number(f64),
}

/// What a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// A path expression or a call.
    Series,
    /// A number.
    Number,
    /// A number from 0 to 1.
    Share,
    /// A whole number.
    Integer,
    /// A whole number or infinity.
    IntegerOrInfinity,
    /// A string.
    Text,
    /// A string that is a Python regular expression.
    Pattern,
    /// A string that is a Python replacement template.
    Replacement,
    /// A length of time greater than zero, such as `"5min"`.
    Duration,
    /// A length of time with a sign, which is minus unless written, such as `"1h"` and `"+1h"`.
    Shift,
    /// A unit of the calendar, such as `"days"`; a flag is taken and ignored, as graphite-web does.
    CalendarUnit,
    /// A number of points, or a length of time.
    PointsOrDuration,
    /// One of [`Aggregation::WORDS`].
    Aggregation,
    /// The name of a consolidation. Any word is taken and kept as a tag, as graphite-web does; an unknown one changes
    /// nothing.
    Consolidation,
    /// True or false.
    Flag,
    /// The index of a dotted part of a name (negative from the end), or the name of a tag.
    NodeOrTag,
    /// Groups of series, as `mapSeries` makes them.
    SeriesLists,
    /// A path expression or a call, or a number.
    SeriesOrNumber,
    /// A number whose whole values are shown as such.
    NumberAsWritten,
    /// The index of a dotted part of a name.
    Node,
    /// The name of a tag.
    Tag,
    /// A condition on a tag.
    TagExpression,
    /// A moment, as `from` takes it.
    Date,
    /// One of [`Aggregation::WORDS`], or the name of a function that takes series alone.
    Callback,
    /// One of these words.
    Choice(&'static [&'static str]),
}

impl Takes {
    /// graphite-web's name of the type, as /functions says it.
    pub const fn type_name(self) -> &'static str {
        match self {
            Takes::Series => "seriesList",
            Takes::SeriesLists => "seriesLists",
            Takes::SeriesOrNumber => "any",
            Takes::Number | Takes::Share => "float",
            Takes::Integer | Takes::NumberAsWritten => "integer",
            Takes::IntegerOrInfinity => "intOrInf",
            Takes::Text | Takes::CalendarUnit | Takes::Pattern | Takes::Replacement | Takes::Consolidation => "string",
            Takes::TagExpression | Takes::Choice(_) => "string",
            Takes::Node => "node",
            Takes::Tag => "tag",
            Takes::Date => "date",
            Takes::Callback => "aggOrSeriesFunc",
            Takes::Duration | Takes::Shift => "interval",
            Takes::PointsOrDuration => "intOrInterval",
            Takes::Aggregation => "aggFunc",
            Takes::Flag => "boolean",
            Takes::NodeOrTag => "nodeOrTag",
        }
    }

    /// What it takes, for people; `None` for series, which need no explanation.
    pub const fn phrase(self) -> Option<&'static str> {
        Some(match self {
            Takes::Series | Takes::SeriesLists => return None,
            Takes::SeriesOrNumber => "series, or a number",
            Takes::Node => "the number of a dotted part, from 0",
            Takes::Tag => "the quoted name of a tag",
            Takes::TagExpression => {
                "a quoted condition: `tag=value`, `tag!=value`, `tag=~pattern` or `tag!=~pattern`; one at least must ask for a value"
            }
            Takes::Callback => "the name of a function such as `\"sumSeries\"`, or one of",
            Takes::Choice(_) => "one of",
            Takes::Number | Takes::NumberAsWritten => "a number",
            Takes::IntegerOrInfinity => "a whole number or `inf`",
            Takes::Shift => "a quoted length of time; without a sign, back in time",
            Takes::Date => "a quoted moment, as `from` takes it",
            Takes::CalendarUnit => {
                "a quoted unit of the calendar: `\"years\"`, `\"months\"`, `\"weeks\"` (`\"weeks3\"` begin on Wednesday), `\"days\"`, `\"hours\"`, `\"minutes\"` or `\"seconds\"`"
            }
            Takes::Share => "a number from 0 to 1",
            Takes::Integer => "a whole number",
            Takes::Text => "a quoted string",
            Takes::Pattern => "a quoted regular expression, in Python's syntax",
            Takes::Replacement => "a quoted replacement; `\\1` and `\\g<name>` are groups",
            Takes::Duration => "a quoted length of time such as `\"5min\"`",
            Takes::PointsOrDuration => "a number of points, or a quoted length of time such as `\"5min\"`",
            Takes::Aggregation => "one of",
            Takes::Consolidation => "one of",
            Takes::Flag => "`true` or `false`",
            Takes::NodeOrTag => "the number of a dotted part, negative from the end, or the quoted name of a tag",
        })
    }

    /// Whether its arguments are series and nothing else.
    pub const fn is_series(self) -> bool {
        matches!(self, Takes::Series | Takes::SeriesLists)
    }

    /// The words it chooses from; empty where there is no such list.
    pub const fn options(self) -> &'static [&'static str] {
        match self {
            Takes::Aggregation | Takes::Callback => Aggregation::WORDS,
            Takes::Choice(words) => words,
            Takes::Consolidation => special::CONSOLIDATIONS,
            _ => &[],
        }
    }
}

impl Param {
    /// The list of series that a function works on.
    pub const SERIES: Param = Param::new("seriesList", Takes::Series);
    /// Any number of lists of series.
    pub const SERIES_LISTS: Param = Param::new("seriesLists", Takes::Series).multiple();

    /// A parameter that may not be left out.
    pub const fn new(name: &'static str, takes: Takes) -> Param {
        Param { name, takes, need: Need::Required, multiple: false, suggestions: &[] }
    }

    /// It may be left out.
    pub const fn optional(mut self) -> Param {
        self.need = Need::Optional;
        self
    }

    /// What it is when left out.
    pub const fn default(mut self, need: Need) -> Param {
        self.need = need;
        self
    }

    /// What a picker offers to begin with.
    pub const fn suggests(mut self, suggestions: &'static [&'static str]) -> Param {
        self.suggestions = suggestions;
        self
    }

    /// It takes all arguments that are left, at least one unless optional.
    pub const fn multiple(mut self) -> Param {
        self.multiple = true;
        self
    }
}
