//! The Graphite API's manners: which parameter wins, what is refused with which status, what the headers say.

use crate::ask::{app, get, get_with, post};
use crate::scripted::Scripted;
use crate::unpack;
use render::app::{Health, Limits};
use std::sync::Arc;

fn two() -> Scripted {
    Scripted::default().with("a.b", |at| (at % 100) as f64).with("a.c", |_| 2.5).with("ü.d", |_| 1.0)
}

const LAST_30S: &str = "from=-30s&until=now";

#[tokio::test]
async fn json_is_graphites() {
    let app = app(two());
    let reply = get(&app, &format!("/render?target=a.c&format=json&{LAST_30S}")).await;
    assert_eq!(
        reply.text(),
        "[{\"target\": \"a.c\", \"tags\": {\"name\": \"a.c\"}, \"datapoints\": \
         [[2.5, 1712068620], [2.5, 1712068630], [2.5, 1712068640]]}]"
    );
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(reply.header("cache-control"), "max-age=60");
    assert_eq!(reply.header("expires"), "Tue, 02 Apr 2024 14:38:23 GMT");
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn a_form_wins_over_the_address() {
    let app = app(two());
    let reply = post(&app, "/render?format=csv&target=a.b", &format!("format=raw&target=a.c&{LAST_30S}")).await;
    assert_eq!(reply.header("content-type"), "text/plain");
    let lines: Vec<_> = reply.text().lines().collect();
    assert!(lines[0].starts_with("a.b,1712068620,1712068650,10|"), "targets of both are answered: {lines:?}");
    assert_eq!(lines[1], "a.c,1712068620,1712068650,10|2.5,2.5,2.5");
}

#[tokio::test]
async fn formats_are_case_sensitive_and_fall_back_to_a_picture() {
    let app = app(two());
    for query in ["format=JSON", "format=nonsense", "", "format=png"] {
        let reply = get(&app, &format!("/render?target=a.b&{query}")).await;
        assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, "image/png"), "{query}");
        assert_eq!(&reply.body[16..24], [0, 0, 1, 74, 0, 0, 0, 250], "330 x 250");
    }
    let svg = get(&app, "/render?target=a.b&format=svg&width=500&height=200&title=%3Cb%3E").await;
    assert_eq!(svg.header("content-type"), "image/svg+xml");
    assert!(svg.text().contains("width=\"500\" height=\"200\"") && svg.text().contains("&lt;b&gt;"));
    assert!(svg.header("content-security-policy").contains("default-src 'none'"));
}

#[tokio::test]
async fn jsonp_calls_names_only() {
    let app = app(two());
    let reply = get(&app, &format!("/render?target=a.c&format=json&jsonp=a.cb&{LAST_30S}")).await;
    assert_eq!(reply.header("content-type"), "text/javascript");
    assert!(reply.text().starts_with("a.cb([{") && reply.text().ends_with("}])"));
    assert_eq!(get(&app, "/render?target=a.c&format=json&jsonp=alert(1)//").await.status, 400);
    let svg = get(&app, "/render?target=a.c&format=svg&jsonp=cb").await;
    assert!(svg.text().starts_with("cb(\"<svg ") && svg.text().ends_with("</svg>\")"));
}

#[tokio::test]
async fn points_are_left_out_or_thinned_when_asked() {
    let app = app(Scripted::default().with("half", |at| if at % 20 == 0 { 1.0 } else { tsdb::GAP }));
    let dropped = get(&app, &format!("/render?target=half&format=json&noNullPoints=false&{LAST_30S}")).await;
    assert!(dropped.text().ends_with("\"datapoints\": [[1.0, 1712068620], [1.0, 1712068640]]}]"), "{}", dropped.text());
    let thin = get(&app, "/render?target=half&format=json&from=-1h&maxDataPoints=6").await;
    assert!((4..=6).contains(&thin.text().matches("], [").count()), "{}", thin.text());
    assert_eq!(get(&app, "/render?target=half&format=json&maxDataPoints=0").await.status, 200);
    assert_eq!(get(&app, "/render?target=half&format=json&maxDataPoints=many").await.status, 200);
}

