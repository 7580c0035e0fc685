//! Numbers, times and texts in the forms in which Python and its optparse read and print them.

use anyhow::{Context, Result};
use jiff::fmt::strtime::{BrokenDownTime, Config};
use jiff::tz::TimeZone;
use render::encode::python_float;
use std::fmt::Write;

/// `int(text)`: blanks around it, a sign, and single underscores between digits are taken.
pub fn int(text: &str) -> Result<i64, String> {
    let invalid = || format!("invalid integer value: {text:?}");
    let number = without_underscores(text.trim()).ok_or_else(invalid)?;
    let digits = number.strip_prefix(['+', '-']).unwrap_or(&number);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid());
    }
    number.parse().map_err(|_| invalid())
}

/// An integer option of optparse: also `0x1f`, `0b101` and, as a leading 0 says, octal.
pub fn option_int(text: &str) -> Result<i64, String> {
    let invalid = || format!("invalid integer value: {text:?}");
    let lower = text.to_ascii_lowercase();
    let (digits, radix) = if let Some(digits) = lower.strip_prefix("0x") {
        (digits, 16)
    } else if let Some(digits) = lower.strip_prefix("0b") {
        (if digits.is_empty() { "0" } else { digits }, 2)
    } else if lower.starts_with('0') {
        (lower.as_str(), 8)
    } else {
        return int(text);
    };
    let digits = without_underscores(digits.trim()).ok_or_else(invalid)?;
    i64::from_str_radix(&digits, radix).map_err(|_| invalid())
}

/// `float(text)`.
pub fn float(text: &str) -> Result<f64, String> {
    let number = without_underscores(text.trim()).and_then(|number| number.parse().ok());
    number.ok_or_else(|| format!("invalid floating-point value: {text:?}"))
}

/// Underscores stand between digits only.
fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let digit = |i: Option<usize>| i.and_then(|i| bytes.get(i)).is_some_and(u8::is_ascii_digit);
    let placed = |(i, _): (usize, &str)| digit(i.checked_sub(1)) && digit(i.checked_add(1));
    text.match_indices('_').all(placed).then(|| text.replace('_', ""))
}

/// `repr(value)`: `1.0`, `1e+16`, `nan`.
pub fn repr(value: f64) -> String {
    let mut text = String::new();
    python_float::push(&mut text, value);
    text
}

/// `str` of a value that may be `None`.
pub fn repr_or_none(value: f64) -> String {
    if tsdb::is_gap(value) { "None".into() } else { repr(value) }
}

/// `'%f' % value`.
pub fn fixed(value: f64) -> String {
    not_finite(value).unwrap_or_else(|| format!("{value:.6}"))
}

/// `'%.{precision}g' % value`: so many significant digits, zeros at the end left out.
pub fn general(value: f64, precision: usize) -> String {
    if let Some(text) = not_finite(value) {
        return text;
    }
    let scientific = format!("{value:.*e}", precision - 1);
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |text: &str| {
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text.to_owned() }
    };
    match usize::try_from(precision as i32 - 1 - exponent) {
        Ok(decimals) if exponent >= -4 => trimmed(&format!("{value:.decimals$}")),
        _ => format!("{}e{}{:02}", trimmed(digits), if exponent < 0 { '-' } else { '+' }, exponent.abs()),
    }
}

fn not_finite(value: f64) -> Option<String> {
    (!value.is_finite()).then(|| repr(value))
}

/// A number as `json.dumps` writes it, which knows more than JSON does.
pub fn json(value: f64) -> String {
    if tsdb::is_gap(value) {
        "null".into()
    } else if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity".into() } else { "-Infinity".into() }
    } else {
        repr(value)
    }
}

/// A text as `json.dumps` writes it: in ASCII.
pub fn json_text(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            ' '..='\u{7e}' => quoted.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(quoted, "\\u{unit:04x}").expect("a String takes every write");
                }
            }
        }
    }
    quoted.push('"');
    quoted
}

/// `str` of a list of texts.
pub fn list(texts: &[String]) -> String {
    let quoted = |text: &String| {
        let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
        let mut quoted = String::from(quote);
        for c in text.chars() {
            match c {
                '\\' => quoted.push_str("\\\\"),
                '\n' => quoted.push_str("\\n"),
                '\r' => quoted.push_str("\\r"),
                '\t' => quoted.push_str("\\t"),
                c if c == quote => quoted.extend(['\\', c]),
                c if c.is_control() => write!(quoted, "\\x{:02x}", c as u32).expect("a String takes every write"),
                c => quoted.push(c),
            }
        }
        quoted.push(quote);
        quoted
    };
    format!("[{}]", texts.iter().map(quoted).collect::<Vec<_>>().join(", "))
}

/// How a tool prints times.
pub struct Times {
    zone: TimeZone,
    /// `None` for the seconds themselves.
    format: Option<String>,
}

