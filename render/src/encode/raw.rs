//! `format=raw`: one line a series, `name,start,end,step|value,value,None`; the end is exclusive.
//!
//! Commas in names are not escaped, so readers split the head from the right.

use super::python_float;
use query::Series;
use std::fmt::Write;

/// One line a series, `\n` after each.
pub fn encode(series: &[Series]) -> String {
    let mut out = String::new();
    for one in series {
        write!(out, "{},{},{},{}|", one.name, one.start.0, one.end.0, one.step.secs())
            .expect("a String takes every write");
        for (i, &value) in one.values.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            if tsdb::is_gap(value) {
                out.push_str("None");
            } else {
                python_float::push(&mut out, value);
            }
        }
        out.push('\n');
    }
    out
}
