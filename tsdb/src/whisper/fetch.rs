//! Reading a window. The archive is chosen by how far back the window begins, and a slot counts only when it holds the
//! very interval that is expected there, so that what an older lap of the ring left behind reads as a gap.

use super::file::{POINT_BYTES, Ring, Scratch, Whisper, decode_point};
use crate::error::Error;
use crate::gap::GAP;
use crate::ring::slot;
use crate::store::Fetched;
use crate::time::{Step, Timestamp, Window};

/// Which archive to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// The finest that reaches back to the start of the window.
    Finest,
    /// The archive of this step, whether it reaches back or not; then there can be fewer values than the window has
    /// steps.
    Step(Step),
}

impl Whisper {
    pub(crate) fn fetch(
        &self,
        scratch: &mut Scratch,
        window: Window,
        now: Timestamp,
        resolution: Resolution,
    ) -> Result<Option<Fetched>, Error> {
        let Window { from, until } = window;
        if from > until {
            return Err(Error::BadWindow { from: from.0, until: until.0 });
        }
        let oldest = now - self.header().retention_secs();
        if from > now || until < oldest {
            return Ok(None);
        }
        let window = Window { from: from.max(oldest), until: until.min(now) };
        let archive = self.choose(now - window.from, resolution)?;
        self.fetch_archive(scratch, archive, window).map(Some)
    }

    fn choose(&self, age_secs: i64, resolution: Resolution) -> Result<usize, Error> {
        let archives = self.header().archives();
        match resolution {
            Resolution::Step(step) => {
                let absent = || Error::NoArchive { path: self.path.clone(), step };
                archives.iter().position(|located| located.archive.step == step).ok_or_else(absent)
            }
            Resolution::Finest => {
                let reaching = archives.iter().position(|located| located.archive.retention_secs() >= age_secs);
                Ok(reaching.unwrap_or(archives.len() - 1))
            }
        }
    }

    /// Reads one archive: from after `window.from` to `window.until`, at least one value.
    pub(super) fn fetch_archive(
        &self,
        scratch: &mut Scratch,
        archive: usize,
        window: Window,
    ) -> Result<Fetched, Error> {
        let Ring { located, base, .. } = self.ring(archive)?;
        let step = located.archive.step;
        let step_secs = i64::from(step.secs());
        let start = window.from.floor(step) + step_secs;
        let mut end = window.until.floor(step) + step_secs;
        if start == end {
            end = end + step_secs; // a window of no length gives the next point
        }
        let Some(base) = base else {
            let count = usize::try_from((end - start) / step_secs).unwrap_or(0);
            return Ok(Fetched { start, end, step, values: vec![GAP; count] });
        };
        let (first, last) = (slot(located.archive, base, start.0), slot(located.archive, base, end.0));
        self.read_slots(scratch, &located, first, last)?;
        let mut expected = start.0;
        let value = |point: &[u8; POINT_BYTES]| {
            let (interval, value) = decode_point(point);
            let value = if interval == expected { value } else { GAP };
            expected = expected.saturating_add(step_secs);
            value
        };
        let values = scratch.bytes.as_chunks::<POINT_BYTES>().0.iter().map(value).collect();
        Ok(Fetched { start, end, step, values })
    }
}
