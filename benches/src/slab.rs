//! The parts of the slab store: a flush of many series arriving in random order, the same bytes written bare, an hour of one
//! series; and sealing. Times are wall-clock, because most of a flush is the disk's; the disk's own count of bytes stands beside.

use crate::Size;
use crate::measure::{
    BYTES_PER_POINT, MS_PER_FLUSH, MULTIPLE, Measured, NS_PER_POINT, NS_PER_SERIES, US_PER_FETCH, given, measure,
    waited,
};
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tsdb::slab::{Draft, FileDisk, Geometry, Key, Kind, Ring, Rows, Stretch};
use tsdb::{GAP, Step, Timestamp, is_gap};

const STEP: i64 = 10;
/// A ring of ten minutes: enough that rows are cold when the ring comes round.
const SLOTS: u32 = 60;

fn ring() -> (TempDir, Ring) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bench.ring");
    let geometry = Geometry { step: Step::new(STEP as u32).expect("a step"), slots: SLOTS };
    let (ring, _) = Ring::open(Arc::new(FileDisk::open(&path).expect("made")), &path, geometry).expect("a ring");
    (folder, ring)
}

/// Fills a slot in an order in which neighbours are far apart.
fn fill(rows: &mut Rows, columns: u32, value: f64) {
    rows.clear();
    // Odd, and columns is a power of two: every column is met once.
    let stride = (0x9e37_79b1 % columns) | 1;
    let mut column = 0u32;
    for _ in 0..columns {
        rows.set(column, value);
        column = column.wrapping_add(stride) & (columns - 1);
    }
}

/// Bytes that the disk under a folder has written so far; `None` where the system does not say.
pub(crate) fn disk_bytes(folder: &Path) -> Option<u64> {
    let device = fs::metadata(folder).ok()?.dev();
    let (major, minor) = ((device >> 8) & 0xfff, device & 0xff);
    let text = fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/stat")).ok()?;
    let sectors: u64 = text.split_ascii_whitespace().nth(6)?.parse().ok()?;
    Some(sectors * 512)
}

/// Gather, write, sync: a whole flush; and the disk bytes of one, as a multiple of the values' bytes.
fn flush(size: Size, columns: u32) -> Vec<Measured> {
    let (folder, ring) = ring();
    let (mut rows, mut slot) = (Rows::default(), 0);
    let mut amplified = Vec::new();
    let mut once = |rows: &mut Rows| {
        slot += 1;
        fill(rows, columns, slot as f64);
        ring.flush(Timestamp(slot * STEP), slot as u64, rows).expect("flushed");
        ring.sync().expect("synced");
    };
    // The first flush reserves the room, which no later one does, and the first lap turns reserved room into written.
    (0..SLOTS).for_each(|_| once(&mut rows));
    let flushes = waited("slab/flush_with_sync", MS_PER_FLUSH, size.rounds, 1, || {
        let before = disk_bytes(folder.path());
        once(&mut rows);
        let after = disk_bytes(folder.path());
        amplified.extend(before.zip(after).map(|(before, after)| (after - before) as f64));
    });
    let per_value = amplified.iter().map(|bytes| bytes / f64::from(columns) / 8.0).collect();
    vec![flushes, given("slab/flush_disk_bytes_per_value_byte", MULTIPLE, per_value)]
}

/// The same bytes in the same pieces, without gathering, checksums or headers.
fn bare(size: Size, columns: u32) -> Measured {
    let folder = tempfile::tempdir().expect("a folder");
    let file = fs::File::options().write(true).create(true).truncate(false).open(folder.path().join("bare"));
    let file = file.expect("made");
    let bytes = vec![1u8; columns as usize * 8];
    // Written once round the ring, so that no later write has to find room.
    (0..u64::from(SLOTS)).for_each(|row| file.write_all_at(&bytes, row * bytes.len() as u64).expect("written"));
    file.sync_data().expect("synced");
    let mut row = 0;
    waited("slab/bare_write_with_sync", MS_PER_FLUSH, size.rounds, 1, || {
        row = (row + 1) % u64::from(SLOTS);
        let at = row * bytes.len() as u64;
        for (i, piece) in bytes.chunks(512 << 10).enumerate() {
            file.write_all_at(piece, at + i as u64 * (512 << 10)).expect("written");
        }
        file.sync_data().expect("synced");
    })
}

