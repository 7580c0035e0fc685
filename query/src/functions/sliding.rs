//! One value of every window of a series, in time that does not grow with the window.
//!
//! Values are joined within blocks as long as a window, from the left and from the right; a window is the end of one
//! block and the beginning of the next. Nothing is ever taken out again, so neither an infinity nor rounding outlives
//! its window. The median, which cannot be joined, is counted in a tree of ranks.

use crate::aggregation::{Aggregation, Quantile, count_present, is_enough};
use tsdb::{GAP, is_gap};

/// Up to here every window is looked at on its own, in graphite-web's order to the last digit; beyond, that would cost
/// too much.
const DIRECT_POINTS_MAX: usize = 64;

/// The method over each of `values.len() - points + 1` windows. Only what is present counts, in the mean with zeros and
/// the product too.
pub(super) fn over(method: Aggregation, values: &[f64], points: usize, x_files_factor: f64) -> Vec<f64> {
    if points <= DIRECT_POINTS_MAX {
        return directly(method, values, points, x_files_factor);
    }
    let enough = |count: usize| is_enough(count, points, x_files_factor);
    let if_enough = |count: usize, value: f64| if enough(count) { value } else { GAP };
    match method {
        Aggregation::Average | Aggregation::AverageZero => {
            joined(values, points, Sum::of, Sum::join, |all| if_enough(all.count, all.sum / all.count as f64))
        }
        Aggregation::Sum => joined(values, points, Sum::of, Sum::join, |all| if_enough(all.count, all.sum)),
        Aggregation::Count => joined(values, points, Sum::of, Sum::join, |all| if_enough(all.count, all.count as f64)),
        Aggregation::Diff => {
            joined(values, points, Ends::of, Ends::join, |all| if_enough(all.count, all.first - (all.sum - all.first)))
        }
        Aggregation::First => joined(values, points, Ends::of, Ends::join, |all| if_enough(all.count, all.first)),
        Aggregation::Last => joined(values, points, Ends::of, Ends::join, |all| if_enough(all.count, all.last)),
        Aggregation::Min => {
            joined(values, points, Range::of, Range::join, |all| if_enough(all.count, all.known(all.min)))
        }
        Aggregation::Max => {
            joined(values, points, Range::of, Range::join, |all| if_enough(all.count, all.known(all.max)))
        }
        Aggregation::Range => {
            joined(values, points, Range::of, Range::join, |all| if_enough(all.count, all.known(all.max - all.min)))
        }
        Aggregation::Multiply => {
            joined(values, points, Product::of, Product::join, |all| if_enough(all.count, all.product))
        }
        Aggregation::StdDev => joined(values, points, Moments::of, Moments::join, |all| {
            if_enough(all.count, (all.squares / all.count as f64).sqrt())
        }),
        Aggregation::Median => ranked(values, points, |present, select| {
            let middle = present / 2;
            match present % 2 {
                _ if !enough(present) => GAP,
                0 => (select(middle - 1) + select(middle)) / 2.0,
                _ => select(middle),
            }
        }),
        Aggregation::Quantile(quantile) => ranked(values, points, |present, select| match enough(present) {
            true => select(place_of(quantile, present)),
            false => GAP,
        }),
    }
}

fn place_of(quantile: Quantile, present: usize) -> usize {
    (quantile.share() * (present - 1) as f64) as usize
}

fn directly(method: Aggregation, values: &[f64], points: usize, x_files_factor: f64) -> Vec<f64> {
    let mut present = Vec::with_capacity(points);
    let one = |window: &[f64]| {
        if !is_enough(count_present(window), points, x_files_factor) {
            return GAP;
        }
        present.clear();
        present.extend(window.iter().copied().filter(|value| !is_gap(*value)));
        method.over(&present)
    };
    values.windows(points).map(one).collect()
}

