//! Tag expressions as graphite-web's `seriesByTag` has them: `tag=value`, `tag!=value`, `tag=~pattern`, `tag!=~pattern`. A
//! series without the tag counts as one whose value is empty; patterns are anchored at the start.

use crate::error::Error;
use crate::name::clip;
use fancy_regex::{Regex, RegexBuilder};

/// Longest pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 1024;
/// Bytes of a compiled pattern.
const COMPILED_BYTES_MAX: usize = 1 << 20;
/// Steps that a pattern with look-around may take for one value.
const STEPS_MAX: usize = 10_000;

/// One condition on the tags of a series.
#[derive(Clone, Debug)]
pub struct TagExpression {
    tag: String,
    test: Test,
    text: String,
}

#[derive(Clone, Debug)]
enum Test {
    Is(String),
    IsNot(String),
    Like(Pattern),
    Unlike(Pattern),
}

/// An anchored pattern.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    regex: Regex,
    start: String,
}

impl TagExpression {
    /// Reads an expression.
    ///
    /// # Errors
    /// It is none, or its pattern is no regular expression or too large.
    pub fn parse(text: &str) -> Result<TagExpression, Error> {
        let invalid = || Error::TagExpression { why: format!("Invalid tagspec {}", clip(text)) };
        let end = text.find([';', '!', '=']).filter(|end| *end > 0).ok_or_else(invalid)?;
        let (tag, rest) = text.split_at(end);
        let (negated, rest) = rest.strip_prefix('!').map_or((false, rest), |rest| (true, rest));
        let rest = rest.strip_prefix('=').ok_or_else(invalid)?;
        let (is_pattern, value) = rest.strip_prefix('~').map_or((false, rest), |rest| (true, rest));
        if value.contains(';') {
            return Err(invalid());
        }
        let test = match (negated, is_pattern) {
            (false, false) => Test::Is(value.to_owned()),
            (true, false) => Test::IsNot(value.to_owned()),
            (false, true) => Test::Like(Pattern::of_expression(value, negated)?),
            (true, true) => Test::Unlike(Pattern::of_expression(value, negated)?),
        };
        Ok(TagExpression { tag: tag.to_owned(), test, text: text.to_owned() })
    }

    /// The tag that it speaks of.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The text that it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a series with this value satisfies it; an empty value is none.
    pub(super) fn accepts(&self, value: &str) -> Result<bool, Error> {
        match &self.test {
            Test::Is(asked) => Ok(value == asked),
            Test::IsNot(asked) => Ok(value != asked),
            Test::Like(pattern) => pattern.matches(value),
            Test::Unlike(pattern) => pattern.matches(value).map(|matches| !matches),
        }
    }

    /// The one value that decides, if it is one.
    pub(super) fn value(&self) -> Option<&str> {
        match &self.test {
            Test::Is(value) | Test::IsNot(value) => Some(value),
            Test::Like(_) | Test::Unlike(_) => None,
        }
    }

    /// What each value begins with that the pattern, or its negation, speaks of; no other value matches the pattern.
    pub(super) fn start(&self) -> &str {
        match &self.test {
            Test::Like(pattern) | Test::Unlike(pattern) => &pattern.start,
            Test::Is(value) | Test::IsNot(value) => value,
        }
    }

    /// Whether it is about the values that do not match.
    pub(super) fn is_negated(&self) -> bool {
        matches!(self.test, Test::IsNot(_) | Test::Unlike(_))
    }
}

impl Pattern {
    /// The original asks its database for the series that must have a value, and searches there; what may lack the tag it
    /// matches itself, from the start. The two differ where `^` stands before one alternative only.
    fn of_expression(text: &str, negated: bool) -> Result<Pattern, Error> {
        let matched = Pattern::compile(text, &format!("\\A(?:{})", anchored(text)))?;
        let needs_value = matched.matches("")? == negated;
        if needs_value { Pattern::of_filter(text) } else { Ok(matched) }
    }

    /// A filter of tags or values, searched for as the original's database does.
    pub(super) fn of_filter(text: &str) -> Result<Pattern, Error> {
        Pattern::compile(text, &anchored(text))
    }

