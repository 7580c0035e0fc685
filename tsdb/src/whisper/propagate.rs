//! Propagation: after a write, the coarser archive's point is made anew from the finer archive's slots. It happens at
//! every write, so that the current, partial step is visible early; a later write overwrites it.

use super::file::{POINT_BYTES, Ring, Scratch, Whisper, decode_point};
use crate::error::Error;
use crate::gap::GAP;
use crate::ring::slot;
use crate::time::Timestamp;

impl Whisper {
    /// Rolls the step of `lower` that holds `at` up from `higher`. False when too few of its points are known; then no
    /// coarser archive is touched either.
    pub(super) fn propagate(
        &self,
        scratch: &mut Scratch,
        at: i64,
        higher: &Ring,
        lower: &mut Ring,
    ) -> Result<bool, Error> {
        let start = Timestamp(at).floor(lower.located.archive.step).0;
        self.read_step(scratch, start, higher, lower)?;
        let values = &scratch.values;
        let known = values.iter().filter(|value| !crate::gap::is_gap(**value)).count();
        // Divided and compared as the original does, not multiplied out: the last bit decides at the boundary.
        if known == 0 || (known as f64 / values.len() as f64) < self.header().x_files_factor() {
            return Ok(false);
        }
        let Some(value) = self.header().rollup.apply(values) else { return Ok(false) };
        let Ok(interval) = u32::try_from(start) else { return Ok(false) };
        self.write_point(lower, interval, value)?;
        Ok(true)
    }

    /// The values of `higher` inside the step of `lower` that begins at `start`, into `scratch.values`; gaps where a
    /// slot holds another lap of the ring.
    fn read_step(&self, scratch: &mut Scratch, start: i64, higher: &Ring, lower: &Ring) -> Result<(), Error> {
        let ring = higher.located.archive;
        let first = higher.base.map_or(0, |base| slot(ring, base, start));
        let count = lower.located.archive.step.secs() / ring.step.secs();
        let end = (u64::from(first) + u64::from(count)) % u64::from(ring.points);
        self.read_slots(
            scratch,
            &higher.located,
            first,
            u32::try_from(end).expect("less than the points of the ring"),
        )?;
        let Scratch { bytes, values } = scratch;
        values.clear();
        let mut expected = start;
        for point in bytes.as_chunks::<POINT_BYTES>().0 {
            let (interval, value) = decode_point(point);
            values.push(if interval == expected { value } else { GAP });
            expected += i64::from(ring.step.secs());
        }
        Ok(())
    }
}
