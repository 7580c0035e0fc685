//! The statistics of a timer, with statsd's arithmetic in statsd's order of operations, so that results agree to the bit.

use crate::config::TimerStatistics;
use crate::wire::number;

/// One entry of statsd's `percentThreshold`; a negative one means the top of the values.
#[derive(Clone, Debug, PartialEq)]
pub struct Percentile {
    percent: f64,
    suffix: String,
}

impl Percentile {
    /// Reads the entry as JavaScript prints it: `99.9` is named `99_9`, `-10` is named `top10`. `None` unless it is a
    /// finite number.
    pub fn parse(text: &str) -> Option<Percentile> {
        let percent = number::js(text.as_bytes()).filter(|percent| percent.is_finite())?;
        Some(Percentile { percent, suffix: text.replacen('.', "_", 1).replacen('-', "top", 1) })
    }

    /// As the leaves of sketches have it; `None` where it is finer than they have any.
    pub fn of_sketches(&self) -> Option<tsdb::sketch::Percentile> {
        tsdb::sketch::Percentile::parse(&self.percent.to_string())
    }
}

/// Histogram bins for the timers whose name contains a text.
#[derive(Clone, Debug)]
pub struct Histogram {
    /// The text; empty means every timer.
    pub part_of_name: String,
    /// Bins in order; none means that these timers have no histogram.
    pub bins: Vec<Bin>,
}

/// One bin: the values below its limit that no earlier bin counted.
#[derive(Clone, Debug)]
pub struct Bin {
    below: Option<f64>,
    name: String,
}

impl Bin {
    /// Reads a limit as JavaScript prints it; `inf` takes all the rest. `None` for anything but a number.
    pub fn parse(text: &str) -> Option<Bin> {
        let name = format!("histogram.bin_{}", text.replacen('.', "_", 1));
        if text == "inf" {
            return Some(Bin { below: None, name });
        }
        number::js(text.as_bytes()).map(|limit| Bin { below: Some(limit), name })
    }
}

/// Which statistics there are, numbered, so that names and stored ids are looked up by number.
pub struct Statistics {
    percentiles: Vec<Percentile>,
    histograms: Vec<(String, Vec<Bin>, u32)>,
    names: Vec<String>,
    kept: Vec<bool>,
}

/// The statistics that every timer has, after those of the percentiles.
const WHOLE: [&str; 9] = ["std", "upper", "lower", "count", "count_ps", "sum", "sum_squares", "mean", "median"];
/// Results for each percentile.
const PARTS: u32 = 5;

impl Statistics {
    /// Numbers the statistics of a configuration.
    pub fn new(settings: &TimerStatistics) -> Statistics {
        let mut statistics =
            Statistics { percentiles: Vec::new(), histograms: Vec::new(), names: Vec::new(), kept: Vec::new() };
        let only = &settings.only;
        for percentile in &settings.percentiles {
            // statsd's results are keyed by name, so that a repeated percentile appears once.
            if statistics.percentiles.iter().any(|known| known.suffix == percentile.suffix) {
                continue;
            }
            let bound = if percentile.percent > 0.0 { "upper" } else { "lower" };
            for part in ["count", "mean", bound, "sum", "sum_squares"] {
                let name = format!("{part}_{}", percentile.suffix);
                // statsd forgets fractional percentiles here (`upper_99_9` never matches `upper_percent`); the exact name
                // is accepted as well.
                let kept = only.is_empty() || only.contains(&name) || only.contains(&format!("{part}_percent"));
                statistics.push(name, kept);
            }
            statistics.percentiles.push(percentile.clone());
        }
        for name in WHOLE {
            statistics.push(name.into(), only.is_empty() || only.iter().any(|wanted| wanted == name));
        }
        let kept = only.is_empty() || only.iter().any(|wanted| wanted == "histogram");
        for histogram in &settings.histograms {
            let first = statistics.names.len() as u32;
            for bin in &histogram.bins {
                statistics.push(bin.name.clone(), kept);
            }
            statistics.histograms.push((histogram.part_of_name.clone(), histogram.bins.clone(), first));
        }
        statistics
    }

