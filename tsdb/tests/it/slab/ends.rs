//! Series that end: their places are free at once, their names are forgotten and leave the log in the end, and what stays is
//! what it was, whenever the process is killed.

use super::*;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Duration;
use tsdb::SeriesId;
use tsdb::slab::check;

fn limited(folder: &Path, series: u32) -> SlabStore {
    let limits = StoreLimits { series, ..StoreLimits::default() };
    SlabStore::open(folder, rules("10s:1h,60s:1d"), limits, SyncPolicy::None).expect("opened")
}

fn resolved(store: &SlabStore, series: std::ops::Range<u32>) -> Vec<SeriesId> {
    series.map(|series| store.resolve(&name_of(series)).expect("a name")).collect()
}

/// Writes a point of each series, which begins with it.
fn begin(store: &SlabStore, series: std::ops::Range<u32>, now: i64, version: u32) {
    let points: Vec<Point> = series.map(|series| point(store, series, now, version)).collect();
    let report = store.write(Timestamp(now), &points);
    assert_eq!((report.written, report.dropped()), (points.len() as u64, 0));
}

#[test]
fn a_series_that_ends_frees_its_place_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = limited(folder.path(), 3);
    begin(&store, 0..3, BEGUN, 0);
    let version = store.names_version();
    for next in 3..500 {
        assert!(store.resolve(&name_of(next)).is_err());
        let ended = store.resolve(&name_of(next - 3)).expect("a name");
        assert_eq!(store.remove(Timestamp(BEGUN), &[ended]).expect("removed"), 1);
        assert!(store.names_version() > version, "whoever was refused is told");
        begin(&store, next..next + 1, BEGUN, 0);
        assert_eq!(store.find("unit.*.rate").expect("found").len(), 3);
    }
    // More than there is room for in one block: those that come first begin.
    store.remove(Timestamp(BEGUN), &resolved(&store, 498..500)).expect("removed");
    let names: Vec<SeriesId> = (0..4).map(|i| store.resolve(&format!("block.n{i}")).expect("a name")).collect();
    let points: Vec<Point> =
        names.iter().map(|series| Point { series: *series, at: Timestamp(BEGUN), value: 1.0 }).collect();
    let report = store.write(Timestamp(BEGUN), &points);
    assert_eq!((report.written, report.dropped_quota), (2, 2));
}

/// Names that are no series are bounded too: they are forgotten, and an id that somebody held too long is nobody's.
#[test]
fn names_of_series_that_have_ended_are_forgotten_and_their_ids_given_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = limited(folder.path(), 10);
    begin(&store, 0..1, BEGUN, 0);
    let stays = store.resolve(&name_of(0)).expect("a name");
    let (mut now, mut first, mut version) = (BEGUN, None, store.names_version());
    let mut ids_most = 0;
    for round in 0..4 {
        // Names that nobody writes to, and some that end.
        let ids: Vec<SeriesId> =
            (0..20_000).map(|i| store.resolve(&format!("idle.r{round}.n{i}")).expect("a name")).collect();
        ids_most = ids_most.max(ids.iter().map(|id| id.index()).max().unwrap_or(0));
        first.get_or_insert(ids[0]);
        let points = [Point { series: ids[1], at: Timestamp(now), value: 1.0 }, point(&store, 0, now, 0)];
        assert_eq!(store.write(Timestamp(now), &points).written, 2);
        assert_eq!(store.remove(Timestamp(now), &ids[1..2]).expect("removed"), 1);
        for _ in 0..3 {
            store.upkeep(Timestamp(now)).expect("upkeep");
            now += 60;
        }
        assert!(store.names_version() > version, "ids were given up");
        version = store.names_version();
        assert!(store.series_count() < 20_000, "{} names", store.series_count());
        let gone = [Point { series: ids[7], at: Timestamp(now), value: 1.0 }];
        assert_eq!(store.write(Timestamp(now), &gone).dropped_failed, 1);
        assert_eq!((store.resolve(&name_of(0)).expect("a name"), store.name(ids[7])), (stays, None));
        now += 1000;
        store.upkeep(Timestamp(now)).expect("upkeep");
    }
    assert!(ids_most < 45_000, "{ids_most}: ids are given again");
    assert_eq!(store.leaves().expect("listed"), [name_of(0)]);
}

