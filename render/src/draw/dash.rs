//! Cuts a polyline into dashes by length along the line. SVG has this built in; the pixels sink asks here.

use super::canvas::{Dash, Point};

/// A line longer than this many dashes is drawn solid: the dashes would be smaller than what can be told apart.
const PIECES_MAX: f32 = 20_000.0;

/// Calls `piece` with every dash in turn.
pub(super) fn cut(points: &[Point], dash: Dash, mut piece: impl FnMut(&[Point])) {
    let length: f32 = points.windows(2).map(|pair| distance(pair[0], pair[1])).sum();
    let period = dash.on + dash.off;
    let dashes = length / period;
    if !(dash.on > 0.0 && dash.off > 0.0 && dashes < PIECES_MAX) {
        piece(points);
        return;
    }
    let Some(&first) = points.first() else { return };
    let mut current = vec![first];
    let (mut drawing, mut left) = (true, dash.on);
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        let mut rest = distance(from, to);
        while rest > left {
            let share = left / rest;
            from = Point { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
            rest -= left;
            if drawing {
                current.push(from);
                piece(&current);
            }
            drawing = !drawing;
            left = if drawing { dash.on } else { dash.off };
            current.clear();
            current.push(from);
        }
        left -= rest;
        current.push(to);
    }
    if drawing {
        piece(&current);
    }
}

fn distance(a: Point, b: Point) -> f32 {
    let (dx, dy) = (b.x - a.x, b.y - a.y);
    (dx * dx + dy * dy).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_run_on_over_corners() {
        let corner = [Point { x: 0.0, y: 0.0 }, Point { x: 10.0, y: 0.0 }, Point { x: 10.0, y: 10.0 }];
        let mut lengths = Vec::new();
        cut(&corner, Dash { on: 6.0, off: 2.0 }, |piece| {
            lengths.push(piece.windows(2).map(|pair| distance(pair[0], pair[1])).sum::<f32>());
        });
        assert_eq!(lengths, [6.0, 6.0, 4.0]);
    }

    #[test]
    fn what_cannot_be_cut_is_drawn_whole() {
        let line = [Point { x: 0.0, y: 0.0 }, Point { x: 1e9, y: 0.0 }];
        for dash in [Dash { on: 0.0, off: 0.0 }, Dash { on: f32::NAN, off: 1.0 }, Dash { on: 1.0, off: 1.0 }] {
            let mut pieces = 0;
            cut(&line, dash, |_| pieces += 1);
            assert_eq!(pieces, 1);
        }
    }
}
