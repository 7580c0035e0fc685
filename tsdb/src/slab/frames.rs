//! A log of frames: payloads one after another, each with its length and checksum. What the power cut short at the end is
//! dropped and written over; damage in the middle is passed over and counted, and every whole frame after it is found.
//!
//! ```text
//! frame, at a multiple of 8      0  u32  length of the payload, never 0
//!                                4  u32  CRC-32C of the length and the payload
//!                                8       payload, then zeros up to a multiple of 8
//! ```
//! Room is reserved ahead; the zeros there are the end.

use super::disk::Disk;
use super::layout::PAGE;
use std::io;
use std::sync::Arc;

const ALIGN: usize = 8;
const HEAD: usize = 8;
/// Room reserved at a time, so that appending seldom changes the file's length.
const AHEAD: u64 = 64 << 10;
/// Bytes read at a time when a log is opened.
const READ_AHEAD: usize = 1 << 20;

/// Memory of a batch that is kept for the next one. A million new names in one flush take a hundred times that, once.
const BATCH_KEPT: usize = 1 << 20;

/// The longest payload; a length beyond it is damage.
pub(crate) const LONGEST: usize = 64 << 10;

/// An open log; one thread appends.
pub(crate) struct Frames {
    disk: Arc<dyn Disk>,
    /// Where the next frame goes.
    end: u64,
    reserved: u64,
    batch: Vec<u8>,
    /// Up to here there may be frames beyond `end` that a write which failed has left.
    dirty: u64,
}

/// What was found when a log was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// Bytes before the last whole frame that belong to none: damage, or an append that the power cut in its middle.
    pub skipped_bytes: u64,
    /// Bytes after the last whole frame that are not zero: an append that the power cut. They are zeroed.
    pub torn_bytes: u64,
}

impl Frames {
    /// Opens a log and hands every whole frame to `take`, in order.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn open(disk: Arc<dyn Disk>, mut take: impl FnMut(&[u8])) -> io::Result<(Frames, Damage)> {
        Frames::open_placed(disk, |_, payload| take(payload))
    }

    /// [`Frames::open`], with where each frame lies, for [`Frames::read`].
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn open_placed(disk: Arc<dyn Disk>, take: impl FnMut(u64, &[u8])) -> io::Result<(Frames, Damage)> {
        let (bytes, end, damage) = Frames::scan_placed(&*disk, take)?;
        let frames = Frames { disk, end, reserved: bytes, batch: Vec::new(), dirty: 0 };
        if damage.torn_bytes > 0 {
            frames.wipe(bytes)?;
        }
        Ok((frames, damage))
    }

    /// As [`Frames::open`], and nothing is changed. Answers the bytes of the file and where the last whole frame ends too.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn scan(disk: &dyn Disk, mut take: impl FnMut(&[u8])) -> io::Result<(u64, u64, Damage)> {
        Frames::scan_placed(disk, |_, payload| take(payload))
    }

    fn scan_placed(disk: &dyn Disk, mut take: impl FnMut(u64, &[u8])) -> io::Result<(u64, u64, Damage)> {
        let bytes = disk.bytes()?;
        let mut scan = Scan { disk, bytes, at: 0, window: Vec::new(), window_at: 0 };
        let (mut damage, mut end, mut doubtful) = (Damage::default(), 0, 0);
        while scan.at + HEAD as u64 <= bytes {
            let at = scan.at;
            match scan.frame()? {
                Some(payload) => {
                    take(at, payload);
                    let whole = framed(payload.len()) as u64;
                    damage.skipped_bytes += std::mem::take(&mut doubtful);
                    scan.at += whole;
                    end = scan.at;
                }
                None => {
                    doubtful += scan.filled()?;
                    scan.at += ALIGN as u64;
                }
            }
        }
        damage.torn_bytes = doubtful;
        Ok((bytes, end, damage))
    }

    /// Adds a payload to the batch; nothing is written before [`Frames::write`].
    ///
    /// # Panics
    /// When the payload is empty or longer than [`LONGEST`].
    pub(crate) fn push(&mut self, payload: &[u8]) {
        assert!(!payload.is_empty() && payload.len() <= LONGEST, "a payload of {} bytes", payload.len());
        let length = (payload.len() as u32).to_le_bytes();
        self.batch.extend_from_slice(&length);
        self.batch.extend_from_slice(&checksum(length, payload).to_le_bytes());
        self.batch.extend_from_slice(payload);
        self.batch.resize(self.batch.len().next_multiple_of(ALIGN), 0);
    }

    /// Where the next payload that is pushed will lie.
    pub(crate) fn next_at(&self) -> u64 {
        self.end + self.batch.len() as u64
    }

    /// Forgets the batch.
    pub(crate) fn abandon(&mut self) {
        self.batch.clear();
        self.batch.shrink_to(BATCH_KEPT);
    }

    /// How much was pushed, for [`Frames::withdraw`].
    pub(crate) fn pushed(&self) -> usize {
        self.batch.len()
    }

    /// Takes back what was pushed since [`Frames::pushed`] answered this, also from the file if a write of it has failed.
    pub(crate) fn withdraw(&mut self, pushed: usize) {
        self.batch.truncate(pushed);
        if self.dirty > self.end {
            let zeros = vec![0; (self.dirty - self.end) as usize];
            if self.disk.write_at(&zeros, self.end).and_then(|()| self.disk.sync()).is_ok() {
                self.dirty = 0;
            }
            // Otherwise the next write does it.
        }
    }

    /// Writes the batch with one call. After an error the batch is kept and can be written again.
    ///
    /// # Errors
    /// The disk is full, or the system refuses.
    pub(crate) fn write(&mut self) -> io::Result<()> {
        self.put()?;
        self.advance();
        Ok(())
    }

    /// [`Frames::write`], and returns when the batch is on the medium: after an error nobody counts on any of it.
    ///
    /// # Errors
    /// The disk is full, or the system refuses.
    pub(crate) fn write_synced(&mut self) -> io::Result<()> {
        self.put()?;
        self.disk.sync()?;
        self.advance();
        Ok(())
    }

    fn put(&mut self) -> io::Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let (pushed, end) = (self.batch.len(), self.end + self.batch.len() as u64);
        if end > self.reserved {
            let reserved = (end + AHEAD).next_multiple_of(PAGE as u64);
            self.disk.reserve(reserved)?;
            self.reserved = reserved;
        }
        // Zeros over what an attempt that failed left behind: it might look like frames.
        self.dirty = self.dirty.max(end);
        self.batch.resize((self.dirty - self.end) as usize, 0);
        let written = self.disk.write_at(&self.batch, self.end);
        self.batch.truncate(pushed);
        written
    }

    fn advance(&mut self) {
        self.end += self.batch.len() as u64;
        self.abandon();
        self.dirty = 0;
    }

    /// The file, to sync it while frames are pushed.
    pub(crate) fn disk(&self) -> Arc<dyn Disk> {
        Arc::clone(&self.disk)
    }

    /// Returns when every frame written is on the medium.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.disk.sync()
    }

    /// Zeros what a torn append left, lest a later one end just before something that looks like a frame.
    fn wipe(&self, bytes: u64) -> io::Result<()> {
        let zeros = [0; PAGE];
        let mut at = self.end;
        while at < bytes {
            let count = (bytes - at).min(PAGE as u64);
            self.disk.write_at(&zeros[..count as usize], at)?;
            at += count;
        }
        self.disk.sync()
    }
}

