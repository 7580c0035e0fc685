//! The file below a ring. A trait, because tests stand a disk in its place that forgets what was not synced.

use super::words::Words;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

/// What a ring asks of a file. Every method may be called from many threads.
pub trait Disk: Send + Sync {
    /// Bytes of the file.
    ///
    /// # Errors
    /// The system's.
    fn bytes(&self) -> io::Result<u64>;

    /// Fills the buffer from the bytes at `offset`.
    ///
    /// # Errors
    /// The system's, `UnexpectedEof` where the file ends before.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all bytes at `offset`.
    ///
    /// # Errors
    /// The system's.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes the file at least `end` bytes long, with room for all of them on the medium: no later write below `end`
    /// fails for want of room, and no mapped page below it is missing.
    ///
    /// # Errors
    /// The system's, `StorageFull` above all; then nothing that was there has changed.
    fn reserve(&self, end: u64) -> io::Result<()>;

    /// Returns when everything written is on the medium.
    ///
    /// # Errors
    /// The system's; then nobody knows what is on the medium.
    fn sync(&self) -> io::Result<()>;

    /// A way to read `words` words from `offset` on that sees every later write.
    ///
    /// # Errors
    /// The system's.
    fn words(self: Arc<Self>, offset: u64, words: usize) -> io::Result<Words>;
}

/// A real file.
pub struct FileDisk {
    file: File,
}

impl FileDisk {
    /// Opens a file to read and write it; it is made if need be, readable by owner and group.
    ///
    /// # Errors
    /// The system's.
    pub fn open(path: &Path) -> io::Result<FileDisk> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o640).open(path)?;
        Ok(FileDisk { file })
    }

    /// Opens a file that is not written any more.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn open_sealed(path: &Path) -> io::Result<FileDisk> {
        File::open(path).map(|file| FileDisk { file })
    }
}

impl Disk for FileDisk {
    fn bytes(&self) -> io::Result<u64> {
        self.file.metadata().map(|found| found.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn reserve(&self, end: u64) -> io::Result<()> {
        let from = self.bytes()?;
        if from < end {
            rustix::fs::fallocate(&self.file, rustix::fs::FallocateFlags::empty(), from, end - from)?;
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn words(self: Arc<Self>, offset: u64, words: usize) -> io::Result<Words> {
        // A file system that maps nothing is read by calls: slower, not wrong.
        Words::mapped(&self.file, offset, words).or_else(|_| Ok(Words::read(self, offset, words)))
    }
}
