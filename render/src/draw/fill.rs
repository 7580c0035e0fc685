//! Antialiased areas. Every edge of a polygon adds its signed share of each pixel it crosses to an accumulator; the
//! running sum along a row is then the coverage. A row has one colour, so a gradient from top to bottom costs nothing
//! more than a flat fill. Only `f32`: the same on every CPU.

use super::canvas::{Paint, Point};
use super::color::Color;
use super::stroke::Bounds;

/// Rows accumulated at a time: few enough that the accumulator stays in a near cache.
const BAND: usize = 32;

/// Sums of one band of rows, four bytes a pixel of it; reused from area to area.
pub(super) struct Accumulator {
    width: usize,
    cells: Vec<f32>,
    /// Touched columns of every row of the band.
    spans: [(usize, usize); BAND],
}

const NO_SPAN: (usize, usize) = (usize::MAX, 0);

impl Accumulator {
    pub(super) fn new(width: usize) -> Accumulator {
        // Two more, for what leaves on the right.
        Accumulator { width: width + 2, cells: vec![0.0; (width + 2) * BAND], spans: [NO_SPAN; BAND] }
    }

    /// Covers a polygon in device pixels within `bounds`; calls `paint` with each row's first column and coverage
    /// from 0 to 1.
    pub(super) fn polygon(&mut self, outline: &[Point], bounds: Bounds, mut paint: impl FnMut(usize, usize, &[f32])) {
        let finite = outline.iter().all(|p| p.x.is_finite() && p.y.is_finite());
        let Some(last) = outline.last().filter(|_| finite && bounds.left < bounds.right) else { return };
        let highest = outline.iter().fold(f32::INFINITY, |y, p| y.min(p.y)).max(bounds.top as f32);
        let lowest = outline.iter().fold(f32::NEG_INFINITY, |y, p| y.max(p.y)).min(bounds.bottom as f32);
        let mut top = highest as i32;
        while (top as f32) < lowest {
            let bottom = (top + BAND as i32).min(bounds.bottom);
            let band = Bounds { top, bottom, ..bounds };
            let mut from = *last;
            for &to in outline {
                self.edge(from, to, band);
                from = to;
            }
            self.drain(band, &mut paint);
            top = bottom;
        }
    }

    /// Adds the part of an edge that is within the band's rows.
    fn edge(&mut self, from: Point, to: Point, band: Bounds) {
        let (sign, upper, lower) = if from.y < to.y { (1.0, from, to) } else { (-1.0, to, from) };
        let (start, end) = (upper.y.max(band.top as f32), lower.y.min(band.bottom as f32));
        if start >= end {
            return;
        }
        let slope = (lower.x - upper.x) / (lower.y - upper.y);
        let at = |y: f32| upper.x + (y - upper.y) * slope;
        let mut y = start;
        let mut x = at(y);
        let mut row = start as i32;
        while y < end {
            let next_y = ((row + 1) as f32).min(end);
            let next_x = if next_y == lower.y { lower.x } else { at(next_y) };
            self.piece((row - band.top) as usize, (x, next_x), (next_y - y) * sign, band);
            (x, y) = (next_x, next_y);
            row += 1;
        }
    }

    /// A piece of an edge within one row, from one x to another, `height` of the row high (negative when upwards).
    fn piece(&mut self, row: usize, (from, to): (f32, f32), height: f32, band: Bounds) {
        let (left, right) = (band.left as f32, band.right as f32);
        let (a, b) = (from.min(to).clamp(left, right), from.max(to).clamp(left, right));
        let (first, last) = (a as usize, b as usize);
        let span = &mut self.spans[row];
        *span = (span.0.min(first), span.1.max(last + 2));
        let cells = &mut self.cells[row * self.width..(row + 1) * self.width];
        if first == last {
            // Within one pixel: what is right of the middle of the piece.
            let passed = (a + b) / 2.0 - first as f32;
            cells[first] += height * (1.0 - passed);
            cells[first + 1] += height * passed;
            return;
        }
        let per_pixel = height / (b - a);
        let mut covered = 0.0;
        for (column, cell) in (first..=last).zip(&mut cells[first..=last]) {
            let (from, to) = (a.max(column as f32), b.min((column + 1) as f32));
            // Of the height crossed in this pixel, what is right of it within the pixel; of all before, the whole.
            let crossed = (to - from) * per_pixel;
            let total = (from - a) * per_pixel + crossed * (1.0 - ((from + to) / 2.0 - column as f32));
            *cell += total - covered;
            covered = total;
        }
        cells[last + 1] += height - covered;
    }