fn joined<T: Copy>(
    values: &[f64],
    points: usize,
    of: fn(f64) -> T,
    join: fn(T, T) -> T,
    finish: impl Fn(T) -> f64,
) -> Vec<f64> {
    joined_items(values, points, of(GAP), of, join, finish)
}

/// `of` one item, `nothing` for what changes nothing; `join` two neighbours. Takes as much memory as one window.
pub(super) fn joined_items<I: Copy, T: Copy>(
    values: &[I],
    points: usize,
    nothing: T,
    of: fn(I) -> T,
    join: fn(T, T) -> T,
    finish: impl Fn(T) -> f64,
) -> Vec<f64> {
    let mut answers = Vec::with_capacity((values.len() + 1).saturating_sub(points));
    // What of the block before stands from each place up to its end.
    let mut since: Vec<T> = Vec::new();
    for block in values.chunks(points) {
        let mut until = nothing;
        for (at, value) in block.iter().enumerate() {
            until = join(until, of(*value));
            match since.get(at + 1) {
                _ if at + 1 == points => answers.push(finish(until)),
                Some(since) => answers.push(finish(join(*since, until))),
                // In the first block no window has ended yet.
                None => {}
            }
        }
        since.resize(block.len(), nothing);
        let mut running = nothing;
        for (value, since) in block.iter().zip(&mut since).rev() {
            running = join(of(*value), running);
            *since = running;
        }
    }
    answers
}

#[derive(Clone, Copy)]
struct Sum {
    count: usize,
    sum: f64,
}

impl Sum {
    fn of(value: f64) -> Sum {
        if is_gap(value) { Sum { count: 0, sum: 0.0 } } else { Sum { count: 1, sum: value } }
    }

    fn join(self, next: Sum) -> Sum {
        Sum { count: self.count + next.count, sum: self.sum + next.sum }
    }
}

#[derive(Clone, Copy)]
struct Product {
    count: usize,
    product: f64,
}

impl Product {
    fn of(value: f64) -> Product {
        if is_gap(value) { Product { count: 0, product: 1.0 } } else { Product { count: 1, product: value } }
    }

    fn join(self, next: Product) -> Product {
        Product { count: self.count + next.count, product: self.product * next.product }
    }
}

/// The first and last that are present, and the sum.
#[derive(Clone, Copy)]
struct Ends {
    count: usize,
    first: f64,
    last: f64,
    sum: f64,
}

impl Ends {
    fn of(value: f64) -> Ends {
        let Sum { count, sum } = Sum::of(value);
        Ends { count, first: value, last: value, sum }
    }

    fn join(self, next: Ends) -> Ends {
        match (self.count, next.count) {
            (_, 0) => self,
            (0, _) => next,
            _ => Ends { count: self.count + next.count, first: self.first, last: next.last, sum: self.sum + next.sum },
        }
    }
}

/// Least and greatest of what compares. A NaN in front stays, for no comparison moves it.
#[derive(Clone, Copy)]
struct Range {
    count: usize,
    first: f64,
    min: f64,
    max: f64,
}

impl Range {
    fn of(value: f64) -> Range {
        Range { count: usize::from(!is_gap(value)), first: value, min: value, max: value }
    }

    fn known(self, value: f64) -> f64 {
        if self.first.is_nan() { self.first } else { value }
    }

    fn join(self, next: Range) -> Range {
        match (self.count, next.count) {
            (_, 0) => self,
            (0, _) => next,
            _ => Range {
                count: self.count + next.count,
                first: self.first,
                min: if next.min < self.min || self.min.is_nan() { next.min } else { self.min },
                max: if next.max > self.max || self.max.is_nan() { next.max } else { self.max },
            },
        }
    }
}

/// Mean and sum of squared distances from it, joined as Chan, Golub and LeVeque do: no difference of large sums.
#[derive(Clone, Copy)]
struct Moments {
    count: usize,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn of(value: f64) -> Moments {
        match is_gap(value) {
            true => Moments { count: 0, mean: 0.0, squares: 0.0 },
            false => Moments { count: 1, mean: value, squares: 0.0 },
        }
    }