#[test]
fn the_log_of_names_is_bounded_by_the_series_that_are_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = || fs::metadata(folder.path().join("names.log")).expect("there").len();
    let reuses = || bytes_of_reuses(folder.path());
    let mut store = open(folder.path(), "10s:1h,60s:1d");
    begin(&store, 0..50, BEGUN, 0);
    let (mut longest, mut longest_reuses, mut now) = (0, 0, BEGUN);
    for round in 1..=30u32 {
        now += 100;
        // Of some the columns are given away again and again: they had another series before.
        let coming = 100..1100;
        begin(&store, coming.clone(), now, round);
        begin(&store, 0..50, now, round);
        store.commit(Timestamp(now)).expect("committed");
        store.remove(Timestamp(now), &resolved(&store, coming.clone())).expect("removed");
        begin(&store, 100..150, now, round + 100);
        store.commit(Timestamp(now)).expect("committed");
        if round % 3 == 0 {
            now += 4000;
            store.upkeep(Timestamp(now)).expect("upkeep");
            begin(&store, 0..50, now, round + 200);
            begin(&store, 100..150, now, round + 200);
        }
        if round % 10 == 0 {
            store.commit(Timestamp(now)).expect("committed");
            drop(store);
            store = open(folder.path(), "10s:1h,60s:1d");
        }
        longest = longest.max(log());
        longest_reuses = longest_reuses.max(reuses());
        for series in (0..50).chain(100..150) {
            let read = known(&store, &name_of(series), (now - 3000, now), now).0;
            assert!(!read.is_empty() && read.iter().all(|(start, value)| origin_of(*value) == (series, *start)));
            // Of those that began anew nothing of the life before.
            let lives: Vec<u64> = read.iter().map(|(_, value)| *value as u64 & 0x3fff).collect();
            assert!(series < 50 || lives.iter().all(|life| *life >= 100), "{series}: {lives:?}");
        }
    }
    // Sixty thousand records were added, of some 56 bytes.
    assert!(longest < 1_200_000, "{longest} bytes");
    // Some twenty thousand columns were given away again, each with 16 bytes.
    assert!(longest_reuses < 300_000, "{longest_reuses} bytes of reuses");
    drop(store);
    assert_eq!(check(folder.path()).expect("checked").damaged, []);
    let store = open(folder.path(), "10s:1h,60s:1d");
    assert_eq!((store.leaves().expect("listed").len(), store.recent_errors()), (100, Vec::new()));
    assert!(log() < 400_000, "{} bytes", log());
}

/// Bytes of the log of columns that were given away again.
fn bytes_of_reuses(folder: &Path) -> u64 {
    let schema = fs::read_dir(folder).expect("listed").filter_map(Result::ok).map(|entry| entry.path());
    schema.filter_map(|schema| fs::metadata(schema.join("reuse.log")).ok()).map(|log| log.len()).sum()
}

/// Folder and first round of the process that is killed.
const CHILD: &str = "KYMO_ENDS_CHILD";
const TEST: &str = "slab::ends::a_process_ends_series_until_it_is_killed";
/// Series that stay, and those of a round.
const STAY: u32 = 20;
const COME: u32 = 700;

/// Of a round the series that begin in it and end in the next.
fn of_round(round: u64) -> std::ops::Range<u32> {
    let first = 100 + (round % 4) as u32 * COME;
    first..first + COME
}

fn at_round(round: u64) -> i64 {
    BEGUN + round as i64 * 400
}

