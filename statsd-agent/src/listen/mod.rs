//! Bytes arrive, not yet understood. Each receiver is one plain thread with a shard of its own.

pub mod carbon;
pub mod echo;
pub mod listener;
pub mod mmsg;
pub mod overhear;
pub mod repeat;
pub mod socket;
pub mod stream;
pub mod udp;

use crate::aggregate::{Shard, Table};
use crate::counters::Counters;
use crossbeam_channel::{Receiver, Sender};
use echo::Echo;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What all threads of one agent see.
pub struct Shared {
    /// Totals since the start.
    pub counters: Arc<Counters>,
    /// Those who want what is heard as it came.
    pub echo: Echo,
    epoch: AtomicU64,
    stopping: AtomicBool,
    drained: AtomicBool,
    batches: AtomicU64,
}

impl Shared {
    /// Nothing heard, nothing asked.
    pub fn new() -> Arc<Shared> {
        Shared::with_echo(Echo::default())
    }

    /// The same, with somebody who wants to hear.
    pub fn with_echo(echo: Echo) -> Arc<Shared> {
        let zero = || AtomicU64::new(0);
        let (stopping, drained) = (AtomicBool::new(false), AtomicBool::new(false));
        Arc::new(Shared { counters: Arc::default(), echo, epoch: zero(), stopping, drained, batches: zero() })
    }

    /// Asks every receiver for its interval; the bells must ring afterwards.
    pub fn ask_for_intervals(&self) {
        self.epoch.fetch_add(1, Ordering::Release);
    }

    /// Asks every thread to drain and end; the bells must ring afterwards.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Whether threads should drain and end.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Says that every receiver has ended, so that what waits in the echo's queues is the last.
    pub fn drain(&self) {
        self.drained.store(true, Ordering::Release);
    }

    /// Whether every receiver has ended.
    pub fn is_drained(&self) -> bool {
        self.drained.load(Ordering::Acquire)
    }
}

/// Wakes a thread that waits on sockets: a byte in a pipe of its own.
pub struct Bell {
    heard: UnixStream,
}

/// The other end of a [`Bell`].
pub struct Rope {
    pull: UnixStream,
}

/// A bell and its rope.
pub fn bell() -> io::Result<(Rope, Bell)> {
    let (pull, heard) = UnixStream::pair()?;
    pull.set_nonblocking(true)?;
    heard.set_nonblocking(true)?;
    Ok((Rope { pull }, Bell { heard }))
}

impl Rope {
    /// Another rope to the same bell.
    pub fn again(&self) -> io::Result<Rope> {
        Ok(Rope { pull: self.pull.try_clone()? })
    }

    /// Rings. A full pipe means that it rings already.
    pub fn ring(&self) {
        let _ = (&self.pull).write(&[1]);
    }
}

impl Bell {
    /// What to wait on.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.heard.as_fd()
    }

    /// Stops the ringing.
    pub fn hush(&self) {
        let mut bytes = [0; 64];
        while (&self.heard).read(&mut bytes).is_ok_and(|n| n == bytes.len()) {}
    }
}

/// A receiver's post: its shard, and the exchange of full tables for spare ones with the flush thread.
pub struct Post {
    /// The open interval.
    pub shard: Shard,
    shared: Arc<Shared>,
    clock: fn() -> u64,
    epoch: u64,
    full: Sender<Table>,
    spare: Receiver<Table>,
}

impl Post {
    /// A post whose full tables go to `full` and whose spare ones come from `spare`, which must hold one at each edge.
    pub fn new(
        shard: Shard,
        shared: Arc<Shared>,
        clock: fn() -> u64,
        full: Sender<Table>,
        spare: Receiver<Table>,
    ) -> Post {
        Post { shard, epoch: shared.epoch.load(Ordering::Acquire), shared, clock, full, spare }
    }

    /// The number of the next batch, among the batches of all receivers; it is heard now.
    pub fn stamp(&self) -> u64 {
        self.shared.counters.heard_at_secs.set((self.clock)() / 1000);
        self.shared.batches.fetch_add(1, Ordering::Relaxed)
    }

    /// Passes on what was heard to whoever wants it as it came.
    #[inline]
    pub fn echo<'a>(&self, datagrams: impl Iterator<Item = &'a [u8]>) {
        if self.shared.echo.is_on() {
            self.shared.echo.pass_on(datagrams, &self.shared.counters);
        }
    }

    /// What all threads see.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// After every batch and every ring: publishes the counts, and at a flush edge hands the interval over.
    pub fn settle(&mut self) {
        self.shard.publish(&self.shared.counters);
        let epoch = self.shared.epoch.load(Ordering::Acquire);
        if epoch == self.epoch {
            return;
        }
        // The flush thread returns a table before it asks for the next; should it be gone, this thread is about to end too.
        if let Ok(spare) = self.spare.try_recv() {
            self.epoch = epoch;
            let _ = self.full.send(self.shard.take(spare));
        }
    }

    /// At the end of the thread: hands over what is left. Dropping the post tells the flush thread that it was the last.
    pub fn close(mut self, spare: Table) {
        self.shard.publish(&self.shared.counters);
        let _ = self.full.send(self.shard.take(spare));
    }
}
