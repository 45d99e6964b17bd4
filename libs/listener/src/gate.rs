use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use prometheus::Registry;

use crate::connection::Connection;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::peers::{Peers, Place};
use crate::progress::{Cause, Stage, Verdict};

/// Who may connect, and what becomes of connections that take too long. Clones share it.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Shared>);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) metrics: Metrics,
    began: Instant,
    peers: Mutex<Peers>,
    is_leaving: AtomicBool,
    is_closing: AtomicBool,
}

/// A connection that was let in; its place is free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) connection: Arc<Connection>,
    shared: Arc<Shared>,
}

impl Gate {
    /// Opens a gate.
    pub fn new(limits: Limits) -> prometheus::Result<Self> {
        Ok(Self(Arc::new(Shared {
            limits,
            metrics: Metrics::new()?,
            began: Instant::now(),
            peers: Mutex::default(),
            is_leaving: AtomicBool::new(false),
            is_closing: AtomicBool::new(false),
        })))
    }

    /// Registers what it counts.
    pub fn register(&self, registry: &Registry) -> prometheus::Result<()> {
        self.0.metrics.register(registry)
    }

    /// From now on every answer says that its connection ends: `Connection: close` in HTTP/1.1,
    /// GOAWAY in HTTP/2. New connections are still served.
    pub fn leave(&self) {
        self.0.is_leaving.store(true, Ordering::Relaxed);
        for connection in self.0.lock().all() {
            if connection.has_asked() {
                connection.farewell();
            }
        }
    }

    /// Closes every connection that waits for a request, now and as soon as one does.
    pub fn close_idle(&self) {
        self.leave();
        self.0.is_closing.store(true, Ordering::Relaxed);
        self.sweep();
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.0.lock().open()
    }

    pub(crate) fn admit(&self, address: IpAddr, stage: Stage) -> Option<Admitted> {
        let mut peers = self.0.lock();
        let gone = peers.make_room(address, &self.0.limits);
        let gone = match gone {
            Ok(gone) => gone,
            Err(limit) => {
                self.0.metrics.refused(limit);
                return None;
            }
        };
        let (place, peer) = peers.place(address, &self.0.limits);
        let connection = Connection::new(Arc::clone(&self.0), peer, place, stage);
        let connection = Arc::new(connection);
        peers.add(&connection);
        self.0.metrics.open(peers.open());
        drop(peers);
        if let Some(gone) = gone {
            gone.cut(Cause::Crowded);
        }
        Some(Admitted {
            connection,
            shared: Arc::clone(&self.0),
        })
    }

    /// Looks at every connection once, and answers those that took too long. They are closed by
    /// [`close`](Self::close), a few at a time: a crowd's time is up at once.
    pub(crate) fn sweep(&self) -> Vec<Arc<Connection>> {
        let now = self.0.now();
        let mut over = Vec::new();
        let is_closing = self.0.is_closing.load(Ordering::Relaxed);
        for connection in self.0.lock().all() {
            if is_closing && connection.is_waiting() {
                connection.cut(Cause::Shutdown);
                continue;
            }
            match connection.verdict(now) {
                Verdict::Fine => {}
                Verdict::Farewell => connection.farewell(),
                Verdict::Cut(_) => over.push(Arc::clone(connection)),
            }
        }
        over
    }

    /// Closes a connection if it still takes too long.
    pub(crate) fn close(&self, connection: &Connection) {
        if let Verdict::Cut(cause) = connection.verdict(self.0.now()) {
            connection.cut(cause);
        }
    }

    /// How often to look: often enough that no limit is missed by more than a quarter.
    pub(crate) fn pace(&self) -> Duration {
        let limits = &self.0.limits;
        let all = [
            limits.handshake,
            limits.head,
            limits.write,
            limits.keep_alive,
        ];
        let shortest = all.into_iter().min().unwrap_or_default();
        (shortest / 4).clamp(Duration::from_millis(20), Duration::from_secs(1))
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn downgrade(&self) -> Weak<Shared> {
        Arc::downgrade(&self.0)
    }

    pub(crate) fn upgrade(shared: &Weak<Shared>) -> Option<Self> {
        shared.upgrade().map(Self)
    }
}

impl Shared {
    /// Milliseconds since the gate was opened.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.is_leaving.load(Ordering::Relaxed)
    }

    /// A connection asked something for the first time.
    pub(crate) fn asked(&self, place: Place) {
        self.lock().asked(place);
    }

    fn lock(&self) -> MutexGuard<'_, Peers> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut peers = self.shared.lock();
        peers.remove(self.connection.place());
        self.shared.metrics.open(peers.open());
    }
}

#[cfg(test)]
mod tests;
