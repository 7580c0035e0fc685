//! kymo's own series: every interval the counters of all stages become points under `kymo.` in its own store. What is
//! lost anywhere is a number here, and so a line on the first page.
//!
//! Counters end in `.count` and hold what happened in the interval, so that everybody's aggregation rules sum them up.

use crate::alerts;
use crate::clock;
use crate::commits::Uncommitted;
use render::access::Access;
use render::alert::{Board, State};
use render::app::{Figure, Health};
use render::draw::Unit;
use render::http::{Reason, Turned};
use statsd_agent::counters::{Counters, PickleReject, Reject};
use statsd_agent::wire::notice::Alert;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tsdb::{Point, SeriesId, Store, Timestamp};

/// The stages whose counters are read.
#[derive(Clone)]
pub struct Stages {
    /// The agent's.
    pub agent: Arc<Counters>,
    /// The store that points go to.
    pub store: Arc<dyn Store>,
    /// How its last commit went.
    pub uncommitted: Arc<Uncommitted>,
    /// Where HTTP is answered.
    pub http: SocketAddr,
    /// What HTTP turned away.
    pub turned: Arc<Turned>,
    /// Who is let in there.
    pub access: Arc<Access>,
    /// What became of alert rules.
    pub alerts: Arc<alerts::Counters>,
    /// How they stand.
    pub board: Arc<Board>,
}

impl Stages {
    /// What only grows, by its name below `kymo.`.
    fn counts(&self) -> Vec<(String, u64)> {
        let (agent, input, output) = (&self.agent, &self.agent.carbon_in, &self.agent.carbon_out);
        let named = [
            ("statsd.datagrams_read", agent.datagrams.get()),
            ("statsd.bytes", agent.bytes.get()),
            ("statsd.lines", agent.lines.get()),
            ("statsd.samples", agent.samples.get()),
            ("statsd.applied", agent.applied.get()),
            ("statsd.dated", agent.dated.get()),
            ("statsd.kernel_drops", agent.datagrams_dropped.get()),
            ("statsd.datagrams_truncated", agent.datagrams_truncated.get()),
            ("statsd.connections", agent.connections.get()),
            ("statsd.connections_silent", agent.connections_silent.get()),
            ("statsd.connections_idle", agent.connections_idle.get()),
            ("statsd.repeated", agent.repeated.get()),
            ("statsd.repeat_dropped", agent.repeat_dropped.get()),
            ("statsd.echo_dropped", agent.echo_dropped.get()),
            ("statsd.told_dropped", agent.told_dropped.get()),
            ("statsd.connections_refused", agent.connections_refused.get()),
            ("statsd.connections_failed", agent.connections_failed.get()),
            ("statsd.points", agent.points.get()),
            ("statsd.points_not_finite", agent.points_not_finite.get()),
            ("statsd.flushes_skipped", agent.flushes_skipped.get()),
            ("carbon.lines", input.lines.get()),
            ("carbon.points", input.points.get()),
            ("carbon.nan", input.nan.get()),
            ("carbon.bad", input.bad.get()),
            ("carbon.refused", input.refused.get()),
            ("carbon.pickles", input.pickles.get()),
            ("carbon.spool_dropped", output.spool_dropped.get()),
            ("http.requests", self.turned.requests()),
            ("http.given_again", self.turned.given_again()),
        ];
        let rejected = Reject::ALL.map(|reason| (format!("statsd.rejected.{}", reason.name()), agent.rejected(reason)));
        let events =
            Alert::ALL.map(|alert| (format!("statsd.events.{}", alert.name()), agent.events[alert as usize].get()));
        let pickles = PickleReject::ALL
            .map(|reason| (format!("carbon.pickles_rejected.{}", reason.name()), input.pickles_rejected(reason)));
        let turned =
            Reason::ALL.map(|reason| (format!("http.turned_away.{}", reason.name()), self.turned.away(reason)));
        let stored = self.store.counters().0.into_iter().map(|(name, value)| (format!("store.{name}"), value));
        named
            .map(|(name, value)| (name.to_string(), value))
            .into_iter()
            .chain(rejected)
            .chain(events)
            .chain(pickles)
            .chain(turned)
            .chain(self.alerts.all().map(|(name, value)| (format!("alerts.{name}"), value)))
            .chain(stored)
            .collect()
    }

    /// What goes up and down, by its name below `kymo.`.
    fn gauges(&self) -> Vec<(String, f64)> {
        let standings = self.board.standings();
        let at = |state: State| standings.iter().filter(|standing| standing.course.state == state).count() as u64;
        let named = [
            ("alerts.warning", at(State::Warning)),
            ("alerts.critical", at(State::Critical)),
            ("alerts.unknown", at(State::Unknown)),
            ("statsd.series", self.agent.series.get()),
            ("statsd.flush_ms", self.agent.flush_ms.get()),
            ("http.open_to_others", u64::from(!self.http.ip().is_loopback() && self.access.is_open_to_others())),
        ];
        named.map(|(name, value)| (name.to_string(), value as f64)).to_vec()
    }

