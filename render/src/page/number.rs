//! Counts and stretches of time as a sentence says them. Values of series are labelled by the drawing code instead, so
//! that a page and a picture never differ.

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
    use super::{count, stretch};

    #[test]
    fn counts_and_stretches() {
        assert_eq!(count(1_234_567), "1\u{2009}234\u{2009}567");
        assert_eq!(count(12), "12");
        assert_eq!(stretch(90), "90 s");
        assert_eq!(stretch(7200), "2 h");
        assert_eq!(stretch(86_400), "1 d");
    }
}
