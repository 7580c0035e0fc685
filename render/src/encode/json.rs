//! `format=json`: what Grafana reads. A list of targets, each with its tags and its `[value, time]` pairs.

use super::{Charset, JsonWriter, Layout};
use query::Series;

/// What becomes of slots without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nulls {
    /// They are `null`.
    Kept,
    /// They are left out, and with them every series that holds nothing else (`noNullPoints`).
    Dropped,
}

/// The whole answer; always ASCII, whatever the names hold.
pub fn encode(series: &[Series], nulls: Nulls, layout: Layout) -> String {
    let mut json = JsonWriter::new(Charset::Ascii, layout);
    json.begin_list();
    let (mut written, mut left) = (0, series.iter().map(|one| one.values.len()).sum::<usize>());
    for one in series {
        if nulls == Nulls::Kept || one.values.iter().any(|value| !value.is_nan()) {
            push_series(&mut json, one, nulls);
        }
        // Room for the rest at once, as if its points were as long as these: a text of megabytes is not moved while it grows.
        written += one.values.len();
        left -= one.values.len();
        json.reserve_like(written, left);
    }
    json.end_list();
    json.finish()
}

fn push_series(json: &mut JsonWriter, series: &Series, nulls: Nulls) {
    json.begin_map();
    json.key("target");
    match series.style.unnamed {
        true => json.number(f64::NAN),
        false => json.string(&series.name),
    }
    json.key("tags");
    json.begin_map();
    for (tag, value) in &series.tags {
        json.key(tag);
        json.string(value);
    }
    json.end_map();
    json.key("datapoints");
    json.begin_list();
    let step = i64::from(series.step.secs());
    // graphite-web zips values with the times up to and including `end`: what lies beyond has no time and is not told.
    let told = if nulls == Nulls::Dropped { usize::MAX } else { times_until_end(series) };
    for (&value, i) in series.values.iter().zip(0i64..).take(told) {
        if nulls == Nulls::Dropped && value.is_nan() {
            continue;
        }
        json.point(value, series.start.0 + i * step);
    }
    json.end_list();
    json.end_map();
}

fn times_until_end(series: &Series) -> usize {
    let span = series.end - series.start;
    usize::try_from(span.div_euclid(i64::from(series.step.secs())) + 1).unwrap_or(0)
}
