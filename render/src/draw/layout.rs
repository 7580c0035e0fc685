//! Where everything stands: measured first, then placed, so that no label is cut off or written over another. Every
//! text has its box; what finds no room is left out here, never drawn half.

use super::canvas::{Anchor, Dash, Point, Rect};
use super::chart::legend;
use super::color::Color;
use super::head;
use super::scale::label::Unit;
use super::scale::time::{self, TimeAxis};
use super::scale::value::{self, ValueAxis, Wish, Zero};
use super::scene::{Role, Scene};
use super::text::{self, Weight};

/// Pixels between two faint lines of the grid at least.
const MINOR_APART: f32 = 5.0;

/// What a text belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Title, subtitle, zone.
    Title,
    /// Tick labels and what axes are called.
    Axes,
    /// On the plot itself: names of limits, "no data".
    Plot,
    /// The table below.
    Legend,
}

impl Part {
    /// Its group in SVG.
    pub(super) fn name(self) -> &'static str {
        match self {
            Part::Title => "title",
            Part::Axes => "labels",
            Part::Plot => "notes",
            Part::Legend => "legend",
        }
    }
}

/// A text with its place and its box.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub text: String,
    pub at: Point,
    pub anchor: Anchor,
    pub size: f32,
    pub weight: Weight,
    pub ink: Color,
    pub part: Part,
    pub rect: Rect,
    /// Next to it stands another: no font may make it wider than its box.
    pub tight: bool,
}

impl Placed {
    /// Measures a text at its baseline.
    pub(super) fn new(text: String, at: Point, anchor: Anchor, (size, weight): Face, ink: Color, part: Part) -> Placed {
        let width = text::width(&text, size, weight);
        let left = match anchor {
            Anchor::Start => at.x,
            Anchor::Middle => at.x - width / 2.0,
            Anchor::End => at.x - width,
        };
        // From the top of capitals and their accents to the tail of a g, as drawn by the embedded faces.
        let rect = Rect::new(left, at.y - 0.78 * size, width, size * 1.02);
        Placed { text, at, anchor, size, weight, ink, part, rect, tight: false }
    }
}

/// Size and weight.
pub(super) type Face = (f32, Weight);

pub(super) const TITLE: Face = (15.0, Weight::Bold);
pub(super) const SUBTITLE: Face = (12.0, Weight::Regular);
pub(super) const SMALL: Face = (11.0, Weight::Regular);
pub(super) const TICK: Face = (12.0, Weight::Regular);
pub(super) const DATE: Face = (11.5, Weight::Bold);

/// A piece of colour in the legend.
#[derive(Clone, Copy, Debug)]
pub(super) struct Swatch {
    pub rect: Rect,
    pub color: Color,
    pub dash: Option<Dash>,
}

/// A scene in its places.
pub(super) struct Layout {
    pub plot: Rect,
    pub left: ValueAxis,
    pub right: Option<ValueAxis>,
    pub texts: Vec<Placed>,
    /// Heights of grid lines.
    pub grid: Vec<f32>,
    /// Those of the fainter lines between them.
    pub minor_grid: Vec<f32>,
    /// Height of the zero line, if it is within the plot.
    pub zero: Option<f32>,
    /// Where days change.
    pub changes: Vec<f32>,
    /// Where the time axis has ticks.
    pub ticks: Vec<f32>,
    /// Whether the plot stands on a line.
    pub axis_line: bool,
    pub swatches: Vec<Swatch>,
    pub rules: Vec<(Point, Point)>,
}

/// What there is room for, decided by the size alone.
#[derive(Clone, Copy)]
pub(super) struct Show {
    x_axis: bool,
    dates: bool,
    y_axis: bool,
    grid: bool,
    legend: bool,
    pub title: bool,
    pub subtitle: bool,
    pub zone: bool,
    /// The plot alone.
    pub is_bare: bool,
    pub margin: f32,
}

impl Show {
    fn of(scene: &Scene<'_>) -> Show {
        let picture = scene.picture;
        let (w, h) = (picture.width, picture.height);
        let axes = !picture.graph_only && !picture.hide_axes;
        let is_bare = picture.graph_only || w.min(h * 2) < 40;
        Show {
            x_axis: axes && !picture.hide_x_axis && w >= 120 && h >= 70,
            dates: h >= 120,
            y_axis: axes && !picture.hide_y_axis && w >= 120 && h >= 60,
            grid: !picture.graph_only && !picture.hide_grid,
            legend: !picture.graph_only && !picture.hide_legend && w >= 160 && h >= 130,
            title: !picture.graph_only && w >= 100 && h >= 90,
            subtitle: !picture.graph_only && w >= 160 && h >= 180,
            zone: axes && !picture.hide_x_axis && w >= 260 && h >= 150,
            is_bare,
            margin: match (picture.margin, w.min(h * 2)) {
                _ if is_bare => 0.0,
                // The plot keeps half of the picture.
                (Some(asked), side) => asked.clamp(0.0, side.min(h) as f32 / 4.0),
                (None, ..200) => 4.0,
                (None, 200..520) => 10.0,
                (None, _) => 16.0,
            },
        }
    }
}

