//! Group commit: the writes that wait while the disk works on others are committed together.
//!
//! SQLite takes one writer, and a commit that is to survive a power cut waits for the disk. One
//! commit for each write would let through as many writes a second as the disk can flush; so one
//! task takes all that wait, carries them out in one transaction and answers them after its commit.
//! Databases with a server do the same by themselves.

use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use sea_orm::{
    ConnAcquireErr, ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, DbErr,
    ExecResult, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait as _,
};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tracing::error;

use crate::fault::Fault;
use crate::metrics::CommitMetrics;

/// The most writes of one commit, so that the first of them is not kept waiting by the last.
const TOGETHER: usize = 128;
/// The most writes that wait. Who comes later waits for a place.
const MOST_WAITING: usize = 4096;

/// A statement of a write.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) statement: Statement,
    /// Nothing of the write stands if this finds no row to change.
    pub(crate) must_change: bool,
}

impl Step {
    /// A statement that may find nothing to do.
    pub(crate) const fn any(statement: Statement) -> Self {
        let must_change = false;
        Self {
            statement,
            must_change,
        }
    }

    /// A statement that must find a row as it was read.
    pub(crate) const fn must_change(statement: Statement) -> Self {
        let must_change = true;
        Self {
            statement,
            must_change,
        }
    }
}

/// Fails where a row should have been changed and none was.
pub(crate) fn changed(done: ExecResult, must_change: bool) -> Result<ExecResult, DbErr> {
    if must_change && done.rows_affected() == 0 {
        return Err(DbErr::RecordNotUpdated);
    }
    Ok(done)
}

/// Carries out statements one after the other, until one fails.
pub(crate) async fn each(transaction: &DatabaseTransaction, steps: Vec<Step>) -> Outcome {
    let mut done = Vec::new();
    for step in steps {
        let result = transaction.execute_raw(step.statement).await?;
        done.push(changed(result, step.must_change)?);
    }
    Ok(done)
}

/// What a write is told: what each of its statements did.
type Outcome = Result<Vec<ExecResult>, DbErr>;

/// The way to the task that writes. Clones lead to the same one.
#[derive(Clone)]
pub(crate) struct GroupCommit {
    queue: Sender<Write>,
    closing: Arc<Notify>,
    writer: Arc<Mutex<Option<JoinHandle<()>>>>,
    metrics: CommitMetrics,
}

impl GroupCommit {
    /// Starts the task that writes, on this runtime. It ends with the last way to it.
    pub(crate) fn start(connection: DatabaseConnection, metrics: CommitMetrics) -> Self {
        let (queue, waiting) = channel(MOST_WAITING);
        let closing = Arc::new(Notify::new());
        let writer = Writer {
            connection,
            waiting,
            closing: Arc::clone(&closing),
            metrics: metrics.clone(),
        };
        Self {
            queue,
            closing,
            writer: Arc::new(Mutex::new(Some(tokio::spawn(writer.run())))),
            metrics,
        }
    }

    /// Carries out statements, all or none of them, and answers once they are committed.
    ///
    /// Who stops waiting before their turn has written nothing; who stops later has written it all,
    /// if the commit succeeds.
    pub(crate) async fn write(&self, steps: Vec<Step>) -> Outcome {
        let (asker, answer) = oneshot::channel();
        if self.queue.capacity() == 0 {
            self.metrics.full.inc();
        }
        let place = self.queue.reserve().await.map_err(|_| closed())?;
        self.metrics.waiting.inc();
        place.send(Write {
            steps,
            outcome: Ok(Vec::new()),
            asker,
        });
        answer.await.unwrap_or_else(|_| Err(lost()))
    }

    /// Takes no more writes, and returns when those that wait are done.
    pub(crate) async fn close(&self) {
        self.closing.notify_one();
        let writer = {
            let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
            writer.take()
        };
        if let Some(writer) = writer {
            // Its end is all that is waited for; a panic of it is told where it happened.
            let _ = writer.await;
        }
    }
}

fn closed() -> DbErr {
    DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed)
}

fn lost() -> DbErr {
    DbErr::Custom("the task that writes ended before the commit".to_owned())
}

/// One write that waits, and how to tell its asker.
struct Write {
    steps: Vec<Step>,
    outcome: Outcome,
    asker: oneshot::Sender<Outcome>,
}

impl Write {
    fn tell(self, outcome: Outcome) {
        // Who left does not hear it.
        let _ = self.asker.send(outcome);
    }
}

/// The one that writes.
struct Writer {
    connection: DatabaseConnection,
    waiting: Receiver<Write>,
    closing: Arc<Notify>,
    metrics: CommitMetrics,
}

