//! `kymo proxy`: statsd's proxy.js itself, with its configuration file, its ring and its console.

use super::signal;
use crate::cli::ProxyArgs;
use crate::clock;
use crate::config::proxy_file::{self, ProxyFile};
use anyhow::Result;
use statsd_agent::proxy::{Config, Notice, Proxy};
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};
use tracing::{info, warn};

/// How often the configuration file is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// Runs until SIGTERM or SIGINT; what waits in the sockets is forwarded before it ends, and the counts are logged.
pub fn run(args: &ProxyArgs) -> Result<ExitCode> {
    let path = &args.statsd_config;
    // Before the file is read, so that a change while it is read is a change.
    let mut seen = state_of(path);
    let mut file = proxy_file::read(path)?;
    warn_of(path, &file);
    let stop = signal::stop()?;
    let mut proxy = Proxy::start(&file.config, clock::millis, tell)?;
    let (lines, console) = (proxy.addresses(), proxy.console_addr());
    info!("proxy for {} nodes on {lines:?}, console on {console}", file.config.nodes.len());
    while !stop.comes_within(LOOK) {
        let now = state_of(path);
        if file.reloads && now != seen {
            seen = now;
            reload(path, &mut file, &mut proxy)?;
        }
    }
    info!("stopping: forwarding what was received");
    let counts = proxy.stop();
    info!("{}", counts.trim_end().replace('\n', ", "));
    Ok(ExitCode::SUCCESS)
}

/// A file that cannot be read leaves everything as it is: half an edit must not stop a proxy.
fn reload(path: &Path, file: &mut ProxyFile, proxy: &mut Proxy) -> Result<()> {
    let new = match proxy_file::read(path) {
        Ok(new) => new,
        Err(error) => {
            warn!("the configuration stays as it was: {error:#}");
            return Ok(());
        }
    };
    warn_of(path, &new);
    for key in needing_restart(&file.config, &new.config) {
        warn!("{}: {key} has changed, which needs a restart", path.display());
    }
    let config = &new.config;
    proxy.reload(&config.nodes, config.check_interval_ms, &config.console.config_text)?;
    info!("read {} again: {} nodes, checked every {} ms", path.display(), config.nodes.len(), config.check_interval_ms);
    // What needs a restart is compared with what runs, however often the file changes.
    file.reloads = new.reloads;
    Ok(())
}

fn needing_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let pairs = [
        ("the address, port or server", old.servers != new.servers),
        ("mgmt_address or mgmt_port", old.console.address != new.console.address),
        ("forkCount", old.receivers != new.receivers),
        ("cacheSize", old.limits.known_keys != new.limits.known_keys),
        ("datagramBytes", old.limits.datagram_bytes != new.limits.datagram_bytes),
        ("address_ipv6", old.ipv6 != new.ipv6),
    ];
    pairs.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| key).collect()
}

/// When the file was last written, and how long it is; `None` while it is away, as in the middle of being replaced.
fn state_of(path: &Path) -> Option<(SystemTime, u64)> {
    let found = fs::metadata(path).ok()?;
    Some((found.modified().ok()?, found.len()))
}

fn warn_of(path: &Path, file: &ProxyFile) {
    file.warnings.iter().for_each(|warning| warn!("{}: {warning}", path.display()));
}

fn tell(notice: &Notice<'_>) {
    match notice {
        Notice::Added(node) => warn!("adding node {node} to the ring"),
        Notice::Removed(node) => warn!("removing node {node} from the ring"),
        Notice::NoNodes => warn!("no backend statsd nodes available: lines are dropped and counted until one is up"),
        Notice::CheckFailed(node, error) => warn!("health check of node {node}: {error}"),
    }
}
