//! Python's regular expressions as Graphite's functions use them, with its replacement templates (`\1`, `\g<name>`).
//!
//! A pattern from a query can neither take unbounded time (a step budget where it backtracks, linear time where it does
//! not) nor unbounded memory (a bound on the compiled program and on the text that a replacement may grow to).

use crate::limits::Limits;
use fancy_regex::{Captures, Regex, RegexBuilder};

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
    output_bytes_max: usize,
}

impl Pattern {
    /// Compiles; the error is what the regex parser says.
    pub fn compile(text: &str, limits: &Limits) -> Result<Pattern, String> {
        let refused = |why: &dyn std::fmt::Display| format!("`{text}` is no regular expression: {why}");
        let mut builder = RegexBuilder::new(&from_python(text).map_err(|why| refused(&why))?);
        builder.backtrack_limit(limits.regex_steps).delegate_size_limit(limits.regex_bytes);
        let regex = builder.build().map_err(|why| refused(&why))?;
        Ok(Pattern { regex, output_bytes_max: limits.name_bytes })
    }

    /// `re.search(pattern, text)`: whether there is a match anywhere.
    pub fn finds(&self, text: &str) -> Result<bool, String> {
        self.regex.is_match(text).map_err(|why| format!("{why}"))
    }

    /// `re.sub(pattern, template, text)`: every match replaced, an empty one right after another match included.
    pub fn substitute(&self, template: &Template, text: &str) -> Result<String, String> {
        template.check(&self.regex)?;
        let mut output = String::with_capacity(text.len());
        let mut copied = 0;
        let mut from = 0;
        while from <= text.len() {
            let Some(found) = self.regex.captures_from_pos(text, from).map_err(|why| format!("{why}"))? else { break };
            let Some(whole) = found.get(0) else { break };
            output.push_str(&text[copied..whole.start()]);
            template.expand(&found, &mut output);
            copied = whole.end();
            if output.len() > self.output_bytes_max {
                return Err(format!("the replacement grows past {} bytes", self.output_bytes_max));
            }
            // After an empty match the search goes on one character later, so that it ends.
            let past = text[whole.end()..].chars().next().map_or(1, char::len_utf8);
            from = if whole.end() == whole.start() { whole.end() + past } else { whole.end() };
        }
        output.push_str(&text[copied..]);
        Ok(output)
    }
}

/// The pattern in the words of the regex parser, which knows more than Python does: what Python refuses is refused here, as
/// calls of groups by number (`\g99999999`) take memory as they like before any bound is asked.
fn from_python(text: &str) -> Result<String, String> {
    let mut output = String::with_capacity(text.len());
    let mut in_class = false;
    let (mut groups, mut referred) = (0, 0);
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '(', '[', ']']) {
        let (plain, special) = rest.split_at(at);
        output.push_str(plain);
        let (sign, after) = special.split_at(1);
        rest = after;
        output.push_str(sign);
        match sign {
            "(" if !in_class => {
                groups += usize::from(!after.starts_with('?') || after.starts_with("?P<"));
                referred = referred.max(known_group(after)?);
                if let Some(condition) = after.strip_prefix("?(") {
                    output.push_str("?(");
                    rest = condition;
                }
            }
            "[" if !in_class => {
                in_class = true;
                if let Some(others) = after.strip_prefix('^') {
                    output.push('^');
                    rest = others;
                }
                // A `]` that comes first is one of the class.
                if let Some(others) = rest.strip_prefix(']') {
                    output.push_str(r"\]");
                    rest = others;
                }
            }
            // Classes do not nest.
            "[" => output.insert(output.len() - 1, '\\'),
            "]" => in_class = false,
            "\\" => {
                let Some(escaped) = after.chars().next() else { return Err("a `\\` ends it".to_owned()) };
                if escaped.is_ascii_alphabetic() && !"AbBdDsSwWZafnrtvxuUN".contains(escaped) {
                    return Err(format!("bad escape \\{escaped}"));
                }
                group_number(after)?;
                // Python's `\Z` is the very end, which is `\z` here.
                output.push(if escaped == 'Z' { 'z' } else { escaped });
                rest = &after[escaped.len_utf8()..];
            }
            _ => {}
        }
    }
    output.push_str(rest);
    if referred > groups { Err(format!("invalid group reference {referred}")) } else { Ok(output) }
}

