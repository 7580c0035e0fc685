//! What a picture shows, before anything has a place: which values of each series are in the window, what they amount
//! to, in which colour and style they are drawn, and what the axes have to reach.

use super::canvas::Dash;
use super::chart::stack::{self, Layer};
use super::color::Color;
use super::down::{self, Columns, Points};
use super::palette::{self, Palette, Theme};
use super::scale::label::value as value_label;
use super::summary::{self, Summary};
use super::{AreaMode, Picture, Reduction, Side};
use query::{Consolidation, Series};
use std::borrow::Cow;

/// Everything that is drawn, in the order of the series.
pub(super) struct Scene<'a> {
    pub picture: &'a Picture,
    pub palette: Palette,
    /// The plot's left edge, seconds since the epoch.
    pub from: i64,
    /// The plot's right edge; later than `from`.
    pub until: i64,
    pub traces: Vec<Trace<'a>>,
    /// Areas that stand on each other, from the lowest up.
    pub layers: Vec<Layer>,
    /// Centres of the layers' columns, in seconds since `from`.
    pub layer_times: Vec<f64>,
}

/// One series as it is drawn.
pub(super) struct Trace<'a> {
    /// Place in the answer.
    pub index: usize,
    pub name: &'a str,
    /// The values around the window; reduced already where a consolidation was asked for.
    pub values: Cow<'a, [f64]>,
    /// Time of the first of `values`, seconds since the scene's `from`.
    pub start: f64,
    /// Seconds between two of `values`.
    pub step: f64,
    /// Seconds between two of the series' own values.
    pub source_step: f64,
    /// How `values` were made of them, if they were.
    pub consolidated: Option<Consolidation>,
    /// Of the series' own values within the window.
    pub summary: Option<Summary>,
    /// Smallest and largest of what is drawn.
    pub range: Option<(f64, f64)>,
    pub color: Color,
    /// `None` is solid.
    pub dash: Option<Dash>,
    pub width: Option<f32>,
    pub role: Role,
    /// Belongs to the right axis.
    pub right: bool,
    /// Not drawn and not named; what is stacked on it begins where it ends.
    pub invisible: bool,
}

/// How a series appears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A line.
    Line,
    /// A line with its area filled down to zero.
    Area,
    /// Part of the stack.
    Layer,
    /// A limit that others are held against: dashed, named at its right end.
    Threshold,
    /// A line from bottom to top at each time with a value above zero.
    Upright,
}

impl<'a> Scene<'a> {
    pub(super) fn new(series: &'a [Series], picture: &'a Picture) -> Scene<'a> {
        let (from, until) = edges(series, picture);
        let palette = colors(picture);
        let mut traces: Vec<Trace<'a>> =
            series.iter().enumerate().map(|(index, series)| trace(index, series, picture, from, until)).collect();
        assign_roles(&mut traces, series, picture);
        assign_looks(&mut traces, series, picture, &palette);
        let columns = columns(from, until, picture.width as usize);
        let (layer_times, layers) = stack::layers(&traces, series, picture, &columns);
        Scene { picture, palette, from, until, traces, layers, layer_times }
    }

    /// Seconds from edge to edge.
    pub(super) fn span(&self) -> f64 {
        (self.until - self.from) as f64
    }

    /// What one of the two value axes must reach, and whether it is all whole numbers.
    pub(super) fn reach(&self, right: bool) -> (Option<(f64, f64)>, bool) {
        let of_traces = self.traces.iter().filter(|trace| trace.right == right && trace.role != Role::Layer);
        let of_layers = self.layers.iter().filter(|_| !right).filter_map(|layer| layer.range);
        let widen = |all: Option<(f64, f64)>, one: (f64, f64)| match all {
            Some((low, high)) => Some((low.min(one.0), high.max(one.1))),
            None => Some(one),
        };
        let range = of_traces.filter_map(|trace| trace.range).chain(of_layers).fold(None, widen);
        let mut mine = self.traces.iter().filter(|trace| trace.right == right).filter_map(|trace| trace.summary);
        (range, mine.all(|summary| summary.whole))
    }

    /// Areas stand on zero, so an axis with areas has it.
    pub(super) fn has_areas(&self, right: bool) -> bool {
        // What stands on a series that is not drawn does not stand on zero.
        let floats = self.traces.iter().any(|trace| trace.invisible);
        let stands = |trace: &Trace<'_>| trace.role == Role::Area || trace.role == Role::Layer && !floats;
        self.traces.iter().any(|trace| trace.right == right && stands(trace))
    }

    /// Prefix of a picture's ids within one page; pictures of other content have others.
    pub(super) fn id(&self) -> String {
        let picture = self.picture;
        let mut text = format!("{:?} {:?} {:?}", picture.title, picture.subtitle, (picture.width, picture.height));
        let seen = |trace: &Trace<'_>| format!("{} {:?} {}", trace.name, trace.range, trace.color);
        self.traces.iter().for_each(|trace| text.push_str(&seen(trace)));
        format!("k{:x}", palette::hash(format!("{text}{} {}", self.from, self.until).as_bytes()))
    }
}

