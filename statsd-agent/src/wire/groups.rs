//! The values of a line in every dialect: statsd's `1|c:2|ms` and DogStatsD's packed `1:2:3|ms`, with fields in any order.
//!
//! A piece between colons that has no type of its own takes the type and the fields of the next piece that has one; those
//! pieces are a group. A set's group is one member, colons and all. `c:`, `e:`, `card:` and other fields that are not
//! known end at the next bar, so that their colons begin no value.

use super::line::{count, finite, gauge, member, weight};
use super::{ParseError, Sample};
use memchr::{memchr, memchr2};

/// The samples of a line, group by group; nothing is allocated.
#[derive(Clone, Debug)]
pub struct Groups<'a> {
    rest: Option<&'a [u8]>,
    late: Result<Fields, ParseError>,
    open: Option<Group<'a>>,
}

/// Values that share a type and fields.
#[derive(Clone, Debug)]
struct Group<'a> {
    values: Option<&'a [u8]>,
    said_nothing: bool,
    meaning: Result<(Type, Fields), ParseError>,
}

/// What the fields behind a type say.
#[derive(Clone, Copy, Debug)]
struct Fields {
    weight: f64,
    at_secs: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Count,
    /// A time; below zero it is a mistake.
    Time,
    /// `h` and `d`: tallied like times, but of anything, so that they may be negative.
    Spread,
    Gauge,
    Set,
}

impl<'a> Groups<'a> {
    /// `values` is what follows the name's colon, `late` the fields behind the tags, which hold for every group that does
    /// not say otherwise.
    pub fn new(values: &'a [u8], late: Option<&'a [u8]>) -> Groups<'a> {
        let mut fields = Ok(Fields { weight: 1.0, at_secs: None });
        for field in late.unwrap_or_default().split(|&b| b == b'|') {
            heed(&mut fields, field);
        }
        Groups { rest: Some(values), late: fields, open: None }
    }

    fn group(&mut self, text: &'a [u8]) -> Result<Group<'a>, ParseError> {
        let bar = memchr(b'|', text).ok_or(ParseError::MissingType)?;
        let (values, mut rest) = (&text[..bar], &text[bar + 1..]);
        let kind = cut(&mut rest, Until::ColonOrBar);
        let mut fields = self.late;
        let mut end = kind.end;
        while end == Some(b'|') {
            let until = if matches!(rest.first(), Some(b'@' | b'T')) { Until::ColonOrBar } else { Until::Bar };
            let field = cut(&mut rest, until);
            heed(&mut fields, field.text);
            end = field.end;
        }
        self.rest = end.is_some().then_some(rest);
        let meaning = Type::parse(kind.text).and_then(|kind| Ok((kind, fields?)));
        Ok(Group { values: Some(values), said_nothing: true, meaning })
    }
}

impl<'a> Iterator for Groups<'a> {
    type Item = Result<Sample<'a>, ParseError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(sample) = self.open.as_mut().and_then(Group::next) {
                return Some(sample);
            }
            let text = self.rest.take()?;
            match self.group(text) {
                Ok(group) => self.open = Some(group),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl<'a> Group<'a> {
    /// The next value that is there; a group of empty pieces alone is one bad value.
    fn next(&mut self) -> Option<Result<Sample<'a>, ParseError>> {
        loop {
            let values = self.values.take()?;
            let is_set = self.meaning.is_ok_and(|(kind, _)| kind == Type::Set);
            let piece = match memchr(b':', values).filter(|_| !is_set) {
                Some(colon) => {
                    self.values = Some(&values[colon + 1..]);
                    &values[..colon]
                }
                None => values,
            };
            if !piece.is_empty() || (self.values.is_none() && self.said_nothing) {
                self.said_nothing = false;
                return Some(self.meaning.and_then(|(kind, fields)| kind.sample(fields, piece)));
            }
        }
    }
}

