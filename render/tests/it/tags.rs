//! `/tags/…` over our own store: what is told, how refusals look, and that nothing changes on GET.

use crate::ask::{get, post};
use crate::scripted::NOW;
use render::App;
use std::path::Path;
use std::sync::Arc;
use tsdb::{Point, Rules, SlabStore, Store, StoreLimits, SyncPolicy};

fn app_of(folder: &Path, names: &[&str]) -> App {
    let store = SlabStore::open(folder, Rules::default(), StoreLimits::default(), SyncPolicy::None).unwrap();
    let points = names.iter().map(|name| Point { series: store.resolve(name).unwrap(), at: NOW, value: 1.0 });
    store.write(NOW, &points.collect::<Vec<_>>());
    store.commit(NOW).unwrap();
    App::new(Arc::new(store), || NOW)
}

#[tokio::test]
async fn tags_are_told_counted_and_completed() {
    let folder = tempfile::tempdir().unwrap();
    let app = app_of(folder.path(), &["hr;model=A;device=d1", "hr;model=A;device=d2", "spo2;device=d1", "plain.name"]);
    let of = async |address: &str| get(&app, address).await.text().to_owned();
    assert_eq!(
        of("/tags").await,
        "[{\"id\": 1, \"tag\": \"device\"}, {\"id\": 2, \"tag\": \"model\"}, {\"id\": 3, \"tag\": \"name\"}]"
    );
    assert_eq!(of("/tags/?filter=d&limit=5").await, "[{\"id\": 1, \"tag\": \"device\"}]");
    assert_eq!(
        of("/tags/device").await,
        "{\"id\": 1, \"tag\": \"device\", \"values\": [{\"count\": 2, \"id\": 1, \"value\": \"d1\"}, \
         {\"count\": 1, \"id\": 2, \"value\": \"d2\"}]}"
    );
    assert_eq!(of("/tags/nosuch").await, "null");
    assert_eq!(of("/tags/autoComplete/tags?expr=model=A").await, "[\"device\", \"name\"]");
    assert_eq!(of("/tags/autoComplete/values?expr[]=model=A&tag=device&valuePrefix=d&limit=1").await, "[\"d1\"]");
    let form = post(&app, "/tags/findSeries", "expr=device%3Dd1&expr=model%21%3DA&pretty=1").await;
    assert_eq!(form.text(), "[\n  \"spo2;device=d1\"\n]");
}

#[tokio::test]
async fn refusals_are_json() {
    let folder = tempfile::tempdir().unwrap();
    let app = app_of(folder.path(), &["hr;device=d1"]);
    for (address, why) in [
        ("/tags/findSeries", "no tag expressions specified"),
        ("/tags/findSeries?expr=bad", "Invalid tagspec bad"),
        ("/tags/autoComplete/values", "no tag specified"),
        ("/tags/autoComplete/tags?limit=x", "Invalid value 'x' for param limit: a whole number from 0 is needed"),
    ] {
        let reply = get(&app, address).await;
        assert_eq!((reply.status.as_u16(), reply.header("content-type")), (400, "application/json"), "{address}");
        assert_eq!(reply.text(), format!("{{\"error\": \"{why}\"}}"));
    }
    assert_eq!(get(&app, "/tags?filter=[").await.status, 400);
}

#[tokio::test]
async fn series_are_announced_and_forgotten_by_post_only() {
    let folder = tempfile::tempdir().unwrap();
    let app = app_of(folder.path(), &["hr;device=d1"]);
    for address in ["/tags/tagSeries?path=a;b=c", "/tags/tagMultiSeries?path=a;b=c", "/tags/delSeries?path=a;b=c"] {
        assert_eq!(get(&app, address).await.status, 405, "{address}");
    }
    assert_eq!(post(&app, "/tags/tagSeries", "path=x;b=2;a=1").await.text(), "\"x;a=1;b=2\"");
    assert_eq!(post(&app, "/tags/tagMultiSeries", "path[]=x;a=1&path[]=y").await.text(), "[\"x;a=1\", \"y\"]");
    assert_eq!(get(&app, "/tags/findSeries?expr=name=x").await.text(), "[]", "it has no points yet");
    assert_eq!(post(&app, "/tags/tagSeries", "path=x;!=1").await.status, 400);
    assert_eq!(post(&app, "/tags/delSeries", "path=gone;a=1").await.text(), "true");
    let kept = post(&app, "/tags/delSeries", "path=hr;device=d1").await;
    assert!(kept.status == 400 && kept.text().contains("kymo store delete"), "{}", kept.text());
    assert_eq!(get(&app, "/tags/findSeries?expr=name=hr").await.text(), "[\"hr;device=d1\"]");
}
