//! Answers that are given again, over our own store.

use crate::ask::{Reply, get, get_with, post, send};
use crate::scripted::NOW;
use render::App;
use render::access::Grants;
use std::path::Path;
use std::sync::Arc;
use tsdb::{Point, Rules, SlabStore, Store, StoreLimits, SyncPolicy};

fn write(store: &SlabStore, name: &str, value: f64) {
    let point = Point { series: store.resolve(name).unwrap(), at: NOW, value };
    assert_eq!(store.write(NOW, &[point]).dropped(), 0);
}

fn served(folder: &Path) -> (Arc<SlabStore>, axum::Router, App) {
    let store = SlabStore::open(folder, Rules::default(), StoreLimits::default(), SyncPolicy::None).unwrap();
    write(&store, "a.b", 1.0);
    let store = Arc::new(store);
    let app = App::new(Arc::clone(&store) as Arc<dyn render::Catalogue>, || NOW);
    (store, render::http::router(app.clone()), app)
}

const ASKED: &str = "/render?target=a.*&from=-10s&format=json";

async fn ask(router: &axum::Router, address: &str, headers: &[(&str, &str)]) -> Reply {
    send(router.clone(), "GET", address, headers, "").await
}

#[tokio::test]
async fn an_answer_is_given_again_until_something_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (store, router, app) = served(folder.path());
    let again = || app.turned.given_again();
    let first = ask(&router, ASKED, &[]).await;
    assert!(first.text().contains("[1.0, "), "{}", first.text());
    assert_eq!((ask(&router, ASKED, &[]).await.text(), again()), (first.text(), 1));
    assert_eq!((ask(&router, &format!("{ASKED}&_salt=0.5"), &[]).await.text(), again()), (first.text(), 2));
    ask(&router, &format!("{ASKED}&noCache=1"), &[]).await;
    ask(&router, &format!("{ASKED}&cacheTimeout=0"), &[]).await;
    ask(&router, &format!("{ASKED}&maxDataPoints=5"), &[]).await;
    assert_eq!(again(), 2, "asked otherwise");
    let patient = format!("{ASKED}&cacheTimeout=30");
    ask(&router, &patient, &[]).await;
    write(&store, "a.b", 2.0);
    assert!(ask(&router, ASKED, &[]).await.text().contains("[2.0, "), "what was written is seen at once");
    assert_eq!(again(), 2);
    assert_eq!((ask(&router, &patient, &[]).await.text(), again()), (first.text(), 3), "the request said 30 s");
    let form = "target=a.*&from=-10s&format=json";
    for _ in 0..2 {
        send(router.clone(), "POST", "/render", &[], form).await;
    }
    assert_eq!(again(), 5, "a form is the same question");
}

#[tokio::test]
async fn who_has_the_bytes_is_not_sent_them() {
    let folder = tempfile::tempdir().unwrap();
    let (store, router, _) = served(folder.path());
    for format in ["json", "png", "csv"] {
        let address = format!("/render?target=a.*&from=-10s&format={format}");
        let first = ask(&router, &address, &[]).await;
        let tag = first.header("etag").to_owned();
        let known = ask(&router, &address, &[("If-None-Match", &tag)]).await;
        assert_eq!((known.status.as_u16(), known.body.len(), known.header("etag")), (304, 0, &*tag));
        assert_eq!(known.header("cache-control"), "max-age=60");
        write(&store, "a.b", 3.0 + tag.len() as f64 + format.len() as f64);
        let changed = ask(&router, &address, &[("If-None-Match", &tag)]).await;
        assert_eq!(changed.status, 200, "{format}");
        write(&store, "a.b", 1.0);
    }
}

#[tokio::test]
async fn nobody_is_given_what_another_may_see() {
    let folder = tempfile::tempdir().unwrap();
    let (_store, _, app) = served(folder.path());
    let whole = get(&app, ASKED).await;
    assert!(whole.text().contains("a.b"));
    let seen = app.seen_with(&Arc::new(Grants::parse(["read:other"]).unwrap()));
    assert_eq!(get(&seen, ASKED).await.text(), "[]");
    assert_eq!(post(&seen, "/render", "target=a.*&format=json").await.text(), "[]");
    assert_eq!(get_with(&app, ASKED, &[]).await.text(), whole.text());
}
