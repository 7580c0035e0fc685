//! Commits the stores once a second. A flush commits itself; carbon's points and kymo's own series come when they like,
//! and this is what bounds how much of them a kill of the process can take.

use crate::clock;
use std::collections::VecDeque;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tsdb::Store;

const INTERVAL: Duration = Duration::from_secs(1);

/// Texts of failures that are remembered, so that each is logged once.
const TEXTS: usize = 100;

/// Why the last commit failed, if it did.
#[derive(Debug, Default)]
pub struct Uncommitted(Mutex<Option<String>>);

impl Uncommitted {
    /// The reason; `None` when the last commit made everything safe.
    pub fn reason(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, reason: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = reason;
    }
}

/// Commits until it is stopped, and once more then.
pub struct Commits {
    stop: Sender<()>,
    thread: JoinHandle<()>,
    uncommitted: Arc<Uncommitted>,
}

impl Commits {
    /// Begins to commit these stores; one that is there twice is committed once.
    pub fn start(stores: impl IntoIterator<Item = Arc<dyn Store>>) -> Commits {
        Commits::every(INTERVAL, stores)
    }

    fn every(interval: Duration, stores: impl IntoIterator<Item = Arc<dyn Store>>) -> Commits {
        let mut distinct: Vec<Arc<dyn Store>> = Vec::new();
        for store in stores {
            if !distinct.iter().any(|other| Arc::ptr_eq(other, &store)) {
                distinct.push(store);
            }
        }
        let (stop, stopped) = mpsc::channel();
        let uncommitted = Arc::new(Uncommitted::default());
        let mut committer =
            Committer { stores: distinct, uncommitted: Arc::clone(&uncommitted), told: VecDeque::new() };
        let thread = thread::spawn(move || {
            loop {
                let told = stopped.recv_timeout(interval);
                committer.commit();
                if told != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        });
        Commits { stop, thread, uncommitted }
    }

    /// How the last commit went, at any moment.
    pub fn uncommitted(&self) -> Arc<Uncommitted> {
        Arc::clone(&self.uncommitted)
    }

    /// Commits what was written since, and ends.
    pub fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("the thread that commits had ended early");
        }
    }
}

struct Committer {
    stores: Vec<Arc<dyn Store>>,
    uncommitted: Arc<Uncommitted>,
    told: VecDeque<String>,
}

impl Committer {
    fn commit(&mut self) {
        let now = clock::now();
        let failures = self.stores.iter().filter_map(|store| store.commit(now).err());
        let failures: Vec<String> = failures.map(|error| error.chain()).collect();
        for failure in &failures {
            self.tell(failure);
        }
        self.uncommitted.set(failures.into_iter().next());
    }

    /// Logs a failure unless it was logged before.
    fn tell(&mut self, failure: &str) {
        if self.told.iter().any(|told| told == failure) {
            return;
        }
        tracing::error!("what was written last is not safe yet: {failure}");
        if self.told.len() >= TEXTS {
            self.told.pop_front();
        }
        self.told.push_back(failure.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::time::Instant;
    use tsdb::{Archive, Counts, Error, Fetched, Node, Point, SeriesId, Timestamp, Window, WriteReport};

    /// Keeps nothing, counts its commits, and fails them while it is told to.
    #[derive(Default)]
    struct Faulty {
        fails: AtomicBool,
        commits: AtomicUsize,
    }

    impl Store for Faulty {
        fn resolve(&self, _name: &str) -> Result<SeriesId, Error> {
            Err(Error::SeriesLimit { limit: 0 })
        }

        fn name(&self, _series: SeriesId) -> Option<Arc<str>> {
            None
        }

        fn series_count(&self) -> usize {
            0
        }

        fn write(&self, _now: Timestamp, _points: &[Point]) -> WriteReport {
            WriteReport::default()
        }

        fn commit(&self, _now: Timestamp) -> Result<(), Error> {
            self.commits.fetch_add(1, Ordering::SeqCst);
            let full = || Error::Io { doing: "sync", path: "a.ring".into(), source: std::io::Error::other("no room") };
            if self.fails.load(Ordering::SeqCst) { Err(full()) } else { Ok(()) }
        }

        fn sync(&self) {}

        fn find(&self, _pattern: &str) -> Result<Vec<Node>, Error> {
            Ok(Vec::new())
        }

        fn leaves(&self) -> Result<Vec<String>, Error> {
            Ok(Vec::new())
        }

        fn archives(&self, _name: &str) -> Result<Option<Vec<Archive>>, Error> {
            Ok(None)
        }

        fn fetch(&self, _name: &str, _window: Window, _now: Timestamp) -> Result<Option<Fetched>, Error> {
            Ok(None)
        }

        fn counters(&self) -> Counts {
            Counts::default()
        }

        fn recent_errors(&self) -> Vec<String> {
            Vec::new()
        }
    }

    fn wait_until(what: &str, holds: impl Fn() -> bool) {
        let began = Instant::now();
        while !holds() {
            assert!(began.elapsed() < Duration::from_secs(20), "waited for {what}");
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_failure_shows_until_a_commit_succeeds() {
        let store = Arc::new(Faulty::default());
        store.fails.store(true, Ordering::SeqCst);
        let commits = Commits::every(Duration::from_millis(1), [Arc::clone(&store) as Arc<dyn Store>]);
        let uncommitted = commits.uncommitted();
        wait_until("the failure", || uncommitted.reason().as_deref() == Some("sync a.ring: no room"));
        store.fails.store(false, Ordering::SeqCst);
        wait_until("a commit", || uncommitted.reason().is_none());
        commits.stop();
    }

    #[test]
    fn a_stop_commits_each_store_once_more() {
        let (one, other) = (Arc::new(Faulty::default()), Arc::new(Faulty::default()));
        let stores = [&one, &one, &other].map(|store| Arc::clone(store) as Arc<dyn Store>);
        Commits::every(Duration::from_secs(3600), stores).stop();
        assert_eq!([&one, &other].map(|store| store.commits.load(Ordering::SeqCst)), [1, 1]);
    }

    #[test]
    fn a_failure_is_logged_once() {
        let stores = vec![Arc::new(Faulty { fails: true.into(), ..Faulty::default() }) as Arc<dyn Store>];
        let mut committer = Committer { stores, uncommitted: Arc::default(), told: VecDeque::new() };
        committer.commit();
        committer.commit();
        assert_eq!(committer.told, ["sync a.ring: no room"]);
        (0..2 * TEXTS).for_each(|nth| committer.tell(&format!("failure {nth}")));
        assert_eq!(committer.told.len(), TEXTS);
    }
}
