//! A copy of a store that goes on being written: links to the segments, copies of the rest, and a list with checksums.
//!
//! What was committed before the backup began is in it, whatever is sealed, merged, folded or removed meanwhile. Values move
//! one way: from the late log to the ring and to segments, from the ring to segments, from segments to merged ones and to
//! those of coarser archives; and what they leave lets go of them only when they have arrived. So places are copied in
//! that order. A value that is not in a place any more when that is copied is in a later one already, and is copied there.
//!
//! - late log: replaced as a whole and else only appended to, so one open file is a true state of it. The same holds for the
//!   logs of sketches, which go when a segment holds what they held.
//! - ring: rows that changed while they were copied are copied again until nothing changed during one whole look at all
//!   rows. A slot that was written again lies in its former row until the new one is whole; had it moved unseen, one of the
//!   two rows would have changed during the look.
//! - segments: linked until two listings in a row are alike and every link was made, finest archives first.
//! - names: appended to before the first value of a series is committed, so a copy that is made last names every column.
//!   A retention that comes up meanwhile is copied too, and the names once more behind it. The same holds for the log of
//!   reused columns, which is copied after the rows that it speaks of.

use super::check::{is_segment, is_sketch_log, listed, schemas, segment_folders};
use super::disk::{Disk, FileDisk};
use super::layout::{self, Geometry, PAGE, RowHeader};
use super::manifest::{self, Listed};
use crate::error::Error;
use crate::lock::LOCK_FILE;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// What a backup holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backup {
    /// Files.
    pub files: u64,
    /// Their bytes, those that are links included.
    pub bytes: u64,
    /// Segments that are links to the store's.
    pub linked: u64,
}

/// Looks at a ring before it is called too busy.
const LOOKS: usize = 100_000;
/// Listings of segments before the same.
const LISTINGS: usize = 1000;
const BLOCK: usize = 1 << 20;

/// Backs a store up into a folder, which must be empty or not there yet. Another process may write to the store meanwhile.
///
/// # Errors
/// There is no store, the folder holds something, the disk is full, or the system refuses; then the folder has no list, and is
/// no backup.
pub fn backup(root: &Path, target: &Path) -> Result<Backup, Error> {
    fs::metadata(root.join("names.log")).map_err(Error::io("open", &root.join("names.log")))?;
    refuse_unless_empty(target)?;
    let (mut done, mut paths) = (Backup::default(), BTreeSet::new());
    loop {
        let found = schemas(root)?;
        for (_, folder, steps) in &found {
            let name = PathBuf::from(folder.file_name().unwrap_or_default());
            if !paths.contains(&name.join("ring")) {
                back_up_schema(root, &name, steps, target, &mut paths, &mut done)?;
            }
        }
        if root.join("names.fst").exists() && copy_log(root, Path::new("names.fst"), target)? {
            paths.insert(PathBuf::from("names.fst"));
        }
        if copy_log(root, Path::new("expired"), target)? {
            paths.insert(PathBuf::from("expired"));
        }
        copy_log(root, Path::new("names.log"), target)?;
        paths.insert(PathBuf::from("names.log"));
        if schemas(root)?.len() == found.len() {
            break;
        }
    }
    let mut files = Vec::new();
    for path in &paths {
        let file = Listed::of(target, path)?;
        done.files += 1;
        done.bytes += file.bytes;
        files.push(file);
    }
    manifest::write(target, &files)?;
    sync_folder(target)?;
    Ok(done)
}

fn back_up_schema(
    root: &Path,
    name: &Path,
    steps: &[u32],
    target: &Path,
    paths: &mut BTreeSet<PathBuf>,
    done: &mut Backup,
) -> Result<(), Error> {
    make_folder(&target.join(name))?;
    if copy_log(root, &name.join("late.log"), target)? {
        paths.insert(name.join("late.log"));
    }
    let ring = name.join("ring");
    copy_ring(&root.join(&ring), &target.join(&ring))?;
    paths.insert(ring);
    if copy_log(root, &name.join("reuse.log"), target)? {
        paths.insert(name.join("reuse.log"));
    }
    for log in listed(&root.join(name))?.into_iter().filter(|path| is_sketch_log(path)) {
        let path = name.join(log.file_name().unwrap_or_default());
        if copy_log(root, &path, target)? {
            paths.insert(path);
        }
    }
    let folders = steps.iter().flat_map(|step| segment_folders(*step)).map(|folder| name.join(folder));
    for folder in folders.filter(|folder| root.join(folder).is_dir()) {
        make_folder(&target.join(&folder))?;
        link_segments(root, &folder, target, paths, done)?;
        sync_folder(&target.join(&folder))?;
    }
    sync_folder(&target.join(name))
}