    /// The names in order of their numbers.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Puts out the statistics of a timer that had no sample, the count last, as statsd does.
    pub fn idle(&self, mut put: impl FnMut(u32, f64)) {
        let whole = self.percentiles.len() as u32 * PARTS;
        for number in [whole + 4, whole + 3] {
            if self.kept[number as usize] {
                put(number, 0.0);
            }
        }
    }

    /// Puts out the statistics of at least one value. `values` is sorted here; `weight` is the sum of 1/rate.
    pub fn of(&self, name: &str, values: &mut [f64], weight: f64, interval_secs: f64, mut put: impl FnMut(u32, f64)) {
        assert!(!values.is_empty(), "a timer without values is idle");
        values.sort_unstable_by(f64::total_cmp);
        let mut put = |number: u32, value: f64| {
            if self.kept[number as usize] {
                put(number, value);
            }
        };
        let sums = Sums::up_to_each_percentile(values, &self.percentiles);
        for (i, (percentile, part)) in self.percentiles.iter().zip(&sums.parts).enumerate() {
            let Some(part) = part.of(percentile, values, &sums) else { continue };
            for (number, value) in (i as u32 * PARTS..).zip(part) {
                put(number, value);
            }
        }
        let n = values.len() as f64;
        let mean = sums.sum / n;
        let squares_off = values.iter().fold(0.0, |sum, value| sum + (value - mean) * (value - mean));
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            0 => (values[middle - 1] + values[middle]) / 2.0,
            _ => values[middle],
        };
        let (lower, upper) = (values[0], values[values.len() - 1]);
        let whole = [
            (squares_off / n).sqrt(),
            upper,
            lower,
            weight,
            weight / interval_secs,
            sums.sum,
            sums.squares,
            mean,
            median,
        ];
        for (number, value) in (self.percentiles.len() as u32 * PARTS..).zip(whole) {
            put(number, value);
        }
        self.bins(name, values, put);
    }

    /// Whether the number is that of a histogram's bin.
    pub fn is_bin(&self, number: u32) -> bool {
        number as usize >= self.percentiles.len() * PARTS as usize + WHOLE.len()
    }

    /// Puts out the bins alone; `values` is sorted here if there are any.
    pub fn bins_of(&self, name: &str, values: &mut [f64], mut put: impl FnMut(u32, f64)) {
        if !values.is_empty() && self.histograms.iter().any(|(part, bins, _)| name.contains(part) && !bins.is_empty()) {
            values.sort_unstable_by(f64::total_cmp);
            self.bins(name, values, |number, value| {
                if self.kept[number as usize] {
                    put(number, value);
                }
            });
        }
    }

    fn bins(&self, name: &str, values: &[f64], mut put: impl FnMut(u32, f64)) {
        let Some((_, bins, first)) = self.histograms.iter().find(|(part, ..)| name.contains(part)) else { return };
        let mut rest = values;
        for (number, bin) in (*first..).zip(bins) {
            let below =
                rest.iter().position(|&value| bin.below.is_some_and(|limit| value >= limit)).unwrap_or(rest.len());
            put(number, below as f64);
            rest = &rest[below..];
        }
    }

    fn push(&mut self, name: String, kept: bool) {
        self.names.push(name);
        self.kept.push(kept);
    }
}

/// Sums over the sorted values, and what they were at the ranks that the percentiles ask for. statsd adds in sorted order,
/// and floats do not add up alike in another.
struct Sums {
    sum: f64,
    squares: f64,
    parts: Vec<Part>,
}

/// One percentile's share of the values: how many it takes, and the sums up to the rank that it reads.
#[derive(Clone, Copy)]
struct Part {
    taken: usize,
    rank: usize,
    sum: f64,
    squares: f64,
}

impl Sums {
    fn up_to_each_percentile(values: &[f64], percentiles: &[Percentile]) -> Sums {
        let mut parts: Vec<Part> = percentiles.iter().map(|percentile| Part::new(percentile, values.len())).collect();
        let (mut sum, mut squares) = (0.0, 0.0);
        for (i, value) in values.iter().enumerate() {
            // The first value is taken, not added to zero, which would turn -0 into 0.
            (sum, squares) = if i == 0 { (*value, value * value) } else { (value + sum, value * value + squares) };
            for part in parts.iter_mut().filter(|part| part.rank == i + 1) {
                (part.sum, part.squares) = (sum, squares);
            }
        }
        Sums { sum, squares, parts }
    }
}

