//! Series become a picture: choose axes, lay out every label, then draw once, to pixels or to SVG. The same series and
//! picture give the same bytes on every machine; nothing here reads a clock, a file or a font of the system.
//!
//! `canvas` is what is drawn on, `pixels`, `svg` and `pdf` are its sinks; `bridge` lends them to plotters. `scene` decides
//! what is shown, `layout` where, `chart` draws it.

mod bridge;
mod canvas;
mod chart;
mod color;
mod dash;
mod down;
mod fill;
mod head;
mod layout;
pub mod palette;
mod pdf;
pub mod pie;
mod pixels;
mod png;
mod scale;
mod scene;
mod signal;
mod stroke;
mod summary;
mod svg;
mod text;

pub use chart::spark::{Spark, spark};
pub use color::Color;
pub use palette::Theme;
pub use scale::label::{Unit, value as value_label};
pub(crate) use scale::time::is_format as is_time_format;
pub use scene::{LegendRow, legend};
pub use signal::signal_unit;
pub use summary::{Summary, of as summary};
pub use svg::escape;

use ::query::Series;
use jiff::tz::TimeZone;
use tsdb::{Timestamp, Window};

/// The longest side of a picture in device pixels.
pub const SIDE_MAX: u32 = 4096;

/// The most series a picture draws.
pub const SERIES_MAX: usize = 500;

/// How points of a line are joined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineMode {
    /// Straight from point to point, broken where values are absent.
    #[default]
    Slope,
    /// Each value held until the next.
    Staircase,
    /// Straight, also over absent values.
    Connected,
}

/// Which lines have their area filled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AreaMode {
    /// None.
    #[default]
    None,
    /// The first series.
    First,
    /// Every series, from its line to zero.
    All,
    /// The series stand on top of each other.
    Stacked,
}

/// What happens where there are more points than columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// Every extreme is kept (M4). Series with a consolidation of their own (`consolidateBy`) follow it.
    #[default]
    Extremes,
    /// As graphite-web draws: groups of points, by default averaged.
    Graphite,
}

/// The lines of one of two value axes; a series' own style goes before.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Side {
    /// Of all of them.
    pub color: Option<Color>,
    /// In logical pixels.
    pub width: Option<f32>,
    /// Whether they are dashed.
    pub dashed: bool,
}

