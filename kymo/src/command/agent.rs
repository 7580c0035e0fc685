//! `kymo agent`: statsd itself, with statsd's configuration file, names and bytes.

use crate::cli::AgentArgs;
use crate::clock;
use crate::config::statsd_file;
use anyhow::{Context, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use statsd_agent::{Agent, Sinks};
use std::process::ExitCode;
use std::thread;
use tracing::{info, warn};

/// Receivers beyond this help nobody: the kernel spreads senders, not datagrams, over them.
const RECEIVERS_MAX: usize = 4;

/// Runs until SIGTERM or SIGINT; the open interval is flushed before it ends.
pub fn run(args: &AgentArgs) -> Result<ExitCode> {
    let mut file = statsd_file::read(&args.statsd_config)?;
    for warning in &file.warnings {
        warn!("{}: {warning}", args.statsd_config.display());
    }
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
    file.config.dialect = args.dialects.into();
    file.config.receivers = cores.min(RECEIVERS_MAX) as u16;
    // Caught before anything is received, so that no signal can find data that nobody would flush.
    let mut signals = Signals::new([SIGTERM, SIGINT]).context("catch SIGTERM and SIGINT")?;
    let carbon = file.carbon.as_ref().map(|target| format!("{}:{}", target.host, target.port));
    let agent = Agent::start(&file.config, Sinks { carbon: file.carbon, ..Sinks::default() }, clock::millis)?;
    let flushing = carbon.map_or_else(|| "flushing nowhere".into(), |carbon| format!("flushing to {carbon}"));
    info!("statsd on {:?}, {flushing} every {} ms", agent.statsd_addrs(), file.config.flush.interval_ms);
    signals.forever().next();
    info!("stopping: flushing the open interval");
    agent.stop();
    Ok(ExitCode::SUCCESS)
}
