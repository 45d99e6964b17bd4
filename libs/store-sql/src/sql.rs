use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use insula_ambient::Backoff;
use insula_store::StoreError;
use sea_orm::{DatabaseTransaction, DbErr, ExecResult, SqliteTransactionMode, TransactionOptions};
use tokio::runtime::Handle;
use tokio::time::{sleep, timeout};
use tracing::{Instrument as _, Span};

use crate::answers::Answers;
use crate::backend::Backend;
use crate::commit::{Step, each};
use crate::connect::Opened;
use crate::fault::Fault;
use crate::metrics::{CommitMetrics, Pool, SqlMetrics};
use crate::wire::Wire;

/// How often an operation that met a conflict is tried in all.
const ATTEMPTS: u32 = 8;
/// How long it waits in between.
const PAUSES: Backoff = Backoff {
    first: Duration::from_millis(4),
    longest: Duration::from_millis(256),
};

/// The open database and what every operation on it shares.
///
/// A socket belongs to the runtime that opened it. Whoever awaits an operation may live on any
/// runtime: its statements run on the one the pools were opened on.
pub(crate) struct Sql {
    reader: Wire,
    writer: Wire,
    pub(crate) pools: Vec<(&'static str, Pool)>,
    pub(crate) commits: Option<CommitMetrics>,
    pub(crate) backend: Backend,
    pub(crate) metrics: SqlMetrics,
    pub(crate) answers: Answers,
    /// How long an operation may take: the wait for a connection, the statements, the retries.
    patience: Duration,
    io: Handle,
    pauses: AtomicU64,
}

impl Sql {
    pub(crate) fn new(
        backend: Backend,
        opened: Opened,
        metrics: SqlMetrics,
        patience: Duration,
        io: Handle,
    ) -> Self {
        Self {
            reader: opened.reader,
            writer: opened.writer,
            pools: opened.pools,
            commits: opened.commits,
            backend,
            metrics,
            answers: Answers::default(),
            patience,
            io,
            // Processes that pause alike collide again; this sets them apart.
            pauses: AtomicU64::new(u64::from(std::process::id()) << 32),
        }
    }

    /// The runtime that carries every statement.
    pub(crate) fn io(&self) -> &Handle {
        &self.io
    }

    /// Where the next statement reads. Counted.
    pub(crate) fn read(&self) -> &Wire {
        self.metrics.count_read();
        &self.reader
    }

    /// Where the next statement writes. Counted.
    pub(crate) fn write(&self) -> &Wire {
        self.metrics.count_write();
        &self.writer
    }

    /// Where transactions of several statements read, which count them themselves.
    pub(crate) fn reader(&self) -> &Wire {
        &self.reader
    }

    /// Carries out statements, all or none of them, and answers what each did. Counted.
    pub(crate) async fn write_steps(&self, steps: Vec<Step>) -> Result<Vec<ExecResult>, DbErr> {
        self.count_writes(&steps);
        self.writer.steps(steps).await
    }

    /// The same in a transaction that began already. Counted.
    pub(crate) async fn write_steps_in(
        &self,
        transaction: &DatabaseTransaction,
        steps: Vec<Step>,
    ) -> Result<Vec<ExecResult>, DbErr> {
        self.count_writes(&steps);
        each(transaction, steps).await
    }

    fn count_writes(&self, steps: &[Step]) {
        for _ in steps {
            self.metrics.count_write();
        }
    }

    /// Where the process writes for its own sake: leases, probes. Not counted, for these are no
    /// cost of a request.
    pub(crate) fn upkeep(&self) -> &Wire {
        &self.writer
    }

    /// Takes no more writes, and waits for those that were asked for.
    pub(crate) async fn end_writes(&self) {
        self.writer.close().await;
    }

    /// Begins a transaction that will write, with a commit of its own. Its statements are counted by who sends them.
    pub(crate) async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let immediate =
            (self.backend == Backend::Sqlite).then_some(SqliteTransactionMode::Immediate);
        let options = TransactionOptions {
            sqlite_transaction_mode: immediate,
            ..TransactionOptions::default()
        };
        self.writer.begin(options).await
    }

    /// Runs an operation on the I/O runtime, again after a conflict, all within its time.
    pub(crate) async fn run<T, W, F>(
        self: &Arc<Self>,
        operation: &'static str,
        work: W,
    ) -> Result<T, StoreError>
    where
        W: Fn(Arc<Self>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<T, Fault>> + Send,
        T: Send + 'static,
    {
        let sql = Arc::clone(self);
        let running = async move {
            let began = Instant::now();
            let outcome = timeout(sql.patience, sql.attempts(work)).await;
            let outcome = outcome.unwrap_or_else(|_| {
                Err(StoreError::Unavailable {
                    backend: sql.backend.name(),
                    cause: format!("no answer within {} ms", sql.patience.as_millis()),
                })
            });
            sql.metrics.took(operation, began.elapsed());
            if outcome.is_err() {
                sql.metrics.failures.with_label_values(&[operation]).inc();
            }
            outcome
        };
        let running = self.io.spawn(running.instrument(Span::current()));
        running.await.unwrap_or_else(|ended| {
            let backend = self.backend.name();
            Err(if ended.is_panic() {
                StoreError::Failed {
                    backend,
                    cause: format!("operation {operation} panicked"),
                }
            } else {
                StoreError::Unavailable {
                    backend,
                    cause: "the runtime of the store is shutting down".to_owned(),
                }
            })
        })
    }

    async fn attempts<T, W, F>(self: &Arc<Self>, work: W) -> Result<T, StoreError>
    where
        W: Fn(Arc<Self>) -> F,
        F: Future<Output = Result<T, Fault>>,
    {
        let mut attempt = 1;
        loop {
            match work(Arc::clone(self)).await {
                Err(fault) if fault.is_transient() && attempt < ATTEMPTS => {
                    self.metrics.retries.inc();
                    sleep(self.pause(attempt)).await;
                    attempt += 1;
                }
                Err(fault) => return Err(fault.into_store_error(self.backend)),
                Ok(answer) => return Ok(answer),
            }
        }
    }

    /// The pause after an attempt, of which a part is chance (half of it to one and a half of it). Spreads contenders; nothing secret hangs on it.
    fn pause(&self, attempt: u32) -> Duration {
        let full = PAUSES.pause(attempt.saturating_sub(1));
        let mut mixed = self
            .pauses
            .fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let percent = u32::try_from((mixed >> 33) % 101).unwrap_or_default();
        full / 2 + full * percent / 100
    }
}
