//! Calls to functions: names are looked up, arguments checked against parameters, defaults filled in.
//!
//! This is the only place where arity and kinds are judged. What comes out cannot be wrong in that respect, so neither
//! the planner nor a kernel checks again. Like graphite-web, a number may come as a string and a flag as a number.

use crate::aggregation::Aggregation;
use crate::ast::{self, Expr, Keyword, Kind};
use crate::attime;
use crate::error::{Fault, Misfit, Span};
use crate::functions::args::literals;
use crate::functions::{self, Function, Need, Param, Takes, Value};
use crate::limits::Limits;
use crate::pattern::{Pattern, Template};

/// An expression whose functions exist and whose arguments fit them.
#[derive(Clone, Debug)]
pub(crate) enum Bound {
    Path { expression: String, span: Span },
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

/// Binds what a target says. A literal alone names no series and cannot come from the parser.
pub(crate) fn bind(expr: Expr, limits: &Limits) -> Result<Bound, Misfit> {
    match expr.kind {
        Kind::Path(expression) => Ok(Bound::Path { expression, span: expr.span }),
        Kind::Call(call) => bind_call(call, expr.span, limits).map(Bound::Call),
        _ => Err(Misfit::new(Fault::Unparsable { expected: "a path or a function call" }, expr.span)),
    }
}

fn bind_call(call: ast::Call, span: Span, limits: &Limits) -> Result<Call, Misfit> {
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
        if param.takes == Takes::Series {
            for expr in given {
                inputs.push(series(function, param, expr, limits)?);
            }
            continue;
        }
        let given = given.into_iter().map(|expr| literal(function, param, &expr, limits));
        let mut given = given.collect::<Result<Vec<_>, _>>()?;
        values.push(match given.len() {
            _ if param.multiple => Value::List(given),
            0 => left_out(param),
            _ => given.swap_remove(0),
        });
    }
    debug_assert_eq!(values.len(), literals(function).count());
    Ok(Call { function, values, inputs, piped, span })
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
        let param = &function.params[at];
        // graphite-web never reads what a keyword names, so the recorded answers are as if it had not been given.
        let unread = param.takes == Takes::Series && param.need == Need::Optional;
        if !unread || !matches!(value.kind, Kind::Path(_) | Kind::Call(_)) {
            slots[at].push(value);
        }
    }
    Ok(slots)
}

fn series(function: &'static Function, param: &Param, expr: Expr, limits: &Limits) -> Result<Bound, Misfit> {
    match expr.kind {
        Kind::Path(_) | Kind::Call(_) => bind(expr, limits),
        _ => Err(misfit(function, format!("`{}` must be a path or a function call", param.name), expr.span)),
    }
}

fn left_out(param: &Param) -> Value {
    match param.need {
        Need::Flag(flag) => Value::Flag(flag),
        Need::Integer(number) => Value::Integer(number),
        Need::Number(number) => Value::Number(number),
        Need::Word(word) => match Aggregation::parse(word).filter(|_| param.takes == Takes::Aggregation) {
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
        Takes::Series => Err(wrong("a path or a function call")),
        Takes::Number => number(&expr.kind).map(Value::Number).ok_or_else(|| wrong("a number")),
        Takes::Share => match number(&expr.kind).filter(|share| (0.0..=1.0).contains(share)) {
            Some(share) => Ok(Value::Number(share)),
            None => Err(wrong("a number from 0 to 1")),
        },
        Takes::Integer => integer(&expr.kind).map(Value::Integer).ok_or_else(|| wrong("a whole number")),
        Takes::IntegerOrInfinity => number(&expr.kind).map(Value::Number).ok_or_else(|| wrong("a whole number or inf")),
        Takes::NumberAsWritten => match expr.kind {
            Kind::Int(number) => Ok(Value::Integer(number)),
            Kind::Float(number) => Ok(Value::Number(number)),
            _ => Err(wrong("a number")),
        },
        Takes::Shift => shift(words("a quoted length of time such as \"1h\"")?).map_err(refused),
        Takes::Date => match &expr.kind {
            Kind::Int(secs) => Ok(Value::Text(secs.to_string())),
            _ => words("a quoted moment").map(|text| Value::Text(text.to_owned())),
        },
        Takes::CalendarUnit => match &expr.kind {
            Kind::Bool(_) => Ok(Value::Absent),
            _ => words("a quoted unit of the calendar").map(|text| Value::Text(text.to_owned())),
        },
        Takes::Text => words("a quoted string").map(|text| Value::Text(text.to_owned())),
        Takes::Consolidation => {
            let word = words("a quoted word such as \"sum\"")?;
            Ok(Value::Text(word.to_owned()))
        }
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
        Takes::Aggregation => {
            let wants = || wrong(&format!("one of {}", Aggregation::WORDS.join(", ")));
            let word = text(&expr.kind).ok_or_else(wants)?;
            let method = Aggregation::parse(word).ok_or_else(wants)?;
            Ok(Value::Aggregation { word: word.to_owned(), method })
        }
        Takes::Flag => flag(&expr.kind).map(Value::Flag).ok_or_else(|| wrong("true or false")),
        Takes::NodeOrTag => match &expr.kind {
            Kind::Int(node) => Ok(Value::Node(*node)),
            Kind::Text(tag) => Ok(Value::Tag(tag.clone())),
            _ => Err(wrong("the number of a node or the quoted name of a tag")),
        },
    }
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

fn flag(kind: &Kind) -> Option<bool> {
    match kind {
        Kind::Bool(flag) => Some(*flag),
        Kind::Int(number @ 0..=1) => Some(*number == 1),
        Kind::Text(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Kind::Text(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
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
