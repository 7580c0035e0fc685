//! Numbers as a table of figures shows them: three significant digits and a letter for the thousands.

/// `1234.5` as `1.23 k`, `0.01234` as `0.0123`, a whole number below a thousand as it is, no value as a dash.
pub fn figure(value: f64) -> String {
    if value.is_nan() {
        return "–".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "∞" } else { "−∞" }.to_owned();
    }
    let sign = if value < 0.0 { "−" } else { "" };
    let size = value.abs();
    if size < 1000.0 && size.fract() == 0.0 {
        return format!("{sign}{size}");
    }
    if !(1e-3..1e18).contains(&size) {
        return format!("{sign}{size:.2e}");
    }
    const LETTERS: [&str; 6] = ["", " k", " M", " G", " T", " P"];
    let mut scaled = size;
    let mut letter = 0;
    // 999.5 would be shown as 1000 of its letter; it is 1.00 of the next.
    while scaled >= 999.5 && letter + 1 < LETTERS.len() {
        scaled /= 1000.0;
        letter += 1;
    }
    let decimals = (2 - scaled.log10().floor() as i32).clamp(0, 5);
    format!("{sign}{scaled:.*}{}", usize::try_from(decimals).unwrap_or(0), LETTERS[letter])
}

/// A count with its thousands apart: `1 234 567`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{2009}');
        }
        out.push(digit);
    }
    out
}

/// A stretch of time in its largest whole unit: `90` as `90 s`, `3600` as `1 h`.
pub fn stretch(secs: i64) -> String {
    for (unit, name) in [(86_400, "d"), (3600, "h"), (60, "min")] {
        if secs >= unit && secs % unit == 0 {
            return format!("{} {name}", secs / unit);
        }
    }
    format!("{secs} s")
}

#[cfg(test)]
mod tests {
    use super::{count, figure, stretch};

    #[test]
    fn figures_have_three_digits() {
        let expected = [
            (0.0, "0"),
            (42.0, "42"),
            (-5.5, "−5.50"),
            (34.123, "34.1"),
            (0.012_34, "0.0123"),
            (999.6, "1.00 k"),
            (1000.0, "1.00 k"),
            (123_456.0, "123 k"),
            (9_876_543.0, "9.88 M"),
            (1.5e-5, "1.50e-5"),
            (3e300, "3.00e300"),
            (f64::NAN, "–"),
            (f64::NEG_INFINITY, "−∞"),
        ];
        for (value, text) in expected {
            assert_eq!(figure(value), text);
        }
    }

    #[test]
    fn counts_and_stretches() {
        assert_eq!(count(1_234_567), "1\u{2009}234\u{2009}567");
        assert_eq!(count(12), "12");
        assert_eq!(stretch(90), "90 s");
        assert_eq!(stretch(7200), "2 h");
        assert_eq!(stretch(86_400), "1 d");
    }
}
