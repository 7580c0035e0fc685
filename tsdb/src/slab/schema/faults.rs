//! What was found damaged while reading: reported once, never served.

use crate::counters::Counter;
use crate::error::Error;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// The last errors, and how many there were.
pub(crate) struct Faults {
    /// Reads that met damage.
    pub damaged: Counter,
    texts: Mutex<VecDeque<String>>,
    limit: usize,
}

impl Faults {
    /// Remembers this many different errors.
    pub fn new(limit: usize) -> Faults {
        Faults { damaged: Counter::default(), texts: Mutex::default(), limit }
    }

    /// Counts and keeps an error.
    pub fn report(&self, error: &Error) {
        self.damaged.add(1);
        self.note(error);
    }

    /// Keeps an error that is counted elsewhere.
    pub fn note(&self, error: &Error) {
        let text = error.chain();
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        texts.retain(|other| *other != text);
        if texts.len() >= self.limit {
            texts.pop_front();
        }
        texts.push_back(text);
    }

    /// The last errors, the latest last.
    pub fn recent(&self) -> Vec<String> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
