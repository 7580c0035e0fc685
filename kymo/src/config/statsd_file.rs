//! statsd's own configuration file, read for `kymo agent` and `kymo serve`: each key becomes a setting of the agent, or a
//! warning. docs/wire.md lists the keys.

pub(super) mod object;
pub(super) mod reply;
mod telling;

pub use telling::{Log, Telling};

use super::js_object;
use super::kymo_toml::{Limits, read_bounded};
use super::pipeline::bound;
use super::statsd_keys::{self, Key};
use anyhow::{Context, Result, anyhow, bail, ensure};
use object::{Everywhere, Keys};
use serde_json::{Map, Value};
use statsd_agent::config::{Config, Console, Idle, Names, Server, TimerStatistics};
use statsd_agent::flush::carbon::CarbonTarget;
use statsd_agent::flush::number::js;
use statsd_agent::flush::outlet::Protocol;
use statsd_agent::flush::statistics::{Bin, Histogram, Percentile};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Unsent flushes kept while Graphite is away; statsd keeps none.
const SPOOL_BYTES: u32 = 16 << 20;
/// What there is in the place of statsd's backends.
const BACKENDS: [&str; 3] = ["graphite", "console", "repeater"];

/// What a statsd configuration file says.
#[derive(Clone, Debug)]
pub struct StatsdFile {
    /// The agent's settings; what the file does not say has statsd's default.
    pub config: Config,
    /// Where to flush to; `None` without a `graphiteHost` or a graphite backend.
    pub carbon: Option<CarbonTarget>,
    /// How messages, frequent names and flushes are told.
    pub telling: Telling,
    /// Bounds that the file states.
    pub limits: Limits,
    /// Whether a change of the file is to be noticed.
    pub reload: bool,
    /// The file's object.
    pub stated: Map<String, Value>,
    /// The keys that the file states.
    pub keys: BTreeSet<String>,
    /// What a person should know before relying on the file.
    pub warnings: Vec<String>,
}

/// Reads the file; errors name it and the key.
pub fn read(path: &Path) -> Result<StatsdFile> {
    let text = read_bounded(path)?;
    parse(&text).with_context(|| format!("read {}", path.display()))
}

/// Reads the text of a file.
pub fn parse(text: &str) -> Result<StatsdFile> {
    let map = js_object::parse(text)?;
    let stated = map.clone();
    let keys = map.keys().cloned().collect();
    let mut file = Keys { path: String::new(), map, warnings: Vec::new() };
    let limits = limits(&mut file)?;
    let servers = servers(&mut file)?;
    let mut console = Console::at(file.address("mgmt_address", "mgmt_port", 8126, Everywhere::Both)?);
    (console.config_text, console.config_text_late) = reply::config_text(&stated);
    let mut config = Config { servers, console: Some(console), ..Config::default() };
    bound(&mut config, &limits);
    let thresholds = file.map.get("percentThreshold").cloned().unwrap_or_default();
    flush(&mut file, &mut config)?;
    let backends = file.texts("backends")?.unwrap_or_else(|| vec!["./backends/graphite".into()]);
    for backend in backends.iter().filter(|backend| !BACKENDS.contains(&last_node(backend))) {
        file.warn(format!("the backend {backend} is not one of kymo's: it will get nothing"));
    }
    let carbon = carbon(&mut file, &backends, limits.spool_bytes)?;
    let telling = telling::telling(&mut file, &backends, &thresholds, &mut config)?;
    if let Some(bytes) = limits.member_bytes.filter(|_| config.print.is_some()) {
        config.limits.member_bytes = bytes;
    }
    let reload = file.flag("automaticConfigReload")?.unwrap_or(true);
    let left = std::mem::take(&mut file.map);
    for key in left.keys() {
        file.warn(match statsd_keys::find(key) {
            Some(Key { name: "keyNameSanitize", .. }) => {
                "keyNameSanitize has no effect: names are always sanitised before they are tallied".into()
            }
            Some(known) => format!("{key} has no effect: {}", known.does),
            None => statsd_keys::unknown(key),
        });
    }
    Ok(StatsdFile { config, carbon, telling, limits, reload, keys, stated, warnings: file.warnings })
}

