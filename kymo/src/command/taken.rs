//! Until when the intervals are taken: a stop flushes the open interval under the date of its end, and a start within the
//! same interval must begin after it. A process that was killed has flushed nothing early and needs no note.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// No flush interval is longer, so a later moment is a clock that was set back.
const AHEAD_MS_MAX: u64 = 3_600_000;

fn file(data: &Path) -> PathBuf {
    data.join("flushed-until")
}

/// The end of the last interval that was flushed, in milliseconds since the epoch, if it is still to come; else 0.
pub fn until_ms(data: &Path, now_ms: u64) -> u64 {
    let noted = fs::read_to_string(file(data)).ok().and_then(|text| text.trim().parse::<u64>().ok());
    let until_ms = noted.unwrap_or(0).saturating_mul(1000);
    if (now_ms..now_ms + AHEAD_MS_MAX).contains(&until_ms) { until_ms } else { 0 }
}

/// Notes the date of the last flush, in seconds since the epoch.
pub fn note(data: &Path, flushed_at_secs: u64) -> Result<()> {
    let file = file(data);
    fs::write(&file, format!("{flushed_at_secs}\n")).with_context(|| format!("write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_moment_to_come_counts() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(until_ms(data.path(), 5_000), 0, "nothing noted");
        note(data.path(), 10).unwrap();
        assert_eq!(until_ms(data.path(), 5_000), 10_000);
        assert_eq!(until_ms(data.path(), 10_001), 0, "past");
        note(data.path(), 9_999_999).unwrap();
        assert_eq!(until_ms(data.path(), 5_000), 0, "a clock set back");
        fs::write(file(data.path()), "what").unwrap();
        assert_eq!(until_ms(data.path(), 5_000), 0);
    }
}
