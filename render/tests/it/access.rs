//! A caller's view of made-up series, asked as the query engine asks a store.

use crate::ask::{app, get};
use crate::scripted::{NOW, Scripted};
use query::SourceError;
use render::access::{Grants, View};
use render::{App, Catalogue};
use std::sync::Arc;
use tsdb::Window;

fn measured() -> Scripted {
    let names = ["web.a.hits", "web.b.hits", "website.hits", "ward.bed.pulse"];
    names.into_iter().fold(Scripted::default(), |all, name| all.with(name, |_| 1.0))
}

fn grants(scopes: &[&str]) -> Arc<Grants> {
    Arc::new(Grants::parse(scopes).unwrap())
}

fn view(scopes: &[&str]) -> Arc<dyn Catalogue> {
    View::of(Arc::new(measured()), &grants(scopes))
}

#[test]
fn what_may_not_be_read_is_not_there() {
    let view = view(&["read:web", "read:ward.bed", "write"]);
    let paths =
        |pattern: &str| -> Vec<String> { view.find(pattern).unwrap().into_iter().map(|node| node.path).collect() };
    assert_eq!(paths("*"), ["ward", "web"]);
    assert_eq!(paths("*.*"), ["ward.bed", "web.a", "web.b"]);
    assert_eq!(paths("*.hits"), [""; 0]);
    assert_eq!(view.leaves().unwrap(), ["ward.bed.pulse", "web.a.hits", "web.b.hits"]);
    let window = Window { from: NOW - 60, until: NOW };
    assert!(view.archives("website.hits").unwrap().is_none() && view.archives("web.a.hits").unwrap().is_some());
    assert!(view.fetch("website.hits", window, NOW).unwrap().is_none());
    // Answers stand in the order of the names, with the hidden ones in between.
    let names = ["website.hits", "web.a.hits", "nosuch", "website.hits", "web.b.hits"];
    let there: Vec<bool> = view.fetch_many(&names, window, NOW).into_iter().map(|one| one.unwrap().is_some()).collect();
    assert_eq!(there, [false, true, false, false, true]);
}

#[test]
fn who_may_not_read_is_told_so() {
    let view = view(&["write", "erase"]);
    let window = Window { from: NOW - 60, until: NOW };
    assert!(matches!(view.find("*"), Err(SourceError::Forbidden(_))));
    assert!(matches!(view.leaves(), Err(SourceError::Forbidden(_))));
    assert!(matches!(view.archives("web.a.hits"), Err(SourceError::Forbidden(_))));
    assert!(matches!(view.find_sketches("*"), Err(SourceError::Forbidden(_))));
    assert!(matches!(view.fetch_many(&["web.a.hits"], window, NOW)[..], [Err(SourceError::Forbidden(_))]));
}

#[tokio::test]
async fn functions_see_no_more_than_the_view() {
    let app: App = app(measured()).seen_with(&grants(&["read:web"]));
    let target = "target=sumSeries(*.*.*)&target=sumSeries(web*.hits,ward.bed.pulse,web.a.hits)";
    let reply = get(&app, &format!("/render?format=json&from=-20s&{target}")).await;
    let told: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    let values: Vec<_> = told.as_array().unwrap().iter().map(|series| &series["datapoints"][0][0]).collect();
    assert_eq!(values, [2.0, 1.0], "{told}");
}
