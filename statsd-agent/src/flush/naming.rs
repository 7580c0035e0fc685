//! What the results of a flush are called: every statistic's name is a text before the series' own name and one after it.

use super::statistics::Statistics;
use crate::config::Names;
use crate::wire::Kind;

/// One statistic's name around any series' name; Graphite tags stay last, after the global suffix.
#[derive(Clone, Debug)]
pub struct Template {
    before: String,
    after: String,
}

impl Template {
    /// Appends the full name for the series `base` with `tags` (empty, or from the first semicolon on).
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>, base: &str, tags: &str) {
        for text in [&self.before, base, &self.after, tags] {
            out.extend_from_slice(text.as_bytes());
        }
    }
}

/// The templates of all statistics by number, and the names of the agent's own.
pub struct Naming {
    counter: Vec<Template>,
    timer: Vec<Template>,
    gauge: Vec<Template>,
    set: Vec<Template>,
    sketches: [Template; 2],
    own: [String; Own::ALL.len()],
    lag: String,
    bad_lines: [String; 3],
}

/// statsd's own statistics beside its counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    /// Series flushed.
    NumStats,
    /// Milliseconds of the statistics.
    ProcessingTime,
    /// Milliseconds of printing.
    CalculationTime,
    /// Second of the last failure to send.
    LastException,
    /// Second of the last success.
    LastFlush,
    /// Milliseconds the last sending took.
    FlushTime,
    /// Bytes of the last flush.
    FlushLength,
}

impl Own {
    /// All, in the order in which they are printed.
    pub const ALL: [Own; 7] = [
        Own::NumStats,
        Own::CalculationTime,
        Own::ProcessingTime,
        Own::LastException,
        Own::LastFlush,
        Own::FlushTime,
        Own::FlushLength,
    ];

    fn path(self) -> &'static str {
        match self {
            Own::NumStats => "numStats",
            Own::ProcessingTime => "processing_time",
            Own::CalculationTime => "graphiteStats.calculationtime",
            Own::LastException => "graphiteStats.last_exception",
            Own::LastFlush => "graphiteStats.last_flush",
            Own::FlushTime => "graphiteStats.flush_time",
            Own::FlushLength => "graphiteStats.flush_length",
        }
    }
}

impl Naming {
    /// Works out all names once.
    pub fn new(names: &Names, statistics: &Statistics) -> Naming {
        let suffix = if names.global_suffix.is_empty() { String::new() } else { format!(".{}", names.global_suffix) };
        let template = |nodes: &[&str], stat: &str| {
            let stat = if stat.is_empty() { String::new() } else { format!(".{stat}") };
            Template { before: prefix(nodes), after: format!("{stat}{suffix}") }
        };
        let global = names.global_prefix.as_str();
        let (mut counter, timer, gauge, set) = if names.legacy {
            let counter = vec![template(&["stats"], ""), template(&["stats_counts"], "")];
            (counter, vec!["stats", "timers"], vec!["stats", "gauges"], vec!["stats", "sets"])
        } else {
            let nodes = [global, &names.counter_prefix];
            let counter = vec![template(&nodes, "rate"), template(&nodes, "count")];
            (
                counter,
                vec![global, &names.timer_prefix],
                vec![global, &names.gauge_prefix],
                vec![global, &names.set_prefix],
            )
        };
        if !names.counts {
            counter.truncate(1);
        }
        let own = Own::ALL.map(|own| {
            let first = match (names.legacy, own) {
                (true, Own::NumStats) => "",
                (true, _) => "stats",
                (false, _) => global,
            };
            format!("{}{}{suffix}", prefix(&[first, &names.own]), own.path())
        });
        let own_series = |name: &str| format!("{}{name}", prefix(&[&names.own]));
        Naming {
            counter,
            sketches: [template(&timer, ""), template(&set, "")],
            timer: statistics.names().iter().map(|name| template(&timer, name)).collect(),
            gauge: vec![template(&gauge, "")],
            set: vec![template(&set, "count")],
            own,
            lag: own_series("timestamp_lag"),
            bad_lines: ["bad_lines_seen", "packets_received", "metrics_received"].map(own_series),
        }
    }

    /// The templates of a kind's statistics, by number. A counter has its rate and, unless switched off, its count.
    pub fn of(&self, kind: Kind) -> &[Template] {
        match kind {
            Kind::Counter => &self.counter,
            Kind::Timer => &self.timer,
            Kind::Gauge => &self.gauge,
            Kind::Set => &self.set,
        }
    }

    /// The template of a kind's sketches: below that name the store answers for the statistics.
    pub fn sketch_of(&self, kind: Kind) -> Option<&Template> {
        match kind {
            Kind::Timer => Some(&self.sketches[0]),
            Kind::Set => Some(&self.sketches[1]),
            Kind::Counter | Kind::Gauge => None,
        }
    }

    /// The full name of one of the agent's own statistics.
    pub fn own(&self, own: Own) -> &str {
        &self.own[own as usize]
    }

    /// The series names of statsd's own counters: bad lines, datagrams, lines.
    pub fn own_counters(&self) -> &[String; 3] {
        &self.bad_lines
    }

    /// The series name of statsd's own gauge: by how much the last interval was too long.
    pub fn lag(&self) -> &str {
        &self.lag
    }
}

/// The nodes that are not empty, each with its dot.
fn prefix(nodes: &[&str]) -> String {
    nodes.iter().filter(|node| !node.is_empty()).map(|node| format!("{node}.")).collect()
}
