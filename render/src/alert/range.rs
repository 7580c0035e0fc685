//! Threshold ranges as the guidelines of the monitoring plugins define them: a range says where a value raises an alert.
//!
//! `10`: outside 0 to 10 · `10:`: below 10 · `~:10`: above 10 · `10:20`: outside · `@10:20`: inside. The ends belong to the range.

use std::fmt;
use std::str::FromStr;

/// When a value raises an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Range {
    start: f64,
    end: f64,
    alerts_inside: bool,
    text: String,
}

/// Why a text is no range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// An end is no number.
    #[error("{text:?} is no range: {part:?} is no number; ranges are 10, 10:, ~:10, 10:20 or @10:20")]
    Number {
        /// The whole range.
        text: String,
        /// The end of it that is meant.
        part: String,
    },
    /// Its start lies above its end.
    #[error("{text:?} is no range: it starts above its end")]
    Reversed {
        /// The whole range.
        text: String,
    },
}

impl Range {
    /// Whether this value raises an alert.
    pub fn alerts(&self, value: f64) -> bool {
        let inside = (self.start..=self.end).contains(&value);
        inside == self.alerts_inside
    }
}

impl FromStr for Range {
    type Err = RangeError;

    fn from_str(text: &str) -> Result<Range, RangeError> {
        let number = |part: &str| {
            let wrong = || RangeError::Number { text: text.to_owned(), part: part.to_owned() };
            // Rust also reads words such as `inf`, which plugins do not take.
            let plain = part.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
            part.parse::<f64>().ok().filter(|number| plain && number.is_finite()).ok_or_else(wrong)
        };
        let trimmed = text.trim();
        let (alerts_inside, ends) = match trimmed.strip_prefix('@') {
            Some(rest) => (true, rest),
            None => (false, trimmed),
        };
        let (start, end) = match ends.split_once(':') {
            None => (0.0, number(ends)?),
            Some((start, end)) => {
                let start = match start {
                    "~" => f64::NEG_INFINITY,
                    "" => 0.0,
                    start => number(start)?,
                };
                (start, if end.is_empty() { f64::INFINITY } else { number(end)? })
            }
        };
        if start > end {
            return Err(RangeError::Reversed { text: text.to_owned() });
        }
        Ok(Range { start, end, alerts_inside, text: trimmed.to_owned() })
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::Range;

    #[test]
    fn ranges_are_those_of_the_guidelines() {
        for (text, quiet, alerting) in [
            ("10", &[0.0, 5.0, 10.0][..], &[-0.1, 10.1, f64::NEG_INFINITY][..]),
            ("10:", &[10.0, 1e300, f64::INFINITY], &[9.99, -1.0]),
            ("~:10", &[f64::NEG_INFINITY, -5.0, 10.0], &[10.001, f64::INFINITY]),
            ("10:20", &[10.0, 15.0, 20.0], &[9.9, 20.1]),
            ("@10:20", &[9.9, 20.1], &[10.0, 15.0, 20.0]),
            (":10", &[0.0, 10.0], &[-1.0, 11.0]),
            ("-20:-10", &[-20.0, -10.0], &[-21.0, 0.0]),
            ("@10", &[-1.0, 11.0], &[0.0, 10.0]),
            ("~:", &[0.0, -1e9, 1e9], &[]),
            ("@~:0", &[0.1], &[0.0, -7.0]),
            ("1e3:2.5e3", &[1000.0, 2500.0], &[999.0]),
            (" 10 ", &[1.0], &[11.0]),
        ] {
            let range: Range = text.parse().unwrap();
            quiet.iter().for_each(|&value| assert!(!range.alerts(value), "{text} alerts at {value}"));
            alerting.iter().for_each(|&value| assert!(range.alerts(value), "{text} is quiet at {value}"));
            assert_eq!(range.to_string(), text.trim());
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for bad in ["", ":x", "x", "~", "20:10", "10:20:30", "@", "@@1", "inf", "nan:", "1:inf", "10:~", "1,5", "--1"] {
            assert!(bad.parse::<Range>().is_err(), "{bad:?}");
        }
    }
}
