//! Text to [`Expr`]: graphite-web's grammar, read from the left for as long as it makes sense.
//!
//! Like graphite-web's, this parser takes a *prefix*: `ramp.saw extra` is `ramp.saw`, and a call that does not parse
//! is the path of its name. Dashboards have such targets and expect an answer, so what is left over is no error; it is
//! reported as [`Parsed::ignored`], pointing at the furthest byte that made sense. Only a target that does not begin
//! like an expression is refused. Every call is entered once per place, so the work grows with length times depth,
//! both of which are bounded.

use crate::Note;
use crate::ast::{Call, Expr, Keyword, Kind};
use crate::error::{Fault, Misfit, Span};
use crate::limits::Limits;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::character::complete::{char, digit1, none_of, one_of, satisfy};
use nom::combinator::{eof, opt, peek, recognize, value, verify};
use nom::multi::{fold_many1, many0_count, separated_list1};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};
use std::cell::Cell;

/// What a target says.
#[derive(Debug)]
pub struct Parsed {
    /// `None` for a blank target, which names no series.
    pub expr: Option<Expr>,
    /// What was not understood after it, if anything.
    pub ignored: Option<Ignored>,
}

/// Text at the end of a target that the grammar does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// The furthest byte that was looked at in vain.
    pub span: Span,
    /// What would have made sense there.
    pub expected: &'static str,
}

impl Ignored {
    /// As a note to the asker.
    pub fn note(self, target: usize) -> Note {
        Note { target, span: self.span, message: format!("ignored from here: expected {}", self.expected) }
    }
}

/// Reads one target.
pub(crate) fn parse(text: &str, limits: &Limits) -> Result<Parsed, Misfit> {
    let whole = Span::between(0, text.len());
    if text.len() > limits.target_bytes {
        let wanted = format!("a target of {} bytes", text.len());
        return Err(Misfit::new(
            Fault::Limit { limit: "target_bytes", allowed: limits.target_bytes as u64, wanted },
            whole,
        ));
    }
    if text.trim().is_empty() {
        return Ok(Parsed { expr: None, ignored: None });
    }
    let grammar = Grammar::new(text, limits.depth);
    let parsed = grammar.expression(text);
    if let Some(span) = grammar.too_deep.get() {
        let wanted = "the nesting of calls".to_owned();
        let fault = Fault::Limit { limit: "depth", allowed: u64::from(limits.depth), wanted };
        return Err(Misfit::new(fault, span));
    }
    match parsed {
        Ok((rest, expr)) => {
            let left = Span::between(grammar.at(blanks(rest)), text.trim_end().len());
            Ok(Parsed { expr: Some(expr), ignored: (left.len > 0).then(|| grammar.ignored(left)) })
        }
        Err(_) => {
            let expected = "a path or a function call";
            Err(Misfit::new(Fault::Unparsable { expected }, whole))
        }
    }
}

type Taken<'a, T> = IResult<&'a str, T>;

/// One run over one target. Every rest is the tail of `text`, so its length tells where it begins.
struct Grammar<'a> {
    text: &'a str,
    depth_max: u32,
    depth: Cell<u32>,
    too_deep: Cell<Option<Span>>,
    furthest: Cell<(usize, &'static str)>,
}