impl Times {
    /// Seconds, or with `--pretty` a text: as `time.ctime` has it unless a format of `time.strftime` is given.
    pub fn new(pretty: bool, format: Option<&str>) -> Times {
        // An empty format counts as none.
        let format = format.filter(|format| !format.is_empty()).unwrap_or(CTIME);
        Times { zone: TimeZone::system(), format: pretty.then(|| in_c_locale(format)) }
    }

    /// A moment as text.
    pub fn text(&self, at: i64) -> Result<String> {
        let Some(format) = &self.format else { return Ok(at.to_string()) };
        let time = jiff::Timestamp::from_second(at).context("a time beyond the calendar")?;
        let time = BrokenDownTime::from(&time.to_zoned_datetime(self.zone.clone()));
        // What the format does not know stays as it is.
        Ok(time.to_string_with_config(&Config::new().lenient(true), format)?)
    }
}

const CTIME: &str = "%a %b %e %H:%M:%S %Y";

/// A format of C's strftime with what depends on a language written out as in the C locale, and with every directive that
/// C does not know protected.
fn in_c_locale(format: &str) -> String {
    const LONG: [(char, &str); 5] =
        [('c', CTIME), ('x', "%m/%d/%y"), ('X', "%H:%M:%S"), ('r', "%I:%M:%S %p"), ('D', "%m/%d/%y")];
    const KNOWN: &str = "aAbBCdeFgGhHIjklmMnpPRsStTuUVwWyYzZ%";
    let mut expanded = String::new();
    let mut rest = format;
    while let Some((before, directive)) = rest.split_once('%') {
        expanded.push_str(before);
        let behind =
            directive.trim_start_matches(['_', '-', '^', '#', '+']).trim_start_matches(|c: char| c.is_ascii_digit());
        let options = &directive[..directive.len() - behind.len()];
        // Other calendars and digits, which the C locale has not.
        let mut letters = behind.strip_prefix(['E', 'O']).unwrap_or(behind).chars();
        match letters.next() {
            Some(c) if LONG.iter().any(|(short, _)| *short == c) => {
                expanded.extend(LONG.iter().filter(|(short, _)| *short == c).map(|(_, long)| *long));
            }
            Some(c) if KNOWN.contains(c) => {
                expanded.push('%');
                expanded.push_str(options);
                expanded.push(c);
            }
            _ => {
                expanded.push_str("%%");
                rest = directive;
                continue;
            }
        }
        rest = letters.as_str();
    }
    expanded + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_numbers_as_python_does() {
        assert_eq!(int(" 1_700 \n"), Ok(1700));
        assert_eq!([int("-7"), int("+7"), int("007")], [Ok(-7), Ok(7), Ok(7)]);
        for wrong in ["", "1.5", "1__0", "_1", "1_", "0x10", "--1"] {
            assert!(int(wrong).is_err(), "{wrong}");
        }
        assert_eq!([option_int("0x1F"), option_int("0b101"), option_int("010")], [Ok(31), Ok(5), Ok(8)]);
        assert_eq!([option_int("0"), option_int("-5")], [Ok(0), Ok(-5)]);
        assert!(option_int("09").is_err() && option_int("").is_err());
        assert_eq!(float(" 1_0.5e1\n"), Ok(105.0));
        assert_eq!(float("-Infinity"), Ok(f64::NEG_INFINITY));
        assert!(float("1,5").is_err() && float("").is_err());
    }

    #[test]
    fn prints_numbers_as_python_does() {
        let cases = [
            (2.674, "2.6739999999999999324984401027904823"),
            (0.0, "0"),
            (-0.0, "-0"),
            (-3.875, "-3.875"),
            (1e300, "1.0000000000000000525047602552044202e+300"),
            (5e-324, "4.9406564584124654417656879286822137e-324"),
            (0.0001, "0.0001000000000000000047921736023859296"),
            (0.00001, "1.0000000000000000818030539140313095e-05"),
            (1e16, "10000000000000000"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (value, text) in cases {
            assert_eq!(general(value, 35), text);
        }
        assert_eq!([0.1_f32, 0.5, 0.25, 1e-9].map(|value| general(value.into(), 6)), ["0.1", "0.5", "0.25", "1e-09"]);
        assert_eq!([0.0078125, -0.0, 1e22].map(fixed), ["0.007812", "-0.000000", "10000000000000000000000.000000"]);
        assert_eq!([1.0, f64::NAN, f64::INFINITY].map(json), ["1.0", "NaN", "Infinity"]);
        assert_eq!(json_text("ä\"\u{1f600}"), r#""\u00e4\"\ud83d\ude00""#);
        assert_eq!(list(&["a".into(), "it's".into()]), r#"['a', "it's"]"#);
    }

    #[test]
    fn prints_times_as_c_does() {
        let text = |format| {
            let times = Times { zone: TimeZone::UTC, ..Times::new(true, format) };
            times.text(1_698_796_805).expect("a time")
        };
        assert_eq!(text(None), "Wed Nov  1 00:00:05 2023");
        assert_eq!(text(Some("%c|%x %X|%%c|%d.%m.|%Q")), "Wed Nov  1 00:00:05 2023|11/01/23 00:00:05|%c|01.11.|%Q");
    }
}