/// What a flush costs the processor, a series.
fn gather(size: Size, columns: u32) -> Measured {
    let (_folder, ring) = ring();
    let (mut rows, mut slot) = (Rows::default(), 0);
    measure("slab/flush_without_sync", NS_PER_SERIES, size.rounds, columns as usize, || {
        slot += 1;
        fill(&mut rows, columns, slot as f64);
        ring.flush(Timestamp(slot * STEP), slot as u64, &mut rows).expect("flushed");
    })
}

/// All slots of one series after another, warm.
fn read(size: Size, columns: u32) -> Measured {
    let (_folder, ring) = ring();
    let mut rows = Rows::default();
    for slot in 0..i64::from(SLOTS) {
        fill(&mut rows, columns, slot as f64);
        ring.flush(Timestamp(slot * STEP), slot as u64, &mut rows).expect("flushed");
    }
    let mut values = vec![0.0; SLOTS as usize];
    measure("slab/read_60_slots_warm", US_PER_FETCH, size.rounds, columns.div_ceil(1000) as usize, || {
        for column in (0..columns).step_by(1000) {
            ring.read(column, Timestamp(0), &mut values).expect("readable");
            assert_eq!(values[59], 59.0);
        }
    })
}

/// The mixed series that sizes are compared on, ten kinds in turn: a heart rate to a tenth, the mean of some, a count with a
/// slow wave, a rate in tenths, a timer's percentile, whole percents, mostly zero, constant, one slot in ten, a ratio.
pub(crate) fn mixed(number: usize, slots: usize) -> Vec<f64> {
    let mut state = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let mut rate = 72.0f64;
    let value = |slot: usize| match number % 10 {
        0 | 1 => {
            rate = (rate + 3.0 * uniform() - 1.5).clamp(50.0, 140.0);
            let beats = 5.0 + (10.0 * uniform()).floor();
            if number.is_multiple_of(10) { (rate * 10.0).round() / 10.0 } else { (rate * beats).round() / beats }
        }
        2 => {
            let wave = 40.0 * (1.0 + 0.5 * (slot as f64 / 900.0).sin());
            let noise: f64 = (0..12).map(|_| uniform()).sum::<f64>() - 6.0;
            (wave + noise * wave.sqrt()).round().max(0.0)
        }
        3 => (800.0 * uniform()).floor() / 10.0,
        4 => (20.0 + 30.0 * uniform() + if uniform() < 0.02 { 200.0 } else { 0.0 }) * 1.000_037,
        5 => (97.0 + 3.2 * uniform() - 1.6).round(),
        6 if uniform() < 0.02 => (1.0 + 4.0 * uniform()).floor(),
        6 => 0.0,
        7 => 1.0,
        8 if uniform() < 0.1 => (1.0 + 49.0 * uniform()).floor(),
        8 => GAP,
        _ => 0.6 + 0.4 * uniform(),
    };
    (0..slots).map(value).collect()
}

/// Sealing mixed series: processor time a point, and bytes a point that has a value, index included.
fn seal(size: Size, name: &'static str, sized: &'static str, slots: usize) -> [Measured; 2] {
    let all: Vec<Vec<f64>> = (0..size.names).map(|number| mixed(number, slots)).collect();
    let points = all.iter().flatten().filter(|value| !is_gap(**value)).count();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bench.seg");
    let step = Step::new(STEP as u32).expect("a step");
    let mut sizes = Vec::new();
    let sealed = measure(name, NS_PER_POINT, size.rounds, points, || {
        let stretch = Stretch { step, start: Timestamp(0), slots: slots as u32 };
        let mut draft = Draft::begin(&path, stretch, Kind::Sealed).expect("begun");
        for (column, values) in (0..).zip(&all) {
            draft.push(Key { column, generation: 0 }, values).expect("pushed");
        }
        sizes.push(draft.finish().expect("finished") as f64 / points as f64);
    });
    [sealed, given(sized, BYTES_PER_POINT, sizes)]
}

/// A million series at full size.
pub fn run(size: Size) -> Vec<Measured> {
    let columns = size.units.next_power_of_two() as u32 * 4;
    let mut all = vec![bare(size, columns)];
    all.extend(flush(size, columns));
    all.extend([gather(size, columns), read(size, columns)]);
    all.extend(seal(size, "slab/seal_hour", "slab/seal_hour_bytes", 360));
    all.extend(seal(size, "slab/seal_day", "slab/seal_day_bytes", 8640));
    all
}
