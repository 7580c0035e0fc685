//! Metric names come from the wire. One that is markup stays text in every page and format.

use crate::ask::{app, get};
use crate::scripted::Scripted;
use form_urlencoded::byte_serialize;

const NAMES: [&str; 4] = [
    "evil.<img src=x onerror=alert(1)>",
    "evil.\"><script>alert(1)</script>",
    "evil.' onload='alert(1)",
    "evil.</textarea></title></style><svg onload=alert(1)>",
];

fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

fn assert_harmless(what: &str, page: &str) {
    for begun in ["<img", "<script>", "<svg onload", "</textarea></title", "'alert", "' onload", "\"><script>"] {
        assert!(!page.contains(begun), "{what} holds {begun}");
    }
}

#[tokio::test]
async fn names_are_text_wherever_they_are_shown() {
    for name in NAMES {
        let app = app(Scripted::default().with(name, |at| (at % 50) as f64));
        let name_encoded = encoded(name);
        for address in [
            "/".to_owned(),
            "/?path=evil".to_owned(),
            "/?q=evil".to_owned(),
            format!("/?q={name_encoded}"),
            format!("/?path={name_encoded}"),
            "/explore?target=evil.*".to_owned(),
            format!("/explore?target={name_encoded}&from={name_encoded}&until={name_encoded}&tz={name_encoded}"),
            format!("/explore?target=alias(evil.*,%22{name_encoded}%22)"),
            "/render?target=evil.*&format=svg&width=800&height=400".to_owned(),
            format!("/render?target=evil.*&format=svg&title={name_encoded}&vtitle={name_encoded}&width=600&height=300"),
        ] {
            let mut reply = get(&app, &address).await;
            if reply.status == 303 {
                let onward = reply.header("location").to_owned();
                reply = get(&app, &onward).await;
                assert!(reply.text().contains("<tr data-i=\"0\""), "{onward} draws the series");
            }
            assert_harmless(&address, reply.text());
            assert!(
                reply.header("content-type").starts_with("text/html") || address.starts_with("/render"),
                "{address}"
            );
        }
        let page = get(&app, "/explore?target=evil.*").await;
        assert!(page.text().contains("<tr data-i=\"0\""), "the series is drawn");
    }
}

#[tokio::test]
async fn other_types_are_never_taken_for_a_page() {
    let app = app(Scripted::default().with(NAMES[0], |_| 1.0));
    for address in [
        "/render?target=evil.*&format=json",
        "/render?target=evil.*&format=raw",
        "/render?target=evil.*&format=csv",
        "/metrics/find?query=evil.*",
        "/metrics/index.json",
        "/api/v1/suggest?q=evil",
        "/render?target=%3Cimg%20src=x%3E(&from=%3Cimg%20src=x%3E",
        "/%3Cimg%20src=x%3E",
    ] {
        let reply = get(&app, address).await;
        assert!(!reply.header("content-type").contains("html"), "{address} is {}", reply.header("content-type"));
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert!(reply.header("content-security-policy").contains("default-src 'none'"));
    }
}
