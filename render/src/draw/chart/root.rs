//! What an SVG says about itself: where its plot is (for the page's crosshair and zoom) and what it shows, in
//! sentences, for those who do not see it.

use super::super::layout::Layout;
use super::super::scale::label::value as value_label;
use super::super::scale::time::spoken;
use super::super::scene::{Scene, Trace};
use super::super::svg::Root;
use std::fmt::Write;

/// Series named one by one; the rest is a number.
const SPOKEN_MAX: usize = 8;

/// Attributes and texts of the root element.
pub(in crate::draw) fn of(scene: &Scene<'_>, layout: &Layout) -> Root {
    let plot = layout.plot;
    let attributes = format!(
        " data-from=\"{}\" data-until=\"{}\" data-left=\"{}\" data-top=\"{}\" data-plot-width=\"{}\" \
         data-plot-height=\"{}\" data-y-min=\"{}\" data-y-max=\"{}\"",
        scene.from,
        scene.until,
        plot.left,
        plot.top,
        plot.width(),
        plot.height(),
        layout.left.from,
        layout.left.to
    );
    let title = match (&scene.picture.title, &scene.picture.subtitle) {
        (Some(title), _) | (None, Some(title)) if !title.is_empty() => title.clone(),
        _ => "Graph".to_owned(),
    };
    let mut description =
        format!("From {} to {}.", spoken(scene.from, &scene.picture.zone), spoken(scene.until, &scene.picture.zone));
    for trace in scene.traces.iter().take(SPOKEN_MAX) {
        // Writing to a String cannot fail.
        let _ = write!(description, " {}", sentence(scene, trace));
    }
    match scene.traces.len() {
        0 => description.push_str(" No data."),
        n if n > SPOKEN_MAX => {
            let _ = write!(description, " And {} more.", n - SPOKEN_MAX);
        }
        _ => {}
    }
    Root { attributes, title, description }
}

fn sentence(scene: &Scene<'_>, trace: &Trace<'_>) -> String {
    let unit = &scene.picture.unit;
    let Some(summary) = trace.summary else { return format!("{}: no data.", trace.name) };
    let mut out = format!("{}: last {}", trace.name, value_label(summary.last, unit));
    if let Some(i) = trace.values.iter().position(|&v| v == summary.max)
        && summary.max > summary.min
    {
        let at = scene.from + (trace.start + i as f64 * trace.step) as i64;
        let _ = write!(out, ", peak {} at {}", value_label(summary.max, unit), spoken(at, &scene.picture.zone));
    }
    match gaps(&trace.values) {
        0 => {}
        1 => out.push_str(", one gap"),
        n => {
            let _ = write!(out, ", {n} gaps");
        }
    }
    out.push('.');
    out
}

/// Stretches of absent values between present ones.
fn gaps(values: &[f64]) -> usize {
    let present: Vec<bool> = values.iter().map(|v| v.is_finite()).collect();
    let Some(first) = present.iter().position(|&p| p) else { return 0 };
    let last = present.iter().rposition(|&p| p).unwrap_or(first);
    present[first..=last].windows(2).filter(|pair| pair[0] && !pair[1]).count()
}