impl Type {
    /// Trimmed before it is judged. An unknown type is refused: a timer that a client spells `MS` is no counter.
    fn parse(text: &[u8]) -> Result<Type, ParseError> {
        match text.trim_ascii() {
            b"c" | b"m" => Ok(Type::Count),
            b"ms" => Ok(Type::Time),
            b"h" | b"d" => Ok(Type::Spread),
            b"g" => Ok(Type::Gauge),
            b"s" => Ok(Type::Set),
            b"" => Err(ParseError::MissingType),
            _ => Err(ParseError::UnknownType),
        }
    }

    fn sample(self, fields: Fields, piece: &[u8]) -> Result<Sample<'_>, ParseError> {
        if self == Type::Set {
            return Ok(member(piece));
        }
        let number = finite(piece)?;
        Ok(match (self, fields.at_secs) {
            (Type::Time, _) if number < 0.0 => return Err(ParseError::NegativeTimer),
            (Type::Gauge, Some(at_secs)) => Sample::SetAt { value: number, at_secs },
            (Type::Gauge, None) => gauge(piece, number),
            (Type::Count, at_secs) => match (count(number, fields.weight)?, at_secs) {
                (Sample::Count(value), Some(at_secs)) => Sample::CountAt { value, at_secs },
                (sample, _) => sample,
            },
            // A second of one's own is for values that need no statistics; others join the open interval.
            _ => Sample::Time { value: number, weight: fields.weight },
        })
    }
}

/// What a field says about its group. The first mistake stays, an unknown field says nothing.
fn heed(fields: &mut Result<Fields, ParseError>, field: &[u8]) {
    let Ok(so_far) = fields else { return };
    match field {
        [b'@', ..] => match weight(field) {
            Ok(weight) => so_far.weight = weight,
            Err(error) => *fields = Err(error),
        },
        [b'T', second @ ..] => match epoch_second(second) {
            Some(second) => so_far.at_secs = Some(second),
            None => *fields = Err(ParseError::BadTimestamp),
        },
        // A rate without its `@`: to skip it would be to count wrongly.
        [b'0'..=b'9' | b'.', ..] => *fields = Err(ParseError::BadRate),
        _ => {}
    }
}

/// Seconds above zero, below the year 2106, where whisper's own dates end; a fraction is cut off.
fn epoch_second(digits: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(digits).ok()?.trim_ascii();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    whole.parse().ok().filter(|&second| digits && second > 0)
}

#[derive(Clone, Copy)]
enum Until {
    Bar,
    ColonOrBar,
}

/// A text cut off the front, and the byte that ended it.
struct Cut<'a> {
    text: &'a [u8],
    end: Option<u8>,
}

fn cut<'a>(rest: &mut &'a [u8], until: Until) -> Cut<'a> {
    let found = match until {
        Until::Bar => memchr(b'|', rest),
        Until::ColonOrBar => memchr2(b':', b'|', rest),
    };
    let at = found.unwrap_or(rest.len());
    let cut = Cut { text: &rest[..at], end: rest.get(at).copied() };
    *rest = rest.get(at + 1..).unwrap_or_default();
    cut
}

#[cfg(test)]
mod tests {
    use super::super::{Dialect, Line};
    use super::ParseError::*;
    use super::Sample::*;
    use super::*;

    fn check(line: &str, expect: &[Result<Sample<'_>, ParseError>]) {
        let got: Vec<_> = Line::split(line.as_bytes(), Dialect::All).samples().collect();
        assert_eq!(got, expect, "{line:?}");
    }

    fn time(value: f64, weight: f64) -> Result<Sample<'static>, ParseError> {
        Ok(Time { value, weight })
    }

    #[test]
    fn packed_values_share_their_type_and_fields() {
        check("t:1:2:3|ms", &[time(1.0, 1.0), time(2.0, 1.0), time(3.0, 1.0)]);
        check("t:1:2|ms|@0.5|#a:b", &[time(1.0, 2.0), time(2.0, 2.0)]);
        check("t:1:2|ms|#a:b|@0.5", &[time(1.0, 2.0), time(2.0, 2.0)]);
        check("c:1::2:|c|@0.1", &[Ok(Count(10.0)), Ok(Count(20.0))]);
        check("g:1:-2:+3|g", &[Ok(Set(1.0)), Ok(Change(-2.0)), Ok(Change(3.0))]);
        check("h:-1:x:2|h", &[time(-1.0, 1.0), Err(BadValue), time(2.0, 1.0)]);
        check("c:1:2|c|@0", &[Err(BadRate), Err(BadRate)]);
        check("c:::|c", &[Err(BadValue)]);
    }

