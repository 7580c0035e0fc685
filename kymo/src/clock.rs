//! The clock: the only place where the program asks what time it is.

use std::time::{SystemTime, UNIX_EPOCH};
use tsdb::Timestamp;

/// Milliseconds since the Unix epoch; zero if the machine's clock stands before it.
pub fn millis() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Seconds since the Unix epoch.
pub fn now() -> Timestamp {
    Timestamp(i64::try_from(millis() / 1000).unwrap_or(i64::MAX))
}
