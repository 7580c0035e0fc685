//! Passes on what is heard, as it came, to those who want the bytes: repeaters, the counter of names, the log of messages.
//! Where nobody does it costs one load a batch. Each of them has a bounded queue; what does not fit is dropped there and
//! counted, and the receivers go on.

use crate::counters::Counters;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Datagrams, or blocks of whole lines from a stream, one after another.
#[derive(Debug, Default)]
pub struct Block {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Block {
    fn of<'a>(datagrams: impl Iterator<Item = &'a [u8]>) -> Block {
        let mut block = Block::default();
        for datagram in datagrams {
            block.bytes.extend_from_slice(datagram);
            block.ends.push(block.bytes.len());
        }
        block
    }

    /// The datagrams in their order.
    pub fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.bytes[start..end])
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// What it costs to keep: the bytes and a word for each datagram.
    fn cost(&self) -> usize {
        self.bytes.len() + self.ends.len() * size_of::<usize>()
    }
}

/// Whether a listener hears already, or once it is switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wants {
    /// It does.
    Now,
    /// It waits.
    Later,
}

/// One who listens, as the receivers see it.
struct Ear {
    on: AtomicBool,
    waiting: Arc<AtomicUsize>,
    blocks: Sender<Arc<Block>>,
}

/// The listener's end: blocks in the order in which they were heard.
pub struct Blocks {
    waiting: Arc<AtomicUsize>,
    blocks: Receiver<Arc<Block>>,
}

impl Blocks {
    /// The next block; an error when none came in time.
    pub fn next(&self, patience: Duration) -> Result<Arc<Block>, RecvTimeoutError> {
        let block = self.blocks.recv_timeout(patience)?;
        self.waiting.fetch_sub(block.cost(), Ordering::Relaxed);
        Ok(block)
    }
}

/// Everyone who wants to hear.
#[derive(Default)]
pub struct Echo {
    on: AtomicBool,
    ears: Vec<Ear>,
    bytes_max: usize,
}

impl Echo {
    /// Nobody yet; each one who comes may have `bytes_max` waiting.
    pub fn new(bytes_max: usize) -> Echo {
        Echo { bytes_max, ..Echo::default() }
    }

    /// Somebody who wants to hear. Answers its number, for [`Echo::switch`].
    pub fn listen(&mut self, wants: Wants) -> (usize, Blocks) {
        // Bounded by bytes, which is what a waiting block costs.
        let (sender, blocks) = unbounded();
        let waiting = Arc::new(AtomicUsize::new(0));
        self.ears.push(Ear { on: AtomicBool::new(wants == Wants::Now), waiting: Arc::clone(&waiting), blocks: sender });
        self.settle();
        (self.ears.len() - 1, Blocks { waiting, blocks })
    }

    /// Switches somebody on or off.
    pub fn switch(&self, ear: usize, wants: Wants) {
        if let Some(ear) = self.ears.get(ear) {
            ear.on.store(wants == Wants::Now, Ordering::Relaxed);
        }
        self.settle();
    }

    fn settle(&self) {
        self.on.store(self.ears.iter().any(|ear| ear.on.load(Ordering::Relaxed)), Ordering::Relaxed);
    }

    /// Whether anybody wants to hear.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// Passes datagrams on: one copy for all who listen.
    #[cold]
    pub fn pass_on<'a>(&self, datagrams: impl Iterator<Item = &'a [u8]>, counters: &Counters) {
        let block = Arc::new(Block::of(datagrams));
        let cost = block.cost();
        for ear in self.ears.iter().filter(|ear| ear.on.load(Ordering::Relaxed)) {
            let waiting = ear.waiting.fetch_add(cost, Ordering::Relaxed);
            // A listener that has ended hears nothing, which is no loss of ours.
            if waiting + cost > self.bytes_max || ear.blocks.send(Arc::clone(&block)).is_err() {
                ear.waiting.fetch_sub(cost, Ordering::Relaxed);
                counters.echo_dropped.add(block.len() as u64);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_listener_has_its_own_bound() {
        let mut echo = Echo::new(100);
        let counters = Counters::default();
        assert!(!echo.is_on());
        let ((_, quick), (slow_ear, slow)) = (echo.listen(Wants::Now), echo.listen(Wants::Now));
        for n in 0..5u8 {
            echo.pass_on([&[n; 20][..], &[]].into_iter(), &counters);
            assert_eq!(quick.next(Duration::ZERO).expect("it came").datagrams().next(), Some(&[n; 20][..]));
        }
        assert_eq!(counters.echo_dropped.get(), 2 * 3, "the slow one has room for two blocks of 36");
        echo.switch(slow_ear, Wants::Later);
        echo.pass_on([&[9; 20][..]].into_iter(), &counters);
        let heard: Vec<usize> =
            std::iter::from_fn(|| slow.next(Duration::ZERO).ok()).map(|block| block.len()).collect();
        assert_eq!(heard, [2, 2]);
        assert_eq!(counters.echo_dropped.get(), 6);
    }
}
