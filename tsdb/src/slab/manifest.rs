//! The list of a backup's files: of each its SHA-256, its bytes and its path. The last line is a checksum of the others, so
//! that a list that was cut short is known as one.

use crate::error::Error;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

pub(super) const MANIFEST: &str = "MANIFEST";
const FIRST: &str = "kymo backup 1";

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub sha256: String,
    pub bytes: u64,
    /// Below the backup's folder.
    pub path: PathBuf,
}

impl Listed {
    /// A file as it is now.
    pub fn of(folder: &Path, path: &Path) -> Result<Listed, Error> {
        let whole = folder.join(path);
        let wrong = || Error::io("read", &whole);
        let mut file = File::open(&whole).map_err(wrong())?;
        let (mut hash, mut buffer, mut bytes) = (Sha256::new(), vec![0; 1 << 20], 0);
        loop {
            let read = file.read(&mut buffer).map_err(wrong())?;
            if read == 0 {
                break;
            }
            hash.update(&buffer[..read]);
            bytes += read as u64;
        }
        Ok(Listed { sha256: hex(&hash.finalize()), bytes, path: path.to_owned() })
    }
}

/// Writes the list; the backup is whole from now on.
pub(super) fn write(folder: &Path, files: &[Listed]) -> Result<(), Error> {
    let mut text = format!("{FIRST}\n");
    for Listed { sha256, bytes, path } in files {
        let _ = writeln!(text, "{sha256} {bytes} {}", path.display());
    }
    let end = hex(&Sha256::digest(&text));
    let _ = writeln!(text, "end {end}");
    let path = folder.join(MANIFEST);
    fs::write(&path, text).and_then(|()| File::open(&path)?.sync_all()).map_err(Error::io("write", &path))
}

/// Reads the list; no path in it leads out of the folder.
pub(super) fn read(folder: &Path) -> Result<Vec<Listed>, Error> {
    let path = folder.join(MANIFEST);
    let text = fs::read_to_string(&path).map_err(Error::io("read", &path))?;
    let broken = || Error::corrupt(&path, "it is not whole, so the backup may not be either");
    let (files, end) = text.strip_suffix('\n').and_then(|text| text.rsplit_once('\n')).ok_or_else(broken)?;
    if end.strip_prefix("end ") != Some(&hex(&Sha256::digest(format!("{files}\n")))) {
        return Err(broken());
    }
    let mut lines = files.lines();
    if lines.next() != Some(FIRST) {
        return Err(Error::corrupt(&path, "it is of a version that is not known"));
    }
    let listed = |line: &str| {
        let (sha256, rest) = line.split_once(' ')?;
        let (bytes, path) = rest.split_once(' ')?;
        let path = PathBuf::from(path);
        let is_below = path.components().all(|part| matches!(part, Component::Normal(_)));
        is_below.then_some(Listed { sha256: sha256.to_owned(), bytes: bytes.parse().ok()?, path })
    };
    lines.map(|line| listed(line).ok_or_else(broken)).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
