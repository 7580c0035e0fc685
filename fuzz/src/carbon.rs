//! Carbon's lines: what is read as a point has a number and a time that could be meant, and its name, if the store takes it,
//! is one that stays as it is when it comes again.

use statsd_agent::wire::carbon::parse;
use tsdb::name::canonical;

/// Reads each line.
pub fn run(bytes: &[u8]) {
    for line in bytes.split(|&byte| byte == b'\n') {
        let Ok(point) = parse(line) else { continue };
        assert!(!point.value.is_nan());
        assert!(point.at.is_none_or(|at| at.abs() < 300_000_000_000));
        if let Ok(name) = canonical(point.name) {
            assert_eq!(canonical(&name).as_deref(), Ok(&*name), "a canonical name is its own");
            // A tagged name's file is named by its hash where a slash keeps the name from being one.
            assert!(name.contains(';') || !name.contains('/'), "{name:?} leads elsewhere");
            assert!(!name.contains('\0'));
        }
    }
}
