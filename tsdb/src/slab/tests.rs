//! A ring against a map in memory, on a disk that forgets what was not synced and tears what was being written.

use super::disk::{Disk, FileDisk};
use super::frames::Damage;
use super::heap::{Dice, HeapDisk, SECTOR};
use super::layout::{self, Geometry, PAGE, row_bytes};
use super::names::{Event, Name, Names};
use super::ring::{Recovery, Ring};
use super::row::Rows;
use crate::error::Error;
use crate::gap::{GAP, is_gap};
use crate::time::{Step, Timestamp};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

const STEP: i64 = 10;
/// Columns of four shards of which a test uses a handful each.
const COLUMNS: [u32; 7] = [0, 1, 511, 512, 4095, 4096, 13_000];

fn geometry(slots: u32) -> Geometry {
    Geometry { step: Step::new(STEP as u32).expect("a step"), slots }
}

fn open(disk: &Arc<HeapDisk>, slots: u32) -> (Ring, Recovery) {
    let disk: Arc<dyn Disk> = Arc::clone(disk) as Arc<dyn Disk>;
    Ring::open(disk, Path::new("test.ring"), geometry(slots)).expect("a ring")
}

fn read(ring: &Ring, column: u32, start: i64) -> f64 {
    let mut value = [0.0];
    ring.read(column, Timestamp(start), &mut value).expect("readable");
    value[0]
}

/// The values of a slot, by column.
type Slot = BTreeMap<u32, f64>;

/// What was flushed: of each slot every version since the last that is known to be on the medium, oldest first.
#[derive(Default)]
struct Model {
    versions: BTreeMap<i64, Vec<Slot>>,
    unsynced: Vec<i64>,
}

impl Model {
    /// A flush of a slot: what it held, and new values of some columns.
    fn flush(&mut self, ring: &Ring, start: i64, number: u64, dice: &mut Dice) {
        let mut slot = self.versions.get(&start).and_then(|versions| versions.last()).cloned().unwrap_or_default();
        for column in COLUMNS {
            if dice.roll(3) > 0 {
                slot.insert(column, dice.roll(1_000_000) as f64 / 7.0);
            }
        }
        let mut rows = Rows::default();
        slot.iter().for_each(|(column, value)| rows.set(*column, *value));
        ring.flush(Timestamp(start), number, &mut rows).expect("flushed");
        self.versions.entry(start).or_default().push(slot);
        self.unsynced.push(start);
    }

    fn sync(&mut self, ring: &Ring) {
        ring.sync().expect("synced");
        for start in self.unsynced.drain(..) {
            let versions = self.versions.get_mut(&start).expect("flushed");
            versions.drain(..versions.len() - 1);
        }
    }

    /// Before a loss the last version is what is read. After one each value is that of a version since the last sync; a
    /// slot that was never synced may be absent. What is not kept any more is a version of its own or absent.
    fn check(&self, ring: &Ring, slots: u32, latest: i64, after_loss: bool, context: &str) {
        for start in (0..=latest).step_by(STEP as usize) {
            for column in COLUMNS {
                let got = read(ring, column, start);
                let context = format!("{context}: {got} in column {column} at {start}");
                let Some(versions) = self.versions.get(&start) else {
                    assert!(is_gap(got), "{context}, never written");
                    continue;
                };
                let is = |slot: &Slot| slot.get(&column).map_or(is_gap(got), |value| got == *value);
                let kept = start > latest - i64::from(slots) * STEP;
                if kept && !after_loss {
                    assert!(versions.last().is_some_and(is), "{context}, not the last version");
                } else {
                    let may_be_absent =
                        !kept || self.unsynced.iter().filter(|one| **one == start).count() == versions.len();
                    assert!(versions.iter().any(is) || may_be_absent && is_gap(got), "{context}, of no version");
                }
            }
        }
    }

    /// What a loss has left is on the medium: it is the one version there is.
    fn settle(&mut self, ring: &Ring) {
        self.unsynced.clear();
        for (start, versions) in &mut self.versions {
            let value = |column: &u32| (*column, read(ring, *column, *start));
            *versions = vec![COLUMNS.iter().map(value).filter(|(_, value)| !is_gap(*value)).collect()];
        }
    }
}

