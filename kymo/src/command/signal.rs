//! SIGTERM and SIGINT ask for a stop in order; the second one ends the process at once. SIGHUP asks to read files again.

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::process;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// The signals, as they come.
pub struct Stop(Receiver<Asked>);

/// What a signal asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    ToStop,
    ToReadAgain,
}

impl Stop {
    /// Waits for the one that asks for a stop; does this for each that asks to read again.
    pub fn wait(&self, read_again: impl Fn()) {
        // An error would mean that the watching thread ended, and then nobody could stop us but by stopping.
        while self.0.recv() == Ok(Asked::ToReadAgain) {
            read_again();
        }
    }

    /// Whether it comes within this time; what has to be looked at now and then is looked at in between.
    pub fn comes_within(&self, time: Duration) -> bool {
        self.0.recv_timeout(time) != Err(RecvTimeoutError::Timeout)
    }
}

/// Begins to watch for those that stop; do it before the stages start, so that none comes too early.
pub fn stop() -> Result<Stop> {
    watch(&[SIGTERM, SIGINT])
}

/// The same, with the one that asks to read files again.
pub fn stop_or_read_again() -> Result<Stop> {
    watch(&[SIGTERM, SIGINT, SIGHUP])
}

fn watch(which: &[i32]) -> Result<Stop> {
    let mut signals = Signals::new(which).context("watch for signals")?;
    let (came, stop) = mpsc::channel();
    thread::spawn(move || {
        let mut stopping = false;
        for signal in signals.forever() {
            let asked = if signal == SIGHUP { Asked::ToReadAgain } else { Asked::ToStop };
            if stopping && asked == Asked::ToStop {
                process::exit(1);
            }
            stopping |= asked == Asked::ToStop;
            // The receiver goes first only when the process is ending anyway.
            let _ = came.send(asked);
        }
    });
    Ok(Stop(stop))
}
