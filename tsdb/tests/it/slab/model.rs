//! The store beside a map in memory: random points in time, late and ahead, series that come, go, expire and come again, with
//! commits, upkeep, restarts and kills between them. A kill leaves the folder as it is at that moment; afterwards each
//! slot has the value that was committed last, or one that was written since.

use super::*;
use std::collections::BTreeMap;
use tempfile::TempDir;

const SERIES: u32 = 12;

/// What a slot of the finest archive may hold: versions, oldest first, the first of them committed or not there at all.
#[derive(Clone, Default)]
struct Slot {
    committed: Option<u32>,
    since: Vec<u32>,
}

struct Model {
    folder: TempDir,
    store: Option<SlabStore>,
    retentions: &'static str,
    step: i64,
    kept: i64,
    slots: BTreeMap<(u32, i64), Slot>,
    now: i64,
    version: u32,
    expired: usize,
    context: String,
}

impl Model {
    fn new(retentions: &'static str, (step, kept): (i64, i64)) -> Model {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Some(open(folder.path(), retentions));
        let now = BEGUN + 17;
        let (slots, context) = (BTreeMap::new(), String::new());
        Model { folder, store, retentions, step, kept, slots, now, version: 0, expired: 0, context }
    }

    fn store(&self) -> &SlabStore {
        self.store.as_ref().expect("open")
    }

    fn put(&mut self, points: &[(u32, i64)]) {
        self.version = (self.version + 1) % (1 << 14);
        let start = |at: i64| at - at.rem_euclid(self.step);
        let made: Vec<Point> = points
            .iter()
            .map(|(series, at)| Point { at: Timestamp(*at), ..point(self.store(), *series, start(*at), self.version) })
            .collect();
        let report = self.store().write(Timestamp(self.now), &made);
        assert_eq!(report.written, made.len() as u64, "{}: {report:?}", self.context);
        for (series, at) in points {
            self.slots.entry((*series, start(*at))).or_default().since.push(self.version);
        }
    }

    fn commit(&mut self) {
        self.store().commit(Timestamp(self.now)).expect("committed");
        for slot in self.slots.values_mut() {
            slot.committed = slot.since.pop().or(slot.committed);
            slot.since.clear();
        }
    }

    fn restart(&mut self) {
        self.commit();
        self.store = None;
        self.store = Some(open(self.folder.path(), self.retentions));
    }

    /// Goes on with a copy of the folder, and takes what it holds for what was committed, if it may be that.
    fn kill(&mut self) {
        let killed = tempfile::tempdir().expect("a folder");
        copy(self.folder.path(), killed.path());
        self.store = None;
        self.folder = killed;
        self.store = Some(open(self.folder.path(), self.retentions));
        for series in 0..SERIES {
            let (from, ahead) = (self.now - self.kept + 1, self.now + 100 * self.step);
            let mut read: BTreeMap<i64, f64> =
                known(self.store(), &name_of(series), (from, self.now), self.now).0.into_iter().collect();
            // What lies ahead is read as it will be when its time has come.
            read.extend(known(self.store(), &name_of(series), (self.now + 1, ahead), ahead).0);
            for ((_, start), slot) in self.slots.range_mut((series, from)..(series, ahead)) {
                let is = |version: &&u32| read.get(start) == Some(&value_of(series, *start, **version));
                let found = slot.since.iter().rev().chain(&slot.committed).find(is).copied();
                let may_be_absent = slot.committed.is_none() && !read.contains_key(start);
                assert!(
                    found.is_some() || may_be_absent,
                    "{}: series {series} at {start}, now {}: {:?}, neither {:?} nor {:?}",
                    self.context,
                    self.now,
                    read.get(start).map(|value| origin_of(*value)),
                    slot.committed,
                    slot.since
                );
                *slot = Slot { committed: found, since: Vec::new() };
            }
        }
        self.slots.retain(|_, slot| slot.committed.is_some() || !slot.since.is_empty());
    }

    fn remove(&mut self, series: u32) {
        let id = self.store().resolve(&name_of(series)).expect("a name");
        self.store().remove(Timestamp(self.now), &[id]).expect("removed");
        self.slots.retain(|(other, _), _| *other != series);
    }

