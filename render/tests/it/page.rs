//! The pages as they leave the server: complete, and telling what they should.

use crate::ask::{app, get, get_with};
use crate::scripted::Scripted;
use render::App;
use render::app::{Figure, Health, Listening};
use render::draw::Unit;
use std::sync::Arc;

fn busy() -> App {
    let series = Scripted::default()
        .with("stats.logins", |at| 3.0 + (at % 70) as f64 / 10.0)
        .with("stats.uploads", |_| 90.0)
        .with("stats.idle", |_| tsdb::GAP)
        .with("stats.timers.api.get.count_ps", |_| 12.0)
        .with("stats.timers.api.get.mean", |at| (at % 40) as f64)
        .with("stats.timers.api.get.upper_90", |at| (at % 90) as f64)
        .with("stats.gauges.queue", |at| (at % 30) as f64)
        .with("servers.web01.cpu", |at| (at % 20) as f64)
        .with("servers.web02.cpu", |at| (at % 25) as f64)
        .with("kymo.datagrams", |at| (at % 11) as f64);
    let mut app = app(series);
    let figure = |label: &str, value, is_loss| Figure {
        label: label.to_owned(),
        value,
        unit: Unit::Si,
        target: Some("kymo.datagrams".to_owned()),
        is_loss,
    };
    app.health = Arc::new(move || Health {
        figures: vec![figure("datagrams read", 123_456.0, false), figure("kernel drops", 7.0, true)],
        cannot_write: None,
    });
    app
}

#[tokio::test]
async fn the_first_page_is_full_when_it_arrives() {
    let reply = get(&busy(), "/").await;
    assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
    let page = reply.text();
    assert!(page.contains("datagrams read</span><b>123k</b>"), "{page}");
    assert!(page.contains("<div class=\"tile lost\"><span class=\"label\">kernel drops</span><b>7</b>"));
    // Two sparklines, and graphs of two counters, a timer, a gauge and two plain names, each kind in its turn.
    assert_eq!(page.matches("class=\"card\"").count(), 6);
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is missing"));
    assert!(at(">uploads</a>") < at(">api.get</a>") && at(">api.get</a>") < at(">queue</a>"));
    assert!(at(">queue</a>") < at(">servers.web0") && at(">servers.web0") < at(">logins</a>"));
    assert!(!page.contains(">idle</a> <span"), "what sent nothing is not busy");
    assert!(page.contains("<details data-path=\"servers\"><summary>"));
    assert!(page.len() < 400_000);
}

/// An hour of nothing with five minutes of lines at its end tells less than five minutes.
#[tokio::test]
async fn a_server_that_has_just_begun_shows_what_it_has() {
    let begun = crate::scripted::NOW.0 - 700;
    let series = Scripted::default().with("stats.young", move |at| if at < begun { tsdb::GAP } else { 1.0 });
    let page = get(&app(series), "/").await;
    assert!(page.text().contains("data-from=\"1712067950\" data-until=\"1712068643\""), "{}", page.text());
    assert!(page.text().contains("/explore?target=stats.young&amp;from=-12min&amp;until=now"));
    assert!(get(&busy(), "/").await.text().contains("&amp;from=-1h&amp;"));
}

#[tokio::test]
async fn the_tree_opens_without_scripts() {
    let page = get(&busy(), "/?path=servers.web01").await;
    assert!(page.text().contains("<details data-path=\"servers.web01\" open data-filled>"));
    assert!(page.text().contains("<a href=\"/explore?target=servers.web01.cpu&amp;from=-6h&amp;until=now\">cpu</a>"));
}

#[tokio::test]
async fn names_are_searched() {
    let found = get(&busy(), "/?q=web%20cpu").await;
    assert!(found.text().contains("Metrics like “web cpu”"));
    assert!(found.text().contains(">servers.web02.cpu</a>"));
    let drawn = get(&busy(), "/?q=servers.*.cpu").await;
    assert_eq!(drawn.status, 303);
    assert_eq!(drawn.header("location"), "/explore?target=servers.*.cpu&from=-6h&until=now");
    let offered = get(&busy(), "/api/v1/suggest?q=web01").await;
    let expected = "[{\"name\": \"servers.web01.cpu\", \
                    \"href\": \"/explore?target=servers.web01.cpu&from=-6h&until=now\"}]";
    assert_eq!(offered.text(), expected);
}

#[tokio::test]
async fn an_empty_store_says_how_to_fill_it() {
    let mut app = app(Scripted::default().with("kymo.datagrams", |_| 0.0));
    app.listening = Listening { statsd: Some("0.0.0.0:18125".parse().unwrap()), carbon: None };
    let page = get(&app, "/").await;
    assert!(page.text().contains("echo \"hello:1|c\" | nc -u -w0 127.0.0.1 18125"), "{}", page.text());
}

