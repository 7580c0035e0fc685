//! Tells webhooks: one queue and one thread an address, so that one that is slow keeps no other waiting. What is not taken is
//! tried again, later each time; a queue that is full loses its oldest, counted.

use super::Counters;
use crate::client;
use anyhow::Result;
use render::alert::{Notice, Rule, State};
use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use ureq::Agent;

/// The longest wait between two attempts.
const BACKOFF_MAX: Duration = Duration::from_secs(300);

/// How webhooks are told.
#[derive(Clone, Debug)]
pub struct Post {
    /// For one attempt.
    pub timeout: Duration,
    /// Notices that wait for one address.
    pub waiting: usize,
    /// Attempts for one notice.
    pub attempts: u32,
    /// The wait before the second attempt; it doubles.
    pub backoff: Duration,
    /// Certificates to trust in place of those that browsers trust.
    pub roots: Option<PathBuf>,
}

impl Default for Post {
    fn default() -> Post {
        Post {
            timeout: Duration::from_secs(5),
            waiting: 256,
            attempts: 20,
            backoff: Duration::from_secs(1),
            roots: None,
        }
    }
}

/// A notice on its way.
struct Letter {
    rule: String,
    to: State,
    body: Vec<u8>,
    attempts: u32,
}

/// What waits for one address. Locked to put in or take out.
#[derive(Default)]
struct Queue {
    inside: Mutex<Inside>,
    changed: Condvar,
}

#[derive(Default)]
struct Inside {
    waiting: VecDeque<Letter>,
    told: Vec<(String, State)>,
    stopped: bool,
}

/// All addresses.
pub struct Webhooks {
    by_url: HashMap<String, (Arc<Queue>, JoinHandle<()>)>,
    waiting_max: usize,
    counters: Arc<Counters>,
}

impl Webhooks {
    /// A thread for each address that a rule names.
    pub fn start(rules: &[Rule], post: &Post, counters: &Arc<Counters>) -> Result<Webhooks> {
        let agent = client::agent(Some(post.timeout), post.roots.as_deref(), client::Redirects::Refused)?;
        let mut by_url = HashMap::new();
        for url in rules.iter().filter_map(|rule| rule.webhook.as_ref()) {
            if by_url.contains_key(url) {
                continue;
            }
            let queue = Arc::new(Queue::default());
            let postman = Postman {
                url: url.clone(),
                queue: Arc::clone(&queue),
                agent: agent.clone(),
                post: post.clone(),
                counters: Arc::clone(counters),
            };
            by_url.insert(url.clone(), (queue, thread::spawn(move || postman.deliver())));
        }
        Ok(Webhooks { by_url, waiting_max: post.waiting.max(1), counters: Arc::clone(counters) })
    }

    /// Puts a notice into the queue of its rule's address.
    pub fn send(&self, notice: &Notice) {
        let rule = &notice.standing.rule;
        let Some((queue, _)) = rule.webhook.as_ref().and_then(|url| self.by_url.get(url)) else { return };
        let mut inside = queue.lock();
        if inside.waiting.len() >= self.waiting_max {
            inside.waiting.pop_front();
            self.counters.dropped.fetch_add(1, Ordering::Relaxed);
        }
        let body = notice.body();
        inside.waiting.push_back(Letter { rule: rule.name.clone(), to: notice.change.to, body, attempts: 0 });
        queue.changed.notify_one();
    }

    /// What was taken since it was last asked.
    pub fn told(&self) -> Vec<(String, State)> {
        self.by_url.values().flat_map(|(queue, _)| std::mem::take(&mut queue.lock().told)).collect()
    }

    /// Waits for the attempts that go on and says what they told; what still waits is told after the next start.
    pub fn stop(self) -> Vec<(String, State)> {
        for (queue, _) in self.by_url.values() {
            queue.lock().stopped = true;
            queue.changed.notify_one();
        }
        let mut told = Vec::new();
        for (queue, thread) in self.by_url.into_values() {
            if thread.join().is_err() {
                tracing::error!("a thread that tells a webhook had ended early");
            }
            told.append(&mut queue.lock().told);
        }
        told
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of an attempt.
enum Outcome {
    Taken,
    /// It will not be taken another time either.
    Refused(String),
    Failed(String),
}

/// The thread of one address.
struct Postman {
    url: String,
    queue: Arc<Queue>,
    agent: Agent,
    post: Post,
    counters: Arc<Counters>,
}

impl Postman {
    fn deliver(self) {
        while let Some(mut letter) = self.next() {
            letter.attempts += 1;
            match self.attempt(&letter) {
                Outcome::Taken => {
                    self.counters.told.fetch_add(1, Ordering::Relaxed);
                    self.queue.lock().told.push((letter.rule, letter.to));
                }
                Outcome::Refused(why) => self.give_up(&letter, &why),
                Outcome::Failed(why) if letter.attempts >= self.post.attempts => self.give_up(&letter, &why),
                Outcome::Failed(why) => {
                    if letter.attempts == 1 {
                        tracing::warn!(
                            "the webhook of alert {:?} did not answer and is tried again: {why}",
                            letter.rule
                        );
                    }
                    self.counters.retried.fetch_add(1, Ordering::Relaxed);
                    self.put_back_and_wait(letter);
                }
            }
        }
    }

    fn next(&self) -> Option<Letter> {
        let mut inside = self.queue.lock();
        while !inside.stopped {
            if let Some(letter) = inside.waiting.pop_front() {
                return Some(letter);
            }
            inside = self.queue.changed.wait(inside).unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    fn attempt(&self, letter: &Letter) -> Outcome {
        let request = self.agent.post(&self.url).header("Content-Type", "application/json");
        match request.send(letter.body.as_slice()) {
            Err(error) => Outcome::Failed(error.to_string()),
            Ok(answer) => match answer.status().as_u16() {
                200..=299 => Outcome::Taken,
                status @ (408 | 425 | 429 | 500..) => Outcome::Failed(format!("status {status}")),
                status => Outcome::Refused(format!("status {status}")),
            },
        }
    }

    fn give_up(&self, letter: &Letter, why: &str) {
        self.counters.dropped.fetch_add(1, Ordering::Relaxed);
        // The address may hold a secret; the rule says which it is.
        tracing::error!("the webhook of alert {:?} was not told of {}: {why}", letter.rule, letter.to);
    }

    /// The oldest stays the first, and everything behind it waits with it: the order is what a person reads.
    fn put_back_and_wait(&self, letter: Letter) {
        let doubled = self.post.backoff.saturating_mul(1 << (letter.attempts - 1).min(16));
        let mut inside = self.queue.lock();
        inside.waiting.push_front(letter);
        let going_on = |inside: &mut Inside| !inside.stopped;
        let waited = self.queue.changed.wait_timeout_while(inside, doubled.min(BACKOFF_MAX), going_on);
        drop(waited);
    }
}
