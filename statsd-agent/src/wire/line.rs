//! One line of statsd's grammar, taken apart in place: `name ( ":" value "|" type [ "|@" rate ] )+ [ "|#" tags ]`.
//!
//! [`simple`] reads the shapes that nearly all traffic has in one pass; [`Line`] reads everything, with the same result.

use super::number::{decimal, js};
use super::{ParseError, Sample};
use memchr::{memchr, memchr2, memmem};

/// Reads `name:number|c`, `|ms`, `|g` and `|c|@rate` without tags; `None` means "ask [`Line`]", not "bad".
#[inline]
pub fn simple(line: &[u8]) -> Option<(&[u8], Sample<'static>)> {
    // A bar before the colon may begin tags, which come first in the grammar.
    let colon = memchr2(b':', b'|', line)?;
    if line[colon] == b'|' {
        return None;
    }
    let text = &line[colon + 1..];
    let (value, used) = decimal(text)?;
    let sample = match &text[used..] {
        b"|c" => Sample::Count(value),
        b"|ms" if value >= 0.0 => Sample::Time { value, weight: 1.0 },
        b"|g" if matches!(text[0], b'+' | b'-') => Sample::Change(value),
        b"|g" => Sample::Set(value),
        [b'|', b'c', b'|', b'@', rate @ ..] => match decimal(rate) {
            Some((rate_value, used)) if used == rate.len() && rate[0] != b'-' && rate_value > 0.0 => {
                let scaled = value * (1.0 / rate_value);
                scaled.is_finite().then_some(Sample::Count(scaled))?
            }
            _ => return None,
        },
        _ => return None,
    };
    Some((&line[..colon], sample))
}

/// A line split into name, tags and value parts; nothing is checked yet.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// The text before the first colon, as sent.
    pub name: &'a [u8],
    /// The text of `|#…` up to the next bar, as sent; empty when there is none.
    pub tags: &'a [u8],
    values: Option<&'a [u8]>,
    late_rate: Option<&'a [u8]>,
}

impl<'a> Line<'a> {
    /// Splits a line; any bytes are a line.
    ///
    /// Where statsd glues what follows the tags onto the last tag (`|#a:1|@0.1` loses its rate, `|#a:1|c:ID` makes a new
    /// series of every container), the tags end at the next bar here, a rate after them holds, and other fields are skipped.
    pub fn split(line: &'a [u8]) -> Line<'a> {
        let (head, tags, late_rate) = match memmem::find(line, b"|#") {
            None => (line, &line[..0], None),
            Some(at) => {
                let mut fields = line[at + 2..].split(|&b| b == b'|');
                let tags = fields.next().unwrap_or_default();
                (&line[..at], tags, fields.find(|field| field.first() == Some(&b'@')))
            }
        };
        let colon = memchr(b':', head);
        let (name, values) = match colon {
            Some(colon) => (&head[..colon], Some(&head[colon + 1..])),
            None => (head, None),
        };
        Line { name, tags, values, late_rate }
    }

    /// Each value part in order, read or refused. A line without a colon is one bad part.
    pub fn samples(&self) -> impl Iterator<Item = Result<Sample<'a>, ParseError>> + use<'a> {
        let late_rate = self.late_rate;
        let parts = self.values.unwrap_or_default().split(|&b| b == b':');
        parts.map(move |part| sample(part, late_rate))
    }
}

/// Checks in statsd's order: type present, rate, value. The type is trimmed before it is judged, so that a CRLF client's
/// `-4|ms\r` is refused and its `alice|s\r` is a member; statsd trims afterwards and gets both wrong.
fn sample<'a>(part: &'a [u8], late_rate: Option<&[u8]>) -> Result<Sample<'a>, ParseError> {
    let mut fields = part.split(|&b| b == b'|');
    let value = fields.next().unwrap_or_default();
    let kind = fields.next().ok_or(ParseError::MissingType)?.trim_ascii();
    let weight = match fields.next().or(late_rate) {
        Some(field) => weight(field)?,
        None => 1.0,
    };
    if kind == b"s" {
        // statsd inserts "0" for an empty member.
        return Ok(Sample::Member(if value.is_empty() { b"0" } else { value }));
    }
    let number = js(value).ok_or(ParseError::BadValue)?;
    if !number.is_finite() {
        return Err(ParseError::NotFinite);
    }
    match kind {
        b"ms" if number < 0.0 => Err(ParseError::NegativeTimer),
        b"ms" => Ok(Sample::Time { value: number, weight }),
        b"g" if matches!(value.first(), Some(b'+' | b'-')) => Ok(Sample::Change(number)),
        b"g" => Ok(Sample::Set(number)),
        // Every other type is a counter, DogStatsD's `h` and `d` too: this is statsd's own dialect.
        _ => Some(number * weight).filter(|count| count.is_finite()).map(Sample::Count).ok_or(ParseError::NotFinite),
    }
}

