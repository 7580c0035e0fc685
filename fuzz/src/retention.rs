//! Retention text, as in storage-schemas.conf and on the command line: what is accepted is what whisper accepts.

use tsdb::Retention;
use tsdb::retention::parse_archive;

/// Reads the bytes as a list of archives and as one.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = parse_archive(text);
    let Ok(retention) = Retention::parse(text) else { return };
    let archives = retention.archives();
    assert!(!archives.is_empty());
    for pair in archives.windows(2) {
        assert!(pair[0].step < pair[1].step, "sorted");
        assert_eq!(pair[1].step.secs() % pair[0].step.secs(), 0, "divisible");
        assert!(pair[0].retention_secs() < pair[1].retention_secs(), "reaching further");
    }
    assert_eq!(Retention::new(archives.to_vec()).as_ref(), Ok(&retention), "accepted again");
}
