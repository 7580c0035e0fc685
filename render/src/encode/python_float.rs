//! Floats as Python's `repr` writes them: the shortest digits that read back as the same number, always with a point or
//! an exponent. Every text format of graphite-web prints them so, and clients compare the text.

/// Numbers from here on have an exponent.
const EXPONENTS_FROM: f64 = 1e16;
/// Numbers below have one.
const EXPONENTS_BELOW: f64 = 1e-4;

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
    let size = value.abs();
    // Counts are the most frequent values of all.
    if size < EXPONENTS_FROM && size != 0.0 && (value as i64) as f64 == value {
        out.push_str(itoa::Buffer::new().format(value as i64));
        out.push_str(".0");
        return;
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value);
    if size == 0.0 || (EXPONENTS_BELOW..EXPONENTS_FROM).contains(&size) {
        out.push_str(text);
    } else {
        push_with_exponent(out, text);
    }
}

/// Python gives an exponent a sign and two digits at least, and has one a digit earlier than the package: `0.000012` is `1.2e-05`.
fn push_with_exponent(out: &mut String, text: &str) {
    if let Some((digits, exponent)) = text.split_once('e') {
        let (sign, exponent) = match exponent.strip_prefix('-') {
            Some(exponent) => ("e-", exponent),
            None => ("e+", exponent.trim_start_matches('+')),
        };
        out.push_str(digits);
        out.push_str(sign);
        out.push_str(if exponent.len() < 2 { "0" } else { "" });
        out.push_str(exponent);
    } else {
        let digits = text.trim_start_matches(['-', '0', '.']);
        let (first, others) = digits.split_at(1);
        out.push_str(if text.starts_with('-') { "-" } else { "" });
        out.push_str(first);
        out.push_str(if others.is_empty() { "" } else { "." });
        out.push_str(others);
        out.push_str("e-05");
    }
}

#[cfg(test)]
mod tests {
    use super::push;
    use proptest::prelude::*;

    fn text(value: f64) -> String {
        let mut out = String::new();
        push(&mut out, value);
        out
    }

    #[test]
    fn the_edges_between_the_forms_are_pythons() {
        for (value, python) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-3.0, "-3.0"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (0.00012345, "0.00012345"),
            (0.00009999, "9.999e-05"),
            (1e-5, "1e-05"),
            (5e-324, "5e-324"),
            (123_456_789.125, "123456789.125"),
            (9_007_199_254_740_993.0, "9007199254740992.0"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            // Two texts are equally near: the even one.
            (6_179_879_397_359_509.0 / 4.0, "1544969849339877.2"),
            (1e16, "1e+16"),
            (-1e16, "-1e+16"),
            (1.5e300, "1.5e+300"),
            (f64::MAX, "1.7976931348623157e+308"),
        ] {
            assert_eq!(text(value), python);
        }
    }

    proptest! {
        #[test]
        fn texts_read_back_and_none_is_shorter(bits in any::<u64>(), small in -1e6..1e6f64, whole in any::<i32>(), places in 0i32..9) {
            let short = (small * 10f64.powi(places)).round() / 10f64.powi(places);
            for value in [f64::from_bits(bits), small, f64::from(whole), short, short.next_up(), f64::from(whole) * 1e-9] {
                if !value.is_finite() {
                    continue;
                }
                let given = text(value);
                prop_assert_eq!(given.parse::<f64>().map(f64::to_bits), Ok(value.to_bits()));
                // Rust knows the same limits of the exponent form, and writes no `+` and no zero before it. Of two texts that are
                // equally near it takes the greater, Python the even one: as many digits it has in any case.
                let (digits, exponent) = given.split_once('e').unwrap_or((&given, ""));
                let rusts = format!("{value:?}");
                let (rusts_digits, rusts_exponent) = rusts.split_once('e').unwrap_or((&rusts, ""));
                prop_assert_eq!(digits.len(), rusts_digits.len(), "{} {}", given, rusts);
                let number = |text: &str| text.parse::<i32>().ok();
                prop_assert_eq!(number(exponent), number(rusts_exponent));
                prop_assert!(exponent.is_empty() || exponent.len() >= 3 && exponent.starts_with(['+', '-']), "{}", given);
            }
        }
    }
}
