//! Graphite's globs for one node of a name: `*`, `?`, `[a-z]`, `[!x]` as Python's fnmatch has them, and `{a,b}`, nested
//! too, which stands for every combination. Text in, answers out: no folder is listed here.

/// The braces stand for more patterns than the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

/// The patterns that a pattern with braces stands for, each once; at most `limit`. A brace without its other half is a
/// character like any other.
pub(crate) fn expand_braces(pattern: &str, limit: usize) -> Result<Vec<String>, TooMany> {
    let mut done = Vec::new();
    let mut open = vec![pattern.to_owned()];
    while let Some(pattern) = open.pop() {
        let Some((before, inside, after)) = innermost(&pattern) else {
            done.push(pattern);
            continue;
        };
        for alternative in inside.split(',') {
            open.push([before, alternative, after].concat());
            if done.len() + open.len() > limit {
                return Err(TooMany);
            }
        }
    }
    done.sort_unstable();
    done.dedup();
    Ok(done)
}

/// Splits at the first pair of braces that holds no brace.
fn innermost(pattern: &str) -> Option<(&str, &str, &str)> {
    let mut from = None;
    for (i, byte) in pattern.bytes().enumerate() {
        match byte {
            b'{' => from = Some(i),
            b'}' => {
                if let Some(from) = from {
                    return Some((&pattern[..from], &pattern[from + 1..i], &pattern[i + 1..]));
                }
            }
            _ => {}
        }
    }
    None
}

/// Whether a node must be matched against a listing; else it is the name itself. To be asked after the braces are gone.
pub(crate) fn has_wildcard(node: &str) -> bool {
    node.contains(['*', '?', '['])
}

/// One node's pattern, compiled.
#[derive(Debug)]
pub(crate) struct Glob {
    tokens: Vec<Token>,
    start: String,
}

