//! SIGTERM and SIGINT ask for a stop in order; the second one ends the process at once.

use anyhow::{Context, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::process;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

/// The first signal, when it comes.
pub struct Stop(Receiver<()>);

impl Stop {
    /// Waits for it.
    pub fn wait(&self) {
        // An error would mean that the watching thread ended, and then nobody could stop us but by stopping.
        let _ = self.0.recv();
    }

    /// Whether it comes within this time; what has to be looked at now and then is looked at in between.
    pub fn comes_within(&self, time: Duration) -> bool {
        self.0.recv_timeout(time) != Err(RecvTimeoutError::Timeout)
    }
}

/// Begins to watch for signals; do it before the stages start, so that none comes too early.
pub fn stop() -> Result<Stop> {
    let mut signals = Signals::new([SIGTERM, SIGINT]).context("watch for signals")?;
    let (first, stop) = mpsc::channel();
    thread::spawn(move || {
        let mut came = signals.forever();
        if came.next().is_some() {
            // The receiver goes first only when the process is ending anyway.
            let _ = first.send(());
        }
        if came.next().is_some() {
            process::exit(1);
        }
    });
    Ok(Stop(stop))
}