impl<'a> Grammar<'a> {
    fn new(text: &'a str, depth_max: u32) -> Grammar<'a> {
        let furthest = Cell::new((0, "nothing"));
        Grammar { text, depth_max, depth: Cell::new(0), too_deep: Cell::new(None), furthest }
    }

    fn at(&self, rest: &str) -> usize {
        self.text.len() - rest.len()
    }

    /// Notes that something was expected here and not found, if nothing later was.
    fn missed(&self, rest: &str, expected: &'static str) {
        let at = self.at(blanks(rest));
        if at > self.furthest.get().0 {
            self.furthest.set((at, expected));
        }
    }

    fn ignored(&self, left: Span) -> Ignored {
        let (at, expected) = self.furthest.get();
        if at > left.offset {
            return Ignored { span: Span { offset: at, len: usize::from(at < self.text.len()) }, expected };
        }
        Ignored { span: left, expected: "the end of the target" }
    }

    /// A call or path, then any number of `|call`, each of which takes everything before it as its first argument.
    fn expression(&self, rest: &'a str) -> Taken<'a, Expr> {
        let (mut rest, mut expr) = match self.call(rest) {
            Ok((rest, (span, call))) => (rest, Expr { span, kind: Kind::Call(call) }),
            Err(_) => self.path(rest)?,
        };
        let depth = self.depth.get();
        while let Ok((after, (span, mut call))) = preceded((blanks0, char('|')), |rest| self.call(rest)).parse(rest) {
            let span = Span::between(expr.span.offset, span.end());
            call.arguments.insert(0, expr);
            call.piped = true;
            expr = Expr { span, kind: Kind::Call(call) };
            rest = after;
            // A pipe nests as a call does, whatever it looks like.
            self.deeper(span);
        }
        self.depth.set(depth);
        Ok((rest, expr))
    }

    fn deeper(&self, span: Span) {
        self.depth.set(self.depth.get() + 1);
        if self.depth.get() > self.depth_max && self.too_deep.get().is_none() {
            self.too_deep.set(Some(span));
        }
    }

    fn call(&self, rest: &'a str) -> Taken<'a, (Span, Call)> {
        let start = blanks(rest);
        let (after_name, name) = word(start)?;
        let (inside, _) = lexeme(char('(')).parse(after_name)?;
        let name_span = Span { offset: self.at(start), len: name.len() };
        self.deeper(name_span);
        let listed = if self.too_deep.get().is_some() { refuse(inside) } else { self.arguments(inside) };
        self.depth.set(self.depth.get() - 1);
        let (rest, (arguments, keywords)) = listed?;
        let (rest, _) = lexeme(char(')')).parse(rest).inspect_err(|_| self.missed(rest, "`,` or `)`"))?;
        let span = Span::between(name_span.offset, self.at(rest));
        Ok((rest, (span, Call { name: name.to_owned(), name_span, arguments, piped: false, keywords })))
    }

    /// Positional arguments, then keywords; keywords alone are not taken, nor a positional one after them.
    fn arguments(&self, inside: &'a str) -> Taken<'a, (Vec<Expr>, Vec<Keyword>)> {
        let (mut arguments, mut keywords) = (Vec::new(), Vec::new());
        let mut rest = inside;
        loop {
            let next = if arguments.is_empty() && keywords.is_empty() { rest } else { after_comma(rest) };
            if next == rest && !(arguments.is_empty() && keywords.is_empty()) {
                return Ok((rest, (arguments, keywords)));
            }
            if let Ok((after, keyword)) = self.keyword(next) {
                if arguments.is_empty() {
                    self.missed(next, "a positional argument before keywords");
                    return Ok((inside, (Vec::new(), Vec::new())));
                }
                keywords.push(keyword);
                rest = after;
                continue;
            }
            match self.argument(next) {
                Ok((after, argument)) if keywords.is_empty() => {
                    arguments.push(argument);
                    rest = after;
                }
                Ok(_) => {
                    self.missed(next, "a keyword argument: positional ones stand before");
                    return Ok((rest, (arguments, keywords)));
                }
                Err(_) => {
                    self.missed(next, "an argument");
                    return Ok((rest, (arguments, keywords)));
                }
            }
        }
    }

    fn keyword(&self, rest: &'a str) -> Taken<'a, Keyword> {
        let start = blanks(rest);
        let (after, name) = word(start)?;
        let (after, _) = lexeme(char('=')).parse(after)?;
        let (rest, value) = self.argument(after)?;
        let name_span = Span { offset: self.at(start), len: name.len() };
        Ok((rest, Keyword { name: name.to_owned(), name_span, value }))
    }

    /// The words come first, as in graphite-web: `none.such` as an argument is `none` and a mistake.
    fn argument(&self, rest: &'a str) -> Taken<'a, Expr> {
        let start = blanks(rest);
        let literal = alt((boolean, number, value(Kind::None, reserved("none")), text));
        match alt((literal, value(Kind::Infinity, reserved("inf")))).parse(start) {
            Ok((rest, kind)) => Ok((rest, Expr { span: Span::between(self.at(start), self.at(rest)), kind })),
            Err(_) => self.expression(start),
        }
    }

    fn path(&self, rest: &'a str) -> Taken<'a, Expr> {
        let start = blanks(rest);
        let (mut rest, mut path) = element(start)?;
        while let Ok((after, next)) = preceded(char('.'), element).parse(rest) {
            path.push('.');
            path.push_str(&next);
            rest = after;
        }
        Ok((rest, Expr { span: Span::between(self.at(start), self.at(rest)), kind: Kind::Path(path) }))
    }
}

fn refuse<T>(rest: &str) -> Taken<'_, T> {
    Err(nom::Err::Failure(nom::error::Error::new(rest, nom::error::ErrorKind::TooLarge)))
}

fn blanks0(rest: &str) -> Taken<'_, &str> {
    take_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r')).parse(rest)
}

fn blanks(rest: &str) -> &str {
    rest.trim_start_matches([' ', '\t', '\n', '\r'])
}

fn lexeme<'a, P>(parser: P) -> impl Parser<&'a str, Output = P::Output, Error = nom::error::Error<&'a str>>
where
    P: Parser<&'a str, Error = nom::error::Error<&'a str>>,
{
    preceded(blanks0, parser)
}

/// What follows a comma, or the same text when there is none.
fn after_comma(rest: &str) -> &str {
    lexeme(char(',')).parse(rest).map_or(rest, |(after, _)| after)
}

/// The name of a function or keyword.
fn word(rest: &str) -> Taken<'_, &str> {
    let first = satisfy(|c| c.is_ascii_alphabetic() || c == '_');
    recognize((first, take_while(|c: char| c.is_ascii_alphanumeric() || c == '_'))).parse(rest)
}

/// A word in any case that does not go on as a name would.
fn reserved<'a>(expected: &'static str) -> impl Parser<&'a str, Output = &'a str, Error = nom::error::Error<&'a str>> {
    let is_it = move |word: &str| word.eq_ignore_ascii_case(expected);
    let whole = take_while1(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$'));
    verify(whole, is_it)
}

fn boolean(rest: &str) -> Taken<'_, Kind> {
    alt((value(Kind::Bool(true), reserved("true")), value(Kind::Bool(false), reserved("false")))).parse(rest)
}

/// A number counts as one only where an argument may end, so that `1min.load` is a path.
fn number(rest: &str) -> Taken<'_, Kind> {
    let ends = || peek((blanks0, alt((tag(","), tag(")"), eof))));
    let whole = || (opt(char('-')), digit1);
    let point = || recognize((whole(), char('.'), digit1));
    let scientific = recognize((alt((point(), recognize(whole()))), one_of("eE"), whole()));
    if let Ok((rest, (digits, _))) = (alt((scientific, point())), ends()).parse(rest) {
        return Ok((rest, Kind::Float(digits.parse().unwrap_or(f64::NAN))));
    }
    let (rest, (digits, _)) = (recognize(whole()), ends()).parse(rest)?;
    // Python's integers have no end; past 64 bits only their magnitude can still matter.
    let float = || Kind::Float(digits.parse().unwrap_or(f64::NAN));
    Ok((rest, digits.parse().map_or_else(|_| float(), Kind::Int)))
}

/// A quoted string. Backslashes and doubled quotes stay as they are, as graphite-web leaves them.
fn text(rest: &str) -> Taken<'_, Kind> {
    let quoted = |quote: char, plain: &'static str, doubled: &'static str| {
        let hex = recognize((char('x'), satisfy(|c| c.is_ascii_hexdigit())));
        let escaped = recognize((char('\\'), alt((hex, recognize(none_of("x"))))));
        let part = alt((recognize(none_of(plain)), tag(doubled), escaped));
        delimited(char(quote), recognize(many0_count(part)), char(quote))
    };
    let (rest, inner) = alt((quoted('"', "\"\n\r\\", "\"\""), quoted('\'', "'\n\r\\", "''"))).parse(rest)?;
    Ok((rest, Kind::Text(inner.to_owned())))
}

