//! SIGKILL at random instants: a process of its own writes in time and late, adds series, commits and says so, while another
//! of its threads seals, folds and merges. After each kill everything that it had said it committed is there, and every value
//! is one that was written to that slot. `KYMO_KILLS=1000` makes a soak of it.

use super::*;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

const RETENTIONS: &str = "1s:5h,10s:1d,60s:3d";
const KEPT: i64 = 5 * 3600;
const SERIES: u32 = 40;
/// Folder, seed and first step of the process that is killed.
const CHILD: &str = "KYMO_KILLS_CHILD";
const TEST: &str = "slab::kills::a_process_writes_until_it_is_killed";
/// Steps that may have been taken after the last that was heard of.
const AHEAD: u64 = 64;

/// One step of a run: its moment, and which points it writes, as series and slot. The same for every run of a seed.
struct Step {
    now: i64,
    points: Vec<(u32, i64)>,
}

/// The steps of a seed, one after another.
struct Steps {
    dice: Dice,
    number: u64,
    now: i64,
}

impl Steps {
    fn new(seed: u64) -> Steps {
        Steps { dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1), number: 0, now: BEGUN }
    }

    fn next(&mut self) -> (u64, Step) {
        let Steps { dice, number, now } = self;
        *number += 1;
        // Most steps are a second, and some a leap, so that stretches are sealed and merged within a run.
        *now += if dice.roll(16) == 0 { dice.between(30, 400) } else { 1 };
        // A series more with each twentieth step.
        let series = (10 + *number / 20).min(u64::from(SERIES)) as u32;
        let mut points: Vec<_> = (0..series).filter(|_| dice.roll(8) > 0).map(|one| (one, *now)).collect();
        for _ in 0..dice.roll(4) {
            points.push((dice.roll(u64::from(series)) as u32, (*now - dice.between(0, 4 * 3600)).max(BEGUN)));
        }
        if dice.roll(10) == 0 {
            points.push((dice.roll(u64::from(series)) as u32, *now + dice.between(1, 120)));
        }
        (*number, Step { now: *now, points })
    }
}

fn version(step: u64) -> u32 {
    (step % (1 << 14)) as u32
}

/// Not a test of its own: the process that the other test starts and kills.
#[test]
fn a_process_writes_until_it_is_killed() {
    let Ok(child) = std::env::var(CHILD) else { return };
    let mut words = child.rsplitn(4, ' ');
    let mut number = || words.next().and_then(|word| word.parse::<u64>().ok()).expect("a number");
    let (policy, first, seed) = (number(), number(), number());
    let folder = words.next().expect("a folder");
    let policy = if policy == 0 { SyncPolicy::None } else { SyncPolicy::Flush };
    let store = open_with(Path::new(folder), RETENTIONS, policy).expect("opened");
    let (now, mut steps) = (AtomicI64::new(0), Steps::new(seed));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                store.upkeep(Timestamp(now.load(Ordering::Acquire))).expect("upkeep");
                std::thread::yield_now();
            }
        });
        loop {
            let (number, step) = steps.next();
            if number < first {
                continue;
            }
            let points: Vec<Point> =
                step.points.iter().map(|(series, start)| point(&store, *series, *start, version(number))).collect();
            assert_eq!(store.write(Timestamp(step.now), &points).dropped(), 0);
            store.commit(Timestamp(step.now)).expect("committed");
            now.store(step.now, Ordering::Release);
            let mut out = std::io::stdout().lock();
            writeln!(out, "\ncommitted {number}").and_then(|()| out.flush()).expect("heard");
        }
    });
}

/// What was written to each slot, by which steps.
#[derive(Default)]
struct Written {
    slots: BTreeMap<(u32, i64), Vec<u64>>,
    steps: BTreeMap<u64, i64>,
}

impl Written {
    /// Every value is of a step, of the last that was committed or a later one. Answers how many were looked at.
    fn check(&self, store: &SlabStore, series: u32, (from, now): (i64, i64), committed: u64) -> usize {
        let (read, step) = known(store, &name_of(series), (from, now), now);
        let read: BTreeMap<i64, f64> = read.into_iter().collect();
        let context = |start: i64| format!("series {series} at {start}, now {now}, step {committed} committed");
        if step > 1 {
            self.check_coarser(series, &read, step, committed);
            return read.len();
        }
        for (start, value) in &read {
            let steps = self.slots.get(&(series, *start)).map_or(&[][..], |steps| steps);
            let is = |step: &u64| value_of(series, *start, version(*step)) == *value;
            let last = steps.iter().rfind(|step| **step <= committed);
            let fits = steps.iter().any(|step| is(step) && last.is_none_or(|last| step >= last));
            assert!(fits, "{}: {:?} {} of {steps:?}", context(*start), origin_of(*value), *value as u64 & 0x3fff);
        }
        for ((_, start), steps) in self.slots.range((series, from)..=(series, now)) {
            let lost = steps[0] <= committed && !read.contains_key(start);
            assert!(!lost, "{} is lost, of {steps:?}", context(*start));
        }
        read.len()
    }

