//! `format=dygraph`: a row for each time, in milliseconds, with the value of every series, as the chart library of that
//! name reads it.
//!
//! graphite-web takes the first series' times and fails where another has more of them. Here each series keeps its own
//! times, and has `null` at those of the others.

use super::{Charset, JsonWriter, Layout, python_float};
use query::Series;
use std::fmt::Write;

/// The whole answer; `None` when it would have more than `cells_max` values and nulls, which series without a common time
/// make many of.
pub fn encode(series: &[Series], cells_max: u64) -> Option<String> {
    if series.is_empty() {
        return Some("{}".to_owned());
    }
    let mut labels = JsonWriter::new(Charset::Ascii, Layout::Line);
    labels.begin_list();
    labels.string("Time");
    series.iter().for_each(|one| labels.string(&one.name));
    labels.end_list();
    let mut out = format!("{{\"labels\" : {}, \"data\" : [", labels.finish());
    let mut next = vec![0; series.len()];
    let mut cells = 0u64;
    while let Some(at) = series.iter().zip(&next).filter_map(|(one, next)| time(one, *next)).min() {
        if cells > 0 {
            out.push_str(", ");
        }
        cells += series.len() as u64;
        if cells > cells_max {
            return None;
        }
        write!(out, "[{at}000").expect("a String takes every write");
        for (one, next) in series.iter().zip(&mut next) {
            out.push_str(", ");
            if time(one, *next) == Some(at) {
                push(&mut out, one.values[*next]);
                *next += 1;
            } else {
                out.push_str("null");
            }
        }
        out.push(']');
    }
    out.push_str("]}");
    Some(out)
}

fn time(series: &Series, at: usize) -> Option<i64> {
    (at < series.values.len()).then(|| series.start.0 + at as i64 * i64::from(series.step.secs()))
}

/// As graphite-web spells them here: infinities are JavaScript's.
fn push(out: &mut String, value: f64) {
    match value {
        v if v.is_nan() => out.push_str("null"),
        f64::INFINITY => out.push_str("Infinity"),
        f64::NEG_INFINITY => out.push_str("-Infinity"),
        v => python_float::push(out, v),
    }
}