#[tokio::test]
async fn pies_are_of_series_and_of_what_targets_say() {
    let app = app(Scripted::default().with("rising", |at| (at % 100) as f64).with("none", |_| tsdb::GAP));
    let pie = async |query: &str| get(&app, &format!("/render?graphType=pie&from=-30s&{query}")).await;
    for (mode, share) in
        [("", 30.0), ("&pieMode=average", 30.0), ("&pieMode=maximum", 40.0), ("&pieMode=minimum", 20.0)]
    {
        let svg = pie(&format!("format=svg&target=rising&target=told:50&target=none{mode}")).await;
        let told = format!("rising: {share:.0}, {:.0} %. none: 0, 0 %. told: 50, ", share / (share + 50.0) * 100.0);
        assert!(svg.text().contains(&told), "{mode}: {told} {:.700}", svg.text());
    }
    let png = pie("format=json&target=rising").await;
    assert_eq!(png.header("content-type"), "image/png", "a pie has no numbers");
    for wrong in ["pieMode=bogus", "valueLabels=x", "valueLabelsMin=x", "valueLabelsColor=x", "pieLabels=x"] {
        let reply = pie(&format!("target=rising&{wrong}")).await;
        assert!(reply.status == 400 && reply.text().contains(wrong.split('=').next().unwrap()), "{}", reply.text());
    }
    assert_eq!(pie("target=rising:x").await.status, 200, "a name may have a colon");
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let app = app(two());
    for (query, expected) in [
        ("from=now&until=now", "Invalid parameters (Invalid empty time range)\n"),
        ("graphType=bogus", "Invalid parameters (Invalid graphType 'bogus', must be one of ['line', 'pie'])\n"),
        ("xFilesFactor=x", "Invalid value 'x' for param xFilesFactor: a number is needed\n"),
        ("width=0", "a picture of 0 x 250 pixels cannot be drawn; each side is 1 to 4096\n"),
        ("width=9000&height=10", "a picture of 9000 x 10 pixels cannot be drawn; each side is 1 to 4096\n"),
    ] {
        let reply = get(&app, &format!("/render?target=a.b&{query}")).await;
        assert_eq!((reply.status.as_u16(), reply.text()), (400, expected));
        assert_eq!(reply.header("content-type"), "text/plain; charset=utf-8");
    }
    let time = get(&app, "/render?target=a.b&from=bogus").await;
    assert!(time.status == 400 && time.text().starts_with("Invalid value 'bogus' for param from: "), "{}", time.text());
    let caret = get(&app, "/render?target=nosuch(a.b)&format=json").await;
    assert!(caret.status == 400 && caret.text().contains("\n\nnosuch(a.b)\n^^^^^^"), "{}", caret.text());
}

#[tokio::test]
async fn our_own_failures_tell_nothing_of_our_insides() {
    let app = app(two());
    for address in ["/render?target=the.store.fails&format=json", "/metrics/find?query=the.store.fails"] {
        let reply = get(&app, address).await;
        assert_eq!(reply.status, 500);
        assert_eq!(reply.text(), "kymo could not answer this; its log says why\n");
    }
}

#[tokio::test]
async fn times_follow_now_and_zone() {
    let app = app(two());
    let reply = get(&app, "/render?target=a.c&format=csv&from=-10s&now=1712060003&tz=Asia/Kathmandu").await;
    assert_eq!(reply.text(), "a.c,2024-04-02 17:58:20,2.5\r\n");
    let unknown = get(&app, "/render?target=a.c&format=csv&from=-10s&tz=Nowhere/Land").await;
    assert!(unknown.text().starts_with("a.c,2024-04-02 14:37:20"), "{}", unknown.text());
    let turned = get(&app, "/render?target=a.c&format=raw&from=now&until=-20s").await;
    assert!(turned.text().starts_with("a.c,1712068630,"), "{}", turned.text());
}

#[tokio::test]
async fn answers_may_be_kept_as_long_as_asked() {
    let app = app(two());
    let of = async |query: &str| get(&app, &format!("/render?target=a.c&format=raw&{query}")).await;
    assert_eq!(of("cacheTimeout=5").await.header("cache-control"), "max-age=5");
    for never in ["cacheTimeout=0", "noCache=1"] {
        assert!(of(never).await.header("cache-control").contains("no-store"));
    }
}

