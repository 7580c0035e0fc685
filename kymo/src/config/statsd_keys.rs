//! Every key of statsd's configuration file: what it does here, and when a change of it takes effect. docs/wire.md says the
//! same in a table; `kymo check-config` and the reload print from here.

/// When a changed key takes effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// While the agent runs.
    Live,
    /// When it is started again.
    Restart,
    /// Never: it is known and does nothing here.
    Nothing,
}

/// One key.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// When a change takes effect.
    pub takes: Takes,
    /// What it does, as an ending of "NAME: ".
    pub does: &'static str,
}

const fn live(name: &'static str, does: &'static str) -> Key {
    Key { name, takes: Takes::Live, does }
}

const fn fixed(name: &'static str, does: &'static str) -> Key {
    Key { name, takes: Takes::Restart, does }
}

const fn proxy(name: &'static str) -> Key {
    Key { name, takes: Takes::Nothing, does: "a key of statsd's proxy: no effect on an agent" }
}

/// All of them.
pub const KEYS: &[Key] = &[
    fixed("port", "the port of the only server"),
    fixed("address", "the address of the only server"),
    fixed("address_ipv6", "the only server is of IPv6"),
    fixed("server", "the kind of the only server: ./servers/udp or ./servers/tcp"),
    fixed("socket", "the Unix socket of the only server, which is ./servers/tcp"),
    fixed("socket_mod", "the permission bits of that socket"),
    fixed("servers", "where lines are received"),
    fixed("mgmt_port", "the port of the console"),
    fixed("mgmt_address", "the address of the console"),
    fixed("title", "the name of the process, cut to 15 bytes"),
    fixed("healthStatus", "what the console's health answers first"),
    live("dumpMessages", "every message is logged"),
    live("debug", "the number of series of each flush is logged, and each failure to reach Graphite"),
    live("log", "where such lines go: stdout or syslog"),
    live("flushInterval", "milliseconds between flushes; a change holds from the next flush on"),
    live("percentThreshold", "the percentiles of timers"),
    live("histogram", "the histograms of timers"),
    live("calculatedTimerMetrics", "the only statistics of timers that are sent"),
    live("flush_counts", "counts of counters are sent beside rates"),
    live("deleteIdleStats", "what of the four below is not stated is this"),
    live("deleteCounters", "counters without samples are not sent"),
    live("deleteTimers", "timers without samples are not sent"),
    live("deleteSets", "sets without samples are not sent"),
    live("deleteGauges", "gauges without samples are not sent"),
    live("gaugesMaxTTL", "flushes for which a gauge without samples is sent, with deleteGauges"),
    live("prefixStats", "the node of statsd's own statistics"),
    fixed("keyNameSanitize", "whether names are sanitised before they are tallied"),
    fixed("keyFlush", "how often, how many and where the most frequent names are written"),
    fixed("backends", "what becomes of a flush: ./backends/graphite, ./backends/console, ./backends/repeater"),
    live("console", "how the console backend prints"),
    fixed("graphiteHost", "where flushes are sent"),
    fixed("graphitePort", "the port there, for text"),
    fixed("graphitePicklePort", "the port there, for pickles"),
    fixed("graphiteProtocol", "text or pickle"),
    live("graphite", "how the results are named"),
    fixed("repeater", "other servers that what is received is repeated to"),
    fixed("repeaterProtocol", "how: udp4, udp6 or tcp"),
    live("automaticConfigReload", "the file is read again when it changes; SIGHUP always does that"),
    fixed("limits", "kymo's own: bounds, as in the table [limits] of kymo.toml"),
    proxy("nodes"),
    proxy("checkInterval"),
    proxy("cacheSize"),
    proxy("forkCount"),
    proxy("host"),
];

/// The table of docs/wire.md: every key that does something here.
pub fn documentation() -> String {
    let mut table = String::from("| key | what it does | a change holds |\n|---|---|---|\n");
    for key in KEYS.iter().filter(|key| key.takes != Takes::Nothing) {
        let holds = if key.takes == Takes::Live { "while it runs" } else { "after a restart" };
        table += &format!("| `{}` | {} | {holds} |\n", key.name, key.does);
    }
    table
}

/// The key of that name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// What an unknown key is called: with the name that was meant, if one is near.
pub fn unknown(name: &str) -> String {
    match nearest(name) {
        Some(near) => format!("{name} is unknown and ignored; {near} was meant?"),
        None => format!("{name} is unknown and ignored"),
    }
}

/// The known name that takes the fewest changes of a letter, not more than half of them and not more than three.
fn nearest(name: &str) -> Option<&'static str> {
    let near = KEYS.iter().map(|key| (distance(name, key.name), key.name)).min()?;
    (near.0 <= (name.chars().count() / 2).min(3)).then_some(near.1)
}

/// Letters to insert, to leave out or to change, capitals being no change.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.to_lowercase(), b.to_lowercase());
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    // A key of any length is measured; one beyond every known name costs no more than the longest of them.
    for (i, c) in a.chars().take(64).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, d) in b.iter().enumerate() {
            let kept = diagonal + usize::from(c != *d);
            diagonal = row[j + 1];
            row[j + 1] = kept.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_key_is_told_what_was_meant() {
        for (wrong, meant) in
            [("prot", "port"), ("flushinterval", "flushInterval"), ("percentTreshold", "percentThreshold")]
        {
            assert_eq!(nearest(wrong), Some(meant));
        }
        assert_eq!(nearest("xylophone"), None);
        assert_eq!(unknown("x"), "x is unknown and ignored");
        assert!(unknown(&"y".repeat(100_000)).ends_with("ignored"));
    }
}
