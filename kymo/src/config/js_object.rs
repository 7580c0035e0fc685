//! A JavaScript object literal as configuration: JSON5 with what statsd's users put around it (`module.exports =`,
//! parentheses, a semicolon). Nothing is evaluated; an expression is an error that says so.

use anyhow::{Result, anyhow, bail};
use serde_json::{Map, Value};

/// Objects and lists nested deeper than this are a mistake; the bound keeps the recursive reader off the stack's end.
const DEPTH_MAX: usize = 32;

/// The object that the text holds. Positions in errors are those of the text.
pub fn parse(text: &str) -> Result<Map<String, Value>> {
    let (start, end) = literal(text)?;
    // What stands before is blanked, not cut, so that the positions of errors stay those of the file.
    let blank = |c: char| if c == '\n' { '\n' } else { ' ' };
    let mut only: String = text[..start].chars().map(blank).collect();
    only.push_str(&text[start..end]);
    match json5::from_str(&only) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => bail!("expected an object in braces"),
        Err(error) => {
            let what = "read as data: a JavaScript expression (process.env, require, 10 * 1000) is not evaluated";
            Err(anyhow!("{error} ({what})"))
        }
    }
}

/// Where the outermost braces begin and end, after checking that only what statsd's users write stands around them.
fn literal(text: &str) -> Result<(usize, usize)> {
    let mut scan = Scan { text, at: 0 };
    let mut before = String::new();
    loop {
        match scan.next_code()? {
            Some('{') => break,
            Some(c) => before.push(c),
            None => bail!("no object in braces found"),
        }
    }
    let wrapped = before.trim_start_matches("module.exports").trim_start_matches('=');
    let expected = (before == wrapped || before.starts_with("module.exports=")) && wrapped.chars().all(|c| c == '(');
    if !expected {
        bail!("expected an object in braces, found {:?} before it", before.chars().take(40).collect::<String>());
    }
    let start = scan.at - 1;
    let mut depth = 1;
    while depth > 0 {
        match scan.next_code()? {
            Some('{' | '[' | '(') => depth += 1,
            Some('}' | ']' | ')') => depth -= 1,
            Some(_) => {}
            None => bail!("the object in braces does not end"),
        }
        if depth > DEPTH_MAX {
            bail!("nested more than {DEPTH_MAX} deep");
        }
    }
    let end = scan.at;
    while let Some(c) = scan.next_code()? {
        if !matches!(c, ')' | ';') {
            bail!("unexpected {c:?} after the object");
        }
    }
    Ok((start, end))
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
}

impl Scan<'_> {
    /// The next character that is neither white space nor in a comment; a string counts as one quote.
    fn next_code(&mut self) -> Result<Option<char>> {
        loop {
            let rest = &self.text[self.at..];
            let Some(c) = rest.chars().next() else { return Ok(None) };
            if rest.starts_with("//") {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else if rest.starts_with("/*") {
                let end = rest.find("*/").ok_or_else(|| anyhow!("a comment does not end"))?;
                self.at += end + 2;
            } else if c.is_whitespace() || c == '\u{feff}' {
                self.at += c.len_utf8();
            } else if matches!(c, '"' | '\'') {
                self.at += string_end(rest, c).ok_or_else(|| anyhow!("a string does not end"))?;
                return Ok(Some(c));
            } else {
                self.at += c.len_utf8();
                return Ok(Some(c));
            }
        }
    }
}

/// The length of the string that the text begins with.
fn string_end(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_users_write_around_the_object() {
        let texts = [
            "{port: 8125}",
            "/* Required:\n {port} */ // more\n{ port: 8125\n, }\n",
            "module.exports = { 'port': 8125, };",
            "({\"port\": 0x1FBD})",
            "module.exports = ({ port: 8125 });  // end }",
            "\u{feff}{ port: 8125, /* '}' */ }",
        ];
        for text in texts {
            assert_eq!(parse(text).unwrap()["port"], 8125, "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        let check = |text: &str, part: &str| {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        };
        check("", "no object");
        check("port: 8125", "no object");
        check("var config = {}", "before it");
        check("{ port: 8125", "does not end");
        check("{ a: 'b }", "string does not end");
        check("{ port: 8125 } + 1", "after the object");
        check("// one\n{\n  port: 10 * 1000\n}", "not evaluated");
        check(&"{a:".repeat(100_000), "nested more than");
        check(&format!("{{a:{}", "[".repeat(100_000)), "nested more than");
    }
}
