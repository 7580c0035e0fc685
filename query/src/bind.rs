//! Calls to functions: names are looked up, arguments checked against parameters, defaults filled in.
//!
//! This is the only place where arity and kinds are judged. What comes out cannot be wrong in that respect, so neither
//! the planner nor a kernel checks again. Like graphite-web, a number may come as a string and a flag as a number.

use crate::aggregation::Aggregation;
use crate::ast::{self, Expr, Keyword, Kind};
use crate::attime;
use crate::error::{Fault, Misfit, Span};
use crate::functions::args::literals;
use crate::functions::{self, Body, Function, Group, Need, Param, Takes, Value};
use crate::limits::Limits;
use crate::pattern::{Pattern, Template};

/// An expression whose functions exist and whose arguments fit them.
#[derive(Clone, Debug)]
pub(crate) enum Bound {
    Path {
        expression: String,
        /// The conditions of a `seriesByTag`; none of a path.
        tagged: Vec<String>,
        span: Span,
    },
    Call(Call),
}

/// A call: what to do, with which values, to which inputs.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub function: &'static Function,
    /// One for each parameter that takes no series.
    pub values: Vec<Value>,
    /// The arguments that are series, in order.
    pub inputs: Vec<Bound>,
    /// Whether the first input stood before a `|`.
    pub piped: bool,
    pub span: Span,
}

/// Binds what a target says; `text` is all of it. A literal alone names no series and cannot come from the parser.
pub(crate) fn bind(expr: Expr, text: &str, limits: &Limits) -> Result<Bound, Misfit> {
    match expr.kind {
        Kind::Path(expression) => Ok(Bound::Path { expression, tagged: Vec::new(), span: expr.span }),
        Kind::Call(call) => bind_call(call, expr.span, text, limits),
        _ => Err(Misfit::new(Fault::Unparsable { expected: "a path or a function call" }, expr.span)),
    }
}

fn bind_call(call: ast::Call, span: Span, text: &str, limits: &Limits) -> Result<Bound, Misfit> {
    let Some(function) = functions::lookup(&call.name) else {
        let nearest = nearest(&call.name);
        return Err(Misfit::new(Fault::UnknownFunction { name: call.name, nearest }, call.name_span));
    };
    let piped = call.piped;
    let slots = assign(function, call)?;
    let (mut values, mut inputs) = (Vec::new(), Vec::new());
    for (param, given) in function.params.iter().zip(slots) {
        if given.is_empty() && param.need == Need::Required {
            return Err(misfit(function, format!("`{}` is missing", param.name), span));
        }
        let mut literals = Vec::new();
        for expr in given {
            match (param.takes, &expr.kind) {
                (Takes::SeriesOrNumber, Kind::Path(_) | Kind::Call(_)) => {
                    inputs.push(bind(expr, text, limits)?);
                    literals.push(Value::Series);
                }
                _ if param.takes.is_series() => inputs.push(series(function, param, expr, text, limits)?),
                _ => literals.push(literal(function, param, &expr, limits)?),
            }
        }
        if param.takes.is_series() {
            continue;
        }
        values.push(match literals.len() {
            _ if param.multiple => Value::List(literals),
            0 => left_out(param),
            _ => literals.swap_remove(0),
        });
    }
    debug_assert_eq!(values.len(), literals(function).count());
    if let (Body::Tagged, [Value::List(conditions)]) = (function.body, values.as_slice()) {
        let expression = text.get(span.offset..span.end()).unwrap_or(text).to_owned();
        return Ok(Bound::Path { expression, tagged: conditions.iter().map(Value::in_tag).collect(), span });
    }
    Ok(Bound::Call(Call { function, values, inputs, piped, span }))
}

/// What is left out where a function is called by its name with nothing but lists.
pub(crate) fn left_out_beside(param: &Param, lists: usize) -> Value {
    match param.takes {
        _ if param.multiple => Value::List(Vec::new()),
        Takes::SeriesOrNumber if lists > 1 => Value::Series,
        _ => left_out(param),
    }
}

/// The arguments of each parameter, positional ones first, then by keyword.
fn assign(function: &'static Function, call: ast::Call) -> Result<Vec<Vec<Expr>>, Misfit> {
    let mut slots: Vec<Vec<Expr>> = function.params.iter().map(|_| Vec::new()).collect();
    let rest = function.params.iter().position(|param| param.multiple);
    for (at, argument) in call.arguments.into_iter().enumerate() {
        let at = rest.map_or(at, |rest| at.min(rest));
        let Some(slot) = slots.get_mut(at) else {
            let reason = format!("takes at most {} arguments", function.params.len());
            return Err(misfit(function, reason, argument.span));
        };
        slot.push(argument);
    }
    for Keyword { name, name_span, value } in call.keywords {
        let Some(at) = function.params.iter().position(|param| param.name == name) else {
            let names: Vec<_> = function.params.iter().map(|param| param.name).collect();
            let reason = format!("no parameter `{name}`; it takes {}", names.join(", "));
            return Err(misfit(function, reason, name_span));
        };
        if !slots[at].is_empty() {
            return Err(misfit(function, format!("`{name}` is given twice"), name_span));
        }
        slots[at].push(unread(value));
    }
    Ok(slots)
}

