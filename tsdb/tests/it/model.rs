//! One archive against a map in memory: whatever is written, a fetch answers what the map holds.

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use tsdb::whisper::{self, CreateOptions, Resolution};
use tsdb::{Point, Retention, Rules, Store, StoreLimits, Timestamp, WhisperStore, Window, is_gap};

const STEP: i64 = 10;
const POINTS: i64 = 12;

#[derive(Clone, Debug)]
enum Act {
    Update { age: i64, value: f64 },
    UpdateMany(Vec<(i64, f64)>),
    Wait(i64),
}

fn act() -> impl Strategy<Value = Act> {
    let value = -100.0..100.0f64;
    prop_oneof![
        (0..STEP * POINTS + 5, value.clone()).prop_map(|(age, value)| Act::Update { age, value }),
        proptest::collection::vec((0..STEP * POINTS + 5, value), 1..8).prop_map(Act::UpdateMany),
        (0..50i64).prop_map(Act::Wait),
    ]
}

/// What an archive holds: the latest interval and value of each slot.
#[derive(Default)]
struct Model(BTreeMap<i64, (i64, f64)>);

impl Model {
    fn write(&mut self, at: i64, value: f64) {
        let interval = at - at.rem_euclid(STEP);
        self.0.insert(interval / STEP % POINTS, (interval, value));
    }

    fn value(&self, interval: i64) -> Option<f64> {
        let (held, value) = self.0.get(&(interval / STEP % POINTS))?;
        (*held == interval).then_some(*value)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_archive_is_a_map(acts in proptest::collection::vec(act(), 1..30), ages in (0..130i64, 0..130i64)) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.wsp");
        let retention = Retention::parse("10s:2m").expect("valid");
        whisper::create(&path, &retention, CreateOptions::default()).expect("created");
        let (mut model, mut now) = (Model::default(), 1_700_000_003);
        for act in acts {
            match act {
                Act::Wait(secs) => now += secs,
                Act::Update { age, value } => {
                    let written = whisper::update(&path, Timestamp(now - age), value, Timestamp(now));
                    prop_assert_eq!(written.is_ok(), age < STEP * POINTS);
                    if written.is_ok() {
                        model.write(now - age, value);
                    }
                }
                Act::UpdateMany(mut points) => {
                    // Distinct times, so that the order of ties says nothing.
                    points.sort_by_key(|(age, _)| *age);
                    points.dedup_by_key(|(age, _)| *age);
                    let many: Vec<_> = points.iter().map(|(age, value)| (Timestamp(now - age), *value)).collect();
                    whisper::update_many(&path, &many, Timestamp(now)).expect("written");
                    for (age, value) in points.iter().rev().filter(|(age, _)| *age <= STEP * POINTS) {
                        model.write(now - age, *value);
                    }
                }
            }
        }
        let window = Window { from: Timestamp(now - ages.0.max(ages.1)), until: Timestamp(now - ages.0.min(ages.1)) };
        let fetched = whisper::fetch(&path, window, Timestamp(now), Resolution::Finest).expect("readable");
        let Some(fetched) = fetched else {
            prop_assert!(now - window.until.0 > STEP * POINTS);
            return Ok(());
        };
        for (i, value) in fetched.values.iter().enumerate() {
            let interval = fetched.start.0 + i as i64 * STEP;
            prop_assert_eq!((!is_gap(*value)).then_some(*value), model.value(interval), "at {}", interval);
        }
        prop_assert_eq!(fetched.values.len() as i64 * STEP, fetched.end - fetched.start);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    /// The store keeps a file open and remembers where its rings begin; the functions on paths read all of it each time.
    #[test]
    fn a_kept_handle_writes_the_same_bytes(acts in proptest::collection::vec(act(), 1..40), seed in 0..1000i64) {
        let folder = tempfile::tempdir().expect("a folder");
        let rules = "[a]\npattern = .\nretentions = 10s:1m,20s:2m,1m:6m\n";
        let rules = Rules::parse(Some((Path::new("schemas"), rules)), Some((Path::new("aggregation"), ""))).expect("rules");
        let store = WhisperStore::open(folder.path(), rules, StoreLimits::default()).expect("a store");
        let series = store.resolve("kept").expect("a name");
        let twin = folder.path().join("twin.wsp");
        let retention = Retention::parse("10s:1m,20s:2m,1m:6m").expect("valid");
        whisper::create(&twin, &retention, CreateOptions::default()).expect("created");
        let mut now = 1_700_000_000 + seed;
        for act in acts {
            let at = Timestamp(now);
            match act {
                Act::Wait(secs) => now += secs,
                Act::Update { age, value } => {
                    store.write(at, &[Point { series, at: at - age, value }]);
                    let _ = whisper::update(&twin, at - age, value, at);
                }
                Act::UpdateMany(mut points) => {
                    // One point a minute, so that none shares a slot: which of those wins is our own choice.
                    points.sort_by_key(|(age, _)| *age);
                    points.dedup_by_key(|(age, _)| (now - *age) / 60);
                    let many: Vec<_> = points.iter().map(|(age, value)| (at - *age, *value)).collect();
                    let points = many.iter().map(|(at, value)| Point { series, at: *at, value: *value });
                    store.write(at, &points.collect::<Vec<_>>());
                    match many[..] {
                        [(point, value)] => { let _ = whisper::update(&twin, point, value, at); }
                        _ => whisper::update_many(&twin, &many, at).expect("written"),
                    }
                }
            }
            if let Ok(kept) = std::fs::read(folder.path().join("kept.wsp")) {
                prop_assert_eq!(kept, std::fs::read(&twin).expect("the twin"));
            }
        }
    }
}
