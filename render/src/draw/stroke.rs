//! Antialiased lines: every segment is a capsule, and a pixel is covered by how near it is to the nearest one. The
//! coverage of a whole polyline is gathered as a maximum in a mask and blended once, so joins and ends are round and a
//! translucent line does not darken where it crosses itself. Only `f32` and exact operations: the same on every CPU.

use super::canvas::Point;

/// Device pixels that may be touched: `left <= x < right`, `top <= y < bottom`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub left: i32,
    pub top: i32,
    pub right: i32,
    pub bottom: i32,
}

/// Coverage of one polyline, reused from line to line; one byte a pixel of the picture.
pub(super) struct Mask {
    width: usize,
    cells: Vec<u8>,
    /// Touched columns of every row, empty when `.0 >= .1`.
    spans: Vec<(u32, u32)>,
    rows: (usize, usize),
}

/// Without a call into the mathematical library, which costs more than the pixel it is asked for.
fn floor(v: f32) -> i32 {
    let whole = v as i32;
    whole.saturating_sub(i32::from(v < whole as f32))
}

fn ceil(v: f32) -> i32 {
    let whole = v as i32;
    whole.saturating_add(i32::from(v > whole as f32))
}

const NO_SPAN: (u32, u32) = (u32::MAX, 0);

impl Mask {
    pub(super) fn new(width: usize, height: usize) -> Mask {
        Mask { width, cells: vec![0; width * height], spans: vec![NO_SPAN; height], rows: (height, 0) }
    }

    /// Adds a polyline in device pixels; `bounds` lies within the mask.
    pub(super) fn polyline(&mut self, points: &[Point], width: f32, bounds: Bounds) {
        debug_assert!(bounds.left >= 0 && bounds.top >= 0 && bounds.right as usize <= self.width);
        // Lines thinner than a pixel are drawn a pixel wide and fainter: coverage never exceeds the width.
        let reach = (width.max(1.0) + 1.0) / 2.0;
        let peak = width.clamp(0.0, 1.0) * 255.0;
        if let [only] = points {
            self.capsule(*only, *only, reach, peak, bounds);
        }
        for pair in points.windows(2) {
            self.capsule(pair[0], pair[1], reach, peak, bounds);
        }
    }

    fn capsule(&mut self, a: Point, b: Point, reach: f32, peak: f32, bounds: Bounds) {
        let (a, b) = if a.y <= b.y { (a, b) } else { (b, a) };
        let top = ceil(a.y - reach).max(bounds.top);
        let bottom = floor(b.y + reach).min(bounds.bottom - 1);
        let outside = a.x.max(b.x) + reach < bounds.left as f32 || a.x.min(b.x) - reach > bounds.right as f32;
        // Also turns away what is not a number: every comparison with it is false.
        if !(top <= bottom && !outside && (a.x + a.y + b.x + b.y).is_finite()) {
            return;
        }
        let (dx, dy) = (b.x - a.x, b.y - a.y);
        let length = (dx * dx + dy * dy).sqrt();
        // A segment of no length is a disc; any direction will do.
        let (ux, uy) = if length > 1e-6 { (dx / length, dy / length) } else { (1.0, 0.0) };
        let segment = Segment { a, ux, uy, length, reach, peak };
        self.rows = (self.rows.0.min(top as usize), self.rows.1.max(bottom as usize + 1));
        // Rows that meet no end of a steep segment are the most by far where points are dense.
        let caps = reach * segment.ux.abs();
        let (first, last) = (ceil(a.y + caps).max(top), floor(b.y - caps).min(bottom));
        if segment.uy < 0.5 || first > last {
            (top..=bottom).for_each(|row| self.row(&segment, row, bounds));
            return;
        }
        (top..first).for_each(|row| self.row(&segment, row, bounds));
        self.strip(&segment, (first, last), bounds);
        (last + 1..=bottom).for_each(|row| self.row(&segment, row, bounds));
    }

    /// Rows where a steep segment is a strip without ends.
    fn strip(&mut self, segment: &Segment, (first, last): (i32, i32), bounds: Bounds) {
        let (slope, half) = (segment.ux / segment.uy, segment.reach / segment.uy);
        for row in first..=last {
            let center = segment.a.x + (row as f32 - segment.a.y) * slope;
            let left = ceil(center - half).max(bounds.left);
            let right = floor(center + half).min(bounds.right - 1);
            if left > right {
                continue;
            }
            let mut across = (left as f32 - center) * segment.uy;
            let (left, right) = (left as usize, right as usize);
            let span = &mut self.spans[row as usize];
            *span = (span.0.min(left as u32), span.1.max(right as u32 + 1));
            let row_start = row as usize * self.width;
            for cell in &mut self.cells[row_start + left..=row_start + right] {
                *cell = (*cell).max(segment.share(across));
                across += segment.uy;
            }
        }
    }

    fn row(&mut self, segment: &Segment, row: i32, bounds: Bounds) {
        let (from, to) = segment.extent(row as f32);
        let left = ceil(from).max(bounds.left);
        let right = floor(to).min(bounds.right - 1);
        if left > right {
            return;
        }
        let py = row as f32 - segment.a.y;
        let px = left as f32 - segment.a.x;
        let width = (right - left) as f32;
        let (left, right) = (left as usize, right as usize);
        let row_start = row as usize * self.width;
        let span = &mut self.spans[row as usize];
        *span = (span.0.min(left as u32), span.1.max(right as u32 + 1));
        let cells = &mut self.cells[row_start + left..=row_start + right];
        // Away from its ends a capsule is a strip, and the distance to it needs no root.
        let (first, last) = (segment.along(px, py), segment.along(px + width, py));
        if first.min(last) >= 0.0 && first.max(last) <= segment.length {
            let mut across = segment.across(px, py);
            for cell in cells {
                *cell = (*cell).max(segment.share(across));
                across += segment.uy;
            }
            return;
        }
        for (i, cell) in cells.iter_mut().enumerate() {
            *cell = (*cell).max(segment.coverage(px + i as f32, py));
        }
    }

