//! plotters draws through this: its backend coordinates are whole numbers, so one of them is 1/64 of a logical pixel
//! here, and every shape is handed on to our canvas. plotters is met in this file and under `chart` only.

use super::canvas::{Canvas, Dash, Paint, Point, Rect, Stroke};
use super::color::Color;
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged};
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters_backend::{BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind};
use std::cell::RefCell;
use std::convert::Infallible;
use std::ops::Range;
use std::rc::Rc;

/// Backend units in a logical pixel.
pub(super) const UNITS: f32 = 64.0;

/// Further out than this no shape reaches; keeps far values within what a coordinate can say.
const FAR: i32 = 32_768 * 64;

/// Where the picture's corner is in backend units. plotters moves every coordinate into its drawing area, which would
/// bend lines that leave the picture; so its area reaches far beyond the picture on all sides.
const ORIGIN: i32 = 2 * FAR;

/// A length in logical pixels as backend units.
pub(super) fn units(pixels: f32) -> u32 {
    (pixels * UNITS).round() as u32
}

/// A coordinate in logical pixels as the nearest backend unit.
fn place(pixels: f32) -> i32 {
    ORIGIN + (pixels * UNITS).round() as i32
}

/// The canvas and what plotters' styles cannot say, shared by the backend and the code that draws a chart.
pub(super) struct Sink<'c> {
    /// Where everything ends up.
    pub canvas: &'c mut dyn Canvas,
    /// Dashes of the next lines.
    pub dash: Option<Dash>,
    /// Fill of the next areas in place of their flat colour.
    pub paint: Option<Paint>,
    /// Reused for every path.
    scratch: Vec<Point>,
}

/// plotters' view of a sink.
pub(super) struct Bridge<'c> {
    sink: Rc<RefCell<Sink<'c>>>,
}

/// The whole picture as plotters sees it.
pub(super) type Area<'c> = DrawingArea<Bridge<'c>, Shift>;

/// The plot as plotters sees it: seconds to the right, values upwards.
pub(super) type Plane<'c> = DrawingArea<Bridge<'c>, Cartesian2d<Along, Along>>;

/// Opens a canvas to plotters.
pub(super) fn open(canvas: &mut dyn Canvas) -> (Rc<RefCell<Sink<'_>>>, Area<'_>) {
    let sink = Rc::new(RefCell::new(Sink { canvas, dash: None, paint: None, scratch: Vec::new() }));
    let area = Bridge { sink: Rc::clone(&sink) }.into_drawing_area();
    (sink, area)
}

/// The plot `rect` of an area with its two axes.
pub(super) fn plane<'c>(area: &Area<'c>, rect: Rect, time: Along, value: Along) -> Plane<'c> {
    let across = place(rect.left)..place(rect.right);
    let upwards = place(rect.bottom)..place(rect.top);
    area.apply_coord_spec(Cartesian2d::new(time, value, (across, upwards)))
}

/// An axis from one end's value to the other's. plotters asks it for places only; ticks are ours (`scale`).
#[derive(Clone, Copy, Debug)]
pub(super) struct Along {
    /// Value at the near end (left, bottom).
    pub from: f64,
    /// Value at the far end.
    pub to: f64,
    /// By the logarithm; both ends are above zero then.
    pub log: bool,
}

impl Along {
    /// How far along a value is: 0 at `from`, 1 at `to`. Halved first, so that no span overflows.
    pub(super) fn share(&self, value: f64) -> f64 {
        if self.log {
            // What has no logarithm lies below everything.
            let low = self.from.ln();
            return if value > 0.0 { (value.ln() - low) / (self.to.ln() - low) } else { -4.0 };
        }
        (value / 2.0 - self.from / 2.0) / (self.to / 2.0 - self.from / 2.0)
    }
}

impl Ranged for Along {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let place = f64::from(limit.0) + self.share(*value) * f64::from(limit.1 - limit.0);
        place.round().clamp(f64::from(ORIGIN - FAR), f64::from(ORIGIN + FAR)) as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        Vec::new()
    }

    fn range(&self) -> Range<f64> {
        self.from..self.to
    }
}

fn color(from: BackendColor) -> Color {
    let (r, g, b) = from.rgb;
    Color { r, g, b, a: (from.alpha.clamp(0.0, 1.0) * 255.0 + 0.5) as u8 }
}

fn point((x, y): BackendCoord) -> Point {
    Point { x: (x - ORIGIN) as f32 / UNITS, y: (y - ORIGIN) as f32 / UNITS }
}

type Done = Result<(), DrawingErrorKind<Infallible>>;

impl DrawingBackend for Bridge<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        ((ORIGIN + FAR) as u32, (ORIGIN + FAR) as u32)
    }

    fn ensure_prepared(&mut self) -> Done {
        Ok(())
    }

    fn present(&mut self) -> Done {
        Ok(())
    }

    fn draw_pixel(&mut self, at: BackendCoord, with: BackendColor) -> Done {
        self.sink.borrow_mut().canvas.dot(point(at), 0.5 / UNITS, color(with));
        Ok(())
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> Done {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(&mut self, a: BackendCoord, b: BackendCoord, style: &S, fill: bool) -> Done {
        let corners = [a, (b.0, a.1), b, (a.0, b.1), a];
        if fill { self.fill_polygon(corners, style) } else { self.draw_path(corners, style) }
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Done {
        if style.color().alpha <= 0.0 {
            return Ok(()); // The border of an area that has none.
        }
        let sink = &mut *self.sink.borrow_mut();
        sink.scratch.clear();
        sink.scratch.extend(path.into_iter().map(point));
        let width = style.stroke_width() as f32 / UNITS;
        let stroke = Stroke { color: color(style.color()), width, dash: sink.dash };
        sink.canvas.line(&sink.scratch, &stroke);
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(&mut self, center: BackendCoord, radius: u32, style: &S, _fill: bool) -> Done {
        self.sink.borrow_mut().canvas.dot(point(center), radius as f32 / UNITS, color(style.color()));
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, corners: I, style: &S) -> Done {
        let sink = &mut *self.sink.borrow_mut();
        sink.scratch.clear();
        sink.scratch.extend(corners.into_iter().map(point));
        let paint = sink.paint.unwrap_or(Paint::Flat(color(style.color())));
        sink.canvas.fill(&sink.scratch, &paint);
        Ok(())
    }

    /// Text is laid out and drawn by us before and after plotters; it never asks.
    fn estimate_text_size<T: BackendTextStyle>(
        &self,
        _text: &str,
        _style: &T,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        Ok((0, 0))
    }
}
