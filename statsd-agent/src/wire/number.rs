//! Numbers as JavaScript reads them, because statsd's clients have always been judged by it; carbon's as Python does.
//!
//! Two ways with one result: [`decimal`] for the short plain decimals that nearly every line carries, [`js`] for the rest.

/// Powers of ten that a double holds exactly, so that one division rounds once and correctly.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Reads a plain decimal (`12`, `-3.5`, `+.5`, `5.`) from the start of `text`, up to the first other byte.
///
/// Answers the value and the bytes read, or `None` when the text is anything that needs [`js`]. The result is correctly
/// rounded: the digits are below 2^53 and the power of ten is exact, so the one division rounds once.
#[inline]
pub fn decimal(text: &[u8]) -> Option<(f64, usize)> {
    let mut at = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let (mut digits, mut mantissa, mut scale, mut dot) = (0usize, 0u64, 0usize, false);
    while let Some(&byte) = text.get(at) {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
            digits += 1;
            scale += usize::from(dot);
        } else if byte == b'.' && !dot {
            dot = true;
        } else {
            break;
        }
        at += 1;
    }
    // 19 digits cannot wrap a u64; more go the slow way.
    if digits == 0 || digits > 19 || mantissa >= 1 << 53 || scale >= EXACT_POWERS.len() {
        return None;
    }
    let mut value = mantissa as f64;
    if scale > 0 {
        value /= EXACT_POWERS[scale];
    }
    Some((if text[0] == b'-' { -value } else { value }, at))
}

/// `float(text)` of Python, which carbon reads with: `1_000`, `+.5`, `inf` and `nan` among others; white space around it.
pub fn python(text: &str) -> Option<f64> {
    // What senders write, and what a timestamp is: few enough digits that the double is exact.
    if let Some(value) = few_digits(text) {
        return Some(value);
    }
    let text = text.trim_matches(is_python_space);
    if !text.contains('_') {
        return text.parse().ok();
    }
    let bytes = text.as_bytes();
    let is_digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let between_digits = |at: usize| is_digit(at.checked_sub(1)) && is_digit(Some(at + 1));
    let all = bytes.iter().enumerate().all(|(at, &byte)| byte != b'_' || between_digits(at));
    all.then(|| text.replace('_', "").parse().ok()).flatten()
}

fn few_digits(text: &str) -> Option<f64> {
    let digits = text.as_bytes();
    let all = digits.iter().fold(true, |all, digit| all & digit.is_ascii_digit());
    let value = || digits.iter().fold(0_u64, |value, digit| value * 10 + u64::from(digit - b'0'));
    (all && (1..=15).contains(&digits.len())).then(|| value() as f64)
}

/// White space to Python's `str.split` and `str.strip`.
pub fn is_python_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

/// `Number(text)` where `Boolean(text) && !isNaN(text)`, else `None`. The value may be infinite.
///
/// Accepts what JavaScript accepts: surrounding white space, white space alone (0), `0x1F`, `0o17`, `0b101`, exponents,
/// `Infinity`. Rejects the empty text, `NaN`, `1_000` and `1,5`.
pub fn js(text: &[u8]) -> Option<f64> {
    if text.is_empty() {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?.trim_matches(is_js_space);
    match text.as_bytes() {
        [] => Some(0.0),
        [b'0', b'x' | b'X', rest @ ..] => radix(rest, 16),
        [b'0', b'o' | b'O', rest @ ..] => radix(rest, 8),
        [b'0', b'b' | b'B', rest @ ..] => radix(rest, 2),
        b"Infinity" | b"+Infinity" => Some(f64::INFINITY),
        b"-Infinity" => Some(f64::NEG_INFINITY),
        // Only these bytes, because Rust would also read `inf` and `nan`.
        bytes if bytes.iter().all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) => text.parse().ok(),
        _ => None,
    }
}

fn radix(digits: &[u8], base: u32) -> Option<f64> {
    let mut value = (!digits.is_empty()).then_some(0.0)?;
    for &digit in digits {
        value = value * f64::from(base) + f64::from(char::from(digit).to_digit(base)?);
    }
    Some(value)
}

/// White space as JavaScript's `\s` and `trim` know it: Unicode's without U+0085, with the byte order mark.
pub fn is_js_space(c: char) -> bool {
    (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}'
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_numbers_as_javascript_does() {
        let accepted = [
            ("1e3", 1000.0),
            ("0x1F", 31.0),
            ("0o17", 15.0),
            ("0b101", 5.0),
            (".5", 0.5),
            ("5.", 5.0),
            (" 5", 5.0),
            ("5 ", 5.0),
            (" ", 0.0),
            ("\t7", 7.0),
            ("\u{a0}7", 7.0),
            ("007", 7.0),
            ("+5", 5.0),
            ("-5", -5.0),
            ("9007199254740993", 9007199254740992.0),
            ("Infinity", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("1e999", f64::INFINITY),
        ];
        for (text, value) in accepted {
            assert_eq!(js(text.as_bytes()), Some(value), "{text:?}");
        }
        for text in
            ["", "NaN", "nan", "inf", "infinity", "1,5", "1_000", "--1", "abc", "1abc", ".", "e5", "0x", "-0x1", "1e"]
        {
            assert_eq!(js(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(js(b"\xff1"), None);
    }

    #[test]
    fn plain_decimals_stop_at_the_first_other_byte() {
        assert_eq!(decimal(b"320.000000|ms"), Some((320.0, 10)));
        assert_eq!(decimal(b"-0.1|g"), Some((-0.1, 4)));
        assert_eq!(decimal(b"0.30000000000000004|g"), None, "too many digits for one division");
        assert_eq!(decimal(b"|c"), None);
        assert_eq!(decimal(b"."), None);
        assert_eq!(decimal(b""), None);
        assert_eq!(decimal(b"+"), None);
        assert_eq!(decimal(b"99999999999999999999999999999999999999999"), None);
    }

    proptest! {
        #[test]
        fn both_ways_read_the_same_bits(text in "[+-]?[0-9]{0,17}(\\.[0-9]{0,17})?") {
            if let Some((value, used)) = decimal(text.as_bytes()) {
                prop_assert_eq!(used, text.len());
                prop_assert_eq!(Some(value.to_bits()), js(text.as_bytes()).map(f64::to_bits));
            }
        }

        #[test]
        fn any_bytes_are_a_number_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = decimal(&bytes);
            if let Some(value) = js(&bytes) {
                prop_assert!(!value.is_nan());
            }
        }
    }
}
