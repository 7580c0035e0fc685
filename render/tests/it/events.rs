//! `/events/…` beyond what is recorded: what scripts send, what is refused and how, who may, the pages.

use crate::ask::{app, get, get_with, post};
use crate::scripted::{NOW, Scripted};
use render::App;
use render::access::{EventsView, Grants};
use std::sync::Arc;
use tempfile::TempDir;
use tsdb::{EventLimits, Events};

fn diary() -> (TempDir, App) {
    let folder = tempfile::tempdir().unwrap();
    let limits = EventLimits { events: 1000, bytes: 10_000 };
    let (events, _) = Events::open(&folder.path().join("events.redb"), limits).unwrap();
    let app = app(Scripted::default());
    let events = Some(EventsView::of(Arc::new(events), &app.grants));
    (folder, App { events, ..app })
}

#[tokio::test]
async fn what_scripts_send_is_understood() {
    let (_folder, app) = diary();
    for (sent, kept) in [
        (
            r#"{"what": "a", "tags": ["x", "y z"], "when": 1712068600.9}"#,
            r#""what": "a", "data": "", "tags": ["x", "y", "z"]"#,
        ),
        (r#"{"what": "b", "tags": " x  y ", "when": "1712068601"}"#, r#""what": "b", "data": "", "tags": ["x", "y"]"#),
        (
            r#"{"what": "\u00fc", "data": {"by": 1}, "tags": null}"#,
            r#""what": "\u00fc", "data": "{\"by\":1}", "tags": []"#,
        ),
    ] {
        let reply = post(&app, "/events", sent).await;
        assert_eq!((reply.status.as_u16(), reply.text()), (200, ""), "{sent}");
        let told = get(&app, "/events/get_data").await;
        assert!(told.text().contains(kept), "{}", told.text());
    }
    let whens: Vec<i64> =
        serde_json::from_slice::<serde_json::Value>(&get(&app, "/events/get_data?from=-1h").await.body)
            .unwrap()
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["when"].as_i64().unwrap())
            .collect();
    assert_eq!(whens, [1_712_068_600, 1_712_068_601, NOW.0]);
    let one = get(&app, "/events/1/").await;
    let told = r#"{"id": 1, "when": "2024-04-02T14:36:40Z", "what": "a", "data": "", "tags": ["x", "y", "z"]}"#;
    assert_eq!((one.text(), one.header("content-type")), (told, "application/json"));
}

#[tokio::test]
async fn what_is_no_event_is_refused_by_name() {
    let (_folder, app) = diary();
    let long = format!("{{\"what\": \"{}\"}}", "x".repeat(10_001));
    for (sent, why) in [
        ("", "the body is no JSON: EOF while parsing a value at line 1 column 0"),
        ("[]", "the body is no JSON object"),
        ("{}", "\\\"what\\\" must be a string"),
        (r#"{"what": "x", "tags": 5}"#, "\\\"tags\\\" must be an array or space-separated string"),
        (r#"{"what": "x", "tags": [5]}"#, "\\\"tags\\\" must be an array or space-separated string"),
        (r#"{"what": "x", "when": 1e300}"#, "Invalid value '1e+300' for param when: seconds since 1970 are needed"),
        (r#"{"what": "x", "when": true}"#, "Invalid value 'true' for param when: seconds since 1970 are needed"),
        (&long, "an event of 10001 bytes is longer than all events may be together (10000)"),
    ] {
        let reply = post(&app, "/events/", sent).await;
        assert_eq!((reply.status.as_u16(), reply.text()), (400, &*format!("{{\"error\": \"{why}\"}}")));
    }
    assert_eq!(get(&app, "/events/get_data").await.text(), "[]");
    let app = App { events: None, ..app };
    for address in ["/events/", "/events/get_data", "/events/1", "/render?target=events(%22a%22)&format=json"] {
        let reply = get(&app, address).await;
        assert!(
            reply.status == 400 && reply.text().contains("there are no events here"),
            "{address}: {}",
            reply.text()
        );
    }
}

#[tokio::test]
async fn sets_of_tags() {
    let (_folder, app) = diary();
    for (what, tags) in [("a", "x"), ("b", "x y"), ("c", "y"), ("d", "")] {
        post(&app, "/events/", &format!("{{\"what\": \"{what}\", \"tags\": \"{tags}\"}}")).await;
    }
    for (asked, whats) in [
        ("", "abcd"),
        ("?tags=x", "ab"),
        ("?tags=x+y", "b"),
        ("?tags=x++y&set=intersection", "b"),
        ("?tags=x+y&set=union", "abc"),
        ("?tags=x+nosuch", ""),
        ("?tags=", ""),
        ("?until=-1s", ""),
        ("?until=now&from=now", "abcd"),
    ] {
        let told: serde_json::Value =
            serde_json::from_slice(&get(&app, &format!("/events/get_data{asked}")).await.body).unwrap();
        let found: String = told.as_array().unwrap().iter().map(|event| event["what"].as_str().unwrap()).collect();
        assert_eq!(found, whats, "{asked}");
    }
}

#[tokio::test]
async fn pages_show_texts_as_texts() {
    let (_folder, app) = diary();
    let empty = get_with(&app, "/events/", &[]).await;
    assert!(empty.text().contains("curl -X POST"), "{}", empty.text());
    post(&app, "/events/", r#"{"what": "<b>one</b>", "tags": "a&b", "data": "</pre>"}"#).await;
    let list = get_with(&app, "/events/?tz=Asia/Tokyo", &[]).await;
    assert!(list.header("content-type").starts_with("text/html"));
    for part in
        ["&lt;b&gt;one", "href=\"/events/1\"", "href=\"/events/?tags=a%26b\"", "2024-04-02 23:37:23", "Asia/Tokyo"]
    {
        assert!(list.text().contains(part), "{part}: {}", list.text());
    }
    let one = get_with(&app, "/events/1", &[("Accept", "text/html")]).await;
    assert!(one.text().contains("<pre>&lt;/pre&gt;</pre>") && !one.text().contains("<b>one"), "{}", one.text());
    for (address, status) in
        [("/events/2", 404), ("/events/x", 404), ("/events/-1", 404), ("/events/get_data?from=bogus", 400)]
    {
        assert_eq!(get_with(&app, address, &[]).await.status, status, "{address}");
    }
}

#[tokio::test]
async fn events_are_for_those_who_may_see_every_name() {
    let (_folder, app) = diary();
    let seen = |scopes: &[&str]| app.seen_with(&Arc::new(Grants::parse(scopes).unwrap()));
    post(&app, "/events/", "{\"what\": \"release\"}").await;
    let target = "/render?format=json&from=-10s&target=events(%22*%22)";
    for address in ["/events/get_data", "/events/1", "/events/", target] {
        assert_eq!(get(&seen(&["read"]), address).await.status, 200, "{address}");
        for scopes in [&["read:web", "write"][..], &["write", "erase"]] {
            assert_eq!(get(&seen(scopes), address).await.status, 403, "{address} {scopes:?}");
        }
    }
    for (scopes, status) in
        [(&["write"][..], 200), (&["read", "write:web"], 403), (&["read", "erase"], 403), (&["admin"], 200)]
    {
        let reply = post(&seen(scopes), "/events/", "{\"what\": \"x\"}").await;
        assert_eq!(reply.status, status, "{scopes:?}: {}", reply.text());
    }
    let told = get(&seen(&["read"]), "/events/get_data").await;
    assert_eq!(told.text().matches("\"when\"").count(), 3);
}
