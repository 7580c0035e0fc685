//! Which stretches of time are sealed and merged together. All begin at multiples of their own length since the epoch, so
//! that nobody has to remember where they began.

use crate::error::Error;
use crate::retention::Archive;
use crate::time::{Step, Timestamp, Window};

/// The stretches of one archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spans {
    /// Seconds of a slot.
    pub step: Step,
    /// Seconds that are kept.
    pub kept_secs: i64,
    /// Slots of the finest archive in one slot of this.
    pub points: u32,
    /// Seconds that are sealed at a time.
    pub unit_secs: i64,
    /// Seconds that are merged into one segment; those sealed at a time where nothing is merged.
    pub group_secs: i64,
}

/// Slots of the finest archive that are sealed at a time at least, where its retention has so many.
const SLOTS: i64 = 360;
/// The same of a coarser archive.
const COARSE_SLOTS: i64 = 60;
/// The most slots of a merged segment: chunks of a day of ten seconds code best, and longer ones are slow to read.
const MERGED_SLOTS: i64 = 8640;
const DAY: i64 = 86_400;

impl Spans {
    /// The stretches of every archive of a retention.
    pub fn of(archives: &[Archive]) -> Vec<Spans> {
        let finest = i64::from(archives[0].step.secs());
        let mut all: Vec<Spans> = Vec::with_capacity(archives.len());
        for archive in archives {
            let (step, points) = (i64::from(archive.step.secs()), i64::from(archive.points));
            let kept_secs = archive.retention_secs();
            let unit_secs = match all.last() {
                None => aligned(step, SLOTS.min((points / 4).max(1)) * step, i64::MAX),
                // What a coarser archive is sealed from must still be there.
                Some(finer) => aligned(step, COARSE_SLOTS.min((points / 4).max(1)) * step, finer.kept_secs / 2),
            };
            let group_secs = group(step, unit_secs, kept_secs);
            all.push(Spans { step: archive.step, kept_secs, points: (step / finest) as u32, unit_secs, group_secs });
        }
        all
    }

    /// Slots that are sealed at a time.
    pub fn unit_slots(&self) -> u32 {
        (self.unit_secs / i64::from(self.step.secs())) as u32
    }

    /// Slots of a merged segment.
    pub fn group_slots(&self) -> u32 {
        (self.group_secs / i64::from(self.step.secs())) as u32
    }

    /// The start of the stretch of this length that a moment falls into.
    pub fn start(at: Timestamp, secs: i64) -> Timestamp {
        Timestamp(at.0 - at.0.rem_euclid(secs))
    }
}

/// What answers a window: the finest archive that reaches back to its start, and the slots of it. Windows and slots are those
/// of whisper's fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Covered {
    pub archive: usize,
    /// The start of the first slot.
    pub start: Timestamp,
    /// Exclusive.
    pub end: Timestamp,
    pub slots: usize,
}

impl Covered {
    /// `None` when no archive can hold any of the window.
    ///
    /// # Errors
    /// The window ends before it begins.
    pub fn of(spans: &[Spans], window: Window, now: Timestamp) -> Result<Option<Covered>, Error> {
        let Window { from, until } = window;
        if from > until {
            return Err(Error::BadWindow { from: from.0, until: until.0 });
        }
        let coarsest = spans.len() - 1;
        let oldest = now - spans[coarsest].kept_secs;
        if from > now || until < oldest {
            return Ok(None);
        }
        let (from, until) = (from.max(oldest), until.min(now));
        let archive = spans.iter().position(|spans| spans.kept_secs >= now - from).unwrap_or(coarsest);
        let step = spans[archive].step;
        let step_secs = i64::from(step.secs());
        let start = from.floor(step) + step_secs;
        let mut end = until.floor(step) + step_secs;
        if start == end {
            end = end + step_secs; // a window of no length gives the next point
        }
        let slots = usize::try_from((end - start) / step_secs).unwrap_or(0);
        Ok(Some(Covered { archive, start, end, slots }))
    }
}

/// A length of at least `wanted` seconds and, unless a step is longer, at most `most`: a part of a day where one fits.
fn aligned(step: i64, wanted: i64, most: i64) -> i64 {
    let parts = (1..=DAY / step).filter(|slots| DAY % (slots * step) == 0).map(|slots| slots * step);
    let fitting = |secs: &i64| *secs >= wanted && *secs <= 4 * wanted && *secs <= most;
    let otherwise = wanted.min(most / step * step).max(step);
    parts.into_iter().find(fitting).unwrap_or(otherwise)
}

fn group(step: i64, unit: i64, kept: i64) -> i64 {
    let most = (MERGED_SLOTS * step).min(DAY.max(kept / 12));
    let whole = if DAY % unit == 0 && most >= DAY { DAY } else { unit };
    let group = most / whole * whole;
    if group <= unit || kept < 2 * group { unit } else { group }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retention::Retention;

    fn of(text: &str) -> Vec<(i64, i64)> {
        let spans = Spans::of(Retention::parse(text).expect("a retention").archives());
        spans.iter().map(|spans| (spans.unit_secs, spans.group_secs)).collect()
    }

    #[test]
    fn an_hour_of_ten_seconds_is_sealed_and_a_day_is_merged() {
        assert_eq!(of("10s:7d,1m:30d,10m:1y"), [(3600, DAY), (3600, 2 * DAY), (43_200, 30 * DAY)]);
        assert_eq!(of("10s:6h,1m:7d,10m:1y"), [(3600, 3600), (3600, DAY), (43_200, 30 * DAY)]);
        assert_eq!(of("1s:1h"), [(360, 360)]);
        assert_eq!(of("60s:1d"), [(21_600, 21_600)]);
    }

    #[test]
    fn odd_retentions_have_stretches_that_hold_whole_slots() {
        for text in ["7s:1h,21s:1d", "1s:2", "1s:1m,1m:1h", "1h:10y", "1d:5y", "10s:60,600s:10", "13s:1y"] {
            for spans in Spans::of(Retention::parse(text).expect(text).archives()) {
                let step = i64::from(spans.step.secs());
                assert!(spans.unit_secs >= step && spans.unit_secs % step == 0, "{text}: {spans:?}");
                assert!(spans.group_secs % spans.unit_secs == 0, "{text}: {spans:?}");
                assert!(spans.group_slots() <= 65_535 && spans.unit_slots() >= 1, "{text}: {spans:?}");
            }
        }
    }
}
