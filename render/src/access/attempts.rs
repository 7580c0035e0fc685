//! Wrong credentials by address: after ten in a minute an address is told to wait, and nothing that costs is computed for it.
//! What is right is let in all the same, so that nobody can lock out the others behind one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use tsdb::Timestamp;

/// Wrong credentials an address may show in a minute.
const FAILURES_MAX: u32 = 10;
/// The minute.
const WITHIN_SECS: i64 = 60;
/// Addresses that are remembered; when there are more the oldest go.
const ADDRESSES_MAX: usize = 4096;

/// Failures of the running minute. Locked for one look-up, and by failures only.
#[derive(Default)]
pub struct Attempts(Mutex<HashMap<IpAddr, (Timestamp, u32)>>);

impl Attempts {
    /// Whether the address has used up its minute.
    pub fn are_used_up(&self, address: IpAddr, now: Timestamp) -> bool {
        let failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        failed.get(&address).is_some_and(|(since, count)| is_recent(*since, now) && *count >= FAILURES_MAX)
    }

    /// Counts one failure.
    pub fn fail(&self, address: IpAddr, now: Timestamp) {
        let mut failed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if failed.len() >= ADDRESSES_MAX && !failed.contains_key(&address) {
            failed.retain(|_, (since, _)| is_recent(*since, now));
            if failed.len() >= ADDRESSES_MAX {
                failed.clear();
            }
        }
        let (since, count) = failed.entry(address).or_insert((now, 0));
        if !is_recent(*since, now) {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
    }
}

fn is_recent(since: Timestamp, now: Timestamp) -> bool {
    (0..WITHIN_SECS).contains(&(now - since))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_failures_use_up_a_minute() {
        let attempts = Attempts::default();
        let address = IpAddr::from([127, 0, 0, 1]);
        for _ in 0..9 {
            attempts.fail(address, Timestamp(0));
        }
        assert!(!attempts.are_used_up(address, Timestamp(1)));
        attempts.fail(address, Timestamp(1));
        assert!(attempts.are_used_up(address, Timestamp(1)));
        assert!(!attempts.are_used_up(IpAddr::from([127, 0, 0, 2]), Timestamp(1)));
        assert!(!attempts.are_used_up(address, Timestamp(60)));
        attempts.fail(address, Timestamp(60));
        assert!(!attempts.are_used_up(address, Timestamp(60)), "a new minute begins at one");
    }

    #[test]
    fn the_table_has_an_end() {
        let attempts = Attempts::default();
        for n in 0..10_000_u32 {
            attempts.fail(IpAddr::from(n.to_be_bytes()), Timestamp(0));
        }
        assert!(attempts.0.lock().unwrap().len() <= ADDRESSES_MAX);
    }
}