/// Whether what follows a `(` begins a group that Python has; the group that a condition asks for, else 0.
fn known_group(after: &str) -> Result<usize, String> {
    let Some(extension) = after.strip_prefix('?') else { return Ok(0) };
    let one_of = |text: &str, allowed: &str| text.starts_with(|c| allowed.contains(c));
    let known = match extension.as_bytes().first() {
        Some(b'P') => one_of(&extension[1..], "<="),
        Some(b'<') => one_of(&extension[1..], "=!"),
        // Python has a number or a name here, and no sign, quote or call.
        Some(b'(') if !one_of(&extension[1..], "+-<'?*R") => return group_number(&extension[1..]),
        _ => one_of(extension, ":#=!>-aiLmsux"),
    };
    if known { Ok(0) } else { Err(format!("unknown extension ?{}", extension.chars().take(2).collect::<String>())) }
}

/// The number that the text begins with, 0 where none does; a group's has at most [`GROUP_DIGITS`] digits.
fn group_number(text: &str) -> Result<usize, String> {
    let (digits, _) = text.split_at(text.bytes().take_while(u8::is_ascii_digit).count());
    if digits.len() > GROUP_DIGITS {
        return Err(format!("invalid group reference {digits}"));
    }
    Ok(digits.parse().unwrap_or(0))
}

const GROUP_DIGITS: usize = 4;

/// A replacement, its references found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Group(usize),
    Named(String),
}

impl Template {
    /// Reads a replacement by Python's rules.
    pub fn parse(text: &str) -> Result<Template, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('\\') {
            plain.push_str(&rest[..at]);
            let (after, part) = escape(&rest[at + 1..])?;
            rest = after;
            match part {
                Part::Text(text) => plain.push_str(&text),
                group => {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                    parts.push(group);
                }
            }
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        Ok(Template { parts })
    }