/// A picture to be made; [`Default`] is a light 800 by 400 line graph.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Width of the whole picture in logical pixels.
    pub width: u32,
    /// Height of the whole picture in logical pixels.
    pub height: u32,
    /// Device pixels in a logical one: 2 for `@2x`.
    pub scale: f32,
    /// Light or dark.
    pub theme: Theme,
    /// Bold, above everything.
    pub title: Option<String>,
    /// The query or what the numbers are, below the title.
    pub subtitle: Option<String>,
    /// What the values are, above the axis (`vtitle`).
    pub vertical_title: Option<String>,
    /// The same for the right axis (`vtitleRight`).
    pub vertical_title_right: Option<String>,
    /// Whose civil time the axis shows.
    pub zone: TimeZone,
    /// The plot's left and right edge.
    pub window: Window,
    /// Free room around everything in logical pixels; by default what suits the size.
    pub margin: Option<f32>,
    /// How moments are written below the time axis (strftime); by default what suits the window.
    pub time_format: Option<String>,
    /// The lower end of the value axis.
    pub y_min: Option<f64>,
    /// The upper end of the value axis.
    pub y_max: Option<f64>,
    /// The lower end of the right value axis.
    pub y_min_right: Option<f64>,
    /// The upper end of the right value axis.
    pub y_max_right: Option<f64>,
    /// The value axis ends here at most, whatever the data is.
    pub y_limit: Option<f64>,
    /// The same of the right axis.
    pub y_limit_right: Option<f64>,
    /// Distance of the value axis' ticks.
    pub y_step: Option<f64>,
    /// The same of the right axis.
    pub y_step_right: Option<f64>,
    /// The most parts that ticks cut the value axis into; by default what there is room for.
    pub y_divisions: Option<usize>,
    /// The only value axis has its labels on the right.
    pub y_axis_on_right: bool,
    /// Above 1: both value axes are logarithmic (`logBase`). What is not above zero is not drawn.
    pub log_base: Option<f64>,
    /// How the lines of the left axis look where there is a right one.
    pub left: Side,
    /// How those of the right axis look.
    pub right: Side,
    /// What the values are.
    pub unit: Unit,
    /// No legend. (`hideLegend=false` is the default: a legend that grows too long cuts itself.)
    pub hide_legend: bool,
    /// No axes, neither lines nor labels.
    pub hide_axes: bool,
    /// No time axis.
    pub hide_x_axis: bool,
    /// No value axis.
    pub hide_y_axis: bool,
    /// No grid lines.
    pub hide_grid: bool,
    /// The plot alone, from edge to edge.
    pub graph_only: bool,
    /// Same-named series have one row in the legend (`uniqueLegend`).
    pub unique_legend: bool,
    /// Series without a value have no row in the legend (`hideNullFromLegend`).
    pub hide_null_from_legend: bool,
    /// Width of lines in logical pixels; by default 1.5, and 1 where points are dense.
    pub line_width: Option<f32>,
    /// How points are joined.
    pub line_mode: LineMode,
    /// The most absent values that [`LineMode::Connected`] bridges.
    pub connected_limit: Option<usize>,
    /// Which areas are filled.
    pub area_mode: AreaMode,
    /// Opacity of filled areas.
    pub area_alpha: Option<f32>,
    /// Absent values are zero.
    pub draw_null_as_zero: bool,
    /// What happens where there are more points than columns.
    pub reduction: Reduction,
    /// Colours in order of the series, in place of the palette.
    pub color_list: Vec<Color>,
    /// Ground.
    pub bgcolor: Option<Color>,
    /// Text and axes.
    pub fgcolor: Option<Color>,
    /// Grid lines.
    pub grid_color: Option<Color>,
    /// Fainter lines between two ticks of the value axis, where there is room for so many.
    pub minor_lines: usize,
    /// Their colour.
    pub minor_grid_color: Option<Color>,
    /// Targets that gave no series; named where there is nothing to draw.
    pub unanswered: Vec<String>,
    /// The newest point of each line has a dot: the picture goes on.
    pub live: bool,
}

impl Default for Picture {
    fn default() -> Picture {
        Picture {
            width: 800,
            height: 400,
            scale: 1.0,
            theme: Theme::Light,
            title: None,
            subtitle: None,
            vertical_title: None,
            vertical_title_right: None,
            zone: TimeZone::UTC,
            window: Window { from: Timestamp(0), until: Timestamp(0) },
            margin: None,
            time_format: None,
            y_min: None,
            y_max: None,
            y_min_right: None,
            y_max_right: None,
            y_limit: None,
            y_limit_right: None,
            y_step: None,
            y_step_right: None,
            y_divisions: None,
            y_axis_on_right: false,
            log_base: None,
            left: Side::default(),
            right: Side::default(),
            unit: Unit::Si,
            hide_legend: false,
            hide_axes: false,
            hide_x_axis: false,
            hide_y_axis: false,
            hide_grid: false,
            graph_only: false,
            unique_legend: false,
            hide_null_from_legend: false,
            line_width: None,
            line_mode: LineMode::Slope,
            connected_limit: None,
            area_mode: AreaMode::None,
            area_alpha: None,
            draw_null_as_zero: false,
            reduction: Reduction::Extremes,
            color_list: Vec::new(),
            bgcolor: None,
            fgcolor: None,
            grid_color: None,
            minor_lines: 0,
            minor_grid_color: None,
            unanswered: Vec::new(),
            live: false,
        }
    }
}

