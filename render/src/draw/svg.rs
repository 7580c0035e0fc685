//! The sink that writes SVG: attributes only, no style sheet, no script, so that the same text stands alone in a file,
//! in a mail and inside a page. Names come from outside and pass through [`escape`] before they are written.

use super::canvas::{Anchor, Canvas, Group, Label, Paint, Point, Rect, Stroke};
use super::color::Color;
use super::text::{self, Weight};
use std::borrow::Cow;
use std::fmt::Write;

/// What is written on the root element besides its size.
pub(super) struct Root {
    /// Attributes, each with a leading space, already escaped.
    pub attributes: String,
    /// Read aloud in place of the picture.
    pub title: String,
    /// One sentence for each series.
    pub description: String,
}

/// The body of a picture while it is drawn.
pub(super) struct Svg {
    width: u32,
    height: u32,
    scale: f32,
    body: String,
    /// Prefix of this picture's ids: several pictures may stand in one page.
    id: String,
    ids: u32,
    /// Polylines of one stroke become one path; this is the stroke of the path still open.
    open_path: Option<Stroke>,
    clipped: bool,
}

impl Svg {
    /// An empty picture of `width` by `height` logical pixels, shown `scale` times as large.
    pub(super) fn new(width: u32, height: u32, scale: f32, id: String, ground: Color) -> Svg {
        let body = String::with_capacity(64 * 1024);
        let mut svg = Svg { width, height, scale, body, id, ids: 0, open_path: None, clipped: false };
        svg.put(format_args!("<rect width=\"{width}\" height=\"{height}\" fill=\"{ground}\"/>"));
        svg
    }

    /// An empty picture without a ground of its own, for use inside a page.
    pub(super) fn bare(width: u32, height: u32) -> Svg {
        Svg {
            width,
            height,
            scale: 1.0,
            body: String::new(),
            id: String::new(),
            ids: 0,
            open_path: None,
            clipped: false,
        }
    }

    /// The whole document.
    pub(super) fn finish(mut self, root: &Root) -> String {
        self.end_path();
        let (w, h) = (self.width, self.height);
        let (shown_w, shown_h) = (w as f32 * self.scale, h as f32 * self.scale);
        let mut out = String::with_capacity(self.body.len() + 1024);
        let head = format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{shown_w}\" height=\"{shown_h}\" viewBox=\"0 0 {w} {h}\" \
             role=\"img\" font-family=\"'Noto Sans','DejaVu Sans',system-ui,sans-serif\"{}><title>{}</title><desc>{}</desc>",
            root.attributes,
            escape(&root.title),
            escape(&root.description)
        );
        // Writing to a String cannot fail.
        let _ = out.write_fmt(head);
        out.push_str(&self.body);
        out.push_str("</svg>");
        out
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.body.write_fmt(text);
    }

    fn end_path(&mut self) {
        let Some(stroke) = self.open_path.take() else { return };
        let color = stroke.color;
        self.put(format_args!("\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{}\"", Short(stroke.width)));
        if color.a != 255 {
            self.put(format_args!(" stroke-opacity=\"{}\"", Short(color.opacity())));
        }
        if let Some(dash) = stroke.dash {
            self.put(format_args!(" stroke-dasharray=\"{} {}\"", Short(dash.on), Short(dash.off)));
        }
        self.body.push_str(" stroke-linejoin=\"round\" stroke-linecap=\"round\"/>");
    }

    /// Whole tenths of a pixel, each point relative to the one before: a third of the bytes of plain coordinates.
    fn points(&mut self, points: &[Point]) {
        let Some((first, rest)) = points.split_first() else { return };
        let (mut x, mut y) = (tenths(first.x), tenths(first.y));
        self.body.push('M');
        push_tenths(&mut self.body, x, false);
        push_tenths(&mut self.body, y, true);
        if rest.is_empty() {
            // A round end makes a line of no length a dot.
            self.body.push_str("h0");
            return;
        }
        self.body.push('l');
        let mut spaced = false;
        for point in rest {
            let (nx, ny) = (tenths(point.x), tenths(point.y));
            push_tenths(&mut self.body, nx - x, spaced);
            push_tenths(&mut self.body, ny - y, true);
            (x, y, spaced) = (nx, ny, true);
        }
    }

    fn fill_attribute(&mut self, color: Color) {
        self.put(format_args!(" fill=\"{color}\""));
        if color.a != 255 {
            self.put(format_args!(" fill-opacity=\"{}\"", Short(color.opacity())));
        }
    }

    fn block(&mut self, x: f32, y: f32, width: f32, height: f32, color: Color) {
        self.end_path();
        let (x, y, width, height) = (Short(x), Short(y), Short(width), Short(height));
        self.put(format_args!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\""));
        self.fill_attribute(color);
        self.body.push_str("/>");
    }
}

