//! A file taken as a whole: every value of every archive that a reader can ever see, and a file made of such values. What a
//! store takes in from a tree of files and gives back to one.

use super::compressed::{Compressed, Method, compressed_points};
use super::create::{CreateOptions, link, open_beside, too_large};
use super::fetch::Resolution;
use super::file::{POINT_BYTES, Ring, Scratch, Whisper, decode_point, encode_point, u32_of};
use super::header::{Header, checked_factor};
use crate::error::Error;
use crate::gap::is_gap;
use crate::retention::{Archive, Retention};
use crate::ring::slot;
use crate::rollup::Rollup;
use crate::time::{Timestamp, Window};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Slots read at a time, so that a file full of nothing costs nothing.
const AT_ONCE: u32 = 16_384;

/// What a file holds.
#[derive(Clone, Debug, PartialEq)]
pub struct WholeFile {
    /// Its archives, finest first.
    pub retention: Retention,
    /// How it rolls up; `None` for a method of go-whisper's that whisper has not.
    pub rollup: Option<Rollup>,
    /// The share of known points from which a coarser point is written, widened from the file's 32 bits.
    pub x_files_factor: f64,
    /// Of each archive the values, oldest first: those of its last lap, each slot once.
    pub archives: Vec<Vec<(Timestamp, f64)>>,
}

/// Reads a file of either format.
///
/// # Errors
/// It is missing or corrupt, or its archives do not fit each other.
pub fn read_whole(path: &Path) -> Result<WholeFile, Error> {
    match Whisper::open_read(path) {
        Err(Error::Compressed(_)) => read_compressed(path),
        opened => read_plain(&opened?.strict()),
    }
}

fn read_plain(file: &Whisper) -> Result<WholeFile, Error> {
    let header = file.header();
    let mut archives = Vec::with_capacity(header.archives().len());
    for index in 0..header.archives().len() {
        let ring = file.ring(index)?;
        archives.push((ring.located.archive, last_lap(file, ring)?));
    }
    whole(archives, Some(header.rollup), header.x_files_factor())
}

fn whole(
    mut archives: Vec<(Archive, Vec<(Timestamp, f64)>)>,
    rollup: Option<Rollup>,
    x_files_factor: f64,
) -> Result<WholeFile, Error> {
    // In the order of the retention: the format asks for none.
    archives.sort_by_key(|(archive, _)| archive.step);
    let (kept, archives): (Vec<Archive>, Vec<_>) = archives.into_iter().unzip();
    Ok(WholeFile { retention: Retention::new(kept)?, rollup, x_files_factor, archives })
}

/// The values of an archive that stand where a reader looks for them, without those that a lap of the ring left behind.
fn last_lap(file: &Whisper, ring: Ring) -> Result<Vec<(Timestamp, f64)>, Error> {
    let Ring { located, base: Some(base), .. } = ring else { return Ok(Vec::new()) };
    let (archive, step) = (located.archive, i64::from(located.archive.step.secs()));
    let (mut points, mut scratch, mut first) = (Vec::new(), Scratch::default(), 0);
    while first < archive.points {
        let end = archive.points.min(first.saturating_add(AT_ONCE));
        // An end of 0 is the ring's own.
        file.read_slots(&mut scratch, &located, first, end % archive.points)?;
        for (index, point) in (first..).zip(scratch.bytes.as_chunks::<POINT_BYTES>().0) {
            let (at, value) = decode_point(point);
            if at != 0 && at % step == 0 && slot(archive, base, at) == index {
                points.push((Timestamp(at), value));
            }
        }
        first = end;
    }
    let newest = points.iter().map(|(at, _)| *at).max();
    points.retain(|(at, _)| newest.is_some_and(|newest| *at > newest - archive.retention_secs()));
    points.sort_unstable_by_key(|(at, _)| *at);
    Ok(points)
}

fn read_compressed(path: &Path) -> Result<WholeFile, Error> {
    let file = Compressed::open(path)?;
    let header = file.header();
    let mut newest = None;
    for archive in 0..header.archives.len() {
        newest = newest.max(compressed_points(path, archive)?.into_iter().map(|(at, _)| at).max());
    }
    let mut archives: Vec<(Archive, Vec<(Timestamp, f64)>)> = Vec::new();
    for described in &header.archives {
        let archive = described.archive;
        // In a mix several archives have the same step: as every reader does, the first of them is taken.
        if archives.iter().any(|(other, _)| other.step == archive.step) {
            continue;
        }
        let mut points = Vec::new();
        if let Some(newest) = newest.map(Timestamp) {
            let window = Window { from: newest - archive.retention_secs(), until: newest };
            if let Some(fetched) = file.fetch(window, newest, Resolution::Step(archive.step))? {
                let times = (0..).map(|i| fetched.start + i * i64::from(fetched.step.secs()));
                points.extend(times.zip(fetched.values).filter(|(_, value)| !is_gap(*value)));
            }
        }
        archives.push((archive, points));
    }
    whole(archives, rollup_of(header.method), f64::from(header.x_files_factor))
}

