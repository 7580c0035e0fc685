//! What a coarser archive keeps of the finer values in one of its slots: enough for every aggregation method and x-files
//! factor, so that both can be asked at read time. Parts of a slot merge without loss, in the order of time. A value that
//! was given for the coarser slot itself (imported, or older than all that finer archives keep) stands as it is.

use crate::gap::{GAP, is_gap};
use crate::rollup::Rollup;

/// Sum, count, extremes and last of the values in a slot. 64 bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rolled {
    sum: f64,
    count: f64,
    min: f64,
    max: f64,
    last: f64,
    /// The value closest to zero, as it was.
    nearest: f64,
    /// The value of the slot where it does not come from finer ones.
    given: f64,
    /// The sum to whoever asks for sums: a given value is the sum of its own slot, and not that of as many finer ones.
    total: f64,
}

/// Stored in the place of a given value: the slot is known to hold none.
pub(crate) const VOID: f64 = f64::from_bits(0x7ff8_0000_766f_6964);

impl Rolled {
    /// Of no value.
    pub const NONE: Rolled =
        Rolled { sum: 0.0, count: 0.0, min: GAP, max: GAP, last: GAP, nearest: GAP, given: GAP, total: 0.0 };
    /// How many numbers it is stored as.
    pub const FIELDS: usize = 8;
    /// Which of them is a given value.
    pub(crate) const GIVEN: usize = 6;

    /// Of a slot of so many finer ones that was given its value. A coarser slot sees all of them hold it.
    pub fn given(value: f64, points: u32) -> Rolled {
        if is_gap(value) {
            return Rolled::NONE;
        }
        let count = f64::from(points);
        Rolled {
            sum: value * count,
            count,
            min: value,
            max: value,
            last: value,
            nearest: value,
            given: value,
            total: value,
        }
    }

    /// Whether it is of no value.
    pub fn is_none(&self) -> bool {
        self.count == 0.0
    }

    /// Whether its value was given, and does not come from finer ones.
    pub(crate) fn is_given(&self) -> bool {
        !is_gap(self.given)
    }

    /// Whether it is of at least half of the `points` finer slots.
    pub(crate) fn is_of_most(&self, points: u32) -> bool {
        2.0 * self.count >= f64::from(points)
    }

    /// Takes one more value, later than those before; a gap is none.
    #[inline]
    pub fn add(&mut self, value: f64) {
        if !is_gap(value) {
            self.merge(&Rolled { given: GAP, ..Rolled::given(value, 1) });
        }
    }

    /// Takes what was kept of a later part of the slot. Of equal extremes the first stays, as whisper has it.
    #[inline]
    pub fn merge(&mut self, later: &Rolled) {
        if later.count == 0.0 {
            return;
        }
        if self.count == 0.0 {
            // Sums start from zero, so that of -0.0 alone comes 0.0.
            *self = Rolled { sum: 0.0 + later.sum, total: 0.0 + later.total, given: GAP, ..*later };
            return;
        }
        self.given = GAP;
        self.sum += later.sum;
        self.total += later.total;
        self.count += later.count;
        if later.min < self.min {
            self.min = later.min;
        }
        if later.max > self.max {
            self.max = later.max;
        }
        if later.nearest.abs() < self.nearest.abs() {
            self.nearest = later.nearest;
        }
        self.last = later.last;
    }

    /// The value of the slot, of `points` finer ones; [`GAP`] when fewer are known than the factor asks for.
    pub fn value(&self, rollup: Rollup, x_files_factor: f64, points: u32) -> f64 {
        if !is_gap(self.given) {
            return self.given;
        }
        let points = f64::from(points);
        if self.count == 0.0 || self.count / points < x_files_factor {
            return GAP;
        }
        match rollup {
            Rollup::Average => self.sum / self.count,
            Rollup::Sum => self.total,
            Rollup::Last => self.last,
            Rollup::Max => self.max,
            Rollup::Min => self.min,
            Rollup::AverageZero => self.sum / points,
            Rollup::AbsMax if self.min.abs() > self.max.abs() => self.min,
            Rollup::AbsMax => self.max,
            Rollup::AbsMin => self.nearest,
        }
    }

