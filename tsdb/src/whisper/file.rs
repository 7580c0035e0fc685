//! An open whisper file: its descriptor, its path for messages and its header. Every read and write of points goes
//! through here, so that a short read becomes an error that names the file.

use super::header::{Header, Located, encode_metadata};
use crate::error::Error;
use crate::ring::{slot, stretches};
use crate::rollup::Rollup;
use crate::time::Timestamp;
use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bytes of a point: u32 interval, f64 value.
pub(crate) const POINT_BYTES: usize = 12;

/// Buffers that updates reuse, so that an update through a kept handle allocates nothing.
#[derive(Default)]
pub(crate) struct Scratch {
    pub(super) bytes: Vec<u8>,
    pub(super) values: Vec<f64>,
}

/// An archive whose base is known: with it, every moment has its slot.
#[derive(Clone, Copy)]
pub(super) struct Ring {
    pub index: usize,
    pub located: Located,
    /// The moment at slot 0; `None` when nothing was written there yet.
    pub base: Option<i64>,
}

/// An open file with a checked header.
pub(crate) struct Whisper {
    pub(super) file: File,
    pub(super) path: PathBuf,
    header: Header,
    /// Of each archive the interval at slot 0, once there is one; 0 before. It is kept, because only a later lap of the
    /// ring ever takes its place, which gives every moment the same slot.
    bases: Box<[Cell<u32>]>,
    drift: Drift,
}

/// What to do with an archive whose base lies inside a step: its points are where no moment's arithmetic leads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Drift {
    /// Go on, as whisper does.
    AsWhisper,
    /// Refuse the file.
    Refuse,
}

impl Whisper {
    /// Opens a file to read it.
    pub(crate) fn open_read(path: &Path) -> Result<Whisper, Error> {
        Whisper::from_file(File::open(path).map_err(Error::io("open", path))?, path)
    }

    /// Opens a file to read and write it.
    pub(crate) fn open_write(path: &Path) -> Result<Whisper, Error> {
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(Error::io("open", path))?;
        Whisper::from_file(file, path)
    }

    /// As [`Whisper::open_write`], for the store: a file whose points are misplaced is refused before it is written to.
    pub(crate) fn open_write_strict(path: &Path) -> Result<Whisper, Error> {
        let file = Whisper::open_write(path)?.strict();
        for archive in 0..file.header.archives().len() {
            file.ring(archive)?;
        }
        Ok(file)
    }

    /// From now on an archive whose base lies inside a step is refused.
    pub(crate) fn strict(self) -> Whisper {
        Whisper { drift: Drift::Refuse, ..self }
    }

