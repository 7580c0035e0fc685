//! Segments: what was given comes back, and damage is found wherever it is.

use super::*;
use crate::error::Error;
use crate::gap::GAP;
use std::fs;
use std::path::Path;

const SLOTS: usize = 360;

fn stretch() -> Stretch {
    Stretch { step: Step::new(10).expect("a step"), start: Timestamp(1_700_000_000), slots: SLOTS as u32 }
}

fn key(i: u32) -> Key {
    // Given in an order that is not theirs.
    Key { column: i * 7919 % 1000, generation: (i % 3) as u16 }
}

fn values(i: u32) -> Vec<f64> {
    let value = |slot: u32| match i % 4 {
        0 => f64::from(i),
        1 => f64::from(slot * i % 97) / 10.0,
        2 if slot.is_multiple_of(9) => f64::from(slot),
        2 => GAP,
        _ => f64::from(slot).sin(),
    };
    (0..SLOTS as u32).map(value).collect()
}

fn write(path: &Path) -> u64 {
    let mut draft = Draft::begin(path, stretch(), Kind::Sealed).expect("begun");
    (0..200).for_each(|i| draft.push(key(i), &values(i)).expect("pushed"));
    draft.push(Key { column: 5000, generation: 0 }, &[GAP; SLOTS]).expect("pushed");
    draft.finish().expect("finished")
}

#[test]
fn every_series_comes_back_and_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.seg");
    let bytes = write(&path);
    assert_eq!(fs::metadata(&path).expect("there").len(), bytes);
    let segment = Segment::open(&path).expect("a segment");
    assert_eq!((segment.stretch(), segment.len()), (stretch(), 200));
    let mut read = vec![0.0; SLOTS];
    for i in 0..200 {
        assert!(segment.read(key(i), &mut read).expect("readable"));
        assert!(read.iter().zip(values(i)).all(|(one, other)| one.to_bits() == other.to_bits()), "{i}");
    }
    for absent in [Key { generation: 9, ..key(3) }, Key { column: 5000, ..key(3) }] {
        assert!(!segment.read(absent, &mut read).expect("readable"));
    }
    let keys = segment.keys().expect("readable");
    assert!(keys.is_sorted() && keys.len() == 200);
}

#[test]
fn several_fields_come_back_and_the_unwanted_are_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.seg");
    let mut draft = Draft::begin(&path, stretch(), Kind::Patch).expect("begun");
    let given = [values(1), vec![GAP; SLOTS], values(3), values(4)];
    draft.push_fields(key(7), &given).expect("pushed");
    draft.push_fields(key(8), &[vec![GAP; SLOTS]]).expect("pushed");
    draft.finish().expect("finished");
    let segment = Segment::open(&path).expect("a segment");
    assert_eq!((segment.kind(), segment.len(), segment.check().expect("whole")), (Kind::Patch, 1, 1));
    let mut read = vec![vec![1.0]; 5];
    assert!(segment.read_fields(key(7), 0b1_0111, &mut read).expect("readable"));
    let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    for i in 0..3 {
        assert_eq!(bits(&read[i]), bits(&given[i]));
    }
    assert_eq!((&read[3], bits(&read[4])), (&vec![1.0], bits(&[GAP; SLOTS])));
    assert!(!segment.read_fields(key(8), 1, &mut read).expect("readable"));
    assert!(segment.read(key(7), &mut [0.0; SLOTS]).is_err(), "it is not one field");
}

#[test]
fn a_draft_that_is_dropped_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.seg");
    let mut draft = Draft::begin(&path, stretch(), Kind::Sealed).expect("begun");
    draft.push(key(1), &values(1)).expect("pushed");
    drop(draft);
    assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 0);
}

#[test]
fn damage_anywhere_is_an_error_or_harmless_and_never_a_wrong_value() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.seg");
    write(&path);
    let whole = fs::read(&path).expect("readable");
    let mut read = vec![0.0; SLOTS];
    for at in (0..whole.len()).step_by(211) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x40;
        fs::write(&path, &bytes).expect("written");
        let Ok(segment) = Segment::open(&path) else { continue };
        for i in 0..200 {
            if let Ok(found) = segment.read(key(i), &mut read) {
                assert!(found && read.iter().zip(values(i)).all(|(one, other)| one.to_bits() == other.to_bits()));
            }
        }
    }
    for length in [0, 8, 4095, 4096, whole.len() - 8, whole.len() - 3] {
        fs::write(&path, &whole[..length]).expect("written");
        assert!(matches!(Segment::open(&path), Err(Error::Corrupt { .. })), "{length} bytes");
    }
}
