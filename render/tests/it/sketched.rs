//! Pictures of what is computed from sketches.

use crate::ask::get;
use crate::scripted::NOW;
use render::App;
use std::path::Path;
use std::sync::Arc;
use tsdb::sketch::{Accuracy, BinLimit, DdSketch, Sketch};
use tsdb::{Rules, SketchPoint, SlabOptions, SlabStore, Store, StoreLimits};

fn sketch(values: &[f64]) -> Sketch {
    let mut sketch = DdSketch::new(Accuracy::from_ratio(0.01).unwrap(), BinLimit::DEFAULT);
    values.iter().for_each(|value| assert!(sketch.insert(*value, 1.0)));
    Sketch::Dd(sketch)
}

#[tokio::test]
async fn a_column_of_several_slots_is_of_all_their_samples() {
    let folder = tempfile::tempdir().unwrap();
    let schemas = (Path::new("schemas"), "[all]\npattern = .*\nretentions = 1s:1h\n");
    let aggregation = (Path::new("aggregation"), "[all]\npattern = .*\nsketch = ddsketch\n");
    let rules = Rules::parse(Some(schemas), Some(aggregation)).unwrap();
    let store = SlabStore::open(folder.path(), rules, StoreLimits::default(), SlabOptions::default()).unwrap();
    let series = store.resolve("sync.time").unwrap();
    // Many quick ones in one second and a single slow one in the next, over and over.
    let (quick, slow) = (sketch(&[1.0; 100]), sketch(&[1000.0]));
    for before in (0..400).rev() {
        let (at, sketch) = (NOW - before, if before % 2 == 0 { &slow } else { &quick });
        assert_eq!(store.write_sketches(at, &[SketchPoint { series, at, sketch }]).dropped(), 0);
        store.commit(at).unwrap();
    }
    let app = App::new(Arc::new(store), || NOW);
    let median = async |more: &str| {
        let reply = get(&app, &format!("/render?target=sync.time.p50&from=-380s&format=svg&height=200{more}")).await;
        let told = reply.text().split_once("sync.time.p50: last ").map(|(_, told)| told.to_owned()).unwrap();
        told.split([',', '<']).next().unwrap().to_owned()
    };
    let (single, merged) = (median("&width=1000").await, median("&width=100").await);
    assert!(single.ends_with('k'), "one slot a column: the slow one, of a thousand or so: {single}");
    assert!(!merged.contains('k'), "hundreds of samples, most of them quick: {merged}");
    let peak = async |width: u32| {
        let reply =
            get(&app, &format!("/render?target=sync.time.p50&from=-380s&format=svg&width={width}&height=200")).await;
        reply.text().contains("peak ")
    };
    assert!(peak(1000).await && !peak(100).await);
    let page = get(&app, "/explore?target=sync.time.p50&from=-380s&width=300").await;
    assert!(page.text().contains("sync.time.p50"), "the page draws it too");
}
