//! A frame of carbon's pickled points: a rejection, or points of which each is one that carbon's lines could say too.

use statsd_agent::wire::pickle::Pickle;
use std::cell::RefCell;

thread_local! {
    /// Kept from frame to frame, as a connection keeps it: what one frame leaves must not reach the next.
    static READER: RefCell<Pickle> = RefCell::default();
}

/// Reads the frame, and reads it again with a reader that has read nothing before.
pub fn run(bytes: &[u8]) {
    READER.with_borrow_mut(|reader| {
        let mut fresh = Pickle::default();
        let (used, anew) = (reader.read(bytes), fresh.read(bytes));
        match (used, anew) {
            (Ok(used), Ok(anew)) => {
                let mut points = 0;
                for (one, other) in used.zip(anew) {
                    assert_eq!(one, other, "what a frame says does not depend on the one before");
                    if let Ok(point) = one {
                        assert!(!point.value.is_nan());
                        assert!(point.at.is_none_or(|at| at.abs() < 300_000_000_000));
                    }
                    points += 1;
                }
                assert!(points <= bytes.len(), "{points} points of {} bytes", bytes.len());
            }
            (used, anew) => assert_eq!(used.err(), anew.err()),
        }
    });
}
