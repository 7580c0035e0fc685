//! The index beside the whisper store's tree, through checkpoints and changes, and with files that are not its own.

use super::*;
use crate::counters::Counters;
use crate::name::{Place, canonical};
use crate::whisper_store::tree::Tree;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use tempfile::TempDir;

const BOUNDS: Bounds = Bounds { expansions: 1000, nodes: 10_000 };

fn index(names: &[&str]) -> Index {
    let index = Index::new(1000, BOUNDS);
    names.iter().for_each(|name| index.show(index.resolve(name).expect("room")));
    index
}

fn at(folder: &TempDir) -> std::path::PathBuf {
    folder.path().join("names.fst")
}

/// Another index of the same names, as after a restart.
fn restarted(index: &Index) -> Index {
    let other = Index::new(1000, BOUNDS);
    (0..index.len() as u32).for_each(|id| {
        other.resolve(&index.name(SeriesId(id)).expect("an id")).expect("room");
    });
    other
}

#[track_caller]
fn check(index: &Index, pattern: &str, expected: &[&str]) {
    let nodes = index.find(pattern).expect("a small pattern").into_iter();
    let paths: Vec<String> = nodes.map(|node| if node.leaf { node.path } else { node.path + "/" }).collect();
    assert_eq!(paths, expected, "{pattern}");
}

#[test]
fn ids_are_dense_and_keep_their_names() {
    let index = Index::new(3, BOUNDS);
    assert_eq!((index.known("a.b"), index.is_empty()), (None, true));
    let ids: Vec<SeriesId> = ["a.b", "c", "a.b", "d"].iter().map(|name| index.resolve(name).expect("room")).collect();
    assert_eq!(ids, [SeriesId(0), SeriesId(1), SeriesId(0), SeriesId(2)]);
    assert!(matches!(index.resolve("e"), Err(Error::SeriesLimit { limit: 3 })));
    assert_eq!((index.known("d"), index.known("e"), index.len()), (Some(SeriesId(2)), None, 3));
    assert_eq!((index.name(SeriesId(1)).as_deref(), index.name(SeriesId(3))), (Some("c"), None));
    assert!(matches!(index.resolve(&"x".repeat(1 << 16)), Err(Error::Name { .. })));
}

#[test]
fn many_names_of_all_lengths_are_found_again() {
    let index = Index::new(u32::MAX, BOUNDS);
    let name = |i: usize| format!("{i}.{}", "x".repeat(i * 7919 % 3500));
    let long = "y".repeat(40_000);
    for i in 0..3000 {
        assert_eq!(index.resolve(&name(i)).expect("room").index(), i);
    }
    index.resolve(&long).expect("room");
    for i in 0..3000 {
        assert_eq!(index.known(&name(i)).map(SeriesId::index), Some(i));
        assert!(index.with_name(SeriesId(i as u32), |found| found == name(i)).expect("an id"));
    }
    assert_eq!(index.name(SeriesId(3000)).as_deref(), Some(&*long));
}

#[test]
fn threads_agree_on_ids() {
    let index = Index::new(u32::MAX, BOUNDS);
    let all = || (0..5000).map(|i| index.resolve(&format!("n.{i}")).expect("room")).collect::<Vec<_>>();
    let ids = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(all)).collect();
        threads.into_iter().map(|thread| thread.join().expect("ended")).collect::<Vec<_>>()
    });
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(index.len(), 5000);
}

#[test]
fn shows_and_hides() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = index(&["a.b", "a.c.d", "a.c.e", "m;k=v"]);
    let id = |name: &str| index.known(name).expect("resolved");
    index.resolve("silent").expect("room");
    for round in 0..3 {
        check(&index, "*", &["_tagged/", "a/"]);
        check(&index, "a.*", &["a.b", "a.c/"]);
        index.hide(id("a.c.d"));
        check(&index, "a.c.*", &["a.c.e"]);
        index.hide(id("a.c.e"));
        check(&index, "a.*", &["a.b"]);
        check(&index, "a.c", &[]);
        index.hide_all(&[id("a.b"), id("m;k=v"), id("m;k=v")]);
        check(&index, "**", &[]);
        assert_eq!(index.leaves().expect("few"), [""; 0]);
        assert_eq!(index.tag_names(&[], "", 10).expect("no pattern"), [""; 0]);
        index.show_all(&[id("a.c.e"), id("a.b"), id("m;k=v"), id("a.c.d"), id("a.b")]);
        assert_eq!((index.shown_count(), index.is_shown(id("silent"))), (4, false));
        if round == 0 {
            index.checkpoint(&at(&folder)).expect("written");
        }
    }
}