/// graphite-web never reads what a keyword names: its paths, however deep, find nothing, and the recorded answers show it.
fn unread(mut expr: Expr) -> Expr {
    match &mut expr.kind {
        Kind::Path(path) => path.clear(),
        Kind::Call(call) if is_tagged(&call.name) => expr.kind = Kind::Path(String::new()),
        Kind::Call(call) => {
            call.arguments = std::mem::take(&mut call.arguments).into_iter().map(unread).collect();
            for keyword in &mut call.keywords {
                keyword.value = unread(keyword.value.clone());
            }
        }
        _ => {}
    }
    expr
}

fn is_tagged(name: &str) -> bool {
    functions::lookup(name).is_some_and(|function| matches!(function.body, Body::Tagged))
}

fn series(
    function: &'static Function,
    param: &Param,
    expr: Expr,
    text: &str,
    limits: &Limits,
) -> Result<Bound, Misfit> {
    match expr.kind {
        Kind::Path(_) | Kind::Call(_) => bind(expr, text, limits),
        _ => Err(misfit(function, format!("`{}` must be a path or a function call", param.name), expr.span)),
    }
}

fn left_out(param: &Param) -> Value {
    match param.need {
        Need::Flag(flag) => Value::Flag(flag),
        Need::Integer(number) => Value::Integer(number),
        Need::Number(number) => Value::Number(number),
        Need::Word(word) => match Aggregation::parse(word).filter(|_| param.takes.options() == Aggregation::WORDS) {
            Some(method) => Value::Aggregation { word: word.to_owned(), method },
            None => match param.takes {
                Takes::Duration => duration(word).unwrap_or(Value::Absent),
                Takes::Shift => shift(word).unwrap_or(Value::Absent),
                _ => Value::Text(word.to_owned()),
            },
        },
        Need::Required | Need::Optional => Value::Absent,
    }
}

fn literal(function: &'static Function, param: &Param, expr: &Expr, limits: &Limits) -> Result<Value, Misfit> {
    if expr.kind == Kind::None && param.need != Need::Required {
        return Ok(left_out(param));
    }
    let wrong = |wants: &str| misfit(function, format!("`{}` must be {wants}", param.name), expr.span);
    let refused = |why: String| misfit(function, format!("`{}`: {why}", param.name), expr.span);
    let words = |wants: &'static str| text(&expr.kind).ok_or_else(|| wrong(wants));
    match param.takes {
        Takes::Series | Takes::SeriesLists => Err(wrong("a path or a function call")),
        Takes::SeriesOrNumber | Takes::NumberAsWritten => match expr.kind {
            Kind::Int(number) => Ok(Value::Integer(number)),
            Kind::Float(number) => Ok(Value::Number(number)),
            Kind::None if param.takes == Takes::SeriesOrNumber => Ok(Value::Absent),
            _ => Err(wrong("a number")),
        },
        Takes::Node => integer(&expr.kind).map(Value::Integer).ok_or_else(|| wrong("the number of a node")),
        Takes::Tag => words("the quoted name of a tag").map(|tag| Value::Tag(tag.to_owned())),
        Takes::TagExpression => words("a quoted condition on a tag").map(|text| Value::Text(text.to_owned())),
        Takes::Date => date(&expr.kind).map(Value::Text).ok_or_else(|| wrong("a quoted moment")),
        Takes::Choice(_) | Takes::Callback | Takes::Aggregation => {
            let chosen = text(&expr.kind).and_then(|word| chosen(function, param, word));
            chosen.ok_or_else(|| {
                let or_function = if param.takes == Takes::Callback { "a function or " } else { "" };
                wrong(&format!("{or_function}one of {}", param.takes.options().join(", ")))
            })
        }
        Takes::Number => number(&expr.kind).map(Value::Number).ok_or_else(|| wrong("a number")),
        Takes::Share => match number(&expr.kind).filter(|share| (0.0..=1.0).contains(share)) {
            Some(share) => Ok(Value::Number(share)),
            None => Err(wrong("a number from 0 to 1")),
        },
        Takes::Integer => integer(&expr.kind).map(Value::Integer).ok_or_else(|| wrong("a whole number")),
        Takes::IntegerOrInfinity => number(&expr.kind).map(Value::Number).ok_or_else(|| wrong("a whole number or inf")),
        Takes::Shift => shift(words("a quoted length of time such as \"1h\"")?).map_err(refused),
        Takes::CalendarUnit => match &expr.kind {
            Kind::Bool(_) => Ok(Value::Absent),
            _ => words("a quoted unit of the calendar").map(|text| Value::Text(text.to_owned())),
        },
        Takes::Text => words("a quoted string").map(|text| Value::Text(text.to_owned())),
        Takes::Consolidation => words("a quoted word such as \"sum\"").map(|word| Value::Text(word.to_owned())),
        Takes::Pattern => {
            let pattern = Pattern::compile(words("a quoted regular expression")?, limits);
            pattern.map(|pattern| Value::Pattern(Box::new(pattern))).map_err(refused)
        }
        Takes::Replacement => Template::parse(words("a quoted replacement")?).map(Value::Replacement).map_err(refused),
        Takes::Duration => duration(words("a quoted length of time such as \"5min\"")?).map_err(refused),
        Takes::PointsOrDuration => match integer(&expr.kind) {
            Some(points @ 0..) => Ok(Value::Integer(points)),
            Some(_) => Err(wrong("0 or more points")),
            None => duration(words("a number of points or a quoted length of time")?).map_err(refused),
        },
        Takes::Flag => flag(&expr.kind).map(Value::Flag).ok_or_else(|| wrong("true or false")),
        Takes::NodeOrTag => match &expr.kind {
            Kind::Int(node) => Ok(Value::Node(*node)),
            Kind::Text(tag) => Ok(Value::Tag(tag.clone())),
            _ => Err(wrong("the number of a node or the quoted name of a tag")),
        },
    }
}

