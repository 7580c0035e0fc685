//! A series as a line, with its area, its lone points and its newest one. plotters places the points; what its styles
//! cannot say (dashes, gradients, groups) is set on the sink beside it.

use super::super::bridge::{Plane, Sink, units};
use super::super::canvas::{Dash, Group, Paint};
use super::super::color::Color;
use super::super::down::{self, Bridge, Columns, Points, Runs};
use super::super::layout::Layout;
use super::super::scene::{Role, Scene, Trace};
use super::super::{LineMode, Reduction};
use plotters::element::Circle;
use plotters::series::{AreaSeries, LineSeries};
use plotters::style::{RGBAColor, ShapeStyle};
use std::cell::RefCell;

/// Draws one series into its group.
pub(super) fn draw(sink: &RefCell<Sink<'_>>, plane: &Plane<'_>, scene: &Scene<'_>, layout: &Layout, trace: &Trace<'_>) {
    sink.borrow_mut().canvas.open(Group::Series { index: trace.index, name: trace.name });
    let plot_columns = layout.plot.width() * sink.borrow().canvas.columns_per_pixel();
    let columns = super::super::scene::columns(scene.from, scene.until, plot_columns.round() as usize);
    let runs = runs(scene, trace, &columns);
    // Points a logical pixel, whatever the scale.
    let density = f64::from(layout.plot.width()) * trace.step / scene.span();
    let dense = density < 1.0;
    let width = trace.width.unwrap_or(if dense { 1.0 } else { 1.5 });
    if trace.role == Role::Area {
        area(sink, plane, scene, layout, trace, &runs);
    }
    let lone = lone_points(&runs);
    if trace.dash.is_some() && density < 2.0 && trace.role != Role::Threshold {
        // Dashes along a line of noise are dust: every other stretch is faded in their place.
        stretches(sink, plane, &runs, trace, width, f64::from(layout.plot.width()) / scene.span());
    } else {
        sink.borrow_mut().dash = trace.dash;
        for run in runs.iter().filter(|run| run.len() > 1) {
            stroke(plane, run, trace.color, width);
        }
        sink.borrow_mut().dash = None;
    }
    for &point in &lone {
        dot(plane, point, trace.color, if dense { width.max(1.0) } else { (width * 1.2).max(1.5) });
    }
    if scene.picture.live
        && trace.role != Role::Threshold
        && let Some(&newest) = runs.iter().last().and_then(<[_]>::last)
    {
        dot(plane, newest, trace.color, 3.0);
    }
    sink.borrow_mut().canvas.close();
}

/// Draws a line from bottom to top at each time with a value above zero, one for a pixel at most.
pub(super) fn uprights(
    sink: &RefCell<Sink<'_>>,
    plane: &Plane<'_>,
    scene: &Scene<'_>,
    layout: &Layout,
    trace: &Trace<'_>,
) {
    sink.borrow_mut().canvas.open(Group::Series { index: trace.index, name: trace.name });
    sink.borrow_mut().dash = trace.dash;
    let (axis, pixels_per_second) = (&layout.left, f64::from(layout.plot.width()) / scene.span());
    let mut drawn = None;
    for (at, _) in (0..).zip(trace.values.iter()).filter(|(_, value)| **value > 0.0) {
        let time = trace.start + f64::from(at) * trace.step;
        let pixel = Some((time * pixels_per_second).floor() as i64);
        if (0.0..=scene.span()).contains(&time) && pixel != drawn {
            stroke(plane, &[(time, axis.from), (time, axis.to)], trace.color, trace.width.unwrap_or(1.0));
            drawn = pixel;
        }
    }
    sink.borrow_mut().dash = None;
    sink.borrow_mut().canvas.close();
}

fn runs(scene: &Scene<'_>, trace: &Trace<'_>, columns: &Columns) -> Runs {
    let picture = scene.picture;
    let bridge = match picture.line_mode {
        LineMode::Connected => Bridge::UpTo(picture.connected_limit.unwrap_or(usize::MAX)),
        _ => Bridge::Never,
    };
    let points = Points { values: &trace.values, start: trace.start, step: trace.step };
    if picture.reduction == Reduction::Extremes && down::is_dense(&points, columns) {
        return down::extremes(&points, columns, bridge);
    }
    let runs = down::every(&points, bridge);
    // As graphite-web: a series of one value is a step, not nothing.
    if picture.line_mode == LineMode::Staircase { runs.staircase(trace.step) } else { runs }
}

