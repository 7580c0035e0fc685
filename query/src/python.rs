//! How Python prints and rounds numbers: names, tags and JSON of graphite-web are full of it.

use std::fmt::Write;

/// `'%g' % value`: six significant digits, trailing zeros dropped.
pub fn general(value: f64) -> String {
    if value.is_finite() { significant(value, 6) } else { repr(value) }
}

/// As many significant digits as asked for, trailing zeros dropped.
fn significant(value: f64, digits: usize) -> String {
    let scientific = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = parts(&scientific);
    if !(-4..digits as i32).contains(&exponent) {
        return with_exponent(trimmed(mantissa), exponent);
    }
    let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
    trimmed(&format!("{value:.decimals$}")).to_owned()
}

/// `'%d' % value`: without what stands behind the point.
pub fn truncated(value: f64) -> String {
    if value.is_finite() && value.trunc() == 0.0 { "0".to_owned() } else { format!("{:.0}", value.trunc()) }
}

/// `repr(value)`: the shortest digits that read back as the same float, always with a point or an exponent.
pub fn repr(value: f64) -> String {
    let mut text = String::new();
    write_repr(&mut text, value);
    text
}

/// [`repr`] at the end of a text, without allocating a string of its own.
pub fn write_repr(text: &mut String, value: f64) {
    let begin = text.len();
    if value.is_nan() {
        return text.push_str("nan");
    }
    if value.is_infinite() {
        return text.push_str(if value > 0.0 { "inf" } else { "-inf" });
    }
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        let scientific = format!("{value:e}");
        let (mantissa, exponent) = parts(&scientific);
        return text.push_str(&with_exponent(mantissa, exponent));
    }
    // Writing to a String cannot fail.
    let _ = write!(text, "{value}");
    if !text[begin..].contains('.') {
        text.push_str(".0");
    }
}

/// `template % value` for the one value that a template takes: `%d %i %s %r %f %e %g %%`, with flags, width and precision.
///
/// # Errors
/// Another letter, a width without measure, or not exactly one place for the value.
pub fn formatted(template: &str, value: f64) -> Result<String, String> {
    const WIDTH_MAX: usize = 1000;
    let refused = || format!("`{template}` is no format for one number");
    let mut text = String::new();
    let mut places = 0;
    let mut rest = template;
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        let spec = &rest[at + 1..];
        let flags = spec.len() - spec.trim_start_matches(['-', '+', ' ', '0', '#']).len();
        let number = |text: &str| {
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            let number = if digits == 0 { Ok(0) } else { text[..digits].parse::<usize>() };
            number.ok().filter(|number| *number <= WIDTH_MAX).map(|number| (number, digits)).ok_or_else(refused)
        };
        let (width, mut end) = number(&spec[flags..])?;
        end += flags;
        let mut precision = None;
        if spec[end..].starts_with('.') {
            let (digits, len) = number(&spec[end + 1..])?;
            (precision, end) = (Some(digits), end + 1 + len);
        }
        let letter = spec[end..].chars().next().ok_or_else(refused)?;
        rest = &spec[end + letter.len_utf8()..];
        if letter == '%' {
            text.push('%');
            continue;
        }
        places += 1;
        let shown = shown(value.abs(), letter, precision).ok_or_else(refused)?;
        let sign = match &spec[..flags] {
            _ if value.is_sign_negative() && !value.is_nan() && (value != 0.0 || !matches!(letter, 'd' | 'i')) => "-",
            _ if matches!(letter, 's' | 'r') => "",
            flags if flags.contains('+') => "+",
            flags if flags.contains(' ') => " ",
            _ => "",
        };
        let blanks = width.saturating_sub(sign.len() + shown.chars().count());
        let zeros = spec[..flags].contains('0') && value.is_finite() && !matches!(letter, 's' | 'r');
        text.push_str(&match &spec[..flags] {
            flags if flags.contains('-') => format!("{sign}{shown}{}", " ".repeat(blanks)),
            _ if zeros => format!("{sign}{}{shown}", "0".repeat(blanks)),
            _ => format!("{}{sign}{shown}", " ".repeat(blanks)),
        });
    }
    text.push_str(rest);
    if places == 1 { Ok(text) } else { Err(refused()) }
}

