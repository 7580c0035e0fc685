//! Keeps reading, evaluating and drawing off the threads that serve sockets, and bounds how much of it goes on at once.
//!
//! A request first takes a place (running or waiting), then a permit to run. When there is no place it is refused at
//! once: a queue without an end only makes every answer late.

use crate::error::Error;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The permits of one server.
pub struct Workers {
    running: usize,
    waiting: usize,
    permits: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Workers {
    /// `running` jobs at a time, `waiting` more in line.
    pub fn new(running: usize, waiting: usize) -> Workers {
        let running = running.max(1);
        Workers {
            running,
            waiting,
            permits: Arc::new(Semaphore::new(running)),
            places: Arc::new(Semaphore::new(running + waiting)),
        }
    }

    /// Runs `job` on a blocking thread when it is its turn.
    ///
    /// A job that has begun runs to its end even if the client has gone, and keeps its permit as long: the bound is on
    /// work, not on clients.
    ///
    /// # Errors
    /// [`Error::Busy`] when the line is full, [`Error::Worker`] when the job panicked, and what the job fails with.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let busy = || Error::Busy { running: self.running, waiting: self.waiting };
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| busy())?;
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| busy())?;
        let job = move || {
            let _held = (place, permit);
            job()
        };
        tokio::task::spawn_blocking(job).await.map_err(Error::Worker)?
    }
}

#[cfg(test)]
mod tests {
    use super::Workers;
    use crate::error::Error;
    use std::sync::mpsc;

    #[tokio::test]
    async fn the_line_has_an_end() {
        let workers = std::sync::Arc::new(Workers::new(1, 1));
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
        let workers = Workers::new(1, 0);
        let failed = workers.run(|| -> Result<(), Error> { panic!("broken invariant") }).await;
        assert!(matches!(failed, Err(Error::Worker(_))));
        assert_eq!(workers.run(|| Ok(1)).await.unwrap(), 1);
    }
}
