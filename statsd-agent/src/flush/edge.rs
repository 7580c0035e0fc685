//! When the flush edges are, and what date their points carry.

use crate::config::Align;

/// The edges of one agent.
pub struct Edges {
    align: Align,
    interval_ms: u64,
    start_ms: u64,
    taken_until_ms: u64,
}

impl Edges {
    /// Edges of an agent that starts now. An agent before it has flushed until `taken_until_ms`, so on the wall clock the
    /// first edge comes after that: a restart within an interval must not write over what the stop saved of it.
    pub fn new(align: Align, interval_ms: u64, now_ms: u64, taken_until_ms: u64) -> Edges {
        // statsd aligns to its start in whole seconds, rounded half up.
        Edges { align, interval_ms, start_ms: (now_ms + 500) / 1000 * 1000, taken_until_ms }
    }

    /// Another interval from now on; the start that it is counted from stays.
    pub fn set_interval(&mut self, interval_ms: u64) {
        self.interval_ms = interval_ms;
    }

    /// The next edge after this moment.
    pub fn after(&self, now_ms: u64) -> u64 {
        match self.align {
            Align::WallClock => (now_ms.max(self.taken_until_ms) / self.interval_ms + 1) * self.interval_ms,
            Align::ProcessStart => {
                // Rounded as statsd does, so that the first edge is half to one and a half intervals away.
                let passed = now_ms.saturating_sub(self.start_ms);
                self.start_ms + ((passed + self.interval_ms / 2) / self.interval_ms + 1) * self.interval_ms
            }
        }
    }

    /// The date of a flush for `edge_ms` that happens now. On the wall clock it is the end of the interval, also of one
    /// that a stop cut short, so that a restart within it does not write over the interval before.
    pub fn date_secs(&self, edge_ms: u64, now_ms: u64) -> i64 {
        let ms = match self.align {
            Align::WallClock => edge_ms,
            Align::ProcessStart => now_ms,
        };
        i64::try_from((ms + 500) / 1000).unwrap_or(i64::MAX)
    }

    /// The last edge at or before this moment, and how many after `edge_ms` passed: a flush that is late covers them all.
    pub fn catch_up(&self, edge_ms: u64, now_ms: u64) -> (u64, u64) {
        let passed = now_ms.saturating_sub(edge_ms) / self.interval_ms;
        (edge_ms + passed * self.interval_ms, passed)
    }

    /// Whether the clock was set back so far that the edge waited for lies beyond what this moment gives.
    pub fn is_lost(&self, edge_ms: u64, now_ms: u64) -> bool {
        edge_ms > now_ms.max(self.taken_until_ms) + self.interval_ms * 2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_after_the_start_as_statsd() {
        let edges = Edges::new(Align::ProcessStart, 10_000, 5_400, 0);
        assert_eq!(edges.after(5_400), 15_000);
        assert_eq!(edges.after(15_000), 25_000);
        assert_eq!(edges.after(15_003), 25_000);
        assert_eq!(edges.date_secs(15_000, 15_500), 16, "rounded half up");
        let half = Edges::new(Align::ProcessStart, 500, 1_900, 0);
        assert_eq!(half.after(2_500), 3_000);
    }

    #[test]
    fn edges_on_the_wall_clock() {
        let edges = Edges::new(Align::WallClock, 10_000, 5_400, 0);
        assert_eq!(edges.after(5_400), 10_000);
        assert_eq!(edges.after(10_000), 20_000);
        assert_eq!(edges.date_secs(20_000, 20_700), 20);
        assert_eq!(edges.catch_up(20_000, 45_000), (40_000, 2));
        let again = Edges::new(Align::WallClock, 10_000, 5_400, 10_000);
        assert_eq!(again.after(5_400), 20_000, "the interval until 10,000 is taken");
        assert_eq!(again.after(20_000), 30_000);
        assert!(edges.is_lost(20_000_000, 45_000) && !edges.is_lost(50_000, 45_000));
    }
}
