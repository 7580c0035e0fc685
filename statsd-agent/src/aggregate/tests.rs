//! The shard as a receiver uses it: what is tallied, what is refused, and that nothing is lost between the two.

use super::table::Home;
use super::*;
use proptest::prelude::*;

fn shard(limits: Limits) -> Shard {
    Shard::new(limits, Seeds::random(), Arc::new(Budget::new(limits.names)))
}

fn values(shard: &Shard) -> Vec<(String, f64, u32)> {
    let table = &shard.table;
    table
        .touched
        .iter()
        .map(|&id| &table.tallies[id as usize])
        .map(|t| (table.name(t).into(), t.value, t.samples))
        .collect()
}

fn check(limits: Limits, datagrams: &[&str], expect: &[(&str, f64, u32)], refused: &[(Reject, u64)]) {
    let mut shard = shard(limits);
    for (stamp, datagram) in datagrams.iter().enumerate() {
        shard.receive(datagram.as_bytes(), stamp as u64);
    }
    let expect: Vec<_> = expect.iter().map(|&(name, value, samples)| (name.to_owned(), value, samples)).collect();
    assert_eq!(values(&shard), expect);
    let heard = shard.table.heard;
    let mut rejected = [0; Reject::ALL.len()];
    for &(reason, n) in refused {
        rejected[reason as usize] = n;
    }
    assert_eq!(heard.rejected, rejected);
    assert_eq!(heard.samples, heard.applied + heard.rejected.iter().sum::<u64>());
}

#[test]
fn spellings_of_one_name_share_a_tally() {
    let lines = ["a b:1|c\na_b:2|c\na  b:4|c", "a b:8|c", "t:1|c|#x:1,y:2\nt:2|c|#y:2,x:1\nt;y=2;x=1:4|c"];
    check(Limits::default(), &lines, &[("a_b", 15.0, 4), ("t;x=1;y=2", 7.0, 3)], &[]);
}

#[test]
fn kinds_of_one_name_are_apart() {
    check(
        Limits::default(),
        &["x:1|c\nx:2|g\nx:3|ms\nx:m|s\n\nx:1|c"],
        &[("x", 2.0, 2), ("x", 2.0, 1), ("x", 1.0, 1), ("x", 0.0, 1)],
        &[],
    );
}

#[test]
fn newcomers_are_refused_at_the_bound_and_known_names_stay_exact() {
    let limits = Limits { names: 2, ..Limits::default() };
    check(
        limits,
        &["a:1|c\nb:1|c\nc:1|c\nd:1|c\na:1|c\nb:1|c\na b:1|c"],
        &[("a", 2.0, 2), ("b", 2.0, 2)],
        &[(Reject::NamesFull, 3)],
    );
}

#[test]
fn every_log_has_its_bound() {
    let limits = Limits { timings: 2, changes: 1, members: 2, longest_name: 8, ..Limits::default() };
    check(
        limits,
        &["t:1|ms:2|ms:3|ms", "g:+1|g:+2|g:5|g", "s:a|s:b|s:a|s:c|s", "abcdefgh:1|c\n!:1|c"],
        &[("t", 2.0, 2), ("g", 5.0, 2), ("s", 0.0, 3)],
        &[
            (Reject::TimersFull, 1),
            (Reject::ChangesFull, 1),
            (Reject::MembersFull, 1),
            (Reject::NameTooLong, 1),
            (Reject::EmptyName, 1),
        ],
    );
}

#[test]
fn clearing_keeps_names_and_forgetting_drops_them() {
    let mut shard = shard(Limits::default());
    shard.receive(b"a:1|c\nb c:2|g\nd:1|ms\ne:x|s\nf:+1|g", 0);
    let table = &mut shard.table;
    table.tallies[0].home = Home { id: 7, version: 1 };
    table.clear();
    assert_eq!((table.tallies.len(), table.spellings(), table.heard), (5, 6, Heard::default()));
    assert!(table.timings.is_empty() && table.members.is_empty() && table.changes.is_empty());
    table.forget(|home| home.id == 7);
    assert_eq!((table.tallies.len(), table.spellings()), (1, 1));
    shard.receive(b"a:5|c", 1);
    assert_eq!(values(&shard), [("a".to_owned(), 5.0, 1)]);
    assert_eq!(shard.table.tallies[0].home.id, 7);
}

#[test]
fn other_spellings_never_crowd_out_names() {
    let limits = Limits { names: 4, ..Limits::default() };
    let mut shard = shard(limits);
    for spaces in 1..50 {
        shard.receive(format!("a{}b:1|c", " ".repeat(spaces)).as_bytes(), 0);
    }
    assert_eq!(values(&shard), [("a_b".to_owned(), 49.0, 49)]);
    assert!(shard.table.spellings() <= 8);
    shard.receive(b"x:1|c\ny:1|c\nz:1|c", 0);
    assert_eq!(values(&shard).len(), 4);
}

proptest! {
    #[test]
    fn any_bytes_are_applied_or_rejected(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut shard = shard(Limits { names: 5, timings: 5, members: 5, changes: 5, ..Limits::default() });
        shard.receive(&bytes, 0);
        let heard = shard.table.heard;
        prop_assert_eq!(heard.samples, heard.applied + heard.rejected.iter().sum::<u64>());
        prop_assert!(heard.samples >= heard.lines);
    }

    #[test]
    fn likely_lines_are_applied_or_rejected(text in "([ab;=]{0,3}(:[0-9+.-]{0,3}\\|(c|ms|g|s|h)?(\\|@[0-9.]{0,3})?){0,3}(\\|#[ab:,]{0,5})?\n?){0,9}") {
        let mut shard = shard(Limits::default());
        shard.receive(text.as_bytes(), 0);
        let heard = shard.table.heard;
        prop_assert_eq!(heard.samples, heard.applied + heard.rejected.iter().sum::<u64>());
        prop_assert_eq!(values(&shard).iter().map(|v| u64::from(v.2)).sum::<u64>(), heard.applied);
    }
}
