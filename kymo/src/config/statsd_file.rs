//! statsd's own configuration file, read for `kymo agent` and `kymo serve`: each key becomes a setting of the agent, or a
//! warning. docs/wire.md lists the keys.

use super::js_object;
use super::kymo_toml::read_bounded;
use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Map, Value};
use statsd_agent::config::{Config, Console, Idle, Names, Server, TimerStatistics};
use statsd_agent::flush::carbon::CarbonTarget;
use statsd_agent::flush::number::js;
use statsd_agent::flush::outlet::Protocol;
use statsd_agent::flush::statistics::{Bin, Histogram, Percentile};
use std::collections::BTreeSet;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};

/// Unsent flushes kept while Graphite is away; statsd keeps none.
const SPOOL_BYTES: usize = 16 << 20;

/// Known to statsd and without effect on what is counted or sent: said once, quietly.
const WITHOUT_EFFECT: &[&str] = &["title", "debug", "log", "console", "healthStatus", "keyNameSanitize"];
/// Known to statsd, expected to do something, and not built: said loudly.
const NOT_BUILT: &[&str] = &[
    "keyFlush",
    "repeater",
    "repeaterProtocol",
    "dumpMessages",
    "nodes",
    "checkInterval",
    "cacheSize",
    "forkCount",
    "host",
];

