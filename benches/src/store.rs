//! Whisper files: an update through a cached handle, a fetch of a day, a file made.

use crate::Size;
use crate::measure::{Measured, US_PER_FETCH, US_PER_UPDATE, measure};
use tsdb::{Point, Rules, SeriesId, Store, StoreLimits, Timestamp, WhisperStore, Window};

const START: i64 = 1_700_000_000;

/// A store of `names` series in a folder of its own.
fn store(names: usize) -> (tempfile::TempDir, WhisperStore, Vec<SeriesId>) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = WhisperStore::open(folder.path(), Rules::default(), StoreLimits::default()).expect("opens");
    let ids = (0..names).map(|i| store.resolve(&format!("web.host{i}.load")).expect("a name")).collect();
    (folder, store, ids)
}

fn points(ids: &[SeriesId], at: Timestamp) -> Vec<Point> {
    ids.iter().map(|&series| Point { series, at, value: at.0 as f64 }).collect()
}

/// Rounds of one point each for every series, ten seconds apart.
fn update(size: Size) -> Measured {
    let (_folder, store, ids) = store(size.names);
    let mut now = Timestamp(START);
    assert_eq!(store.write(now, &points(&ids, now)).dropped(), 0);
    measure("store/whisper_update_cached", US_PER_UPDATE, size.rounds, size.names, || {
        now = now + 10;
        assert_eq!(store.write(now, &points(&ids, now)).dropped(), 0);
    })
}

fn create(size: Size) -> Measured {
    let (_folder, store, _) = store(0);
    let mut made = 0;
    measure("store/whisper_create", US_PER_UPDATE, size.rounds, size.names, || {
        let ids: Vec<_> =
            (0..size.names).map(|i| store.resolve(&format!("new.r{made}.s{i}")).expect("a name")).collect();
        made += 1;
        assert_eq!(store.write(Timestamp(START), &points(&ids, Timestamp(START))).dropped(), 0);
    })
}

fn fetch(size: Size) -> Measured {
    let (_folder, store, ids) = store(1);
    let points: Vec<_> = (0..8640).flat_map(|i| points(&ids, Timestamp(START + i * 10))).collect();
    let now = Timestamp(START + 86_400);
    store.write(now, &points);
    let window = Window { from: now - 86_400, until: now };
    let count = size.units.div_ceil(1000);
    measure("store/whisper_fetch_day", US_PER_FETCH, size.rounds, count, || {
        for _ in 0..count {
            let fetched = store.fetch("web.host0.load", window, now).expect("readable").expect("there");
            assert_eq!(fetched.values.len(), 1440);
        }
    })
}

/// Update, create, fetch.
pub fn run(size: Size) -> Vec<Measured> {
    vec![update(size), create(size), fetch(size)]
}
