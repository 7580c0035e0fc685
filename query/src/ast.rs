//! What a target says, before anyone knows whether such functions exist: calls, paths and literals with their places.

use crate::error::Span;

/// An expression and the bytes it was written with.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// Where it stands in the target.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
}

/// The kinds of expression; literals occur only as arguments.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A path expression, its escapes resolved: `servers.*.cpu.{user,idle}`.
    Path(String),
    /// `name(arguments, keyword=…)`; a pipe `a|f(1)` reads as `f(a,1)`.
    Call(Call),
    /// A number without point or exponent.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A quoted string, its backslashes kept as graphite-web keeps them.
    Text(String),
    /// `true` or `false` in any case.
    Bool(bool),
    /// `none` in any case.
    None,
    /// `inf` in any case.
    Infinity,
}

/// A function's name as written, and what it is given.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The name; whether there is such a function is not known here.
    pub name: String,
    /// The bytes of the name alone.
    pub name_span: Span,
    /// In order.
    pub arguments: Vec<Expr>,
    /// Whether the first argument stood before a `|`.
    pub piped: bool,
    /// After the positional ones.
    pub keywords: Vec<Keyword>,
}

/// `name=value`.
#[derive(Clone, Debug, PartialEq)]
pub struct Keyword {
    /// The parameter's name.
    pub name: String,
    /// The bytes of the name alone.
    pub name_span: Span,
    /// What it is set to.
    pub value: Expr,
}
