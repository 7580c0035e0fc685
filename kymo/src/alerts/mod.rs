//! Alert rules at work: a thread looks at all of them every so often, tells webhooks what changed, and writes down how they
//! stand, so that a restart neither forgets an alert nor tells it twice.

mod kept;
mod webhook;

use crate::clock;
use kept::Kept;
use render::Catalogue;
use render::alert::{Board, Change, Course, Notice, Rule, Standing, State};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tsdb::Timestamp;

pub use webhook::Post;

/// A break in which nobody looked that is shorter than this many rounds is none.
const BREAK_ROUNDS_MAX: i64 = 4;

/// What the thread is started with.
pub struct Plan {
    /// The rules.
    pub rules: Vec<Rule>,
    /// Between two rounds.
    pub every: Duration,
    /// Where it is written down how they stand.
    pub file: PathBuf,
    /// What a target may cost.
    pub limits: query::Limits,
    /// How webhooks are told.
    pub post: Post,
}

/// What happened since the start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Rounds over all rules.
    pub rounds: AtomicU64,
    /// States that became another.
    pub changes: AtomicU64,
    /// Targets that could not be answered.
    pub unanswered: AtomicU64,
    /// Webhooks that were told.
    pub told: AtomicU64,
    /// Attempts that failed and are made again.
    pub retried: AtomicU64,
    /// Changes that a webhook was not told of in the end.
    pub dropped: AtomicU64,
}

impl Counters {
    /// Each by its name.
    pub fn all(&self) -> [(&'static str, u64); 6] {
        [
            ("rounds", &self.rounds),
            ("changes", &self.changes),
            ("unanswered", &self.unanswered),
            ("webhooks_told", &self.told),
            ("webhooks_retried", &self.retried),
            ("webhooks_dropped", &self.dropped),
        ]
        .map(|(name, count)| (name, count.load(Ordering::Relaxed)))
    }
}

/// The thread.
pub struct Alerts {
    /// How the rules stand.
    pub board: Arc<Board>,
    /// What became of them.
    pub counters: Arc<Counters>,
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Alerts {
    /// Begins to look at the series of this catalogue.
    pub fn start(plan: Plan, catalogue: Arc<dyn Catalogue>) -> anyhow::Result<Alerts> {
        let (board, counters) = (Arc::new(Board::default()), Arc::new(Counters::default()));
        let mut watch = Watch::new(&plan, &board, clock::now(), Arc::clone(&counters))?;
        let shown = Arc::clone(&board);
        let (stop, stopped) = mpsc::channel();
        let thread = thread::spawn(move || {
            // A moment for the first points; a rule would see no data before.
            let mut wait = plan.every.min(Duration::from_secs(1));
            while !plan.rules.is_empty() && stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                watch.round(&shown, &*catalogue, &plan.limits, clock::now());
                wait = plan.every;
            }
            watch.end(&shown);
        });
        Ok(Alerts { board, counters, stop, thread })
    }

    /// Stops after the round that goes on.
    pub fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the thread that looks at alerts had ended early");
        }
    }
}

/// What the thread holds.
struct Watch {
    kept: Kept,
    webhooks: webhook::Webhooks,
    /// By rule: the state that its webhook was last told of.
    told: HashMap<String, State>,
    counters: Arc<Counters>,
}

impl Watch {
    fn new(plan: &Plan, board: &Board, now: Timestamp, counters: Arc<Counters>) -> anyhow::Result<Watch> {
        let kept = Kept::new(plan.file.clone());
        let unseen_secs_max = i64::try_from(plan.every.as_secs()).unwrap_or(i64::MAX).saturating_mul(BREAK_ROUNDS_MAX);
        let mut before = if plan.rules.is_empty() { HashMap::new() } else { kept.read() };
        let webhooks = webhook::Webhooks::start(&plan.rules, &plan.post, &counters)?;
        let mut watch = Watch { kept, webhooks, told: HashMap::new(), counters };
        let mut standings = Vec::new();
        for rule in &plan.rules {
            let known = before.remove(&rule.name).filter(|(known, ..)| *known == kept::fingerprint(rule));
            let (course, told) = match known {
                Some((_, course, told)) => (course.resume(now, unseen_secs_max), told),
                None => (Course::new(now), State::Ok),
            };
            let standing = Standing { course, ..Standing::new(Arc::new(rule.clone()), now) };
            let told = if rule.webhook.is_some() { told } else { standing.course.state };
            watch.told.insert(rule.name.clone(), told);
            if told != standing.course.state {
                // The program ended between the change and the webhook's answer.
                let change = Change { from: told, to: standing.course.state };
                watch.webhooks.send(&Notice { standing: standing.clone(), change });
            }
            standings.push(standing);
        }
        board.put(standings);
        Ok(watch)
    }

    fn round(&mut self, board: &Board, catalogue: &dyn Catalogue, limits: &query::Limits, now: Timestamp) {
        let notices = board.round(catalogue, limits, now);
        self.counters.rounds.fetch_add(1, Ordering::Relaxed);
        let standings = board.standings();
        let unanswered = standings.iter().filter(|standing| matches!(standing.last, Some(Err(_)))).count();
        self.counters.unanswered.fetch_add(unanswered as u64, Ordering::Relaxed);
        for notice in &notices {
            let (name, change) = (&notice.standing.rule.name, notice.change);
            self.counters.changes.fetch_add(1, Ordering::Relaxed);
            if change.to == State::Ok {
                tracing::info!("alert {name:?}: {} -> OK", change.from);
            } else {
                tracing::warn!("alert {name:?}: {} -> {}", change.from, change.to);
            }
            match &notice.standing.rule.webhook {
                Some(_) => self.webhooks.send(notice),
                None => drop(self.told.insert(name.clone(), change.to)),
            }
        }
        self.write(&standings);
    }

    fn write(&mut self, standings: &[Standing]) {
        self.told.extend(self.webhooks.told());
        self.kept.write(standings, &self.told);
    }

    fn end(mut self, board: &Board) {
        self.told.extend(self.webhooks.stop());
        if !self.told.is_empty() {
            self.kept.write(&board.standings(), &self.told);
        }
    }
}
