//! `kymo agent`: statsd itself, with statsd's configuration file, names and bytes. The file is read again when it changes.

use crate::cli::AgentArgs;
use crate::clock;
use crate::config::kymo_toml::read_bounded;
use crate::config::reload::differences;
use crate::config::statsd_file::{self, StatsdFile};
use crate::journal::Journal;
use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use statsd_agent::listen::socket::raise_descriptor_limit;
use statsd_agent::{Agent, Live, Sinks};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;
use std::{fs, thread};
use tracing::{info, warn};

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Runs until SIGTERM or SIGINT; the open interval is flushed before it ends.
pub fn run(args: &AgentArgs) -> Result<ExitCode> {
    let path = &args.statsd_config;
    let text = read_bounded(path)?;
    let mut file = statsd_file::parse(&text).with_context(|| format!("read {}", path.display()))?;
    for warning in &file.warnings {
        warn!("{}: {warning}", path.display());
    }
    if let Err(error) = raise_descriptor_limit() {
        warn!("the limit of open descriptors stays as it is: {error}");
    }
    if let Some(title) = &file.telling.title {
        entitle(title);
    }
    file.config.dialect = args.dialects.into();
    // Caught before anything is received, so that no signal can find data that nobody would flush.
    let signals = signals()?;
    let carbon = file.carbon.as_ref().map(|target| format!("{}:{}", target.host, target.port));
    let (journal, teller) = Journal::start(file.telling.clone());
    let sinks = Sinks { carbon: file.carbon.clone(), teller: Some(teller), ..Sinks::default() };
    let agent = Agent::start(&file.config, sinks, clock::millis)?;
    let flushing = carbon.map_or_else(|| "flushing nowhere".into(), |carbon| format!("flushing to {carbon}"));
    info!("statsd on {:?}, {flushing} every {} ms", agent.statsd_addrs(), file.config.flush.interval_ms);
    let mut reload = Reload { path: path.clone(), text, file, unreadable: None };
    loop {
        match signals.recv_timeout(LOOK) {
            Ok(SIGHUP) => reload.read(&agent, &journal, Asked::BySignal),
            Err(RecvTimeoutError::Timeout) if reload.file.reload => reload.read(&agent, &journal, Asked::ByNobody),
            Err(RecvTimeoutError::Timeout) => {}
            Ok(_) | Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    info!("stopping: flushing the open interval");
    agent.stop();
    journal.end();
    Ok(ExitCode::SUCCESS)
}

fn signals() -> Result<Receiver<i32>> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).context("catch SIGTERM, SIGINT and SIGHUP")?;
    let (came, signal) = mpsc::channel();
    thread::spawn(move || signals.forever().all(|signal| came.send(signal).is_ok()));
    Ok(signal)
}

/// What `ps -o comm` and `top` show; the kernel cuts it to 15 bytes. A system without /proc shows our own name.
fn entitle(title: &str) {
    if let Err(error) = fs::write("/proc/self/comm", title) {
        warn!("title: {error}");
    }
}

/// Who wants the file to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    BySignal,
    ByNobody,
}

/// The configuration that holds, and the text of the file that it was last compared with.
struct Reload {
    path: PathBuf,
    text: String,
    file: StatsdFile,
    /// Why the file could not be read, said once.
    unreadable: Option<String>,
}

impl Reload {
    /// Reads the file and applies what can be applied. A broken file changes nothing.
    fn read(&mut self, agent: &Agent, journal: &Journal, asked: Asked) {
        let text = match read_bounded(&self.path) {
            Ok(text) => text,
            Err(error) => return self.keep(format!("{error:#}")),
        };
        if text == self.text && asked == Asked::ByNobody {
            return;
        }
        let path = self.path.display();
        let new = match statsd_file::parse(&text) {
            Ok(new) => new,
            Err(error) => {
                self.text = text;
                return self.keep(format!("{path}: {error:#}"));
            }
        };
        let lines = differences(&self.file.stated, &new.stated);
        info!("{path} was read again: {} keys differ", lines.len());
        lines.iter().for_each(|line| info!("{path}: {line}"));
        for warning in new.warnings.iter().filter(|warning| !self.file.warnings.contains(warning)) {
            warn!("{path}: {warning}");
        }
        let (flush, print) = (new.config.flush.clone(), new.config.print.clone());
        agent.reconfigure(Live { flush, print, messages: new.config.messages });
        // Where names are written and what the process is called stay until a restart.
        let running = &self.file.telling;
        let (key_file, title) = (running.key_file.clone(), running.title.clone());
        let telling = statsd_file::Telling { key_file, title, ..new.telling.clone() };
        journal.set(telling.clone());
        self.file = StatsdFile { telling, ..new };
        (self.text, self.unreadable) = (text, None);
    }

    fn keep(&mut self, why: String) {
        if self.unreadable.as_ref() != Some(&why) {
            warn!("the configuration stays as it was: {why}");
            self.unreadable = Some(why);
        }
    }
}
