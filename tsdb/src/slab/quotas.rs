//! Quotas: how many series may begin with a prefix, and how many may begin in a second. Those beyond the first are refused
//! and counted; those beyond the second wait, and their points with them.

use crate::catalogue::SeriesId;
use crate::sketch::Sketch;
use crate::store::Point;
use crate::time::Timestamp;

/// A bound on the series whose names begin with a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The beginning of the names; empty means every name.
    pub prefix: String,
    /// Series that may be there at once.
    pub series: u32,
}

/// The bounds, and how far each is used.
pub(super) struct Quotas {
    quotas: Vec<(Quota, u32)>,
    /// Series that may begin in a second.
    creates_per_second: Option<u32>,
    /// Those that may begin now, and when that was reckoned.
    ready: u32,
    reckoned_at: Timestamp,
    /// Points of series that wait, in the order in which they came.
    waiting: Vec<Point>,
    /// The same of sketches.
    waiting_sketches: Vec<WaitingSketch>,
    /// What the sketches take, in points of eight bytes.
    sketch_points: usize,
    /// Points that may wait, sketches included.
    waiting_most: usize,
}

/// A sketch of a series that waits.
pub(super) struct WaitingSketch {
    pub series: SeriesId,
    pub at: Timestamp,
    pub sketch: Sketch,
}

impl Quotas {
    pub fn new(quotas: Vec<Quota>, creates_per_second: Option<u32>, waiting_most: usize) -> Quotas {
        let quotas = quotas.into_iter().map(|quota| (quota, 0)).collect();
        Quotas {
            quotas,
            creates_per_second,
            ready: 0,
            reckoned_at: Timestamp(i64::MIN),
            waiting: Vec::new(),
            waiting_sketches: Vec::new(),
            sketch_points: 0,
            waiting_most,
        }
    }

    /// Whether every series is let in, so that none has to be looked at.
    pub fn is_unbounded(&self) -> bool {
        self.quotas.is_empty()
    }

    /// Counts a series that is there, whether it fits or not.
    pub fn count(&mut self, name: &str) {
        self.quotas.iter_mut().filter(|(quota, _)| name.starts_with(&quota.prefix)).for_each(|(_, used)| *used += 1);
    }

    /// A series has ended.
    pub fn uncount(&mut self, name: &str) {
        let matching = self.quotas.iter_mut().filter(|(quota, _)| name.starts_with(&quota.prefix));
        matching.for_each(|(_, used)| *used = used.saturating_sub(1));
    }

    /// Counts a new series if every quota has room for it.
    pub fn admit(&mut self, name: &str) -> bool {
        let is_full = |(quota, used): &(Quota, u32)| name.starts_with(&quota.prefix) && *used >= quota.series;
        let admitted = !self.quotas.iter().any(is_full);
        if admitted {
            self.count(name);
        }
        admitted
    }

    /// How many of these new series may begin now.
    pub fn begin(&mut self, wanted: usize, now: Timestamp) -> usize {
        let Some(rate) = self.creates_per_second else { return wanted };
        if now != self.reckoned_at {
            // Nobody saves up: a second of silence is no leave for twice as many.
            (self.ready, self.reckoned_at) = (rate, now);
        }
        let begun = wanted.min(self.ready as usize);
        self.ready -= begun as u32;
        begun
    }

    /// Keeps a point of a series that waits; false when there is no room for it.
    pub fn wait(&mut self, point: Point) -> bool {
        let has_room = self.waiting.len() + self.sketch_points < self.waiting_most;
        if has_room {
            self.waiting.push(point);
        }
        has_room
    }

    /// Keeps a sketch of a series that waits; `stored` is how many bytes it would have on the disk. False when there is no room.
    pub fn wait_with_sketch(&mut self, waiting: WaitingSketch, stored: usize) -> bool {
        let points = stored.div_ceil(8).max(1);
        let has_room = self.waiting.len() + self.sketch_points + points <= self.waiting_most;
        if has_room {
            self.sketch_points += points;
            self.waiting_sketches.push(waiting);
        }
        has_room
    }

    /// The sketches that wait, to be written first.
    pub fn take_waiting_sketches(&mut self) -> Vec<WaitingSketch> {
        self.sketch_points = 0;
        std::mem::take(&mut self.waiting_sketches)
    }

    /// Sketches that wait.
    pub fn waiting_sketches(&self) -> usize {
        self.waiting_sketches.len()
    }

    /// The points that wait, to be written first.
    pub fn take_waiting(&mut self) -> Vec<Point> {
        std::mem::take(&mut self.waiting)
    }

    /// The series of the points and sketches that wait.
    pub fn waiting_series(&self) -> impl Iterator<Item = SeriesId> + '_ {
        let of_sketches = self.waiting_sketches.iter().map(|waiting| waiting.series);
        self.waiting.iter().map(|point| point.series).chain(of_sketches)
    }

    /// Points that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_has_its_room_and_others_have_theirs() {
        let quota = |prefix: &str, series| Quota { prefix: prefix.to_owned(), series };
        let mut quotas = Quotas::new(vec![quota("a.", 2), quota("", 3)], None, 0);
        assert!(quotas.admit("a.x") && quotas.admit("a.y") && !quotas.admit("a.z"));
        assert!(quotas.admit("b.x") && !quotas.admit("b.y"));
        quotas.uncount("a.x");
        assert!(quotas.admit("a.z") && !quotas.admit("c"));
        assert!(!quotas.is_unbounded());
    }

    #[test]
    fn so_many_begin_in_a_second_and_no_more() {
        let mut quotas = Quotas::new(Vec::new(), Some(10), 0);
        assert_eq!([7, 7, 7].map(|wanted| quotas.begin(wanted, Timestamp(100))), [7, 3, 0]);
        assert_eq!(quotas.begin(50, Timestamp(109)), 10);
        assert_eq!(Quotas::new(Vec::new(), None, 0).begin(50, Timestamp(1)), 50);
    }
}
