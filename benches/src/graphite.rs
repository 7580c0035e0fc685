//! What dashboards ask, over the router and the slab store: a thousand series of a day, and a hundred names for each of them that
//! hold one point. benches/peers/graphite_web.py asks graphite-web the same.

use crate::Size;
use crate::measure::{MS_PER_PICTURE, MS_PER_REQUEST, Measured, Unit, measure};
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::Request;
use render::Catalogue;
use render::app::{App, Limits};
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;
use tokio::runtime::Runtime;
use tower::ServiceExt;
use tsdb::{Point, Rules, SeriesId, SlabStore, Store, StoreLimits, SyncPolicy, Timestamp};

/// A whole day, so that stretches begin here.
const BEGUN: i64 = 1_700_006_400;
const STEP: i64 = 10;
const DAY: i64 = 86_400;
const NOW: Timestamp = Timestamp(BEGUN + DAY);

fn name_of_a_day(i: usize) -> String {
    format!("servers.h{i:04}.cpu.user")
}

/// Thirty-seven below `a.b`, the others four levels deep.
fn further_name(i: usize) -> String {
    match i {
        0..37 => format!("a.b.c{i:02}"),
        _ => format!("r{}.h{:02}.p{:02}.v{:03}", i % 10, i / 10 % 30, i / 300 % 30, i / 9000),
    }
}

/// A number of seventeen digits, the longest that there are: the same at every call.
fn value(series: usize, slot: i64) -> f64 {
    let mut state = (series as u64 * 8_640 + slot as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    state ^= state >> 29;
    state = state.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state ^= state >> 32;
    (state >> 11) as f64 / (1u64 << 53) as f64 * 100.0
}

/// Slots of the day's series, each written as its time comes.
fn write_day(store: &SlabStore, ids: &[SeriesId], slots: RangeInclusive<i64>, last: i64) {
    for slot in slots {
        let at = Timestamp(NOW.0 - (last - slot) * STEP);
        let points = ids.iter().enumerate().map(|(i, id)| Point { series: *id, at, value: value(i, slot) });
        assert_eq!(store.write(at, &points.collect::<Vec<_>>()).dropped(), 0);
        store.commit(at).expect("committed");
        if slot % 360 == 0 {
            store.upkeep(at).expect("upkeep");
        }
    }
}

fn filled(folder: &Path, series: usize, slots: i64) -> (SlabStore, Vec<SeriesId>) {
    let schemas = "[all]\npattern = .*\nretentions = 10s:2d\n";
    let rules = Rules::parse(Some((Path::new("schemas"), schemas)), None).expect("rules");
    let store = SlabStore::open(folder, rules, StoreLimits::default(), SyncPolicy::None).expect("opened");
    let resolve = |name: String| store.resolve(&name).expect("a name");
    let ids: Vec<SeriesId> = (0..series).map(|i| resolve(name_of_a_day(i))).collect();
    write_day(&store, &ids, 1..=slots, slots);
    let point = |i| Point { series: resolve(further_name(i)), at: NOW, value: 1.0 };
    store.write(NOW, &(0..series * 99).map(point).collect::<Vec<_>>());
    store.commit(NOW).expect("committed");
    store.upkeep(NOW).expect("upkeep");
    (store, ids)
}

/// Asks inside the process, so that no socket's time is in the figures; the router is all there is besides.
struct Asked {
    runtime: Runtime,
    router: Router,
    rounds: usize,
}

impl Asked {
    fn get(&self, address: &str) -> Bytes {
        self.runtime.block_on(async {
            let request = Request::get(address).body(Body::empty()).expect("an address");
            let answer = self.router.clone().oneshot(request).await.expect("answered");
            assert_eq!(answer.status(), 200, "{address}");
            to_bytes(answer.into_body(), usize::MAX).await.expect("whole")
        })
    }

    /// `count` requests a round, each answer having so many of `mark`.
    fn ask(
        &self,
        name: &'static str,
        unit: Unit,
        count: usize,
        address: &str,
        (mark, marks): (&str, usize),
    ) -> Measured {
        let address = address.replace(',', "%2C").replace('{', "%7B").replace('}', "%7D");
        let answer = self.get(&address);
        let found = answer.windows(mark.len().max(1)).filter(|bytes| *bytes == mark.as_bytes()).count();
        assert!(mark.is_empty() || found == marks, "{name}: {found} instead of {marks} in {} bytes", answer.len());
        measure(name, unit, self.rounds, count, || {
            for _ in 0..count {
                assert_eq!(self.get(&address).len(), answer.len());
            }
        })
    }
}

/// The rows of the table.
pub fn run(size: Size) -> Vec<Measured> {
    let series = size.names.min(1000);
    let slots = (size.units as i64).min(DAY / STEP);
    let folder = tempfile::tempdir().expect("a folder");
    let (store, ids) = filled(folder.path(), series, slots);
    let store = Arc::new(store);
    let mut app = App::new(Arc::clone(&store) as Arc<dyn Catalogue>, || NOW);
    app.limits = Limits::default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().expect("threads");
    let asked = Asked { runtime, router: render::http::router(app), rounds: size.rounds };
    let json = |target: &str| format!("/render?target={target}&format=json&from=-1d&noCache=1");
    // Slots without a value are told as well.
    let points = (DAY / STEP) as usize - 1;
    let some = series.min(100);
    let of_some =
        json(&format!("servers.h00{}.cpu.user", if series > 100 { "??" } else { "{0?,1?,2?,3?,4?,5?,6?,7?,8?,9?}" }));
    let ms = MS_PER_REQUEST;
    let picture = (0..10).map(|i| format!("target=servers.h00{i:02}.cpu.user&")).collect::<String>();
    let picture = format!("/render?{picture}from=-10000s&noCache=1&width=800&height=400");
    let four = "/metrics/expand?query=r*.h1?.p2{1,2}.v0*3";
    let is_of_four = |name: &str| {
        name.starts_with('r')
            && name.contains(".h1")
            && (name.contains(".p21.") || name.contains(".p22."))
            && name.ends_with('3')
    };
    let of_four = (0..series * 99).filter(|i| is_of_four(&further_name(*i))).count();
    let sum = json("sumSeries(servers.*.cpu.user)");
    let mut rows = vec![
        asked.ask("graphite/json_one_series_one_day", ms, 20, &json("servers.h0007.cpu.user"), ("], [", points)),
        asked.ask("graphite/json_100_series_one_day", ms, 1, &of_some, ("], [", some * points)),
        asked.ask("graphite/sum_of_1000_one_day", ms, 1, &sum, ("], [", points)),
        asked.ask("graphite/find_37_names", ms, 100, "/metrics/find?query=a.b.*", ("\"id\"", 37)),
        asked.ask("graphite/glob_over_four_levels", ms, 20, four, (".v", of_four)),
        asked.ask("graphite/all_names_as_json", ms, 1, "/metrics/index.json", (", ", series * 100 - 1)),
        asked.ask("graphite/png_10_series_1000_points", MS_PER_PICTURE, 1, &picture, ("PNG", 1)),
    ];
    // Two hours later the day's segments are one.
    write_day(&store, &ids, slots + 1..=slots + 720, slots);
    store.upkeep(NOW + 720 * STEP).expect("merged");
    rows.push(asked.ask("graphite/sum_of_1000_one_day_merged", ms, 1, &sum, ("], [", points)));
    rows
}
