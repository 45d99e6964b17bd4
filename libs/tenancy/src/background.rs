use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use insula_flows::Tasks;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// Work on the I/O runtime that nobody waits for before the tenancy shuts down.
pub(crate) struct Background {
    io: Handle,
    running: Mutex<JoinSet<()>>,
}

impl Background {
    pub(crate) fn new(io: Handle) -> Self {
        Self {
            io,
            running: Mutex::default(),
        }
    }

    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let running = self.running.lock();
        let mut running = running.unwrap_or_else(PoisonError::into_inner);
        // What has ended need not be remembered.
        while running.try_join_next().is_some() {}
        running.spawn_on(work, &self.io);
    }

    /// Waits until all of it has ended, so long at most.
    pub(crate) async fn end(&self, patience: Duration) {
        let running = self.running.lock();
        let mut running = std::mem::take(&mut *running.unwrap_or_else(PoisonError::into_inner));
        let ended = async { while running.join_next().await.is_some() {} };
        // What hangs is given up with the process.
        let _given_up = tokio::time::timeout(patience, ended).await;
    }
}

impl Tasks for Background {
    fn spawn(&self, work: BoxFuture<'static, ()>) {
        Self::spawn(self, work);
    }

    fn sleep(&self, span: Duration) -> BoxFuture<'static, ()> {
        tokio::time::sleep(span).boxed()
    }
}
