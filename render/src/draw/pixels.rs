//! The sink that paints: a pixmap where fills, gradients and discs are tiny-skia's, lines are our own capsules
//! (`stroke`) and text is stamped from the embedded faces. The ground is opaque from the start and stays so.

use super::canvas::{Anchor, Canvas, Group, Label, Paint, Point, Rect, Stroke};
use super::color::Color;
use super::stroke::{Bounds, Mask};
use super::text;
use tiny_skia::{FillRule, GradientStop, LinearGradient, PathBuilder, Pixmap, Shader, SpreadMode, Transform};

/// Pixels of a picture: 4 bytes each, one more for the mask of lines.
pub(super) struct Pixels {
    pixmap: Pixmap,
    mask: Mask,
    scale: f32,
    clip: Bounds,
    scratch: Vec<Point>,
}

impl Pixels {
    /// `None` when a side is zero.
    pub(super) fn new(width: u32, height: u32, scale: f32, ground: Color) -> Option<Pixels> {
        let mut pixmap = Pixmap::new(width, height)?;
        pixmap.fill(tiny_skia::Color::from_rgba8(ground.r, ground.g, ground.b, 255));
        let clip = Bounds { left: 0, top: 0, right: width as i32, bottom: height as i32 };
        let mask = Mask::new(width as usize, height as usize);
        Some(Pixels { pixmap, mask, scale, clip, scratch: Vec::new() })
    }

    /// The picture: red, green, blue, 255, row by row.
    pub(super) fn pixmap(&self) -> &Pixmap {
        &self.pixmap
    }

    fn device(&self, rect: Rect) -> Bounds {
        let round = |v: f32| (v * self.scale).round().clamp(-1e6, 1e6) as i32;
        Bounds { left: round(rect.left), top: round(rect.top), right: round(rect.right), bottom: round(rect.bottom) }
    }

    fn block(&mut self, bounds: Bounds, color: Color) {
        let (left, right) = (bounds.left.max(self.clip.left), bounds.right.min(self.clip.right));
        let (top, bottom) = (bounds.top.max(self.clip.top), bounds.bottom.min(self.clip.bottom));
        if left >= right {
            return;
        }
        let width = self.pixmap.width() as usize;
        let data = self.pixmap.data_mut();
        for row in top..bottom {
            let start = (row as usize * width + left as usize) * 4;
            let line = &mut data[start..start + (right - left) as usize * 4];
            line.chunks_exact_mut(4).for_each(|pixel| blend(pixel, color, u32::from(color.a)));
        }
    }

    fn stroke(&mut self, points: &[Point], width: f32) {
        self.scratch.clear();
        // The centre of the pixel (0, 0) is at half a pixel; the mask counts from centres.
        self.scratch.extend(points.iter().map(|p| Point { x: p.x * self.scale - 0.5, y: p.y * self.scale - 0.5 }));
        self.mask.polyline(&self.scratch, width * self.scale, self.clip);
    }

    fn paint_mask(&mut self, color: Color) {
        let width = self.pixmap.width() as usize;
        let data = self.pixmap.data_mut();
        let opacity = u32::from(color.a);
        self.mask.drain(|row, left, coverage| {
            let start = (row * width + left) * 4;
            for (pixel, &share) in data[start..start + coverage.len() * 4].chunks_exact_mut(4).zip(coverage) {
                if share != 0 {
                    blend(pixel, color, (u32::from(share) * opacity + 127) / 255);
                }
            }
        });
    }
}

/// One pixel towards a colour by `alpha` of 255.
fn blend(pixel: &mut [u8], color: Color, alpha: u32) {
    let mix = |below: u8, above: u8| ((u32::from(below) * (255 - alpha) + u32::from(above) * alpha + 127) / 255) as u8;
    pixel[0] = mix(pixel[0], color.r);
    pixel[1] = mix(pixel[1], color.g);
    pixel[2] = mix(pixel[2], color.b);
}

fn skia(color: Color) -> tiny_skia::Color {
    tiny_skia::Color::from_rgba8(color.r, color.g, color.b, color.a)
}

impl Canvas for Pixels {
    fn columns_per_pixel(&self) -> f32 {
        self.scale
    }