/// A word of a list, a method or a function. What combines series knows a method by the name of the function that has it
/// too: `sumSeries` is `sum`.
fn chosen(function: &'static Function, param: &Param, word: &str) -> Option<Value> {
    if let Takes::Choice(choices) = param.takes {
        return choices.contains(&word).then(|| Value::Text(word.to_owned()));
    }
    if let Some(function) = functions::lookup(word).filter(|_| param.takes == Takes::Callback) {
        return Some(Value::Function { word: word.to_owned(), function });
    }
    let word = word.strip_suffix("Series").filter(|_| function.group == Group::Combine).unwrap_or(word);
    Aggregation::parse(word).map(|method| Value::Aggregation { word: word.to_owned(), method })
}

fn text(kind: &Kind) -> Option<&str> {
    if let Kind::Text(text) = kind { Some(text) } else { None }
}

fn number(kind: &Kind) -> Option<f64> {
    match kind {
        Kind::Int(number) => Some(*number as f64),
        Kind::Float(number) => Some(*number),
        Kind::Infinity => Some(f64::INFINITY),
        Kind::Bool(flag) => Some(f64::from(u8::from(*flag))),
        Kind::Text(text) => text.trim().parse().ok(),
        Kind::Path(_) | Kind::Call(_) | Kind::None => None,
    }
}

fn integer(kind: &Kind) -> Option<i64> {
    match kind {
        Kind::Int(number) => Some(*number),
        Kind::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A moment as it was written.
fn date(kind: &Kind) -> Option<String> {
    if let Kind::Int(secs) = kind { Some(secs.to_string()) } else { text(kind).map(str::to_owned) }
}

/// Whatever is neither nothing nor the word for no, as Python has it.
fn flag(kind: &Kind) -> Option<bool> {
    match kind {
        Kind::Bool(flag) => Some(*flag),
        Kind::Int(number) => Some(*number != 0),
        Kind::Float(number) => Some(*number != 0.0),
        Kind::Infinity => Some(true),
        Kind::Text(text) => Some(!text.is_empty() && !text.eq_ignore_ascii_case("false")),
        Kind::Path(_) | Kind::Call(_) | Kind::None => None,
    }
}

/// The sign of a length means nothing; a length of nothing is refused, for it would make buckets without end.
fn duration(text: &str) -> Result<Value, String> {
    let secs = attime::interval_secs(text).map_err(|why| why.to_string())?.abs();
    if secs == 0 {
        return Err(format!("`{text}` is no length of time"));
    }
    Ok(Value::Duration { text: text.to_owned(), secs })
}

/// Back in time unless a sign says otherwise; the sign is part of what names show.
fn shift(text: &str) -> Result<Value, String> {
    let text = if text.starts_with(|c: char| c.is_ascii_digit()) { format!("-{text}") } else { text.to_owned() };
    let secs = attime::interval_secs(&text).map_err(|why| why.to_string())?;
    if text.is_empty() { Err("a length of time is empty".to_owned()) } else { Ok(Value::Duration { text, secs }) }
}

fn misfit(function: &'static Function, reason: String, span: Span) -> Misfit {
    Misfit::new(Fault::Argument { function: function.name, reason }, span)
}

/// The function whose name is the fewest edits away, case aside, if that is close enough to be meant.
fn nearest(name: &str) -> Option<&'static str> {
    let wanted = name.to_lowercase();
    let names = functions::all().flat_map(|function| [&[function.name], function.aliases].concat());
    let ranked = names.map(|known| (edits(&wanted, &known.to_lowercase()), known));
    ranked.filter(|(edits, _)| *edits <= 1 + wanted.len() / 5).min_by_key(|(edits, _)| *edits).map(|(_, known)| known)
}

/// Levenshtein's distance, in one row. Names are short: a longer one is like none.
fn edits(a: &str, b: &str) -> usize {
    if a.len() > 64 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