#[tokio::test]
async fn explore_draws_tables_and_links() {
    let reply = get(&busy(), "/explore?target=servers.*.cpu&from=-1h&until=now&tz=Europe/Berlin").await;
    let page = reply.text();
    assert_eq!(reply.status, 200);
    assert!(page.contains("<textarea") && page.contains("\nservers.*.cpu</textarea>"));
    assert!(page.contains("Tue 2 Apr 2024, 15:37:23 – 16:37:23 · Europe/Berlin"));
    assert!(page.contains("<g class=\"series\" data-i=\"1\" data-name=\"servers.web02.cpu\">"));
    assert!(page.contains("<tr data-i=\"0\" data-name=\"servers.web01.cpu\">"));
    assert!(page.contains(
        "<a href=\"/render?target=servers.*.cpu&amp;from=-1h&amp;until=now&amp;tz=Europe%2FBerlin&amp;format=csv\">CSV</a>"
    ));
    assert!(page.contains("aria-current=\"true\">1h</a>"));
    assert!(page.contains("var(--s") && page.contains("fill=\"var(--ground)\""), "one picture for light and dark");
    assert!(page.contains("<th scope=\"row\">2024-04-02 16:37:20</th>"));
}

#[tokio::test]
async fn the_picture_is_as_wide_as_its_place() {
    let of = async |address: &str, agent: &str| {
        get_with(&busy(), &format!("/explore?target=stats.logins{address}"), &[("User-Agent", agent)]).await
    };
    assert!(of("", "Desktop").await.text().contains("viewBox=\"0 0 1120 380\""));
    assert!(of("", "Some Mobile Phone").await.text().contains("viewBox=\"0 0 390 270\""));
    assert!(of("&width=777", "").await.text().contains("viewBox=\"0 0 777 380\""));
    assert!(of("&width=99999", "").await.text().contains("viewBox=\"0 0 3000 380\""));
}

#[tokio::test]
async fn what_cannot_be_drawn_is_explained() {
    let wrong = get(&busy(), "/explore?target=nosuch(stats.logins)").await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("<pre>nosuch(stats.logins)\n^^^^^^</pre>"), "{}", wrong.text());
    let near = get(&busy(), "/explore?target=web01.cpu").await;
    assert!(near.text().contains("Did you mean") && near.text().contains(">servers.web01.cpu</a>"));
    let unasked = get(&busy(), "/explore").await;
    assert!(unasked.text().contains("Names to begin with"));
    let time = get(&busy(), "/explore?target=stats.logins&from=whenever").await;
    assert!(time.status == 400 && time.text().contains("Invalid value &#39;whenever&#39; for param from"));
}

#[tokio::test]
async fn many_series_are_cut_to_what_can_be_told_apart() {
    let mut series = Scripted::default();
    for i in 0..60 {
        series = series.with(&format!("many.s{i:02}"), move |_| f64::from(i));
    }
    let page = get(&app(series), "/explore?target=many.*").await;
    assert_eq!(page.text().matches("<tr data-i=").count(), 40);
    assert!(page.text().contains("data-name=\"many.s59\"") && !page.text().contains("data-name=\"many.s19\""));
    assert!(page.text().contains("The 20 with the smallest maxima are not drawn"));
}

#[tokio::test]
async fn assets_are_kept_until_they_change() {
    let app = busy();
    let style = get(&app, "/assets/style.css").await;
    assert!(style.text().starts_with(":root{--ground:light-dark(#ffffff,#12161d);"));
    let again = get_with(&app, "/assets/style.css", &[("If-None-Match", style.header("etag"))]).await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    assert_eq!(get(&app, "/assets/nothing.js").await.status, 404);
    let sum = get(&app, "/").await;
    assert!(sum.header("content-security-policy").starts_with("default-src 'self'"));
}

/// Every file that the page or a module names is served.
#[tokio::test]
async fn no_link_to_an_asset_is_dead() {
    let app = busy();
    let page = get(&app, "/").await.text().to_owned();
    let mut named: Vec<String> =
        page.split("/assets/").skip(1).map(|rest| rest[..rest.find('"').unwrap()].to_owned()).collect();
    assert!(named.len() >= 4);
    while let Some(name) = named.pop() {
        let asset = get(&app, &format!("/assets/{name}")).await;
        assert_eq!(asset.status, 200, "{name}");
        if name == "page.js" {
            let modules = asset.text().split("'./").skip(1).map(|rest| rest[..rest.find('\'').unwrap()].to_owned());
            named.extend(modules);
        }
    }
}
