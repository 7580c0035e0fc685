//! What a schema holds of a series, whole: every archive as it would lie in a file, and whether anything is newer than a
//! moment.

use super::Schema;
use super::Slots;
use super::sealed::Part;
use super::view::{ALL_FIELDS, View};
use crate::error::Error;
use crate::gap::{GAP, is_gap};
use crate::rollup::Rollup;
use crate::slab::layout::{self, PAGE, PAGE_WORDS, WORD};
use crate::slab::segment::Key;
use crate::store::Fetched;
use crate::time::Timestamp;
use std::collections::HashSet;
use std::sync::Arc;

/// From the start of the first slot with a value to that of the last.
pub(crate) type Range = (Timestamp, Timestamp);

/// What lies in the segments of an archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub segments: u64,
    pub bytes: u64,
    /// Slots that hold a value; one that is in several segments counts in each.
    pub points: u64,
    pub range: Option<Range>,
}

/// The range that covers both.
pub(crate) fn widest(one: Option<Range>, other: Option<Range>) -> Option<Range> {
    [one, other].into_iter().flatten().reduce(|(a, b), (c, d)| (a.min(c), b.max(d)))
}

impl Schema {
    /// The newest value that an archive or a finer one has of a series, by the start of its slot.
    ///
    /// # Errors
    /// A segment is damaged, or the system refuses.
    pub fn newest_of(&self, key: Key, archive: usize) -> Result<Option<Timestamp>, Error> {
        let view = self.view(key, Timestamp(i64::MIN / 2), Timestamp(i64::MAX / 2));
        let mut newest = None;
        for (archive, spans) in self.spans.iter().enumerate().take(archive + 1) {
            let mut parts: Vec<&Arc<Part>> = view.sealed[archive].parts.iter().collect();
            parts.sort_by_key(|part| std::cmp::Reverse(part.end()));
            for part in parts {
                if newest >= Some(part.end()) {
                    break;
                }
                let Some(held) = part.segment.held_slots(key)? else { continue };
                let last = held.iter().rposition(|held| *held);
                newest = newest.max(last.map(|slot| part.start() + slot as i64 * i64::from(spans.step.secs())));
            }
        }
        let open = view.open.iter().filter(|(_, value)| !is_gap(*value)).map(|(at, _)| *at);
        let late = view.late.iter().filter(|point| usize::from(point.archive) <= archive).map(|point| point.start);
        newest = newest.max(open.chain(late).max());
        Ok(newest.max(self.newest_in_ring(key)?))
    }

    fn newest_in_ring(&self, key: Key) -> Result<Option<Timestamp>, Error> {
        let sealed_end = self.state().sealed[0].sealed_end;
        let (Some(mut at), Some(oldest)) = (self.ring.newest(), self.ring.oldest_from(sealed_end)) else {
            return Ok(None);
        };
        let mut value = [GAP];
        while at >= oldest {
            self.ring.read(key.column, at, &mut value)?;
            if !is_gap(value[0]) {
                return Ok(Some(at));
            }
            at = at - i64::from(self.spans[0].step.secs());
        }
        Ok(None)
    }

    /// Everything that an archive of a series keeps up to `newest`, from twice its retention back on.
    ///
    /// # Errors
    /// The system's. What is damaged is reported and reads as gaps.
    pub fn whole(
        &self,
        key: Key,
        archive: usize,
        newest: Timestamp,
        (rollup, x_files_factor): (Rollup, f64),
    ) -> Result<Fetched, Error> {
        let spans = &self.spans[archive];
        let step = i64::from(spans.step.secs());
        let end = newest.floor(spans.step) + step;
        let start = self.first_of(archive, (newest - 2 * spans.kept_secs).floor(spans.step) + step, end);
        let slots = usize::try_from((end - start) / step).unwrap_or(0);
        let view: View<'_> = self.view(key, start, end);
        let values = if archive == 0 {
            view.values(start, slots)?
        } else {
            let rolled = view.rolled(archive, start, slots, ALL_FIELDS)?;
            rolled.iter().map(|rolled| rolled.value(rollup, x_files_factor, spans.points)).collect()
        };
        Ok(Fetched { start, end, step: spans.step, values })
    }

    /// Where anything begins that an archive could say: most series are far younger than their retention.
    fn first_of(&self, archive: usize, from: Timestamp, end: Timestamp) -> Timestamp {
        let state = self.state();
        let parts = state.sealed[..=archive].iter().flat_map(|shelf| &shelf.parts).map(|part| part.start());
        let late = state.late.spans().map(|(_, start)| start);
        let ring = self.ring.oldest_from(None).into_iter().chain(state.open.oldest_dirty());
        let first = parts.chain(late).chain(ring).min().map_or(end, |first| first.floor(self.spans[archive].step));
        first.max(from).min(end)
    }

    /// Everything that an archive keeps of a series of sketches.
    pub fn whole_sketches(&self, key: Key, archive: usize) -> Option<Slots> {
        self.sketches.whole(key, archive)
    }

