//! A query's answer made ready for a page: the picture, the figures of its legend and its newest numbers.

use super::html::Svg;
use crate::draw::{self, Color, LegendRow, Picture, Spark, Theme};
use crate::encode::python_float;
use jiff::tz::TimeZone;
use query::Series;
use std::collections::BTreeMap;
use tsdb::{Timestamp, Window};

/// The most series that one graph of a page draws: more cannot be told apart, and each is some tens of kilobytes of SVG.
pub const SERIES_MAX: usize = 40;
/// Rows and columns of the table of numbers.
const TABLE_ROWS_MAX: usize = 60;
const TABLE_COLUMNS_MAX: usize = 8;

/// Everything that a page says about one answer.
pub struct Graph {
    /// The picture.
    pub svg: Svg,
    /// The legend, in the order of the answer.
    pub rows: Vec<LegendRow>,
    /// How many series were not drawn.
    pub left_out: usize,
    /// Points in the answer, those left out included.
    pub points: u64,
    /// The finest step among the series.
    pub step_secs: i64,
    /// The window that was asked for.
    pub window: Window,
    /// The moment that the answer is of.
    pub now: Timestamp,
    /// The zone of its times.
    pub zone: TimeZone,
    /// The newest numbers.
    pub table: Table,
}

/// The newest numbers of an answer.
#[derive(Default)]
pub struct Table {
    /// Names of the columns.
    pub names: Vec<String>,
    /// Newest first; a gap is empty.
    pub rows: Vec<(Timestamp, Vec<String>)>,
    /// Whether there is more than the table holds.
    pub cut: bool,
}

/// Makes a graph of `series`; `picture` says size, window and zone.
///
/// # Errors
/// When the picture cannot be drawn.
pub fn of(mut series: Vec<Series>, picture: &Picture, now: Timestamp) -> Result<Graph, draw::Error> {
    let points = series.iter().map(|one| one.values.len() as u64).sum();
    let left_out = keep_highest(&mut series, SERIES_MAX);
    Ok(Graph {
        svg: picture_of(&series, picture)?,
        rows: draw::legend(&series, picture),
        left_out,
        points,
        step_secs: series.iter().map(|one| i64::from(one.step.secs())).min().unwrap_or(1),
        window: picture.window,
        now,
        zone: picture.zone.clone(),
        table: table(&series),
    })
}

/// Leaves the `count` series with the highest maxima, in their order; tells how many went.
fn keep_highest(series: &mut Vec<Series>, count: usize) -> usize {
    if series.len() <= count {
        return 0;
    }
    let max = |one: &Series| one.values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut ranked: Vec<(f64, usize)> = series.iter().map(max).zip(0..).collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let kept: Vec<usize> = ranked[..count].iter().map(|&(_, i)| i).collect();
    let left_out = series.len() - count;
    let mut i = 0;
    series.retain(|_| {
        i += 1;
        kept.contains(&(i - 1))
    });
    left_out
}

/// A picture that stands in a page.
///
/// # Errors
/// When it cannot be drawn.
pub fn picture_of(series: &[Series], picture: &Picture) -> Result<Svg, draw::Error> {
    Ok(themed(draw::svg(series, picture)?))
}

/// A line the size of a word, over the window.
pub fn spark(series: &Series, window: Window) -> Svg {
    themed(draw::spark(series, &Spark { width: 150, height: 34, theme: Theme::Light, color: None, window }))
}

/// The picture's own colours as variables of the page's style, so that one picture serves light and dark.
fn themed(mut svg: String) -> Svg {
    for (color, variable) in variables(Theme::Light) {
        svg = svg.replace(&format!("\"{color}\""), &format!("\"var(--{variable})\""));
    }
    Svg(svg)
}

/// A colour of the light theme as the variable of the same role; any other colour stays itself.
pub fn themed_color(color: Color) -> String {
    let known = variables(Theme::Light).into_iter().find(|(own, _)| *own == color);
    known.map_or_else(|| color.to_string(), |(_, name)| format!("var(--{name})"))
}

/// A theme's colours and the names of their variables in the style sheet.
pub fn variables(theme: Theme) -> Vec<(Color, String)> {
    let palette = theme.palette();
    let named = [
        (palette.ground, "ground"),
        (palette.text, "text"),
        (palette.muted, "muted"),
        (palette.grid, "grid"),
        (palette.axis, "axis"),
        (palette.alarm, "alarm"),
    ];
    let lines = palette.lines.iter().zip(0..).map(|(color, i)| (*color, format!("s{i}")));
    named.iter().map(|(color, name)| (*color, (*name).to_owned())).chain(lines).collect()
}

fn table(series: &[Series]) -> Table {
    let columns = &series[..series.len().min(TABLE_COLUMNS_MAX)];
    let mut rows: BTreeMap<Timestamp, Vec<String>> = BTreeMap::new();
    let mut cut = columns.len() < series.len();
    for (column, one) in columns.iter().enumerate() {
        cut |= one.values.len() > TABLE_ROWS_MAX;
        for (i, &value) in one.values.iter().enumerate().rev().take(TABLE_ROWS_MAX) {
            let at = one.start + i as i64 * i64::from(one.step.secs());
            let cells = rows.entry(at).or_insert_with(|| vec![String::new(); columns.len()]);
            if !tsdb::is_gap(value) {
                python_float::push(&mut cells[column], value);
            }
        }
    }
    let names = columns.iter().map(|one| one.name.clone()).collect();
    Table { names, rows: rows.into_iter().rev().take(TABLE_ROWS_MAX).collect(), cut }
}