fn tenths(v: f32) -> i32 {
    (v * 10.0).round() as i32
}

/// `123` tenths as `12.3`, `-5` as `-.5`; a space goes before it when asked for and no sign parts the two numbers.
fn push_tenths(out: &mut String, tenths: i32, after_number: bool) {
    if tenths < 0 {
        out.push('-');
    } else if after_number {
        out.push(' ');
    }
    let magnitude = tenths.unsigned_abs();
    let (whole, rest) = (magnitude / 10, magnitude % 10);
    if whole != 0 || rest == 0 {
        let mut digits = [0_u8; 10];
        let mut at = digits.len();
        let mut left = whole;
        loop {
            at -= 1;
            digits[at] = b'0' + (left % 10) as u8;
            left /= 10;
            if left == 0 {
                break;
            }
        }
        digits[at..].iter().for_each(|&d| out.push(char::from(d)));
    }
    if rest != 0 {
        out.push('.');
        out.push(char::from(b'0' + rest as u8));
    }
}

/// A number with at most two decimals and no trailing zeros.
struct Short(f32);

impl std::fmt::Display for Short {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hundredths = (f64::from(self.0) * 100.0).round() / 100.0;
        write!(f, "{}", if hundredths == 0.0 { 0.0 } else { hundredths })
    }
}

/// Text as it may stand in an element or an attribute of XML, whatever its origin.
pub fn escape(text: &str) -> Cow<'_, str> {
    let text = text::clean(text);
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

impl Canvas for Svg {
    fn columns_per_pixel(&self) -> f32 {
        1.0
    }

    fn open(&mut self, group: Group<'_>) {
        self.end_path();
        match group {
            Group::Part(name) => self.put(format_args!("<g class=\"{name}\">")),
            Group::Series { index, name } => {
                self.put(format_args!("<g class=\"series\" data-i=\"{index}\" data-name=\"{}\">", escape(name)));
            }
        }
    }

    fn close(&mut self) {
        self.end_path();
        self.body.push_str("</g>");
    }

    fn clip(&mut self, to: Option<Rect>) {
        self.end_path();
        if std::mem::take(&mut self.clipped) {
            self.body.push_str("</g>");
        }
        if let Some(rect) = to {
            self.ids += 1;
            let id = format!("{}c{}", self.id, self.ids);
            let (w, h) = (Short(rect.width()), Short(rect.height()));
            self.put(format_args!(
                "<clipPath id=\"{id}\"><rect x=\"{}\" y=\"{}\" width=\"{w}\" height=\"{h}\"/></clipPath>\
                 <g clip-path=\"url(#{id})\">",
                Short(rect.left),
                Short(rect.top)
            ));
            self.clipped = true;
        }
    }

    fn rect(&mut self, rect: Rect, color: Color) {
        let (left, top) = (rect.left.round(), rect.top.round());
        self.block(left, top, (rect.right.round() - left).max(1.0), (rect.bottom.round() - top).max(1.0), color);
    }

