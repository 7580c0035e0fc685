//! Alert rules over made-up series and a clock that the test moves.

use crate::ask::{app, get};
use crate::scripted::{NOW, Scripted};
use render::access::Grants;
use render::alert::{Board, Change, Rule, Standing, State, Terms};
use std::sync::Arc;

/// Good, from 100 s on much too high, from 300 s on high, from 400 s on silent.
fn measured() -> Scripted {
    let course = |at: i64| match at - NOW.0 {
        ..100 => 20.0,
        100..300 => 600.0,
        300..400 => 300.0,
        _ => f64::NAN,
    };
    Scripted::default().with("web.time", course).with("web.other", |_| 1.0)
}

fn rule(name: &str, target: &str, for_secs: i64, no_data: State) -> Rule {
    let range = |text: &str| text.parse().ok();
    Rule {
        name: name.to_owned(),
        target: target.to_owned(),
        terms: Terms { warning: range("250"), critical: range("500"), age_secs: Some(60), no_data },
        for_secs,
        within_secs: 600,
        webhook: None,
    }
}

fn board(rules: Vec<Rule>) -> Board {
    let board = Board::default();
    board.put(rules.into_iter().map(|rule| Standing::new(Arc::new(rule), NOW)).collect());
    board
}

/// The changes of ten minutes, a look every ten seconds, and how long after the start each was.
fn changes(rule: Rule) -> Vec<(i64, State, State)> {
    let (board, series, limits) = (board(vec![rule]), measured(), query::Limits::default());
    let look = |n: i64| {
        let now = NOW + 10 * n;
        board.round(&series, &limits, now).into_iter().map(move |notice| {
            let Change { from, to } = notice.change;
            (now - NOW, from, to)
        })
    };
    (0..60).flat_map(look).collect()
}

#[test]
fn states_follow_the_values_as_long_as_the_rule_says() {
    use State::{Critical, Ok, Unknown, Warning};
    // Slots end at full tens, and NOW does not.
    let at_once = changes(rule("a", "web.*", 0, Unknown));
    assert_eq!(
        at_once.iter().map(|(_, from, to)| (*from, *to)).collect::<Vec<_>>(),
        [(Ok, Critical), (Critical, Warning), (Warning, Unknown)],
    );
    let (first, second, third) = (at_once[0].0, at_once[1].0, at_once[2].0);
    assert!((100..=110).contains(&first) && (300..=310).contains(&second), "{at_once:?}");
    assert!((460..=480).contains(&third), "a value counts for its age: {at_once:?}");

    let later = changes(rule("a", "web.time", 60, Critical));
    let expected = [(first + 60, Ok, Critical), (second, Critical, Warning), (third + 60, Warning, Critical)];
    assert_eq!(later, expected);
    assert_eq!(changes(rule("a", "web.time", 250, Ok)), [(first + 250, Ok, Warning), (third, Warning, Ok)]);
    assert_eq!(changes(rule("a", "web.time", 1000, Unknown)), []);
    assert_eq!(changes(rule("a", "nosuch.*", 20, Warning)), [(20, Ok, Warning)]);
    assert_eq!(changes(rule("a", "nofunction(web.time)", 0, Ok)), [(0, Ok, Unknown)], "an error is never good");
}

#[tokio::test]
async fn the_api_tells_how_they_stand() {
    let rules = vec![rule("slow web", "web.*", 60, State::Unknown), rule("broken", "nofunction(a)", 0, State::Ok)];
    let board = board(rules);
    board.round(&measured(), &query::Limits::default(), NOW + 150);
    let mut app = app(measured());
    app.alerts = Some(Arc::new(board));
    let told: serde_json::Value = serde_json::from_slice(&get(&app, "/api/v1/alerts").await.body).unwrap();
    let (slow, broken) = (&told["alerts"][0], &told["alerts"][1]);
    assert_eq!((&slow["name"], &slow["state"]), (&"slow web".into(), &"ok".into()));
    assert_eq!((&slow["pending"]["state"], &slow["pending"]["since"]), (&"critical".into(), &(NOW.0 + 150).into()));
    assert_eq!((&slow["series"][0]["name"], &slow["series"][0]["value"]), (&"web.time".into(), &600.0.into()));
    assert_eq!((&slow["critical"], &slow["for"], &slow["seen"]), (&"500".into(), &60.into(), &(NOW.0 + 150).into()));
    assert_eq!(broken["state"], "unknown");
    assert!(broken["error"].as_str().unwrap().contains("nofunction"), "{broken}");
    let one: serde_json::Value = serde_json::from_slice(&get(&app, "/api/v1/alerts/?name=broken").await.body).unwrap();
    assert_eq!(one["alerts"].as_array().unwrap().len(), 1);

    // A rule may be about any name, so only who may read them all sees rules.
    let narrow = app.seen_with(&Arc::new(Grants::parse(["read:web"]).unwrap()));
    let refused = get(&narrow, "/api/v1/alerts").await;
    assert_eq!((refused.status.as_u16(), refused.text().contains("slow")), (403, false));
    let wide = app.seen_with(&Arc::new(Grants::parse(["read"]).unwrap()));
    assert_eq!(get(&wide, "/api/v1/alerts").await.status.as_u16(), 200);
}