/// A row of a legend, for pages that make their own table.
#[derive(Clone, Debug)]
pub struct LegendRow {
    /// Place in the answer.
    pub index: usize,
    /// The series' name as it is, not escaped.
    pub name: String,
    /// Its colour in the picture.
    pub color: Color,
    /// Whether its line is dashed.
    pub dashed: bool,
    /// Its numbers, `None` if it has no value in the window.
    pub summary: Option<Summary>,
    /// Last, min, avg and max with the picture's unit.
    pub labels: [String; 4],
}

/// The legend of a picture: one row for each series, in their order, in the colours of [`super::svg`] and [`super::png`].
pub fn legend(series: &[Series], picture: &Picture) -> Vec<LegendRow> {
    let picture = &*super::signal::in_its_unit(series, picture);
    let (from, until) = edges(series, picture);
    let mut traces: Vec<Trace<'_>> =
        series.iter().enumerate().map(|(index, series)| trace(index, series, picture, from, until)).collect();
    assign_roles(&mut traces, series, picture);
    assign_looks(&mut traces, series, picture, &colors(picture));
    let row = |trace: Trace<'_>| LegendRow {
        index: trace.index,
        name: trace.name.to_owned(),
        color: trace.color,
        dashed: trace.dash.is_some(),
        summary: trace.summary,
        labels: labels(&trace, picture),
    };
    traces.into_iter().map(row).collect()
}

/// Last, min, avg and max as the legend writes them.
pub(super) fn labels(trace: &Trace<'_>, picture: &Picture) -> [String; 4] {
    match trace.summary {
        Some(s) => [s.last, s.min, s.avg, s.max].map(|v| value_label(v, &picture.unit)),
        None => [(); 4].map(|()| "–".to_owned()),
    }
}

/// The plot's edges: those asked for, else those of the data, else a minute.
fn edges(series: &[Series], picture: &Picture) -> (i64, i64) {
    // Within what a calendar of four digits knows, so that no difference overflows.
    let clamp = |secs: i64| secs.clamp(-400_000_000_000, 400_000_000_000);
    let (from, until) = (clamp(picture.window.from.0), clamp(picture.window.until.0));
    if from < until {
        return (from, until);
    }
    let first = series.iter().map(|s| clamp(s.start.0)).min().unwrap_or(from);
    let last = series.iter().map(|s| clamp(s.end.0)).max().unwrap_or(until);
    if first < last { (first, last) } else { (from, from + 60) }
}

/// Columns over a plot of so many pixels.
pub(super) fn columns(from: i64, until: i64, count: usize) -> Columns {
    let count = count.max(1);
    Columns { from: 0.0, secs: (until - from) as f64 / count as f64, count }
}

fn trace<'a>(index: usize, series: &'a Series, picture: &Picture, from: i64, until: i64) -> Trace<'a> {
    let step = i64::from(series.step.secs());
    let start = series.start.0.saturating_sub(from);
    let len = series.values.len() as i64;
    let span = until - from;
    // One value more at either side, so that lines run to the edge of the plot.
    let first_inside = (-start).div_euclid(step) + i64::from((-start).rem_euclid(step) != 0);
    let end_inside = (span.saturating_sub(start)).div_euclid(step).saturating_add(1);
    let inside = first_inside.clamp(0, len) as usize..end_inside.clamp(first_inside.clamp(0, len), len) as usize;
    let shown = inside.start.saturating_sub(1)..(inside.end + 1).min(series.values.len());
    let zeroed = |values: &'a [f64]| -> Cow<'a, [f64]> {
        if picture.draw_null_as_zero && values.iter().any(|v| v.is_nan()) {
            Cow::Owned(values.iter().map(|v| if v.is_nan() { 0.0 } else { *v }).collect())
        } else {
            Cow::Borrowed(values)
        }
    };
    let summary = summary::of(&zeroed(&series.values[inside.clone()]));
    let mut trace = Trace {
        index,
        name: &series.name,
        start: (start + step * shown.start as i64) as f64,
        values: zeroed(&series.values[shown]),
        step: step as f64,
        source_step: step as f64,
        consolidated: None,
        summary,
        range: summary.map(|s| (s.min, s.max)),
        color: Color::rgb(0),
        dash: None,
        width: series.style.line_width.map(|w| w as f32).filter(|w| w.is_finite()).map(|w| w.clamp(0.0, 100.0)),
        role: Role::Line,
        right: series.style.second_y_axis,
        invisible: series.style.invisible,
    };
    if picture.log_base.is_some() {
        // What is not above zero has no place.
        let drawn = |value: &f64| if *value > 0.0 { *value } else { f64::NAN };
        let inside: Vec<f64> = series.values[inside].iter().map(drawn).collect();
        trace.range = summary::of(&inside).map(|s| (s.min, s.max));
        trace.values = trace.values.iter().map(drawn).collect();
    }
    consolidate(&mut trace, series, picture, from, until);
    trace
}

