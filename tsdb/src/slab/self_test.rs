//! What a flush costs this very disk: some file systems write far more than they are given, and whoever runs a store there
//! should know.

use super::disk::{Disk, FileDisk};
use super::layout::Geometry;
use super::ring::Ring;
use super::row::Rows;
use crate::error::Error;
use crate::time::{Step, Timestamp};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

/// Values of a flush: half a megabyte.
const COLUMNS: u32 = 65_536;
const SLOTS: u32 = 4;
/// Flushes before those that are measured: the first lap turns reserved room into written.
const FIRST_LAP: i64 = 14;
const MEASURED: i64 = 5;

/// Bytes that the disk writes for a flush with a sync, as a multiple of its values' bytes; the least of a few, because others
/// write too. `None` where the system does not say. Leaves nothing behind.
///
/// # Errors
/// The disk is full, or the system refuses.
pub(super) fn disk_bytes_per_value_byte(folder: &Path) -> Result<Option<f64>, Error> {
    let path = folder.join("self-test");
    let measured = measure(&path);
    // Left behind it would be 8 MB for nothing, and written over by the next.
    let _ = fs::remove_file(&path);
    measured
}

fn measure(path: &Path) -> Result<Option<f64>, Error> {
    let _ = fs::remove_file(path);
    let disk: Arc<dyn Disk> = Arc::new(FileDisk::open(path).map_err(Error::io("open", path))?);
    let geometry = Geometry { step: Step::SECOND, slots: SLOTS };
    let (ring, _) = Ring::open(disk, path, geometry)?;
    let mut rows = Rows::default();
    let mut least: Option<f64> = None;
    for slot in 0..FIRST_LAP + MEASURED {
        (0..COLUMNS).for_each(|column| rows.set(column, slot as f64));
        let before = written_bytes(path);
        ring.flush(Timestamp(slot), slot as u64, &mut rows)?;
        ring.sync()?;
        if slot >= FIRST_LAP
            && let Some((before, after)) = before.zip(written_bytes(path))
        {
            let multiple = (after - before) as f64 / (f64::from(COLUMNS) * 8.0);
            least = Some(least.map_or(multiple, |least| least.min(multiple)));
        }
    }
    Ok(least)
}

/// Bytes that the disk of a file has written since the system started.
fn written_bytes(path: &Path) -> Option<u64> {
    let device = fs::metadata(path).ok()?.dev();
    let (major, minor) = ((device >> 8) & 0xfff, device & 0xff);
    let text = fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/stat")).ok()?;
    let sectors: u64 = text.split_ascii_whitespace().nth(6)?.parse().ok()?;
    Some(sectors * 512)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_measures_or_says_that_it_cannot_and_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let multiple = disk_bytes_per_value_byte(folder.path()).expect("measured");
        // Rows have header pages, so that less than the values' bytes cannot be.
        assert!(multiple.is_none_or(|multiple| multiple >= 1.0), "{multiple:?}");
        assert_eq!(fs::read_dir(folder.path()).expect("listed").count(), 0);
        assert!(disk_bytes_per_value_byte(&folder.path().join("absent")).is_err());
    }
}