impl Picture {
    /// Columns of device pixels.
    pub fn columns(&self) -> u32 {
        (self.width as f32 * self.scale) as u32
    }
}

/// Why there is no picture. All but [`Error::Encode`] are the request's fault.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A side is zero or too long.
    #[error("a picture of {width} x {height} pixels cannot be drawn; each side is 1 to {SIDE_MAX}")]
    Size {
        /// Width in device pixels.
        width: u64,
        /// Height in device pixels.
        height: u64,
    },
    /// The scale is not a number from 0.5 to 8.
    #[error("a scale of {0} cannot be drawn; it is a number from 0.5 to 8")]
    Scale(f32),
    /// More series than can be told apart or drawn in time.
    #[error("{0} series are too many for one picture; it draws up to {SERIES_MAX}")]
    Series(usize),
    /// The encoder failed; with pixels in memory it does not.
    #[error("encode the picture as PNG")]
    Encode(#[source] ::png::EncodingError),
}

impl Error {
    /// Whether another request would succeed.
    pub fn is_client_error(&self) -> bool {
        !matches!(self, Error::Encode(_))
    }
}

/// Draws the series as a PNG of `width * scale` by `height * scale` pixels.
pub fn png(series: &[Series], picture: &Picture) -> Result<Vec<u8>, Error> {
    let (width, height) = check(series, picture)?;
    let picture = &*signal::in_its_unit(series, picture);
    let scene = scene::Scene::new(series, picture);
    let mut pixels = pixels::Pixels::new(width, height, picture.scale, scene.palette.ground);
    let layout = layout::Layout::new(&scene);
    chart::draw(&mut pixels, &scene, &layout);
    png::encode(pixels.data(), width, height)
}

/// Draws the series as an SVG document that stands alone.
pub fn svg(series: &[Series], picture: &Picture) -> Result<String, Error> {
    check(series, picture)?;
    let picture = &*signal::in_its_unit(series, picture);
    let scene = scene::Scene::new(series, picture);
    let layout = layout::Layout::new(&scene);
    let ground = scene.palette.ground;
    let mut svg = svg::Svg::new(picture.width, picture.height, picture.scale, scene.id(), ground);
    chart::draw(&mut svg, &scene, &layout);
    Ok(svg.finish(&chart::root::of(&scene, &layout)))
}

/// Draws the series as a PDF of one page, a point for each pixel.
///
/// # Errors
/// As [`png`].
pub fn pdf(series: &[Series], picture: &Picture) -> Result<Vec<u8>, Error> {
    check(series, picture)?;
    let picture = &*signal::in_its_unit(series, picture);
    let scene = scene::Scene::new(series, picture);
    let layout = layout::Layout::new(&scene);
    let mut page = pdf::Page::new(picture.width, picture.height, picture.scale, scene.palette.ground);
    chart::draw(&mut page, &scene, &layout);
    Ok(page.finish(picture.title.as_deref().unwrap_or("Graph")))
}

/// Refuses what cannot be drawn within bounds of time and memory; gives the size in device pixels.
fn check(series: &[Series], picture: &Picture) -> Result<(u32, u32), Error> {
    if series.len() > SERIES_MAX {
        return Err(Error::Series(series.len()));
    }
    device_size(picture)
}

/// Both sides in device pixels.
fn device_size(picture: &Picture) -> Result<(u32, u32), Error> {
    if !(0.5..=8.0).contains(&picture.scale) {
        return Err(Error::Scale(picture.scale));
    }
    let device = |side: u32| (f64::from(side) * f64::from(picture.scale)).round() as u64;
    let (width, height) = (device(picture.width), device(picture.height));
    match (u32::try_from(width), u32::try_from(height)) {
        (Ok(w @ 1..=SIDE_MAX), Ok(h @ 1..=SIDE_MAX)) => Ok((w, h)),
        _ => Err(Error::Size { width, height }),
    }
}
