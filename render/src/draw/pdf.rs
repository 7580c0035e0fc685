//! The sink that writes PDF: one page, all of it paths. Letters are outlines of the embedded faces, so that the page is the
//! same picture on every machine and carries no font.

use super::canvas::{Anchor, Canvas, Group, Label, Paint, Point, Rect, Stroke};
use super::color::Color;
use super::text::{self, Piece};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use pdf_writer::types::{LineCapStyle, LineJoinStyle};
use pdf_writer::{Content, Filter, Finish, Name, Pdf, Ref, TextStr};
use std::collections::BTreeSet;
use std::io::Write;

/// Columns of data that one unit of the page tells apart: a printer has several dots in it.
const COLUMNS: f32 = 4.0;
/// The part of a radius by which the handles of a quarter of a circle reach out.
const HANDLE: f32 = 0.552_285;
/// Bands of a fading area.
const BANDS: usize = 32;

/// The page while it is drawn.
pub(super) struct Page {
    width: f32,
    height: f32,
    scale: f32,
    content: Content,
    /// Opacities that were asked for; each is an object of the page.
    opacities: BTreeSet<u8>,
    clipped: bool,
}

impl Page {
    /// A page of `width` by `height` logical pixels, each `scale` points long.
    pub(super) fn new(width: u32, height: u32, scale: f32, ground: Color) -> Page {
        let (width, height) = (width as f32, height as f32);
        let mut content = Content::new();
        // Downwards, as everything here counts.
        content.transform([scale, 0.0, 0.0, -scale, 0.0, height * scale]);
        content.set_line_cap(LineCapStyle::RoundCap).set_line_join(LineJoinStyle::RoundJoin);
        let mut page = Page { width, height, scale, content, opacities: BTreeSet::new(), clipped: false };
        page.rect(Rect::new(0.0, 0.0, width, height), ground);
        page
    }

    /// The whole file.
    pub(super) fn finish(mut self, title: &str) -> Vec<u8> {
        self.clip(None);
        let [catalog, pages, page, content, info] = [1, 2, 3, 4, 5].map(Ref::new);
        let opacity = |alpha: u8| Ref::new(6 + i32::from(alpha));
        let mut pdf = Pdf::new();
        pdf.catalog(catalog).pages(pages);
        pdf.pages(pages).kids([page]).count(1);
        pdf.document_info(info).title(TextStr(title));
        let mut leaf = pdf.page(page);
        leaf.parent(pages).contents(content);
        leaf.media_box(pdf_writer::Rect::new(0.0, 0.0, self.width * self.scale, self.height * self.scale));
        let mut resources = leaf.resources();
        let mut states = resources.ext_g_states();
        for alpha in &self.opacities {
            states.pair(Name(state(*alpha).as_bytes()), opacity(*alpha));
        }
        states.finish();
        resources.finish();
        leaf.finish();
        for alpha in &self.opacities {
            let share = f32::from(*alpha) / 255.0;
            pdf.ext_graphics(opacity(*alpha)).non_stroking_alpha(share).stroking_alpha(share);
        }
        pdf.stream(content, &packed(&self.content.finish())).filter(Filter::FlateDecode);
        pdf.finish()
    }

    fn ink(&mut self, color: Color) {
        self.opacities.insert(color.a);
        let [r, g, b] = [color.r, color.g, color.b].map(|channel| f32::from(channel) / 255.0);
        self.content.set_parameters(Name(state(color.a).as_bytes()));
        self.content.set_fill_rgb(r, g, b).set_stroke_rgb(r, g, b);
    }

    fn path(&mut self, points: &[Point]) {
        let Some((first, rest)) = points.split_first() else { return };
        self.content.move_to(first.x, first.y);
        if rest.is_empty() {
            // A round end makes a line of no length a dot.
            self.content.line_to(first.x, first.y);
        }
        for point in rest {
            self.content.line_to(point.x, point.y);
        }
    }
}

impl Canvas for Page {
    fn columns_per_pixel(&self) -> f32 {
        COLUMNS
    }