#[test]
fn leaves_lead_back_to_their_series() {
    let long = format!("m;url={}", "x".repeat(250));
    let index = index(&["a.b", "http.requests;host=web01", "m;url=/api", &long]);
    let leaves = index.leaves().expect("few");
    assert!(leaves.iter().any(|leaf| leaf.ends_with(".http_DOT_requests;host=web01")), "{leaves:?}");
    let mut ids: Vec<SeriesId> = leaves.iter().filter_map(|leaf| index.at(leaf)).collect();
    ids.sort_unstable();
    assert_eq!(ids, [0, 1, 2, 3].map(SeriesId));
    assert_eq!(
        (index.at("a"), index.at("a.b.c"), index.at("m;url=/api"), index.at("_tagged.000.000.x")),
        (None, None, None, None)
    );
    index.hide(SeriesId(0));
    assert_eq!((index.at("a.b"), index.known("a.b")), (None, Some(SeriesId(0))));
}

#[test]
fn a_forgotten_name_takes_no_memory_and_its_id_is_given_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = Index::new(2_001, BOUNDS);
    let name = |i: u32, life: u32| format!("unit.bed{i}.life{life}{}", "x".repeat((i * 7919 % 60) as usize));
    let of = |life: u32| (0..2_000).map(move |i| name(i, life)).collect::<Vec<_>>();
    let mut names = of(0);
    let mut ids: Vec<SeriesId> = names.iter().map(|name| index.resolve(name).expect("room")).collect();
    index.show_all(&ids);
    let stays = index.resolve("stays").expect("room");
    index.show(stays);
    for life in 1..=20 {
        assert!(index.resolve("no.room").is_err());
        if life % 2 == 1 {
            index.checkpoint(&at(&folder)).expect("written");
            index.hide_all(&ids);
            assert!(index.forget(ids.iter().copied()).is_empty(), "the dictionary holds them still");
            index.checkpoint(&at(&folder)).expect("written");
        }
        index.hide_all(&ids);
        assert!(index.forget(ids.iter().chain(&[stays]).copied()) == ids);
        assert_eq!((index.names(), index.known("stays"), index.len()), (1, Some(stays), 2_001));
        assert!(ids.iter().all(|id| index.name(*id).is_none()));
        assert!(index.resolve("no.room").is_err(), "they rest");
        index.release(&ids);
        names = of(life);
        ids = names.iter().map(|name| index.resolve(name).expect("room")).collect();
        index.show_all(&ids);
        assert!(ids.iter().zip(&names).all(|(id, name)| index.name(*id).as_deref() == Some(name)));
        assert!(names.iter().zip(&ids).all(|(name, id)| index.known(name) == Some(*id)));
        assert_eq!(index.known(&name(7, life - 1)), None);
        check(&index, "unit.bed7.*", &[&name(7, life)]);
    }
    assert_eq!((index.leaves().expect("listed").len(), index.names()), (2_001, 2_001));
}

#[test]
fn a_checkpoint_brings_everything_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = index(&["b.x", "a.y", "m;k=v", "a.z", "silent"]);
    index.hide(index.known("silent").expect("resolved"));
    index.checkpoint(&at(&folder)).expect("written");
    index.resolve("later").expect("room");
    let other = restarted(&index);
    assert!(other.attach(&at(&folder)).expect("read"));
    assert_eq!(other.leaves().expect("few"), index.leaves().expect("few"));
    let k: Vec<String> = ["k", "name"].map(str::to_owned).into();
    assert_eq!(other.tag_names(&[], "", 10).expect("no pattern"), k);
    // What came and went after the checkpoint.
    other.show(other.known("later").expect("resolved"));
    other.show(other.known("silent").expect("resolved"));
    other.hide(other.known("a.y").expect("resolved"));
    check(&other, "*.*", &["_tagged.604/", "a.z", "b.x"]);
    check(&other, "*", &["_tagged/", "a/", "b/", "later", "silent"]);
    assert!(!other.wants_checkpoint());
    assert!(!other.attach(&at(&folder)).expect("read"), "names are shown already");
}

