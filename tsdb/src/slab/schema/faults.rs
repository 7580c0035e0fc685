//! What was found damaged while reading: reported once, never served.

use crate::counters::Counter;
use crate::error::Error;
use crate::slab::frames::Damage;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// The last errors, and how many there were.
pub(crate) struct Faults {
    /// Reads that met damage.
    pub damaged: Counter,
    /// Slots whose values were given up because they could not be written for too long.
    pub slots_lost: Counter,
    texts: Mutex<VecDeque<String>>,
    limit: usize,
}

impl Faults {
    /// Remembers this many different errors.
    pub fn new(limit: usize) -> Faults {
        Faults { damaged: Counter::default(), slots_lost: Counter::default(), texts: Mutex::default(), limit }
    }

    /// Counts and keeps an error.
    pub fn report(&self, error: &Error) {
        self.damaged.add(1);
        self.note(error);
    }

    /// Counts what was found when a log was opened. What was cut off at its end is most often an append that the power
    /// cut; but nobody can tell that from damage.
    pub fn report_damage(&self, log: &Path, damage: Damage) {
        let Damage { skipped_bytes, torn_bytes } = damage;
        if skipped_bytes + torn_bytes > 0 {
            let why = format!("{skipped_bytes} bytes in its middle and {torn_bytes} at its end could not be read");
            self.report(&Error::corrupt(log, why));
        }
    }

    /// Keeps an error that is counted elsewhere.
    pub fn note(&self, error: &Error) {
        self.keep(error.chain());
    }

    fn keep(&self, text: String) {
        let mut texts = self.texts.lock().unwrap_or_else(PoisonError::into_inner);
        texts.retain(|other| *other != text);
        if texts.len() >= self.limit {
            texts.pop_front();
        }
        texts.push_back(text);
    }

    /// Takes over what was met elsewhere.
    pub fn take(&self, met: &Faults) {
        self.damaged.add(met.damaged.value());
        met.recent().into_iter().for_each(|text| self.keep(text));
    }

    /// The last errors, the latest last.
    pub fn recent(&self) -> Vec<String> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
