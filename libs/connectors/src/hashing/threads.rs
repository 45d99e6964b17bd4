//! Threads that compute password hashes and do nothing else.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;

use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// A fixed number of threads; they end when this is dropped.
pub(super) struct Threads {
    jobs: Sender<Job>,
}

impl Threads {
    /// Starts `count` threads at the priority of the process.
    pub(super) fn start(name: &str, count: usize) -> io::Result<Self> {
        Self::prepared(name, count, || {})
    }

    /// Starts `count` threads that give way to all others, where the system lets them.
    pub(super) fn start_in_background(name: &str, count: usize) -> io::Result<Self> {
        Self::prepared(name, count, priority::give_way)
    }

    fn prepared(name: &str, count: usize, prepare: fn()) -> io::Result<Self> {
        let (jobs, waiting) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..count {
            let waiting = Arc::clone(&waiting);
            Builder::new().name(name.to_owned()).spawn(move || {
                prepare();
                work(&waiting);
            })?;
        }
        Ok(Self { jobs })
    }

    /// Computes something. The answer never comes if that panics.
    pub(super) fn run<T: Send + 'static>(
        &self,
        compute: impl FnOnce() -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (answer, receiver) = oneshot::channel();
        // The threads live as long as this does, and hear of every job.
        let _ = self.jobs.send(Box::new(move || {
            // Whoever asked may have gone.
            let _ = answer.send(compute());
        }));
        receiver
    }
}

fn work(waiting: &Mutex<Receiver<Job>>) {
    loop {
        let next = waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .recv();
        let Ok(job) = next else { return };
        // The panic was told when it happened; the thread is needed for the next.
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}

#[cfg(target_os = "linux")]
pub(super) mod priority {
    use std::sync::Once;

    use tracing::warn;

    /// One part in thirty of a processor that a thread at the usual priority wants too: the
    /// neighbour hardly notices, and nobody starves.
    const NICENESS: i32 = 15;

    /// Whether threads differ in priority here.
    pub(in crate::hashing) const IS_KNOWN: bool = true;

    /// Lowers the priority of this thread. Linux keeps it for each thread, and asks for no
    /// privilege to lower it; it cannot be raised again without one.
    pub(super) fn give_way() {
        static TOLD: Once = Once::new();
        if let Err(error) = rustix::process::nice(NICENESS) {
            TOLD.call_once(|| {
                warn!("hashes of a tenant's backlog compete with its neighbours: {error}");
            });
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) mod priority {
    /// Whether threads differ in priority here.
    pub(in crate::hashing) const IS_KNOWN: bool = false;

    /// Elsewhere a priority belongs to the whole process.
    pub(super) fn give_way() {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_that_panics_costs_no_thread() {
        let threads = Threads::start("test", 1).unwrap();
        let panicked = threads.run(|| std::panic::resume_unwind(Box::new("in a test")));
        let panicked: oneshot::Receiver<()> = panicked;
        assert!(panicked.await.is_err());
        assert_eq!(threads.run(|| 7).await, Ok(7));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn threads_in_the_background_give_way_and_no_others_do() {
        let niceness = || rustix::process::nice(0).unwrap();
        let usual = Threads::start("test", 1).unwrap();
        let background = Threads::start_in_background("test", 1).unwrap();
        let here = niceness();
        let of_usual = usual.run(niceness).await.unwrap();
        let of_background = background.run(niceness).await.unwrap();
        assert_eq!(of_usual, here);
        assert!(of_background >= (here + 15).min(19), "{of_background}");
    }
}
