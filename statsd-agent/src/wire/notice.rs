//! DogStatsD's lines that are no samples: events `_e{…}` and service checks `_sc|…`.

use super::ParseError;
use memchr::memchr;

/// Such a line, read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Notice<'a> {
    /// An event: something happened. Counted by its alert; what it says is not kept.
    Event(Alert),
    /// A service check: how something is.
    Check {
        /// The name as sent.
        name: &'a [u8],
        /// 0 for OK, 1 for a warning, 2 for critical, 3 for unknown.
        status: f64,
        /// The text of its `#…`, as sent; empty when there is none.
        tags: &'a [u8],
    },
}

/// An event's `t:`; `info` where it says none that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alert {
    /// For information.
    Info,
    /// Something went well.
    Success,
    /// Something may go wrong.
    Warning,
    /// Something went wrong.
    Error,
}

impl Alert {
    /// All, in the order of their counters.
    pub const ALL: [Alert; 4] = [Alert::Info, Alert::Success, Alert::Warning, Alert::Error];

    /// The word on the wire and in series names.
    pub fn name(self) -> &'static str {
        match self {
            Alert::Info => "info",
            Alert::Success => "success",
            Alert::Warning => "warning",
            Alert::Error => "error",
        }
    }
}

/// Reads an event or a service check; `None` for any other line.
pub fn read(line: &[u8]) -> Option<Result<Notice<'_>, ParseError>> {
    if let Some(event) = line.strip_prefix(b"_e{") {
        return Some(alert(event).map(Notice::Event).ok_or(ParseError::BadEvent));
    }
    line.strip_prefix(b"_sc|").map(|rest| check(rest).ok_or(ParseError::BadCheck))
}

/// `title bytes,text bytes}:title|text|fields`. The lengths are of UTF-8 bytes, and the title is not empty.
fn alert(event: &[u8]) -> Option<Alert> {
    let (lengths, rest) = event.split_at_checked(memchr(b'}', event)?)?;
    let (title, text) = lengths.split_at_checked(memchr(b',', lengths)?)?;
    let (title_bytes, text_bytes) = (length(title)?, length(&text[1..])?);
    let rest = rest.strip_prefix(b"}:")?;
    let (title, rest) = rest.split_at_checked(title_bytes)?;
    let (_, rest) = rest.strip_prefix(b"|")?.split_at_checked(text_bytes)?;
    if title.is_empty() || !matches!(rest, [] | [b'|', ..]) {
        return None;
    }
    let word = rest.split(|&b| b == b'|').find_map(|field| field.strip_prefix(b"t:")).unwrap_or_default();
    Alert::ALL.into_iter().find(|alert| alert.name().as_bytes() == word).or(Some(Alert::Info))
}

fn length(digits: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(digits).ok().filter(|_| digits.iter().all(u8::is_ascii_digit))?;
    text.parse().ok()
}

/// `name|status|fields`; a message, which comes last, may hold anything.
fn check(rest: &[u8]) -> Option<Notice<'_>> {
    let mut fields = rest.split(|&b| b == b'|');
    let name = fields.next().filter(|name| name.iter().any(u8::is_ascii_alphanumeric))?;
    let status = match fields.next()?.trim_ascii() {
        [status @ b'0'..=b'3'] => f64::from(status - b'0'),
        _ => return None,
    };
    let mut fields = fields.take_while(|field| !field.starts_with(b"m:"));
    let tags = fields.find_map(|field| field.strip_prefix(b"#")).unwrap_or_default();
    Some(Notice::Check { name, status, tags })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(line: &str) -> Option<Result<Notice<'_>, ParseError>> {
        read(line.as_bytes())
    }

    #[test]
    fn events_have_the_lengths_that_they_state() {
        let good = [
            ("_e{5,4}:title|text", Alert::Info),
            ("_e{10,26}:deploy 2.4|fabric deploy finished\\nok|t:info|#svc:api,env:prod", Alert::Info),
            ("_e{6,9}:deploy|v2\\nline2|d:1656581400|h:h|k:k|p:low|t:warning|#x:y,env:prod", Alert::Warning),
            ("_e{3,0}:a|b||t:error", Alert::Error),
            ("_e{6,2}:\u{5fc3}\u{62cd}|ok|t:success", Alert::Success),
            ("_e{1,1}:5|c", Alert::Info),
            ("_e{1,1}:a|b|t:strange", Alert::Info),
        ];
        for (line, alert) in good {
            assert_eq!(event(line), Some(Ok(Notice::Event(alert))), "{line}");
        }
        let bad = [
            "_e{",
            "_e{5,4}",
            "_e{5,4}:title",
            "_e{5,4}:title|tex",
            "_e{5,4}:title|texts",
            "_e{2,2}:\u{5fc3}|ok",
            "_e{0,1}:|a",
            "_e{-1,1}:a|b",
            "_e{,}:|",
            "_e{1}:a|b",
            "_e{99999999999999999999,1}:a|b",
            "_e{18446744073709551615,1}:a|b",
        ];
        for line in bad {
            assert_eq!(event(line), Some(Err(ParseError::BadEvent)), "{line}");
        }
        assert_eq!(event("_e:1|c"), None);
    }

    #[test]
    fn checks_have_a_name_and_a_status() {
        let check = |line: &'static str| match event(line) {
            Some(Ok(Notice::Check { name, status, tags })) => {
                Some((String::from_utf8_lossy(name).into_owned(), status, String::from_utf8_lossy(tags).into_owned()))
            }
            _ => None,
        };
        let some = |name: &str, status, tags: &str| Some((name.to_owned(), status, tags.to_owned()));
        assert_eq!(check("_sc|Redis connection|2|#env:dev|m:timed out"), some("Redis connection", 2.0, "env:dev"));
        assert_eq!(check("_sc|sync.up|2|d:1656581400|h:h|#a:b|m:down: m\\:x"), some("sync.up", 2.0, "a:b"));
        assert_eq!(check("_sc|up|0|m:see|#not,tags"), some("up", 0.0, ""));
        assert_eq!(check("_sc|up|3"), some("up", 3.0, ""));
        for line in ["_sc|", "_sc|up", "_sc||0", "_sc|up|4", "_sc|up|-1", "_sc|up|00", "_sc|...|1", "_sc|up|OK"] {
            assert_eq!(event(line), Some(Err(ParseError::BadCheck)), "{line}");
        }
        assert_eq!(event("_sc:1|c"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in "(_e\\{|_sc\\|)[0-9,}:|#a-c\u{e9}]{0,30}") {
            prop_assert!(read(bytes.as_bytes()).is_some());
        }
    }
}