    #[test]
    fn several_groups_stand_in_a_line_as_statsd_has_them() {
        check("a:1|c:2|c:3|c", &[Ok(Count(1.0)), Ok(Count(2.0)), Ok(Count(3.0))]);
        check("a:1:2|c:320|ms:5|g", &[Ok(Count(1.0)), Ok(Count(2.0)), time(320.0, 1.0), Ok(Set(5.0))]);
        check("a:1|c|@0.1:2|c|@0.5", &[Ok(Count(10.0)), Ok(Count(4.0))]);
        check("a:1|c:x|c:3|c", &[Ok(Count(1.0)), Err(BadValue), Ok(Count(3.0))]);
        check("a:1|c:2|c|#k:v|@0.5", &[Ok(Count(2.0)), Ok(Count(4.0))]);
    }

    #[test]
    fn members_keep_their_colons() {
        check("ip:10.0.0.1:8080|s", &[Ok(Member(b"10.0.0.1:8080"))]);
        check("ip:::1|s|#a:b", &[Ok(Member(b"::1"))]);
        check("a:1|c:x:y|s", &[Ok(Count(1.0)), Ok(Member(b"x:y"))]);
        check("u:|s", &[Ok(Member(b"0"))]);
    }

    #[test]
    fn fields_come_in_any_order_and_unknown_ones_say_nothing() {
        let ten = [Ok(Count(10.0))];
        for line in [
            "a:1|c|@0.1|#env:prod|c:ci-83c0a99c|e:it-false,cn-web,pu-1|card:low",
            "a:1|c|c:83c0a99c|@0.1",
            "a:1|c|e:it-false,cn-web|card:none|#env:prod|@0.1|",
            "a:1|c|~k1;r250|@0.1",
            "a:1|c||@0.1",
        ] {
            check(line, &ten);
        }
        check("a:1|c|c:83c0a99c", &[Ok(Count(1.0))]);
        check("a:1|c|", &[Ok(Count(1.0))]);
        check("a:1|c|0.1", &[Err(BadRate)]);
    }

    #[test]
    fn a_second_of_its_own_is_for_counts_and_gauges() {
        check("a:3|c|@0.5|T1656581400", &[Ok(CountAt { value: 6.0, at_secs: 1_656_581_400 })]);
        check("a:-70|g|#x:y|T1656581400", &[Ok(SetAt { value: -70.0, at_secs: 1_656_581_400 })]);
        check("a:1|g|T1656581400.75", &[Ok(SetAt { value: 1.0, at_secs: 1_656_581_400 })]);
        check("a:5|ms|T1656581400", &[time(5.0, 1.0)]);
        check("a:b|s|T1656581400", &[Ok(Member(b"b"))]);
        for bad in ["T0", "T-5", "T", "Tx", "T1656581400000", "T0.5", "T1.x", "T+1"] {
            check(&format!("a:1|g|{bad}"), &[Err(BadTimestamp)]);
        }
    }

    #[test]
    fn types_are_known_or_refused() {
        check("a:7|m", &[Ok(Count(7.0))]);
        check("a:7|d", &[time(7.0, 1.0)]);
        check("a:7| c ", &[Ok(Count(7.0))]);
        check("a:-4|ms", &[Err(NegativeTimer)]);
        for unknown in ["C", "MS", "kv", "cc"] {
            check(&format!("a:7|{unknown}"), &[Err(UnknownType)]);
        }
        check("a:7|", &[Err(MissingType)]);
        check("a:7", &[Err(MissingType)]);
        check("a", &[Err(MissingType)]);
        check("a:1|c:7", &[Ok(Count(1.0)), Err(MissingType)]);
        check("a:Infinity|g", &[Err(NotFinite)]);
    }
}