    /// What the first page says about us.
    pub fn health(&self) -> Health {
        let (agent, stored) = (&self.agent, self.store.counters());
        let lost = [
            ("rejected samples", agent.rejected_total(), "sumSeries(kymo.statsd.rejected.*.count)"),
            ("kernel drops", agent.datagrams_dropped.get(), "kymo.statsd.kernel_drops.count"),
            ("points not stored", stored.dropped(), "sumSeries(kymo.store.dropped_*.count)"),
        ];
        let seen = [
            ("datagrams read", agent.datagrams.get(), Unit::Si, "kymo.statsd.datagrams_read.count"),
            ("samples applied", agent.applied.get(), Unit::Si, "kymo.statsd.applied.count"),
            ("points stored", stored.of("points_written"), Unit::Si, "kymo.store.points_written.count"),
            ("series", agent.series.get(), Unit::Si, "kymo.statsd.series"),
            ("last flush", agent.flush_ms.get(), Unit::Milliseconds, "kymo.statsd.flush_ms"),
        ];
        let figure = |(label, value, unit, target): (&str, u64, Unit, &str), is_loss| Figure {
            label: label.to_string(),
            value: value as f64,
            unit,
            target: Some(target.to_string()),
            is_loss,
        };
        let seen = seen.into_iter().map(|seen| figure(seen, false));
        let lost = lost.into_iter().map(|(label, value, target)| figure((label, value, Unit::Si, target), true));
        let full = stored.of("dropped_full") > 0;
        let written = full.then(|| self.store.recent_errors().pop()).flatten();
        let cannot_write = written.or_else(|| self.uncommitted.reason());
        Health { figures: seen.chain(lost).collect(), cannot_write }
    }
}

/// Writes the own series until it is stopped, and once more then.
pub struct OwnSeries {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl OwnSeries {
    /// A point of each series at every multiple of the interval since the epoch that lies after `taken_until_ms`. What a
    /// stop cuts short is dated by the end of its interval, as the agent dates it.
    pub fn start(stages: Stages, own: Arc<dyn Store>, interval: Duration, taken_until_ms: u64) -> OwnSeries {
        let (stop, stopped) = mpsc::channel();
        let interval_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX).max(1);
        let thread = thread::spawn(move || {
            let mut writer = Writer { stages, own, before: HashMap::new(), ids: HashMap::new(), names_version: 0 };
            let mut taken_until_ms = taken_until_ms;
            loop {
                let now_ms = clock::millis();
                let edge_ms = (now_ms.max(taken_until_ms) / interval_ms + 1) * interval_ms;
                let told = stopped.recv_timeout(Duration::from_millis(edge_ms - now_ms));
                writer.write(Timestamp(i64::try_from(edge_ms / 1000).unwrap_or(i64::MAX)));
                if told != Err(RecvTimeoutError::Timeout) {
                    return;
                }
                taken_until_ms = edge_ms;
            }
        });
        OwnSeries { stop, thread }
    }

    /// Writes what happened since the last edge, and ends.
    pub fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the writer of kymo's own series had ended early");
        }
    }
}

struct Writer {
    stages: Stages,
    own: Arc<dyn Store>,
    before: HashMap<String, u64>,
    ids: HashMap<String, SeriesId>,
    /// The store's, when it was asked for the ids.
    names_version: u64,
}

impl Writer {
    fn write(&mut self, at: Timestamp) {
        let version = self.own.names_version();
        if std::mem::replace(&mut self.names_version, version) != version {
            self.ids.clear();
        }
        let mut points = Vec::new();
        for (name, total) in self.stages.counts() {
            let before = self.before.insert(name.clone(), total).unwrap_or(0);
            points.extend(self.point(&format!("kymo.{name}.count"), at, total.saturating_sub(before) as f64));
        }
        for (name, value) in self.stages.gauges() {
            points.extend(self.point(&format!("kymo.{name}"), at, value));
        }
        self.own.write(clock::now(), &points);
    }

    fn point(&mut self, name: &str, at: Timestamp, value: f64) -> Option<Point> {
        let series = match self.ids.get(name) {
            Some(&series) => series,
            // Refused only when the store is full of series; it counts that itself.
            None => *self.ids.entry(name.to_string()).or_insert(self.own.resolve(name).ok()?),
        };
        Some(Point { series, at, value })
    }
}
