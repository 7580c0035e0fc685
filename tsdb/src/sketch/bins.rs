//! The bins of one sign: counts side by side over a window of keys, which grows to what is met, up to a limit. Beyond the limit
//! the lowest bins become one, so that the highest quantiles stay exact to the accuracy.
//!
//! What is joined depends on the highest key alone, not on the order of coming: the lowest bin holds all that lies
//! `limit - 1` keys or more below the highest.

/// Windows grow by whole chunks, so that few values move them.
const CHUNK: usize = 32;

/// Counts by key; 8 bytes a key between the lowest and the highest that were met.
#[derive(Clone, Debug, Default)]
pub(super) struct Bins {
    first: i32,
    counts: Vec<u64>,
}

impl Bins {
    /// Adds to the bin of a key. No allocation where the window covers the key.
    #[inline]
    pub fn add(&mut self, key: i32, units: u64, limit: usize) {
        // Below the window the difference is negative, which is beyond it as an unsigned number.
        let at = key.wrapping_sub(self.first) as u32 as usize;
        match self.counts.get_mut(at) {
            Some(count) => *count = count.saturating_add(units),
            None => self.add_outside(key, units, limit),
        }
    }

    /// Makes room for these keys and all between.
    pub fn expect(&mut self, low: i32, high: i32, limit: usize) {
        self.cover(low, high, limit);
    }

    /// Adds all of the other's.
    pub fn merge(&mut self, other: &Bins, limit: usize) {
        let Some((low, high)) = other.range() else { return };
        self.cover(low, high, limit);
        let used = other.used();
        let (joined, rest) = used.split_at(((self.first - low).max(0) as usize).min(used.len()));
        let lowest = joined.iter().fold(0, |sum: u64, &count| sum.saturating_add(count));
        self.counts[0] = self.counts[0].saturating_add(lowest);
        let at = (low - self.first).max(0) as usize;
        for (count, &more) in self.counts[at..].iter_mut().zip(rest) {
            *count = count.saturating_add(more);
        }
    }

    /// Key and count of every bin that is not empty, from the lowest on.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (i32, u64)> + Clone {
        let keyed = self.counts.iter().enumerate().map(|(at, &count)| (self.first + at as i32, count));
        keyed.filter(|&(_, count)| count > 0)
    }

    /// All counts together.
    pub fn total(&self) -> u128 {
        // In halves, of which as many as there are bins cannot overflow, so that the loop runs in vector registers.
        let add = |(low, high): (u64, u64), count: &u64| (low + (count & 0xffff_ffff), high + (count >> 32));
        let (low, high) = self.counts.iter().fold((0, 0), add);
        u128::from(low) + (u128::from(high) << 32)
    }

    pub fn is_empty(&self) -> bool {
        self.counts.iter().all(|&count| count == 0)
    }

    /// Empties the bins and keeps their room.
    pub fn clear(&mut self) {
        self.counts.fill(0);
    }

    /// Counts side by side from a key on; `None` where the last has no key.
    pub fn of(first: i32, counts: Vec<u64>) -> Option<Bins> {
        i32::try_from(counts.len()).ok().and_then(|width| first.checked_add(width))?;
        Some(Bins { first, counts })
    }

    /// The lowest and the highest key of a count.
    pub fn range(&self) -> Option<(i32, i32)> {
        let low = self.counts.iter().position(|&count| count > 0)?;
        let high = self.counts.iter().rposition(|&count| count > 0)?;
        Some((self.first + low as i32, self.first + high as i32))
    }

    /// The counts between them.
    fn used(&self) -> &[u64] {
        match self.range() {
            Some((low, high)) => &self.counts[(low - self.first) as usize..=(high - self.first) as usize],
            None => &[],
        }
    }

    #[cold]
    fn add_outside(&mut self, key: i32, units: u64, limit: usize) {
        // A window at its limit does not move down, and low values may come by the thousand.
        let stuck = self.counts.len() == limit && self.counts.last().is_some_and(|&highest| highest > 0);
        if !(stuck && key < self.first) {
            self.cover(key, key, limit);
        }
        let at = (key - self.first).max(0) as usize;
        self.counts[at] = self.counts[at].saturating_add(units);
    }

    /// Makes a window over these keys and those that have counts; beyond the limit it ends at the highest.
    fn cover(&mut self, low: i32, high: i32, limit: usize) {
        let (low, high) = self.range().map_or((low, high), |(lowest, highest)| (low.min(lowest), high.max(highest)));
        let low = low.max(high - (limit as i32 - 1));
        let width = self.counts.len();
        if low >= self.first && ((high - self.first) as usize) < width && width <= limit {
            return;
        }
        let span = (high - low + 1) as usize;
        let width = span.next_multiple_of(CHUNK).max(width).min(limit);
        let first = low - (width - span) as i32 / 2;
        let mut counts = vec![0u64; width];
        for (key, count) in self.iter() {
            let at = (key - first).max(0) as usize;
            counts[at] = counts[at].saturating_add(count);
        }
        (self.first, self.counts) = (first, counts);
    }
}

/// Alike in what they count, whatever their windows.
impl PartialEq for Bins {
    fn eq(&self, other: &Bins) -> bool {
        self.range() == other.range() && self.used() == other.used()
    }
}
