//! One line of statsd's grammar, taken apart in place: `name ( ":" value "|" type [ "|@" rate ] )+ [ "|#" tags ]`.
//!
//! [`simple`] reads the shapes that nearly all traffic has in one pass; [`Line`] reads everything, with the same result.

use super::groups::Groups;
use super::number::{decimal, js};
use super::{Dialect, ParseError, Sample};
use memchr::{memchr, memchr_iter, memrchr};
use std::slice::Split;

/// A line in one of the usual shapes, read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Simple<'a> {
    /// The name as sent.
    pub name: &'a [u8],
    /// Its only sample.
    pub sample: Sample<'static>,
    /// Bytes of the line, without its newline.
    pub len: usize,
}

/// Reads `name:number|c`, `|ms`, `|g` and `|c|@rate` from the start of `text`, up to the newline or the end, in one pass;
/// `None` means "ask [`Line`]", not "bad". The same in every dialect.
///
/// Inlined always: with two callers the compiler would make it a call, which costs usual lines a tenth.
#[inline(always)]
pub fn simple(text: &[u8]) -> Option<Simple<'_>> {
    // An event whose title is a number and whose text is a type.
    if text.starts_with(b"_e{") {
        return None;
    }
    let colon = name_end(text)?;
    let (name, rest) = text.split_at(colon);
    // A bar before the colon may begin tags, which come first in the grammar.
    let number = rest.strip_prefix(b":")?;
    let (value, used) = decimal(number)?;
    let (sample, kind) = match number.get(used..)? {
        [b'|', b'c', ..] => (Sample::Count(value), 2),
        [b'|', b'm', b's', ..] if value >= 0.0 => (Sample::Time { value, weight: 1.0 }, 3),
        [b'|', b'g', ..] if matches!(number[0], b'+' | b'-') => (Sample::Change(value), 2),
        [b'|', b'g', ..] => (Sample::Set(value), 2),
        _ => return None,
    };
    let len = colon + 1 + used + kind;
    match (text.get(len..)?, sample) {
        ([] | [b'\n', ..], sample) => Some(Simple { name, sample, len }),
        ([b'|', b'@', rate @ ..], Sample::Count(count)) => {
            let (rate_value, used) = decimal(rate).filter(|(rate, _)| *rate > 0.0)?;
            let count = count * (1.0 / rate_value);
            let ends = matches!(rate.get(used..)?, [] | [b'\n', ..]);
            (ends && count.is_finite()).then_some(Simple { name, sample: Sample::Count(count), len: len + 2 + used })
        }
        _ => None,
    }
}

/// Where the first of `:`, `|` and newline is. Eight bytes at a time in a register: names are too short for a call to pay.
#[inline]
fn name_end(text: &[u8]) -> Option<usize> {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    // The lowest set bit marks the first zero byte; higher ones may be borrows, which do not matter.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let mut at = 0;
    while let Some(chunk) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let word = u64::from_le_bytes(*chunk);
        let found = zeros(word ^ (ONES * u64::from(b':')))
            | zeros(word ^ (ONES * u64::from(b'|')))
            | zeros(word ^ (ONES * u64::from(b'\n')));
        if found != 0 {
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let tail = text.get(at..)?;
    tail.iter().position(|&byte| matches!(byte, b':' | b'|' | b'\n')).map(|found| at + found)
}

/// A line split into name, tags and value parts; nothing is checked yet.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// The text before the first colon, as sent.
    pub name: &'a [u8],
    /// The text of `|#…` up to the next bar, as sent; empty when there is none.
    pub tags: &'a [u8],
    values: Option<&'a [u8]>,
    late: Option<&'a [u8]>,
    /// The only sample, where what stands before the tags is one of the usual shapes and nothing stands behind them.
    only: Option<Sample<'static>>,
    dialect: Dialect,
}