/// A value that is not negative, by one letter of a format.
fn shown(value: f64, letter: char, precision: Option<usize>) -> Option<String> {
    Some(match (letter, precision) {
        ('d' | 'i', _) if !value.is_finite() => return None,
        ('d' | 'i', _) => format!("{:.0}", value.trunc()),
        ('s' | 'r', precision) => repr(value).chars().take(precision.unwrap_or(usize::MAX)).collect(),
        ('f' | 'F' | 'e' | 'g', _) if !value.is_finite() => repr(value),
        ('f' | 'F', precision) => format!("{value:.*}", precision.unwrap_or(6)),
        ('e', precision) => {
            let scientific = format!("{value:.*e}", precision.unwrap_or(6));
            let (mantissa, exponent) = parts(&scientific);
            with_exponent(mantissa, exponent)
        }
        ('g', precision) => significant(value, precision.unwrap_or(6).max(1)),
        _ => return None,
    })
}

/// `round(value, decimals)`: correctly rounded, ties to even on the exact binary value.
pub fn round(value: f64, decimals: usize) -> f64 {
    if !value.is_finite() {
        return value;
    }
    // Clear of the middle between two decimals, the nearest one is found by arithmetic: both numbers are whole and
    // exact, and so is the rounding of their quotient.
    if let Some(tens) = TENS.get(decimals) {
        let scaled = value * tens;
        let whole = scaled.round();
        if scaled.abs() < 1e15 && ((scaled - whole).abs() - 0.5).abs() > 1e-3 {
            return if whole == 0.0 { 0.0_f64.copysign(value) } else { whole / tens };
        }
    }
    format!("{value:.*}", decimals.min(400)).parse().unwrap_or(value)
}

/// Powers of ten, each exact.
const TENS: [f64; 16] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// `round(value, precision)` of a whole precision, which rounds to tens where it is negative.
pub fn round_to(value: f64, precision: i64) -> f64 {
    let Ok(tens) = usize::try_from(precision.unsigned_abs()) else { return value };
    if precision >= 0 || !value.is_finite() {
        return round(value, tens);
    }
    let digits = format!("{:.0}", value.abs().trunc());
    let Some(kept) = digits.len().checked_sub(tens) else { return 0.0_f64.copysign(value) };
    let (kept, cut) = digits.split_at(kept);
    let half = cut.bytes().enumerate().all(|(at, digit)| digit == if at == 0 { b'5' } else { b'0' });
    let odd = kept.bytes().next_back().is_some_and(|digit| digit % 2 == 1);
    let up = if half && value.fract() == 0.0 { odd } else { cut.as_bytes()[0] >= b'5' };
    let mut kept: Vec<u8> = [b"0", kept.as_bytes()].concat();
    let mut at = kept.len();
    while up && at > 0 {
        at -= 1;
        if kept[at] < b'9' {
            kept[at] += 1;
            break;
        }
        kept[at] = b'0';
    }
    let text = format!("{}e{tens}", String::from_utf8_lossy(&kept));
    text.parse::<f64>().unwrap_or(value).copysign(value)
}

/// `value ** 2`: the power of C, which now and then is not the product of the value with itself. Where sums of squares are
/// taken from each other, that last digit is all that is left.
pub fn square(value: f64) -> f64 {
    // A power that is known when this is compiled would become the product.
    value.powf(std::hint::black_box(2.0))
}

/// `list.sort()` of numbers. Where there are NaNs, which no comparison orders, the places of all values follow from the
/// algorithm: of few values, by its own border, the run in front, then each of the others by halving. Of more, NaNs are last.
pub fn sort(values: &mut [f64]) {
    if !values.iter().any(|value| value.is_nan()) {
        return values.sort_by(f64::total_cmp);
    }
    sort_by_number(values, |value| *value);
}