#[tokio::test]
async fn names_are_found() {
    let app = app(two());
    let of = async |address: &str| get(&app, address).await.text().to_owned();
    assert_eq!(
        of("/metrics/find?query=a.*").await,
        "[{\"text\": \"b\", \"id\": \"a.b\", \"allowChildren\": 0, \"expandable\": 0, \"leaf\": 1}, \
         {\"text\": \"c\", \"id\": \"a.c\", \"allowChildren\": 0, \"expandable\": 0, \"leaf\": 1}]"
    );
    assert_eq!(of("/metrics/expand?query=*.*&leavesOnly=1").await, "{\"results\": [\"a.b\", \"a.c\", \"\\u00fc.d\"]}");
    assert_eq!(of("/metrics/index.json").await, "[\"a.b\", \"a.c\", \"\\u00fc.d\"]");
    let spans = of("/metrics/find/?query=a.b&format=json").await;
    let expected =
        "[{\"path\": \"a.b\", \"is_leaf\": true, \"intervals\": [{\"start\": 1711982243, \"end\": 1712068643}]}]";
    assert_eq!(spans, expected);
    let utf8 = get_with(&app, "/metrics/index.json", &[]).await;
    assert_eq!(utf8.header("content-type"), "application/json;charset=utf-8");
    assert!(utf8.text().contains("\"ü.d\""));
    assert_eq!(get(&app, "/metrics/find").await.status, 400);
    let searched = r#"{"metrics": [{"path": "a.b", "is_leaf": true}, {"path": "a.c", "is_leaf": true}]}"#;
    assert_eq!(of("/metrics/search?query=a.*").await, searched);
    assert_eq!(of("/metrics/search/?query=*&max_results=1").await, r#"{"metrics": [{"path": "a", "is_leaf": false}]}"#);
    assert_eq!(get(&app, "/metrics/search").await.status, 400);
    assert_eq!(get(&app, "/metrics/find?query=a&format=x").await.text(), "Invalid value for 'format' parameter\n");
}

#[tokio::test]
async fn nodes_are_told_to_another_graphite_web() {
    let app = app(two());
    let expected = serde_json::json!([
        {"path": "a.b", "is_leaf": true, "intervals": [[1_711_982_243, 1_712_068_643]]},
        {"path": "a.c", "is_leaf": true, "intervals": [[1_711_982_243, 1_712_068_643]]},
    ]);
    let pickle = get(&app, "/metrics/find?query=a.*&format=pickle").await;
    assert_eq!(pickle.header("content-type"), "application/pickle");
    assert_eq!(unpack::pickle(&pickle.body).unwrap(), expected);
    let msgpack = get(&app, "/metrics/find?query=a.*&format=msgpack").await;
    assert_eq!(msgpack.header("content-type"), "application/x-msgpack");
    assert_eq!(unpack::msgpack(&msgpack.body).unwrap(), expected);
    let branch = get(&app, "/metrics/find?query=*&format=pickle").await;
    let branches = serde_json::json!([{"path": "a", "is_leaf": false}, {"path": "ü", "is_leaf": false}]);
    assert_eq!(unpack::pickle(&branch.body).unwrap(), branches);
}

#[tokio::test]
async fn series_without_a_common_time_share_a_dygraph_table() {
    let mut app = app(two());
    let address = format!("/render?target=a.c&target=constantLine(7)&format=dygraph&jsonp=cb&{LAST_30S}");
    let reply = get(&app, &address).await;
    assert_eq!(
        reply.text(),
        "cb({\"labels\" : [\"Time\", \"a.c\", \"7.0\"], \"data\" : [[1712068613000, null, 7.0], [1712068620000, 2.5, null], \
         [1712068628000, null, 7.0], [1712068630000, 2.5, null], [1712068640000, 2.5, null], [1712068643000, null, 7.0]]})"
    );
    app.limits.query.points = 11;
    let wide = get(&app, &address).await;
    assert!(wide.status == 400 && wide.text().contains("points"), "{}", wide.text());
}

#[tokio::test]
async fn functions_are_told_as_editors_read_them() {
    let app = app(two());
    let of = async |address: &str| -> serde_json::Value {
        serde_json::from_str(&get(&app, address).await.text().replace("1e9999", "\"inf\"")).unwrap()
    };
    let scale = of("/functions/scale").await;
    assert_eq!((&scale["function"], &scale["group"]), (&"scale(seriesList, factor)".into(), &"Transform".into()));
    let all = of("/functions/").await;
    assert_eq!(all["scale"], scale);
    // An alias is a function of its own to an editor.
    assert_eq!((&all["sum"]["name"], &all["sum"]["params"]), (&"sum".into(), &all["sumSeries"]["params"]));
    let grouped = of("/functions?grouped=true&group=Transform").await;
    assert_eq!(grouped.as_object().unwrap().keys().collect::<Vec<_>>(), ["Transform"]);
    assert_eq!(grouped["Transform"]["scale"], scale);
    assert_eq!(of("/functions?group=nosuch").await, serde_json::json!({}));
    let unknown = get(&app, "/functions/nosuch").await;
    assert_eq!((unknown.status.as_u16(), unknown.text()), (404, "{\"error\": \"Function not found: nosuch\"}"));
    assert_eq!(post(&app, "/functions", "").await.status, 405);
}

#[tokio::test]
async fn state_is_told() {
    let mut app = app(two());
    assert_eq!(get(&app, "/version/").await.text(), "1.1.10\n");
    assert_eq!(get(&app, "/healthz").await.text(), "ok\n");
    app.health = Arc::new(|| Health { cannot_write: Some("disk full".to_owned()), ..Health::default() });
    let sick = get(&app, "/healthz").await;
    assert_eq!((sick.status.as_u16(), sick.text()), (503, "the store cannot write: disk full\n"));
    assert_eq!(get(&app, "/nowhere").await.status, 404);
}

#[tokio::test]
async fn bodies_and_queues_have_an_end() {
    let mut app = app(two());
    app.limits = Limits { body_bytes: 100, ..Limits::default() };
    let long = post(&app, "/render", &format!("target={}", "a".repeat(200))).await;
    assert_eq!(long.status, 413);
    assert!(long.text().contains("body_bytes"));
    assert_eq!(post(&app, "/render", "target=a.c&format=raw").await.status, 200);
}

#[tokio::test]
async fn large_texts_are_packed_when_the_client_can_unpack() {
    let app = app(two());
    let address = "/render?target=a.b&format=json";
    let packed = get_with(&app, address, &[("Accept-Encoding", "gzip")]).await;
    assert_eq!(packed.header("content-encoding"), "gzip");
    let plain = get(&app, address).await;
    assert!(packed.body.len() * 3 < plain.body.len() && plain.header("content-encoding").is_empty());
    let picture = get_with(&app, "/render?target=a.b", &[("Accept-Encoding", "gzip")]).await;
    assert!(picture.header("content-encoding").is_empty(), "a PNG is packed already");
}

#[tokio::test]
async fn a_limit_is_named_with_the_setting_that_holds_it() {
    let mut app = app(Scripted::default().with("a.b", |_| 1.5).with("a.c", |_| 2.5));
    app.limits.query.series = 1;
    let reply = get(&app, "/render?target=a.*&format=json").await;
    assert!(reply.status == 400 && reply.text().contains("limits.query_series"), "{}", reply.text());
    app.limits.query.series = 10;
    app.limits.query.points = 8640;
    let reply = get(&app, "/render?target=a.*&format=json").await;
    assert!(reply.status == 400 && reply.text().contains("limits.query_points"), "{}", reply.text());
    app.limits.query.points = 1_000_000;
    app.limits.answer_bytes = 100_000;
    for format in ["json", "csv", "rickshaw"] {
        let reply = get(&app, &format!("/render?target=a.*&format={format}")).await;
        assert!(reply.status == 400 && reply.text().contains("limits.query_answer_bytes"), "{}", reply.text());
    }
    let thin = get(&app, "/render?target=a.*&format=json&maxDataPoints=100").await;
    assert_eq!(thin.status, 200, "what is thinned is short");
}

#[tokio::test]
async fn what_takes_too_long_is_answered_in_time() {
    let slow = |_| {
        std::thread::sleep(std::time::Duration::from_micros(200));
        1.0
    };
    let mut app = app(Scripted::default().with("a.slow", slow));
    app.limits.query_secs = 1;
    let reply = get(&app, "/render?target=a.slow&format=json&from=-1d").await;
    assert!(reply.status == 503 && reply.text().contains("limits.query_secs"), "{}", reply.text());
    assert_eq!(reply.header("retry-after"), "1");
}