impl<'a> Line<'a> {
    /// Splits a line; any bytes are a line.
    ///
    /// Where statsd glues what follows the tags onto the last tag (`|#a:1|@0.1` loses its rate, `|#a:1|c:ID` makes a new
    /// series of every container), the tags end at the next bar here, a rate after them holds, and other fields are skipped.
    pub fn split(line: &'a [u8], dialect: Dialect) -> Line<'a> {
        let (head, tags, late) = match memchr_iter(b'|', line).find(|&bar| line.get(bar + 1) == Some(&b'#')) {
            None => (line, &line[..0], None),
            Some(at) => {
                let rest = &line[at + 2..];
                match memchr(b'|', rest) {
                    Some(bar) => (&line[..at], &rest[..bar], Some(&rest[bar + 1..])),
                    None => (&line[..at], rest, None),
                }
            }
        };
        if head.len() < line.len()
            && late.is_none()
            && let Some(Simple { name, sample, .. }) = simple(head).filter(|simple| simple.len == head.len())
        {
            return Line { name, tags, values: None, late, only: Some(sample), dialect };
        }
        let mut colon = memchr(b':', head);
        if let (Dialect::All, Some(first)) = (dialect, colon) {
            colon = Some(name_colon(head, first));
        }
        let (name, values) = match colon {
            Some(colon) => (&head[..colon], Some(&head[colon + 1..])),
            None => (head, None),
        };
        Line { name, tags, values, late, only: None, dialect }
    }

    /// Each value part in order, read or refused. A line without a colon is one bad part.
    pub fn samples(&self) -> Samples<'a> {
        if let Some(sample) = self.only {
            return Samples::Only(Some(sample));
        }
        let values = self.values.unwrap_or_default();
        match self.dialect {
            Dialect::Statsd => {
                let rate =
                    self.late.and_then(|late| late.split(|&b| b == b'|').find(|field| field.first() == Some(&b'@')));
                Samples::Statsd(values.split(is_colon as fn(&u8) -> bool), rate)
            }
            Dialect::All => Samples::All(Groups::new(values, self.late)),
        }
    }
}

/// Which colon ends the name. A tag inside the name may have a value with colons (hot-shots sends URLs so), and who writes
/// tags there does not pack values: the last one before the bar. But not before a set, whose member may be an address.
fn name_colon(head: &[u8], first: usize) -> usize {
    let is_tagged = || {
        let equals = memchr(b'=', &head[..first]);
        equals.is_some_and(|equals| head[..equals].iter().any(|byte| matches!(byte, b',' | b';' | b'#' | b'[')))
    };
    let Some(bar) = memchr(b'|', head) else { return first };
    let Some(last) = memrchr(b':', &head[..bar]).filter(|&last| last != first) else { return first };
    let is_set =
        head[bar + 1..].split(|&b| b == b'|' || b == b':').next().is_some_and(|kind| kind.trim_ascii() == b"s");
    if is_tagged() && !is_set { last } else { first }
}

/// The samples of a line.
pub enum Samples<'a> {
    /// One, read already.
    Only(Option<Sample<'static>>),
    /// statsd's `value|type|@rate` between colons, and the rate that stands after the tags.
    Statsd(Split<'a, u8, fn(&u8) -> bool>, Option<&'a [u8]>),
    /// DogStatsD's too.
    All(Groups<'a>),
}

impl<'a> Iterator for Samples<'a> {
    type Item = Result<Sample<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Samples::Only(sample) => sample.take().map(Ok),
            Samples::Statsd(parts, late_rate) => parts.next().map(|part| sample(part, *late_rate)),
            Samples::All(groups) => groups.next(),
        }
    }
}

fn is_colon(byte: &u8) -> bool {
    *byte == b':'
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
        return Ok(member(value));
    }
    let number = finite(value)?;
    match kind {
        b"ms" if number < 0.0 => Err(ParseError::NegativeTimer),
        b"ms" => Ok(Sample::Time { value: number, weight }),
        b"g" => Ok(gauge(value, number)),
        // Every other type is a counter, DogStatsD's `h` and `d` too: this is statsd's own dialect.
        _ => count(number, weight),
    }
}

/// statsd inserts "0" for an empty member.
pub(super) fn member(value: &[u8]) -> Sample<'_> {
    Sample::Member(if value.is_empty() { b"0" } else { value })
}

/// A gauge's sign means a change, in every dialect: a client's `-5` as a value and as a change are the same bytes.
pub(super) fn gauge(text: &[u8], number: f64) -> Sample<'static> {
    if matches!(text.first(), Some(b'+' | b'-')) { Sample::Change(number) } else { Sample::Set(number) }
}

pub(super) fn count(number: f64, weight: f64) -> Result<Sample<'static>, ParseError> {
    let value = number * weight;
    if value.is_finite() { Ok(Sample::Count(value)) } else { Err(ParseError::NotFinite) }
}

/// The number that a value is.
pub(super) fn finite(value: &[u8]) -> Result<f64, ParseError> {
    let number = js(value).ok_or(ParseError::BadValue)?;
    if number.is_finite() { Ok(number) } else { Err(ParseError::NotFinite) }
}