impl Writer {
    async fn run(mut self) {
        let mut is_closing = false;
        loop {
            let mut taken = Vec::new();
            let count = tokio::select! {
                biased;
                () = self.closing.notified(), if !is_closing => {
                    is_closing = true;
                    self.waiting.close();
                    continue;
                }
                count = self.waiting.recv_many(&mut taken, TOGETHER) => count,
            };
            if count == 0 {
                return;
            }
            for _ in &taken {
                self.metrics.waiting.dec();
            }
            // A task of its own: a panic fails these writes, and not all that come after them.
            let group = commit(self.connection.clone(), self.metrics.clone(), taken);
            if let Err(ended) = tokio::spawn(group).await {
                error!(%ended, "a commit to SQLite was given up");
            }
        }
    }
}

/// Commits writes together, and tells each its outcome.
async fn commit(connection: DatabaseConnection, metrics: CommitMetrics, mut writes: Vec<Write>) {
    let is_shared = writes.len() > 1;
    let mut committed = transact(&connection, &mut writes, Undoing::All).await;
    if is_shared && matches!(committed, Err(Undone::HalfWay(_))) {
        committed = transact(&connection, &mut writes, Undoing::EachWrite).await;
    }
    if is_shared && matches!(committed, Err(Undone::ByStatement(_))) {
        // One of them took the transaction with it, and nothing of it stands: each by itself.
        for mut write in writes {
            let alone = std::slice::from_mut(&mut write);
            let committed = transact(&connection, alone, Undoing::All).await;
            tell(&metrics, committed, vec![write]);
        }
        return;
    }
    tell(&metrics, committed, writes);
}

fn tell(metrics: &CommitMetrics, committed: Result<(), Undone>, writes: Vec<Write>) {
    match committed {
        Ok(()) => {
            let count = u32::try_from(writes.len()).unwrap_or(u32::MAX);
            metrics.together.observe(f64::from(count));
            for mut write in writes {
                let outcome = mem::replace(&mut write.outcome, Ok(Vec::new()));
                write.tell(outcome);
            }
        }
        // What they were to be told came of a transaction that does not stand.
        Err(Undone::HalfWay(error) | Undone::ByStatement(error) | Undone::AsAWhole(error)) => {
            for write in writes {
                write.tell(Err(error.clone()));
            }
        }
    }
}

/// How much a transaction can take back of itself.
#[derive(Clone, Copy)]
enum Undoing {
    /// Nothing but all of it. No write is held up by savepoints, which hardly any needs.
    All,
    /// Each write of several statements alone, which has a savepoint.
    EachWrite,
}

/// Why nothing of a transaction stands.
enum Undone {
    /// A write failed after some of its statements, and there was no savepoint to go back to.
    HalfWay(DbErr),
    /// A statement failed in a way that takes the transaction with it.
    ByStatement(DbErr),
    /// It could not begin, or not be committed.
    AsAWhole(DbErr),
}

/// One transaction, in which a write that fails undoes itself alone, or all of it if it cannot.
async fn transact(
    connection: &DatabaseConnection,
    writes: &mut [Write],
    undoing: Undoing,
) -> Result<(), Undone> {
    let immediate = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let transaction = connection.begin_with_options(immediate).await;
    let transaction = transaction.map_err(Undone::AsAWhole)?;
    for write in writes {
        if write.asker.is_closed() {
            continue;
        }
        write.outcome = match undoing {
            Undoing::All => carry_out(&transaction, &write.steps).await?,
            Undoing::EachWrite => with_savepoint(&transaction, &write.steps).await,
        };
        if let Err(error) = &write.outcome
            && !Fault::undid_itself_alone(error)
        {
            return Err(Undone::ByStatement(error.clone()));
        }
    }
    transaction.commit().await.map_err(Undone::AsAWhole)
}

/// The statements of one write. The first is undone by SQLite where it fails, so that nothing of the
/// write stands. What others are built on comes first, so one of several hardly ever fails later.
async fn carry_out(transaction: &DatabaseTransaction, steps: &[Step]) -> Result<Outcome, Undone> {
    let mut done = Vec::with_capacity(steps.len());
    for step in steps {
        let result = transaction.execute_raw(step.statement.clone()).await;
        match result.and_then(|result| changed(result, step.must_change)) {
            Ok(result) => done.push(result),
            Err(error) if !done.is_empty() && Fault::undid_itself_alone(&error) => {
                return Err(Undone::HalfWay(error));
            }
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(done))
}

/// The same, of which nothing stands wherever it fails.
async fn with_savepoint(transaction: &DatabaseTransaction, steps: &[Step]) -> Outcome {
    let savepoint = transaction.begin().await?;
    match each(&savepoint, steps.to_vec()).await {
        Ok(done) => {
            savepoint.commit().await?;
            Ok(done)
        }
        Err(error) => {
            savepoint.rollback().await?;
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests;