    fn open(&mut self, _group: Group<'_>) {}

    fn close(&mut self) {}

    fn clip(&mut self, to: Option<Rect>) {
        let whole = Bounds { left: 0, top: 0, right: self.pixmap.width() as i32, bottom: self.pixmap.height() as i32 };
        self.clip = to.map_or(whole, |rect| {
            let asked = self.device(rect);
            let left = asked.left.clamp(0, whole.right);
            let top = asked.top.clamp(0, whole.bottom);
            Bounds {
                left,
                top,
                right: asked.right.clamp(left, whole.right),
                bottom: asked.bottom.clamp(top, whole.bottom),
            }
        });
    }

    fn rect(&mut self, rect: Rect, color: Color) {
        let mut bounds = self.device(rect);
        bounds.right = bounds.right.max(bounds.left + 1);
        bounds.bottom = bounds.bottom.max(bounds.top + 1);
        self.block(bounds, color);
    }

    fn hair(&mut self, from: Point, to: Point, color: Color) {
        let at = self.device(Rect { left: from.x, top: from.y, right: to.x, bottom: to.y });
        let bounds =
            if at.top == at.bottom { Bounds { bottom: at.top + 1, ..at } } else { Bounds { right: at.left + 1, ..at } };
        self.block(bounds, color);
    }

    fn line(&mut self, points: &[Point], stroke: &Stroke) {
        match stroke.dash {
            None => self.stroke(points, stroke.width),
            Some(dash) => {
                let mut pieces = Vec::new();
                super::dash::cut(points, dash, |piece| pieces.push(piece.to_vec()));
                pieces.iter().for_each(|piece| self.stroke(piece, stroke.width));
            }
        }
        self.paint_mask(stroke.color);
    }

    fn fill(&mut self, outline: &[Point], paint: &Paint) {
        let scale = self.scale;
        let to = Rect {
            left: self.clip.left as f32 / scale,
            top: self.clip.top as f32 / scale,
            right: self.clip.right as f32 / scale,
            bottom: self.clip.bottom as f32 / scale,
        };
        let outline = super::clip::polygon(outline, to);
        let Some((first, rest)) = outline.split_first() else { return };
        let mut path = PathBuilder::with_capacity(outline.len() + 1, outline.len());
        path.move_to(first.x * scale, first.y * scale);
        rest.iter().for_each(|point| path.line_to(point.x * scale, point.y * scale));
        path.close();
        let Some(path) = path.finish() else { return };
        let shader = match *paint {
            Paint::Flat(color) => Shader::SolidColor(skia(color)),
            Paint::Fall { from, to, from_y, to_y } => {
                let stops = vec![GradientStop::new(0.0, skia(from)), GradientStop::new(1.0, skia(to))];
                let at = |y: f32| tiny_skia::Point::from_xy(0.0, y * scale);
                let fall = LinearGradient::new(at(from_y), at(to_y), stops, SpreadMode::Pad, Transform::identity());
                fall.unwrap_or(Shader::SolidColor(skia(from)))
            }
        };
        let paint = tiny_skia::Paint { shader, anti_alias: true, ..tiny_skia::Paint::default() };
        self.pixmap.fill_path(&path, &paint, FillRule::Winding, Transform::identity(), None);
    }

    fn dot(&mut self, center: Point, radius: f32, color: Color) {
        self.stroke(&[center], radius * 2.0);
        self.paint_mask(color);
    }

    fn text(&mut self, label: &Label<'_>) {
        let size = label.size * self.scale;
        let width = text::width(label.text, size, label.weight);
        let x = label.at.x * self.scale
            - match label.anchor {
                Anchor::Start => 0.0,
                Anchor::Middle => width / 2.0,
                Anchor::End => width,
            };
        // Whole rows: a baseline between two pixels blurs every letter.
        let baseline = (label.at.y * self.scale).round() as i32;
        let (clip, stride) = (self.clip, self.pixmap.width() as usize);
        let (data, color) = (self.pixmap.data_mut(), label.color);
        text::stamps(label.text, size, label.weight, x, |stamp, pen| {
            for (i, line) in stamp.coverage.chunks_exact(stamp.width.max(1)).enumerate() {
                let y = baseline + stamp.top + i as i32;
                if y < clip.top || y >= clip.bottom {
                    continue;
                }
                for (x, &share) in (pen + stamp.left..).zip(line) {
                    if share != 0 && x >= clip.left && x < clip.right {
                        let at = (y as usize * stride + x as usize) * 4;
                        blend(&mut data[at..at + 4], color, (u32::from(share) * u32::from(color.a) + 127) / 255);
                    }
                }
            }
        });
    }
}