    /// As the numbers that are stored, all gaps when there is no value. The nearest to zero is one of the extremes unless
    /// the values lie on both sides of it; only then is it a number of its own.
    pub fn fields(&self) -> [f64; Rolled::FIELDS] {
        if self.count == 0.0 {
            return [GAP; Rolled::FIELDS];
        }
        if !is_gap(self.given) {
            return [GAP, GAP, GAP, GAP, GAP, GAP, self.given, GAP];
        }
        let derived = same(self.nearest, self.min) || same(self.nearest, self.max);
        let nearest = if derived { GAP } else { self.nearest };
        let total = if same(self.total, self.sum) { GAP } else { self.total };
        [self.sum, self.count, self.min, self.max, self.last, nearest, GAP, total]
    }

    /// The numbers that say that a slot holds no value, whatever was stored of it before.
    pub fn void_fields() -> [f64; Rolled::FIELDS] {
        [GAP, GAP, GAP, GAP, GAP, GAP, VOID, GAP]
    }

    /// From the numbers that were stored, of a slot of so many finer ones; `None` where nothing was stored.
    pub fn from_fields(
        [sum, count, min, max, last, nearest, given, total]: [f64; Rolled::FIELDS],
        points: u32,
    ) -> Option<Rolled> {
        if same(given, VOID) {
            return Some(Rolled::NONE);
        }
        if !is_gap(given) {
            return Some(Rolled::given(given, points));
        }
        if is_gap(count) {
            return None;
        }
        let extreme = if max.abs() < min.abs() { max } else { min };
        let nearest = if is_gap(nearest) { extreme } else { nearest };
        let total = if is_gap(total) { sum } else { total };
        Some(Rolled { sum, count, min, max, last, nearest, given: GAP, total })
    }
}

fn same(one: f64, other: f64) -> bool {
    one.to_bits() == other.to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rolled(values: &[f64]) -> Rolled {
        let mut rolled = Rolled::NONE;
        values.iter().for_each(|value| rolled.add(*value));
        rolled
    }

    #[test]
    fn a_slot_without_enough_values_is_a_gap() {
        let half = rolled(&[1.0, GAP, 3.0, GAP]);
        assert_eq!(half.value(Rollup::Average, 0.5, 4), 2.0);
        assert!(is_gap(half.value(Rollup::Average, 0.51, 4)));
        assert!(is_gap(Rolled::NONE.value(Rollup::Sum, 0.0, 4)));
        assert_eq!(rolled(&[-0.0]).value(Rollup::Sum, 0.0, 1).to_bits(), 0.0f64.to_bits());
    }

    #[test]
    fn a_given_value_stands_until_it_is_part_of_a_coarser_slot() {
        let given = Rolled::given(0.1, 6);
        assert_eq!(Rolled::from_fields(given.fields(), 6), Some(given));
        assert_eq!(Rollup::ALL.map(|rollup| given.value(rollup, 1.0, 6)), [0.1; 8]);
        let mut coarse = Rolled::NONE;
        coarse.merge(&given);
        coarse.merge(&Rolled::given(0.3, 6));
        assert_eq!(coarse.value(Rollup::Sum, 1.0, 12), 0.1 + 0.3);
        assert_eq!(coarse.value(Rollup::Average, 1.0, 12), (0.1 * 6.0 + 0.3 * 6.0) / 12.0);
        let stored = Rolled::from_fields(coarse.fields(), 12).expect("stored");
        assert_eq!(stored.fields().map(f64::to_bits), coarse.fields().map(f64::to_bits));
        assert!(Rolled::from_fields(Rolled::void_fields(), 6).is_some_and(|void| void.is_none()));
        assert_eq!(Rolled::from_fields([GAP; Rolled::FIELDS], 6), None);
    }

    proptest! {
        /// Whatever the values, wherever they are cut, whether stored in between or not: what whisper's methods give.
        #[test]
        fn parts_merge_to_what_the_whole_gives(
            values in prop::collection::vec(prop_oneof![(-50i32..50).prop_map(f64::from), Just(GAP)], 1..40),
            cut in 0usize..40,
        ) {
            let (first, second) = values.split_at(cut.min(values.len()));
            let stored = |part: &[f64]| Rolled::from_fields(rolled(part).fields(), 40).unwrap_or(Rolled::NONE);
            let mut merged = stored(first);
            merged.merge(&stored(second));
            for rollup in Rollup::ALL {
                let expected = rollup.apply(&values).unwrap_or(GAP);
                let got = merged.value(rollup, 0.0, values.len() as u32);
                // Of 3 and -3 both are closest to zero: which of them comes first is not kept.
                let tied = matches!(rollup, Rollup::AbsMin | Rollup::AbsMax) && got.abs() == expected.abs();
                prop_assert!(got.to_bits() == expected.to_bits() || tied, "{}: {} not {}", rollup, got, expected);
            }
        }
    }
}
