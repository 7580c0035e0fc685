//! A whisper file of any bytes: opened, described, read and written, it gives values or an error, and never grows.

use super::NOW;
use std::cell::RefCell;
use std::fs;
use tempfile::TempDir;
use tsdb::whisper::{self, RawFile, Resolution};
use tsdb::{Step, Timestamp, Window};

/// Larger files only cost time.
const BYTES_MAX: usize = 64 << 10;

thread_local! {
    static FOLDER: RefCell<TempDir> = RefCell::new(tempfile::tempdir().expect("a folder"));
}

/// Writes the bytes into a file and does everything with it.
pub fn run(bytes: &[u8]) {
    if bytes.len() > BYTES_MAX {
        return;
    }
    let path = FOLDER.with_borrow(|folder| folder.path().join("any.wsp"));
    fs::write(&path, bytes).expect("written");
    let header = whisper::info(&path);
    // The recorded files were written around this moment; others say nothing of their own.
    let now = Timestamp(1_700_000_000);
    for window in [(now.0 - 3600, now.0), (0, NOW.0), (now.0 - 61, now.0 - 1), (now.0 - 86_400 * 365, now.0)] {
        let window = Window { from: Timestamp(window.0), until: Timestamp(window.1) };
        for resolution in [Some(Resolution::Finest), Step::new(60).map(Resolution::Step)].into_iter().flatten() {
            if let Ok(Some(fetched)) = whisper::fetch(&path, window, now, resolution) {
                let steps = (fetched.end.0 - fetched.start.0) / i64::from(fetched.step.secs());
                // An archive that was asked for by its step may not reach back.
                assert!(fetched.values.len() as i64 <= steps, "{} values of {steps} steps", fetched.values.len());
                if resolution == Resolution::Finest {
                    assert_eq!(fetched.values.len() as i64, steps, "as many values as steps");
                }
            }
        }
    }
    if let Ok(Some(header)) = &header {
        (0..header.archives().len().min(8)).for_each(|archive| drop(whisper::compressed_points(&path, archive)));
    }
    if let Ok(file) = RawFile::open(&path) {
        file.header().archives.iter().take(8).for_each(|archive| drop(file.slots(*archive, 0)));
    }
    let _ = whisper::update(&path, now - 5, 1.5, now);
    let points = [(now, 2.0), (now - 60, 3.0), (now - 61, -1.0), (now - 86_400, 4.0)];
    let _ = whisper::update_many(&path, &points, now);
    let _ = whisper::set_x_files_factor(&path, 0.25);
    let _ = whisper::set_rollup(&path, tsdb::Rollup::Max, None);
    let length = fs::metadata(&path).map_or(0, |found| found.len());
    assert!(length <= bytes.len() as u64, "a file of {} bytes has grown to {length}", bytes.len());
}