impl Layout {
    pub(super) fn new(scene: &Scene<'_>) -> Layout {
        let show = Show::of(scene);
        let (width, height) = (scene.picture.width as f32, scene.picture.height as f32);
        let mut texts = Vec::new();
        let top = head::place(scene, show, &mut texts);
        let foot = match (show.x_axis, show.dates) {
            (true, true) => 34.0,
            (true, false) => 20.0,
            _ => 0.0,
        };
        let pad = if scene.picture.margin.is_some() { show.margin } else { show.margin.min(10.0) };
        let room = height - top - foot - pad;
        // The plot keeps the larger part of a picture; a small one is mostly what is read beside it.
        let plot_least = (height * if height < 300.0 { 0.33 } else { 0.40 }).max(60.0);
        let legend_room = if show.legend { (room - plot_least).max(0.0) } else { 0.0 };
        let table = legend::measure(scene, width - 2.0 * show.margin, legend_room);
        let plot_height = (room - table.height()).max(1.0).floor();
        let (left, right) = axes(scene, plot_height);
        let sides = match &right {
            None if scene.picture.y_axis_on_right => (None, Some(&left)),
            right => (Some(&left), right.as_ref()),
        };
        let plot = across(show, sides, Rect::new(0.0, top, width, plot_height));
        let mut layout = Layout {
            plot,
            left,
            right,
            texts,
            grid: Vec::new(),
            minor_grid: Vec::new(),
            zero: None,
            changes: Vec::new(),
            ticks: Vec::new(),
            axis_line: show.x_axis,
            swatches: Vec::new(),
            rules: Vec::new(),
        };
        layout.lines(show);
        layout.minor_lines(scene, show);
        if show.y_axis {
            layout.value_labels(scene);
        }
        layout.time_labels(scene, show);
        layout.notes(scene);
        let legend_top = height - pad - table.height();
        table.place(scene, show.margin, legend_top, &mut layout);
        layout
    }

    /// The height of a value.
    pub(super) fn y(&self, axis: &ValueAxis, value: f64) -> f32 {
        let share = axis.along().share(value);
        self.plot.bottom - (share.clamp(-4.0, 4.0) as f32) * self.plot.height()
    }

    fn lines(&mut self, show: Show) {
        if !show.grid {
            return;
        }
        for &tick in &self.left.ticks {
            let y = self.y(&self.left, tick);
            let on_axis = (y - self.plot.bottom).abs() < 0.75 && self.axis_line;
            if !on_axis && tick == 0.0 {
                self.zero = Some(y);
            } else if !on_axis {
                self.grid.push(y);
            }
        }
    }

    /// Lines that cut the room between two ticks into equal parts, unless they would be a texture.
    fn minor_lines(&mut self, scene: &Scene<'_>, show: Show) {
        let parts = scene.picture.minor_lines + 1;
        let heights: Vec<f32> = self.left.ticks.iter().map(|tick| self.y(&self.left, *tick)).collect();
        let Some(apart) = heights.windows(2).map(|pair| pair[0] - pair[1]).reduce(f32::min) else { return };
        if !show.grid || parts < 2 || apart / (parts as f32) < MINOR_APART || self.left.log {
            return;
        }
        let part = apart / parts as f32;
        let lines = (1..).map(|i| heights[0] - i as f32 * part).take_while(|y| *y > self.plot.top);
        let below = (1..).map(|i| heights[0] + i as f32 * part).take_while(|y| *y < self.plot.bottom);
        let on_tick = |y: f32| heights.iter().any(|tick| (tick - y).abs() < 0.75);
        self.minor_grid = lines.chain(below).filter(|y| !on_tick(*y)).collect();
    }

    fn value_labels(&mut self, scene: &Scene<'_>) {
        let muted = scene.palette.muted;
        // Its labels in the colour of the series where there is but one.
        let mut rights = scene.traces.iter().filter(|trace| trace.right);
        let right_ink = match (rights.next(), rights.next()) {
            (Some(only), None) => legible(only.color, scene),
            _ => muted,
        };
        let left = match self.right.is_none() && scene.picture.y_axis_on_right {
            true => (&self.left, self.plot.right + 8.0, Anchor::Start, muted),
            false => (&self.left, self.plot.left - 8.0, Anchor::End, muted),
        };
        let right = self.right.as_ref().map(|axis| (axis, self.plot.right + 8.0, Anchor::Start, right_ink));
        let mut placed: Vec<Placed> = Vec::new();
        for (axis, x, anchor, ink) in [left].into_iter().chain(right) {
            let room = scene.picture.width as f32 * 0.35;
            for (tick, label) in axis.ticks.iter().zip(&axis.labels) {
                let at = Point { x, y: (self.y(axis, *tick) + TICK.0 * 0.36).round() };
                let label = text::fit(label, TICK.0, TICK.1, room).into_owned();
                let text = Placed::new(label, at, anchor, TICK, ink, Part::Axes);
                let free = placed.iter().chain(&self.texts).all(|other| !other.rect.overlaps(&text.rect));
                if free && self.frame(scene).contains(&text.rect) {
                    placed.push(text);
                }
            }
        }
        self.texts.append(&mut placed);
    }

