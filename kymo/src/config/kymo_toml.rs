//! kymo.toml: its keys, each optional, each with the meaning of the flag of the same name. docs/config.md is printed
//! from [`KEYS`], and a test keeps the two and the struct in step.

use super::access::{AccessTable, TokenTable, UserTable};
use super::alerts::AlertTable;
use crate::cli::Dialects;
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A configuration file larger than this is a mistake, not a configuration.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The file as it is written. Unknown keys are refused: a misspelt limit must not be a limit that is not there.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KymoToml {
    /// See [`KEYS`] for each.
    pub data: Option<PathBuf>,
    /// UDP address.
    pub statsd: Option<String>,
    /// TCP and UDP address.
    pub carbon: Option<String>,
    /// TCP address.
    pub carbon_pickle: Option<String>,
    /// TCP address.
    pub http: Option<String>,
    /// Text such as `10s`.
    pub flush_interval: Option<String>,
    /// Which StatsD lines are understood.
    pub dialects: Option<Dialects>,
    /// All interfaces where no address is given.
    pub listen_all: Option<bool>,
    /// statsd's file.
    pub statsd_config: Option<PathBuf>,
    /// A foreign whisper tree.
    pub whisper: Option<PathBuf>,
    /// Text such as `flush`, `60s` or `none`.
    pub sync: Option<String>,
    /// carbon's file.
    pub storage_schemas: Option<PathBuf>,
    /// carbon's file.
    pub storage_aggregation: Option<PathBuf>,
    /// graphite-web's graphTemplates.conf.
    pub graph_templates: Option<PathBuf>,
    /// A chain of certificates as PEM.
    pub tls_certificate: Option<PathBuf>,
    /// Its key as PEM.
    pub tls_key: Option<PathBuf>,
    /// How far an address alone is believed.
    #[serde(default)]
    pub access: AccessTable,
    /// Tokens that are let in.
    #[serde(default)]
    pub tokens: Vec<TokenTable>,
    /// People who are.
    #[serde(default)]
    pub users: Vec<UserTable>,
    /// Alert rules.
    #[serde(default)]
    pub alerts: Vec<AlertTable>,
    /// Between two looks at them; text such as `30s`.
    pub alert_interval: Option<String>,
    /// Certificates that webhooks are trusted by.
    pub webhook_ca: Option<PathBuf>,
    /// How the own store is kept.
    #[serde(default)]
    pub store: StoreTable,
    /// Bounds on the series of some prefixes.
    #[serde(default)]
    pub quotas: Vec<QuotaTable>,
    /// Every bound.
    #[serde(default)]
    pub limits: Limits,
}

/// How the own store is kept.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreTable {
    /// Text such as `30d`.
    pub expire_after: Option<String>,
}

/// How many series may begin with a prefix.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuotaTable {
    /// The beginning of the names.
    pub prefix: String,
    /// Series.
    pub series: u32,
}

