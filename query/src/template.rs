//! `template(expression, name="value", …)`: placeholders in the paths of an expression, replaced before it is bound.
//!
//! graphite-web's rules: `$name` in a path is replaced wherever it stands, `$1`, `$2`, … by what has no name; a path that is a
//! placeholder and nothing else becomes the value itself, so that it can be a function's argument; `template[name]` of the
//! request goes before what the target says. A template inside of another knows nothing of the outer one's values.

use crate::ast::{Call, Expr, Keyword, Kind};
use crate::error::{Fault, Misfit, Span};
use crate::limits::Limits;
use crate::python;

/// Placeholders without their `$`, and what they stand for.
type Values = Vec<(String, Kind)>;

/// The expression without templates in it.
///
/// # Errors
/// A template's value is neither text nor number, or the paths become longer than a target may be.
pub(crate) fn expand(expr: Expr, given: &[(String, String)], limits: &Limits) -> Result<Expr, Misfit> {
    Expansion { given, room: limits.target_bytes, limits }.walk(expr, &Values::new())
}

struct Expansion<'a> {
    given: &'a [(String, String)],
    /// Bytes that all replaced paths may still have together.
    room: usize,
    limits: &'a Limits,
}

impl Expansion<'_> {
    fn walk(&mut self, mut expr: Expr, values: &Values) -> Result<Expr, Misfit> {
        match expr.kind {
            Kind::Path(path) => expr.kind = self.replaced(path, values, expr.span)?,
            Kind::Call(call) if call.name == "template" && !call.piped => return self.template(call),
            Kind::Call(mut call) => {
                let walked = call.arguments.into_iter().map(|argument| self.walk(argument, values));
                call.arguments = walked.collect::<Result<_, _>>()?;
                for keyword in &mut call.keywords {
                    keyword.value = self.walk(keyword.value.clone(), values)?;
                }
                expr.kind = Kind::Call(call);
            }
            _ => {}
        }
        Ok(expr)
    }

    fn template(&mut self, call: Call) -> Result<Expr, Misfit> {
        let wrong =
            |reason: &str, span| Misfit::new(Fault::Argument { function: "template", reason: reason.to_owned() }, span);
        let mut arguments = call.arguments.into_iter();
        let Some(body) = arguments.next() else { return Err(wrong("an expression is missing", call.name_span)) };
        let listed = (1..).zip(arguments).map(|(at, value)| (at.to_string(), value));
        let named = call.keywords.into_iter().map(|Keyword { name, value, .. }| (name, value));
        let mut values = Values::new();
        for (name, value) in listed.chain(named) {
            let is_literal = matches!(value.kind, Kind::Int(_) | Kind::Float(_) | Kind::Text(_) | Kind::Bool(_));
            if !is_literal {
                return Err(wrong("a value must be a quoted string or a number", value.span));
            }
            set(&mut values, name, value.kind);
        }
        for (name, value) in self.given {
            set(&mut values, name.clone(), Kind::Text(value.clone()));
        }
        let mut body = self.walk(body, &values)?;
        // Where series are wanted, a value is the name of one.
        if let Some(text) = written(&body.kind) {
            body.kind = Kind::Path(text);
        }
        Ok(body)
    }

    fn replaced(&mut self, mut path: String, values: &Values, span: Span) -> Result<Kind, Misfit> {
        for (name, value) in values {
            let placeholder = format!("${name}");
            if path == placeholder {
                return Ok(as_value(value));
            }
            let count = path.matches(&placeholder).count();
            if count == 0 {
                continue;
            }
            let text = written(value).unwrap_or_default();
            let length = path.len() - count * placeholder.len() + count.saturating_mul(text.len());
            let Some(left) = self.room.checked_sub(length) else {
                let (allowed, wanted) =
                    (self.limits.target_bytes as u64, "the length of a template's paths".to_owned());
                return Err(Misfit::new(Fault::Limit { limit: "target_bytes", allowed, wanted }, span));
            };
            self.room = left;
            path = path.replace(&placeholder, &text);
        }
        Ok(Kind::Path(path))
    }
}

/// The place of a name is where it was first said, as in a Python dictionary.
fn set(values: &mut Values, name: String, value: Kind) {
    match values.iter_mut().find(|(known, _)| *known == name) {
        Some((_, known)) => *known = value,
        None => values.push((name, value)),
    }
}

/// Text of nothing but digits, points and a sign is a number then.
fn as_value(value: &Kind) -> Kind {
    let Kind::Text(text) = value else { return value.clone() };
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number = if is_number { text.parse().ok() } else { None };
    number.map_or_else(|| value.clone(), Kind::Float)
}

/// A literal as Python's `str` writes it; `None` for what is no value.
fn written(kind: &Kind) -> Option<String> {
    match kind {
        Kind::Text(text) => Some(text.clone()),
        Kind::Int(number) => Some(number.to_string()),
        Kind::Float(number) => Some(python::repr(*number)),
        Kind::Bool(flag) => Some(if *flag { "True" } else { "False" }.to_owned()),
        _ => None,
    }
}
