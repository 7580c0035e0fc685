//! What the file says about telling: other servers that hear what we hear, and people who read messages, frequent names
//! and flushes.

use super::object::Keys;
use super::reply::is_truthy;
use super::{js_text, last_node};
use anyhow::{Result, bail};
use serde_json::Value;
use statsd_agent::Config;
use statsd_agent::config::Backend;
use statsd_agent::flush::print::Print;
use statsd_agent::inspect::{self, Form};
use statsd_agent::listen::overhear::KeyFlush;
use statsd_agent::listen::repeat::{Target, Way};
use std::path::PathBuf;

/// Bytes of set members kept for the console backend, of each receiver.
const MEMBER_BYTES: u32 = 16 << 20;

/// How things are told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Telling {
    /// statsd's `debug`.
    pub debug: bool,
    /// statsd's `log`.
    pub log: Log,
    /// Where the most frequent names are appended; standard output when nothing is said.
    pub key_file: Option<PathBuf>,
    /// The name of the process, where one is asked for.
    pub title: Option<String>,
}

/// Where statsd's own lines go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Log {
    /// Standard output, with a date.
    #[default]
    Stdout,
    /// The system's log.
    Syslog {
        /// The name there.
        application: String,
        /// The number of the level of lines without one, 0 to 7.
        level: u8,
    },
}

/// Names of syslog's levels, by number.
const LEVELS: [&str; 8] =
    ["LOG_EMERG", "LOG_ALERT", "LOG_CRIT", "LOG_ERR", "LOG_WARNING", "LOG_NOTICE", "LOG_INFO", "LOG_DEBUG"];

/// Reads the keys of the backends that are not Graphite, and of the log.
pub(super) fn telling(
    file: &mut Keys,
    backends: &[String],
    thresholds: &Value,
    config: &mut Config,
) -> Result<Telling> {
    let has = |name: &str| backends.iter().any(|backend| last_node(backend) == name);
    let repeaters = repeaters(file)?;
    match has("repeater") {
        true => config.repeaters = repeaters,
        false if !repeaters.is_empty() => {
            file.warn("repeater: nothing is repeated without ./backends/repeater among the backends".into());
        }
        false => {}
    }
    let form = form(file)?;
    if has("console") {
        config.print = Some(Print { form, thresholds: printed(thresholds) });
        config.limits.member_bytes = MEMBER_BYTES;
    }
    config.messages = file.flag("dumpMessages")?.unwrap_or(false);
    let key_file = key_flush(file, config)?;
    let log = log(file)?;
    let title = match file.take("title") {
        None | Some(Value::Bool(_)) => None,
        Some(value) => js_text(&value).filter(|title| !title.is_empty()),
    };
    if let Some(console) = &mut config.console {
        let backend = |name: &String| match last_node(name) {
            "graphite" => Some(Backend::Graphite),
            "console" => Some(Backend::Console),
            _ => None,
        };
        console.backends = backends.iter().filter_map(backend).collect();
        console.healthy = match file.text("healthStatus")?.as_deref() {
            None | Some("up") => true,
            Some("down") => false,
            Some(other) => bail!("healthStatus: expected up or down, found {other:?}"),
        };
    }
    Ok(Telling { debug: file.flag("debug")?.unwrap_or(false), log, key_file, title })
}

fn repeaters(file: &mut Keys) -> Result<Vec<Target>> {
    let way = match file.text("repeaterProtocol")?.as_deref() {
        None | Some("udp4") => Way::Udp4,
        Some("udp6") => Way::Udp6,
        Some("tcp") => Way::Tcp,
        Some(other) => {
            file.warn(format!("repeaterProtocol: {other:?} is none of udp4, udp6 and tcp; udp4 holds"));
            Way::Udp4
        }
    };
    let list = match file.take("repeater") {
        None => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(one) => vec![one],
    };
    let mut targets = Vec::new();
    for (i, one) in list.into_iter().enumerate() {
        let mut one = file.inner(&format!("repeater[{i}]"), one)?;
        let Some(host) = one.text("host")? else { bail!("repeater[{i}].host: expected a name or an address") };
        let port = one.port("port", 8125)?;
        targets.push(Target { host, port, way });
        file.absorb(one);
    }
    Ok(targets)
}

fn form(file: &mut Keys) -> Result<Form> {
    let Some(console) = file.take("console") else { return Ok(Form::PLAIN) };
    let mut console = file.inner("console", console)?;
    let pretty = console.flag("prettyprint")?.unwrap_or(false);
    file.absorb(console);
    Ok(if pretty { Form::PRETTY } else { Form::PLAIN })
}

/// `pctThreshold`, as statsd keeps it: a list of what was stated.
fn printed(thresholds: &Value) -> Vec<inspect::Value> {
    let one = |value: &Value| match value {
        Value::Number(number) => inspect::Value::Number(number.as_f64().unwrap_or(f64::NAN)),
        value => inspect::Value::Text(js_text(value).unwrap_or_else(|| value.to_string())),
    };
    match thresholds {
        Value::Array(list) => list.iter().map(one).collect(),
        value if is_truthy(value) => vec![one(value)],
        _ => vec![inspect::Value::Number(90.0)],
    }
}

fn key_flush(file: &mut Keys, config: &mut Config) -> Result<Option<PathBuf>> {
    let Some(keys) = file.take("keyFlush") else { return Ok(None) };
    let mut keys = file.inner("keyFlush", keys)?;
    let interval_ms = keys.number("interval")?.unwrap_or(0.0);
    let percent = keys.number("percent")?.filter(|percent| *percent != 0.0).unwrap_or(100.0);
    let key_file = keys.text("log")?.map(PathBuf::from);
    file.absorb(keys);
    // Shorter than a timer of Node's can be, it is what such a timer does.
    config.keys = (interval_ms > 0.0).then(|| KeyFlush {
        interval_ms: (interval_ms as u64).max(1),
        percent,
        names: config.limits.names,
    });
    Ok(key_file)
}

fn log(file: &mut Keys) -> Result<Log> {
    let Some(log) = file.take("log") else { return Ok(Log::Stdout) };
    let mut log = file.inner("log", log)?;
    let application = log.text("application")?.unwrap_or_else(|| "statsd".into());
    let level = log.text("level")?.unwrap_or_else(|| "LOG_INFO".into());
    let Some(level) = LEVELS.iter().position(|name| *name == level) else {
        bail!("log.level: expected one of {}, found {level:?}", LEVELS.join(", "));
    };
    let backend = log.text("backend")?;
    file.absorb(log);
    match backend.as_deref() {
        None | Some("stdout") => Ok(Log::Stdout),
        Some("syslog") => Ok(Log::Syslog { application, level: level as u8 }),
        Some(other) => bail!("log.backend: expected stdout or syslog, found {other:?}"),
    }
}