/// The bounds that a running server keeps; all of them have defaults.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Receiver threads.
    pub receivers: Option<u16>,
    /// Bytes asked of the kernel for each UDP socket.
    pub receive_buffer_bytes: Option<u32>,
    /// Names the agent keeps.
    pub names: Option<u32>,
    /// Bytes of all names of one receiver.
    pub name_bytes: Option<u32>,
    /// Longest name.
    pub longest_name: Option<u16>,
    /// Timer samples in one interval.
    pub timer_samples: Option<u32>,
    /// Distinct set members in one interval.
    pub set_members: Option<u32>,
    /// Gauge changes in one interval.
    pub gauge_changes: Option<u32>,
    /// Values with a second of their own in one interval.
    pub dated_samples: Option<u32>,
    /// Stream connections at once.
    pub connections: Option<u16>,
    /// Longest line of a stream.
    pub line_bytes: Option<u32>,
    /// Longest pickle of carbon's.
    pub pickle_bytes: Option<u32>,
    /// Silence after which a stream connection is closed, in seconds.
    pub idle_secs: Option<u32>,
    /// Bytes of unsent flushes.
    pub spool_bytes: Option<u32>,
    /// Bytes that wait for each repeater.
    pub echo_bytes: Option<u32>,
    /// Bytes of set members kept to be printed.
    pub member_bytes: Option<u32>,
    /// Series the store knows.
    pub series: Option<u32>,
    /// Files kept open.
    pub open_files: Option<u32>,
    /// Bytes of the own store's segments.
    pub store_bytes: Option<u64>,
    /// Series of the own store that may begin in a second.
    pub creates_per_second: Option<u32>,
    /// Points of series that wait to begin.
    pub waiting_points: Option<u32>,
    /// Late points that wait for a segment.
    pub late_points: Option<u32>,
    /// Events that are kept.
    pub events: Option<u32>,
    /// Bytes of them.
    pub events_bytes: Option<u64>,
    /// Series one query may read.
    pub query_series: Option<u32>,
    /// Points one query may read.
    pub query_points: Option<u64>,
    /// Bytes of one target.
    pub query_target_bytes: Option<u32>,
    /// Calls inside calls.
    pub query_depth: Option<u16>,
    /// Path expressions of one query.
    pub query_finds: Option<u32>,
    /// Bytes of the names that one query composes.
    pub query_name_bytes: Option<u32>,
    /// Seconds for one query.
    pub query_secs: Option<u32>,
    /// Bytes of one answer.
    pub query_answer_bytes: Option<u64>,
    /// Bytes of all answers that are kept.
    pub query_kept_bytes: Option<u32>,
    /// Threads that read for one query.
    pub query_threads: Option<u16>,
    /// Queries evaluated at once.
    pub queries: Option<u16>,
    /// Queries that may wait.
    pub waiting_queries: Option<u16>,
    /// Seconds for the head of an HTTP request.
    pub http_header_secs: Option<u32>,
    /// Bytes of it.
    pub http_header_bytes: Option<u32>,
    /// Seconds for its body.
    pub http_body_secs: Option<u32>,
    /// Bytes of it.
    pub http_body_bytes: Option<u32>,
    /// Seconds between two requests of a connection.
    pub http_idle_secs: Option<u32>,
    /// Seconds in which a client takes nothing of its answer.
    pub http_write_secs: Option<u32>,
    /// HTTP connections at once.
    pub http_connections: Option<u32>,
    /// HTTP connections of one address at once.
    pub http_connections_per_address: Option<u32>,
    /// Changes that wait for a webhook.
    pub webhook_notices: Option<u32>,
    /// Seconds for an attempt to tell it.
    pub webhook_secs: Option<u32>,
    /// Attempts.
    pub webhook_attempts: Option<u32>,
}

/// One key of kymo.toml: its name, its default and what it means.
pub struct Key {
    /// `limits.` stands before the keys of that table.
    pub name: &'static str,
    /// As a person would write it.
    pub default: &'static str,
    /// One sentence.
    pub meaning: &'static str,
}

const fn key(name: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key { name, default, meaning }
}