#[test]
fn a_checkpoint_of_other_ids_brings_back_what_is_known_and_a_damaged_one_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = at(&folder);
    let index = index(&["b.x", "a.y", "m;k=v", "a.z"]);
    assert!(!index.attach(&path).expect("nothing there"));
    index.checkpoint(&path).expect("written");
    let fewer = Index::new(9, BOUNDS);
    fewer.resolve("b.x").expect("room");
    assert!(fewer.attach(&path).expect("read"));
    check(&fewer, "*.*", &["b.x"]);
    assert_eq!(fewer.at("b.x"), Some(SeriesId(0)));
    let turned = Index::new(9, BOUNDS);
    ["new", "a.y", "b.x", "m;k=v", "a.z"].iter().for_each(|name| drop(turned.resolve(name)));
    assert!(turned.attach(&path).expect("read"));
    turned.show_all(&[SeriesId(0), SeriesId(3)]);
    check(&turned, "*.*", &["_tagged.604/", "a.y", "a.z", "b.x"]);
    check(&turned, "*", &["_tagged/", "a/", "b/", "new"]);
    assert_eq!((turned.at("a.z"), turned.at("a.y")), (Some(SeriesId(4)), Some(SeriesId(1))));
    assert!(turned.wants_checkpoint(), "with the ids of now");
    turned.hide(SeriesId(2));
    check(&turned, "b.*", &[]);
    turned.checkpoint(&folder.path().join("turned.fst")).expect("written");
    assert!(!turned.wants_checkpoint());
    check(&turned, "*.*", &["_tagged.604/", "a.y", "a.z"]);
    fs::remove_file(folder.path().join("turned.fst")).expect("removed");
    let whole = fs::read(&path).expect("there");
    for i in 0..whole.len() {
        for bit in [1, 0x80] {
            let mut damaged = whole.clone();
            damaged[i] ^= bit;
            fs::write(&path, damaged).expect("written");
            assert!(!restarted(&index).attach(&path).expect("read"), "byte {i}");
        }
        fs::write(&path, &whole[..i]).expect("written");
        assert!(!restarted(&index).attach(&path).expect("read"), "cut at {i}");
    }
    fs::write(&path, [&whole[..], b"x"].concat()).expect("written");
    assert!(!restarted(&index).attach(&path).expect("read"));
    fs::write(&path, &whole).expect("written");
    assert!(restarted(&index).attach(&path).expect("read"));
    assert!(index.checkpoint(&folder.path().join("no/such/folder")).is_err());
    assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 1, "nothing is left beside");
}

#[test]
fn changes_during_a_checkpoint_are_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = Index::new(u32::MAX, Bounds { expansions: 10, nodes: 100_000 });
    let ids: Vec<SeriesId> = (0..6000).map(|i| index.resolve(&format!("a.{i}.b")).expect("room")).collect();
    index.show_all(&ids[..3000]);
    let changing = || {
        for round in 0..60 {
            ids.iter().skip(round).step_by(60).for_each(|id| index.hide(*id));
            ids.iter().skip(round).step_by(120).for_each(|id| index.show(*id));
        }
    };
    std::thread::scope(|scope| {
        let changer = scope.spawn(changing);
        while !changer.is_finished() {
            index.checkpoint(&at(&folder)).expect("written");
        }
    });
    let expected = (0..60).flat_map(|round| ids.iter().skip(round).step_by(120));
    let mut expected: Vec<String> = expected.map(|id| index.name(*id).expect("an id").to_string()).collect();
    expected.sort_unstable();
    assert_eq!(index.leaves().expect("few"), expected);
    let found = index.find("a.*.b").expect("few");
    assert_eq!(found.into_iter().map(|node| node.path).collect::<Vec<_>>(), expected);
    index.checkpoint(&at(&folder)).expect("written");
    assert_eq!(index.leaves().expect("few"), expected);
}

#[test]
fn asks_for_a_checkpoint_when_much_has_changed() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = Index::new(u32::MAX, BOUNDS);
    let ids: Vec<SeriesId> = (0..20_001).map(|i| index.resolve(&format!("a.{i}")).expect("room")).collect();
    index.show_all(&ids[1..]);
    assert!(!index.wants_checkpoint());
    index.show_all(&ids);
    assert!(index.wants_checkpoint());
    index.checkpoint(&at(&folder)).expect("written");
    assert!(!index.wants_checkpoint());
}

