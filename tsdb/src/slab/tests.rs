//! A ring against a map in memory, on a disk that forgets what was not synced and tears what was being written.

use super::disk::{Disk, FileDisk};
use super::layout::{self, Geometry, PAGE, row_bytes};
use super::ring::{Recovery, Ring};
use super::row::Rows;
use super::words::Words;
use crate::error::Error;
use crate::gap::{GAP, is_gap};
use crate::time::{Step, Timestamp};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

const SECTOR: usize = 512;
const STEP: i64 = 10;
/// Columns of four shards of which a test uses a handful each.
const COLUMNS: [u32; 7] = [0, 1, 511, 512, 4095, 4096, 13_000];

fn geometry(rows: u32) -> Geometry {
    Geometry { step: Step::new(STEP as u32).expect("a step"), rows }
}

/// Numbers that are the same at every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// The heap twin: everything since the last sync is remembered write by write.
#[derive(Default)]
struct HeapDisk {
    state: Mutex<State>,
    /// No room beyond this.
    capacity: Option<u64>,
}

#[derive(Clone, Default)]
struct State {
    now: Vec<u8>,
    synced: Vec<u8>,
    unsynced: Vec<(u64, Vec<u8>)>,
}

impl HeapDisk {
    /// What a power loss leaves: of every write since the last sync each sector came or did not, in any order.
    fn after_power_loss(&self, dice: &mut Dice) -> HeapDisk {
        let State { now, synced, unsynced } = self.state.lock().expect("whole").clone();
        let mut left = synced;
        if dice.roll(2) == 0 {
            left.resize(now.len(), 0);
        }
        for (offset, bytes) in unsynced {
            for (i, sector) in bytes.chunks(SECTOR).enumerate() {
                let at = offset as usize + i * SECTOR;
                if dice.roll(2) == 0 && at + sector.len() <= left.len() {
                    left[at..at + sector.len()].copy_from_slice(sector);
                }
            }
        }
        HeapDisk::holding(left)
    }

    fn holding(bytes: Vec<u8>) -> HeapDisk {
        let state = State { now: bytes.clone(), synced: bytes, unsynced: Vec::new() };
        HeapDisk { state: Mutex::new(state), capacity: None }
    }

    fn bytes_now(&self) -> Vec<u8> {
        self.state.lock().expect("whole").now.clone()
    }
}

impl Disk for HeapDisk {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.state.lock().expect("whole").now.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.state.lock().expect("whole");
        let found = state.now.get(offset as usize..offset as usize + buffer.len());
        buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.state.lock().expect("whole");
        let end = offset as usize + bytes.len();
        assert!(end <= state.now.len(), "room was reserved before");
        state.now[offset as usize..end].copy_from_slice(bytes);
        state.unsynced.push((offset, bytes.to_vec()));
        Ok(())
    }

    fn reserve(&self, end: u64) -> io::Result<()> {
        if self.capacity.is_some_and(|capacity| end > capacity) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let mut state = self.state.lock().expect("whole");
        let bytes = state.now.len().max(end as usize);
        state.now.resize(bytes, 0);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.state.lock().expect("whole");
        state.synced = state.now.clone();
        state.unsynced.clear();
        Ok(())
    }

    fn words(self: Arc<Self>, offset: u64, words: usize) -> io::Result<Words> {
        Ok(Words::read(self, offset, words))
    }
}

fn open(disk: &Arc<HeapDisk>, rows: u32) -> (Ring, Recovery) {
    let disk: Arc<dyn Disk> = Arc::clone(disk) as Arc<dyn Disk>;
    Ring::open(disk, Path::new("test.ring"), geometry(rows)).expect("a ring")
}

fn read(ring: &Ring, column: u32, start: i64) -> f64 {
    let mut value = [0.0];
    ring.read(column, Timestamp(start), &mut value).expect("readable");
    value[0]
}

/// Everything that was ever flushed, and of which slots the medium is known to hold it.
#[derive(Default)]
struct Model {
    values: BTreeMap<(i64, u32), f64>,
    synced: Vec<i64>,
    unsynced: Vec<i64>,
}

