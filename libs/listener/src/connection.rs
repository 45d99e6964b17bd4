use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tracing::debug;

use crate::gate::Shared;
use crate::limits::HELD_BYTES_OF_A_PEER;
use crate::peers::{Peer, Place};
use crate::progress::{Cause, Progress, Stage, Verdict};

/// One connection, as its streams, the sweep and other connections see it.
#[derive(Debug)]
pub(crate) struct Connection {
    shared: Arc<Shared>,
    peer: Arc<Peer>,
    place: Place,
    progress: Mutex<Progress>,
    /// Counts what was read, written, begun and ended.
    steps: AtomicU64,
    is_cut: AtomicBool,
    cut: Notify,
    farewell: Notify,
}

impl Connection {
    pub(crate) fn new(shared: Arc<Shared>, peer: Arc<Peer>, place: Place, stage: Stage) -> Self {
        let progress = Progress::new(stage, shared.now());
        Self {
            shared,
            peer,
            place,
            progress: Mutex::new(progress),
            steps: AtomicU64::new(0),
            is_cut: AtomicBool::new(false),
            cut: Notify::new(),
            farewell: Notify::new(),
        }
    }

    /// Ends the connection, whatever it is doing.
    pub(crate) fn cut(&self, cause: Cause) {
        if self.is_cut.swap(true, Ordering::Relaxed) {
            return;
        }
        self.shared.metrics.closed(cause);
        debug!("closing a connection: {}", cause.label());
        self.cut.notify_one();
    }

    #[cfg(test)]
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Relaxed)
    }

    /// Waits until it is to end.
    pub(crate) async fn until_cut(&self) {
        self.cut.notified().await;
    }

    /// How much it got done: a number that grows.
    pub(crate) fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// Something was read, written, begun or ended.
    pub(crate) fn step(&self) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    /// Tells the peer that no further request is wanted.
    pub(crate) fn farewell(&self) {
        self.farewell.notify_one();
    }

    pub(crate) async fn until_farewell(&self) {
        self.farewell.notified().await;
    }

    /// Counts something that ends a request and not the connection.
    pub(crate) fn count(&self, cause: Cause) {
        self.shared.metrics.closed(cause);
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.shared.is_leaving()
    }

    pub(crate) fn speaks(&self, stage: Stage) {
        let now = self.shared.now();
        self.lock().speaks(stage, now);
    }

    pub(crate) fn is_http2(&self) -> bool {
        self.lock().is_http2()
    }

    pub(crate) fn place(&self) -> Place {
        self.place
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.lock().is_waiting()
    }

    /// Since when it waits for another request.
    pub(crate) fn resting(&self) -> Option<u64> {
        self.lock().resting()
    }

    pub(crate) fn has_asked(&self) -> bool {
        self.lock().has_asked()
    }

    pub(crate) fn verdict(&self, now: u64) -> Verdict {
        self.lock().verdict(&self.shared.limits, now)
    }

    pub(crate) fn is_head_full(&self) -> bool {
        self.lock().is_head_full()
    }

    pub(crate) fn read(&self, bytes: usize) {
        let now = self.shared.now();
        let judged = self.lock().read(bytes, now);
        self.cut_if(judged);
    }

    pub(crate) fn took_body(&self) {
        self.lock().took_body();
    }

    pub(crate) fn write_blocked(&self) {
        let now = self.shared.now();
        self.lock().write_blocked(now);
    }

    pub(crate) fn wrote(&self, bytes: usize) {
        self.lock().wrote(bytes);
    }

    pub(crate) fn flushed(&self) {
        self.lock().flushed();
    }

    fn offered(&self, bytes: usize, held: usize) {
        let now = self.shared.now();
        let judged = self.lock().offered(bytes, held, now);
        self.cut_if(judged);
        let others = self.peer.hold(held);
        let is_over = others > 0 && others.saturating_add(held) > HELD_BYTES_OF_A_PEER;
        if is_over && held > 0 && !self.peer.is_exempt {
            self.cut(Cause::Unread);
        }
    }

    fn taken(&self, bytes: usize, held: usize) {
        let now = self.shared.now();
        self.lock().taken(bytes, held, now);
        self.peer.release(held);
    }

    fn cut_if(&self, judged: Result<(), Cause>) {
        if let Err(cause) = judged {
            self.cut(cause);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request under way, until the last byte of its answer was taken or all that knew of it is gone.
#[derive(Debug)]
pub(crate) struct Exchange {
    connection: Arc<Connection>,
    is_whole: Cell<bool>,
    unread: Cell<usize>,
    held: Cell<usize>,
}

impl Exchange {
    pub(crate) fn begin(connection: &Arc<Connection>) -> Rc<Self> {
        connection.step();
        let (is_http2, is_first) = {
            let mut progress = connection.lock();
            let is_first = !progress.has_asked();
            progress.began();
            (progress.is_http2(), is_first)
        };
        if is_first {
            connection.shared.asked(connection.place);
        }
        if is_http2 && connection.is_leaving() {
            connection.farewell();
        }
        Rc::new(Self {
            connection: Arc::clone(connection),
            is_whole: Cell::new(false),
            unread: Cell::new(0),
            held: Cell::new(0),
        })
    }

    /// Bytes of the answer are there; `is_held` says that nothing else keeps them in memory.
    pub(crate) fn offer(&self, bytes: usize, is_held: bool) {
        let held = if is_held { bytes } else { 0 };
        self.unread.set(self.unread.get() + bytes);
        self.held.set(self.held.get() + held);
        self.connection.offered(bytes, held);
    }

    /// Bytes of the answer left.
    pub(crate) fn taken(&self, bytes: usize) {
        let bytes = bytes.min(self.unread.get());
        let held = bytes.min(self.held.get());
        self.unread.set(self.unread.get() - bytes);
        self.held.set(self.held.get() - held);
        self.connection.taken(bytes, held);
    }

    /// All of the answer was handed over.
    pub(crate) fn is_whole(&self) {
        self.is_whole.set(true);
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.connection.step();
        let (unread, held) = (self.unread.get(), self.held.get());
        let is_whole = self.is_whole.get() && unread == 0;
        if unread > 0 {
            self.connection.taken(unread, held);
        }
        let now = self.connection.shared.now();
        let judged = self.connection.lock().ended(is_whole, now);
        self.connection.cut_if(judged);
    }
}
