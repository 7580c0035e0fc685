//! No extreme is lost, whatever the data, its gaps and its alignment to the columns.

use super::*;
use proptest::prelude::*;

fn run_lengths(runs: &Runs) -> Vec<usize> {
    runs.iter().map(<[_]>::len).collect()
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        8 => -1e3..1e3_f64,
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => prop_oneof![Just(1e300), Just(-1e300), Just(0.0)],
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn every_column_shows_the_range_of_its_data(
        values in prop::collection::vec(value(), 1..3000),
        start in -500.0..500.0_f64,
        step in 1.0..20.0_f64,
        count in 1_usize..120,
    ) {
        let points = Points { values: &values, start, step };
        let columns = Columns { from: 0.0, secs: 5000.0 / count as f64, count };
        let runs = extremes(&points, &columns, Bridge::Never);
        let drawn: Vec<(f64, f64)> = runs.iter().flatten().copied().collect();
        prop_assert!(drawn.windows(2).all(|pair| pair[0].0 < pair[1].0), "in order of time");
        for column in 0..count {
            let (from, to) = (column as f64 * columns.secs, (column + 1) as f64 * columns.secs);
            let inside = |t: f64| t >= from && t < to;
            let of_data = (0..values.len()).filter(|&i| inside(points.time(i)) && values[i].is_finite());
            let of_data: Vec<f64> = of_data.map(|i| values[i]).collect();
            let shown: Vec<f64> = drawn.iter().filter(|(t, _)| inside(*t)).map(|&(_, v)| v).collect();
            let low = |all: &[f64]| all.iter().copied().fold(f64::INFINITY, f64::min);
            let high = |all: &[f64]| all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            prop_assert_eq!(low(&of_data), low(&shown));
            prop_assert_eq!(high(&of_data), high(&shown));
        }
    }

    #[test]
    fn a_gap_of_a_column_breaks_the_line_and_less_does_not(at in 100_usize..900, absent in 1_usize..60) {
        let mut values = vec![1.0; 1000];
        values[at..(at + absent).min(1000)].fill(f64::NAN);
        let points = Points { values: &values, start: 0.0, step: 1.0 };
        let columns = Columns { from: 0.0, secs: 20.0, count: 50 };
        let pieces = extremes(&points, &columns, Bridge::Never).iter().count();
        prop_assert_eq!(pieces, if absent >= 20 && at + absent < 1000 { 2 } else { 1 });
        prop_assert_eq!(extremes(&points, &columns, Bridge::UpTo(60)).iter().count(), 1);
    }
}

#[test]
fn gaps_break_unless_bridged() {
    let values = [1.0, 2.0, f64::NAN, 3.0, f64::NAN, f64::NAN, 4.0];
    let points = Points { values: &values, start: 0.0, step: 1.0 };
    assert_eq!(run_lengths(&every(&points, Bridge::Never)), [2, 1, 1]);
    assert_eq!(run_lengths(&every(&points, Bridge::UpTo(1))), [3, 1]);
    assert_eq!(run_lengths(&every(&points, Bridge::UpTo(usize::MAX))), [4]);
}

#[test]
fn stairs_hold_each_value_for_its_step() {
    let points = Points { values: &[1.0, 2.0], start: 0.0, step: 10.0 };
    let stairs = every(&points, Bridge::Never).staircase(10.0);
    let all: Vec<_> = stairs.iter().flatten().copied().collect();
    assert_eq!(all, [(0.0, 1.0), (10.0, 1.0), (10.0, 2.0), (20.0, 2.0)]);
}

#[test]
fn averages_keep_sums_and_bridge_wide_steps() {
    let values: Vec<f64> = (0..100).map(f64::from).collect();
    let columns = Columns { from: 0.0, secs: 10.0, count: 10 };
    let means = averages(&Points { values: &values, start: 0.0, step: 1.0 }, &columns);
    assert_eq!(means, (0..10).map(|c| f64::from(c) * 10.0 + 4.5).collect::<Vec<_>>());
    let wide = averages(&Points { values: &[0.0, 40.0], start: 0.0, step: 40.0 }, &columns);
    assert_eq!(&wide[1..4], [15.0, 25.0, 35.0]);
    assert!(wide[5].is_nan());
}

#[test]
fn graphite_groups_count_from_the_first_point() {
    let values: Vec<f64> = (0..10).map(f64::from).collect();
    let points = Points { values: &values, start: 0.0, step: 60.0 };
    let columns = Columns { from: 0.0, secs: 150.0, count: 4 };
    let (max, step) = consolidated(&points, &columns, Consolidation::Max, 0.0);
    assert_eq!((max, step), (vec![2.0, 5.0, 8.0, 9.0], 180.0));
}
