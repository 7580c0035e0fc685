//! Damage: sectors of every kind of file overwritten with noise or zeros while the store is closed. Whatever is served
//! afterwards is what was written to that slot of that series, series that begin later see nothing of former ones, and what is
//! missing is counted and told.

use super::*;
use std::collections::BTreeSet;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

const SECTOR: u64 = 512;
const RETENTIONS: &str = "1s:5h,10s:1d";
const SERIES: u32 = 30;
/// Two merged stretches of the finest archive, some that are not, and the ring.
const SECONDS: i64 = 2 * 8640 + 1500;
/// Series that have ended by then, and those that took their columns.
const ENDED: [u32; 3] = [5, 12, 20];
const LATER: [u32; 3] = [105, 112, 120];

/// A second in which nothing is written in time; half of them are written late.
fn is_left_out(second: i64) -> bool {
    second % 11 == 4
}

fn is_late(second: i64) -> bool {
    second % 22 == 4 && second < SECONDS - 1000
}

/// A whole store.
struct Whole {
    folder: tempfile::TempDir,
    now: i64,
}

impl Whole {
    fn new() -> Whole {
        let folder = tempfile::tempdir().expect("a folder");
        let store = open(folder.path(), RETENTIONS);
        for second in 0..SECONDS {
            let now = BEGUN + second;
            if second == SECONDS - 2000 {
                let ids = ENDED.map(|series| store.resolve(&name_of(series)).expect("a name"));
                assert_eq!(store.remove(Timestamp(now), &ids).expect("removed"), 3);
            }
            let mut points: Vec<Point> = (0..SERIES)
                .filter(|series| !is_left_out(second) && (second < SECONDS - 2000 || !ENDED.contains(series)))
                .map(|series| point(&store, series, now, 0))
                .collect();
            // The later ones come when the ring has forgotten the former, and take their columns.
            points.extend(LATER.iter().filter(|_| second >= SECONDS - 1000).map(|later| point(&store, *later, now, 0)));
            let late = second - 900;
            if late > 0 && is_late(late) {
                points.push(point(&store, 3, BEGUN + late, 0));
            }
            assert_eq!(store.write(Timestamp(now), &points).dropped(), 0);
            store.commit(Timestamp(now)).expect("committed");
            if second % 100 == 99 {
                store.upkeep(Timestamp(now)).expect("upkeep");
            }
        }
        let whole = Whole { folder, now: BEGUN + SECONDS - 1 };
        let met = whole.look(&store, "whole");
        assert_eq!((met, store.recent_errors()), (whole.expected(), Vec::new()));
        whole
    }

    /// How many values there are in the windows that are looked at, where nothing is damaged.
    fn expected(&self) -> usize {
        let kept = |second: &i64| *second > SECONDS - 18_000;
        let of = |series: u32| {
            let is = |second: &i64| !is_left_out(*second) || series == 3 && is_late(*second);
            (0..SECONDS).filter(|second| kept(second) && is(second)).count()
        };
        let series = (0..SERIES).filter(|series| !ENDED.contains(series));
        series.map(of).sum::<usize>() + LATER.len() * 1000
    }

    /// Reads everything and answers how many values there were. None is of another series or slot.
    fn look(&self, store: &SlabStore, context: &str) -> usize {
        let mut met = 0;
        for series in (0..SERIES).chain(LATER) {
            let (values, step) = known(store, &name_of(series), (self.now - 18_000 + 2, self.now), self.now);
            assert_eq!(step, 1);
            for (start, value) in &values {
                let (of, at) = origin_of(*value);
                assert_eq!((of, at), (series, *start), "{context}");
                let second = start - BEGUN;
                assert!(!is_left_out(second) || series == 3 && is_late(second) || LATER.contains(&series), "{context}");
            }
            met += values.len();
            // Of a coarser slot one of its own.
            for (start, value) in known(store, &name_of(series), (BEGUN, BEGUN + 900), self.now + 2000).0 {
                let (of, at) = origin_of(value);
                assert!(
                    of == series && (start..start + 10).contains(&at),
                    "{context}: {of} at {at} in {series} at {start}"
                );
            }
        }
        met
    }
}

/// Every file below a folder whose name ends like one of these.
fn files(folder: &Path, ends: &[&str], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("listed") {
        let path = entry.expect("listed").path();
        if path.is_dir() {
            files(&path, ends, found);
        } else if ends.iter().any(|end| path.to_string_lossy().ends_with(end)) {
            found.push(path);
        }
    }
    found.sort();
}

