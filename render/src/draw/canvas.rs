//! What a picture is drawn on: a handful of shapes in logical pixels, kept by three sinks (pixels, SVG, PDF). A shape that
//! one sink cannot draw as the others do does not belong here.

use super::color::Color;
use super::text::Weight;

/// A place in logical pixels, y downwards.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// To the right.
    pub x: f32,
    /// Downwards.
    pub y: f32,
}

/// An axis-parallel box; `left <= right` and `top <= bottom`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub left: f32,
    /// Top edge.
    pub top: f32,
    /// Right edge, exclusive.
    pub right: f32,
    /// Bottom edge, exclusive.
    pub bottom: f32,
}

impl Rect {
    /// From a corner and a size; a negative size is nothing.
    pub fn new(left: f32, top: f32, width: f32, height: f32) -> Rect {
        Rect { left, top, right: left + width.max(0.0), bottom: top + height.max(0.0) }
    }

    /// Its width.
    pub fn width(&self) -> f32 {
        self.right - self.left
    }

    /// Its height.
    pub fn height(&self) -> f32 {
        self.bottom - self.top
    }

    /// Whether the two share more than an edge.
    pub fn overlaps(&self, other: &Rect) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }

    /// Whether `other` lies within.
    pub fn contains(&self, other: &Rect) -> bool {
        self.left <= other.left && self.top <= other.top && self.right >= other.right && self.bottom >= other.bottom
    }
}

/// Lengths of dash and space along a line, in logical pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dash {
    /// Drawn.
    pub on: f32,
    /// Left out.
    pub off: f32,
}

/// How a line is drawn; joins and ends are round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stroke {
    /// Its colour; a translucent line is not darker where it crosses itself.
    pub color: Color,
    /// Its width.
    pub width: f32,
    /// `None` is solid.
    pub dash: Option<Dash>,
}

/// How an area is filled.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Paint {
    /// One colour.
    Flat(Color),
    /// From one colour at the height `from_y` to another at `to_y`, and no further change beyond.
    Fall {
        /// Colour at `from_y` and above.
        from: Color,
        /// Colour at `to_y` and below.
        to: Color,
        /// Upper height.
        from_y: f32,
        /// Lower height.
        to_y: f32,
    },
}

/// Which end of a text stands at its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Text runs to the right of its point.
    Start,
    /// Text is centred at its point.
    Middle,
    /// Text ends at its point.
    End,
}

/// A line of text on its baseline.
#[derive(Clone, Debug)]
pub struct Label<'a> {
    /// What it says.
    pub text: &'a str,
    /// Where its baseline is.
    pub at: Point,
    /// Which end is there.
    pub anchor: Anchor,
    /// Height of the em in pixels.
    pub size: f32,
    /// Regular or bold.
    pub weight: Weight,
    /// Its colour.
    pub color: Color,
    /// It has neighbours: a reader's own font must not make it wider than this.
    pub width_max: Option<f32>,
}

/// What a run of shapes belongs to. Pixels do not care; SVG writes it down for the page's scripts.
#[derive(Clone, Copy, Debug)]
pub enum Group<'a> {
    /// A part of the picture by name: `grid`, `axes`, `legend`.
    Part(&'static str),
    /// A series by its place in the answer.
    Series {
        /// Index in the answer.
        index: usize,
        /// The full name, not yet escaped.
        name: &'a str,
    },
}

/// The sink of all drawing. Coordinates are logical pixels; a sink knows its own scale.
pub trait Canvas {
    /// How many data columns one logical pixel may tell apart.
    fn columns_per_pixel(&self) -> f32;
    /// Everything until [`Canvas::close`] belongs to the group. Groups nest.
    fn open(&mut self, group: Group<'_>);
    /// Ends the group opened last.
    fn close(&mut self);
    /// Nothing is drawn outside until the next call; `None` is the whole picture.
    fn clip(&mut self, to: Option<Rect>);
    /// A rectangle whose edges are moved to whole device pixels, so that it is crisp.
    fn rect(&mut self, rect: Rect, color: Color);
    /// A horizontal or vertical line of exactly one device pixel.
    fn hair(&mut self, from: Point, to: Point, color: Color);
    /// A polyline.
    fn line(&mut self, points: &[Point], stroke: &Stroke);
    /// A closed area.
    fn fill(&mut self, outline: &[Point], paint: &Paint);
    /// A disc.
    fn dot(&mut self, center: Point, radius: f32, color: Color);
    /// A line of text.
    fn text(&mut self, label: &Label<'_>);
}