#[derive(Debug, PartialEq)]
enum Token {
    Star,
    Any,
    Char(char),
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl Glob {
    /// Compiles a pattern without braces. Every text is a pattern.
    pub(crate) fn new(pattern: &str) -> Glob {
        let pattern: Vec<char> = pattern.chars().collect();
        let mut tokens = Vec::with_capacity(pattern.len());
        let mut i = 0;
        while let Some(c) = pattern.get(i) {
            i += 1;
            match c {
                '*' if tokens.last() == Some(&Token::Star) => {}
                '*' => tokens.push(Token::Star),
                '?' => tokens.push(Token::Any),
                '[' => {
                    let (token, next) = class(&pattern, i);
                    tokens.push(token);
                    i = next;
                }
                c => tokens.push(Token::Char(*c)),
            }
        }
        let literal = tokens.iter().map_while(|token| if let Token::Char(c) = token { Some(*c) } else { None });
        Glob { start: literal.collect(), tokens }
    }

    /// What every name that matches begins with.
    pub(crate) fn start(&self) -> &str {
        &self.start
    }

    /// Whether the whole name matches. Takes at most (length of pattern) × (length of name) steps.
    pub(crate) fn matches(&self, name: &str) -> bool {
        let (mut token, mut rest) = (0, name);
        // After a star: where to go on when what follows it does not match, with one character more inside the star.
        let mut retry: Option<(usize, &str)> = None;
        loop {
            let next = rest.chars().next();
            match (self.tokens.get(token), next) {
                (None, None) => return true,
                (Some(Token::Star), _) => {
                    token += 1;
                    retry = Some((token, rest));
                    continue;
                }
                (Some(pattern), Some(c)) if pattern.takes(c) => {
                    token += 1;
                    rest = &rest[c.len_utf8()..];
                    continue;
                }
                _ => {}
            }
            let Some((after_star, from)) = retry else { return false };
            let mut longer = from.chars();
            if longer.next().is_none() {
                return false;
            }
            (token, rest) = (after_star, longer.as_str());
            retry = Some((after_star, rest));
        }
    }
}

impl Token {
    fn takes(&self, c: char) -> bool {
        match self {
            Token::Star => false,
            Token::Any => true,
            Token::Char(expected) => *expected == c,
            Token::Class { negated, ranges } => ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != *negated,
        }
    }
}

/// The class that begins after a `[`, and where it ends; a `[` without its end is that character.
fn class(pattern: &[char], start: usize) -> (Token, usize) {
    let negated = pattern.get(start) == Some(&'!');
    let first = start + usize::from(negated);
    // A closing bracket in the first place is one of the characters.
    let closing = (first + 1..pattern.len().max(first + 1)).find(|i| pattern.get(*i) == Some(&']'));
    let Some(end) = closing else { return (Token::Char('['), start) };
    let mut ranges = Vec::new();
    let mut i = first;
    while i < end {
        if i + 2 < end && pattern[i + 1] == '-' {
            ranges.push((pattern[i], pattern[i + 2]));
            i += 3;
        } else {
            ranges.push((pattern[i], pattern[i]));
            i += 1;
        }
    }
    (Token::Class { negated, ranges }, end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(pattern: &str, names: &[&str], expected: &[&str]) {
        let glob = Glob::new(pattern);
        let matching: Vec<&str> = names.iter().copied().filter(|name| glob.matches(name)).collect();
        assert_eq!(matching, expected, "{pattern}");
    }

    const RAMP: [&str; 4] = ["down", "saw", "steps", "up"];

    #[test]
    fn matches_as_fnmatch() {
        check("*", &RAMP, &RAMP);
        check("s*", &RAMP, &["saw", "steps"]);
        check("*s", &RAMP, &["steps"]);
        check("?aw", &RAMP, &["saw"]);
        check("[!s]*", &RAMP, &["down", "up"]);
        check("[a-s]*", &RAMP, &["down", "saw", "steps"]);
        check("[S]aw", &RAMP, &[]);
        check("[s", &["[s", "s"], &["[s"]);
        check("[", &["["], &["["]);
        check("[]x]", &["]", "x", "a"], &["]", "x"]);
        check("[!]x]", &["]", "x", "a"], &["a"]);
        check("[^a]", &["^", "a", "b"], &["^", "a"]);
        check("[a-c-e]", &["b", "-", "e", "d"], &["b", "-", "e"]);
        check("[c-a]", &["a", "b", "c"], &[]);
        check("[a-]", &["a", "-", "b"], &["a", "-"]);
        check("*a*b*c", &["xaxbxc", "abcabc", "acb"], &["xaxbxc", "abcabc"]);
        check("*code", &["ünïcode"], &["ünïcode"]);
        check("sp?ace", &["sp ace"], &["sp ace"]);
        check("ün?code", &["ünïcode"], &["ünïcode"]);
        check("", &["", "a"], &[""]);
    }

    fn expand(pattern: &str) -> Vec<String> {
        expand_braces(pattern, 100).expect("few")
    }

    #[test]
    fn expands_braces() {
        assert_eq!(expand("{s,u}*"), ["s*", "u*"]);
        assert_eq!(expand("{saw,{up,steps}}"), ["saw", "steps", "up"]);
        assert_eq!(expand("{sa,ste}{w,ps}"), ["saps", "saw", "steps", "stew"]);
        assert_eq!(expand("{saw}"), ["saw"]);
        assert_eq!(expand("{saw"), ["{saw"]);
        assert_eq!(expand("saw}"), ["saw}"]);
        assert_eq!(expand("{a,a}"), ["a"]);
        assert_eq!(expand("x{}"), ["x"]);
        assert_eq!(expand_braces(&"{a,b}".repeat(14), 10_000), Err(TooMany));
        assert_eq!(expand_braces(&"{a,b}".repeat(13), 10_000).map(|all| all.len()), Ok(8192));
    }

    proptest! {
        #[test]
        fn never_panics(pattern in "[a*?\\[\\]!{},-]{0,24}", name in "[abc\\[-]{0,12}") {
            for pattern in expand_braces(&pattern, 1000).unwrap_or_default() {
                let _ = Glob::new(&pattern).matches(&name);
            }
        }

        #[test]
        fn a_star_takes_anything(head in "[a-c]{0,5}", middle in "[a-c]{0,5}", tail in "[a-c]{0,5}") {
            let glob = Glob::new(&format!("{head}*{tail}"));
            let whole = format!("{head}{middle}{tail}");
            prop_assert!(glob.matches(&whole), "{}", whole);
        }
    }
}