#[test]
fn after_any_power_loss_a_value_is_one_that_was_flushed_since_the_last_sync() {
    const SLOTS: u32 = 3;
    for seed in 1..200u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut disk = Arc::new(HeapDisk::default());
        let (mut ring, _) = open(&disk, SLOTS);
        let (mut model, mut latest) = (Model::default(), STEP * 5);
        for number in 1..30 {
            // Sometimes a slot again, the newest or one before it.
            let start = match dice.roll(4) {
                0 => latest,
                1 => latest - STEP * (1 + dice.roll(2) as i64),
                n => latest + STEP * (n as i64 - 1),
            };
            latest = latest.max(start);
            model.flush(&ring, start, number, &mut dice);
            if dice.roll(3) > 0 {
                model.sync(&ring);
            }
            model.check(&ring, SLOTS, latest, false, &format!("seed {seed}, flush {number}"));
            if dice.roll(5) == 0 {
                disk = Arc::new(disk.after_power_loss(&mut dice));
                let recovery;
                (ring, recovery) = open(&disk, SLOTS);
                assert!(recovery.newest.is_none_or(|(start, flush)| start.0 <= latest && flush <= number));
                model.check(&ring, SLOTS, latest, true, &format!("seed {seed}, loss after flush {number}"));
                model.settle(&ring);
            }
        }
    }
}

#[test]
fn a_corrupt_sector_is_counted_and_never_served() {
    const SLOTS: u32 = 3;
    let disk = Arc::new(HeapDisk::default());
    let (ring, _) = open(&disk, SLOTS);
    let (mut model, mut dice) = (Model::default(), Dice(7));
    for slot in 1..=3 {
        model.flush(&ring, slot * STEP, slot as u64, &mut dice);
    }
    let whole = disk.bytes_now();
    for round in 0..400 {
        let mut bytes = whole.clone();
        let sector = PAGE / SECTOR + dice.roll((whole.len() - PAGE) as u64 / SECTOR as u64) as usize;
        let at = sector * SECTOR;
        bytes[at..at + SECTOR].iter_mut().for_each(|byte| *byte = dice.roll(256) as u8);
        let (ring, recovery) = open(&Arc::new(HeapDisk::holding(bytes)), SLOTS);
        model.check(&ring, SLOTS, 3 * STEP, true, &format!("round {round}, sector {sector}"));
        let pages = ring.check().expect("readable");
        assert!(pages > 0);
        // Values of a row that was never written belong to nobody; its header page must be empty or whole.
        let row = (at - PAGE) / row_bytes(0);
        let header = PAGE + row * row_bytes(0);
        let written = whole[header..header + PAGE].iter().any(|byte| *byte != 0);
        let counted = recovery.torn_rows + ring.torn_pages();
        assert_eq!(counted, u64::from(written || at < header + PAGE), "round {round}, row {row}");
    }
}

#[test]
fn a_full_disk_refuses_the_new_shard_and_nothing_else() {
    const SLOTS: u32 = 2;
    let disk = Arc::new(HeapDisk::with_room_for(geometry(SLOTS).extent_at(1)));
    let (ring, _) = open(&disk, SLOTS);
    let mut rows = Rows::default();
    rows.set(3, 1.5);
    rows.set(5000, 2.5);
    let refused = ring.flush(Timestamp(10), 1, &mut rows).expect_err("no room for the second shard");
    assert!(refused.is_full(), "{refused}");
    assert_eq!(read(&ring, 3, 10), 1.5);
    assert!(is_gap(read(&ring, 5000, 10)));
    assert_eq!(ring.columns(), 4096);
}

#[test]
fn a_ring_of_another_shape_or_a_foreign_file_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.ring");
    let open = |slots| {
        let disk = Arc::new(FileDisk::open(&path).expect("opened"));
        Ring::open(disk, &path, geometry(slots))
    };
    open(4).expect("made");
    let before = std::fs::read(&path).expect("readable");
    assert!(matches!(open(5), Err(Error::Corrupt { .. })));
    assert_eq!(std::fs::read(&path).expect("readable"), before);
    std::fs::write(&path, vec![b'x'; 9000]).expect("written");
    assert!(matches!(open(4), Err(Error::Corrupt { .. })));
}

