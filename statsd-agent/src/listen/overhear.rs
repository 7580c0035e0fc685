//! Reads what is heard beside the tallies, for people: the log of messages (`dumpMessages`) and the most frequent names
//! (`keyFlush`). A thread of its own, so that neither costs the receivers more than the copy.

use super::Shared;
use super::echo::{Blocks, Echo, Wants};
use crate::aggregate::keys::Keys;
use crate::config::Config;
use crate::told::{Teller, Told};
use crossbeam_channel::SendTimeoutError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What is wanted.
pub struct Wanted {
    /// Every message.
    pub messages: AtomicBool,
    /// The most frequent names.
    pub keys: Option<KeyFlush>,
}

impl Wanted {
    /// Whether there is anything to read for.
    pub fn any(&self) -> bool {
        self.keys.is_some() || self.messages.load(Ordering::Relaxed)
    }
}

/// The one who overhears, before its thread runs.
pub struct Overhearing {
    /// Its number in the echo.
    pub ear: usize,
    /// What it reads for.
    pub wanted: Arc<Wanted>,
    /// What it reads.
    pub blocks: Blocks,
}

impl Overhearing {
    /// Listens to the echo as the configuration wants it.
    pub fn new(config: &Config, echo: &mut Echo) -> Overhearing {
        let wanted = Arc::new(Wanted { messages: AtomicBool::new(config.messages), keys: config.keys });
        let (ear, blocks) = echo.listen(if wanted.any() { Wants::Now } else { Wants::Later });
        Overhearing { ear, wanted, blocks }
    }
}

/// statsd's `keyFlush`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KeyFlush {
    /// How often they are told.
    pub interval_ms: u64,
    /// How many per cent of all names.
    pub percent: f64,
    /// Names counted in one interval; lines with others are counted as `keys_refused`.
    pub names: u32,
}

/// The longest sleep, so that a stop is noticed.
const LOOK: Duration = Duration::from_millis(100);

/// Reads until the agent has stopped and nothing waits any more; the open interval of the names is told then.
pub fn overhear(wanted: &Wanted, blocks: &Blocks, teller: &Teller, shared: &Arc<Shared>, clock: fn() -> u64) {
    let mut keys = wanted.keys.map(|settings| (settings, Keys::new(settings.names as usize)));
    let mut told_ms = clock();
    loop {
        let block = blocks.next(LOOK);
        let ended = block.is_err() && shared.is_drained();
        if let Ok(block) = &block {
            if wanted.messages.load(Ordering::Relaxed) {
                let mut lines = Vec::new();
                for line in block.datagrams().flat_map(|datagram| datagram.split(|&byte| byte == b'\n')) {
                    if !line.is_empty() {
                        lines.extend_from_slice(line);
                        lines.push(b'\n');
                    }
                }
                tell(teller, Told::Lines(lines), shared);
            }
            if let Some((_, keys)) = &mut keys {
                block.datagrams().for_each(|datagram| keys.hear(datagram));
            }
        }
        if let Some((settings, keys)) = &mut keys
            && (ended || clock().saturating_sub(told_ms) >= settings.interval_ms)
        {
            // Edges stay where they are, however late this look is.
            told_ms += (clock().saturating_sub(told_ms) / settings.interval_ms.max(1)) * settings.interval_ms;
            shared.counters.keys_refused.add(std::mem::take(&mut keys.refused));
            tell(teller, Told::Keys(keys.take(settings.percent)), shared);
        }
        if ended {
            return;
        }
    }
}

/// Waits for whoever prints, which is what the queue before this thread is for, but not beyond the agent's stop.
fn tell(teller: &Teller, told: Told, shared: &Shared) {
    let mut told = told;
    loop {
        let last = shared.is_drained();
        match teller.send_timeout(told, LOOK) {
            Ok(()) => return,
            Err(SendTimeoutError::Timeout(again)) if !last => told = again,
            Err(_) => {
                shared.counters.told_dropped.add(1);
                return;
            }
        }
    }
}
