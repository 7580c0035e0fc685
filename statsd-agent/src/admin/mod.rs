//! statsd's management console: one command a chunk, answered as statsd answers. It has no authentication, so kymo opens it
//! only where the configuration says, and it never evaluates anything.

use crate::config;
use crate::config::Backend;
use crate::counters::Counters;
use crate::flush::{Ledger, Request};
use crate::inspect::{Form, Value, inspect};
use crate::listen::stream::{Heard, Next, Server};
use crate::listen::{Bell, Shared};
use crate::wire::Kind;
use crossbeam_channel::Sender;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

const HELP: &str =
    "Commands: stats, counters, timers, gauges, delcounters, deltimers, delgauges, health, config, quit\n\n";
/// How long the flush thread may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Series shown at most: a console is read by eyes, and a million names would be 30 MB of text.
const SHOWN: usize = 10_000;
/// Commands longer than this are not commands.
const COMMAND_BYTES: usize = 8192;

/// The console's state.
pub struct Console {
    /// Asks the flush thread.
    pub requests: Sender<Request>,
    /// Its settings.
    pub settings: config::Console,
    /// What all threads see.
    pub shared: Arc<Shared>,
    /// Milliseconds since the epoch.
    pub clock: fn() -> u64,
    /// Second of the start.
    pub started_secs: u64,
    /// What `health` answers; set by `health up|down`.
    pub healthy: bool,
}

impl Console {
    /// Serves until the agent stops.
    pub fn serve(mut self, server: Server, bell: &Bell) {
        server.serve(bell, &mut self, |console, heard, reply| console.hear(&heard, reply), |_| {});
    }

    fn hear(&mut self, heard: &Heard<'_>, reply: &mut Vec<u8>) -> Next {
        let Heard::Lines(bytes) = heard else { return Next::Close };
        if bytes.len() > COMMAND_BYTES {
            return Next::Close;
        }
        // statsd reads seven bits of each byte, and one command of each chunk: two lines in one are an error.
        let text: String = bytes.iter().map(|byte| char::from(byte & 0x7f)).collect();
        let mut words = text.trim().split(' ');
        let command = words.next().unwrap_or_default();
        let rest: Vec<String> = words.map(str::to_owned).collect();
        if command == "quit" {
            return Next::Close;
        }
        reply.extend_from_slice(self.reply(command, rest).as_bytes());
        Next::Listen
    }

    fn reply(&mut self, command: &str, rest: Vec<String>) -> String {
        match command {
            "help" => HELP.into(),
            "config" => self.config(),
            "health" => self.health(rest.first()),
            "stats" => self.stats(),
            "counters" => self.ask(|reply| Request::Show(Kind::Counter, reply)),
            "timers" => self.ask(|reply| Request::Show(Kind::Timer, reply)),
            "gauges" => self.ask(|reply| Request::Show(Kind::Gauge, reply)),
            "delcounters" => self.ask(|reply| Request::Delete(Kind::Counter, rest, reply)),
            "deltimers" => self.ask(|reply| Request::Delete(Kind::Timer, rest, reply)),
            "delgauges" => self.ask(|reply| Request::Delete(Kind::Gauge, rest, reply)),
            _ => "ERROR\n".into(),
        }
    }

    fn config(&self) -> String {
        let late = if self.shared.counters.flushes.get() > 0 { &*self.settings.config_text_late } else { "" };
        format!("\n{}{late}", self.settings.config_text)
    }

    fn health(&mut self, wish: Option<&String>) -> String {
        match wish.map(|wish| wish.to_lowercase()).as_deref() {
            Some("up") => self.healthy = true,
            Some("down") => self.healthy = false,
            _ => {}
        }
        format!("health: {}\n", if self.healthy { "up" } else { "down" })
    }

    fn ask(&self, request: impl FnOnce(Sender<String>) -> Request) -> String {
        let (reply, answer) = crossbeam_channel::bounded(1);
        let asked = self.requests.send_timeout(request(reply), PATIENCE).is_ok();
        asked.then(|| answer.recv_timeout(PATIENCE).ok()).flatten().unwrap_or_else(|| "ERROR\n".into())
    }

