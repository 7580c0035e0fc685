//! A text cut into words as a POSIX shell and Python's shlex cut it: blanks part, quotes and backslashes protect.

use anyhow::{Result, bail};

/// The words of a text.
pub fn split(text: &str) -> Result<Vec<String>> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\'' => quoted(&mut chars, word.get_or_insert_default())?,
            '"' => double_quoted(&mut chars, word.get_or_insert_default())?,
            '\\' => match chars.next() {
                Some(c) => word.get_or_insert_default().push(c),
                None => bail!("nothing follows the last backslash"),
            },
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

fn quoted(chars: &mut impl Iterator<Item = char>, word: &mut String) -> Result<()> {
    for c in chars {
        if c == '\'' {
            return Ok(());
        }
        word.push(c);
    }
    bail!("a quotation does not end");
}

fn double_quoted(chars: &mut impl Iterator<Item = char>, word: &mut String) -> Result<()> {
    while let Some(c) = chars.next() {
        match c {
            '"' => return Ok(()),
            '\\' => match chars.next() {
                Some(c @ ('"' | '\\')) => word.push(c),
                Some(c) => word.extend(['\\', c]),
                None => break,
            },
            c => word.push(c),
        }
    }
    bail!("a quotation does not end");
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn cuts_as_a_shell_does() {
        assert_eq!(split(r#" --a 'b c'"d" e\ f "" "\x\"" "#).unwrap(), ["--a", "b cd", "e f", "", r#"\x""#]);
        assert_eq!(split("").unwrap(), [""; 0]);
        assert!(split("'a").is_err() && split("\"a").is_err() && split("a\\").is_err());
    }
}