/// Copies a file that is only appended to, or replaced as a whole; false where there is none.
fn copy_log(root: &Path, path: &Path, target: &Path) -> Result<bool, Error> {
    let (from, to) = (root.join(path), target.join(path));
    let mut source = match File::open(&from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        source => source.map_err(Error::io("open", &from))?,
    };
    let mut copy = File::create(&to).map_err(Error::io("create", &to))?;
    io::copy(&mut source, &mut copy).and_then(|_| copy.sync_all()).map_err(Error::io("copy", &from))?;
    Ok(true)
}

/// Links every segment of a folder.
fn link_segments(
    root: &Path,
    folder: &Path,
    target: &Path,
    paths: &mut BTreeSet<PathBuf>,
    done: &mut Backup,
) -> Result<(), Error> {
    let mut before: Option<Vec<PathBuf>> = None;
    for _ in 0..LISTINGS {
        let segments: Vec<PathBuf> = listed(&root.join(folder))?.into_iter().filter(|path| is_segment(path)).collect();
        let mut is_whole = true;
        for segment in &segments {
            let path = folder.join(segment.file_name().unwrap_or_default());
            if !paths.contains(&path) {
                is_whole &= link_segment(segment, &target.join(&path), done)?;
                if is_whole {
                    paths.insert(path);
                }
            }
        }
        // A listing may miss what is renamed while it is made; the next one does not.
        if is_whole && before.as_ref() == Some(&segments) {
            return Ok(());
        }
        before = is_whole.then_some(segments);
    }
    Err(Error::corrupt(&root.join(folder), "its segments come and go too fast to be backed up"))
}

/// False when the segment has gone.
fn link_segment(from: &Path, to: &Path, done: &mut Backup) -> Result<bool, Error> {
    match fs::hard_link(from, to) {
        Ok(()) => {
            done.linked += 1;
            return Ok(true);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(true),
        Err(_) => {} // another file system, or one without links
    }
    match fs::copy(from, to).and_then(|_| File::open(to)?.sync_all()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        copied => copied.map(|()| true).map_err(Error::io("copy", from)),
    }
}

/// What a row was when it was copied last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Row {
    /// Its header page, by checksum, and its pages fit that.
    Whole(u32),
    /// It was being written, or is damaged; all its bytes, by checksum.
    Torn(u32),
}

fn copy_ring(from: &Path, to: &Path) -> Result<(), Error> {
    let wrong = || Error::io("copy", from);
    let source = FileDisk::open_sealed(from).map_err(Error::io("open", from))?;
    let copy = File::create(to).map_err(Error::io("create", to))?;
    let mut page = [0; PAGE];
    if source.bytes().map_err(wrong())? >= PAGE as u64 {
        source.read_at(&mut page, 0).map_err(wrong())?;
    }
    if page == [0; PAGE] {
        return copy.sync_all().map_err(wrong()); // nothing was written yet
    }
    let geometry = Geometry::decode(&page).map_err(|why| Error::corrupt(from, why))?;
    copy.write_all_at(&page, 0).map_err(wrong())?;
    let mut rows: Vec<Vec<Option<Row>>> = Vec::new();
    for _ in 0..LOOKS {
        let bytes = source.bytes().map_err(wrong())?;
        let shards = (0..).take_while(|shard| geometry.extent_at(shard + 1) <= bytes).count();
        let has_grown = shards > rows.len();
        if has_grown {
            rows.resize(shards, vec![None; geometry.rows()]);
            copy.set_len(geometry.extent_at(shards)).map_err(wrong())?;
        }
        let mut has_changed = has_grown;
        for (shard, rows) in rows.iter_mut().enumerate() {
            for (row, known) in rows.iter_mut().enumerate() {
                let offset = geometry.extent_at(shard) + (row * layout::row_bytes(shard)) as u64;
                has_changed |= copy_row(&source, &copy, shard, offset, known).map_err(wrong())?;
            }
        }
        if !has_changed {
            return copy.sync_all().map_err(wrong());
        }
    }
    Err(Error::corrupt(from, "it is written too fast to be backed up"))
}