fn rollup_of(method: Method) -> Option<Rollup> {
    Some(match method {
        Method::Average => Rollup::Average,
        Method::Sum => Rollup::Sum,
        Method::Last => Rollup::Last,
        Method::Max => Rollup::Max,
        Method::Min => Rollup::Min,
        Method::First | Method::Mix | Method::Percentile(_) => return None,
    })
}

/// Makes a file that holds these values of each archive, oldest first; the folder must exist. Each archive begins with its
/// oldest value in slot 0, as if the values had come in the order of time. A moment that a file cannot count is left out.
///
/// # Errors
/// There is a file already, the factor is not between 0 and 1, or the system refuses; then nothing is left behind.
///
/// # Panics
/// When there are not as many archives as the retention has.
pub fn write_whole(
    path: &Path,
    retention: &Retention,
    options: CreateOptions,
    archives: &[Vec<(Timestamp, f64)>],
) -> Result<(), Error> {
    assert_eq!(archives.len(), retention.archives().len(), "values for every archive");
    let header = Header::new(retention, options.rollup, checked_factor(options.x_files_factor)?);
    let bytes = header.encode().ok_or_else(|| too_large(path))?;
    let (hidden, file) = open_beside(path).map_err(Error::io("create", path))?;
    let written = fill(file, &bytes, &header, archives).map_err(Error::io("write", path));
    let linked = written.and_then(|()| link(&hidden, path));
    // Also after an error; a name left behind by a crash is hidden from every listing.
    let _ = fs::remove_file(&hidden);
    linked
}

fn fill(mut file: File, bytes: &[u8], header: &Header, archives: &[Vec<(Timestamp, f64)>]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.set_len(header.file_bytes())?;
    for (located, points) in header.archives().iter().zip(archives) {
        let Some((base, _)) = points.first() else { continue };
        let mut ring = vec![0; located.size_bytes() as usize];
        let slots = ring.as_chunks_mut::<POINT_BYTES>().0;
        let mut used = 0;
        for (at, value) in points {
            let Some(interval) = u32_of(at.0).filter(|interval| *interval != 0) else { continue };
            let slot = slot(located.archive, base.0, at.0) as usize;
            // What is a gap to us would be no value to whoever reads the file.
            let value = if is_gap(*value) { f64::NAN } else { *value };
            slots[slot] = encode_point(interval, value);
            used = used.max(slot + 1);
        }
        file.write_all_at(&ring[..used * POINT_BYTES], located.offset)?;
    }
    file.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gap::GAP;
    use crate::whisper::{create, fetch, update};

    #[test]
    fn a_file_comes_back_as_every_fetch_sees_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("from.wsp"), folder.path().join("to.wsp"));
        let retention = Retention::parse("10:12,60:10,300:8").expect("valid");
        let options = CreateOptions { x_files_factor: 0.3, rollup: Rollup::Sum, ..CreateOptions::default() };
        create(&from, &retention, options).expect("made");
        let mut now = 1_700_000_000;
        for i in 0..400_i64 {
            now += 3 + i * 7919 % 23;
            // A long silence leaves a lap behind.
            now += if i == 250 { 900 } else { 0 };
            update(&from, Timestamp(now), i as f64 / 3.0, Timestamp(now)).expect("updated");
        }
        let whole = read_whole(&from).expect("read");
        assert_eq!((whole.rollup, &whole.retention), (Some(Rollup::Sum), &retention));
        assert_eq!(whole.x_files_factor, f64::from(0.3_f32));
        write_whole(&to, &retention, options, &whole.archives).expect("written");
        assert_eq!(read_whole(&to).expect("read"), whole);
        for archive in retention.archives() {
            let window = Window { from: Timestamp(now - archive.retention_secs()), until: Timestamp(now) };
            let fetched = |path| fetch(path, window, Timestamp(now), Resolution::Step(archive.step)).expect("fetched");
            let bits = |path| fetched(path).expect("there").values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&to), bits(&from), "{archive:?}");
            assert!(bits(&from).iter().any(|bits| *bits != GAP.to_bits()));
        }
        assert!(matches!(write_whole(&to, &retention, options, &whole.archives), Err(Error::Exists(_))));
    }
}