/// What a path may hold beside its escapes: printable, not of the grammar. Letters beyond ASCII are taken, as with
/// graphite-web's UTF8_METRICS: a series so named could not be asked for otherwise.
fn is_path_char(c: char) -> bool {
    (c.is_ascii_graphic() && !is_symbol(c)) || (!c.is_ascii() && c.is_alphanumeric())
}

fn is_symbol(c: char) -> bool {
    matches!(c, '(' | ')' | '{' | '}' | ',' | '.' | '\'' | '"' | '\\' | '|')
}

/// Characters of a path element outside braces, escapes resolved.
fn plain(rest: &str) -> Taken<'_, String> {
    let escaped = preceded(char('\\'), satisfy(|c| is_symbol(c) || c == '='));
    let one = alt((escaped, satisfy(is_path_char)));
    let push = |mut text: String, c| {
        text.push(c);
        text
    };
    fold_many1(one, String::new, push).parse(rest)
}

/// `{a,b}`; the parts hold no dots, blanks or braces.
fn choice(rest: &str) -> Taken<'_, String> {
    let parts = separated_list1(char(','), plain);
    let (rest, parts) = delimited(char('{'), parts, char('}')).parse(rest)?;
    Ok((rest, format!("{{{}}}", parts.join(","))))
}

/// What stands between two dots.
fn element(rest: &str) -> Taken<'_, String> {
    let join = |mut text: String, part: String| {
        text.push_str(&part);
        text
    };
    fold_many1(alt((plain, choice)), String::new, join).parse(rest)
}

#[cfg(test)]
mod tests;
