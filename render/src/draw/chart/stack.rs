//! Areas that stand on each other. They must add up, so where points are dense each column is an average, never an
//! extreme; an absent value is a gap of its own band and nothing to the bands above.

use super::super::bridge::{Plane, Sink};
use super::super::canvas::Group;
use super::super::color::Color;
use super::super::down::{self, Columns, Points};
use super::super::layout::Layout;
use super::super::scene::{Role, Scene, Trace};
use super::super::{AreaMode, LineMode, Picture};
use super::line;
use plotters::element::Polygon;
use query::Series;
use std::cell::RefCell;

/// The band of one series: as many values as the scene has layer times, NaN where it is absent.
pub(in crate::draw) struct Layer {
    /// Index into the scene's traces.
    pub trace: usize,
    pub lower: Vec<f64>,
    pub upper: Vec<f64>,
    /// Lowest and highest edge.
    pub range: Option<(f64, f64)>,
}

/// Times and bands of everything stacked. With `areaMode=stacked` the largest is lowest; what `stacked()` has already
/// summed keeps its order, each band reaching down to the line before it.
pub(in crate::draw) fn layers(
    traces: &[Trace<'_>],
    series: &[Series],
    picture: &Picture,
    columns: &Columns,
) -> (Vec<f64>, Vec<Layer>) {
    let mut stacked: Vec<usize> = (0..traces.len()).filter(|&i| traces[i].role == Role::Layer).collect();
    let Some(&first) = stacked.first() else { return (Vec::new(), Vec::new()) };
    let summed_already = picture.area_mode != AreaMode::Stacked || stacked.iter().all(|&i| series[i].style.stacked);
    if !summed_already {
        let mean = |i: usize| traces[i].summary.map_or(f64::NEG_INFINITY, |s| s.avg);
        // Stable: equals keep the order of the answer.
        stacked.sort_by(|&a, &b| mean(b).total_cmp(&mean(a)));
    }
    let like = |i: &usize| {
        let (a, b) = (&traces[*i], &traces[first]);
        a.start == b.start && a.step == b.step && a.values.len() == b.values.len()
    };
    let own_points = stacked.iter().all(like) && traces[first].values.len() <= columns.count * 2;
    let times: Vec<f64> = if own_points {
        (0..traces[first].values.len()).map(|k| traces[first].start + k as f64 * traces[first].step).collect()
    } else {
        (0..columns.count).map(|k| columns.from + (k as f64 + 0.5) * columns.secs).collect()
    };
    let values = |i: usize| {
        let trace = &traces[i];
        match own_points {
            true => trace.values.to_vec(),
            false => down::averages(&Points { values: &trace.values, start: trace.start, step: trace.step }, columns),
        }
    };
    let mut below = vec![0.0; times.len()];
    let mut layers = Vec::with_capacity(stacked.len());
    for i in stacked {
        let own = values(i);
        let upper: Vec<f64> = if summed_already { own } else { own.iter().zip(&below).map(|(v, b)| v + b).collect() };
        let lower = below.clone();
        for (below, upper) in below.iter_mut().zip(&upper).filter(|(_, upper)| upper.is_finite()) {
            *below = *upper;
        }
        let range = if traces[i].invisible { None } else { edges(&lower, &upper) };
        layers.push(Layer { trace: i, lower, upper, range });
    }
    (times, layers)
}

fn edges(lower: &[f64], upper: &[f64]) -> Option<(f64, f64)> {
    let present = || lower.iter().zip(upper).filter(|(_, upper)| upper.is_finite());
    present().next()?;
    let low = present().fold(f64::INFINITY, |low, (a, b)| low.min(*a).min(*b));
    let high = present().fold(f64::NEG_INFINITY, |high, (a, b)| high.max(*a).max(*b));
    Some((low, high))
}

/// Draws the bands from the lowest up, each with the line that parts it from the one below.
pub(super) fn draw(sink: &RefCell<Sink<'_>>, plane: &Plane<'_>, scene: &Scene<'_>, layout: &Layout) {
    // Many thin bands would drown in separators, and so would steep ones if these were opaque.
    let separator = if scene.layers.len() <= 10 { 1.2 } else { 0.6 };
    let between = scene.palette.ground.fade(0.75);
    let dots = 2.0 * scene.span() / f64::from(layout.plot.width().max(1.0));
    for (position, layer) in scene.layers.iter().enumerate() {
        let trace = &scene.traces[layer.trace];
        if trace.invisible {
            continue;
        }
        sink.borrow_mut().canvas.open(Group::Series { index: trace.index, name: trace.name });
        let opacity = scene.picture.area_alpha.filter(|a| a.is_finite()).unwrap_or(0.82);
        for run in pieces(&layer.upper) {
            let (upper, lower) = outline(scene, &layer.upper, &layer.lower, run, dots);
            let mut outline = upper;
            outline.extend(lower.iter().rev());
            band(plane, outline, trace.color.fade(opacity));
            if position > 0 {
                line::stroke(plane, &lower, between, separator);
            }
        }
        sink.borrow_mut().canvas.close();
    }
}

type Edge = Vec<(f64, f64)>;

/// Upper and lower edge of one piece. A piece of one value is as wide as two pixels at least.
fn outline(scene: &Scene<'_>, upper: &[f64], lower: &[f64], run: std::ops::Range<usize>, dot: f64) -> (Edge, Edge) {
    let times = &scene.layer_times;
    let step = if times.len() > 1 { times[1] - times[0] } else { dot };
    let edge = |values: &[f64]| -> Edge {
        let mut edge = Edge::with_capacity(run.len() * 2);
        for i in run.clone() {
            let (time, value) = (times[i], values[i]);
            if scene.picture.line_mode == LineMode::Staircase {
                edge.push((time, value));
                edge.push((time + step, value));
            } else if run.len() == 1 {
                edge.push((time - dot / 2.0, value));
                edge.push((time + dot / 2.0, value));
            } else {
                edge.push((time, value));
            }
        }
        edge
    };
    (edge(upper), edge(lower))
}

fn band(plane: &Plane<'_>, outline: Edge, color: Color) {
    let drawn = plane.draw(&Polygon::new(outline, line::style(color, 0.0)));
    debug_assert!(drawn.is_ok(), "the sink never fails");
}

/// Ranges of values that are present.
fn pieces(values: &[f64]) -> Vec<std::ops::Range<usize>> {
    let mut pieces = Vec::new();
    let mut begin = None;
    for (i, v) in values.iter().enumerate() {
        match (v.is_finite(), begin) {
            (true, None) => begin = Some(i),
            (false, Some(from)) => {
                pieces.push(from..i);
                begin = None;
            }
            _ => {}
        }
    }
    pieces.extend(begin.map(|from| from..values.len()));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_what_is_between_gaps() {
        assert_eq!(pieces(&[f64::NAN, 1.0, 2.0, f64::NAN, 3.0]), [1..3, 4..5]);
        assert!(pieces(&[]).is_empty());
    }
}