#[test]
fn a_mapped_ring_keeps_its_rows_through_a_reopening() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.ring");
    let open = || Ring::open(Arc::new(FileDisk::open(&path).expect("opened")), &path, geometry(6)).expect("a ring");
    let (ring, recovery) = open();
    assert_eq!(recovery, Recovery::default());
    let mut rows = Rows::default();
    let last = 70_000; // in the first of the large shards
    for slot in 0..9i64 {
        rows.clear();
        rows.set(0, slot as f64);
        rows.set(last, -slot as f64);
        rows.set(9, GAP);
        ring.flush(Timestamp(slot * STEP), slot as u64, &mut rows).expect("flushed");
    }
    ring.sync().expect("synced");
    let check = |ring: &Ring| {
        let mut values = [0.0; 9];
        for (column, sign) in [(0, 1.0), (last, -1.0)] {
            ring.read(column, Timestamp(0), &mut values).expect("readable");
            for (slot, value) in values.into_iter().enumerate() {
                assert!(if slot < 3 { is_gap(value) } else { value == sign * slot as f64 }, "{slot}: {value}");
            }
        }
        assert!(is_gap(read(ring, 9, 80)) && is_gap(read(ring, 4_000_000, 80)) && is_gap(read(ring, 0, -STEP)));
    };
    check(&ring);
    drop(ring);
    let (ring, recovery) = open();
    assert_eq!(recovery.newest, Some((Timestamp(80), 8)));
    assert_eq!(recovery.torn_rows, 0);
    check(&ring);
    assert_eq!(ring.torn_pages(), 0);
    assert!(ring.check().expect("readable") > 0);
}

#[test]
fn a_slot_older_than_those_kept_is_refused_and_takes_nobodys_row() {
    let (ring, _) = open(&Arc::new(HeapDisk::default()), 3);
    let mut rows = Rows::default();
    let mut flush = |slot: i64, number: u64| {
        rows.set(0, 1.0);
        ring.flush(Timestamp(slot * STEP), number, &mut rows)
    };
    (1..=3).for_each(|slot| assert!(flush(slot, slot as u64).is_ok()));
    assert!(matches!(flush(0, 4), Err(Error::NotCovered { .. })));
    // Written again and again without a sync, a slot runs out of rows before it takes one that counts.
    let again = (5..20).filter(|number| flush(3, *number).is_ok()).count();
    assert_eq!(again, 8, "the spare rows");
    ring.sync().expect("synced");
    flush(3, 20).expect("rows are free again");
    (1..=3).for_each(|slot| assert_eq!(read(&ring, 0, slot * STEP), 1.0));
}

#[test]
fn columns_lie_side_by_side_without_gaps() {
    let mut expected = (0, 0);
    for column in 0..200_000 {
        assert_eq!(layout::place(column), expected, "{column}");
        expected.1 += 1;
        if expected.1 == layout::columns(expected.0) {
            expected = (expected.0 + 1, 0);
        }
    }
    let shape = geometry(7);
    for shard in 0..20 {
        assert_eq!(shape.extent_at(shard) + shape.extent_bytes(shard), shape.extent_at(shard + 1));
    }
}

fn name(column: u32, name: &str) -> Name<'_> {
    Name { column, generation: 3, schema: 1, event: Event::Made, sketches: None, at_secs: 1_700_000_000, name }
}

/// The records of a log, owned.
fn names(disk: &Arc<HeapDisk>) -> (Names, Vec<(u32, String)>, Damage) {
    let mut found = Vec::new();
    let disk = Arc::clone(disk) as Arc<dyn Disk>;
    let (log, damage) = Names::open(disk, Path::new("names.log"), |name| {
        assert_eq!((name.generation, name.schema, name.event, name.at_secs), (3, 1, Event::Made, 1_700_000_000));
        found.push((name.column, name.name.to_string()));
    })
    .expect("a log");
    (log, found, damage)
}

#[test]
fn names_that_were_committed_survive_any_power_loss_in_order() {
    for seed in 1..100u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut disk = Arc::new(HeapDisk::default());
        let (mut committed, mut column) = (Vec::new(), 0);
        for _ in 0..6 {
            let (mut log, found, _) = names(&disk);
            assert!(found.starts_with(&committed), "seed {seed}: {} of {}", found.len(), committed.len());
            // What was not committed but came through whole is there to stay.
            committed = found;
            for _ in 0..dice.roll(5) {
                let batch: Vec<(u32, String)> = (0..1 + dice.roll(40))
                    .map(|i| (column + i as u32, "n".repeat(1 + dice.roll(90) as usize)))
                    .collect();
                column += batch.len() as u32;
                batch.iter().for_each(|(column, text)| log.push(&name(*column, text)));
                log.commit().expect("committed");
                committed.extend(batch);
            }
            // One more batch is on its way when the power goes.
            (0..30).for_each(|i| log.push(&name(column + i, "lost.or.not")));
            log.write().expect("written");
            column += 30;
            disk = Arc::new(disk.after_power_loss(&mut dice));
        }
    }
}

