//! The proxy's management console: proxy.js's commands and replies; `status` goes on with what the proxy counted.

use super::roster::Roster;
use super::{Counters, Lost};
use crate::listen::stream::{Heard, Next, Server};
use crate::listen::{Bell, Shared};
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

const HELP: &str = "Commands: config, health, status, quit\n\n";
/// Commands longer than this are not commands.
const COMMAND_BYTES: usize = 8192;

/// The console's state.
pub struct Console {
    /// The nodes.
    pub roster: Arc<Roster>,
    /// The proxy's own counts.
    pub counters: Arc<Counters>,
    /// What the receivers count.
    pub shared: Arc<Shared>,
    /// The reply to `config`. A mutex, because a reload replaces it, which happens once in a blue moon.
    pub config_text: Arc<Mutex<String>>,
    /// Milliseconds since the epoch.
    pub clock: fn() -> u64,
    /// Second of the start.
    pub started_secs: u64,
    /// What `health` answers; set by `health up|down`.
    pub healthy: bool,
}

impl Console {
    /// Serves until the proxy stops.
    pub fn serve(mut self, server: Server, bell: &Bell) {
        server.serve(bell, &mut self, |console, heard, reply| console.hear(&heard, reply), |_| {});
    }

    fn hear(&mut self, heard: &Heard<'_>, unsent: &mut Vec<u8>) -> Next {
        let Heard::Lines(bytes) = heard else { return Next::Close };
        if bytes.len() > COMMAND_BYTES {
            return Next::Close;
        }
        let text = String::from_utf8_lossy(bytes);
        let mut words = text.trim().split(' ');
        let reply = match words.next().unwrap_or_default() {
            "help" => HELP.into(),
            "config" => {
                format!("\n{}", self.config_text.lock().unwrap_or_else(PoisonError::into_inner))
            }
            "health" => self.health(words.next()),
            "status" => self.status(),
            "quit" => return Next::Close,
            _ => "ERROR\n".into(),
        };
        unsent.extend_from_slice(reply.as_bytes());
        Next::Listen
    }

    fn health(&mut self, wish: Option<&str>) -> String {
        match wish.map(str::to_lowercase).as_deref() {
            Some("up") => self.healthy = true,
            Some("down") => self.healthy = false,
            _ => {}
        }
        format!("health: {}\n", if self.healthy { "up" } else { "down" })
    }

    fn status(&self) -> String {
        let uptime_secs = ((self.clock)() / 1000).saturating_sub(self.started_secs);
        let mut out = format!("uptime: {uptime_secs}\nnodes: ");
        self.roster.on_ring().iter().for_each(|name| {
            out.push_str(name);
            out.push(' ');
        });
        out.push('\n');
        out + &counts(&self.roster, &self.counters, &self.shared)
    }
}

/// What was received, forwarded and dropped, one count a line.
pub fn counts(roster: &Roster, counters: &Counters, shared: &Shared) -> String {
    let heard = &shared.counters;
    let mut out = String::new();
    // A String takes every write.
    let mut row = |name: &str, value: u64| {
        let _ = writeln!(out, "{name}: {value}");
    };
    row("lines.received", heard.lines.get());
    row("lines.forwarded", counters.forwarded.get());
    for reason in Lost::ALL {
        row(&format!("lines.dropped.{}", reason.name()), counters.lost[reason as usize].get());
    }
    row("datagrams.received", heard.datagrams.get());
    row("datagrams.kernel_drops", heard.datagrams_dropped.get());
    row("datagrams.refused", counters.refused.get());
    row("checks", counters.checks.get());
    row("checks.failed", counters.checks_failed.get());
    for (node, up) in roster.nodes() {
        let state = if up { "up" } else { "down" };
        let (lines, datagrams, refused) = (node.lines.get(), node.datagrams.get(), node.refused.get());
        let _ = writeln!(out, "node {}: {state}, {lines} lines, {datagrams} datagrams, {refused} refused", node.name());
    }
    out
}