    fn open(&mut self, _: Group<'_>) {}

    fn close(&mut self) {}

    fn clip(&mut self, to: Option<Rect>) {
        if std::mem::take(&mut self.clipped) {
            self.content.restore_state();
        }
        if let Some(to) = to {
            self.clipped = true;
            self.content.save_state().rect(to.left, to.top, to.width(), to.height());
            self.content.clip_nonzero().end_path();
        }
    }

    fn rect(&mut self, rect: Rect, color: Color) {
        self.ink(color);
        self.content.rect(rect.left, rect.top, rect.width(), rect.height()).fill_nonzero();
    }

    fn hair(&mut self, from: Point, to: Point, color: Color) {
        self.line(&[from, to], &Stroke { color, width: 0.5, dash: None });
    }

    fn line(&mut self, points: &[Point], stroke: &Stroke) {
        self.ink(stroke.color);
        self.content.set_line_width(stroke.width);
        match stroke.dash {
            Some(dash) => self.content.set_dash_pattern([dash.on, dash.off], 0.0),
            None => self.content.set_dash_pattern([], 0.0),
        };
        self.path(points);
        self.content.stroke();
    }

    /// A fall is drawn in bands: a page has no colour that fades.
    fn fill(&mut self, outline: &[Point], paint: &Paint) {
        let Paint::Fall { from, to, from_y, to_y } = *paint else {
            let Paint::Flat(color) = *paint else { return };
            self.ink(color);
            self.path(outline);
            self.content.fill_nonzero();
            return;
        };
        self.content.save_state();
        self.path(outline);
        self.content.clip_nonzero().end_path();
        let height = (to_y - from_y) / BANDS as f32;
        for band in 0..BANDS {
            let top = if band == 0 { 0.0 } else { from_y + height * band as f32 };
            let bottom = if band + 1 == BANDS { self.height } else { from_y + height * (band + 1) as f32 };
            let share = (band as f32 + 0.5) / BANDS as f32;
            let alpha = f32::from(from.a) + (f32::from(to.a) - f32::from(from.a)) * share;
            let color = Color { a: alpha.round() as u8, ..from.toward(to, share) };
            self.rect(Rect::new(0.0, top, self.width, bottom - top), color);
        }
        self.content.restore_state();
    }

    fn dot(&mut self, center: Point, radius: f32, color: Color) {
        self.ink(color);
        let (x, y, r, h) = (center.x, center.y, radius, radius * HANDLE);
        self.content.move_to(x + r, y);
        for (a, b) in
            [((1.0, 0.0), (0.0, 1.0)), ((0.0, 1.0), (-1.0, 0.0)), ((-1.0, 0.0), (0.0, -1.0)), ((0.0, -1.0), (1.0, 0.0))]
        {
            let at = |(px, py): (f32, f32), (qx, qy): (f32, f32)| (x + px * r + qx * h, y + py * r + qy * h);
            let ((x1, y1), (x2, y2)) = (at(a, b), at(b, a));
            self.content.cubic_to(x1, y1, x2, y2, x + b.0 * r, y + b.1 * r);
        }
        self.content.fill_nonzero();
    }

    fn text(&mut self, label: &Label<'_>) {
        let width = text::width(label.text, label.size, label.weight);
        let left = match label.anchor {
            Anchor::Start => label.at.x,
            Anchor::Middle => label.at.x - width / 2.0,
            Anchor::End => label.at.x - width,
        };
        self.ink(label.color);
        let content = &mut self.content;
        let mut any = false;
        text::outlines(label.text, label.size, label.weight, Point { x: left, y: label.at.y }, |piece| {
            any = true;
            match piece {
                Piece::Move(to) => content.move_to(to.x, to.y),
                Piece::Line(to) => content.line_to(to.x, to.y),
                Piece::Curve(one, two, to) => content.cubic_to(one.x, one.y, two.x, two.y, to.x, to.y),
            };
        });
        if any {
            self.content.fill_nonzero();
        }
    }
}

/// The name of an opacity among the page's resources.
fn state(alpha: u8) -> String {
    format!("a{alpha}")
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(bytes.len() / 4 + 64), Compression::default());
    // Writing to memory cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}