    fn from_file(file: File, path: &Path) -> Result<Whisper, Error> {
        let header = Header::read(&file, path)?;
        let bases = header.archives().iter().map(|_| Cell::new(0)).collect();
        Ok(Whisper { file, path: path.to_owned(), header, bases, drift: Drift::AsWhisper })
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    pub(crate) fn into_header(self) -> Header {
        self.header
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes one point into the finest archive that covers it, then rolls it up. Through a kept handle that is one
    /// system call and two more for every coarser archive, three where its step lies across the end of the ring.
    pub(crate) fn update(&self, scratch: &mut Scratch, at: Timestamp, value: f64, now: Timestamp) -> Result<(), Error> {
        let age = now - at;
        let kept = self.header.retention_secs();
        let archives = self.header.archives();
        let covering = archives.iter().position(|located| located.archive.retention_secs() >= age);
        let Some(finest) = covering.filter(|_| (0..kept).contains(&age)) else {
            return Err(self.not_covered(at, now));
        };
        let mut higher = self.ring(finest)?;
        let interval = at.floor(higher.located.archive.step).0;
        let Some(stored) = u32_of(interval) else { return Err(self.not_covered(at, now)) };
        self.write_point(&mut higher, stored, value)?;
        for lower in finest + 1..archives.len() {
            let mut lower = self.ring(lower)?;
            if !self.propagate(scratch, interval, &higher, &mut lower)? {
                break;
            }
            higher = lower;
        }
        Ok(())
    }

    fn not_covered(&self, at: Timestamp, now: Timestamp) -> Error {
        let kept = Duration::from_secs(self.header.retention_secs().unsigned_abs());
        Error::NotCovered { path: self.path.clone(), at: at.0, now: now.0, kept }
    }

    /// An archive with its base, which is read unless it is known.
    pub(super) fn ring(&self, index: usize) -> Result<Ring, Error> {
        let (located, known) = (self.header.archives()[index], &self.bases[index]);
        if known.get() == 0 {
            let mut bytes = [0; 4];
            self.read_exact(&mut bytes, located.offset)?;
            known.set(u32::from_be_bytes(bytes));
        }
        let base = known.get();
        if self.drift == Drift::Refuse && !base.is_multiple_of(located.archive.step.secs()) {
            let step = located.archive.step.secs();
            return Err(Error::corrupt(
                &self.path,
                format!("archive {index} begins at {base}, inside a step of {step} s"),
            ));
        }
        Ok(Ring { index, located, base: (base != 0).then_some(i64::from(base)) })
    }

    /// An archive with its base read anew, after it may have been written over.
    pub(super) fn ring_anew(&self, index: usize) -> Result<Ring, Error> {
        self.bases.iter().for_each(|base| base.set(0));
        self.ring(index)
    }

    /// Writes a point to its slot; the first point of an archive goes to slot 0 and becomes its base.
    pub(super) fn write_point(&self, ring: &mut Ring, interval: u32, value: f64) -> Result<(), Error> {
        let at = i64::from(interval);
        let slot = ring.base.map_or(0, |base| slot(ring.located.archive, base, at));
        self.write_all(&encode_point(interval, value), ring.located.at(slot))?;
        if slot == 0 {
            // Also when there was a base: one that lies inside a step, as a file resized by hand has it, moves here.
            self.bases[ring.index].set(interval);
            ring.base = (at != 0).then_some(at);
        }
        Ok(())
    }

    /// Reads the slots from `first` up to `end` (equal: the whole ring) into `scratch.bytes`.
    pub(super) fn read_slots(
        &self,
        scratch: &mut Scratch,
        located: &Located,
        first: u32,
        end: u32,
    ) -> Result<(), Error> {
        scratch.bytes.clear();
        for stretch in stretches(located.archive, first, end) {
            let from = scratch.bytes.len();
            scratch.bytes.resize(from + stretch.len() * POINT_BYTES, 0);
            if !stretch.is_empty() {
                self.read_exact(&mut scratch.bytes[from..], located.at(stretch.start))?;
            }
        }
        Ok(())
    }

    /// Rewrites the first sixteen bytes in place.
    pub(super) fn set_metadata(&mut self, rollup: Rollup, factor: f32) -> Result<(), Error> {
        let archives = self.header.archives().len() as u32;
        self.write_all(&encode_metadata(rollup, self.header.max_retention_secs, factor, archives), 0)?;
        self.header = Header::read(&self.file, &self.path)?;
        Ok(())
    }

    pub(super) fn read_exact(&self, buffer: &mut [u8], offset: u64) -> Result<(), Error> {
        self.file.read_exact_at(buffer, offset).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => Error::corrupt(&self.path, format!("it ends before byte {offset}")),
            _ => Error::io("read", &self.path)(source),
        })
    }

    pub(super) fn write_all(&self, bytes: &[u8], offset: u64) -> Result<(), Error> {
        self.file.write_all_at(bytes, offset).map_err(Error::io("write", &self.path))
    }
}

pub(super) fn encode_point(interval: u32, value: f64) -> [u8; POINT_BYTES] {
    let mut bytes = [0; POINT_BYTES];
    bytes[..4].copy_from_slice(&interval.to_be_bytes());
    bytes[4..].copy_from_slice(&value.to_be_bytes());
    bytes
}

pub(super) fn decode_point(bytes: &[u8; POINT_BYTES]) -> (i64, f64) {
    let [a, b, c, d, value @ ..] = *bytes;
    (i64::from(u32::from_be_bytes([a, b, c, d])), f64::from_be_bytes(value))
}

/// A moment as a file can hold it; `None` before the epoch and from 2106 on.
pub(crate) fn u32_of(interval: i64) -> Option<u32> {
    u32::try_from(interval).ok()
}
