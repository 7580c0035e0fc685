//! What `kymo serve` runs with, after every source of configuration was read once.

use super::access::{self, TlsFiles};
use super::alerts;
use super::kymo_toml::{KymoToml, Limits, QuotaTable};
use crate::cli::{Dialects, ServeArgs};
use anyhow::{Context, Result, bail};
use render::access::Known;
use render::alert::Rule;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;
use tsdb::SyncPolicy;

/// Parsed and complete: nothing behind it asks for a default.
#[derive(Clone)]
pub struct Settings {
    /// Folder of kymo's own store.
    pub data: PathBuf,
    /// A foreign whisper tree that takes the place of the own store for points and queries.
    pub whisper: Option<PathBuf>,
    /// StatsD over UDP; `None` when nothing but statsd's file says where, and it says so.
    pub statsd: Option<SocketAddr>,
    /// Carbon lines over TCP and UDP.
    pub carbon: SocketAddr,
    /// Carbon's pickles over TCP.
    pub carbon_pickle: SocketAddr,
    /// The page and the API.
    pub http: SocketAddr,
    /// `None` when only statsd's file or the default may say.
    pub flush_interval: Option<Duration>,
    /// Which StatsD lines are understood.
    pub dialects: Dialects,
    /// When the own store is handed to the disk.
    pub sync: SyncPolicy,
    /// Seconds without a value after which a series of the own store ends.
    pub expire_after_secs: Option<i64>,
    /// statsd's file.
    pub statsd_config: Option<PathBuf>,
    /// carbon's storage-schemas.conf.
    pub storage_schemas: Option<PathBuf>,
    /// carbon's storage-aggregation.conf.
    pub storage_aggregation: Option<PathBuf>,
    /// graphite-web's graphTemplates.conf.
    pub graph_templates: Option<PathBuf>,
    /// Who is let in.
    pub known: Known,
    /// What TLS needs, where it is spoken.
    pub tls: Option<TlsFiles>,
    /// Alert rules.
    pub alerts: Vec<Rule>,
    /// Between two looks at them.
    pub alert_interval: Duration,
    /// Certificates that webhooks are trusted by.
    pub webhook_ca: Option<PathBuf>,
    /// Bounds on the series of some prefixes.
    pub quotas: Vec<QuotaTable>,
    /// Bounds; what is `None` there has the default of the stage that keeps it.
    pub limits: Limits,
    /// The interface where no address is given.
    pub default_host: IpAddr,
}

/// statsd's own default interval.
pub const FLUSH_INTERVAL: Duration = Duration::from_secs(10);

/// Between two looks at alert rules.
const ALERT_INTERVAL: Duration = Duration::from_secs(30);

/// A thousand years: longer ones are mistakes, and would overflow a date.
const LONGEST_SECS: i64 = 1000 * 365 * 86_400;

/// statsd's own default port.
pub const STATSD_PORT: u16 = 8125;

impl Settings {
    /// Reads kymo.toml if one is named and lays the flags over it.
    pub fn resolve(args: &ServeArgs) -> Result<Settings> {
        let file = match &args.config {
            Some(path) => KymoToml::read(path)?,
            None => KymoToml::default(),
        };
        let listen_all = args.listen_all || file.listen_all.unwrap_or(false);
        let host = if listen_all { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V4(Ipv4Addr::LOCALHOST) };
        let address = |flag: &Option<String>, key: &Option<String>, port: u16| match flag.as_ref().or(key.as_ref()) {
            Some(text) => parse_address(text, host),
            None => Ok(SocketAddr::new(host, port)),
        };
        let statsd_config = args.statsd_config.clone().or(file.statsd_config);
        let said_statsd = args.statsd.is_some() || file.statsd.is_some() || statsd_config.is_none();
        let statsd = if said_statsd { Some(address(&args.statsd, &file.statsd, STATSD_PORT)?) } else { None };
        let interval = args.flush_interval.as_ref().or(file.flush_interval.as_ref());
        Ok(Settings {
            data: args.data.clone().or(file.data).unwrap_or_else(|| PathBuf::from("kymo-data")),
            whisper: args.whisper.clone().or(file.whisper),
            statsd,
            carbon: address(&args.carbon, &file.carbon, 2003)?,
            carbon_pickle: address(&args.carbon_pickle, &file.carbon_pickle, 2004)?,
            http: address(&args.http, &file.http, 8080)?,
            flush_interval: interval.map(|text| parse_interval(text)).transpose()?,
            dialects: args.dialects.or(file.dialects).unwrap_or(Dialects::All),
            sync: file.sync.as_deref().map_or(Ok(SyncPolicy::Flush), parse_sync)?,
            expire_after_secs: file.store.expire_after.as_deref().map(parse_expire_after).transpose()?,
            statsd_config,
            storage_schemas: args.storage_schemas.clone().or(file.storage_schemas),
            storage_aggregation: args.storage_aggregation.clone().or(file.storage_aggregation),
            graph_templates: args.graph_templates.clone().or(file.graph_templates),
            known: access::known(&file.access, &file.tokens, &file.users)?,
            tls: TlsFiles::of(file.tls_certificate, file.tls_key)?,
            alerts: alerts::rules(&file.alerts)?,
            alert_interval: file.alert_interval.as_deref().map_or(Ok(ALERT_INTERVAL), parse_alert_interval)?,
            webhook_ca: file.webhook_ca,
            quotas: file.quotas,
            limits: file.limits,
            default_host: host,
        })
    }
}

