//! The tail beside a map of the same names.

use super::*;
use proptest::prelude::*;

/// Every name with its id, from one on.
fn names(tail: &Tail, least: &str) -> Vec<(String, u32)> {
    let (mut walk, mut names) = (tail.walk_from(least), Vec::new());
    while let Some((name, id)) = walk.entry() {
        names.push((name.to_owned(), id));
        walk.advance();
    }
    names
}

fn name() -> impl Strategy<Value = String> {
    // Long ones begin alike beyond what a byte can count, and some part in the middle of a letter.
    prop_oneof![
        4 => "[ab]{1,3}(\\.[abé]{1,3}){0,3}",
        1 => "[ab]{1,2}".prop_map(|end| "x".repeat(300) + &end),
        1 => "[ab]{1,2}".prop_map(|end| end + &"y".repeat(2_000)),
        2 => "[èéê]{1,4}",
    ]
}

proptest! {
    #[test]
    fn holds_what_a_map_holds(steps in proptest::collection::vec((proptest::collection::vec(name(), 0..40), proptest::collection::vec(name(), 0..10)), 1..12), least in name()) {
        let (mut tail, mut map, mut next) = (Tail::default(), BTreeMap::new(), 0);
        for (come, go) in steps {
            let come: std::collections::BTreeSet<_> = come.into_iter().filter(|name| !map.contains_key(name)).collect();
            let come: Vec<(String, u32)> = come.into_iter().map(|name| { next += 1; (name, next) }).collect();
            let before = tail.clone();
            let kept = names(&tail, "");
            tail.insert_all(&come.iter().map(|(name, id)| (name.as_str(), *id)).collect::<Vec<_>>());
            prop_assert_eq!(names(&before, ""), kept, "a copy stays as it was");
            map.extend(come);
            for name in go.into_iter().chain(map.keys().nth(map.len() / 2).cloned()) {
                tail.remove(&name);
                map.remove(&name);
            }
            prop_assert_eq!(names(&tail, ""), map.clone().into_iter().collect::<Vec<_>>());
            prop_assert_eq!(names(&tail, &least), map.range(least.clone()..).map(|(name, id)| (name.clone(), *id)).collect::<Vec<_>>());
            let below = format!("{least}.");
            prop_assert_eq!(tail.is_branch(&least), map.keys().any(|name| name.starts_with(&below)));
        }
    }
}

#[test]
fn runs_stay_short_and_full_in_any_order() {
    let name = |i: u32| format!("fleet.ward{:02}.device{:05}.sensor{:02}", i % 7, i / 16, i % 16);
    let mut tail = Tail::default();
    for i in 0..20_000u32 {
        // One at a time, far apart.
        let i = i * 7_919 % 20_011;
        tail.insert_all(&[(&name(i), i)]);
    }
    let bytes: usize = tail.runs.iter().map(|(key, run)| key.len() + run.len()).sum();
    assert!(tail.runs.values().all(|run| run.len() <= RUN_MOST));
    assert!(bytes < 20 * 20_000, "{bytes} bytes in {} runs", tail.runs.len());
}
