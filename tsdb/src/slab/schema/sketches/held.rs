//! What is kept of series of sketches, whole: every slot of an archive, and whether anything is newer than a moment.

use super::{Sketches, Slots};
use crate::error::Error;
use crate::slab::schema::held::Counted;
use crate::slab::segment::Key;
use crate::time::Timestamp;
use std::collections::HashSet;
use std::sync::Arc;

impl Sketches {
    /// Everything that an archive of a series keeps, from twice its retention back on; `None` where there is nothing at all.
    pub fn whole(&self, key: Key, archive: usize) -> Option<Slots> {
        let spans = &self.spans[archive];
        let (first, end) = self.range(archive)?;
        let start = first.max(end - 2 * spans.kept_secs).floor(spans.step);
        let step = i64::from(spans.step.secs());
        let slots = usize::try_from((end - start + step - 1) / step).unwrap_or(0);
        let end = start + step * slots as i64;
        Some(Slots { start, end, step: spans.step, stored: self.view(key, start, end).slots(archive, start, slots) })
    }

    /// From where to where an archive or a finer one holds anything.
    fn range(&self, archive: usize) -> Option<(Timestamp, Timestamp)> {
        let state = self.state();
        let sealed =
            state.sealed[..=archive].iter().flat_map(|shelf| &shelf.parts).map(|part| (part.start(), part.end()));
        let open = state.open.keys().map(|start| (*start, *start + self.spans[0].unit_secs));
        let step = i64::from(self.spans[0].step.secs());
        let waiting = state.waiting.values().flat_map(|slots| slots.keys()).map(|slot| (*slot, *slot + step));
        sealed.chain(open).chain(waiting).reduce(|(a, b), (c, d)| (a.min(c), b.max(d)))
    }

    /// Reads every segment of an archive and counts.
    pub fn count(&self, archive: usize) -> Result<Counted, Error> {
        let sealed = Arc::clone(&self.state().sealed);
        let mut counted = Counted::default();
        for part in &sealed[archive].parts {
            counted.segments += 1;
            counted.bytes += part.segment.file_bytes();
            for key in part.segment.keys()? {
                counted.points += part.segment.read_blobs(key)?.map_or(0, |blobs| blobs.len() as u64);
            }
        }
        Ok(counted)
    }

    /// Adds the series that have a sketch at `cutoff` or later.
    ///
    /// # Errors
    /// A segment is damaged, or the system refuses.
    pub fn written_since(&self, cutoff: Timestamp, written: &mut HashSet<Key>) -> Result<(), Error> {
        let step = i64::from(self.spans[0].step.secs());
        let sealed = {
            let state = self.state();
            let is_new = |slot: Option<&Timestamp>| slot.is_some_and(|slot| *slot >= cutoff);
            let waiting = state.waiting.iter().filter(|(_, slots)| is_new(slots.keys().next_back()));
            written.extend(waiting.map(|(key, _)| *key));
            for (start, span) in &state.open {
                let newest = |slot: u16| *start + i64::from(slot) * step;
                let new = span
                    .all()
                    .into_iter()
                    .filter(|(_, places)| places.last().is_some_and(|(slot, _)| newest(*slot) >= cutoff));
                written.extend(new.map(|(key, _)| key));
            }
            Arc::clone(&state.sealed)
        };
        for (spans, shelf) in self.spans.iter().zip(sealed.iter()) {
            for part in shelf.parts.iter().filter(|part| part.end() > cutoff) {
                // Where in a wide slot nobody knows, so that its end counts.
                let end = |slot: u32| part.start() + (i64::from(slot) + 1) * i64::from(spans.step.secs());
                for key in part.segment.keys()? {
                    if written.contains(&key) {
                        continue;
                    }
                    let newest =
                        part.segment.read_blobs(key)?.and_then(|blobs| blobs.last().map(|(slot, _)| end(*slot)));
                    written.extend(newest.filter(|newest| *newest > cutoff).map(|_| key));
                }
            }
        }
        Ok(())
    }
}
