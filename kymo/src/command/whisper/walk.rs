//! A walk over a folder in the order of Python's os.walk: a folder's files before its folders, both as the system lists
//! them. Links to folders are not followed, and what cannot be listed is passed over.

use anyhow::Result;
use std::fs;
use std::path::{Path, PathBuf};

/// Calls `visit` for every folder with its files. The folders yet to be visited are kept, not the whole tree.
pub fn walk(base: &Path, mut visit: impl FnMut(&Path, &[PathBuf]) -> Result<()>) -> Result<()> {
    let mut waiting = vec![base.to_owned()];
    while let Some(folder) = waiting.pop() {
        let Ok(listing) = fs::read_dir(&folder) else { continue };
        let (mut folders, mut files) = (Vec::new(), Vec::new());
        for entry in listing.filter_map(Result::ok) {
            let path = entry.path();
            let linked = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            match path.is_dir() {
                true if linked => {}
                true => folders.push(path),
                false => files.push(path),
            }
        }
        visit(&folder, &files)?;
        waiting.extend(folders.into_iter().rev());
    }
    Ok(())
}

/// Whether a name ends as a whisper file's does.
pub fn is_whisper(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(b".wsp")
}