    /// The series that have a value or a sketch at `cutoff` or later.
    ///
    /// # Errors
    /// A segment is damaged, or the system refuses.
    pub fn written_since(&self, cutoff: Timestamp) -> Result<HashSet<Key>, Error> {
        let sealed = Arc::clone(&self.state().sealed);
        let mut written = HashSet::new();
        for (archive, spans) in self.spans.iter().enumerate() {
            for part in sealed[archive].parts.iter().filter(|part| part.end() > cutoff) {
                let keys = part.segment.keys()?;
                if part.start() >= cutoff {
                    written.extend(keys);
                    continue;
                }
                let first = (cutoff - part.start() + i64::from(spans.step.secs()) - 1) / i64::from(spans.step.secs());
                for key in keys.into_iter().filter(|key| !written.contains(key)).collect::<Vec<_>>() {
                    let held = part.segment.held_slots(key)?.unwrap_or_default();
                    if held.iter().skip(first as usize).any(|held| *held) {
                        written.insert(key);
                    }
                }
            }
        }
        self.in_memory_since(cutoff, &mut written);
        self.in_ring_since(cutoff, &mut written)?;
        self.sketches.written_since(cutoff, &mut written)?;
        Ok(written)
    }

    /// The series with something that may have come while [`Schema::written_since`] looked through the segments: since
    /// `cutoff` in memory, or since `looked_at` in the ring.
    ///
    /// # Errors
    /// As there.
    pub fn written_meanwhile(&self, cutoff: Timestamp, looked_at: Timestamp) -> Result<HashSet<Key>, Error> {
        let mut written = HashSet::new();
        self.in_memory_since(cutoff, &mut written);
        self.in_ring_since(looked_at, &mut written)?;
        self.sketches.written_since(looked_at, &mut written)?;
        Ok(written)
    }

    fn in_memory_since(&self, cutoff: Timestamp, written: &mut HashSet<Key>) {
        let state = self.state();
        written.extend(state.late.all().filter(|point| point.start >= cutoff).map(|point| point.key));
        for column in 0..self.ring.columns() as u32 {
            let is_open = state.open.values(column).any(|(at, value)| at >= cutoff && !is_gap(value));
            written.extend(state.columns.key(column).filter(|_| is_open));
        }
    }

    fn in_ring_since(&self, cutoff: Timestamp, written: &mut HashSet<Key>) -> Result<(), Error> {
        let columns = self.state().columns.clone();
        let (Some(oldest), Some(newest)) = (self.ring.oldest_from(Some(cutoff)), self.ring.newest()) else {
            return Ok(());
        };
        let mut values = [0; PAGE];
        let mut at = oldest;
        while at <= newest {
            for shard in 0..self.ring.shards() {
                for page in 0..layout::pages(shard) {
                    if !self.ring.page(shard, page, at, &mut values)? {
                        continue;
                    }
                    let first = layout::first_column(shard) + (page * PAGE_WORDS) as u32;
                    let held = |word: &[u8; WORD]| !is_gap(f64::from_le_bytes(*word));
                    let words = (first..).zip(values.as_chunks::<WORD>().0);
                    written.extend(words.filter(|(_, word)| held(word)).filter_map(|(column, _)| columns.key(column)));
                }
            }
            at = at + i64::from(self.spans[0].step.secs());
        }
        Ok(())
    }

    /// Reads every segment of an archive and counts.
    ///
    /// # Errors
    /// A segment is damaged, or the system refuses.
    pub fn count(&self, archive: usize) -> Result<Counted, Error> {
        let sealed = Arc::clone(&self.state().sealed);
        let step = i64::from(self.spans[archive].step.secs());
        let mut counted = Counted::default();
        for part in &sealed[archive].parts {
            counted.segments += 1;
            counted.bytes += part.segment.file_bytes();
            for key in part.segment.keys()? {
                let held = part.segment.held_slots(key)?.unwrap_or_default();
                counted.points += held.iter().filter(|held| **held).count() as u64;
                let ends = held.iter().position(|held| *held).zip(held.iter().rposition(|held| *held));
                let range =
                    ends.map(|(first, last)| (part.start() + first as i64 * step, part.start() + last as i64 * step));
                counted.range = widest(counted.range, range);
            }
        }
        Ok(counted)
    }

    /// The same of the segments of sketches, but for the range.
    ///
    /// # Errors
    /// A segment is damaged, or the system refuses.
    pub fn count_sketches(&self, archive: usize) -> Result<Counted, Error> {
        self.sketches.count(archive)
    }

    /// Columns that have a series, bytes of the ring, late points that wait.
    pub fn sizes(&self) -> (u64, u64, u64) {
        let state = self.state();
        let ring_bytes = self.ring.geometry().extent_at(self.ring.shards());
        (state.columns.len() as u64, ring_bytes, state.late.len() as u64)
    }

    /// The oldest and the newest slot with a value that no segment holds.
    ///
    /// # Errors
    /// The system's.
    pub fn range_in_ring(&self) -> Result<Option<Range>, Error> {
        let sealed_end = self.state().sealed[0].sealed_end;
        let ring = self.ring.oldest_from(sealed_end).zip(self.ring.newest());
        let state = self.state();
        let of = |range: Option<Range>, point: Timestamp| {
            Some(range.map_or((point, point), |(oldest, newest)| (oldest.min(point), newest.max(point))))
        };
        let late = state.late.all().map(|point| point.start).fold(None, of);
        Ok(widest(ring, late))
    }
}