fn lone_points(runs: &Runs) -> Vec<(f64, f64)> {
    runs.iter().filter(|run| run.len() == 1).map(|run| run[0]).collect()
}

/// plotters' style for a colour and a width.
pub(super) fn style(color: Color, width: f32) -> ShapeStyle {
    let color = RGBAColor(color.r, color.g, color.b, f64::from(color.a) / 255.0);
    ShapeStyle { color, filled: true, stroke_width: units(width) }
}

/// One piece of line. The sink never fails, so neither does plotters.
pub(super) fn stroke(plane: &Plane<'_>, run: &[(f64, f64)], color: Color, width: f32) {
    for element in LineSeries::new(run.iter().copied(), style(color, width)) {
        let drawn = plane.draw(&element);
        debug_assert!(drawn.is_ok(), "the sink never fails");
    }
}

fn dot(plane: &Plane<'_>, at: (f64, f64), color: Color, radius: f32) {
    let drawn = plane.draw(&Circle::new(at, units(radius), style(color, 1.0)));
    debug_assert!(drawn.is_ok(), "the sink never fails");
}

/// From the line down to zero, fading on the way.
fn area(
    sink: &RefCell<Sink<'_>>,
    plane: &Plane<'_>,
    scene: &Scene<'_>,
    layout: &Layout,
    trace: &Trace<'_>,
    runs: &Runs,
) {
    let Some((low, high)) = trace.range else { return };
    let axis = if trace.right { layout.right.as_ref().unwrap_or(&layout.left) } else { &layout.left };
    let y = |value: f64| layout.y(axis, value);
    let base = 0.0_f64.clamp(axis.from, axis.to);
    let strong = scene.picture.area_alpha.filter(|a| a.is_finite()).unwrap_or(0.30);
    let weak = if scene.picture.area_alpha.is_some() { strong } else { 0.02 };
    let (strong, weak) = (trace.color.fade(strong), trace.color.fade(weak));
    // Below zero the strong end is the lowest point.
    let (top, bottom) = (y(high.max(base)), y(low.min(base)));
    let fall = if low < base && high > base {
        Paint::Flat(trace.color.fade(scene.picture.area_alpha.unwrap_or(0.15)))
    } else if low < base {
        Paint::Fall { from: weak, to: strong, from_y: y(base), to_y: bottom }
    } else {
        Paint::Fall { from: strong, to: weak, from_y: top, to_y: y(base) }
    };
    sink.borrow_mut().paint = Some(fall);
    for run in runs.iter().filter(|run| run.len() > 1) {
        for element in AreaSeries::new(run.iter().copied(), base, style(strong, 0.0)) {
            let drawn = plane.draw(&element);
            debug_assert!(drawn.is_ok(), "the sink never fails");
        }
    }
    sink.borrow_mut().paint = None;
}

/// Full and faded stretches in turn, cut at fixed distances along the time axis.
fn stretches(
    sink: &RefCell<Sink<'_>>,
    plane: &Plane<'_>,
    runs: &Runs,
    trace: &Trace<'_>,
    width: f32,
    pixels_per_second: f64,
) {
    let Dash { on, off } = trace.dash.unwrap_or(Dash { on: 6.0, off: 4.0 });
    let (on, off) = (f64::from((on * 1.5).max(5.0)), f64::from(off.max(4.0)));
    let is_on = |time: f64| {
        // Points may lie a little before the plot; from there on every place is positive.
        let periods = (time * pixels_per_second + 1e4) / (on + off);
        (periods - periods as i64 as f64) * (on + off) < on
    };
    for wanted in [false, true] {
        let color = if wanted { trace.color } else { trace.color.fade(0.35) };
        for run in runs.iter().filter(|run| run.len() > 1) {
            let mut begin = 0;
            for i in 1..run.len() {
                let last = i == run.len() - 1;
                if last || is_on(run[i].0) != is_on(run[i - 1].0) {
                    if is_on(run[i - 1].0) == wanted {
                        stroke(plane, &run[begin..=i], color, width);
                    }
                    begin = i;
                }
            }
        }
    }
    sink.borrow_mut().dash = None;
}
