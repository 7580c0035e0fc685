//! Reading a window of a compressed file. A coarser archive's latest points may still be on their way: they wait in the
//! buffers of the finer ones, or in a mix in the finest archive, and are rolled up here as go-whisper does when it reads.

use super::super::fetch::Resolution;
use super::Compressed;
use super::header::CompressedArchive;
use super::method::Method;
use crate::error::Error;
use crate::gap::GAP;
use crate::store::Fetched;
use crate::time::{Step, Timestamp, Window};
use std::collections::BTreeMap;

type Points = BTreeMap<i64, f64>;

impl Compressed {
    /// As a plain file's: the archive is the finest that reaches back far enough; in a mix the first of those.
    pub(crate) fn fetch(
        &self,
        window: Window,
        now: Timestamp,
        resolution: Resolution,
    ) -> Result<Option<Fetched>, Error> {
        let Window { from, until } = window;
        if from > until {
            return Err(Error::BadWindow { from: from.0, until: until.0 });
        }
        let archives = &self.header.archives;
        let longest = archives.iter().map(|described| described.archive.retention_secs()).max().unwrap_or(0);
        let oldest = now - longest;
        if from > now || until < oldest {
            return Ok(None);
        }
        let (from, until) = (from.max(oldest), until.min(now));
        let archive = match resolution {
            Resolution::Step(step) => archives
                .iter()
                .position(|described| described.archive.step == step)
                .ok_or_else(|| Error::NoArchive { path: self.path.clone(), step })?,
            Resolution::Finest => archives
                .iter()
                .position(|described| described.archive.retention_secs() >= now - from)
                .unwrap_or(archives.len() - 1),
        };
        self.fetch_archive(archive, Window { from, until }).map(Some)
    }

    fn fetch_archive(&self, archive: usize, window: Window) -> Result<Fetched, Error> {
        let described = self.header.archives[archive];
        let step = described.archive.step;
        let step_secs = i64::from(step.secs());
        // Not more than the archive keeps, whatever the window: an archive that was asked for by its step may be shorter.
        let latest = window.until.floor(step) + step_secs;
        let start = (window.from.floor(step) + step_secs).max(latest - described.archive.retention_secs());
        let end = if start == latest { latest + step_secs } else { latest };
        let count = usize::try_from((end - start) / step_secs).unwrap_or(0);
        let mut values = vec![GAP; count];
        let mut place = |at: i64, value: f64| {
            let slot = usize::try_from(at - start.0).ok().filter(|since| since % step.secs() as usize == 0);
            if let Some(slot) = slot.and_then(|since| values.get_mut(since / step.secs() as usize)) {
                *slot = value;
            }
        };
        let last = end.0 - step_secs;
        self.stored(archive, start.0, last, &mut place)?;
        self.archived[archive].buffer.iter().for_each(|(at, value)| place(*at, *value));
        let pending = match described.method {
            Some(method) => self.pending_in_mix(archive, &described, method, start.0, end.0)?,
            None => self.pending(archive)?,
        };
        pending.into_iter().for_each(|(at, value)| place(at, value));
        Ok(Fetched { start, end, step, values })
    }

    /// What the buffers of the finer archives hold for this one, rolled up archive by archive.
    fn pending(&self, archive: usize) -> Result<Points, Error> {
        let mut pending = Points::new();
        for (i, pair) in self.header.archives[..=archive].windows(2).enumerate() {
            let (fine, coarse) = (pair[0].archive.step, pair[1].archive.step);
            let waiting: Points = self.archived[i].buffer.iter().copied().chain(pending).collect();
            let (Some((first, _)), Some((last, _))) = (waiting.first_key_value(), waiting.last_key_value()) else {
                pending = Points::new();
                continue;
            };
            let from = Timestamp(*first).floor(coarse).0;
            let until = Timestamp(*last).floor(coarse).0 + i64::from(coarse.secs() - fine.secs());
            let mut points = Points::new();
            self.stored(i, from, until, |at, value| points.extend([(at, value)]))?;
            points.extend(waiting);
            let slots = coarse.secs() / fine.secs();
            let enough = |known: usize| known as f32 / slots as f32 >= self.header.x_files_factor;
            pending = roll_up(&points, coarse, self.header.method, enough);
        }
        Ok(pending)
    }

    /// What the finest archive holds that came after the last point of this one. Its last step counts also while it is
    /// incomplete.
    fn pending_in_mix(
        &self,
        archive: usize,
        described: &CompressedArchive,
        method: Method,
        start: i64,
        end: i64,
    ) -> Result<Points, Error> {
        let (fine, coarse) = (self.header.archives[0].archive.step, described.archive.step);
        let reached = self.archived[archive].blocks.iter().map(|block| i64::from(block.end)).max().unwrap_or(0);
        let from = if reached == 0 { start } else { start.max(reached + i64::from(coarse.secs())) };
        let mut points = Points::new();
        if from < end {
            self.stored(0, from, end - 1, |at, value| points.extend([(at, value)]))?;
        }
        let slots = coarse.secs() / fine.secs();
        let enough = |known: usize| known as f32 / slots as f32 >= self.header.x_files_factor;
        let mut pending = roll_up(&points, coarse, method, enough);
        if let Some((last, _)) = points.last_key_value() {
            let step = Timestamp(*last).floor(coarse).0;
            let values: Vec<f64> = points.range(step..).map(|(_, value)| *value).collect();
            pending.extend(method.apply(&values).map(|value| (step, value)));
        }
        Ok(pending)
    }
}

fn roll_up(points: &Points, coarse: Step, method: Method, enough: impl Fn(usize) -> bool) -> Points {
    let points: Vec<(i64, f64)> = points.iter().map(|(at, value)| (Timestamp(*at).floor(coarse).0, *value)).collect();
    let steps = points.chunk_by(|one, next| one.0 == next.0).filter(|step| enough(step.len()));
    let value = |step: &[(i64, f64)]| {
        let values: Vec<f64> = step.iter().map(|(_, value)| *value).collect();
        Some((step[0].0, method.apply(&values)?))
    };
    steps.filter_map(value).collect()
}