impl Part {
    fn new(percentile: &Percentile, count: usize) -> Part {
        // Half up. Beyond 100 % statsd reads past the values and prints NaN; here all values are taken.
        let taken = match count {
            1 => 1,
            _ => ((percentile.percent.abs() / 100.0 * count as f64).round() as usize).min(count),
        };
        let rank = if percentile.percent > 0.0 { taken } else { count - taken };
        Part { taken, rank, sum: 0.0, squares: 0.0 }
    }

    /// Count, mean, bound, sum and sum of squares; `None` when the percentile takes no value. The top of all values is
    /// their whole sum, where statsd reads before the first and prints NaN.
    fn of(&self, percentile: &Percentile, values: &[f64], all: &Sums) -> Option<[f64; 5]> {
        if self.taken == 0 {
            return None;
        }
        let (bound, sum, squares) = if percentile.percent > 0.0 || values.len() == 1 {
            (values[self.taken - 1], self.sum_or(all.sum), self.squares_or(all.squares))
        } else {
            let first = values.len() - self.taken;
            if first == 0 {
                (values[0], all.sum, all.squares)
            } else {
                (values[first], all.sum - self.sum, all.squares - self.squares)
            }
        };
        Some([self.taken as f64, sum / self.taken as f64, bound, sum, squares])
    }

    /// A single value is its own sum at any percentile, also at one that reads no rank.
    fn sum_or(&self, all: f64) -> f64 {
        if self.rank == 0 { all } else { self.sum }
    }

    fn squares_or(&self, all: f64) -> f64 {
        if self.rank == 0 { all } else { self.squares }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(percentiles: &[&str], only: &[&str], values: &[f64], expect: &[(&str, f64)]) {
        let settings = TimerStatistics {
            percentiles: percentiles.iter().filter_map(|text| Percentile::parse(text)).collect(),
            histograms: vec![Histogram {
                part_of_name: "h".into(),
                bins: ["0.5", "2", "inf"].iter().filter_map(|text| Bin::parse(text)).collect(),
            }],
            only: only.iter().map(|&text| text.to_owned()).collect(),
        };
        let statistics = Statistics::new(&settings);
        let mut got = Vec::new();
        let (mut values, weight) = (values.to_vec(), values.len() as f64);
        statistics.of("h", &mut values, weight, 10.0, |n, value| {
            got.push((statistics.names()[n as usize].as_str(), value));
        });
        assert_eq!(got, expect);
    }

    #[test]
    fn percentiles_are_named_and_ranked_as_statsd_does() {
        let only = ["upper_percent", "lower_percent", "count_percent"];
        let ten: Vec<f64> = (1..=10).map(f64::from).collect();
        check(
            &["99.9", "-12.5", "50", "50"],
            &only,
            &ten,
            &[
                ("count_99_9", 10.0),
                ("upper_99_9", 10.0),
                ("count_top12_5", 1.0),
                ("lower_top12_5", 10.0),
                ("count_50", 5.0),
                ("upper_50", 5.0),
            ],
        );
        check(&["24"], &only, &[100.0, 200.0], &[]);
        check(&["25"], &only, &[100.0, 200.0], &[("count_25", 1.0), ("upper_25", 100.0)]);
    }

    #[test]
    fn all_results_are_finite_where_statsd_prints_nan() {
        let only = ["sum_percent", "mean_percent", "upper_percent", "lower_percent"];
        check(
            &["-100", "150"],
            &only,
            &[1.0, 3.0],
            &[
                ("mean_top100", 2.0),
                ("lower_top100", 1.0),
                ("sum_top100", 4.0),
                ("mean_150", 2.0),
                ("upper_150", 3.0),
                ("sum_150", 4.0),
            ],
        );
        check(&["0"], &only, &[7.0], &[("mean_0", 7.0), ("lower_0", 7.0), ("sum_0", 7.0)]);
    }

    #[test]
    fn bins_exclude_their_limit_and_one_can_be_named() {
        let bins = [("histogram.bin_0_5", 1.0), ("histogram.bin_2", 1.0), ("histogram.bin_inf", 2.0)];
        check(&[], &["histogram"], &[2.0, 0.5, 0.4, 9.0], &bins);
        check(&[], &["median"], &[3.0, 1.0], &[("median", 2.0)]);
    }
}
