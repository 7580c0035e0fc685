//! Prints what the agent tells, in statsd's forms: messages, the most frequent names, flushes. One thread, so that a slow
//! terminal or disk keeps nobody else waiting.

mod syslog;

use crate::clock;
use crate::config::statsd_file::{Log, Telling};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};
use statsd_agent::told::{Teller, Told, channel};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use syslog::Syslog;

/// Failures of the same kind are said again after this long.
const QUIET_MS: u64 = 60_000;

/// The thread that prints, and what it goes by.
pub struct Journal {
    telling: Arc<Mutex<Telling>>,
    printing: JoinHandle<()>,
}

impl Journal {
    /// Begins to print. The way to it is for an agent; printing ends when that agent has.
    pub fn start(telling: Telling) -> (Journal, Teller) {
        let (teller, told) = channel();
        // Held for a clone or a replacement only.
        let telling = Arc::new(Mutex::new(telling));
        let printer =
            Printer { telling: Arc::clone(&telling), syslog: Syslog::default(), warned_ms: 0, key_warned: false };
        let printing = thread::spawn(move || drop(told.into_iter().fold(printer, Printer::print)));
        (Journal { telling, printing }, teller)
    }

    /// Prints so from now on.
    pub fn set(&self, telling: Telling) {
        *self.telling.lock().unwrap_or_else(PoisonError::into_inner) = telling;
    }

    /// Waits for the last line.
    pub fn end(self) {
        if self.printing.join().is_err() {
            tracing::error!("the thread that prints had ended early");
        }
    }
}

struct Printer {
    telling: Arc<Mutex<Telling>>,
    syslog: Syslog,
    warned_ms: u64,
    key_warned: bool,
}

impl Printer {
    fn print(mut self, told: Told) -> Printer {
        let telling = self.telling.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match told {
            Told::Lines(lines) => {
                let text = String::from_utf8_lossy(&lines);
                self.log(&telling.log, text.split_terminator('\n'));
            }
            Told::Keys(keys) => self.keys(&telling, &keys),
            Told::Flushed { at_secs, text } => {
                out(&format!("Flushing stats at  {}\n{text}\n", date(&at(at_secs.saturating_mul(1000)))));
            }
            Told::Counted(series) if telling.debug => self.log(&telling.log, [&*format!("numStats: {series}")]),
            Told::Counted(_) => {}
            Told::Unsent(why) => self.unsent(&telling, &why),
        }
        self
    }

    /// Lines as statsd logs them: with the level `DEBUG`, as every line without a level has.
    fn log<'a>(&mut self, log: &Log, lines: impl IntoIterator<Item = &'a str>) {
        let now = now();
        match log {
            Log::Stdout => {
                let date = now.strftime("%-d %b %H:%M:%S").to_string();
                let text: String = lines.into_iter().map(|line| format!("{date} - DEBUG: {line}\n")).collect();
                out(&text);
            }
            Log::Syslog { application, level } => {
                lines.into_iter().for_each(|line| self.syslog.log(application, *level, &now, line));
            }
        }
    }

    fn keys(&mut self, telling: &Telling, keys: &[(String, u64)]) {
        let date = date(&now());
        let text: String = keys.iter().map(|(name, count)| format!("{date} count={count} key={name}\n")).collect();
        match &telling.key_file {
            None => out(&text),
            Some(path) => match append(path, &text) {
                Ok(()) => self.key_warned = false,
                Err(error) => {
                    if !std::mem::replace(&mut self.key_warned, true) {
                        tracing::warn!("write the most frequent names to {}: {error}", path.display());
                    }
                }
            },
        }
    }

    fn unsent(&mut self, telling: &Telling, why: &str) {
        let now_ms = clock::millis();
        if now_ms.saturating_sub(self.warned_ms) >= QUIET_MS {
            self.warned_ms = now_ms;
            tracing::warn!("Graphite took no flush, which waits: {why}");
        }
        if telling.debug {
            self.log(&telling.log, [why]);
        }
    }
}

/// Nobody reads any more: nothing to do about it.
fn out(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn append(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).open(path)?.write_all(text.as_bytes())
}

fn now() -> ZonedDateTime {
    at(i64::try_from(clock::millis()).unwrap_or(i64::MAX))
}

fn at(ms: i64) -> ZonedDateTime {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned_datetime(TimeZone::system())
}

/// A date as JavaScript prints it; zones other than UTC by their short name.
fn date(at: &ZonedDateTime) -> String {
    let short = at.strftime("%Z").to_string();
    let zone = if short == "UTC" { "Coordinated Universal Time" } else { &short };
    format!("{} ({zone})", at.strftime("%a %b %d %Y %H:%M:%S GMT%z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_javascript() {
        let at = Timestamp::from_second(1_700_000_010).unwrap();
        let utc = date(&at.to_zoned_datetime(TimeZone::UTC));
        assert_eq!(utc, "Tue Nov 14 2023 22:13:30 GMT+0000 (Coordinated Universal Time)");
        let berlin = date(&at.to_zoned_datetime(TimeZone::get("Europe/Berlin").unwrap()));
        assert_eq!(berlin, "Tue Nov 14 2023 23:13:30 GMT+0100 (CET)");
    }
}
