//! Floats as Python's `repr` writes them: the shortest digits that read back as the same number, always with a point or
//! an exponent. Every text format of graphite-web prints them so, and clients compare the text.

use std::fmt::Write;

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
