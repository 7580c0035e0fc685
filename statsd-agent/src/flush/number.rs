//! Numbers as JavaScript prints them, because statsd's text to carbon is made of them: the shortest digits that read back
//! to the same double, `1e+21` and `1e-7` at the ends.

use std::io::Write;

/// Appends `String(value)`. The value is finite; callers leave others out.
pub fn push_js(out: &mut Vec<u8>, value: f64) {
    // Below 2^53 every whole number prints its digits; -0 prints 0.
    if value.trunc() == value && value.abs() < 9e15 {
        // A Vec takes every write.
        let _ = write!(out, "{}", value as i64);
        return;
    }
    // Rust's {:e} has the same shortest digits, arranged otherwise, but for a value half-way between two of them.
    let mut shortest = format!("{value:e}");
    if may_lie_half_way(value) && shortest.len() > LONG {
        even(&mut shortest, value);
    }
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits = mantissa.replace('.', "");
    out.extend_from_slice(sign.as_bytes());
    let point = exponent + 1;
    let count = digits.len() as i32;
    let _ = match point {
        1..=21 if count <= point => write!(out, "{digits}{}", "0".repeat((point - count) as usize)),
        1..=21 => write!(out, "{}.{}", &digits[..point as usize], &digits[point as usize..]),
        -5..=0 => write!(out, "0.{}{digits}", "0".repeat(-point as usize)),
        _ if count == 1 => write!(out, "{digits}e{exponent:+}"),
        _ => write!(out, "{}.{}e{exponent:+}", &digits[..1], &digits[1..]),
    };
}

/// Fewer characters have fewer than 15 digits, and so many digits part all doubles: none is half-way between two.
const LONG: usize = 15;

/// Only a double with few bits behind the point can be a decimal of 17 digits or so, exactly. Everything whole is one.
fn may_lie_half_way(value: f64) -> bool {
    (value * 1024.0).fract() == 0.0
}

/// Of two shortest texts that are equally near, JavaScript takes the one with the even digit.
fn even(shortest: &mut String, value: f64) {
    let digits = shortest.split('e').next().map_or(0, |mantissa| mantissa.bytes().filter(u8::is_ascii_digit).count());
    let rounded = format!("{value:.*e}", digits.saturating_sub(1));
    if rounded != *shortest && rounded.parse() == Ok(value) {
        *shortest = rounded;
    }
}

/// `String(value)` of a finite number.
pub fn js(value: f64) -> String {
    let mut out = Vec::new();
    push_js(&mut out, value);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prints_as_javascript_does() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (42.0, "42"),
            (-3.0, "-3"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e21, "1e+21"),
            (1e20, "100000000000000000000"),
            (123456789012345680000.0, "123456789012345680000"),
            (1.5e300, "1.5e+300"),
            (1e-7, "1e-7"),
            (1.25e-7, "1.25e-7"),
            (1e-6, "0.000001"),
            (0.001234, "0.001234"),
            (333334.3336666667, "333334.3336666667"),
            (-1.5, "-1.5"),
            (9007199254740992.0, "9007199254740992"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (925905457954350.0 + 0.25, "925905457954350.2"),
            (925905457954350.0 + 0.75, "925905457954350.8"),
            (-562949953421312.0 - 0.75, "-562949953421312.8"),
            (2f64.powi(60) + 256.0, "1152921504606847200"),
        ];
        for (value, text) in cases {
            assert_eq!(js(value), text);
        }
    }

    proptest! {
        #[test]
        fn reads_back_to_the_same_double(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(js(value).parse::<f64>().map(|back| back + 0.0), Ok(value + 0.0));
        }
    }
}
