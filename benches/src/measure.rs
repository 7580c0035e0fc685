//! Measuring: CPU time per unit of work, the least of several rounds, because noise only ever adds.

use cpu_time::ProcessTime;
use std::time::{Duration, Instant};

/// One measured workload.
pub struct Measured {
    /// `stage/what`.
    pub name: &'static str,
    /// The least and the median over the rounds, in `unit`.
    pub least: f64,
    /// See `least`.
    pub median: f64,
    /// Such as `ns/line`.
    pub unit: &'static str,
}

impl std::fmt::Display for Measured {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "bench {} {:.3} {} (median {:.3})", self.name, self.least, self.unit, self.median)
    }
}

/// How the unit of a measurement relates to a second, and its name.
#[derive(Clone, Copy)]
pub struct Unit {
    per_second: f64,
    name: &'static str,
}

/// Nanoseconds a line.
pub const NS_PER_LINE: Unit = Unit { per_second: 1e9, name: "ns/line" };
/// Nanoseconds a point.
pub const NS_PER_POINT: Unit = Unit { per_second: 1e9, name: "ns/point" };
/// Nanoseconds a series.
pub const NS_PER_SERIES: Unit = Unit { per_second: 1e9, name: "ns/series" };
/// Microseconds an update.
pub const US_PER_UPDATE: Unit = Unit { per_second: 1e6, name: "us/update" };
/// Microseconds a fetch.
pub const US_PER_FETCH: Unit = Unit { per_second: 1e6, name: "us/fetch" };
/// Milliseconds a request.
pub const MS_PER_REQUEST: Unit = Unit { per_second: 1e3, name: "ms/request" };
/// Milliseconds a picture.
pub const MS_PER_PICTURE: Unit = Unit { per_second: 1e3, name: "ms/picture" };

/// Milliseconds a flush.
pub const MS_PER_FLUSH: Unit = Unit { per_second: 1e3, name: "ms/flush" };
/// How often the bytes of the values themselves.
pub const MULTIPLE: Unit = Unit { per_second: 1.0, name: "x" };

/// Nanoseconds a sample of a sketch.
pub const NS_PER_SAMPLE: Unit = Unit { per_second: 1e9, name: "ns/sample" };
/// Microseconds a sketch.
pub const US_PER_SKETCH: Unit = Unit { per_second: 1e6, name: "us/sketch" };
/// Bytes a stored sketch.
pub const BYTES_PER_SKETCH: Unit = Unit { per_second: 1.0, name: "B/sketch" };
/// Bytes a point.
pub const BYTES_PER_POINT: Unit = Unit { per_second: 1.0, name: "B/point" };

/// Bytes a series.
pub const BYTES_PER_SERIES: Unit = Unit { per_second: 1.0, name: "B/series" };

/// Percent of one core's time.
pub const PERCENT_OF_A_CORE: Unit = Unit { per_second: 1.0, name: "% of a core" };

/// Runs `work` for `rounds` rounds and divides its CPU time by the `count` units that one round does.
pub fn measure(name: &'static str, unit: Unit, rounds: usize, count: usize, mut work: impl FnMut()) -> Measured {
    let round = || {
        let start = ProcessTime::now();
        work();
        start.elapsed()
    };
    spent(name, unit, rounds, count, round)
}

/// As [`measure`], by the clock on the wall: for work that waits for a disk.
pub fn waited(name: &'static str, unit: Unit, rounds: usize, count: usize, mut work: impl FnMut()) -> Measured {
    let round = || {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    spent(name, unit, rounds, count, round)
}

/// Figures that were counted, not timed; 0 where there are none.
pub fn given(name: &'static str, unit: Unit, mut values: Vec<f64>) -> Measured {
    values.sort_by(f64::total_cmp);
    let at = |i: usize| values.get(i).copied().unwrap_or(0.0);
    Measured { name, least: at(0), median: at(values.len() / 2), unit: unit.name }
}

fn spent(name: &'static str, unit: Unit, rounds: usize, count: usize, mut round: impl FnMut() -> Duration) -> Measured {
    assert!(rounds > 0 && count > 0, "{name}: nothing to measure");
    let mut spent: Vec<Duration> = (0..rounds).map(|_| round()).collect();
    spent.sort();
    let value = |spent: Duration| spent.as_secs_f64() * unit.per_second / count as f64;
    Measured { name, least: value(spent[0]), median: value(spent[rounds / 2]), unit: unit.name }
}