/// The payload of the frame at a place, and where the next one begins; `None` where no whole frame is.
///
/// # Errors
/// The system's.
pub(crate) fn read(disk: &dyn Disk, at: u64) -> io::Result<Option<(Vec<u8>, u64)>> {
    let mut head = [0; HEAD];
    disk.read_at(&mut head, at)?;
    let [l0, l1, l2, l3, crc @ ..] = head;
    let count = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    if count == 0 || count > LONGEST {
        return Ok(None);
    }
    let mut payload = vec![0; count];
    disk.read_at(&mut payload, at + HEAD as u64)?;
    let is_whole = checksum([l0, l1, l2, l3], &payload) == u32::from_le_bytes(crc);
    Ok(is_whole.then(|| (payload, at + framed(count) as u64)))
}

/// A walk over the bytes of a log, through a window.
struct Scan<'a> {
    disk: &'a dyn Disk,
    bytes: u64,
    at: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl Scan<'_> {
    /// The payload of the frame here; `None` where there is none.
    fn frame(&mut self) -> io::Result<Option<&[u8]>> {
        let head = self.read(HEAD)?;
        let (Some(length), Some(crc)) = (head.first_chunk::<4>().copied(), head.last_chunk::<4>().copied()) else {
            return Ok(None);
        };
        let count = u32::from_le_bytes(length) as usize;
        if count == 0 || count > LONGEST || self.at + framed(count) as u64 > self.bytes {
            return Ok(None);
        }
        let payload = &self.read(HEAD + count)?[HEAD..];
        Ok((checksum(length, payload) == u32::from_le_bytes(crc)).then_some(payload))
    }

    /// How many of the eight bytes here are not zero.
    fn filled(&mut self) -> io::Result<u64> {
        Ok(self.read(ALIGN)?.iter().filter(|&&byte| byte != 0).count() as u64)
    }

    /// `count` bytes from here on, which the file has.
    fn read(&mut self, count: usize) -> io::Result<&[u8]> {
        let within = self.at >= self.window_at && self.at + count as u64 <= self.window_at + self.window.len() as u64;
        if !within {
            let left = usize::try_from(self.bytes - self.at).unwrap_or(usize::MAX);
            self.window.resize(left.min(READ_AHEAD.max(count)), 0);
            self.disk.read_at(&mut self.window, self.at)?;
            self.window_at = self.at;
        }
        let from = (self.at - self.window_at) as usize;
        Ok(&self.window[from..from + count])
    }
}

/// Bytes of a frame with a payload of this length.
fn framed(payload: usize) -> usize {
    HEAD + payload.next_multiple_of(ALIGN)
}

fn checksum(length: [u8; 4], payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&length), payload)
}