    /// Hands every touched pixel (row, column, coverage) to `blend` and is empty afterwards.
    pub(super) fn drain(&mut self, mut blend: impl FnMut(usize, usize, &[u8])) {
        for row in self.rows.0..self.rows.1 {
            let (left, right) = std::mem::replace(&mut self.spans[row], NO_SPAN);
            if left < right {
                let cells = &mut self.cells[row * self.width + left as usize..row * self.width + right as usize];
                blend(row, left as usize, cells);
                cells.fill(0);
            }
        }
        self.rows = (self.spans.len(), 0);
    }
}

/// A segment from `a` in the direction (ux, uy), with the first end above the second.
struct Segment {
    a: Point,
    ux: f32,
    uy: f32,
    length: f32,
    reach: f32,
    peak: f32,
}

impl Segment {
    /// The columns of a row that the capsule can reach; wider by up to the caps, never narrower.
    fn extent(&self, y: f32) -> (f32, f32) {
        let py = y - self.a.y;
        let b = (self.a.x + self.ux * self.length, self.uy * self.length);
        let low = self.a.x.min(b.0) - self.reach;
        let high = self.a.x.max(b.0) + self.reach;
        if self.uy < 1e-3 {
            return (low, high);
        }
        // Where the row meets the strip around the endless line.
        let center = self.a.x + py * self.ux / self.uy;
        let half = self.reach / self.uy;
        ((center - half).max(low), (center + half).min(high))
    }

    fn along(&self, px: f32, py: f32) -> f32 {
        px * self.ux + py * self.uy
    }

    fn across(&self, px: f32, py: f32) -> f32 {
        px * self.uy - py * self.ux
    }

    /// Coverage at a distance from the middle line.
    fn share(&self, across: f32) -> u8 {
        let share = (self.reach - across.abs()).clamp(0.0, 1.0);
        // The sum is within 0.5 and 255.5, so the cast only cuts.
        (share * self.peak + 0.5) as u8
    }

    fn coverage(&self, px: f32, py: f32) -> u8 {
        let (along, across) = (self.along(px, py), self.across(px, py));
        let beyond = if along < 0.0 {
            along
        } else if along > self.length {
            along - self.length
        } else {
            0.0
        };
        let square = across * across + beyond * beyond;
        if square >= self.reach * self.reach {
            return 0;
        }
        let share = (self.reach - square.sqrt()).min(1.0);
        (share * self.peak + 0.5) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(points: &[Point], width: f32) -> Vec<u8> {
        let mut mask = Mask::new(40, 20);
        mask.polyline(points, width, Bounds { left: 0, top: 0, right: 40, bottom: 20 });
        let mut cells = vec![0; 800];
        mask.drain(|row, left, line| cells[row * 40 + left..row * 40 + left + line.len()].copy_from_slice(line));
        assert!(mask.cells.iter().all(|&c| c == 0), "drained is empty");
        cells
    }

    #[test]
    fn a_line_covers_as_much_as_its_width() {
        for (width, y) in [(1.0, 10.0), (1.5, 10.3), (2.0, 9.75), (0.5, 10.0)] {
            let cells = drawn(&[Point { x: 2.0, y }, Point { x: 37.0, y }], width);
            let column: u32 = (0..20).map(|row| u32::from(cells[row * 40 + 20])).sum();
            assert!((column as f32 / 255.0 - width).abs() < 0.02, "{width}: {}", column as f32 / 255.0);
        }
    }

    #[test]
    fn a_point_is_a_disc() {
        let cells = drawn(&[Point { x: 20.0, y: 10.0 }], 6.0);
        let at = |x: usize, y: usize| cells[y * 40 + x];
        assert_eq!((at(20, 10), at(22, 10), at(20, 12)), (255, 255, 255));
        assert_eq!((at(23, 13), at(17, 7), at(25, 10)), (0, 0, 0), "corners are free");
    }

    #[test]
    fn the_extent_of_a_row_leaves_no_pixel_out() {
        for k in 0..60 {
            let angle = k as f32 * 0.11;
            let (a, b) =
                (Point { x: 20.2, y: 10.4 }, Point { x: 20.2 + 9.0 * angle.cos(), y: 10.4 + 9.0 * angle.sin() });
            let cells = drawn(&[a, b], 1.5);
            let (first, second) = if a.y <= b.y { (a, b) } else { (b, a) };
            let (dx, dy) = (second.x - first.x, second.y - first.y);
            let length = (dx * dx + dy * dy).sqrt();
            let whole = Segment { a: first, ux: dx / length, uy: dy / length, length, reach: 1.25, peak: 255.0 };
            for row in 0..20 {
                for column in 0..40 {
                    let want = whole.coverage(column as f32 - first.x, row as f32 - first.y);
                    let found = cells[row * 40 + column];
                    assert!(found.abs_diff(want) <= 1, "angle {angle}, {column},{row}: {found} {want}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_finite_or_far_away_draws_nothing_and_ends() {
        let far = [Point { x: -3e4, y: -3e8 }, Point { x: -3e4, y: 3e8 }];
        assert!(drawn(&far, 1.5).iter().all(|&c| c == 0));
        let odd = [Point { x: f32::NAN, y: 1.0 }, Point { x: 3.0, y: f32::INFINITY }, Point { x: 1.0, y: 1.0 }];
        assert!(drawn(&odd, 1.5).iter().all(|&c| c == 0));
    }
}