/// Reduces the values where a consolidation was asked for; otherwise every extreme stays until the line is drawn.
fn consolidate(trace: &mut Trace<'_>, series: &Series, picture: &Picture, from: i64, until: i64) {
    let asked = picture.reduction == Reduction::Graphite || series.consolidation != Consolidation::Average;
    let columns = columns(from, until, picture.width as usize);
    if !asked || trace.values.len() <= columns.count {
        return;
    }
    let points = Points { values: &trace.values, start: trace.start, step: trace.step };
    let (values, step) = down::consolidated(&points, &columns, series.consolidation, series.x_files_factor);
    trace.range = summary::of(&values).map(|s| (s.min, s.max));
    trace.values = Cow::Owned(values);
    trace.step = step;
    trace.consolidated = Some(series.consolidation);
}

fn assign_roles(traces: &mut [Trace<'_>], series: &[Series], picture: &Picture) {
    let any_long = traces.iter().any(|trace| series[trace.index].values.len() > 3);
    for (i, trace) in traces.iter_mut().enumerate() {
        let series = &series[trace.index];
        let stacked = picture.area_mode == AreaMode::Stacked && !trace.right;
        trace.role = if series.style.draw_as_infinite {
            // It reaches over whatever the others need.
            trace.range = None;
            Role::Upright
        } else if any_long && is_constant(series) {
            Role::Threshold
        } else if stacked || series.style.stacked {
            Role::Layer
        } else if picture.area_mode == AreaMode::All || (picture.area_mode == AreaMode::First && i == 0) {
            Role::Area
        } else {
            Role::Line
        };
    }
}

/// What `constantLine` and `threshold` give: two or three equal values over the whole window, beside longer series.
fn is_constant(series: &Series) -> bool {
    matches!(series.values.as_slice(), [a, rest @ ..] if !rest.is_empty() && rest.len() < 3
        && a.is_finite() && rest.iter().all(|b| a == b))
}

/// Dashes of the rounds after the first eight colours; the fifth begins again.
const ROUNDS: [Option<Dash>; 4] =
    [None, Some(Dash { on: 6.0, off: 4.0 }), Some(Dash { on: 1.5, off: 4.0 }), Some(Dash { on: 12.0, off: 5.0 })];

fn assign_looks(traces: &mut [Trace<'_>], series: &[Series], picture: &Picture, palette: &Palette) {
    let names: Vec<&str> = traces.iter().map(|trace| trace.name).collect();
    let looks = palette::looks(&names);
    let two_sides = traces.iter().any(|trace| trace.right);
    for (trace, look) in traces.iter_mut().zip(looks) {
        let style = &series[trace.index].style;
        let side = if trace.right { picture.right } else { picture.left };
        let side = if two_sides { side } else { Side::default() };
        let asked = style.color.as_deref().and_then(Color::parse).or(side.color);
        let listed =
            (!picture.color_list.is_empty()).then(|| picture.color_list[trace.index % picture.color_list.len()]);
        let threshold = trace.role == Role::Threshold;
        let base = match (asked.or(listed.filter(|_| !threshold)), threshold) {
            (Some(color), _) => color,
            (None, true) => palette.alarm,
            (None, false) => {
                trace.dash = ROUNDS[look.round % ROUNDS.len()];
                palette.lines[look.hue]
            }
        };
        trace.color = base.fade(style.alpha.filter(|a| a.is_finite()).unwrap_or(1.0) as f32);
        if threshold {
            trace.dash = ROUNDS[1];
        }
        let side_dash = side.dashed.then_some(5.0);
        if let Some(length) = style.dashed.filter(|length| length.is_finite()).or(side_dash) {
            let length = (length as f32).clamp(0.5, 100.0);
            trace.dash = Some(Dash { on: length, off: length });
        }
        trace.width =
            trace.width.or(side.width).or(picture.line_width.filter(|w| w.is_finite()).map(|w| w.clamp(0.0, 100.0)));
    }
}

/// The theme's colours, or ones that go with the ground and ink that were asked for.
pub(super) fn colors(picture: &Picture) -> Palette {
    let mut palette = *picture.theme.palette();
    if let Some(ground) = picture.bgcolor {
        palette = *(if ground.luminance() < 0.18 { Theme::Dark } else { Theme::Light }).palette();
        palette.ground = Color { a: 255, ..ground };
        palette.grid = palette.ground.toward(palette.text, 0.12);
        palette.axis = palette.ground.toward(palette.text, 0.5);
        palette.muted = palette.ground.toward(palette.text, 0.75);
    }
    if let Some(ink) = picture.fgcolor {
        palette.text = ink;
        palette.muted = palette.ground.toward(ink, 0.8);
        palette.axis = palette.ground.toward(ink, 0.55);
        palette.grid = palette.ground.toward(ink, 0.12);
    }
    palette.grid = picture.grid_color.unwrap_or(palette.grid);
    palette
}