    /// A coarser slot holds the highest of its finer ones, if nobody writes to those any more.
    fn check_coarser(&self, series: u32, read: &BTreeMap<i64, f64>, step: i64, committed: u64) {
        for (start, value) in read {
            let finer: Vec<_> = self.slots.range((series, *start)..(series, start + step)).collect();
            assert_eq!(origin_of(*value).0, series, "at {start}");
            if finer.iter().all(|(_, steps)| steps.iter().all(|step| *step <= committed)) {
                let last =
                    finer.iter().filter_map(|((_, at), steps)| Some(value_of(series, *at, version(*steps.last()?))));
                let highest = last.fold(f64::MIN, f64::max);
                assert_eq!(*value, highest, "series {series} at {start}, step {step}");
            }
        }
    }
}

/// Runs the process from a step on, and kills it; answers the last step that it said it committed.
fn run_and_kill(folder: &Path, seed: u64, first: u64, dice: &mut Dice) -> u64 {
    let policy = dice.roll(4);
    let mut child = Command::new(std::env::current_exe().expect("a path"))
        .args([TEST, "--exact", "--nocapture"])
        .env(CHILD, format!("{} {seed} {first} {policy}", folder.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let heard = std::thread::spawn(move || {
        let numbers =
            lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("committed ")?.parse::<u64>().ok());
        numbers.last()
    });
    // Some are killed while they open, most while they write.
    let longest = if dice.roll(4) == 0 { 25_000 } else { 150_000 };
    let wait = dice.roll(longest);
    std::thread::sleep(Duration::from_micros(wait));
    assert!(child.try_wait().expect("asked").is_none(), "it ended by itself: {:?}", child.wait_with_output());
    child.kill().expect("killed");
    let output = child.wait_with_output().expect("waited for");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("panicked"), "{output:?}");
    heard.join().expect("heard").unwrap_or(first - 1)
}

#[test]
fn after_each_of_many_kills_everything_committed_is_there() {
    let kills: u64 = std::env::var("KYMO_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(30);
    let (begun, is_short) = (Instant::now(), kills <= 30);
    let folder = tempfile::tempdir().expect("a folder");
    let seed = std::env::var("KYMO_KILLS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(5);
    let (mut steps, mut written, mut dice) = (Steps::new(seed), Written::default(), Dice(seed + 99));
    let (mut committed, mut checked, mut known_steps) = (0, 0, 0);
    for kill in 1..=kills {
        committed = run_and_kill(folder.path(), seed, committed + 1, &mut dice);
        while known_steps < committed + AHEAD {
            let (number, step) = steps.next();
            known_steps = number;
            written.steps.insert(number, step.now);
            for slot in step.points {
                let steps = written.slots.entry(slot).or_default();
                // The last point of a slot within a step wins, and is of the same value.
                if steps.last() != Some(&number) {
                    steps.push(number);
                }
            }
        }
        let now = written.steps.get(&committed).copied().unwrap_or(BEGUN);
        let store = open(folder.path(), RETENTIONS);
        let is_last = kill == kills;
        for series in 0..SERIES {
            let age = if is_last || dice.roll(8) == 0 { KEPT - 1 } else { 400 };
            checked += written.check(&store, series, (now - age, now), committed);
            if is_last || dice.roll(16) == 0 {
                checked += written.check(&store, series, (now - 20 * 3600, now - KEPT - 600), committed);
            }
        }
        // What the process was killed over may be torn, and is told; it is never damage of anything else.
        let errors = store.recent_errors();
        assert!(errors.iter().all(|error| error.contains("torn") || error.contains("at its end")), "{errors:?}");
    }
    let merged = fs::read_dir(folder.path().join("0_1-18000_10-8640_60-4320/1s")).expect("listed");
    let slots = |path: &Path| path.to_string_lossy().split('-').rev().nth(1).and_then(|slots| slots.parse().ok());
    let sealed: Vec<u32> = merged.filter_map(|entry| slots(&entry.expect("listed").path())).collect();
    println!(
        "{kills} kills, {committed} commits, {checked} values looked at, {} segments, {} of them merged, {:?}",
        sealed.len(),
        sealed.iter().filter(|slots| **slots > 1000).count(),
        begun.elapsed()
    );
    assert!(committed > kills, "the process came to write between its kills");
    assert!(is_short || sealed.iter().any(|slots| *slots > 1000), "segments were merged");
}
