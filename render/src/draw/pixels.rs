//! The sink that paints: lines are capsules (`stroke`), areas are accumulated (`fill`), text is stamped from the
//! embedded faces. The ground is opaque from the start and stays so.

use super::canvas::{Anchor, Canvas, Group, Label, Paint, Point, Rect, Stroke};
use super::color::Color;
use super::fill::{self, Accumulator};
use super::stroke::{Bounds, Mask};
use super::text;

/// Pixels of a picture: 4 bytes each, one more for the mask of lines.
pub(super) struct Pixels {
    width: usize,
    height: usize,
    /// Red, green, blue, 255.
    data: Vec<u8>,
    mask: Mask,
    sums: Accumulator,
    scale: f32,
    clip: Bounds,
    scratch: Vec<Point>,
}

impl Pixels {
    /// A picture of device pixels, all of one colour.
    pub(super) fn new(width: u32, height: u32, scale: f32, ground: Color) -> Pixels {
        let (width, height) = (width as usize, height as usize);
        Pixels {
            width,
            height,
            data: [ground.r, ground.g, ground.b, 255].repeat(width * height),
            mask: Mask::new(width, height),
            sums: Accumulator::new(width),
            scale,
            clip: Bounds { left: 0, top: 0, right: width as i32, bottom: height as i32 },
            scratch: Vec::new(),
        }
    }

    /// The picture: red, green, blue, 255, row by row.
    pub(super) fn data(&self) -> &[u8] {
        &self.data
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
        for row in top..bottom {
            let start = (row as usize * self.width + left as usize) * 4;
            blend_run(&mut self.data[start..start + (right - left) as usize * 4], color, u32::from(color.a));
        }
    }

    fn stroke(&mut self, points: &[Point], width: f32) {
        self.scratch.clear();
        // The centre of the pixel (0, 0) is at half a pixel; the mask counts from centres.
        self.scratch.extend(points.iter().map(|p| Point { x: p.x * self.scale - 0.5, y: p.y * self.scale - 0.5 }));
        self.mask.polyline(&self.scratch, width * self.scale, self.clip);
    }

    fn paint_mask(&mut self, color: Color) {
        let (width, data, opacity) = (self.width, &mut self.data, u32::from(color.a));
        self.mask.drain(|row, left, coverage| {
            let start = (row * width + left) * 4;
            for (pixel, &share) in data[start..start + coverage.len() * 4].chunks_exact_mut(4).zip(coverage) {
                if share != 0 {
                    blend(pixel, color, div_255(u32::from(share) * opacity));
                }
            }
        });
    }
}

/// Divides by 255 and rounds, exactly for what two bytes' product can be.
fn div_255(product: u32) -> u32 {
    (product + 128 + ((product + 128) >> 8)) >> 8
}

/// One pixel towards a colour by `alpha` of 255.
fn blend(pixel: &mut [u8], color: Color, alpha: u32) {
    let mix = |below: u8, above: u8| div_255(u32::from(below) * (255 - alpha) + u32::from(above) * alpha) as u8;
    pixel[0] = mix(pixel[0], color.r);
    pixel[1] = mix(pixel[1], color.g);
    pixel[2] = mix(pixel[2], color.b);
}

/// Many pixels towards a colour; four at a time, so that the compiler may use wide registers.
fn blend_run(pixels: &mut [u8], color: Color, alpha: u32) {
    let (alpha, rest) = (alpha as u16, 255 - alpha as u16);
    // The fourth channel is 255 and goes towards 255.
    let above = [color.r, color.g, color.b, 255].map(|channel| u16::from(channel) * alpha + 128);
    let mut above16 = [0_u16; 16];
    above16.chunks_exact_mut(4).for_each(|four| four.copy_from_slice(&above));
    let mut chunks = pixels.chunks_exact_mut(16);
    for chunk in &mut chunks {
        for (below, above) in chunk.iter_mut().zip(&above16) {
            let sum = u16::from(*below) * rest + above;
            *below = ((sum + (sum >> 8)) >> 8) as u8;
        }
    }
    for (below, above) in chunks.into_remainder().iter_mut().zip(above.iter().cycle()) {
        let sum = u16::from(*below) * rest + above;
        *below = ((sum + (sum >> 8)) >> 8) as u8;
    }
}

/// A row of an area: long stretches are covered wholly and blended as one.
fn blend_row(pixels: &mut [u8], coverage: &[f32], color: Color) {
    let opacity = f32::from(color.a);
    let alpha = |share: f32| (share * opacity + 0.5) as u32;
    let mut i = 0;
    while i < coverage.len() {
        let here = alpha(coverage[i]);
        let same = coverage[i..].iter().take_while(|&&share| alpha(share) == here).count();
        if here != 0 {
            blend_run(&mut pixels[i * 4..(i + same) * 4], color, here);
        }
        i += same;
    }
}

impl Canvas for Pixels {
    fn columns_per_pixel(&self) -> f32 {
        self.scale
    }

    fn open(&mut self, _group: Group<'_>) {}

    fn close(&mut self) {}

    fn clip(&mut self, to: Option<Rect>) {
        let whole = Bounds { left: 0, top: 0, right: self.width as i32, bottom: self.height as i32 };
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
            Some(dash) => super::dash::cut(points, dash, |piece| self.stroke(piece, stroke.width)),
        }
        self.paint_mask(stroke.color);
    }

    fn fill(&mut self, outline: &[Point], paint: &Paint) {
        let scale = self.scale;
        self.scratch.clear();
        self.scratch.extend(outline.iter().map(|p| Point { x: p.x * scale, y: p.y * scale }));
        let (width, data) = (self.width, &mut self.data);
        self.sums.polygon(&self.scratch, self.clip, |row, left, coverage| {
            let start = (row * width + left) * 4;
            let color = fill::color_at(paint, (row as f32 + 0.5) / scale);
            blend_row(&mut data[start..start + coverage.len() * 4], coverage, color);
        });
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
        let (clip, stride) = (self.clip, self.width);
        let (data, color) = (&mut self.data, label.color);
        text::stamps(label.text, size, label.weight, x, |stamp, pen| {
            for (i, line) in stamp.coverage.chunks_exact(stamp.width.max(1)).enumerate() {
                let y = baseline + stamp.top + i as i32;
                if y < clip.top || y >= clip.bottom {
                    continue;
                }
                for (x, &share) in (pen + stamp.left..).zip(line) {
                    if share != 0 && x >= clip.left && x < clip.right {
                        let at = (y as usize * stride + x as usize) * 4;
                        blend(&mut data[at..at + 4], color, div_255(u32::from(share) * u32::from(color.a)));
                    }
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_blended_like_its_pixels() {
        for alpha in [0, 1, 77, 128, 209, 254, 255] {
            let mut run: Vec<u8> = (0..44_u32).map(|i| if i % 4 == 3 { 255 } else { (i * 37 % 256) as u8 }).collect();
            let mut single = run.clone();
            let color = Color::rgb(0x1f43b7);
            blend_run(&mut run, color, alpha);
            single.chunks_exact_mut(4).for_each(|pixel| blend(pixel, color, alpha));
            assert_eq!(run, single, "alpha {alpha}");
        }
    }

    #[test]
    fn division_by_255_is_exact() {
        assert!((0..=255 * 255_u32).all(|product| div_255(product) == (product * 2 + 255) / 510));
    }
}
