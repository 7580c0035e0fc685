//! Prints objects of numbers and lists as Node's `util.inspect` does, because the console's users parse what it prints:
//! one line when it fits into 72 columns and has at most six lists' worth of depth, long lists in columns, 100 items each.

use crate::flush::number::js;

/// What an object holds here.
pub enum Value {
    /// A number.
    Number(f64),
    /// A list of numbers.
    List(Vec<f64>),
}

/// Node breaks lines at this width.
const BREAK: usize = 80;
/// Node's `compact` setting.
const COMPACT: usize = 3;
/// Items of a list that are shown.
const ITEMS: usize = 100;

/// The object with its braces.
pub fn object(entries: &[(&str, Value)]) -> String {
    // Keys that are array indices come first, in numeric order, as in every JavaScript object.
    let index_of = |name: &str| name.parse::<u32>().ok().filter(|n| *n < u32::MAX && n.to_string() == name);
    let mut order: Vec<&(&str, Value)> = entries.iter().collect();
    order.sort_by_key(|(name, _)| index_of(name).map_or((1, 0), |n| (0, n)));
    let output: Vec<String> = order.iter().map(|(name, value)| format!("{}: {}", key(name), print(value))).collect();
    if output.is_empty() {
        return "{}".into();
    }
    single_line(&output, 0, '{', '}').unwrap_or_else(|| format!("{{\n  {}\n}}", output.join(",\n  ")))
}

fn key(name: &str) -> String {
    let bare = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    // Names consist of letters, digits and `_-.;=`: nothing in them needs an escape.
    if bare { name.into() } else { format!("'{name}'") }
}

fn print(value: &Value) -> String {
    match value {
        Value::Number(number) => number_text(*number),
        Value::List(numbers) => list(numbers),
    }
}

fn number_text(number: f64) -> String {
    // The one place where JavaScript shows the sign of zero.
    if number == 0.0 && number.is_sign_negative() { "-0".into() } else { js(number) }
}

fn list(numbers: &[f64]) -> String {
    if numbers.is_empty() {
        return "[]".into();
    }
    let mut output: Vec<String> = numbers.iter().take(ITEMS).map(|&number| number_text(number)).collect();
    let shown = output.len();
    if numbers.len() > shown {
        let more = numbers.len() - shown;
        output.push(format!("... {more} more item{}", if more > 1 { "s" } else { "" }));
    }
    let entries = output.len();
    if entries > 6 {
        output = columns(output, shown);
    }
    // A list that was set in columns is never put on one line.
    let line = if output.len() == entries { single_line(&output, 2, '[', ']') } else { None };
    line.unwrap_or_else(|| format!("[\n    {}\n  ]", output.join(",\n    ")))
}

fn single_line(output: &[String], indentation: usize, open: char, close: char) -> Option<String> {
    let start = output.len() + indentation + 1 + 10;
    let total = output.iter().map(String::len).sum::<usize>() + output.len() + start;
    let fits = total <= BREAK && !output.iter().any(|text| text.contains('\n'));
    fits.then(|| format!("{open} {} {close}", output.join(", ")))
}

/// Node's `groupArrayElements`, for numbers (padded at the start) in an object (indented by two).
fn columns(output: Vec<String>, shown: usize) -> Vec<String> {
    const SEPARATOR: usize = 2;
    const INDENTATION: usize = 2;
    let lengths: Vec<usize> = output[..shown].iter().map(String::len).collect();
    let longest = lengths.iter().copied().max().unwrap_or(0);
    let total: usize = lengths.iter().map(|len| len + SEPARATOR).sum();
    let widest = longest + SEPARATOR;
    let even = total as f64 / widest as f64 > 5.0 || longest <= 6;
    if widest * 3 + INDENTATION >= BREAK || !even {
        return output;
    }
    let bias = (widest as f64 - total as f64 / output.len() as f64).sqrt();
    let biased = (widest as f64 - 3.0 - bias).max(1.0);
    let square = ((2.5 * biased * shown as f64).sqrt() / biased).round() as usize;
    let count = square.min((BREAK - INDENTATION) / widest).min(COMPACT * 4).min(15);
    if count <= 1 {
        return output;
    }
    let width = |column: usize| lengths.iter().skip(column).step_by(count).copied().max().unwrap_or(0);
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut rows: Vec<String> = Vec::new();
    for row in output[..shown].chunks(count) {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}"));
        rows.push(cells.collect::<Vec<_>>().join(", "));
    }
    rows.extend(output[shown..].iter().cloned());
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_node_does() {
        let number = Value::Number;
        assert_eq!(object(&[]), "{}");
        assert_eq!(object(&[("g", number(2.0))]), "{ g: 2 }");
        assert_eq!(object(&[("t", Value::List(vec![3.0, 1.0]))]), "{ t: [ 3, 1 ] }");
        assert_eq!(
            object(&[("a.b", number(-0.0)), ("2", number(0.5)), ("t", Value::List(vec![]))]),
            "{ '2': 0.5, 'a.b': -0, t: [] }"
        );
        let own = [
            ("statsd.bad_lines_seen", number(0.0)),
            ("statsd.packets_received", number(1.0)),
            ("statsd.metrics_received", number(4.0)),
            ("a", number(1.0)),
        ];
        assert_eq!(
            object(&own),
            "{\n  'statsd.bad_lines_seen': 0,\n  'statsd.packets_received': 1,\n  'statsd.metrics_received': 4,\n  a: 1\n}"
        );
    }

    #[test]
    fn long_lists_stand_in_columns() {
        let numbers = (1..=120).map(f64::from).collect();
        let text = object(&[("t", Value::List(numbers))]);
        assert_eq!(text, include_str!("inspect_list.txt").trim_end());
    }
}