/// `127.0.0.1:8125`, `[::1]:8125`, `localhost:8125`, `:8125` or `8125`.
pub fn parse_address(text: &str, default_host: IpAddr) -> Result<SocketAddr> {
    if let Ok(port) = text.trim_start_matches(':').parse::<u16>() {
        return Ok(SocketAddr::new(default_host, port));
    }
    let mut resolved =
        text.to_socket_addrs().with_context(|| format!("{text:?} is not an address such as 0.0.0.0:8125"))?;
    resolved.next().with_context(|| format!("{text:?} has no address"))
}

fn parse_alert_interval(text: &str) -> Result<Duration> {
    match alerts::secs(text).context("alert_interval")? {
        0 => bail!("alert_interval is at least 1s"),
        secs => Ok(Duration::from_secs(secs.unsigned_abs())),
    }
}

fn parse_expire_after(text: &str) -> Result<i64> {
    long_secs(text).context("store.expire_after")
}

/// A time such as `12h`, `30d` or `1y` in seconds.
pub fn long_secs(text: &str) -> Result<i64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let scale = match &text[digits.len()..] {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        "y" => 365 * 86_400,
        _ => 0,
    };
    let number = digits.parse::<i64>().ok().filter(|number| *number > 0);
    match number.and_then(|number| number.checked_mul(scale)).filter(|secs| (1..=LONGEST_SECS).contains(secs)) {
        Some(secs) => Ok(secs),
        None => bail!("{text:?} is not a time such as 12h, 30d or 1y"),
    }
}

/// `flush`, `none`, or a time such as `60s`.
fn parse_sync(text: &str) -> Result<SyncPolicy> {
    let secs = |text: &str| text.strip_suffix('s').unwrap_or(text).parse::<u32>().ok().filter(|secs| *secs > 0);
    match text {
        "flush" => Ok(SyncPolicy::Flush),
        "none" => Ok(SyncPolicy::None),
        text => match secs(text) {
            Some(secs) => Ok(SyncPolicy::Interval(secs)),
            None => bail!("sync {text:?} is not flush, none, or a time in seconds such as 60s"),
        },
    }
}

/// `10s`, `500ms`, `1m` or plain seconds; at least 100 ms, at most an hour.
pub fn parse_interval(text: &str) -> Result<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let scale_ms = match &text[digits.len()..] {
        "ms" => 1.0,
        "" | "s" => 1e3,
        "m" | "min" => 6e4,
        unit => bail!("unknown unit {unit:?} in flush interval {text:?}: s, ms or m"),
    };
    let number: f64 = digits.parse().with_context(|| format!("flush interval {text:?} is not a time such as 10s"))?;
    let ms = number * scale_ms;
    if !(100.0..=3_600_000.0).contains(&ms) {
        bail!("flush interval {text:?} is outside 100ms to 60m");
    }
    Ok(Duration::from_millis(ms.round() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_have_units_and_bounds() {
        assert_eq!(parse_interval("10s").unwrap(), Duration::from_secs(10));
        assert_eq!(parse_interval("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(parse_interval("2").unwrap(), Duration::from_secs(2));
        assert_eq!(parse_interval("1m").unwrap(), Duration::from_secs(60));
        for bad in ["", "s", "10h", "0s", "99ms", "-1s", "NaN", "1e9", "inf"] {
            assert!(parse_interval(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn long_times_have_a_unit() {
        let secs = |text: &str| long_secs(text).unwrap();
        assert_eq!([secs("30d"), secs("1y"), secs("90s"), secs("1000y")], [2_592_000, 31_536_000, 90, LONGEST_SECS]);
        let bad = ["", "d", "30", "0d", "-1d", "1.5h", "1001y", "9999999999999999999y"];
        assert!(bad.iter().all(|text| long_secs(text).is_err()));
    }

    #[test]
    fn sync_is_a_word_or_a_time() {
        assert_eq!(parse_sync("flush").unwrap(), SyncPolicy::Flush);
        assert_eq!(parse_sync("none").unwrap(), SyncPolicy::None);
        assert_eq!(parse_sync("60s").unwrap(), SyncPolicy::Interval(60));
        assert!(["", "0s", "soon", "1m"].iter().all(|bad| parse_sync(bad).is_err()));
    }

    #[test]
    fn addresses_may_leave_the_host_out() {
        let host = IpAddr::V4(Ipv4Addr::LOCALHOST);
        for text in ["8125", ":8125", "127.0.0.1:8125"] {
            assert_eq!(parse_address(text, host).unwrap().to_string(), "127.0.0.1:8125");
        }
        assert_eq!(parse_address("[::1]:1", host).unwrap().to_string(), "[::1]:1");
        assert!(parse_address("nowhere", host).is_err());
        assert!(parse_address("70000", host).is_err());
    }
}
