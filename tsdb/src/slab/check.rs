//! A store that nobody has open, looked at byte by byte: every checksum there is. Nothing is changed.

use super::disk::{Disk, FileDisk};
use super::frames::{Damage, Frames};
use super::layout::{Geometry, PAGE};
use super::names::Names;
use super::ring::Ring;
use super::schema;
use super::segment::{Key, Segment};
use crate::error::Error;
use crate::index::is_checkpoint_whole;
use crate::lock::FolderLock;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a look at a store found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Files that were read.
    pub files: u64,
    /// Of each damaged file what is wrong with it.
    pub damaged: Vec<(PathBuf, String)>,
}

/// The newest generation of each column that names.log knows, by schema. Earlier ones have ended.
type Named = HashMap<(u16, u32), u16>;

/// Checks every file of a store.
///
/// # Errors
/// There is no store, another process has it open, or the system refuses to say what there is.
pub fn check(root: &Path) -> Result<Checked, Error> {
    // Asked first: a folder that is no store gets no lock file.
    fs::metadata(root.join("names.log")).map_err(Error::io("open", &root.join("names.log")))?;
    let _lock = FolderLock::take(root)?;
    let mut checked = Checked::default();
    let mut named = Named::new();
    checked.note(&root.join("names.log"), |path| {
        let disk = FileDisk::open_sealed(path).map_err(Error::io("open", path))?;
        let damage = Names::scan(&disk, path, |name| {
            named.insert((name.schema, name.column), name.generation);
        })?;
        whole_log(path, damage)
    });
    let checkpoint = root.join("names.fst");
    if checkpoint.exists() {
        checked.note(&checkpoint, |path| {
            let is_whole = is_checkpoint_whole(path)?;
            is_whole.then_some(()).ok_or_else(|| Error::corrupt(path, "its checksum does not fit; it is made anew"))
        });
    }
    let expired = root.join("expired");
    if expired.exists() {
        checked.note(&expired, whole_frames);
    }
    for (expected, (number, path, slots)) in (0..).zip(schemas(root)?) {
        if number != expected {
            return Err(Error::corrupt(root, format!("the folder of schema {expected} is missing")));
        }
        checked.schema(number, &path, &slots, &named)?;
    }
    Ok(checked)
}

/// Number, folder and steps of each retention, in the order of their numbers.
pub(super) fn schemas(root: &Path) -> Result<Vec<(u16, PathBuf, Vec<u32>)>, Error> {
    let mut found = Vec::new();
    for path in listed(root)? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some((number, retention)) = schema::numbered_folder(name) {
            found.push((number, path, retention.archives().iter().map(|archive| archive.step.secs()).collect()));
        }
    }
    found.sort();
    Ok(found)
}

/// What a folder holds, sorted; nothing where there is no folder.
pub(super) fn listed(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(Error::io("list", folder))?,
    };
    let paths: Result<Vec<PathBuf>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(Error::io("list", folder))?;
    paths.sort();
    Ok(paths)
}

/// The folders of an archive's segments: of its values, and of its sketches.
pub(super) fn segment_folders(step: u32) -> [String; 2] {
    [format!("{step}s"), format!("{step}s-sketch")]
}

/// Whether a path is that of a log of sketches that no segment holds yet.
pub(super) fn is_sketch_log(path: &Path) -> bool {
    schema::sketch_log_start(path).is_some()
}

/// Whether a path is a segment's.
pub(super) fn is_segment(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "seg")
}

impl Checked {
    /// Notes what a look at a file says.
    fn note(&mut self, path: &Path, look: impl FnOnce(&Path) -> Result<(), Error>) {
        self.files += 1;
        if let Err(error) = look(path) {
            let why = match &error {
                Error::Corrupt { why, .. } => why.clone(),
                other => other.chain(),
            };
            self.damaged.push((path.to_owned(), why));
        }
    }

    fn schema(&mut self, number: u16, folder: &Path, steps: &[u32], named: &Named) -> Result<(), Error> {
        self.note(&folder.join("ring"), whole_ring);
        for log in ["late.log", "reuse.log"] {
            self.note(&folder.join(log), whole_frames);
        }
        for path in listed(folder)?.into_iter().filter(|path| is_sketch_log(path)) {
            self.note(&path, whole_frames);
        }
        let folders = steps.iter().flat_map(|step| segment_folders(*step));
        for name in folders {
            for path in listed(&folder.join(name))?.into_iter().filter(|path| is_segment(path)) {
                self.note(&path, |path| {
                    let segment = Segment::open(path)?;
                    segment.check()?;
                    let is_nameless = |key: &Key| {
                        let newest = named.get(&(number, key.column));
                        newest.is_none_or(|newest| (key.generation.wrapping_sub(*newest) as i16) > 0)
                    };
                    let nameless = segment.keys()?.into_iter().filter(is_nameless).count();
                    let why = || Error::corrupt(path, format!("names.log has no name for {nameless} of its series"));
                    (nameless == 0).then_some(()).ok_or_else(why)
                });
            }
        }
        Ok(())
    }
}

fn whole_frames(path: &Path) -> Result<(), Error> {
    let disk = FileDisk::open_sealed(path).map_err(Error::io("open", path))?;
    let (.., damage) = Frames::scan(&disk, |_| {}).map_err(Error::io("read", path))?;
    whole_log(path, damage)
}

fn whole_log(path: &Path, damage: Damage) -> Result<(), Error> {
    let bytes = damage.skipped_bytes + damage.torn_bytes;
    let why = || match damage.skipped_bytes {
        0 => Error::corrupt(path, format!("{bytes} bytes at its end are an append that was cut short")),
        _ => Error::corrupt(path, format!("{bytes} bytes of it belong to no whole record")),
    };
    (bytes == 0).then_some(()).ok_or_else(why)
}

fn whole_ring(path: &Path) -> Result<(), Error> {
    let disk = FileDisk::open_sealed(path).map_err(Error::io("open", path))?;
    let bytes = disk.bytes().map_err(Error::io("look at", path))?;
    let mut page = [0; PAGE];
    if bytes >= PAGE as u64 {
        disk.read_at(&mut page, 0).map_err(Error::io("read", path))?;
    }
    if bytes <= PAGE as u64 && page == [0; PAGE] {
        return Ok(()); // nothing was written yet
    }
    let geometry = Geometry::decode(&page).map_err(|why| Error::corrupt(path, why))?;
    let (ring, recovery) = Ring::open(Arc::new(disk), path, geometry)?;
    if geometry.extent_at(ring.shards()) != bytes {
        return Err(Error::corrupt(path, "it was cut short"));
    }
    ring.check()?;
    let (rows, pages) = (recovery.torn_rows, ring.torn_pages());
    let why = || Error::corrupt(path, format!("the checksums of {rows} rows and {pages} pages of values do not fit"));
    (rows + pages == 0).then_some(()).ok_or_else(why)
}
