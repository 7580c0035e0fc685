//! Sees to the stores' upkeep, on a thread of its own: what is sealed, merged or removed there may take its time, and
//! nobody waits for it.

use crate::clock;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tsdb::Store;

const INTERVAL: Duration = Duration::from_secs(5);

/// Goes round the stores until it is stopped.
pub struct Upkeep {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Upkeep {
    /// Begins with these stores.
    pub fn start(stores: Vec<Arc<dyn Store>>) -> Upkeep {
        let (stop, stopped) = mpsc::channel();
        let thread = thread::spawn(move || {
            let mut told = String::new();
            while stopped.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                for store in &stores {
                    let failed = store.upkeep(clock::now()).err().map(|error| error.chain()).unwrap_or_default();
                    if !failed.is_empty() && failed != told {
                        tracing::error!("upkeep of the store: {failed}");
                        told = failed;
                    }
                }
            }
        });
        Upkeep { stop, thread }
    }

    /// Ends after what is being done.
    pub fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the thread that sees to the upkeep had ended early");
        }
    }
}