    fn compile(text: &str, pattern: &str) -> Result<Pattern, Error> {
        if text.len() > PATTERN_BYTES_MAX {
            let why = format!("a pattern of {} bytes is longer than {PATTERN_BYTES_MAX}", text.len());
            return Err(Error::TagExpression { why });
        }
        let mut builder = RegexBuilder::new(pattern);
        builder.backtrack_limit(STEPS_MAX).delegate_size_limit(COMPILED_BYTES_MAX);
        let regex = builder.build().map_err(|why| wrong(text, &why))?;
        Ok(Pattern { regex, start: literal_start(text) })
    }

    pub(super) fn matches(&self, value: &str) -> Result<bool, Error> {
        self.regex.is_match(value).map_err(|why| wrong(self.regex.as_str(), &why))
    }

    /// What every value that matches begins with.
    pub(super) fn start(&self) -> &str {
        &self.start
    }
}

fn wrong(text: &str, why: &fancy_regex::Error) -> Error {
    Error::TagExpression { why: format!("`{}` is no regular expression: {why}", clip(text)) }
}

fn anchored(text: &str) -> String {
    if text.starts_with('^') { text.to_owned() } else { format!("^({text})") }
}

/// The letters and digits at the start of a pattern without alternatives, less one that something may repeat or leave out.
/// A closing bracket may be the end of the group that the pattern is put into.
fn literal_start(text: &str) -> String {
    let text = text.strip_prefix('^').unwrap_or(text);
    if text.contains(['|', ')']) {
        return String::new();
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':' | '/');
    let end = text.find(|c| !plain(c)).unwrap_or(text.len());
    let kept = if text[end..].starts_with(['*', '?', '{', '+']) { end.saturating_sub(1) } else { end };
    text[..kept].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, accepted: &[&str]) {
        let expression = TagExpression::parse(text).expect("an expression");
        let values = ["", "web", "web01", "db", "1web"].into_iter();
        let found: Vec<&str> = values.filter(|value| expression.accepts(value).expect("few steps")).collect();
        assert_eq!(found, accepted, "{text}");
    }

    #[test]
    fn accepts_as_the_original() {
        check("host=web", &["web"]);
        check("host=", &[""]);
        check("host!=web", &["", "web01", "db", "1web"]);
        check("host!=", &["web", "web01", "db", "1web"]);
        check("host=~web", &["web", "web01"]);
        check("host=~web|db", &["web", "web01", "db"]);
        check("host!=~web", &["", "db", "1web"]);
        check("host!=~.*", &[]);
        // Searched for, because it asks for a value: only the first alternative is anchored.
        check("host=~^db|b0", &["web01", "db"]);
        check("host!=~^db|b0", &["", "web", "web01", "1web"]);
    }

    #[test]
    fn refuses_what_is_no_expression() {
        for text in ["", "host", "=web", "!=web", "ho;st=web", "host=we;b", "host!web", "host=~[", "host=~(?"] {
            assert!(matches!(TagExpression::parse(text), Err(Error::TagExpression { .. })), "{text}");
        }
        assert!(TagExpression::parse(&format!("host=~{}", "w".repeat(2000))).is_err());
        assert!(TagExpression::parse("host=~((w{1000}){1000}){1000}").is_err());
        let slow = TagExpression::parse("host=~(a+a+)+(?=b)b").expect("an expression");
        assert!(slow.accepts(&"a".repeat(60)).is_err(), "too many steps");
    }

    #[test]
    fn knows_what_every_match_begins_with() {
        let start = |text: &str| literal_start(text);
        assert_eq!(
            (&*start("web.*"), &*start("^web01"), &*start("webs?"), &*start("w+"), &*start("web|db")),
            ("web", "web01", "web", "", "")
        );
        assert_eq!((&*start("(web)"), &*start("a-1:/_x{2}"), &*start("é"), &*start("")), ("", "a-1:/_", "", ""));
    }

    proptest! {
        #[test]
        fn no_text_panics_and_every_match_begins_as_said(
            text in "[ab!=~;.*+?|()\\\\^$\\[\\]{},1é-]{0,16}",
            pattern in "\\^?[ab]{0,3}[ab.*+?|()\\\\^$\\[\\]{},1é-]{0,6}",
            value in "[abé1]{0,6}",
        ) {
            for text in [text, ["x=~", &pattern].concat(), ["x!=~", &pattern].concat()] {
                let Ok(expression) = TagExpression::parse(&text) else { continue };
                let (Ok(accepts), Ok(_)) = (expression.accepts(&value), expression.accepts("")) else { continue };
                let named = accepts != expression.is_negated();
                prop_assert!(!named || value.starts_with(expression.start()), "{}", text);
            }
        }
    }
}