    fn drain(&mut self, band: Bounds, paint: &mut impl FnMut(usize, usize, &[f32])) {
        for row in 0..(band.bottom - band.top) as usize {
            let (left, right) = std::mem::replace(&mut self.spans[row], NO_SPAN);
            if left >= right {
                continue;
            }
            let cells = &mut self.cells[row * self.width + left..row * self.width + right.min(self.width)];
            let mut sum = 0.0_f32;
            for cell in cells.iter_mut() {
                sum += *cell;
                *cell = sum.abs().min(1.0);
            }
            let visible = (band.right as usize).saturating_sub(left).min(cells.len());
            paint(band.top as usize + row, left, &cells[..visible]);
            cells.fill(0.0);
        }
    }
}

/// The colour of a row whose centre is at `y`, in the unit of the paint.
pub(super) fn color_at(paint: &Paint, y: f32) -> Color {
    match *paint {
        Paint::Flat(color) => color,
        Paint::Fall { from, to, from_y, to_y } => {
            let share = if to_y > from_y { ((y - from_y) / (to_y - from_y)).clamp(0.0, 1.0) } else { 1.0 };
            let mix = |a: u8, b: u8| (f32::from(a) + (f32::from(b) - f32::from(a)) * share + 0.5) as u8;
            Color { r: mix(from.r, to.r), g: mix(from.g, to.g), b: mix(from.b, to.b), a: mix(from.a, to.a) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(outline: &[(f32, f32)], bounds: Bounds) -> f32 {
        let outline: Vec<Point> = outline.iter().map(|&(x, y)| Point { x, y }).collect();
        let mut sum = 0.0;
        let mut accumulator = Accumulator::new(60);
        accumulator.polygon(&outline, bounds, |row, left, coverage| {
            assert!((bounds.top as usize..bounds.bottom as usize).contains(&row));
            assert!(left >= bounds.left as usize && left + coverage.len() <= bounds.right as usize);
            sum += coverage.iter().sum::<f32>();
        });
        assert!(accumulator.cells.iter().all(|&c| c == 0.0), "drained is empty");
        sum
    }

    const ALL: Bounds = Bounds { left: 0, top: 0, right: 60, bottom: 80 };

    #[test]
    fn coverage_adds_up_to_the_area() {
        let check = |outline: &[(f32, f32)], want: f32| {
            let found = area(outline, ALL);
            assert!((found - want).abs() < 0.01 * want.max(1.0), "{outline:?}: {found} instead of {want}");
        };
        check(&[(3.25, 2.5), (23.75, 2.5), (23.75, 72.5), (3.25, 72.5)], 20.5 * 70.0);
        check(&[(10.0, 10.0), (50.0, 10.0), (10.0, 70.0)], 40.0 * 60.0 / 2.0);
        check(&[(10.2, 10.1), (10.9, 10.1), (10.2, 10.8)], 0.7 * 0.7 / 2.0);
        check(&[(5.0, 5.0), (55.0, 5.3), (55.0, 5.6)], 50.0 * 0.3 / 2.0);
    }

    #[test]
    fn what_is_outside_is_cut_off() {
        let bounds = Bounds { left: 10, top: 20, right: 30, bottom: 40 };
        let found = area(&[(-1e4, -1e4), (1e4, -1e4), (1e4, 1e4), (-1e4, 1e4)], bounds);
        assert!((found - 400.0).abs() < 0.1, "{found}");
        let steep = area(&[(10.0, 40.0), (20.0, -3e4), (30.0, 40.0)], bounds);
        assert!(steep > 385.0 && steep <= 400.0, "{steep}");
        assert_eq!(area(&[(f32::NAN, 0.0), (1.0, 1.0), (2.0, 5.0)], bounds), 0.0);
        assert_eq!(area(&[], bounds), 0.0);
    }
}
