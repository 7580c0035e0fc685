//! A line without axes, the size of a word: for tables and overviews. SVG only, since it stands inside a page.

use super::super::bridge::{self, Along};
use super::super::canvas::{Canvas, Group, Rect};
use super::super::color::Color;
use super::super::down::{self, Bridge, Columns, Points};
use super::super::palette::Theme;
use super::super::summary;
use super::super::svg::{Root, Svg};
use super::line;
use plotters::element::Circle;
use plotters::series::AreaSeries;
use query::Series;
use tsdb::Window;

/// How a sparkline looks.
#[derive(Clone, Debug)]
pub struct Spark {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Light or dark.
    pub theme: Theme,
    /// Its colour; by default the theme's first.
    pub color: Option<Color>,
    /// Left and right edge; the series' own where they are equal.
    pub window: Window,
}

/// Draws a series on its own scale, with a light area below and a dot at the newest value. A series without values
/// gives an empty picture of the same size.
pub fn spark(series: &Series, look: &Spark) -> String {
    let (width, height) = (look.width.clamp(8, 2000), look.height.clamp(8, 500));
    let palette = look.theme.palette();
    let color = look.color.unwrap_or(palette.lines[0]);
    let mut svg = Svg::bare(width, height);
    let (mut from, mut until) = (look.window.from.0, look.window.until.0);
    if from >= until {
        (from, until) = (series.start.0, series.end.0.max(series.start.0.saturating_add(1)));
    }
    let span = until.saturating_sub(from) as f64;
    let summary = summary::of(&series.values);
    if let Some(summary) = summary {
        let plot = Rect::new(3.0, 3.0, width as f32 - 6.0, height as f32 - 6.0);
        let columns = Columns { from: 0.0, secs: span / f64::from(plot.width()), count: plot.width() as usize };
        let start = series.start.0.saturating_sub(from) as f64;
        let points = Points { values: &series.values, start, step: f64::from(series.step.secs()) };
        let runs = if down::is_dense(&points, &columns) {
            down::extremes(&points, &columns, Bridge::Never)
        } else {
            down::every(&points, Bridge::Never)
        };
        // A constant line runs through the middle.
        let room = if summary.max > summary.min { 0.0 } else { summary.max.abs().max(1.0) };
        let value = Along { from: summary.min - room, to: summary.max + room, log: false };
        svg.open(Group::Series { index: 0, name: &series.name });
        {
            let (_sink, area) = bridge::open(&mut svg);
            let plane = bridge::plane(&area, plot, Along { from: 0.0, to: span, log: false }, value);
            for run in runs.iter() {
                for element in AreaSeries::new(run.iter().copied(), value.from, line::style(color.fade(0.1), 0.0)) {
                    let drawn = plane.draw(&element);
                    debug_assert!(drawn.is_ok(), "the sink never fails");
                }
                line::stroke(&plane, run, color, if points.step < columns.secs { 1.0 } else { 1.3 });
            }
            if let Some(&newest) = runs.iter().last().and_then(<[_]>::last) {
                let drawn = plane.draw(&Circle::new(newest, bridge::units(2.5), line::style(color, 1.0)));
                debug_assert!(drawn.is_ok(), "the sink never fails");
            }
        }
        svg.close();
    }
    let description = summary.map_or("no data".to_owned(), |s| {
        let unit = super::super::Unit::Si;
        let label = |v| super::super::value_label(v, &unit);
        format!("last {}, from {} to {}", label(s.last), label(s.min), label(s.max))
    });
    svg.finish(&Root { attributes: String::new(), title: series.name.clone(), description })
}
