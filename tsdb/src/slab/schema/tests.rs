//! A schema beside a map in memory: random points in, late, early and out of order, with commits, upkeep, kills and
//! restarts between them; whatever is read must be what the map says.

use super::*;
use crate::rollup::Rollup;
use crate::slab::heap::Dice;
use crate::slab::rolled::Rolled;
use crate::time::{Step, Window};
use std::collections::BTreeMap;

const SERIES: u32 = 5;

struct Model {
    folder: tempfile::TempDir,
    retention: Retention,
    schema: Option<Schema>,
    /// By column and slot of the finest archive.
    points: BTreeMap<(u32, i64), f64>,
    now: i64,
}

impl Model {
    fn new(retention: &str) -> Model {
        let retention = Retention::parse(retention).expect("a retention");
        let folder = tempfile::tempdir().expect("a folder");
        let mut model = Model { folder, retention, schema: None, points: BTreeMap::new(), now: 1_700_000_000 };
        model.restart();
        model
    }

    fn restart(&mut self) {
        self.schema = None;
        let keys = (0..SERIES).map(|column| (Key { column, generation: 0 }, None));
        let faults = Arc::new(Faults::new(10));
        let (schema, recovery) =
            Schema::open(self.folder.path(), self.retention.clone(), keys, faults, 4_000_000).expect("opened");
        assert_eq!(recovery.torn_rows, 0);
        self.schema = Some(schema);
    }

    fn schema(&self) -> &Schema {
        self.schema.as_ref().expect("open")
    }

    fn put(&mut self, column: u32, at: i64, value: f64) {
        let key = Key { column, generation: 0 };
        let put = self.schema().writer(Timestamp(self.now)).put(key, Timestamp(at), value).expect("put");
        assert_eq!(put, Put::Taken);
        let step = i64::from(self.retention.archives()[0].step.secs());
        self.points.insert((column, at - at.rem_euclid(step)), value);
    }

    fn commit(&self) {
        self.schema().commit(Timestamp(self.now), false).expect("committed");
        assert_eq!(self.schema().faults.slots_lost.value(), 0);
    }

    fn check(&self, column: u32, rollup: Rollup, age: i64, length: i64) {
        let window = Window { from: Timestamp(self.now - age), until: Timestamp(self.now - age + length) };
        let key = Key { column, generation: 0 };
        let fetched =
            self.schema().fetch(key, rollup, 0.0, window, Timestamp(self.now)).expect("fetched").expect("covered");
        let step = i64::from(fetched.step.secs());
        let mut at = fetched.start.0;
        for value in &fetched.values {
            let mut rolled = Rolled::NONE;
            let points: Vec<f64> =
                self.points.range((column, at)..(column, at + step)).map(|(_, value)| *value).collect();
            points.iter().for_each(|value| rolled.add(*value));
            let ratio = (step / i64::from(self.retention.archives()[0].step.secs())) as u32;
            let expected = rolled.value(rollup, 0.0, ratio);
            assert!(
                value.to_bits() == expected.to_bits() || (value - expected).abs() <= 1e-9 * expected.abs(),
                "column {column} at {at}, step {step}, now {}, {rollup}: {value} and not {expected} of {points:?}",
                self.now
            );
            at += step;
        }
        assert_eq!(at, fetched.end.0);
        assert!(self.schema().faults.recent().is_empty(), "{:?}", self.schema().faults.recent());
    }
}