/// Not a test of its own: the process that the other test starts and kills. Its log is written anew every few rounds.
#[test]
fn a_process_ends_series_until_it_is_killed() {
    let Ok(child) = std::env::var(CHILD) else { return };
    let (folder, first) = child.rsplit_once(' ').expect("two words");
    let store = open(Path::new(folder), "10s:1h,60s:1d");
    let first: u64 = first.parse().expect("a number");
    for round in first.. {
        let now = at_round(round);
        let version = (round % 10_000) as u32;
        // What the process before had begun and not ended, too.
        let over: Vec<u32> = (round.saturating_sub(2)..round).flat_map(of_round).collect();
        let over: Vec<SeriesId> = over.iter().map(|one| store.resolve(&name_of(*one)).expect("a name")).collect();
        store.remove(Timestamp(now), &over).expect("removed");
        begin(&store, of_round(round), now, version);
        begin(&store, 0..STAY, now, version);
        store.commit(Timestamp(now)).expect("committed");
        let mut out = std::io::stdout().lock();
        writeln!(out, "\ncommitted {round}").and_then(|()| out.flush()).expect("heard");
        drop(out);
        store.upkeep(Timestamp(now)).expect("upkeep");
    }
}

#[test]
fn after_any_kill_those_that_stay_are_there_and_those_that_ended_are_not() {
    let kills: u64 = std::env::var("KYMO_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(12);
    let folder = tempfile::tempdir().expect("a folder");
    let (mut committed, mut dice) = (0, Dice(4711));
    for _ in 0..kills {
        let mut child = Command::new(std::env::current_exe().expect("a path"))
            .args([TEST, "--exact", "--nocapture"])
            .env(CHILD, format!("{} {}", folder.path().display(), committed + 1))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let heard = std::thread::spawn(move || {
            let rounds =
                lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("committed ")?.parse::<u64>().ok());
            rounds.last()
        });
        std::thread::sleep(Duration::from_millis(50 + dice.roll(600)));
        assert!(child.try_wait().expect("asked").is_none(), "it ended by itself: {:?}", child.wait_with_output());
        child.kill().expect("killed");
        child.wait().expect("waited for");
        committed = heard.join().expect("heard").unwrap_or(committed);
        if committed > 0 {
            check_round(folder.path(), committed);
        }
    }
    assert!(committed > kills, "{committed} rounds");
    // However often upkeep was cut short, the next one that is not makes the logs short again.
    let store = open(folder.path(), "10s:1h,60s:1d");
    (0..2).for_each(|_| store.upkeep(Timestamp(at_round(committed))).expect("upkeep"));
    let names = fs::metadata(folder.path().join("names.log")).expect("there").len();
    let reuses = bytes_of_reuses(folder.path());
    println!("{kills} kills, {committed} rounds, {names} bytes of names and {reuses} of reuses");
    assert!(names < 1_000_000, "{names} bytes of names after {committed} rounds");
    assert!(reuses < 400_000, "{reuses} bytes of reuses after {committed} rounds");
}

/// Everything of a round is there, and of the one before nothing, unless the next round had come to its beginnings.
fn check_round(folder: &Path, round: u64) {
    let store = open(folder, "10s:1h,60s:1d");
    let now = at_round(round);
    let version = (round % 10_000) as u32;
    let last = |series: u32| {
        let read = known(&store, &name_of(series), (now, now), now).0;
        read.first().map(|(_, value)| *value)
    };
    for series in 0..STAY {
        assert_eq!(last(series), Some(value_of(series, now, version)), "{series} after round {round}");
    }
    let there = of_round(round).filter(|series| last(*series) == Some(value_of(*series, now, version))).count();
    // The next round ends all of them before it begins others, with one write of the log.
    assert!(there == COME as usize || there == 0, "{there} of round {round}");
    let before =
        of_round(round - 1).filter(|series| store.find(&name_of(*series)).is_ok_and(|found| !found.is_empty()));
    assert_eq!(before.count(), 0, "of the round before {round}");
    let errors = store.recent_errors();
    assert!(errors.iter().all(|error| error.contains("torn") || error.contains("at its end")), "{errors:?}");
}
