//! One writer per folder where the folder is our own. A foreign tree (one that held files before us and no lock of
//! ours) is shared with whoever else writes there and is left without a lock.

use crate::error::Error;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;
use std::thread;
use std::time::Duration;

/// Hidden, so that no listing of series shows it.
pub(crate) const LOCK_FILE: &str = ".kymo.lock";

/// A process that was just started holds a copy of every descriptor, that of a lock which has been given back too, until it
/// becomes the program that it was started for.
const ATTEMPTS: usize = 10;
const PAUSE: Duration = Duration::from_millis(10);

/// Held as long as the store lives; the system frees it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct FolderLock(#[expect(dead_code, reason = "the descriptor is the lock")] File);

impl FolderLock {
    /// Takes the lock of a folder that is empty or carries our lock file; `None` for a foreign tree.
    pub(crate) fn take(root: &Path) -> Result<Option<FolderLock>, Error> {
        let path = root.join(LOCK_FILE);
        let ours = path.try_exists().map_err(Error::io("look for", &path))?;
        if !ours && fs::read_dir(root).map_err(Error::io("list", root))?.next().is_some() {
            return Ok(None);
        }
        let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = opened.map_err(Error::io("open", &path))?;
        for _ in 0..ATTEMPTS {
            match file.try_lock() {
                Ok(()) => return Ok(Some(FolderLock(file))),
                Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
                Err(TryLockError::Error(source)) => return Err(Error::io("lock", &path)(source)),
            }
        }
        Err(Error::Locked(root.to_owned()))
    }
}
