//! Rules as the text of a storage-aggregation.conf, with names of their own before the rules that there are.

use super::{Pattern, Rules};
use crate::rollup::Rollup;
use std::fmt::Write;

/// Names of one section, so that no pattern takes long to try.
const NAMES: usize = 200;

impl Rules {
    /// A storage-aggregation.conf that says what these rules say, but of the given names what is given of them: method and
    /// x-files factor.
    pub fn aggregation_text(&self, names: &[(&str, Rollup, f32)]) -> String {
        let mut text = String::new();
        let mut sorted: Vec<_> = names.to_vec();
        sorted.sort_by(|a, b| (a.1 as u8, a.2.to_bits(), a.0).cmp(&(b.1 as u8, b.2.to_bits(), b.0)));
        let mut number = 0;
        for alike in sorted.chunk_by(|a, b| (a.1, a.2.to_bits()) == (b.1, b.2.to_bits())) {
            for part in alike.chunks(NAMES) {
                number += 1;
                let names: Vec<String> = part.iter().map(|(name, ..)| escaped(name)).collect();
                section(
                    &mut text,
                    &format!("names_{number}"),
                    &format!("^({})$", names.join("|")),
                    part[0].1,
                    &part[0].2,
                );
                text.push('\n');
            }
        }
        for (i, (pattern, rule)) in self.aggregations.iter().enumerate() {
            let pattern = match pattern {
                Pattern::Everything => ".*".to_owned(),
                // As Python spells the very end, and its interpolation a sign of its own.
                Pattern::Regex(regex) => regex.as_str().replace(r"\z", r"\Z").replace('%', "%%"),
            };
            section(&mut text, &format!("rule_{}", i + 1), &pattern, rule.rollup, &rule.x_files_factor);
            if let Some(sketch) = rule.sketch {
                let _ = writeln!(text, "sketch = {sketch}");
            }
            text.push('\n');
        }
        section(&mut text, "otherwise", ".*", self.otherwise.rollup, &self.otherwise.x_files_factor);
        text
    }
}

fn section(text: &mut String, name: &str, pattern: &str, rollup: Rollup, factor: &dyn std::fmt::Display) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "[{name}]\npattern = {pattern}\nxFilesFactor = {factor}\naggregationMethod = {rollup}");
}

/// A name as a pattern of itself, in signs that mean nothing to the file's syntax.
fn escaped(name: &str) -> String {
    name.chars().fold(String::new(), |mut text, letter| {
        let _ = match letter {
            '.' => write!(text, r"\."),
            letter if letter.is_alphanumeric() || letter == '_' || letter == '-' || !letter.is_ascii() => {
                write!(text, "{letter}")
            }
            letter => write!(text, r"\x{:02x}", letter as u32),
        };
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn names_get_what_is_given_and_the_rest_stays() {
        let names = [
            ("a.b", Rollup::Max, 0.25),
            ("a.b;x=%1;y=#", Rollup::Max, 0.25),
            ("stats_counts.c (d)|e", Rollup::Last, 0.1),
            ("ü.ß", Rollup::AbsMin, 1.0),
        ];
        let own = "[x]\npattern = \\.x\\Z\naggregationMethod = min\n[y]\naggregationMethod = sum\npattern = 100%%$\n";
        for rules in [Rules::default(), Rules::parse(None, Some((Path::new("own"), own))).expect("rules")] {
            let text = rules.aggregation_text(&names);
            let made = Rules::parse(None, Some((Path::new("made"), &text))).expect(&text);
            for (name, rollup, factor) in names {
                let settings = made.settings(name);
                assert_eq!((settings.rollup, settings.x_files_factor as f32), (rollup, factor), "{name}\n{text}");
            }
            for name in
                ["a.bc", "xa.b", "stats_counts.c", "a.x", "a.x.y", "is.100%", "m.count", "stats.gauges.g", "any"]
            {
                let seen = |rules: &Rules| (rules.settings(name).rollup, rules.settings(name).x_files_factor);
                assert_eq!(seen(&made), seen(&rules), "{name}\n{text}");
            }
        }
    }
}
