//! A word from whoever asked: nobody waits for the answer any more. This crate has no clock, so who has one says when the time is
//! up; a query looks for the word between two kernels and between two reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Copies are one and the same.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Says it. There is no way back.
    pub fn say(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was said.
    pub fn is_said(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
