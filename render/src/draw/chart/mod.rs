//! Draws a scene at the places its layout found: grid and axes below, then areas and lines through plotters, then
//! every text.

pub(super) mod legend;
mod line;
pub(super) mod root;
pub(super) mod spark;
pub(super) mod stack;

use super::bridge::{self, Along};
use super::canvas::{Canvas, Group, Label, Point, Rect, Stroke};
use super::layout::{Layout, Part, Placed};
use super::scale::value::ValueAxis;
use super::scene::{Role, Scene};

/// Opacity of the lines between those of the grid.
const MINOR_GRID: f32 = 0.45;

/// Draws the whole picture.
pub(super) fn draw(canvas: &mut dyn Canvas, scene: &Scene<'_>, layout: &Layout) {
    grid(canvas, scene, layout);
    plot(canvas, scene, layout);
    texts(canvas, layout, Part::Axes);
    texts(canvas, layout, Part::Title);
    texts(canvas, layout, Part::Plot);
    key(canvas, scene, layout);
}

fn grid(canvas: &mut dyn Canvas, scene: &Scene<'_>, layout: &Layout) {
    let (plot, palette) = (layout.plot, &scene.palette);
    if !layout.grid.is_empty() || !layout.changes.is_empty() {
        canvas.open(Group::Part("grid"));
        for &y in &layout.minor_grid {
            let faint = scene.picture.minor_grid_color.unwrap_or(palette.grid.fade(MINOR_GRID));
            canvas.hair(Point { x: plot.left, y }, Point { x: plot.right, y }, faint);
        }
        for &y in &layout.grid {
            canvas.hair(Point { x: plot.left, y }, Point { x: plot.right, y }, palette.grid);
        }
        for &x in &layout.changes {
            canvas.hair(Point { x, y: plot.top }, Point { x, y: plot.bottom }, palette.grid);
        }
        canvas.close();
    }
    if layout.axis_line || layout.zero.is_some() {
        canvas.open(Group::Part("axis"));
        let across = |y: f32| (Point { x: plot.left, y }, Point { x: plot.right, y });
        for y in layout.zero.into_iter().chain(layout.axis_line.then_some(plot.bottom)) {
            let (from, to) = across(y);
            canvas.hair(from, to, palette.axis);
        }
        for &x in &layout.ticks {
            canvas.hair(Point { x, y: plot.bottom + 1.0 }, Point { x, y: plot.bottom + 5.0 }, palette.axis);
        }
        canvas.close();
    }
}

fn plot(canvas: &mut dyn Canvas, scene: &Scene<'_>, layout: &Layout) {
    let plot = layout.plot;
    if plot.width() < 1.0 || plot.height() < 1.0 {
        return;
    }
    // A line on the frame keeps its whole width and its end's dot.
    let slack = if scene.picture.graph_only { 0.0 } else { 3.0 };
    canvas.clip(Some(Rect {
        left: plot.left - slack,
        top: plot.top - slack,
        right: plot.right + slack,
        bottom: plot.bottom + slack,
    }));
    {
        let (sink, area) = bridge::open(canvas);
        let time = Along { from: 0.0, to: scene.span(), log: false };
        let upwards = ValueAxis::along;
        let left = bridge::plane(&area, plot, time, upwards(&layout.left));
        let right = layout.right.as_ref().map(|axis| bridge::plane(&area, plot, time, upwards(axis)));
        stack::draw(&sink, &left, scene, layout);
        // Limits first: data is drawn over them.
        let order = [Role::Threshold, Role::Area, Role::Line];
        for role in order {
            for trace in scene.traces.iter().filter(|trace| trace.role == role && !trace.invisible) {
                let plane = if trace.right { right.as_ref().unwrap_or(&left) } else { &left };
                line::draw(&sink, plane, scene, layout, trace);
            }
        }
        for trace in scene.traces.iter().filter(|trace| trace.role == Role::Upright && !trace.invisible) {
            line::uprights(&sink, &left, scene, layout, trace);
        }
    }
    canvas.clip(None);
}

fn texts(canvas: &mut dyn Canvas, layout: &Layout, part: Part) {
    let mut placed = layout.texts.iter().filter(|text| text.part == part).peekable();
    if placed.peek().is_none() {
        return;
    }
    canvas.open(Group::Part(part.name()));
    placed.for_each(|text| write(canvas, text));
    canvas.close();
}

fn write(canvas: &mut dyn Canvas, placed: &Placed) {
    canvas.text(&Label {
        text: &placed.text,
        at: placed.at,
        anchor: placed.anchor,
        size: placed.size,
        weight: placed.weight,
        color: placed.ink,
        width_max: placed.tight.then(|| placed.rect.width()),
    });
}

fn key(canvas: &mut dyn Canvas, scene: &Scene<'_>, layout: &Layout) {
    if layout.swatches.is_empty() {
        return;
    }
    canvas.open(Group::Part("legend"));
    for &(from, to) in &layout.rules {
        canvas.hair(from, to, scene.palette.grid);
    }
    for swatch in &layout.swatches {
        match swatch.dash {
            None => canvas.rect(swatch.rect, swatch.color),
            Some(_) => {
                let y = (swatch.rect.top + swatch.rect.bottom) / 2.0;
                let dash = swatch.dash.map(|dash| super::canvas::Dash { on: dash.on.min(4.0), off: 3.5 });
                let stroke = Stroke { color: swatch.color, width: 2.5, dash };
                let (left, right) = (swatch.rect.left + 1.0, swatch.rect.right - 1.0);
                canvas.line(&[Point { x: left, y }, Point { x: right, y }], &stroke);
            }
        }
    }
    layout.texts.iter().filter(|text| text.part == Part::Legend).for_each(|text| write(canvas, text));
    canvas.close();
}
