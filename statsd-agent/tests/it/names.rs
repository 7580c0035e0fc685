//! What the agent remembers of the store's names: a series that was refused comes in when another has ended, and an id that the
//! store has given up is asked for anew.

use statsd_agent::Config;
use statsd_agent::counters::Counters;
use statsd_agent::flush::Ledger;
use statsd_agent::flush::outlet::Outlet;
use statsd_agent::flush::store::StoreOut;
use std::sync::Arc;
use tsdb::{Rules, SlabStore, Store, StoreLimits, SyncPolicy, Timestamp, Window, is_gap};

const NOW: i64 = 1_700_000_000;

#[test]
fn a_refused_series_begins_when_there_is_room_and_a_forgotten_id_is_asked_for_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let limits = StoreLimits { series: 40, ..StoreLimits::default() };
    let store = SlabStore::open(folder.path(), Rules::default(), limits, SyncPolicy::None).expect("opened");
    let store = Arc::new(store);
    let config = Config::default();
    let (mut ledger, counters) = (Ledger::new(&config), Counters::default());
    let mut outlet = Outlet::new(None, Some(StoreOut::new(Arc::clone(&store) as Arc<dyn Store>)));
    let mut flush = |lines: &str, at: i64| {
        let mut shard = ledger.shard();
        shard.receive(lines.as_bytes(), 1);
        ledger.absorb(&mut [shard.take(ledger.table())]);
        ledger.flush(at, &mut outlet, &counters, || 0);
    };
    let value = |name: &str, at: i64| {
        let window = Window { from: Timestamp(at - 1), until: Timestamp(at) };
        let fetched = store.fetch(name, window, Timestamp(at)).expect("fetched")?;
        fetched.values.first().copied().filter(|value| !is_gap(*value))
    };
    flush("first:1|g", NOW);
    for i in 0..60 {
        flush(&format!("fill{i}:{i}|g"), NOW);
    }
    assert_eq!(store.leaves().expect("listed").len(), 40);
    flush("late:7|g", NOW + 10);
    assert_eq!(value("stats.gauges.late", NOW + 10), None);
    // Nothing of those that were refused comes in before there is room, and then as much as there is room for.
    let ended = ["stats.gauges.fill0", "stats.gauges.fill1"].map(|name| store.resolve(name).expect("known"));
    assert_eq!(store.remove(Timestamp(NOW + 10), &ended).expect("removed"), 2);
    flush("late:8|g", NOW + 20);
    assert_eq!(store.leaves().expect("listed").len(), 40);
    // Names that nobody wants push out what is known of those that have ended, ids with them.
    let gauges = store.matching("stats.gauges.*").expect("few");
    let gauges: Vec<_> = gauges.into_iter().map(|(_, series)| series).collect();
    store.remove(Timestamp(NOW + 20), &gauges).expect("removed");
    (0..20_000).for_each(|i| drop(store.resolve(&format!("idle.n{i}"))));
    let mut at = NOW + 20;
    while store.name(gauges[0]).is_some() {
        store.upkeep(Timestamp(at)).expect("upkeep");
        at += 60;
        assert!(at < NOW + 3600, "they are never forgotten");
    }
    store.upkeep(Timestamp(at + 1000)).expect("upkeep");
    // The ids are others' now.
    (0..200).for_each(|i| drop(store.resolve(&format!("other.n{i}"))));
    let at = at + 1010;
    flush("first:90|g", at);
    // As many as there is room for, each with its own value.
    assert_eq!(store.leaves().expect("listed").len(), 40);
    let there = store.find("stats.gauges.*").expect("found");
    assert!(there.len() > 20, "{}", there.len());
    for node in there {
        let name = node.path.trim_start_matches("stats.gauges.");
        assert!(value(&node.path, at) == own_value(name), "{name}: {:?}", value(&node.path, at));
    }
    assert!(store.find("other.*").expect("found").is_empty(), "what the agent holds is written under its own names");
}

/// What a gauge of this name was set to last.
fn own_value(name: &str) -> Option<f64> {
    match name {
        "first" => Some(90.0),
        "late" => Some(8.0),
        name => name.strip_prefix("fill").and_then(|number| number.parse().ok()),
    }
}