#[test]
fn damage_in_the_middle_of_the_names_is_counted_and_costs_only_what_it_hit() {
    let disk = Arc::new(HeapDisk::default());
    let (mut log, ..) = names(&disk);
    (0..500).for_each(|i| log.push(&name(i, &format!("web.host{i}.load"))));
    log.commit().expect("committed");
    let mut bytes = disk.bytes_now();
    bytes[4096..4200].fill(0xa5);
    let (_, found, damage) = names(&Arc::new(HeapDisk::holding(bytes)));
    assert!((490..500).contains(&found.len()), "{} names", found.len());
    assert_eq!(found.last().map(|(column, _)| *column), Some(499));
    assert!(damage.skipped_bytes >= 100 && damage.torn_bytes == 0, "{damage:?}");
}

/// What was taken back after a commit failed is never found again, whatever of it had reached the medium, and what was pushed
/// before it and after it is.
#[test]
fn names_that_were_taken_back_are_never_found() {
    for seed in 1..200u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let disk = Arc::new(HeapDisk::default());
        let (mut log, ..) = names(&disk);
        let mut kept = Vec::new();
        for column in 0..1 + dice.roll(20) as u32 {
            log.push(&name(column, "before"));
            kept.push((column, "before".to_owned()));
        }
        if dice.roll(2) == 0 {
            log.commit().expect("committed");
        }
        let mark = log.mark();
        (0..1 + dice.roll(40)).for_each(|i| log.push(&name(1000 + i as u32, &"gone".repeat(1 + i as usize % 9))));
        // The second makes that what is taken back cannot be wiped out at once.
        disk.fail_syncs(1 + dice.roll(2) as u32);
        assert!(log.commit().is_err());
        log.withdraw(mark);
        assert_eq!(log.records(), kept.len() as u64);
        disk.fail_syncs(0);
        if dice.roll(2) == 0 {
            log.push(&name(500, "after"));
            kept.push((500, "after".to_owned()));
        }
        log.commit().expect("committed");
        log.push(&name(501, "after"));
        kept.push((501, "after".to_owned()));
        log.commit().expect("committed");
        let (_, found, damage) = names(&Arc::new(disk.after_power_loss(&mut dice)));
        assert_eq!((found, damage), (kept, Damage::default()), "seed {seed}");
    }
}

#[test]
fn a_full_disk_refuses_names_and_a_roomy_one_takes_them() {
    let disk = Arc::new(HeapDisk::with_room_for(4096));
    let (mut log, ..) = names(&disk);
    log.push(&name(1, "a.b"));
    assert!(log.commit().expect_err("no room").is_full());
    let roomy = Arc::new(HeapDisk::default());
    let (mut log, ..) = names(&roomy);
    log.push(&name(1, "a.b"));
    log.commit().expect("room");
    assert_eq!(names(&roomy).1, [(1, "a.b".to_string())]);
}

#[test]
fn readers_beside_a_flush_see_whole_values_of_their_own_slot() {
    const SLOTS: u32 = 4;
    const FLUSHES: u64 = 1500;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.ring");
    let disk = Arc::new(FileDisk::open(&path).expect("opened"));
    let (ring, _) = Ring::open(disk, &path, geometry(SLOTS)).expect("a ring");
    // Each slot is flushed three times; a value says which slot and which of the three.
    let start_of = |flush: u64| STEP * (flush / 3) as i64;
    let value_of = |flush: u64| start_of(flush) as f64 + (flush % 3) as f64;
    let flushed = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        for column in [0u32, 4095] {
            let (ring, flushed) = (&ring, &flushed);
            scope.spawn(move || {
                let mut seen = 0u64;
                loop {
                    let before = flushed.load(std::sync::atomic::Ordering::Acquire);
                    let start = start_of(before);
                    let got = read(ring, column, start);
                    // The slot of a finished flush is kept, unless this thread slept through the whole ring.
                    let after = flushed.load(std::sync::atomic::Ordering::Acquire);
                    let kept = before > 0 && start_of(after + 1) < start + STEP * i64::from(SLOTS);
                    assert!(!kept || got >= value_of(before) && got < (start + STEP) as f64, "{got} at {start}");
                    let older = read(ring, column, start - STEP * 2);
                    assert!(is_gap(older) || older == (start - STEP * 2) as f64 + 2.0, "{older} at {start} - 2");
                    seen += u64::from(!is_gap(older));
                    if before == FLUSHES {
                        break;
                    }
                }
                assert!(seen > 0);
            });
        }
        let mut rows = Rows::default();
        for flush in 1..=FLUSHES {
            rows.clear();
            rows.set(0, value_of(flush));
            rows.set(4095, value_of(flush));
            ring.flush(Timestamp(start_of(flush)), flush, &mut rows).expect("flushed");
            if flush % 3 == 2 {
                ring.sync().expect("synced");
            }
            flushed.store(flush, std::sync::atomic::Ordering::Release);
        }
    });
}