#[test]
fn is_bounded() {
    let names: Vec<String> = (0..7).map(|i| format!("a.{i};k={i}")).chain((0..7).map(|i| format!("a.{i}.b"))).collect();
    let index = Index::new(100, Bounds { expansions: 10, nodes: 5 });
    names.iter().for_each(|name| index.show(index.resolve(name).expect("room")));
    assert!(matches!(index.find("{a,b}{a,b}{a,b}{a,b}"), Err(Error::TooManyExpansions { limit: 10, .. })));
    assert!(matches!(index.find("a.*"), Err(Error::TooManyNodes { limit: 5, .. })));
    assert!(matches!(index.find("a.**.b"), Err(Error::TooManyNodes { .. })));
    assert!(matches!(index.leaves(), Err(Error::TooManyNodes { .. })));
    let every = TagExpression::parse("k=~.").expect("an expression");
    assert!(matches!(index.tagged(&[every]), Err(Error::TooManyNodes { .. })));
    check(&index, "a.[0-4]", &["a.0/", "a.1/", "a.2/", "a.3/", "a.4/"]);
}

/// A name of few letters, so that names meet; with tags now and then.
fn name() -> impl Strategy<Value = String> {
    let node = prop_oneof!["[ab]{1,2}", "[a_é-]{1,3}", Just("a{b}".to_owned()), "[ab*]{1,2}"];
    let plain = prop::collection::vec(node, 1..5).prop_map(|nodes| nodes.join("."));
    let tags = prop::collection::vec(("[kl]", "[a-c.é/]{1,2}"), 0..3);
    let tagged =
        tags.prop_map(|tags| tags.into_iter().map(|(tag, value)| format!(";{tag}={value}")).collect::<String>());
    prop_oneof![3 => plain.clone(), 1 => (plain, tagged).prop_map(|(plain, tags)| plain + &tags)]
        .prop_filter_map("no name", |name| canonical(&name).ok().map(|name| name.into_owned()))
}

fn pattern() -> impl Strategy<Value = String> {
    let node = prop_oneof![
        2 => "[ab]{1,2}",
        2 => Just("*".to_owned()),
        1 => Just("**".to_owned()),
        1 => Just("_tagged".to_owned()),
        1 => Just(String::new()),
        2 => "[ab*?]{1,3}",
        1 => "\\{[ab],[ab*]?\\}[ab]?",
        1 => "[ab]?\\[[!a-b]{1,3}\\][*]?",
        1 => "[ab*?{}\\\\\\[\\],é_/-]{1,4}",
    ];
    prop::collection::vec(node, 1..6).prop_map(|nodes| nodes.join("."))
}

proptest! {
    #[test]
    fn finds_what_the_tree_of_files_finds(
        names in prop::collection::vec((name(), any::<bool>(), 0..4u8), 1..24),
        patterns in prop::collection::vec(pattern(), 12),
    ) {
        let (folder, files) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let index = Index::new(1000, BOUNDS);
        let mut shown = BTreeMap::new();
        for (name, is_shown, then) in &names {
            let id = index.resolve(name).expect("room");
            if *is_shown { index.show(id) } else { index.hide(id) }
            shown.insert(name, *is_shown);
            if *then == 0 {
                index.checkpoint(&at(&folder)).expect("written");
            }
        }
        for name in shown.iter().filter(|(_, shown)| **shown).map(|(name, _)| name) {
            let path = files.path().join(Place::of(name).to_create());
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, b"").expect("written");
        }
        let counters = Counters::default();
        let tree = Tree { root: files.path(), bounds: BOUNDS, counters: &counters };
        let asked: Vec<String> = patterns.into_iter().chain(shown.keys().map(|name| (*name).clone())).collect();
        prop_assert_eq!(&index.leaves().expect("few"), &tree.leaves().expect("few"));
        // As it stands: some names in the dictionary, some of them gone, and a tail.
        let before: Vec<_> = asked.iter().map(|pattern| index.find(pattern).ok()).collect();
        index.checkpoint(&at(&folder)).expect("written");
        let attached = restarted(&index);
        prop_assert!(attached.attach(&at(&folder)).expect("read"));
        let k = TagExpression::parse("k!=").expect("an expression");
        let with_k = shown.iter().filter(|(name, shown)| **shown && name.contains(";k=")).map(|(name, _)| (*name).clone());
        let with_k: Vec<String> = with_k.collect();
        for index in [&index, &attached] {
            prop_assert_eq!(&index.tagged(std::slice::from_ref(&k)).expect("few"), &with_k);
        }
        for (pattern, before) in asked.into_iter().zip(before) {
            let expected = tree.find(&pattern);
            prop_assert_eq!(expected.as_ref().ok(), before.as_ref(), "{}", pattern);
            for index in [&index, &attached] {
                match (&expected, index.find(&pattern)) {
                    (Ok(expected), found) => prop_assert_eq!(expected, &found.expect("few"), "{}", pattern),
                    (Err(_), found) => prop_assert!(found.is_err(), "{}", pattern),
                }
            }
        }
    }
}