    fn join(self, next: Moments) -> Moments {
        if self.count == 0 || next.count == 0 {
            return if self.count == 0 { next } else { self };
        }
        let (mine, others) = (self.count as f64, next.count as f64);
        let (all, apart) = (mine + others, next.mean - self.mean);
        let squares = self.squares + next.squares + apart * apart * (mine * others / all);
        Moments { count: self.count + next.count, mean: self.mean + apart * (others / all), squares }
    }
}

/// Windows by the rank of their values: `finish` is told how many are present and may select one by its place among
/// them. Time is that of sorting the series once and a path through a tree for each step.
fn ranked(values: &[f64], points: usize, finish: impl Fn(usize, &dyn Fn(usize) -> f64) -> f64) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !is_gap(*value)).collect();
    sorted.sort_by(f64::total_cmp);
    let rank = |value: f64| sorted.partition_point(|other| other.total_cmp(&value).is_lt());
    let mut tree = Ranks { counts: vec![0; sorted.len() + 1] };
    let mut present = 0;
    let mut answers = Vec::with_capacity((values.len() + 1).saturating_sub(points));
    for (at, value) in values.iter().enumerate() {
        if !is_gap(*value) {
            tree.change(rank(*value), 1);
            present += 1;
        }
        if let Some(dropped) = at.checked_sub(points).map(|at| values[at]).filter(|value| !is_gap(*value)) {
            tree.change(rank(dropped), -1);
            present -= 1;
        }
        if at + 1 >= points {
            answers.push(finish(present, &|place| sorted[tree.select(place)]));
        }
    }
    answers
}

/// Fenwick's tree: how many values of each rank a window holds.
struct Ranks {
    counts: Vec<i32>,
}

impl Ranks {
    fn change(&mut self, rank: usize, by: i32) {
        let mut at = rank + 1;
        while let Some(count) = self.counts.get_mut(at) {
            *count += by;
            at += at & at.wrapping_neg();
        }
    }

    /// The rank of the value that stands at a place, counted from 0, of those that the window holds.
    fn select(&self, place: usize) -> usize {
        let mut left = place as i32;
        let (mut at, mut leap) = (0, self.counts.len().next_power_of_two());
        while leap > 0 {
            if let Some(count) = self.counts.get(at + leap).filter(|count| **count <= left) {
                left -= count;
                at += leap;
            }
            leap /= 2;
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn long_windows_are_computed_as_short_ones_are(
            values in proptest::collection::vec(prop_oneof![3 => -1e3..1e3, 1 => Just(GAP), 1 => Just(7.0)], 66..220),
            points in 65usize..100,
            x_files_factor in 0.0..1.0,
        ) {
            prop_assume!(points <= values.len());
            let words = Aggregation::WORDS.iter().filter(|word| **word != "multiply").chain(&["quantile:0.3"]);
            for method in words.map(|word| Aggregation::parse(word).unwrap()).chain([Aggregation::First]) {
                let given = over(method, &values, points, x_files_factor);
                let expected = directly(method, &values, points, x_files_factor);
                prop_assert_eq!(given.len(), expected.len());
                for (given, expected) in given.iter().zip(expected) {
                    prop_assert_eq!(is_gap(*given), is_gap(expected), "{:?}", method);
                    prop_assert!(is_gap(expected) || (given - expected).abs() < 1e-9, "{:?}", method);
                }
            }
        }
    }

    #[test]
    fn products_of_long_windows_leave_gaps_out() {
        let mut values = vec![1.5; 140];
        values[7] = GAP;
        let expected = directly(Aggregation::Multiply, &values, 70, 0.0);
        for (given, expected) in over(Aggregation::Multiply, &values, 70, 0.0).iter().zip(expected) {
            assert!((given - expected).abs() < 1e-9 * expected);
        }
    }
}