/// kymo's own key: the bounds of kymo.toml, for an agent that has no such file.
fn limits(file: &mut Keys) -> Result<Limits> {
    let Some(limits) = file.take("limits") else { return Ok(Limits::default()) };
    serde_json::from_value(limits).context("limits")
}

/// The last node of a backend's or server's path, which is its name.
fn last_node(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default().trim_end_matches(".js")
}

/// A number or a text as JavaScript joins it to a string.
fn js_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => number.as_f64().map(js),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

pub(super) fn servers(file: &mut Keys) -> Result<Vec<Server>> {
    let Some(list) = file.take("servers").filter(|list| *list != Value::Array(Vec::new())) else {
        return Ok(vec![server(file)?]);
    };
    let Value::Array(list) = list else { bail!(file.expected("servers", "a list of objects", &list)) };
    let mut servers = Vec::new();
    for (i, one) in list.into_iter().enumerate() {
        let mut one = file.inner(&format!("servers[{i}]"), one)?;
        servers.push(server(&mut one)?);
        file.absorb(one);
    }
    Ok(servers)
}

fn server(file: &mut Keys) -> Result<Server> {
    let kind = file.text("server")?.unwrap_or_else(|| "./servers/udp".into());
    let socket = file.text("socket")?;
    let mode = match file.take("socket_mod") {
        None => None,
        Some(Value::String(octal)) => Some(
            u32::from_str_radix(octal.trim_start_matches("0o"), 8)
                .map_err(|_| anyhow!("socket_mod: expected octal digits"))?,
        ),
        Some(Value::Number(bits)) if bits.as_u64().is_some_and(|bits| bits <= 0o7777) => {
            bits.as_u64().map(|bits| bits as u32)
        }
        Some(other) => bail!(file.expected("socket_mod", "permission bits", &other)),
    };
    match (last_node(&kind), socket) {
        ("udp", _) => Ok(Server::Udp(file.address("address", "port", 8125, Everywhere::Ipv4)?)),
        ("tcp", Some(path)) => Ok(Server::Unix { path: PathBuf::from(path), mode }),
        ("tcp", None) => Ok(Server::Tcp(file.address("address", "port", 8125, Everywhere::Both)?)),
        (other, _) => bail!("{}server: {other:?} is not a server here: ./servers/udp or ./servers/tcp", file.path),
    }
}

fn flush(file: &mut Keys, config: &mut Config) -> Result<()> {
    if let Some(ms) = file.number("flushInterval")? {
        ensure!(
            (10.0..=86_400_000.0).contains(&ms),
            "flushInterval: expected milliseconds from 10 to 86400000, found {ms}"
        );
        config.flush.interval_ms = ms.round() as u64;
    }
    config.flush.timers = TimerStatistics {
        percentiles: percentiles(file)?,
        histograms: histograms(file)?,
        only: file.texts("calculatedTimerMetrics")?.unwrap_or_default(),
    };
    let all = file.flag("deleteIdleStats")?.unwrap_or(false);
    let mut deleted = |key| Ok::<bool, anyhow::Error>(file.flag(key)?.unwrap_or(all));
    config.flush.idle = Idle {
        delete_counters: deleted("deleteCounters")?,
        delete_timers: deleted("deleteTimers")?,
        delete_sets: deleted("deleteSets")?,
        delete_gauges: deleted("deleteGauges")?,
        gauges_max_ttl: gauges_max_ttl(file),
    };
    config.flush.names = names(file)?;
    Ok(())
}

/// statsd honours only a whole number above one and says nothing about others.
fn gauges_max_ttl(file: &mut Keys) -> u32 {
    let Some(value) = file.take("gaugesMaxTTL") else { return 1 };
    match value.as_f64() {
        Some(flushes) if flushes >= 1.0 && flushes.fract() == 0.0 && flushes < f64::from(u32::MAX) => flushes as u32,
        _ => {
            file.warn(format!("gaugesMaxTTL: expected a whole number of flushes, found {value}; 1 holds"));
            1
        }
    }
}