/// Overwrites some sectors that hold something; answers where.
fn damage(paths: &[PathBuf], is_noise: bool, dice: &mut Dice) -> Vec<(PathBuf, u64)> {
    let mut hit = Vec::new();
    for _ in 0..1 + dice.roll(3) {
        let path = &paths[dice.roll(paths.len() as u64) as usize];
        let file = fs::File::options().read(true).write(true).open(path).expect("opened");
        let sectors = (file.metadata().expect("there").len() / SECTOR).max(1);
        let mut bytes = vec![0; SECTOR as usize];
        let mut sector = dice.roll(sectors);
        for _ in 0..200 {
            let read = file.read_at(&mut bytes, sector * SECTOR).expect("read");
            // Neither what was never written nor columns that nobody has.
            let is_value = |word: &[u8; 8]| *word != [0; 8] && *word != tsdb::GAP.to_le_bytes();
            if bytes[..read].as_chunks().0.iter().any(is_value) {
                break;
            }
            sector = dice.roll(sectors);
        }
        bytes.iter_mut().for_each(|byte| *byte = if is_noise { dice.roll(256) as u8 } else { 0 });
        file.write_all_at(&bytes, sector * SECTOR).expect("written");
        hit.push((path.clone(), sector));
    }
    hit
}

/// Damages, opens and reads; then goes on writing, with new series too, and reads again before and after a restart.
fn survive(whole: &Whole, ends: &[&str], seed: u64) -> (usize, bool) {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let folder = tempfile::tempdir().expect("a folder");
    copy(whole.folder.path(), folder.path());
    let mut paths = Vec::new();
    files(folder.path(), ends, &mut paths);
    let is_noise = seed % 2 == 1;
    let hit = damage(&paths, is_noise, &mut dice);
    let context = format!("{ends:?}, seed {seed}: {hit:?}, noise {is_noise}");
    let store =
        open_with(folder.path(), RETENTIONS, SyncPolicy::None).unwrap_or_else(|error| panic!("{context}: {error}"));
    let met = whole.look(&store, &context);
    let told = store.counters().of("damaged_reads") > 0;
    assert_eq!(told, !store.recent_errors().is_empty(), "{context}");
    let is_whole = met == whole.expected();
    // Zeros at the end of a log are its end: nobody can tell.
    let is_silent = ends.iter().any(|end| end.ends_with("log")) && !is_noise;
    assert!(is_whole || told || is_silent, "{context}: {met} of {}, and nothing is told", whole.expected());
    let newcomers: BTreeSet<u32> = (200..212).collect();
    let mut now = whole.now;
    for _ in 0..700 {
        now += 1;
        let points = (0..SERIES).chain(newcomers.iter().copied()).filter(|series| !ENDED.contains(series));
        let points: Vec<Point> = points.map(|series| point(&store, series, now, 1)).collect();
        assert_eq!(store.write(Timestamp(now), &points).dropped(), 0, "{context}");
        store.commit(Timestamp(now)).expect("committed");
    }
    store.upkeep(Timestamp(now)).unwrap_or_else(|error| panic!("{context}: {}", error.chain()));
    let check = |store: &SlabStore| {
        whole.look(store, &context);
        for series in (0..SERIES).chain(newcomers.iter().copied()) {
            let (values, _) = known(store, &name_of(series), (BEGUN + SECONDS - 17_000, now), now);
            let new = values.iter().filter(|(start, _)| *start > whole.now);
            assert_eq!(new.count(), if ENDED.contains(&series) { 0 } else { 700 }, "{context}: {series}");
            let is_own = |(start, value): &(i64, f64)| origin_of(*value) == (series, *start);
            let is_new = |(start, _): &(i64, f64)| *start > whole.now || !newcomers.contains(&series);
            assert!(values.iter().all(|value| is_own(value) && is_new(value)), "{context}: {series}");
        }
    };
    check(&store);
    drop(store);
    check(&open(folder.path(), RETENTIONS));
    (met, told)
}

#[test]
fn no_damaged_sector_of_any_file_is_ever_served() {
    let rounds = std::env::var("KYMO_DAMAGE").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(3);
    let whole = Whole::new();
    for ends in [&["ring"][..], &["late.log"], &["names.log"], &[".seg"], &["names.fst"], &["ring", "log", ".seg"]] {
        let mut paths = Vec::new();
        files(whole.folder.path(), ends, &mut paths);
        if paths.is_empty() {
            // A checkpoint is written when there are many names.
            assert_eq!(ends, ["names.fst"]);
            continue;
        }
        let results: Vec<_> = (1..=rounds).map(|seed| survive(&whole, ends, seed)).collect();
        let told = results.iter().filter(|(_, told)| *told).count();
        let least = results.iter().map(|(met, _)| *met).min();
        println!("{ends:?}: {rounds} rounds, {told} told, at least {least:?} of {} values served", whole.expected());
        assert!(told > 0 || ends == ["names.fst"], "{ends:?}: nothing was found damaged");
    }
}
