//! Carbon's plain text, `name value timestamp`: points that skip aggregation and go straight to the store.

use super::number::{is_python_space, python};
use memchr::memchr_iter;

/// One point as sent. The name is not looked at: the store sorts its tags and refuses what it cannot keep.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CarbonPoint<'a> {
    /// The name as sent: the store makes one series of `name;k=v` and OpenMetrics' `name{k="v"}`.
    pub name: &'a str,
    /// Finite or infinite, never NaN.
    pub value: f64,
    /// Seconds since the epoch; `None` where the sender wrote -1, which means now.
    pub at: Option<i64>,
}

/// Why a line is no point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CarbonError {
    /// Not exactly a name, a value and a timestamp, or a name that is not UTF-8.
    NotThreeFields,
    /// The value is no number.
    BadValue,
    /// The timestamp is no number, or outside any time that could be meant.
    BadTimestamp,
    /// The value is NaN: collectd sends these for "unknown", so they are skipped and counted apart.
    Nan,
}

/// Timestamps beyond this are mistaken units, not dates (the year 9999 ends before it).
const LATEST: f64 = 253_402_300_800.0;

/// Reads one line without its newline; a carriage return before it is white space.
pub fn parse(line: &[u8]) -> Result<CarbonPoint<'_>, CarbonError> {
    let text = std::str::from_utf8(line).map_err(|_| CarbonError::NotThreeFields)?;
    let (name, value, at) = plain_fields(text).map_or_else(|| fields(text), Ok)?;
    let value = python(value).ok_or(CarbonError::BadValue)?;
    let at = python(at).ok_or(CarbonError::BadTimestamp)?;
    checked(name, value, at)
}

/// The fields of a line as senders write it: ASCII, with one space between two of them. Others are left to [`fields`].
fn plain_fields(text: &str) -> Option<(&str, &str, &str)> {
    let mut spaces = memchr_iter(b' ', text.as_bytes());
    let (Some(first), Some(second), None) = (spaces.next(), spaces.next(), spaces.next()) else { return None };
    // Folded without a way out, which the compiler makes vectors of.
    let is_plain = text.bytes().fold(true, |plain, byte| plain & (b' '..0x7f).contains(&byte));
    let is_whole = is_plain && first > 0 && second > first + 1 && second + 1 < text.len();
    is_whole.then(|| (&text[..first], &text[first + 1..second], &text[second + 1..]))
}

fn fields(text: &str) -> Result<(&str, &str, &str), CarbonError> {
    let mut fields = text.split(is_python_space).filter(|field| !field.is_empty());
    let (Some(name), Some(value), Some(at), None) = (fields.next(), fields.next(), fields.next(), fields.next()) else {
        return Err(CarbonError::NotThreeFields);
    };
    Ok((name, value, at))
}

/// A point of these parts, if it can be one.
pub fn checked(name: &str, value: f64, at: f64) -> Result<CarbonPoint<'_>, CarbonError> {
    if !at.is_finite() || at.abs() > LATEST {
        return Err(CarbonError::BadTimestamp);
    }
    if value.is_nan() {
        return Err(CarbonError::Nan);
    }
    // Truncated, as carbon's int() does; -1.5 is therefore also "now".
    let at = Some(at as i64).filter(|&at| at != -1);
    Ok(CarbonPoint { name, value, at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn point(name: &str, value: f64, at: Option<i64>) -> Result<CarbonPoint<'_>, CarbonError> {
        Ok(CarbonPoint { name, value, at })
    }

    #[test]
    fn reads_what_the_senders_send() {
        assert_eq!(parse(b"a.b 1.5 1700000000"), point("a.b", 1.5, Some(1700000000)));
        assert_eq!(
            parse(b"a.b 1.5 1700000000\r"),
            point("a.b", 1.5, Some(1700000000)),
            "collectd ends lines with CRLF"
        );
        assert_eq!(parse(b" a.b 1"), Err(CarbonError::NotThreeFields));
        assert_eq!(parse(b"a.b  1"), Err(CarbonError::NotThreeFields));
        assert_eq!(parse(b"a.b 1 "), Err(CarbonError::NotThreeFields));
        assert_eq!(parse(b"a\tb 1 5"), Err(CarbonError::NotThreeFields));
        assert_eq!(parse(b"  a.b\t1e3  1700000000.9 "), point("a.b", 1000.0, Some(1700000000)));
        assert_eq!(parse(b"a.b 1_000 +17_0e0"), point("a.b", 1000.0, Some(170)), "as Python's float()");
        assert_eq!(parse("a.b\u{1f}inf\u{85}5".as_bytes()), point("a.b", f64::INFINITY, Some(5)));
        assert_eq!(parse("a.\u{feff}b 1 5".as_bytes()), point("a.\u{feff}b", 1.0, Some(5)));
        assert_eq!(parse(b"a.b 2 -1"), point("a.b", 2.0, None));
        assert_eq!(parse(b"uwsgi.127_0_0_1:18303.rq 2 5"), point("uwsgi.127_0_0_1:18303.rq", 2.0, Some(5)));
        assert_eq!(parse(b"m{t=\"v\"} 2 5"), point("m{t=\"v\"}", 2.0, Some(5)));
        assert_eq!(parse(b"m;b=2;a=1;b=3 2 5"), point("m;b=2;a=1;b=3", 2.0, Some(5)));
    }

    #[test]
    fn names_the_reason() {
        assert_eq!(parse(b""), Err(CarbonError::NotThreeFields));
        assert_eq!(parse(b"a 1"), Err(CarbonError::NotThreeFields));
        assert_eq!(parse(b"a 1 2 3"), Err(CarbonError::NotThreeFields));
        assert_eq!(parse(b"\xff 1 2"), Err(CarbonError::NotThreeFields));
        assert_eq!(parse(b"a x 2"), Err(CarbonError::BadValue));
        for value in ["_1", "1_", "1__0", "1_.0", "1e_5", "0x10", "1,5", "in f"] {
            assert!(parse(format!("a {value} 2").as_bytes()).is_err(), "{value}");
        }
        assert_eq!(parse(b"a 1 x"), Err(CarbonError::BadTimestamp));
        assert_eq!(parse(b"a 1 nan"), Err(CarbonError::BadTimestamp));
        assert_eq!(parse(b"a 1 1700000000000"), Err(CarbonError::BadTimestamp));
        assert_eq!(parse(b"a nan 2"), Err(CarbonError::Nan));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_point_or_a_reason(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(point) = parse(&bytes) {
                prop_assert!(!point.value.is_nan());
            }
        }
    }
}