    fn hair(&mut self, from: Point, to: Point, color: Color) {
        let (left, top) = (from.x.round(), from.y.round());
        self.block(left, top, (to.x.round() - left).max(1.0), (to.y.round() - top).max(1.0), color);
    }

    fn line(&mut self, points: &[Point], stroke: &Stroke) {
        if points.is_empty() {
            return;
        }
        if self.open_path != Some(*stroke) {
            self.end_path();
            self.body.push_str("<path d=\"");
            self.open_path = Some(*stroke);
        }
        self.points(points);
    }

    fn fill(&mut self, outline: &[Point], paint: &Paint) {
        self.end_path();
        let mut reference = None;
        if let Paint::Fall { from, to, from_y, to_y } = *paint {
            self.ids += 1;
            let id = format!("{}g{}", self.id, self.ids);
            let (y1, y2) = (Short(from_y), Short(to_y));
            self.put(format_args!(
                "<linearGradient id=\"{id}\" gradientUnits=\"userSpaceOnUse\" x1=\"0\" y1=\"{y1}\" x2=\"0\" y2=\"{y2}\">"
            ));
            for (offset, color) in [(0, from), (1, to)] {
                let opacity = Short(color.opacity());
                self.put(format_args!("<stop offset=\"{offset}\" stop-color=\"{color}\" stop-opacity=\"{opacity}\"/>"));
            }
            self.body.push_str("</linearGradient>");
            reference = Some(id);
        }
        self.body.push_str("<path d=\"");
        self.points(outline);
        self.body.push_str("z\"");
        match (*paint, reference) {
            (Paint::Flat(color), _) => self.fill_attribute(color),
            (Paint::Fall { .. }, Some(id)) => self.put(format_args!(" fill=\"url(#{id})\"")),
            (Paint::Fall { from, .. }, None) => self.fill_attribute(from),
        }
        self.body.push_str("/>");
    }

    fn dot(&mut self, center: Point, radius: f32, color: Color) {
        self.end_path();
        let (x, y) = (Short(center.x), Short(center.y));
        self.put(format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{}\"", Short(radius)));
        self.fill_attribute(color);
        self.body.push_str("/>");
    }

    fn text(&mut self, label: &Label<'_>) {
        if label.text.is_empty() {
            return;
        }
        self.end_path();
        let (x, y, size) = (Short(label.at.x), Short(label.at.y), Short(label.size));
        self.put(format_args!("<text x=\"{x}\" y=\"{y}\" font-size=\"{size}\""));
        match label.anchor {
            Anchor::Start => {}
            Anchor::Middle => self.body.push_str(" text-anchor=\"middle\""),
            Anchor::End => self.body.push_str(" text-anchor=\"end\""),
        }
        if label.weight == Weight::Bold {
            self.body.push_str(" font-weight=\"700\"");
        }
        if let Some(width) = label.width_max {
            self.put(format_args!(" textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\"", Short(width)));
        }
        self.fill_attribute(label.color);
        self.put(format_args!(">{}</text>", escape(label.text)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_right() {
        let cases = [(0, "0"), (5, ".5"), (-5, "-.5"), (10, "1"), (-123, "-12.3"), (40_000, "4000"), (-10, "-1")];
        for (tenths, want) in cases {
            let mut out = String::new();
            push_tenths(&mut out, tenths, false);
            assert_eq!(out, want);
        }
        assert_eq!(Short(-0.001).to_string(), "0");
        assert_eq!(Short(1.256).to_string(), "1.26");
    }

    #[test]
    fn names_cannot_leave_their_place() {
        assert_eq!(escape("<img onerror=\"x('&')\">"), "&lt;img onerror=&quot;x(&#39;&amp;&#39;)&quot;&gt;");
        assert_eq!(escape("a\0b\u{202e}"), "a\u{fffd}b\u{fffd}");
    }
}