fn run(retention: &str, seed: u64, rounds: usize) {
    let mut dice = Dice(seed);
    let mut model = Model::new(retention);
    let step = i64::from(model.retention.archives()[0].step.secs());
    let kept = model.retention.archives()[0].retention_secs();
    let all = model.retention.archives().last().map_or(0, crate::Archive::retention_secs);
    let begun = model.now;
    for round in 0..rounds {
        match dice.roll(20) {
            0..10 => {
                for column in 0..SERIES {
                    if dice.roll(4) > 0 {
                        let at = model.now - dice.roll(2 * step as u64) as i64;
                        model.put(column, at, dice.roll(1000) as f64);
                    }
                }
            }
            10 | 11 => {
                // Of any age that the finest archive keeps, but not before the first, and a little ahead.
                let oldest = (model.now - begun).min(kept - 2 * step).max(1);
                let at = model.now - dice.roll(oldest as u64) as i64 + dice.roll(3 * step as u64) as i64;
                model.put(dice.roll(u64::from(SERIES)) as u32, at, dice.roll(1000) as f64);
            }
            12 => {
                model.schema().upkeep(Timestamp(model.now)).expect("upkeep");
            }
            13 if dice.roll(6) == 0 => model.schema().write_late_into_rows().expect("written"),
            13 if dice.roll(4) == 0 => {
                model.commit();
                model.restart();
            }
            14 if dice.roll(20) == 0 => model.now += dice.roll(kept as u64 / 3) as i64,
            _ => {
                let column = dice.roll(u64::from(SERIES)) as u32;
                let age = 1 + dice.roll((all - 2 * step) as u64) as i64;
                let age = if dice.roll(2) == 0 { 1 + age % kept.min(600) } else { age };
                model.check(column, Rollup::ALL[dice.roll(5) as usize], age, 1 + dice.roll(age as u64) as i64);
            }
        }
        model.now += dice.roll(2 * step as u64) as i64 / 2;
        if dice.roll(2) == 0 || round % 7 == 0 {
            model.commit();
        }
    }
}

#[test]
fn whatever_came_in_is_read_as_a_map_would_have_it() {
    for seed in 1..=6 {
        run("1s:20m,10s:2h,60s:6h", seed, 6000);
    }
}

#[test]
fn odd_steps_and_short_retentions_too() {
    for (i, retention) in ["7s:1h,21s:3h,420s:2d", "10s:10m", "1s:2m,1m:2h", "60s:1d,1h:30d"].iter().enumerate() {
        run(retention, 100 + i as u64, 4000);
    }
}

#[test]
fn a_late_point_beyond_the_finest_retention_is_given_to_the_archive_that_covers_it() {
    let mut model = Model::new("10s:10m,60s:2h,600s:1d");
    let now = Timestamp(model.now);
    let key = Key { column: 1, generation: 0 };
    let put = |at: i64, value| model.schema().writer(now).put(key, Timestamp(at), value).expect("put");
    let old = now.0 - 3000;
    assert_eq!(put(old, 7.0), Put::Taken);
    assert_eq!(put(old + 60, 9.0), Put::Taken);
    assert_eq!(put(now.0 - 100_000, 1.0), Put::TooOld);
    let expect = |model: &Model| {
        let window = Window { from: Timestamp(old - 60), until: Timestamp(old + 59) };
        let fetched = model.schema().fetch(key, Rollup::Average, 0.5, window, now).expect("fetched").expect("covered");
        assert_eq!((fetched.step, fetched.values.clone()), (Step::new(60).expect("a step"), vec![7.0, 9.0]));
    };
    expect(&model);
    model.commit();
    model.restart();
    expect(&model);
    assert!(model.schema().upkeep(now + 1000).expect("upkeep") > 0);
    expect(&model);
    model.restart();
    expect(&model);
}

#[test]
fn a_column_is_given_away_when_nothing_of_its_former_series_is_left() {
    let model = Model::new("10s:1h");
    let schema = model.schema();
    let now = Timestamp(model.now);
    let first = schema.take_column(now);
    schema.writer(now).put(first, now, 5.0).expect("put");
    schema.end_series(first, now);
    assert_ne!(schema.take_column(now + 100).column, first.column, "the ring still holds it");
    let again = schema.take_column(now + 10_000);
    assert_eq!((again.column, again.generation), (first.column, 1));
    let window = Window { from: now - 100, until: now };
    let fetched = schema.fetch(again, Rollup::Average, 0.0, window, now + 10_000).expect("fetched");
    assert!(fetched.is_none_or(|fetched| fetched.values.iter().all(|value| is_gap(*value))));
}
