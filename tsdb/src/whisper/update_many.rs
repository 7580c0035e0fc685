//! Many points at once. Whisper spreads them over the archives by age, writes each archive's points in runs of
//! consecutive steps, and rolls up the steps that they touch, in the order of a Python set.

use super::file::{Ring, Scratch, Whisper, encode_point, u32_of};
use super::header::Located;
use super::set_order::python_set_order;
use crate::error::Error;
use crate::ring::slot;
use crate::time::Timestamp;

/// What to do with a run of points that is longer than its archive, which only points in the future can make.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overrun {
    /// Write on past the archive's end, as whisper does: the next archive is damaged.
    AsWhisper,
    /// Leave out the oldest.
    Clip,
}

impl Whisper {
    /// As whisper's `update_many`, order of ties included.
    pub(crate) fn update_many(
        &self,
        scratch: &mut Scratch,
        points: &[(Timestamp, f64)],
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut newest_first: Vec<(i64, f64)> = points.iter().map(|(at, value)| (at.0, *value)).collect();
        newest_first.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        let archives = self.header().archives();
        let mut archive = 0;
        let mut fitting: Vec<(i64, f64)> = Vec::new();
        'points: for point in newest_first {
            while archives[archive].archive.retention_secs() < now.0.saturating_sub(point.0) {
                fitting.reverse();
                self.write_archive(scratch, archive, &fitting, Overrun::AsWhisper)?;
                fitting.clear();
                archive += 1;
                if archive == archives.len() {
                    break 'points; // the rest is older than all archives
                }
            }
            fitting.push(point);
        }
        if archive < archives.len() {
            fitting.reverse();
            self.write_archive(scratch, archive, &fitting, Overrun::AsWhisper)?;
        }
        Ok(())
    }

    /// Writes points, oldest first, to one archive and rolls them up into the coarser ones. Of points that follow each
    /// other in one slot the last is kept.
    pub(crate) fn write_archive(
        &self,
        scratch: &mut Scratch,
        archive: usize,
        points: &[(i64, f64)],
        overrun: Overrun,
    ) -> Result<(), Error> {
        let archives = self.header().archives();
        let step = archives[archive].archive.step;
        let aligned = points.iter().map(|(at, value)| (Timestamp(*at).floor(step).0, *value));
        // Moments that the format cannot hold would stop the original with an exception.
        let aligned: Vec<(i64, f64)> = aligned.filter(|(at, _)| u32_of(*at).is_some()).collect();
        if aligned.is_empty() {
            return Ok(());
        }
        let mut higher = self.ring(archive)?;
        self.write_runs(&mut higher, &aligned, overrun)?;
        for lower in (0..archives.len()).filter(|i| archives[*i].archive.step > step) {
            let mut lower = self.ring(lower)?;
            let step = lower.located.archive.step;
            let steps = python_set_order(aligned.iter().map(|(at, _)| Timestamp(*at).floor(step).0));
            let mut further = false;
            for at in steps {
                further |= self.propagate(scratch, at, &higher, &mut lower)?;
            }
            if !further {
                break;
            }
            higher = lower;
        }
        Ok(())
    }

    fn write_runs(&self, ring: &mut Ring, aligned: &[(i64, f64)], overrun: Overrun) -> Result<(), Error> {
        for run in runs(aligned, i64::from(ring.located.archive.step.secs())) {
            let base = *ring.base.get_or_insert(run.start);
            self.write_run(&ring.located, base, &run, overrun)?;
        }
        // A run may have come round to its own base, and one that was too long to the next archive's.
        *ring = self.ring_anew(ring.index)?;
        Ok(())
    }

    fn write_run(&self, located: &Located, base: i64, run: &Run, overrun: Overrun) -> Result<(), Error> {
        let (mut start, mut bytes) = (run.start, run.bytes.as_slice());
        let size = usize::try_from(located.size_bytes()).unwrap_or(usize::MAX);
        if overrun == Overrun::Clip && bytes.len() > size {
            let skipped = bytes.len() - size;
            start += (skipped / super::POINT_BYTES) as i64 * i64::from(located.archive.step.secs());
            bytes = &bytes[skipped..];
        }
        let offset = located.at(slot(located.archive, base, start));
        let to_end = usize::try_from(located.end() - offset).unwrap_or(usize::MAX);
        let (head, tail) = bytes.split_at(bytes.len().min(to_end));
        self.write_all(head, offset)?;
        if tail.is_empty() { Ok(()) } else { self.write_all(tail, located.offset) }
    }
}

/// Points of consecutive steps, packed.
struct Run {
    start: i64,
    bytes: Vec<u8>,
}

fn runs(aligned: &[(i64, f64)], step: i64) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut previous = 0;
    for (i, (at, value)) in aligned.iter().enumerate() {
        if aligned.get(i + 1).is_some_and(|(next, _)| next == at) {
            continue; // the last of a slot is kept
        }
        let stored = u32_of(*at).expect("filtered by write_archive");
        match runs.last_mut() {
            // The original takes a previous interval of 0 for none.
            Some(run) if previous == 0 || *at == previous + step => {
                run.bytes.extend(encode_point(stored, *value));
                run.start = *at - step * (run.bytes.len() / super::POINT_BYTES - 1) as i64;
            }
            _ => runs.push(Run { start: *at, bytes: encode_point(stored, *value).to_vec() }),
        }
        previous = *at;
    }
    runs
}
