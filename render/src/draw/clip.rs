//! Cuts a polygon to a box, edge by edge (Sutherland and Hodgman). Lines are cut by their mask and SVG has its own
//! clip paths; only the fills of the pixels sink need this.

use super::canvas::{Point, Rect};

/// The part of the polygon within the box; may be empty.
pub(super) fn polygon(outline: &[Point], to: Rect) -> Vec<Point> {
    let mut points = outline.to_vec();
    let inside = |p: &Point| p.x >= to.left && p.x <= to.right && p.y >= to.top && p.y <= to.bottom;
    if points.iter().all(inside) {
        return points;
    }
    points = edge(&points, |p| p.x - to.left);
    points = edge(&points, |p| to.right - p.x);
    points = edge(&points, |p| p.y - to.top);
    edge(&points, |p| to.bottom - p.y)
}

/// Keeps what is on the side where `depth` is not negative.
fn edge(points: &[Point], depth: impl Fn(&Point) -> f32) -> Vec<Point> {
    let mut kept = Vec::with_capacity(points.len() + 4);
    let Some(mut last) = points.last() else { return kept };
    for point in points {
        let (before, here) = (depth(last), depth(point));
        if (before < 0.0) != (here < 0.0) {
            let share = before / (before - here);
            kept.push(Point { x: last.x + (point.x - last.x) * share, y: last.y + (point.y - last.y) * share });
        }
        if here >= 0.0 {
            kept.push(*point);
        }
        last = point;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_above_the_frame_is_cut_along_its_slopes() {
        let peak = [Point { x: 0.0, y: 10.0 }, Point { x: 5.0, y: -10.0 }, Point { x: 10.0, y: 10.0 }];
        let cut = polygon(&peak, Rect::new(0.0, 0.0, 10.0, 10.0));
        let corner = |x, y| cut.iter().any(|p| (p.x - x as f32).abs() < 1e-5 && (p.y - y as f32).abs() < 1e-5);
        assert_eq!(cut.len(), 4, "{cut:?}");
        assert!(corner(0.0, 10.0) && corner(10.0, 10.0) && corner(2.5, 0.0) && corner(7.5, 0.0), "{cut:?}");
        assert!(polygon(&peak, Rect::new(20.0, 0.0, 5.0, 5.0)).is_empty());
    }
}