/// Copies a row unless it is as it was when it was copied last; whether it was not.
fn copy_row(source: &FileDisk, copy: &File, shard: usize, at: u64, known: &mut Option<Row>) -> io::Result<bool> {
    let mut header = [0; PAGE];
    source.read_at(&mut header, at)?;
    if *known == Some(Row::Whole(crc32c::crc32c(&header))) {
        return Ok(false);
    }
    let mut bytes = vec![0; layout::row_bytes(shard)];
    source.read_at(&mut bytes, at)?;
    let row = judge_row(&bytes, shard);
    if *known == Some(row) {
        return Ok(false);
    }
    copy.write_all_at(&bytes, at)?;
    *known = Some(row);
    Ok(true)
}

fn judge_row(bytes: &[u8], shard: usize) -> Row {
    let Some((header, values)) = bytes.split_first_chunk::<PAGE>() else { return Row::Torn(0) };
    let fits = |(i, page): (usize, &[u8])| crc32c::crc32c(page) == layout::stated_crc(header, i);
    let is_empty = *header == [0; PAGE];
    let is_whole = RowHeader::decode(header, shard).is_some() && values.chunks_exact(PAGE).enumerate().all(fits);
    if is_whole || is_empty { Row::Whole(crc32c::crc32c(header)) } else { Row::Torn(crc32c::crc32c(bytes)) }
}

/// Makes a store of a backup, in a folder that is empty or not there yet. Answers its files.
///
/// # Errors
/// The backup is not whole, the folder holds something, the disk is full, or the system refuses; then what was copied is
/// removed again.
pub fn restore(backup: &Path, root: &Path) -> Result<u64, Error> {
    let files = manifest::read(backup)?;
    for file in &files {
        if Listed::of(backup, &file.path)? != *file {
            return Err(Error::corrupt(&backup.join(&file.path), "it is not what the backup's list says"));
        }
    }
    refuse_unless_empty(root)?;
    let copied = copy_all(backup, root, &files);
    if copied.is_err() {
        for path in listed(root).unwrap_or_default() {
            // What cannot be removed stays, and the error says why there is no store.
            let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        }
    }
    copied.map(|()| files.len() as u64)
}

fn copy_all(backup: &Path, root: &Path, files: &[Listed]) -> Result<(), Error> {
    // With it the folder is known as ours, and is locked by whoever opens it.
    let lock = root.join(LOCK_FILE);
    File::create(&lock).map_err(Error::io("create", &lock))?;
    let mut folders = BTreeSet::from([root.to_owned()]);
    for file in files {
        let to = root.join(&file.path);
        if let Some(folder) = to.parent() {
            make_folder(folder)?;
            folders.insert(folder.to_owned());
        }
        let from = backup.join(&file.path);
        copy_with_room(&from, &to).map_err(Error::io("copy", &from))?;
    }
    folders.iter().try_for_each(|folder| sync_folder(folder))
}

/// Copies a file into room that was reserved for it: nothing in a store has holes.
fn copy_with_room(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let copy = FileDisk::open(to)?;
    copy.reserve(source.metadata()?.len())?;
    let (mut block, mut at) = (vec![0; BLOCK], 0);
    loop {
        let read = source.read(&mut block)?;
        if read == 0 {
            return copy.sync();
        }
        if block[..read].iter().any(|byte| *byte != 0) {
            copy.write_at(&block[..read], at)?;
        }
        at += read as u64;
    }
}

fn refuse_unless_empty(folder: &Path) -> Result<(), Error> {
    make_folder(folder)?;
    if listed(folder)?.is_empty() { Ok(()) } else { Err(Error::Exists(folder.to_owned())) }
}

fn make_folder(folder: &Path) -> Result<(), Error> {
    fs::create_dir_all(folder).map_err(Error::io("create", folder))
}

fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", folder))
}