    fn check(&self, regex: &Regex) -> Result<(), String> {
        for part in &self.parts {
            match part {
                Part::Group(group) if *group >= regex.captures_len() => {
                    return Err(format!("the replacement refers to group {group}, which the pattern has not"));
                }
                Part::Named(name) if !regex.capture_names().flatten().any(|known| known == name) => {
                    return Err(format!("the replacement refers to group `{name}`, which the pattern has not"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A group that took no part in the match is empty.
    fn expand(&self, found: &Captures<'_, str>, output: &mut String) {
        for part in &self.parts {
            output.push_str(match part {
                Part::Text(text) => text,
                Part::Group(group) => found.get(*group).map_or("", |group| group.as_str()),
                Part::Named(name) => found.name(name).map_or("", |group| group.as_str()),
            });
        }
    }
}

/// What stands after a backslash.
fn escape(rest: &str) -> Result<(&str, Part), String> {
    let Some(c) = rest.chars().next() else { return Err("the replacement ends in a backslash".to_owned()) };
    let text = |c: char| Part::Text(c.to_string());
    let after = &rest[c.len_utf8()..];
    Ok(match c {
        '1'..='9' | '0' => return Ok(digits(rest)),
        'g' => return named(after),
        'n' => (after, text('\n')),
        't' => (after, text('\t')),
        'r' => (after, text('\r')),
        'a' => (after, text('\u{7}')),
        'b' => (after, text('\u{8}')),
        'f' => (after, text('\u{c}')),
        'v' => (after, text('\u{b}')),
        '\\' => (after, text('\\')),
        c if c.is_ascii_alphabetic() => return Err(format!("`\\{c}` is no escape of a replacement")),
        c => (after, Part::Text(format!("\\{c}"))),
    })
}

/// `\0` and three octal digits are a character, anything else one or two digits of a group.
fn digits(rest: &str) -> (&str, Part) {
    let octal = rest.bytes().take(3).take_while(|b| matches!(b, b'0'..=b'7')).count();
    let wanted = if rest.starts_with('0') { octal } else { 3 };
    if octal == wanted {
        let code = u32::from_str_radix(&rest[..octal], 8).unwrap_or(0) & 0o377;
        return (&rest[octal..], Part::Text(char::from_u32(code).unwrap_or_default().to_string()));
    }
    let taken = rest.bytes().take(2).take_while(u8::is_ascii_digit).count();
    (&rest[taken..], Part::Group(rest[..taken].parse().unwrap_or(usize::MAX)))
}

fn named(rest: &str) -> Result<(&str, Part), String> {
    let inner = rest.strip_prefix('<').and_then(|inner| inner.split_once('>'));
    let Some((name, after)) = inner.filter(|(name, _)| !name.is_empty()) else {
        return Err("`\\g` in the replacement needs a group: `\\g<1>`".to_owned());
    };
    Ok((after, name.parse().map_or_else(|_| Part::Named(name.to_owned()), Part::Group)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sub(pattern: &str, template: &str, text: &str) -> Result<String, String> {
        Pattern::compile(pattern, &Limits::default())?.substitute(&Template::parse(template)?, text)
    }

    #[test]
    fn substitutes_as_python_does() {
        for (pattern, template, text, expected) in [
            ("(^.*$)", r"\1 A", "with space", "with space A"),
            ("(^.*$)", r"\1 A", "", " A"),
            (r"(s)(a)", r"\2\1", "ramp.saw", "ramp.asw"),
            (r"(?P<n>saw)", r"<\g<n>>\g<1>\g<0>", "ramp.saw", "ramp.<saw>sawsaw"),
            ("a|w", "", "ramp.saw", "rmp.s"),
            ("x*", "-", "abxd", "-a-b--d-"),
            (r"saw\Z", r"\.\n\\", "ramp.saw", "ramp.\\.\n\\"),
            ("(?<=p)o", "0", "popo", "p0p0"),
            ("(x)?a", r"[\1]", "a", "[]"),
            (r"\.", r"\0601", "a.b", "a01b"),
            ("ü", "u", "müsü", "musu"),
            (r"[](?R[)]+|[^](?P]", "-", "x(?[]P", "--P"),
            (r"(a)(?(1)b|c)(?P<n>d)?(?P=n)?(?i:E)(?#no)(?!f)", "-", "abddex", "-x"),
        ] {
            assert_eq!(sub(pattern, template, text).as_deref(), Ok(expected), "{pattern} {template}");
        }
    }

    #[test]
    fn refuses_what_python_refuses_and_what_grows_or_lasts() {
        for (pattern, template, text) in
            [("(", "x", "a"), ("(saw)", r"\9", "a"), ("a", r"\q", "a"), ("a", r"\g<n>", "a"), ("a", "\\", "a")]
        {
            assert!(sub(pattern, template, text).is_err(), "{pattern} {template}");
        }
        for pattern in [
            r"\g99999999999999999",
            r"(a)\g<1>",
            r"(a)\k<1>",
            r"\99999999999999999",
            "(a)(?(99999999999999999)b|c)",
            "(a)(?(2)b|c)",
            "(?P>n)",
            "(?&n)",
            "(?R)",
            "(?1)",
            "(?|a)",
            r"a\",
        ] {
            assert!(sub(pattern, "", "a").is_err(), "{pattern}");
        }
        let small = Limits { name_bytes: 100, regex_steps: 1000, ..Limits::default() };
        let doubled = Pattern::compile("(.*)", &small).unwrap();
        assert!(doubled.substitute(&Template::parse(r"\1\1").unwrap(), &"a".repeat(60)).is_err());
        let slow = Pattern::compile(r"^(?=((?:a|b|ab)*)c)\1(?<!b)c|^(a|b|ab)*(?<=x)c", &small).unwrap();
        assert!(slow.substitute(&Template::parse("").unwrap(), &("ab".repeat(40) + "cd")).is_err());
    }
}
