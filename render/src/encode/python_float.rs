//! Floats as Python's `repr` writes them: the shortest digits that read back as the same number, always with a point or
//! an exponent. Every text format of graphite-web prints them so, and clients compare the text.

use super::digits;
use std::fmt::Write;

/// Six places are as many as people and devices write.
const MILLIONTHS: f64 = 1e6;
/// A double tells all whole numbers of fifteen digits apart.
const FIFTEEN_DIGITS: f64 = 1e15;

/// Appends `value`: `1.0`, `1e+16`, `1e-05`, `-0.0`, `nan`, `inf`.
pub fn push(out: &mut String, value: f64) {
    if !value.is_finite() {
        out.push_str(if value.is_nan() {
            "nan"
        } else if value > 0.0 {
            "inf"
        } else {
            "-inf"
        });
        return;
    }
    if push_short(out, value) {
        return;
    }
    let start = out.len();
    // Rust's `{:?}` picks the same digits and the same limits for the exponent form; only the exponent looks different.
    write!(out, "{value:?}").expect("a String takes every write");
    if let Some(at) = out[start..].find('e') {
        let exponent = out.split_off(start + at + 1);
        let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent.as_str()), |digits| ('-', digits));
        out.push(sign);
        if digits.len() < 2 {
            out.push('0');
        }
        out.push_str(digits);
    }
}

/// Writes a number that is a whole count of millionths, of at most fifteen digits, without asking for the shortest text:
/// no two such numbers are the same double, so the one that reads back as `value` is it. Most values are such numbers.
fn push_short(out: &mut String, value: f64) -> bool {
    let count = (value * MILLIONTHS).round();
    // Below a ten-thousandth Python writes exponents. A zero may have a sign.
    if count.abs() >= FIFTEEN_DIGITS || count.abs() < 100.0 || count / MILLIONTHS != value {
        return false;
    }
    if count < 0.0 {
        out.push('-');
    }
    let count = count.abs() as u64;
    digits::push(out, count / 1_000_000);
    out.push('.');
    let (mut places, mut width) = (count % 1_000_000, 6);
    while width > 1 && places % 10 == 0 {
        places /= 10;
        width -= 1;
    }
    digits::push_padded(out, places, width);
    true
}
