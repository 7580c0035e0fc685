//! Keeps reading, evaluating and drawing off the threads that serve sockets, and bounds how much of it goes on at once.
//!
//! A request first takes a place (running or waiting), then a permit to run. When there is no place it is refused at
//! once: a queue without an end only makes every answer late.

use crate::app::Limits;
use crate::error::Error;
use query::Stop;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// The permits of one server.
pub struct Workers {
    running: usize,
    waiting: usize,
    secs: u64,
    permits: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

/// Tells a job that nobody waits for it any more: its time is up, or the client has gone.
struct Waiting(Stop);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.say();
    }
}

impl Workers {
    /// `running` jobs at a time, `waiting` more in line, and so many seconds for each, its wait included.
    pub fn new(running: usize, waiting: usize, secs: u64) -> Workers {
        let running = running.max(1);
        Workers {
            running,
            waiting,
            secs,
            permits: Arc::new(Semaphore::new(running)),
            places: Arc::new(Semaphore::new(running + waiting)),
        }
    }

    /// The workers that these limits allow.
    pub fn of(limits: &Limits) -> Workers {
        Workers::new(limits.concurrent_requests, limits.waiting_requests, limits.query_secs)
    }

    /// [`Workers::run_until`] for a job that is short in any case.
    ///
    /// # Errors
    /// As there.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.run_until(|_| job()).await
    }

    /// Runs `job` on a blocking thread when it is its turn. The answer comes within the time that there is, if only to say that it
    /// was too short.
    ///
    /// A job that has begun keeps its permit until it ends, even if the client has gone: the bound is on work, not on clients.
    /// It is told to stop then.
    ///
    /// # Errors
    /// [`Error::Busy`] when the line is full, [`Error::TooSlow`] when the time is up, [`Error::Worker`] when the job panicked, and
    /// what the job fails with.
    pub async fn run_until<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Stop) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let busy = || Error::Busy { running: self.running, waiting: self.waiting };
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| busy())?;
        let stop = Stop::default();
        let _waiting = Waiting(stop.clone());
        let whole = async {
            let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| busy())?;
            let job = move || {
                let _held = (place, permit);
                job(&stop)
            };
            tokio::task::spawn_blocking(job).await.map_err(Error::Worker)?
        };
        let too_slow = || Error::TooSlow { secs: self.secs };
        match tokio::time::timeout(Duration::from_secs(self.secs), whole).await {
            Ok(Err(Error::Query(error))) if error.is_stopped() => Err(too_slow()),
            Ok(answered) => answered,
            Err(_) => Err(too_slow()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Workers;
    use crate::error::Error;
    use std::sync::mpsc;

    #[tokio::test]
    async fn the_line_has_an_end() {
        let workers = std::sync::Arc::new(Workers::new(1, 1, 60));
        let (release, held) = mpsc::channel::<()>();
        let (started, begun) = mpsc::channel::<()>();
        let first = {
            let workers = workers.clone();
            tokio::spawn(async move {
                workers
                    .run(move || {
                        started.send(()).unwrap();
                        held.recv().unwrap();
                        Ok(1)
                    })
                    .await
            })
        };
        tokio::task::spawn_blocking(move || begun.recv().unwrap()).await.unwrap();
        let second = {
            let workers = workers.clone();
            tokio::spawn(async move { workers.run(|| Ok(2)).await })
        };
        tokio::task::yield_now().await;
        let third = workers.run(|| Ok(3)).await;
        assert!(matches!(third, Err(Error::Busy { running: 1, waiting: 1 })));
        release.send(()).unwrap();
        assert_eq!(first.await.unwrap().unwrap(), 1);
        assert_eq!(second.await.unwrap().unwrap(), 2);
        assert_eq!(workers.run(|| Ok(4)).await.unwrap(), 4);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_frees_its_place() {
        let workers = Workers::new(1, 0, 60);
        let failed = workers.run(|| -> Result<(), Error> { panic!("broken invariant") }).await;
        assert!(matches!(failed, Err(Error::Worker(_))));
        assert_eq!(workers.run(|| Ok(1)).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn who_takes_too_long_is_told_to_stop_and_the_client_that_it_was_too_long() {
        let workers = Workers::new(1, 1, 1);
        let (told, ended) = mpsc::channel();
        let slow = workers.run_until(move |stop| {
            while !stop.is_said() {
                std::thread::yield_now();
            }
            told.send(()).unwrap();
            Ok(1)
        });
        assert!(matches!(slow.await, Err(Error::TooSlow { secs: 1 })));
        tokio::task::spawn_blocking(move || ended.recv().unwrap()).await.unwrap();
        assert_eq!(workers.run(|| Ok(2)).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn a_client_that_has_gone_ends_its_job() {
        let workers = Workers::new(1, 0, 60);
        let (told, ended) = mpsc::channel();
        let left = workers.run_until(move |stop| {
            while !stop.is_said() {
                std::thread::yield_now();
            }
            told.send(()).unwrap();
            Ok(())
        });
        let _ = tokio::time::timeout(std::time::Duration::from_millis(50), left).await;
        tokio::task::spawn_blocking(move || ended.recv().unwrap()).await.unwrap();
    }
}