/// `list.sort(key=number)`, which leaves those of one number in their order.
pub fn sort_by_number<T>(items: &mut [T], number: impl Fn(&T) -> f64) {
    const FEW: usize = 64;
    let count = items.len();
    if count >= FEW || !items.iter().any(|item| number(item).is_nan()) {
        return items.sort_by(|a, b| order(number(a), number(b)));
    }
    let falls = |items: &[T], at: usize| number(&items[at]) < number(&items[at - 1]);
    let falling = count > 1 && falls(items, 1);
    let run = (1..count).find(|at| falls(items, *at) != falling).unwrap_or(count);
    if falling {
        items[..run].reverse();
    }
    for at in run..count {
        let (mut place, mut end) = (0, at);
        while place < end {
            let middle = place + (end - place) / 2;
            if number(&items[at]) < number(&items[middle]) { end = middle } else { place = middle + 1 }
        }
        items[place..=at].rotate_right(1);
    }
}

/// NaNs last, zeros alike whatever their sign.
fn order(a: f64, b: f64) -> std::cmp::Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

fn parts(scientific: &str) -> (&str, i32) {
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    (mantissa, exponent.parse().unwrap_or(0))
}

fn with_exponent(mantissa: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

fn trimmed(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_g_keeps_six_digits() {
        for (value, text) in [
            (2.0, "2"),
            (-0.25, "-0.25"),
            (1_234_567.0, "1.23457e+06"),
            (999_999.5, "1e+06"),
            (100_000.0, "100000"),
            (1e-7, "1e-07"),
            (0.0001, "0.0001"),
            (0.1 + 0.2, "0.3"),
            (0.0, "0"),
            (-0.0, "-0"),
            (1e100, "1e+100"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(general(value), text);
        }
    }

    #[test]
    fn repr_is_the_shortest_that_reads_back() {
        for (value, text) in [
            (2.0, "2.0"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e16, "1e+16"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (1e-5, "1e-05"),
            (0.0001, "0.0001"),
            (5e-324, "5e-324"),
            (1e22, "1e+22"),
            (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
            (-0.0, "-0.0"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(repr(value), text);
        }
    }

    #[test]
    fn rounding_looks_at_the_exact_value() {
        assert_eq!(round(2.675, 2), 2.67);
        assert_eq!(round(2.5, 0), 2.0);
        assert_eq!(round(0.5, 0), 0.0);
        assert_eq!(round(-1.0 / 3.0, 6), -0.333333);
        for (value, precision, rounded) in [
            (25.0, -1, 20.0),
            (35.0, -1, 40.0),
            (25.1, -1, 30.0),
            (-994.9, -1, -990.0),
            (995.0, -1, 1000.0),
            (51.0, -2, 100.0),
            (50.0, -2, 0.0),
            (5.0, -2, 0.0),
            (1.5e300, -300, 2e300),
            (0.1 + 0.2, 17, 0.300_000_000_000_000_04),
            (1e22, 3, 1e22),
        ] {
            assert_eq!(round_to(value, precision), rounded, "{value} {precision}");
        }
    }

    #[test]
    fn nans_are_where_python_leaves_them() {
        for (mut values, sorted) in [
            (vec![3.0, f64::NAN, 1.0, 2.0], "3.0 nan 1.0 2.0"),
            (vec![f64::NAN, 3.0, 1.0], "nan 1.0 3.0"),
            (vec![5.0, 4.0, f64::NAN, 3.0, 1.0], "1.0 3.0 4.0 5.0 nan"),
        ] {
            sort(&mut values);
            assert_eq!(values.iter().map(|value| repr(*value)).collect::<Vec<_>>().join(" "), sorted);
        }
    }

    #[test]
    fn rounding_by_arithmetic_is_rounding_by_digits() {
        let mut value = 1.234_567_891e-7;
        while value < 1e17 {
            for decimals in 0..12 {
                for value in [value, -value] {
                    let digits: f64 = format!("{value:.decimals$}").parse().unwrap();
                    assert_eq!(round(value, decimals).to_bits(), digits.to_bits(), "{value} {decimals}");
                }
            }
            value *= 1.037;
        }
    }
}