    /// Ends what nothing was written to for so long. Where a value lies in a wide slot nobody knows.
    fn expire(&mut self, secs: i64, widest: i64) {
        let cutoff = self.now - secs;
        let before = self.store().leaves().expect("listed");
        let ended = self.store().expire(Timestamp(self.now), Timestamp(cutoff)).expect("expired");
        for series in (0..SERIES).filter(|series| before.contains(&name_of(*series))) {
            let newest = self.slots.range((series, i64::MIN)..(series + 1, i64::MIN)).next_back().map(|(at, _)| at.1);
            let has_ended = ended.iter().any(|name| **name == *name_of(series));
            match newest {
                Some(newest) if newest >= cutoff => assert!(!has_ended, "{}: {series} at {newest}", self.context),
                Some(newest) if newest + widest >= cutoff => {}
                _ => assert!(has_ended, "{}: {series} at {newest:?}, cut off at {cutoff}", self.context),
            }
            if has_ended {
                self.slots.retain(|(other, _), _| *other != series);
            }
        }
        self.expired += ended.len();
    }

    /// Every slot of a series in a window of the finest archive holds the last version, and no other slot anything.
    fn check(&self, series: u32, from: i64, until: i64) {
        let read: BTreeMap<i64, f64> =
            known(self.store(), &name_of(series), (from, until), self.now).0.into_iter().collect();
        for (start, value) in &read {
            assert!(
                self.slots.contains_key(&(series, *start)),
                "{}: {:?} in {series} at {start}",
                self.context,
                origin_of(*value)
            );
        }
        for ((_, start), slot) in self.slots.range((series, from)..(series, until.min(self.now) + 1)) {
            let last = slot.since.last().or(slot.committed.as_ref());
            let fits = last.is_some_and(|version| read.get(start) == Some(&value_of(series, *start, *version)));
            assert!(fits, "{}: {:?} in {series} at {start}, now {}", self.context, read.get(start), self.now);
        }
    }
}

/// Answers how many series have expired.
fn run(retentions: &'static str, shape: (i64, i64), widest: i64, seed: u64, rounds: usize) -> usize {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let mut model = Model::new(retentions, shape);
    let (step, kept, begun) = (model.step, model.kept, model.now);
    for round in 0..rounds {
        model.context = format!("{retentions}, seed {seed}, round {round}");
        match dice.roll(40) {
            0..22 => {
                let at = model.now - dice.between(0, 2 * step);
                let points: Vec<_> = (0..SERIES).filter(|_| dice.roll(4) > 0).map(|series| (series, at)).collect();
                model.put(&points);
            }
            22..26 => {
                let oldest = (model.now - begun).min(kept - 3 * step).max(1);
                let points: Vec<_> = (0..dice.roll(6))
                    .map(|_| (dice.roll(u64::from(SERIES)) as u32, model.now - dice.between(0, oldest)))
                    .collect();
                model.put(&points);
            }
            26 => {
                let at = model.now + dice.between(0, 60 * step).min(500);
                model.put(&[(dice.roll(u64::from(SERIES)) as u32, at)]);
            }
            27 => model.store().upkeep(Timestamp(model.now)).expect("upkeep"),
            28 if dice.roll(3) == 0 => model.restart(),
            29 if dice.roll(3) == 0 => model.kill(),
            30 if dice.roll(12) == 0 => model.remove(dice.roll(u64::from(SERIES)) as u32),
            31 if dice.roll(10) == 0 => {
                model.now += dice.between(step, kept / 4);
                if dice.roll(2) == 0 {
                    model.expire(dice.between(step, kept / 8), widest);
                }
            }
            _ => {
                let from = model.now - dice.between(1, kept - 2 * step);
                model.check(dice.roll(u64::from(SERIES)) as u32, from, from + dice.between(1, kept));
            }
        }
        model.now += dice.between(0, step);
        if dice.roll(2) == 0 {
            model.commit();
        }
        let oldest = model.now - 2 * kept;
        model.slots.retain(|(_, start), _| *start > oldest);
    }
    for series in 0..SERIES {
        model.check(series, model.now - kept + 2 * step, model.now);
    }
    assert_eq!(model.store().recent_errors(), [""; 0], "{}", model.context);
    model.expired
}

#[test]
fn after_any_kill_a_slot_holds_what_was_committed_or_what_came_later() {
    let expired = (1..=4).map(|seed| run("1s:20m,10s:2h,60s:6h", (1, 1200), 60, seed, 2500));
    assert!(expired.sum::<usize>() > 4);
}

#[test]
fn segments_that_are_merged_hold_the_same() {
    let expired = run("10s:3d,60s:30d", (10, 3 * 86_400), 60, 11, 2500);
    assert!(expired + run("60s:1d,10m:7d", (60, 86_400), 600, 12, 1500) > 0);
}
