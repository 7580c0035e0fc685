//! Ring arithmetic: the moment at slot 0, the base, gives every other moment its slot. The wrap-around is written here
//! and nowhere else. Values in, values out: no file is touched.

use crate::retention::Archive;
use std::ops::Range;

/// The slot of the step that begins at `at`, when slot 0 holds the step that begins at `base`.
pub(crate) fn slot(archive: Archive, base: i64, at: i64) -> u32 {
    let steps = at.saturating_sub(base).div_euclid(i64::from(archive.step.secs()));
    let slot = steps.rem_euclid(i64::from(archive.points));
    u32::try_from(slot).expect("a remainder of a u32 fits in one")
}

/// The slots from `first` up to but without `end`, in time order, as one or two stretches of the ring. Equal slots mean
/// the whole ring, beginning there.
pub(crate) fn stretches(archive: Archive, first: u32, end: u32) -> [Range<u32>; 2] {
    if first < end { [first..end, 0..0] } else { [first..archive.points, 0..end] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Step;

    #[test]
    fn wraps_in_both_directions() {
        let ring = Archive { step: Step::new(10).unwrap(), points: 6 };
        let slots = [1000, 1010, 1050, 1060, 990, 940, -1_000_000].map(|at| slot(ring, 1000, at));
        assert_eq!(slots, [0, 1, 5, 0, 5, 0, 4]);
        assert_eq!(stretches(ring, 1, 4), [1..4, 0..0]);
        assert_eq!(stretches(ring, 4, 1), [4..6, 0..1]);
        assert_eq!(stretches(ring, 3, 3), [3..6, 0..3]);
        assert_eq!(stretches(ring, 0, 0), [0..6, 0..0]);
    }
}