    fn stats(&self) -> String {
        let now_secs = ((self.clock)() + 500) / 1000;
        stats(&self.shared.counters, &self.settings.backends, now_secs, self.started_secs)
    }
}

fn stats(counters: &Counters, backends: &[Backend], now_secs: u64, started_secs: u64) -> String {
    let ago = |secs: u64| now_secs.saturating_sub(secs);
    let since_start = |secs: u64| ago(if secs == 0 { started_secs } else { secs });
    let bad_lines: u64 = crate::counters::Reject::ALL
        .iter()
        .filter(|reason| reason.is_bad_line())
        .map(|&reason| counters.rejected(reason))
        .sum();
    let carbon = &counters.carbon_out;
    let mut rows = vec![
        ("uptime", now_secs.saturating_sub(started_secs)),
        ("messages.last_msg_seen", since_start(counters.heard_at_secs.get())),
        ("messages.bad_lines_seen", bad_lines),
    ];
    for backend in backends {
        match backend {
            Backend::Graphite => rows.extend([
                ("graphite.last_flush", since_start(carbon.last_flush_secs.get())),
                // Without one it is the time since the epoch, as statsd prints it.
                ("graphite.last_exception", ago(carbon.last_exception_secs.get())),
                ("graphite.flush_time", carbon.flush_ms.get()),
                ("graphite.flush_length", carbon.flush_bytes.get()),
            ]),
            // statsd never moves them.
            Backend::Console => {
                rows.extend([("console.lastFlush", started_secs), ("console.lastException", started_secs)]);
            }
        }
    }
    let mut out = String::new();
    for (name, value) in rows {
        // A String takes every write.
        let _ = writeln!(out, "{name}: {value}");
    }
    out + "END\n\n"
}

/// The live series of a kind, as Node prints an object.
pub fn show(ledger: &Ledger, kind: Kind) -> String {
    let book = &ledger.book;
    let mut samples = book.grouped();
    let shown: Vec<u32> = book.live(kind).take(SHOWN).collect();
    let hidden = book.live(kind).count() - shown.len();
    let mut entries = Vec::with_capacity(shown.len());
    for id in shown {
        let series = &book.series[id as usize];
        let value = match kind {
            Kind::Timer => Value::numbers(samples.of(id)),
            Kind::Set => Value::Number(f64::from(series.members)),
            Kind::Counter | Kind::Gauge => Value::Number(series.value),
        };
        entries.push((series.name.to_string(), value));
    }
    let mut out = inspect(&Value::Object(entries), Form::PLAIN);
    if hidden > 0 {
        let _ = write!(out, "\n... {hidden} more");
    }
    out + "\nEND\n\n"
}

/// Deletes the series that the patterns name, with statsd's line for each.
pub fn delete(ledger: &mut Ledger, kind: Kind, patterns: &[String]) -> String {
    let mut out = String::new();
    for pattern in patterns {
        let deleted = ledger.book.delete(kind, pattern);
        if deleted.is_empty() {
            let _ = writeln!(out, "metric {pattern} not found");
        }
        for name in deleted {
            let _ = writeln!(out, "deleted: {name}");
        }
    }
    out + "END\n\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stats_count_seconds_since_and_start_where_nothing_was() {
        let counters = Counters::default();
        counters.heard_at_secs.set(1_000_040);
        let text = stats(&counters, &[Backend::Graphite, Backend::Console], 1_000_050, 1_000_000);
        assert!(text.starts_with("uptime: 50\nmessages.last_msg_seen: 10\nmessages.bad_lines_seen: 0\n"), "{text}");
        assert!(text.contains("graphite.last_flush: 50\ngraphite.last_exception: 1000050\n"), "{text}");
        assert!(text.ends_with("console.lastFlush: 1000000\nconsole.lastException: 1000000\nEND\n\n"), "{text}");
    }
}