/// Every key, in the order of the documentation.
pub const KEYS: &[Key] = &[
    key("data", "\"kymo-data\"", "Folder of kymo's own store, made when absent."),
    key("statsd", "\"127.0.0.1:8125\"", "Where StatsD datagrams are received; port 0 takes a free one."),
    key("carbon", "\"127.0.0.1:2003\"", "Where carbon's lines are received, over TCP and UDP."),
    key("carbon_pickle", "\"127.0.0.1:2004\"", "Where carbon's pickled points are received, over TCP."),
    key("http", "\"127.0.0.1:8080\"", "Where the page and the Graphite API are served."),
    key("flush_interval", "\"10s\"", "How often tallies become points; `s`, `ms`, `m` or plain seconds."),
    key(
        "dialects",
        "\"all\"",
        "Which StatsD lines are understood: `all`, or `statsd` for statsd's alone (docs/wire.md).",
    ),
    key("listen_all", "false", "Listen on every address of the machine where no address is given."),
    key("statsd_config", "none", "A statsd configuration file whose percentiles, names and idle rules apply."),
    key("whisper", "none", "An existing whisper tree that points are written to and queries see, alone."),
    key(
        "sync",
        "\"flush\"",
        "When kymo's own store is handed to the disk: with every `flush`, every so often (`60s`), or `none`: as the system \
         likes. It bounds what a loss of power can take; a kill of the process takes nothing that was flushed.",
    ),
    key("storage_schemas", "none", "carbon's storage-schemas.conf; without it 10s:6h,1m:7d,10m:1y."),
    key("storage_aggregation", "none", "carbon's storage-aggregation.conf; without it by the ending of the name."),
    key(
        "graph_templates",
        "none",
        "graphite-web's graphTemplates.conf: colours that pictures ask for with `template=`, its `[default]` without.",
    ),
    key(
        "quotas",
        "none",
        "Tables `[[quotas]]` with `prefix` and `series`: so many series of kymo's own store may begin with the prefix; \
         newcomers beyond it are refused and counted (`dropped_quota`).",
    ),
    key(
        "store.expire_after",
        "none",
        "Series of kymo's own store that nothing was written to for so long (`30d`; s, m, h, d, w, y) end, imported ones too. \
         It is looked for every hour, the first time an hour after the start (docs/slab.md).",
    ),
    key("tls_certificate", "none", "A chain of certificates, as PEM: HTTP is spoken over TLS. Read again on SIGHUP."),
    key("tls_key", "none", "The key of the first certificate, as PEM."),
    key(
        "tokens",
        "none",
        "Tables `[[tokens]]` with `name`, `hash`, `scopes` and `expires` (docs/access.md). Read again on SIGHUP.",
    ),
    key("users", "none", "Tables `[[users]]` with `name`, `password` (a hash) and `scopes`. Read again on SIGHUP."),
    key(
        "access.open_to_others",
        "false",
        "Where there are no tokens and no users: other machines may read too. Without it only this machine is answered.",
    ),
    key(
        "access.trusted_proxies",
        "[]",
        "Addresses (`127.0.0.1`, `10.0.0.0/8`) of proxies whose `X-Forwarded-For` and user header are believed.",
    ),
    key("access.user_header", "\"X-Remote-User\"", "The header in which a trusted proxy names the person it let in."),
    key("access.proxied_scopes", "[]", "What a person may whom a trusted proxy names and no `[[users]]` does."),
    key("alerts", "none", "Tables `[[alerts]]`: rules that are looked at while kymo runs (docs/alerts.md)."),
    key("alert_interval", "\"30s\"", "Between two looks at all alert rules, at least a second."),
    key(
        "webhook_ca",
        "none",
        "Certificates (PEM) by which https webhooks are trusted, in place of those that browsers trust.",
    ),
    key("limits.receivers", "one a core, at most 4", "Threads, each with a StatsD socket of its own."),
    key(
        "limits.receive_buffer_bytes",
        "8388608",
        "Asked of the kernel for each UDP socket (net.core.rmem_max caps it).",
    ),
    key("limits.names", "1000000", "Series the agent keeps; newcomers beyond it are refused and counted."),
    key("limits.name_bytes", "67108864", "Bytes of all names that one receiver keeps."),
    key("limits.longest_name", "2048", "Bytes of a name, tags included; a longer one is refused and counted."),
    key("limits.timer_samples", "4000000", "Timer samples that each receiver keeps in one interval."),
    key("limits.set_members", "1000000", "Distinct set members that each receiver keeps in one interval."),
    key("limits.gauge_changes", "1000000", "Gauge changes (`+1|g`) that each receiver keeps in one interval."),
    key(
        "limits.dated_samples",
        "1000000",
        "Values with a second of their own (`|T…`) that each receiver keeps in one interval.",
    ),
    key(
        "limits.connections",
        "4096",
        "Stream connections of a server; a newcomer beyond it replaces the longest silent.",
    ),
    key("limits.line_bytes", "65536", "Longest line of a stream connection; a longer one is dropped and counted."),
    key(
        "limits.pickle_bytes",
        "1048576",
        "Longest pickle of carbon's; a longer one ends its connection and is counted.",
    ),
    key("limits.idle_secs", "600", "A stream connection that is silent for so long is closed."),
    key("limits.spool_bytes", "16777216", "Unsent flushes that `kymo agent` keeps while Graphite is away."),
    key(
        "limits.echo_bytes",
        "16777216",
        "Datagrams that wait for each repeater, and for the log of messages and names.",
    ),
    key("limits.member_bytes", "16777216", "Set members that each receiver keeps for the console backend to print."),
    key(
        "limits.series",
        "1000000",
        "Series of the store at once (of a whisper tree: names it has seen); newcomers beyond it are refused and counted.",
    ),
    key("limits.open_files", "4096", "Whisper files kept open between writes."),
    key(
        "limits.store_bytes",
        "none",
        "Bytes of all segments of kymo's own store; beyond it those that end first are removed before their time.",
    ),
    key(
        "limits.creates_per_second",
        "none",
        "Series of kymo's own store that may begin in a second; further ones wait with their points.",
    ),
    key("limits.waiting_points", "1000000", "Points of series that wait; further ones are refused and counted."),
    key(
        "limits.late_points",
        "4000000",
        "Late points of each retention that wait in memory while they cannot be written; further ones are refused and counted.",
    ),
    key("limits.events", "100000", "Events (`/events/`) that are kept; the oldest make room."),
    key("limits.events_bytes", "67108864", "Bytes of the texts and tags of all events; the oldest make room."),
    key("limits.query_series", "10000", "Series that one request may read; more is answered 400."),
    key(
        "limits.query_points",
        "50000000",
        "Points that one request may read, copy and compute, 8 bytes each; more is answered 400.",
    ),
    key("limits.query_target_bytes", "65536", "Bytes of one target; a longer one is answered 400."),
    key("limits.query_depth", "100", "Calls inside calls of one target; more is answered 400."),
    key("limits.query_finds", "2000", "Distinct path expressions of one request; more is answered 400."),
    key("limits.query_name_bytes", "33554432", "Bytes of all names that one request composes; more is answered 400."),
    key("limits.query_secs", "30", "Seconds in which a request is answered, its wait included; later is answered 503."),
    key(
        "limits.query_answer_bytes",
        "268435456",
        "Bytes that the numbers of one answer may take; more is answered 400.",
    ),
    key(
        "limits.query_kept_bytes",
        "67108864",
        "Bytes of all answers of `/render` that are kept to be given again; 0 keeps none.",
    ),
    key("limits.query_threads", "one a core, at most 4", "Threads that read at once for one request."),
    key("limits.queries", "one a core", "Requests evaluated or drawn at once; further ones wait."),
    key("limits.waiting_queries", "256", "Requests that may wait for that; further ones are answered 503."),
    key("limits.http_header_secs", "5", "Seconds in which the head of a request has to arrive; also a TLS handshake."),
    key("limits.http_header_bytes", "65536", "Bytes of the head of a request; a longer one is answered 431."),
    key("limits.http_body_secs", "10", "Seconds in which the body of a request has to arrive; later is answered 408."),
    key("limits.http_body_bytes", "1048576", "Bytes of the body of a request; a longer one is answered 413."),
    key("limits.http_idle_secs", "60", "Seconds after which a connection without a request is closed."),
    key("limits.http_write_secs", "30", "Seconds after which a client that takes nothing of its answer is cut off."),
    key("limits.http_connections", "1024", "HTTP connections at once; further ones are answered 503."),
    key(
        "limits.http_connections_per_address",
        "256",
        "HTTP connections at once of one address, trusted proxies apart; further ones are answered 503.",
    ),
    key("limits.webhook_notices", "256", "Changes that wait for one webhook; then the oldest is dropped and counted."),
    key("limits.webhook_secs", "5", "Seconds for one attempt to tell a webhook."),
    key(
        "limits.webhook_attempts",
        "20",
        "Attempts to tell a webhook of one change, 1 s apart, then 2 s, up to 5 minutes.",
    ),
];

impl KymoToml {
    /// Reads the file; the error names it.
    pub fn read(path: &Path) -> Result<KymoToml> {
        let text = read_bounded(path)?;
        KymoToml::parse(&text).with_context(|| format!("read {}", path.display()))
    }

    /// Reads the text of a file.
    pub fn parse(text: &str) -> Result<KymoToml> {
        Ok(toml::from_str(text)?)
    }
}

/// The whole of a configuration file, which must be UTF-8 and below [`FILE_BYTES_MAX`].
pub fn read_bounded(path: &Path) -> Result<String> {
    let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    let mut text = String::new();
    let read = file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
    let bytes = read.with_context(|| format!("read {}", path.display()))?;
    ensure!(bytes as u64 <= FILE_BYTES_MAX, "{} is larger than {FILE_BYTES_MAX} bytes", path.display());
    Ok(text)
}

/// docs/config.md's table.
pub fn documentation() -> String {
    let row = |key: &Key| format!("| `{}` | {} | {} |\n", key.name, key.default, key.meaning);
    let rows: String = KEYS.iter().map(row).collect();
    format!("| key | default | meaning |\n|---|---|---|\n{rows}")
}