/// The reciprocal of `@rate`. statsd reads only the leading digits and dots of the rate (`@5e-1` as 5), divides by zero and
/// dies of `@Infinity`; here the whole number counts, and it must be positive and finite with a finite reciprocal.
fn weight(field: &[u8]) -> Result<f64, ParseError> {
    let [b'@', text @ ..] = field else { return Err(ParseError::BadRate) };
    if text.first() == Some(&b'-') {
        return Err(ParseError::BadRate);
    }
    let rate = js(text).filter(|rate| rate.is_finite() && *rate > 0.0).ok_or(ParseError::BadRate)?;
    Some(1.0 / rate).filter(|weight| weight.is_finite()).ok_or(ParseError::BadRate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(line: &[u8]) -> Vec<Result<Sample<'_>, ParseError>> {
        Line::split(line).samples().collect()
    }

    #[test]
    fn judges_each_part_by_itself() {
        assert_eq!(
            read(b"foo:1|c:x|c:320|ms|@0.1:-3|g:a b|s"),
            [
                Ok(Sample::Count(1.0)),
                Err(ParseError::BadValue),
                Ok(Sample::Time { value: 320.0, weight: 10.0 }),
                Ok(Sample::Change(-3.0)),
                Ok(Sample::Member(b"a b")),
            ]
        );
    }

    #[test]
    fn names_the_reason() {
        use ParseError::*;
        let cases: [(&[u8], ParseError); 14] = [
            (b"foo", MissingType),
            (b"foo:", MissingType),
            (b"foo:1", MissingType),
            (b"foo|#a:1|c", MissingType),
            (b"foo:1|c|", BadRate),
            (b"foo:1|c|@", BadRate),
            (b"foo:1|c|0.1", BadRate),
            (b"foo:1|c|@-0.5", BadRate),
            (b"foo:1|c|@0", BadRate),
            (b"foo:1|c|@Infinity", BadRate),
            (b"foo:1|c|@ ", BadRate),
            (b"foo:|c", BadValue),
            (b"foo:Infinity|g", NotFinite),
            (b"foo:-4|ms\r", NegativeTimer),
        ];
        for (line, reason) in cases {
            assert_eq!(read(line), [Err(reason)], "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn tags_end_at_the_next_bar_and_a_rate_may_follow() {
        let line = Line::split(b"foo:1|c|#env:prod,b|c:83c0a99c|@0.1|T1656581400");
        assert_eq!((line.name, line.tags), (&b"foo"[..], &b"env:prod,b"[..]));
        assert_eq!(line.samples().collect::<Vec<_>>(), [Ok(Sample::Count(10.0))]);
        assert_eq!(read(b"r:3|c|@5e-1"), [Ok(Sample::Count(6.0))]);
        assert_eq!(read(b"u:alice|s\r"), [Ok(Sample::Member(b"alice"))]);
        assert_eq!(read(b"u:|s"), [Ok(Sample::Member(b"0"))]);
    }

    #[test]
    fn the_short_way_agrees_with_the_long_way() {
        let lines: [&[u8]; 9] = [
            b"a:1|c",
            b"a:-1.5|c",
            b"a:320.000000|ms",
            b"a:3|g",
            b"a:+3|g",
            b"a:3|c|@0.1",
            b"a:3|c|@.7",
            b"a:-0|ms",
            b"a:-0|g",
        ];
        for line in lines {
            let (name, sample) = simple(line).expect("a simple shape");
            assert_eq!(name, Line::split(line).name);
            assert_eq!(read(line), [Ok(sample)], "{}", String::from_utf8_lossy(line));
        }
        let others: [&[u8]; 9] =
            [b"a", b"a|#b:1|c", b"a:1", b"a:1|c|#x", b"a:-1|ms", b"a:1|c|@0", b"a:1|c|@-1", b"a:1|h", b"a:1|c:2|c"];
        for line in others {
            assert_eq!(simple(line), None, "{}", String::from_utf8_lossy(line));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_part_and_finite_samples(bytes in "[a:|@#0-9.+cgms,-]{0,30}") {
            let line = bytes.as_bytes();
            let parts = read(line);
            prop_assert!(!parts.is_empty());
            for sample in parts.iter().flatten() {
                match sample {
                    Sample::Count(v) | Sample::Set(v) | Sample::Change(v) => prop_assert!(v.is_finite()),
                    Sample::Time { value, weight } => prop_assert!(value.is_finite() && *value >= 0.0 && weight.is_finite()),
                    Sample::Member(member) => prop_assert!(!member.is_empty()),
                }
            }
            if let Some((name, sample)) = simple(line) {
                prop_assert_eq!(name, Line::split(line).name);
                prop_assert_eq!(parts, vec![Ok(sample)]);
            }
        }
    }
}
