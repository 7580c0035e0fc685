//! The shard as a receiver uses it: what is tallied, what is refused, and that nothing is lost between the two.

use super::table::Home;
use super::*;
use proptest::prelude::*;

fn shard(limits: Limits) -> Shard {
    shard_of(limits, Dialect::Statsd)
}

fn shard_of(limits: Limits, dialect: Dialect) -> Shard {
    Shard::new(limits, dialect, Seeds::random(), Arc::new(Budget::new(limits.names)))
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
    check_in(shard(limits), datagrams, expect, refused);
}

fn check_all(datagrams: &[&str], expect: &[(&str, f64, u32)], refused: &[(Reject, u64)]) -> Shard {
    check_in(shard_of(Limits { dated: 2, ..Limits::default() }, Dialect::All), datagrams, expect, refused)
}

fn check_in(mut shard: Shard, datagrams: &[&str], expect: &[(&str, f64, u32)], refused: &[(Reject, u64)]) -> Shard {
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
    shard
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

#[test]
fn every_way_to_write_tags_is_one_series() {
    let lines = [
        "hits:1|c|#env:prod,host:a\r\nhits;host=a;env=prod:2|c\nhits,env=prod,host=a:4|c",
        "hits#host=a,env=prod:8|c\nhits[env=prod,host=a]:16|c\n<190>Nov 22 08:02:22 vm nginx: hits,env=prod:32|c|#host:a",
    ];
    check_all(&lines, &[("hits;env=prod;host=a", 63.0, 6)], &[]);
}

#[test]
fn values_of_other_seconds_pass_the_tallies_by() {
    let lines = ["g:70|g|T1656581400\ng:5|g\nonly:3|c|#a:b|T1656581400|@0.5", "late:1|c|T1656581400\nlate:1|c|T0"];
    let shard = check_all(&lines, &[("g", 5.0, 1)], &[(Reject::DatedFull, 1), (Reject::BadTimestamp, 1)]);
    let dated: Vec<_> = shard
        .table
        .dated
        .iter()
        .map(|d| (shard.table.name(&shard.table.tallies[d.series as usize]), d.value))
        .collect();
    assert_eq!(dated, [("g", 70.0), ("only;a=b", 6.0)]);
    assert_eq!(shard.heard().dated, 2);
}

#[test]
fn events_are_counted_and_checks_are_gauges() {
    let lines = [
        "_e{6,2}:deploy|ok|t:warning|#a:b\n_e{1,1}:5|c\n_e{1,9}:5|c",
        "_sc|sync.up|2|#b:c,a:b|m:down: m\\:x\r\n_sc|sync.up|9\n_sc|sync.up|1|#a:b,b:c",
    ];
    let refused = [(Reject::BadEvent, 1), (Reject::BadCheck, 1)];
    let shard = check_all(&lines, &[("checks.sync.up;a=b;b=c", 1.0, 2)], &refused);
    assert_eq!(shard.heard().events, [1, 0, 1, 0]);
}

#[test]
fn statsd_reads_other_dialects_as_it_always_did() {
    check(
        Limits::default(),
        &["a,b=c:1|c\nh:7|h\nt:1:2:3|ms\nip:10.0.0.1:8080|s\n_e{1,1}:5|c"],
        &[("ab=c", 1.0, 1), ("h", 7.0, 1), ("t", 1.0, 1), ("ip", 0.0, 1), ("_e11", 5.0, 1)],
        &[(Reject::MissingType, 3)],
    );
}

#[test]
fn a_long_name_is_refused_once_for_each_value_and_never_looked_for() {
    let limits = Limits { longest_name: 8, ..Limits::default() };
    for dialect in [Dialect::Statsd, Dialect::All] {
        let line = format!("abcdefgh:1|c:x|c:2|c|#{}", "k:v,".repeat(100));
        check_in(shard_of(limits, dialect), &[&line], &[], &[(Reject::BadValue, 1), (Reject::NameTooLong, 2)]);
    }
}

const DIALECTS: [Dialect; 2] = [Dialect::Statsd, Dialect::All];

fn check_conserved(limits: Limits, bytes: &[u8]) -> Result<(), TestCaseError> {
    for dialect in DIALECTS {
        let mut shard = shard_of(limits, dialect);
        shard.receive(bytes, 0);
        let heard = shard.table.heard;
        prop_assert_eq!(heard.samples, heard.applied + heard.rejected.iter().sum::<u64>());
        prop_assert!(heard.samples >= heard.lines);
        let tallied: u64 = values(&shard).iter().map(|v| u64::from(v.2)).sum();
        prop_assert_eq!(tallied + heard.dated + heard.events.iter().sum::<u64>(), heard.applied);
        prop_assert!(values(&shard).iter().all(|(_, value, _)| value.is_finite()));
        prop_assert!(shard.table.timings.iter().all(|(_, value)| value.is_finite()));
        prop_assert!(shard.table.dated.iter().all(|dated| dated.value.is_finite() && dated.at_secs > 0));
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_bytes_are_applied_or_rejected(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        check_conserved(Limits { names: 5, timings: 5, members: 5, changes: 5, dated: 5, ..Limits::default() }, &bytes)?;
    }

    #[test]
    fn likely_lines_are_applied_or_rejected(text in "([ab;=,#\\[\\]]{0,5}(:[0-9+.:-]{0,4}\\|(c|ms|g|s|h|d|m)?(\\|@[0-9.]{0,3}|\\|T[0-9]{1,3}|\\|c:x)?){0,3}(\\|#[ab:,]{0,5})?\r?\n?){0,9}") {
        check_conserved(Limits::default(), text.as_bytes())?;
    }

    #[test]
    fn likely_notices_are_applied_or_rejected(text in "(<1>a: )?(_e\\{[0-3],[0-3]\\}:[ab|]{0,8}|_sc\\|[ab.]{0,3}\\|[0-4](\\|#[ab:,]{0,5})?)(\n[a:1|c]{0,5}){0,2}") {
        check_conserved(Limits::default(), text.as_bytes())?;
    }

    /// The short way of the shard must be the long way, whatever the line and the dialect.
    #[test]
    fn every_simple_line_is_tallied_as_the_long_way_reads_it(text in "(_e\\{1,1\\}|[ab,=;\\[\\]<]{1,6}(:[0-9]{0,2})?):[+-]?[0-9.]{1,3}\\|(c|ms|g)(\\|@[0-9.]{1,3})?") {
        for dialect in DIALECTS {
            let (mut short, mut long) = (shard_of(Limits::default(), dialect), shard_of(Limits::default(), dialect));
            short.receive(text.as_bytes(), 0);
            long.any_line(text.as_bytes(), 0);
            prop_assert_eq!(values(&short), values(&long));
            prop_assert_eq!(short.heard().rejected, long.heard().rejected);
            prop_assert_eq!(short.heard().events, long.heard().events);
        }
    }
}
