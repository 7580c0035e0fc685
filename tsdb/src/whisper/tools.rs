//! What whisper's command-line tools do with whole files: merge, fill and diff. Their odd
//! habits are kept, because scripts are built on them.

use super::fetch::Resolution;
use super::file::{Scratch, Whisper};
use super::header::Located;
use super::update_many::Overrun;
use crate::error::Error;
use crate::gap::{GAP, is_gap};
use crate::store::Fetched;
use crate::time::{Timestamp, Window};
use std::path::Path;

/// Copies the points of a window from one file into another of the same archives, archive by archive, and rolls them up
/// there. `from` and `until` default to the beginning of time and to `now`.
///
/// # Errors
/// The archives differ, the window ends before it begins, or a file is missing, corrupt or not writable.
pub fn merge(
    source: &Path,
    target: &Path,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), Error> {
    let (source, target) = (Whisper::open_read(source)?, Whisper::open_write(target)?);
    check_alike(&source, &target)?;
    let window = Window { from: from.unwrap_or(Timestamp(0)), until: until.unwrap_or(now) };
    if window.until < window.from {
        return Err(Error::BadWindow { from: window.from.0, until: window.until.0 });
    }
    let scratch = &mut Scratch::default();
    for (archive, located) in by_retention(&source) {
        let oldest = now - located.archive.retention_secs();
        if window.until < oldest {
            continue;
        }
        let window = Window { from: window.from.max(oldest), until: window.until };
        let points = known_points(&source.fetch_archive(scratch, archive, window)?);
        target.write_archive(scratch, archive, &points, Overrun::AsWhisper)?;
    }
    Ok(())
}

/// What two files of the same archives hold differently.
#[derive(Clone, Debug, PartialEq)]
pub struct ArchiveDiff {
    /// The archive, counted from the shortest retention.
    pub archive: usize,
    /// Time, left value, right value; [`GAP`] where a file holds none.
    pub points: Vec<(Timestamp, f64, f64)>,
    /// How many points were compared.
    pub compared: usize,
}

/// Which points a diff compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// Those that at least one file holds.
    Any,
    /// Those that both hold.
    Both,
}

/// Compares two files of the same archives, each archive up to where the one before it reaches.
///
/// # Errors
/// The archives differ, or a file is missing or corrupt.
pub fn diff(
    left: &Path,
    right: &Path,
    compare: Compare,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Result<Vec<ArchiveDiff>, Error> {
    let (left, right) = (Whisper::open_read(left)?, Whisper::open_read(right)?);
    check_alike(&left, &right)?;
    let scratch = &mut Scratch::default();
    let mut until = until.unwrap_or(now);
    let mut diffs = Vec::new();
    for (archive, (index, located)) in by_retention(&left).into_iter().enumerate() {
        let from = now - located.archive.retention_secs();
        let window = Window { from, until };
        let fetched = left.fetch_archive(scratch, index, window)?;
        let other = right.fetch_archive(scratch, index, window)?;
        let steps = usize::try_from((fetched.end - fetched.start) / i64::from(fetched.step.secs())).unwrap_or(0);
        let mut points: Vec<(Timestamp, f64, f64)> = timed(&fetched)
            .zip(&other.values)
            .take(steps)
            .map(|((at, left), right)| (Timestamp(at), left, *right))
            .filter(|(_, left, right)| match compare {
                Compare::Any => !is_gap(*left) || !is_gap(*right),
                Compare::Both => !is_gap(*left) && !is_gap(*right),
            })
            .collect();
        let compared = points.len();
        // A gap equals nothing, and neither does NaN, even itself.
        points.retain(|(_, left, right)| left != right);
        diffs.push(ArchiveDiff { archive, points, compared });
        until = until.min(from);
    }
    Ok(diffs)
}

/// Whether a file is kept from other writers while it is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// Others may write meanwhile.
    None,
    /// An flock, which other writers honour if they ask for one too.
    Exclusive,
}

/// Fills gaps of one file with what another holds, from the other's finest archive that reaches there. Zeros count as
/// gaps and a gap of one slot is left alone, as whisper-fill has it.
///
/// # Errors
/// A file is missing, corrupt or not writable.
pub fn fill(source: &Path, target: &Path, lock: Lock, now: Timestamp) -> Result<(), Error> {
    let (source, target) = (Whisper::open_read(source)?, Whisper::open_write(target)?);
    if lock == Lock::Exclusive {
        target.file().lock().map_err(Error::io("lock", target.path()))?;
    }
    let scratch = &mut Scratch::default();
    let mut until = now;
    for (_, located) in by_retention(&target) {
        let from = now - located.archive.retention_secs();
        if from >= until {
            continue;
        }
        let window = Window { from, until };
        if let Some(fetched) = target.fetch(scratch, window, now, Resolution::Finest)? {
            for gap in gaps(&fetched, i64::from(located.archive.step.secs())) {
                fill_gap(&source, &target, scratch, gap, now)?;
            }
        }
        until = from;
    }
    Ok(())
}

/// The stretches to be filled, in order.
fn gaps(fetched: &Fetched, archive_step_secs: i64) -> Vec<Window> {
    let step = i64::from(fetched.step.secs());
    let mut gaps = Vec::new();
    let mut began: Option<i64> = None;
    for (at, value) in timed(fetched) {
        let empty = is_gap(value) || value == 0.0;
        let Some(since) = began else {
            began = empty.then_some(at);
            continue;
        };
        let window = Window { from: Timestamp(since - step), until: Timestamp(at) };
        if !empty {
            began = None;
            if at - since > archive_step_secs {
                gaps.push(window);
            }
        } else if at == fetched.end.0 - step {
            gaps.push(window);
        }
    }
    gaps
}

fn fill_gap(
    source: &Whisper,
    target: &Whisper,
    scratch: &mut Scratch,
    gap: Window,
    now: Timestamp,
) -> Result<(), Error> {
    let mut until = gap.until;
    for (_, located) in by_retention(source) {
        let reaches = now - located.archive.retention_secs();
        if until <= reaches {
            continue;
        }
        let from = reaches.max(gap.from);
        if let Some(fetched) = source.fetch(scratch, Window { from, until }, now, Resolution::Finest)? {
            let points: Vec<_> = known_points(&fetched).into_iter().map(|(at, v)| (Timestamp(at), v)).collect();
            target.update_many(scratch, &points, now)?;
        }
        until = from;
        if from == gap.from {
            break;
        }
    }
    Ok(())
}

/// The archives with their indexes, shortest retention first.
fn by_retention(file: &Whisper) -> Vec<(usize, Located)> {
    let mut archives: Vec<(usize, Located)> = file.header().archives().iter().copied().enumerate().collect();
    archives.sort_by_key(|(_, located)| located.archive.retention_secs());
    archives
}

fn check_alike(left: &Whisper, right: &Whisper) -> Result<(), Error> {
    if left.header().archives() == right.header().archives() {
        return Ok(());
    }
    Err(Error::Unalike { left: left.path().to_owned(), right: right.path().to_owned() })
}

/// Every value with its moment.
pub(super) fn timed(fetched: &Fetched) -> impl Iterator<Item = (i64, f64)> {
    let step = i64::from(fetched.step.secs());
    (fetched.start.0..).step_by(usize::try_from(step).unwrap_or(1)).zip(fetched.values.iter().copied())
}

/// The values that are no gaps.
pub(super) fn known_points(fetched: &Fetched) -> Vec<(i64, f64)> {
    timed(fetched).filter(|(_, value)| !is_gap(*value)).collect()
}

const _: () = assert!(GAP.is_nan(), "a gap differs from every value");