/// A number, its text, or a list of these; nothing (also 0) means 90.
fn percentiles(file: &mut Keys) -> Result<Vec<Percentile>> {
    let wanted = "a percentage or a list of them";
    let value = file.take("percentThreshold").unwrap_or(Value::Null);
    let list = match value {
        Value::Array(list) => list,
        Value::Null | Value::Bool(false) => vec![Value::from(90)],
        Value::Number(zero) if zero.as_f64() == Some(0.0) => vec![Value::from(90)],
        Value::String(empty) if empty.is_empty() => vec![Value::from(90)],
        one => vec![one],
    };
    let read = |one: &Value| Percentile::parse(&js_text(one)?);
    list.iter().map(|one| read(one).ok_or_else(|| file.expected("percentThreshold", wanted, one))).collect()
}

fn histograms(file: &mut Keys) -> Result<Vec<Histogram>> {
    let list = match file.take("histogram") {
        None => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(other) => bail!(file.expected("histogram", "a list of { metric, bins }", &other)),
    };
    let mut histograms = Vec::new();
    for (i, one) in list.into_iter().enumerate() {
        let mut one = file.inner(&format!("histogram[{i}]"), one)?;
        let part_of_name = one.text("metric")?.unwrap_or_default();
        let bins = match one.take("bins") {
            Some(Value::Array(bins)) => bins,
            other => bail!(one.expected("bins", "a list of limits", &other.unwrap_or_default())),
        };
        let read = |bin: &Value| Bin::parse(&js_text(bin)?);
        let bins = bins.iter().map(|bin| read(bin).ok_or_else(|| one.expected("bins", "numbers or 'inf'", bin)));
        let bins = bins.collect::<Result<_>>()?;
        histograms.push(Histogram { part_of_name, bins });
        file.absorb(one);
    }
    Ok(histograms)
}

fn names(file: &mut Keys) -> Result<Names> {
    let mut names = Names::default();
    names.counts = file.flag("flush_counts")?.unwrap_or(names.counts);
    if let Some(own) = file.text("prefixStats")? {
        names.own = own;
    }
    let Some(graphite) = file.take("graphite") else { return Ok(names) };
    let mut graphite = file.inner("graphite", graphite)?;
    names.legacy = graphite.flag("legacyNamespace")?.unwrap_or(names.legacy);
    let parts = [
        ("globalPrefix", &mut names.global_prefix),
        ("prefixCounter", &mut names.counter_prefix),
        ("prefixTimer", &mut names.timer_prefix),
        ("prefixGauge", &mut names.gauge_prefix),
        ("prefixSet", &mut names.set_prefix),
        ("globalSuffix", &mut names.global_suffix),
    ];
    for (key, part) in parts {
        if let Some(text) = graphite.text(key)? {
            *part = text;
        }
    }
    file.absorb(graphite);
    Ok(names)
}

fn carbon(file: &mut Keys, backends: &[String], spool_bytes: Option<u32>) -> Result<Option<CarbonTarget>> {
    let host = file.text("graphiteHost")?.filter(|host| !host.is_empty());
    let protocol = match file.text("graphiteProtocol")?.as_deref() {
        None | Some("text") => Protocol::Text,
        Some("pickle") => Protocol::Pickle,
        Some(other) => bail!("graphiteProtocol: expected text or pickle, found {other:?}"),
    };
    let (text_port, pickle_port) = (file.port("graphitePort", 2003)?, file.port("graphitePicklePort", 2004)?);
    let port = if protocol == Protocol::Text { text_port } else { pickle_port };
    let wanted = backends.iter().any(|backend| last_node(backend) == "graphite");
    match host.filter(|_| wanted) {
        Some(host) => {
            let spool_bytes = spool_bytes.unwrap_or(SPOOL_BYTES) as usize;
            Ok(Some(CarbonTarget { host, port, protocol, spool_bytes }))
        }
        // A console or a repeater in its place is a wish, not an omission.
        None => {
            if wanted {
                file.warn("no graphiteHost: everything is tallied and nothing is sent to Graphite".into());
            }
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests;