    fn frame(&self, scene: &Scene<'_>) -> Rect {
        Rect::new(0.0, 0.0, scene.picture.width as f32, scene.picture.height as f32)
    }

    /// The horizontal place of a moment.
    fn x(&self, scene: &Scene<'_>, at: i64) -> f32 {
        self.plot.left + ((at - scene.from) as f64 / scene.span() * f64::from(self.plot.width())) as f32
    }

    fn time_labels(&mut self, scene: &Scene<'_>, show: Show) {
        let measure = |label: &str| text::width(label, TICK.0, TICK.1);
        let format = scene.picture.time_format.as_deref();
        let axis = time::axis((scene.from, scene.until), &scene.picture.zone, format, self.plot.width(), measure);
        if show.grid {
            // The plot's own edges need no line.
            let inside = |x: &f32| *x > self.plot.left + 1.0;
            self.changes = axis.changes.iter().map(|&at| self.x(scene, at)).filter(inside).collect();
        }
        if !show.x_axis {
            return;
        }
        self.ticks = axis.ticks.iter().map(|tick| self.x(scene, tick.at)).collect();
        let row = self.plot.bottom.ceil() + 18.0;
        let times = self.row(scene, &axis, row, (TICK, 2.0), |tick| Some(tick.label.as_str()));
        self.texts.extend(times);
        if show.dates {
            let dates = self.row(scene, &axis, row + 13.0, (DATE, show.margin), |tick| tick.below.as_deref());
            self.texts.extend(dates);
        }
    }

    /// One level of the time axis, each label below its tick, moved inwards at the ends of the picture.
    fn row<'t>(
        &self,
        scene: &Scene<'_>,
        axis: &'t TimeAxis,
        baseline: f32,
        (face, margin): (Face, f32),
        label: impl Fn(&'t time::TimeTick) -> Option<&'t str>,
    ) -> Vec<Placed> {
        let (width, ink) = (scene.picture.width as f32, scene.palette.muted);
        let mut row: Vec<Placed> = Vec::new();
        for tick in &axis.ticks {
            let Some(label) = label(tick) else { continue };
            let half = text::width(label, face.0, face.1) / 2.0;
            let x = self.x(scene, tick.at).clamp(half + margin, (width - half - margin).max(half + margin));
            let text = Placed::new(label.to_owned(), Point { x, y: baseline }, Anchor::Middle, face, ink, Part::Axes);
            let crowds = |last: &Placed| text.rect.left < last.rect.right + 6.0;
            match row.last() {
                // A day of which only the end is shown gives way to the first whole one.
                Some(last) if crowds(last) && row.len() == 1 && face == DATE => {
                    row.pop();
                    row.push(text);
                }
                Some(last) if crowds(last) => {}
                _ => row.push(text),
            }
        }
        row.retain(|text| self.frame(scene).contains(&text.rect));
        row
    }

    /// Names of limits at their right end; what is missing where nothing is drawn.
    fn notes(&mut self, scene: &Scene<'_>) {
        if scene.picture.graph_only {
            return;
        }
        if scene.traces.iter().all(|trace| trace.summary.is_none()) {
            self.no_data(scene);
            return;
        }
        for trace in scene.traces.iter().filter(|trace| trace.role == Role::Threshold) {
            let axis = if trace.right { self.right.as_ref().unwrap_or(&self.left) } else { &self.left };
            let Some(summary) = trace.summary else { continue };
            let y = self.y(axis, summary.last);
            let face = (11.0, Weight::Bold);
            let name = text::clean(trace.name);
            let name = text::fit(&name, face.0, face.1, self.plot.width() * 0.6).into_owned();
            let x = self.plot.right - 6.0;
            let places = [y - 6.0, y + 14.0].map(|y| Point { x, y: y.round() });
            let texts = places.map(|at| Placed::new(name.clone(), at, Anchor::End, face, trace.color, Part::Plot));
            let free = |text: &Placed| {
                self.plot.contains(&text.rect) && self.texts.iter().all(|other| !other.rect.overlaps(&text.rect))
            };
            let chosen = texts.into_iter().find(free);
            self.texts.extend(chosen);
        }
    }

