//! Node's setting of a long list in columns: as many as make a rectangle of pleasing shape, numbers aligned at their ends.

use super::{BREAK, COMPACT};

/// Where cells are filled up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pad {
    /// Before the text: a list of numbers alone.
    Start,
    /// After the text.
    End,
}

/// Between two cells: a comma and a space.
const SEPARATOR: usize = 2;
/// The most columns.
const COLUMNS: usize = 15;
/// A character is so much higher than wide.
const HEIGHT: f64 = 2.5;

/// The rows of the first `shown` cells, and what follows them as it is; the cells themselves where columns do not suit.
pub fn set(
    output: Vec<String>,
    shown: usize,
    pad: Pad,
    indentation: usize,
    width: impl Fn(&str) -> usize,
) -> Vec<String> {
    let widths: Vec<usize> = output[..shown].iter().map(|text| width(text)).collect();
    let longest = widths.iter().copied().max().unwrap_or(0);
    let total: usize = widths.iter().map(|len| len + SEPARATOR).sum();
    let widest = longest + SEPARATOR;
    let even = total as f64 / widest as f64 > 5.0 || longest <= 6;
    if widest * 3 + indentation >= BREAK || !even {
        return output;
    }
    let bias = (widest as f64 - total as f64 / output.len() as f64).sqrt();
    let biased = (widest as f64 - 3.0 - bias).max(1.0);
    let square = ((HEIGHT * biased * shown as f64).sqrt() / biased).round() as usize;
    let count = square.min((BREAK - indentation) / widest).min(COMPACT * 4).min(COLUMNS);
    if count <= 1 {
        return output;
    }
    let column = |at: usize| widths.iter().skip(at).step_by(count).copied().max().unwrap_or(0);
    let columns: Vec<usize> = (0..count).map(column).collect();
    let mut rows: Vec<String> = Vec::new();
    for (row, widths) in output[..shown].chunks(count).zip(widths.chunks(count)) {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(widths).enumerate() {
            let (last, room) = (at + 1 == row.len(), " ".repeat(columns[at] - width));
            line += &match (pad, last) {
                (Pad::Start, true) => format!("{room}{cell}"),
                (Pad::Start, false) => format!("{room}{cell}, "),
                (Pad::End, true) => cell.clone(),
                (Pad::End, false) => format!("{cell}, {room}"),
            };
        }
        rows.push(line);
    }
    rows.extend(output[shown..].iter().cloned());
    rows
}