/// The reciprocal of `@rate`. statsd reads only the leading digits and dots of the rate (`@5e-1` as 5), divides by zero and
/// dies of `@Infinity`; here the whole number counts, and it must be positive and finite with a finite reciprocal.
pub(super) fn weight(field: &[u8]) -> Result<f64, ParseError> {
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
        Line::split(line, Dialect::Statsd).samples().collect()
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
        let line = Line::split(b"foo:1|c|#env:prod,b|c:83c0a99c|@0.1|T1656581400", Dialect::Statsd);
        assert_eq!((line.name, line.tags), (&b"foo"[..], &b"env:prod,b"[..]));
        assert_eq!(line.samples().collect::<Vec<_>>(), [Ok(Sample::Count(10.0))]);
        assert_eq!(read(b"r:3|c|@5e-1"), [Ok(Sample::Count(6.0))]);
        assert_eq!(read(b"u:alice|s\r"), [Ok(Sample::Member(b"alice"))]);
        assert_eq!(read(b"u:|s"), [Ok(Sample::Member(b"0"))]);
    }

    #[test]
    fn tags_behind_a_usual_shape_change_nothing_of_it() {
        for dialect in [Dialect::Statsd, Dialect::All] {
            for head in ["a:1|c", "a:3|c|@0.1", "a:+3|g", "a:320.5|ms", "a:x|s", "a:1|c:2|c", "a:-1|ms", "a"] {
                let plain = Line::split(head.as_bytes(), dialect);
                let text = format!("{head}|#k:v");
                let tagged = Line::split(text.as_bytes(), dialect);
                assert_eq!((tagged.name, tagged.tags), (plain.name, &b"k:v"[..]));
                assert_eq!(tagged.samples().collect::<Vec<_>>(), plain.samples().collect::<Vec<_>>(), "{text}");
            }
        }
    }

    #[test]
    fn tags_in_the_name_may_hold_colons_where_nothing_is_packed() {
        let all = |line: &'static [u8]| {
            let line = Line::split(line, Dialect::All);
            (line.name, line.samples().collect::<Vec<_>>())
        };
        let one = vec![Ok(Sample::Count(1.0))];
        assert_eq!(all(b"hits,url=http://x:80/y:1|c"), (&b"hits,url=http://x:80/y"[..], one.clone()));
        assert_eq!(all(b"hits[host=db:5432].new:1|c|@1"), (&b"hits[host=db:5432].new"[..], one.clone()));
        assert_eq!(all(b"hits,a=b:1|c|#url:http://x"), (&b"hits,a=b"[..], one.clone()));
        assert_eq!(all(b"hits,a=b:1|c:2|c").1.len(), 2);
        assert_eq!(all(b"hits,a=b:1:2"), (&b"hits,a=b"[..], vec![Err(ParseError::MissingType)]));
        assert_eq!(all(b"u,a=b:10.0.0.1:80|s"), (&b"u,a=b"[..], vec![Ok(Sample::Member(b"10.0.0.1:80"))]));
        assert_eq!(all(b"a=b:1:1|c").1.len(), 2, "no tag, so these are packed");
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
            let read_at_once = simple(line).expect("a simple shape");
            assert_eq!((read_at_once.name, read_at_once.len), (Line::split(line, Dialect::All).name, line.len()));
            assert_eq!(read(line), [Ok(read_at_once.sample)], "{}", String::from_utf8_lossy(line));
            let in_all: Vec<_> = Line::split(line, Dialect::All).samples().collect();
            assert_eq!(in_all, [Ok(read_at_once.sample)], "{}", String::from_utf8_lossy(line));
            let followed = [line, b"\nb:9|c|#x"].concat();
            assert_eq!(simple(&followed), Some(read_at_once), "{}", String::from_utf8_lossy(line));
        }
        let others: [&[u8]; 12] = [
            b"_e{1,1}:5|c",
            b"a",
            b"",
            b"a\nb:1|c",
            b"a|#b:1|c",
            b"a:1",
            b"a:1|c|#x",
            b"a:-1|ms",
            b"a:1|c|@0",
            b"a:1|c|@-1",
            b"a:1|h",
            b"a:1|c:2|c",
        ];
        for line in others {
            assert_eq!(simple(line), None, "{}", String::from_utf8_lossy(line));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_a_part_and_finite_samples(bytes in "[a:|@#0-9.+cgmhsdT,-]{0,30}") {
            let line = bytes.as_bytes();
            for dialect in [Dialect::Statsd, Dialect::All] {
                let parts: Vec<_> = Line::split(line, dialect).samples().collect();
                prop_assert!(!parts.is_empty());
                for sample in parts.iter().flatten() {
                    match sample {
                        Sample::Count(v) | Sample::Set(v) | Sample::Change(v) => prop_assert!(v.is_finite()),
                        Sample::Time { value, weight } => prop_assert!(value.is_finite() && weight.is_finite()),
                        Sample::Member(member) => prop_assert!(!member.is_empty()),
                        Sample::CountAt { value, at_secs } | Sample::SetAt { value, at_secs } => {
                            prop_assert!(value.is_finite() && *at_secs > 0 && dialect == Dialect::All);
                        }
                    }
                }
                if let Some(read_at_once) = simple(line) {
                    prop_assert_eq!((read_at_once.name, read_at_once.len), (Line::split(line, dialect).name, line.len()));
                    prop_assert_eq!(parts, vec![Ok(read_at_once.sample)]);
                }
            }
        }
    }
}