impl Model {
    /// A flush of some columns with new values.
    fn flush(&mut self, ring: &Ring, rows: &mut Rows, start: i64, number: u64, dice: &mut Dice) {
        rows.clear();
        for column in COLUMNS {
            if dice.roll(3) > 0 {
                let value = dice.roll(1_000_000) as f64 / 7.0;
                rows.set(column, value);
                self.values.insert((start, column), value);
            }
        }
        ring.flush(Timestamp(start), number, rows).expect("flushed");
        self.unsynced.push(start);
    }

    /// Whatever the ring says is the truth or nothing; what was synced and not written over since is there.
    fn check(&self, ring: &Ring, rows: u32, latest: i64, context: &str) {
        for slot in 0..=latest / STEP {
            for column in COLUMNS {
                let start = slot * STEP;
                let (got, known) = (read(ring, column, start), self.values.get(&(start, column)).copied());
                let kept = self.synced.contains(&start) && start > latest - i64::from(rows) * STEP;
                match known {
                    Some(value) if kept => assert_eq!(got, value, "{context}: column {column} at {start}"),
                    Some(value) => assert!(is_gap(got) || got == value, "{context}: {got} for {value} at {start}"),
                    None => assert!(is_gap(got), "{context}: {got} was never written"),
                }
            }
        }
    }
}

#[test]
fn after_any_power_loss_a_value_is_the_one_written_or_absent() {
    const ROWS: u32 = 3;
    for seed in 1..150u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut disk = Arc::new(HeapDisk::default());
        let (mut ring, _) = open(&disk, ROWS);
        let (mut model, mut rows, mut latest) = (Model::default(), Rows::default(), 0);
        for number in 1..25 {
            latest += STEP * (1 + dice.roll(2) as i64);
            model.flush(&ring, &mut rows, latest, number, &mut dice);
            if dice.roll(3) > 0 {
                ring.sync().expect("synced");
                model.synced.append(&mut model.unsynced);
            }
            model.check(&ring, ROWS, latest, &format!("seed {seed}, before a loss"));
            if dice.roll(5) == 0 {
                disk = Arc::new(disk.after_power_loss(&mut dice));
                let recovery;
                (ring, recovery) = open(&disk, ROWS);
                assert!(recovery.newest.is_none_or(|(start, flush)| start.0 <= latest && flush <= number));
                model.check(&ring, ROWS, latest, &format!("seed {seed}, after a loss"));
                // What was lost with the power stays lost, or stays whole: it is on the medium now.
                model.unsynced.clear();
            }
        }
    }
}

#[test]
fn a_corrupt_sector_is_counted_and_never_served() {
    const ROWS: u32 = 3;
    let disk = Arc::new(HeapDisk::default());
    let (ring, _) = open(&disk, ROWS);
    let (mut model, mut rows, mut dice) = (Model::default(), Rows::default(), Dice(7));
    for slot in 1..=3 {
        model.flush(&ring, &mut rows, slot * STEP, slot as u64, &mut dice);
    }
    let whole = disk.bytes_now();
    for round in 0..400 {
        let mut bytes = whole.clone();
        let sector = PAGE / SECTOR + dice.roll((whole.len() - PAGE) as u64 / SECTOR as u64) as usize;
        let at = sector * SECTOR;
        bytes[at..at + SECTOR].iter_mut().for_each(|byte| *byte = dice.roll(256) as u8);
        let (ring, recovery) = open(&Arc::new(HeapDisk::holding(bytes)), ROWS);
        model.check(&ring, ROWS, 3 * STEP, &format!("round {round}, sector {sector}"));
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
    const ROWS: u32 = 2;
    let capacity = Some(geometry(ROWS).extent_at(1));
    let disk = Arc::new(HeapDisk { capacity, ..HeapDisk::default() });
    let (ring, _) = open(&disk, ROWS);
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
    let open = |rows| {
        let disk = Arc::new(FileDisk::open(&path).expect("opened"));
        Ring::open(disk, &path, geometry(rows))
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
