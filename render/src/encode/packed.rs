//! The two binary formats side by side: what pickle and MessagePack can both say, and series and values said in it.

use super::{MsgPack, Pickle};
use query::Series;

/// A format that values are pushed into one after another; nothing is kept but the bytes.
pub trait Packed {
    /// Opens a list of so many items; [`Packed::end_list`] follows the last of them.
    fn begin_list(&mut self, items: usize);
    /// Closes the list that is open.
    fn end_list(&mut self);
    /// Opens a map of so many pairs; [`Packed::end_map`] follows the last of them.
    fn begin_map(&mut self, pairs: usize);
    /// Closes the map that is open.
    fn end_map(&mut self);
    /// A text; also the key of a pair.
    fn text(&mut self, text: &str);
    /// A whole number.
    fn integer(&mut self, value: i64);
    /// A float, NaN and infinities as they are.
    fn float(&mut self, value: f64);
    /// Truth.
    fn boolean(&mut self, value: bool);
    /// Python's `None`.
    fn nothing(&mut self);
}

/// Bytes of a series beside its name and values.
const SERIES_BYTES: usize = 192;
/// Bytes of a value: a float and the byte that says so.
const VALUE_BYTES: usize = 9;

/// `format=pickle`.
pub fn pickle(series: &[Series]) -> Vec<u8> {
    let mut out = Pickle::new(size(series));
    write(&mut out, series);
    out.finish()
}

/// `format=msgpack`.
pub fn msgpack(series: &[Series]) -> Vec<u8> {
    let mut out = MsgPack::new(size(series));
    write(&mut out, series);
    out.finish()
}

fn size(series: &[Series]) -> usize {
    let of = |one: &Series| SERIES_BYTES + one.name.len() + one.path_expression.len() + one.values.len() * VALUE_BYTES;
    series.iter().map(of).sum()
}

/// What a graphite-web says of its series to another: the keys are its `TimeSeries.getInfo`.
fn write(out: &mut impl Packed, series: &[Series]) {
    out.begin_list(series.len());
    for one in series {
        out.begin_map(9);
        out.text("name");
        out.text(&one.name);
        for (key, value) in [("start", one.start.0), ("end", one.end.0), ("step", i64::from(one.step.secs()))] {
            out.text(key);
            out.integer(value);
        }
        out.text("values");
        out.begin_list(one.values.len());
        for &value in &one.values {
            if tsdb::is_gap(value) { out.nothing() } else { out.float(value) }
        }
        out.end_list();
        out.text("pathExpression");
        out.text(&one.path_expression);
        out.text("valuesPerPoint");
        out.integer(1);
        out.text("consolidationFunc");
        out.text(&one.consolidation.word());
        out.text("xFilesFactor");
        out.float(one.x_files_factor);
        out.end_map();
    }
    out.end_list();
}