    fn no_data(&mut self, scene: &Scene<'_>) {
        let (plot, muted) = (self.plot, scene.palette.muted);
        let x = (plot.left + plot.right) / 2.0;
        let middle = ((plot.top + plot.bottom) / 2.0).round();
        let room = plot.width() - 16.0;
        let silent = scene.traces.iter().map(|trace| trace.name);
        let mut missing: Vec<&str> = scene.picture.unanswered.iter().map(String::as_str).chain(silent).collect();
        missing.dedup();
        let lines_max = (((plot.height() / 2.0 - 30.0) / 16.0).max(0.0) as usize).min(6);
        let mut lines = Vec::new();
        if lines_max > 0 && !missing.is_empty() {
            let shown = if missing.len() > lines_max { lines_max - 1 } else { missing.len() };
            let name =
                |name: &&str| format!("{} gave no values", text::fit(name, SUBTITLE.0, SUBTITLE.1, room - 110.0));
            lines.extend(missing[..shown].iter().map(name));
            if missing.len() > shown {
                lines.push(format!("and {} more", missing.len() - shown));
            }
        }
        let head = middle - 8.0 * lines.len() as f32;
        let mut put = |text: &str, y: f32, face: Face, ink| {
            let text = text::clean(text);
            let text = text::fit(&text, face.0, face.1, room).into_owned();
            let placed = Placed::new(text, Point { x, y }, Anchor::Middle, face, ink, Part::Plot);
            if plot.contains(&placed.rect) && !placed.text.is_empty() {
                self.texts.push(placed);
            }
        };
        put("No data", head, (14.0, Weight::Bold), scene.palette.text);
        for (i, line) in lines.iter().enumerate() {
            put(line, head + 20.0 + 16.0 * i as f32, SUBTITLE, muted);
        }
    }
}

/// A series' colour as text: towards the ink until it can be read.
fn legible(color: Color, scene: &Scene<'_>) -> Color {
    let shades = (0..=10).map(|tenth| color.toward(scene.palette.text, tenth as f32 / 10.0));
    shades.into_iter().find(|shade| shade.contrast(scene.palette.ground) >= 4.5).unwrap_or(scene.palette.text)
}

fn axes(scene: &Scene<'_>, plot_height: f32) -> (ValueAxis, Option<ValueAxis>) {
    let picture = scene.picture;
    let ticks_max = ((plot_height / 27.0) as usize).min(picture.y_divisions.unwrap_or(usize::MAX)) + 1;
    let ticks_max = ticks_max.clamp(2, 7);
    let wish = |right: bool, (min, max, step): (Option<f64>, Option<f64>, Option<f64>), limit: Option<f64>| {
        let (data, whole) = scene.reach(right);
        let highest = max.or(data.map(|(_, high)| high));
        let max = limit.filter(|limit| highest.is_some_and(|highest| highest > *limit)).or(max);
        let stands_on_zero = scene.has_areas(right) || picture.unit == Unit::PerSecond;
        let zero = if stands_on_zero { Zero::Always } else { Zero::Auto };
        Wish { data, zero, min, max, step, log_base: picture.log_base, unit: &picture.unit, ticks_max, whole }
    };
    let left_wish = wish(false, (picture.y_min, picture.y_max, picture.y_step), picture.y_limit);
    let mut left = value::axis(&left_wish);
    if (left_wish.data, left_wish.min, left_wish.max) == (None, None, None) {
        // Nothing to measure, so no measure that looks like a finding.
        left.ticks.clear();
        left.labels.clear();
    }
    let has_right = scene.traces.iter().any(|trace| trace.right);
    let asked = (picture.y_min_right, picture.y_max_right, picture.y_step_right);
    let right = has_right.then(|| value::aligned(&wish(true, asked, picture.y_limit_right), &left));
    (left, right)
}

/// The plot between the labels of its value axes; `within` has its final top and height.
fn across(show: Show, (left, right): (Option<&ValueAxis>, Option<&ValueAxis>), within: Rect) -> Rect {
    let widest = |axis: &ValueAxis| {
        let widths = axis.labels.iter().map(|label| text::width(label, TICK.0, TICK.1));
        widths.fold(0.0_f32, f32::max).min(within.width() * 0.35)
    };
    let labels = |axis: Option<&ValueAxis>| match axis {
        Some(axis) if show.y_axis => (widest(axis) + 8.0).ceil(),
        _ => 0.0,
    };
    let left_edge = show.margin + labels(left);
    let right_edge = within.right - show.margin - labels(right);
    let right_edge = right_edge.max(left_edge + 1.0);
    Rect { left: left_edge.round(), right: right_edge.round(), ..within }
}

#[cfg(test)]
#[path = "layout_tests.rs"]
mod tests;