/// What a statsd configuration file says.
#[derive(Clone, Debug)]
pub struct StatsdFile {
    /// The agent's settings; what the file does not say has statsd's default.
    pub config: Config,
    /// Where to flush to; `None` without a `graphiteHost` or a graphite backend.
    pub carbon: Option<CarbonTarget>,
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
    let config_text = config_text(&map);
    let keys = map.keys().cloned().collect();
    let mut file = Keys { path: String::new(), map, warnings: Vec::new() };
    let servers = servers(&mut file)?;
    let console = Console { address: file.address("mgmt_address", "mgmt_port", 8126)?, config_text };
    let mut config = Config { servers, console: Some(console), ..Config::default() };
    flush(&mut file, &mut config)?;
    let carbon = carbon(&mut file)?;
    for key in ["automaticConfigReload"] {
        if file.flag(key)?.unwrap_or(false) {
            file.warn(format!("{key} is not built: restart to read the file again"));
        }
    }
    let left = std::mem::take(&mut file.map);
    for key in left.keys() {
        file.warn(match key.as_str() {
            "keyNameSanitize" => {
                "keyNameSanitize has no effect: names are always sanitised before they are tallied".into()
            }
            key if WITHOUT_EFFECT.contains(&key) => format!("{key} has no effect"),
            key if NOT_BUILT.contains(&key) => format!("{key} IS NOT BUILT: what it configures will not happen"),
            key => format!("{key} is unknown and ignored"),
        });
    }
    Ok(StatsdFile { config, carbon, keys, warnings: file.warnings })
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
    match (kind.rsplit('/').next().unwrap_or_default(), socket) {
        ("udp", _) => Ok(Server::Udp(file.address("address", "port", 8125)?)),
        ("tcp", Some(path)) => Ok(Server::Unix { path: PathBuf::from(path), mode }),
        ("tcp", None) => Ok(Server::Tcp(file.address("address", "port", 8125)?)),
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

fn carbon(file: &mut Keys) -> Result<Option<CarbonTarget>> {
    let backends = file.texts("backends")?.unwrap_or_else(|| vec!["./backends/graphite".into()]);
    let is_graphite = |backend: &String| backend.rsplit('/').next() == Some("graphite");
    for backend in backends.iter().filter(|backend| !is_graphite(backend)) {
        file.warn(format!("the backend {backend} IS NOT BUILT: it will get nothing"));
    }
    let host = file.text("graphiteHost")?.filter(|host| !host.is_empty());
    let protocol = match file.text("graphiteProtocol")?.as_deref() {
        None | Some("text") => Protocol::Text,
        Some("pickle") => Protocol::Pickle,
        Some(other) => bail!("graphiteProtocol: expected text or pickle, found {other:?}"),
    };
    let (text_port, pickle_port) = (file.port("graphitePort", 2003)?, file.port("graphitePicklePort", 2004)?);
    let port = if protocol == Protocol::Text { text_port } else { pickle_port };
    let Some(host) = host.filter(|_| backends.iter().any(is_graphite)) else {
        file.warn("no graphiteHost and graphite backend: everything is tallied and nothing is sent".into());
        return Ok(None);
    };
    Ok(Some(CarbonTarget { host, port, protocol, spool_bytes: SPOOL_BYTES }))
}

/// The console's reply to `config`, in statsd's form.
pub(super) fn config_text(map: &Map<String, Value>) -> String {
    let mut out = String::new();
    for (key, value) in map {
        match value {
            Value::Object(inner) => {
                inner.iter().for_each(|(sub, value)| out += &format!("{key} > {sub}: {}\n", joined(value)));
            }
            Value::Array(inner) => {
                inner.iter().enumerate().for_each(|(i, value)| out += &format!("{key} > {i}: {}\n", joined(value)));
            }
            // An object to JavaScript's typeof, with nothing in it.
            Value::Null => {}
            value => out += &format!("{key}: {}\n", joined(value)),
        }
    }
    out
}

/// Any value as JavaScript joins it to a string: of an object only that it is one.
fn joined(value: &Value) -> String {
    match value {
        Value::Object(_) => "[object Object]".into(),
        Value::Array(list) => {
            let item = |item: &Value| if item.is_null() { String::new() } else { joined(item) };
            list.iter().map(item).collect::<Vec<_>>().join(",")
        }
        Value::Null => "null".into(),
        other => js_text(other).unwrap_or_default(),
    }
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

/// An object's keys; each is taken once, what is left at the end was not understood.
pub(super) struct Keys {
    pub(super) path: String,
    pub(super) map: Map<String, Value>,
    pub(super) warnings: Vec<String>,
}

impl Keys {
    /// A value that is stated; null and undefined are not.
    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        self.map.remove(key).filter(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>> {
        match self.take(key) {
            None => Ok(None),
            Some(value @ (Value::String(_) | Value::Number(_))) => Ok(js_text(&value)),
            Some(other) => Err(self.expected(key, "a text", &other)),
        }
    }

    pub(super) fn texts(&mut self, key: &str) -> Result<Option<Vec<String>>> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Array(list)) if list.iter().all(Value::is_string) => {
                Ok(Some(list.iter().filter_map(js_text).collect()))
            }
            Some(other) => Err(self.expected(key, "a list of texts", &other)),
        }
    }

    pub(super) fn number(&mut self, key: &str) -> Result<Option<f64>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        // A number in quotes is a number to JavaScript.
        let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|number| number.is_finite());
        number.map(Some).ok_or_else(|| self.expected(key, "a number", &value))
    }

    pub(super) fn flag(&mut self, key: &str) -> Result<Option<bool>> {
        match self.take(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(flag)),
            Some(Value::Number(number)) => Ok(Some(number.as_f64() != Some(0.0))),
            Some(other) => Err(self.expected(key, "true or false", &other)),
        }
    }

    pub(super) fn port(&mut self, key: &str, default: u16) -> Result<u16> {
        let Some(port) = self.number(key)? else { return Ok(default) };
        ensure!(port.fract() == 0.0 && (0.0..65536.0).contains(&port), "{}{key}: {port} is not a port", self.path);
        // JavaScript's `config.port || 8125` would turn 0 into the default; here it asks for a free port.
        Ok(port as u16)
    }

    pub(super) fn address(&mut self, host_key: &str, port_key: &str, default_port: u16) -> Result<SocketAddr> {
        let port = self.port(port_key, default_port)?;
        let v6 = host_key == "address" && self.flag("address_ipv6")?.unwrap_or(false);
        let host = self.text(host_key)?.unwrap_or_else(|| if v6 { "::".into() } else { "0.0.0.0".into() });
        let wrong = || format!("{}{host_key}: {host:?} is not an address", self.path);
        let mut found = (host.as_str(), port).to_socket_addrs().with_context(wrong)?;
        found.find(|address| address.is_ipv6() == v6 || host.contains(':')).with_context(wrong)
    }

    pub(super) fn inner(&self, path: &str, value: Value) -> Result<Keys> {
        match value {
            Value::Object(map) => Ok(Keys { path: format!("{}{path}.", self.path), map, warnings: Vec::new() }),
            other => Err(self.expected(path, "an object", &other)),
        }
    }

    /// Takes over the warnings of an inner object, and one for each key that it did not understand.
    pub(super) fn absorb(&mut self, inner: Keys) {
        self.warnings.extend(inner.warnings);
        for key in inner.map.keys() {
            self.warn(format!("{}{key} is unknown and ignored", inner.path));
        }
    }

    pub(super) fn warn(&mut self, text: String) {
        self.warnings.push(text);
    }

    pub(super) fn expected(&self, key: &str, what: &str, found: &Value) -> anyhow::Error {
        anyhow!("{}{key}: expected {what}, found {found}", self.path)
    }
}

#[cfg(test)]
mod tests;
