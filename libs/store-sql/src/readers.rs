//! Connections to SQLite that read.
//!
//! A pool asks a connection for a sign of life whenever it is given back and hands out the one that lay
//! longest. Each connection of SQLite is a thread: the one would be woken once more for every read,
//! the other finds its thread and its pages cold. Nothing cuts a connection to a file, so they are
//! kept without being asked, and the one that was used last is used next.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sea_orm::sea_query::Values;
use sea_orm::sqlx::query::Query;
use sea_orm::sqlx::sqlite::SqliteConnectOptions;
use sea_orm::sqlx::{
    self, AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, Sqlite,
    SqliteConnection,
};
use sea_orm::{ConnAcquireErr, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use sea_query_sqlx::SqlxValues;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The connections that read one file. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Readers(Arc<Kept>);

#[derive(Debug)]
struct Kept {
    connect: SqliteConnectOptions,
    most: u32,
    /// One for each connection that may be in use.
    places: Arc<Semaphore>,
    idle: Mutex<Vec<SqliteConnection>>,
}

impl Readers {
    /// With a first connection; the others are opened when they are needed.
    pub(crate) fn new(connect: SqliteConnectOptions, first: SqliteConnection, most: u32) -> Self {
        Self(Arc::new(Kept {
            connect,
            most,
            places: Arc::new(Semaphore::new(
                usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS),
            )),
            idle: Mutex::new(vec![first]),
        }))
    }

    pub(crate) async fn one(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let mut held = self.hold().await?;
        let row = query(statement).fetch_optional(held.connection()?).await;
        let row = held.keep_after(row).map_err(query_failed)?;
        Ok(row.map(QueryResult::from))
    }

    pub(crate) async fn all(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let mut held = self.hold().await?;
        let rows = query(statement).fetch_all(held.connection()?).await;
        let rows = held.keep_after(rows).map_err(query_failed)?;
        Ok(rows.into_iter().map(QueryResult::from).collect())
    }

    pub(crate) async fn execute(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let mut held = self.hold().await?;
        let done = query(statement).execute(held.connection()?).await;
        let done = held.keep_after(done).map_err(execution_failed)?;
        Ok(done.into())
    }

    pub(crate) async fn execute_unprepared(&self, text: &str) -> Result<ExecResult, DbErr> {
        let mut held = self.hold().await?;
        let text = AssertSqlSafe(text.to_owned());
        let done = held.connection()?.execute(text).await;
        let done = held.keep_after(done).map_err(execution_failed)?;
        Ok(done.into())
    }

    /// Lets nobody read any more, waits for those that do, and closes every connection.
    pub(crate) async fn close(&self) {
        let everybody = self.0.places.acquire_many(self.0.most).await;
        self.0.places.close();
        drop(everybody);
        let idle = std::mem::take(&mut *self.0.idle());
        for connection in idle {
            // What was read is not lost with it.
            let _ = connection.close().await;
        }
    }

    /// How many connections are open.
    pub(crate) fn open(&self) -> u32 {
        let count = |number| u32::try_from(number).unwrap_or(u32::MAX);
        let in_use = (self.0.most).saturating_sub(count(self.0.places.available_permits()));
        count(self.idle()).saturating_add(in_use)
    }

    /// How many of them nobody uses.
    pub(crate) fn idle(&self) -> usize {
        self.0.idle().len()
    }

    /// The most there may be.
    pub(crate) fn most(&self) -> u32 {
        self.0.most
    }

    async fn hold(&self) -> Result<Held<'_>, DbErr> {
        let place = Arc::clone(&self.0.places).acquire_owned().await;
        let place = place.map_err(|_| closed())?;
        let idle = self.0.idle().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.0.connect.connect().await.map_err(query_failed)?,
        };
        Ok(Held {
            kept: &self.0,
            in_use: Some((connection, place)),
        })
    }
}

impl Kept {
    fn idle(&self) -> MutexGuard<'_, Vec<SqliteConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection in use. Where whoever uses it gives up it is closed, because its answer is still to
/// come.
struct Held<'a> {
    kept: &'a Kept,
    /// With its place. There until it is given back.
    in_use: Option<(SqliteConnection, OwnedSemaphorePermit)>,
}

impl Held<'_> {
    fn connection(&mut self) -> Result<&mut SqliteConnection, DbErr> {
        let in_use = self.in_use.as_mut();
        in_use.map(|(connection, _)| connection).ok_or_else(closed)
    }

    /// Gives the connection back with what it answered, unless its thread is gone.
    fn keep_after<T>(mut self, answer: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        if matches!(answer, Err(sqlx::Error::WorkerCrashed)) {
            return answer;
        }
        if let Some((connection, place)) = self.in_use.take() {
            self.kept.idle().push(connection);
            drop(place);
        }
        answer
    }
}

impl Drop for Held<'_> {
    /// The thread of a connection works on after its reader gave up. Until it has ended, the
    /// connection counts and nobody else has its place.
    fn drop(&mut self) {
        let Some((connection, place)) = self.in_use.take() else {
            return;
        };
        // Without a runtime nobody reads any more.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                let _ = connection.close().await;
                drop(place);
            });
        }
    }
}

fn closed() -> DbErr {
    DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed)
}

fn query(statement: Statement) -> Query<'static, Sqlite, SqlxValues> {
    let values = statement.values.unwrap_or_else(|| Values(Vec::new()));
    sqlx::query_with(AssertSqlSafe(statement.sql), SqlxValues(values))
}

fn execution_failed(error: sqlx::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(error.into()))
}

fn query_failed(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error.into()))
}

#[cfg(test)]
mod tests {
    use futures_util::poll;
    use sea_orm::DbBackend;

    use super::*;

    const SLOW: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000) \
        SELECT count(*) FROM n";

    async fn readers(most: u32) -> Readers {
        let connect = SqliteConnectOptions::new().in_memory(true);
        let first = connect.connect().await.unwrap();
        Readers::new(connect, first, most)
    }

    fn ask(text: &str) -> Statement {
        Statement::from_string(DbBackend::Sqlite, text)
    }

    async fn one(readers: &Readers, text: &str) -> i64 {
        let row = readers.one(ask(text)).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }

    #[tokio::test]
    async fn reads_one_after_the_other_share_a_connection_also_after_one_that_failed() {
        let readers = readers(3).await;
        assert!(readers.one(ask("SELECT n FROM nowhere")).await.is_err());
        for _ in 0..3 {
            assert_eq!(one(&readers, "SELECT 1").await, 1);
        }
        let rows = readers.all(ask("VALUES (1), (2)")).await.unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!((readers.open(), readers.idle()), (1, 1));
    }

    #[tokio::test]
    async fn as_many_read_at_once_as_may_and_the_next_waits() {
        let readers = readers(2).await;
        let held = [readers.hold().await.unwrap(), readers.hold().await.unwrap()];
        assert_eq!((readers.open(), readers.idle()), (2, 0));
        let mut third = Box::pin(readers.hold());
        assert!(poll!(&mut third).is_pending());
        drop(held);
        assert!(third.await.is_ok());
    }

    #[tokio::test]
    async fn an_answer_that_nobody_waited_for_is_not_the_next_ones() {
        let readers = readers(1).await;
        let mut given_up = Box::pin(readers.one(ask(SLOW)));
        assert!(poll!(&mut given_up).is_pending());
        drop(given_up);
        assert_eq!(one(&readers, "SELECT 7").await, 7);
    }

    #[tokio::test]
    async fn who_gives_up_keeps_the_place_until_the_connection_is_at_rest() {
        let readers = readers(1).await;
        let mut given_up = Box::pin(readers.one(ask(SLOW)));
        assert!(poll!(&mut given_up).is_pending());
        drop(given_up);
        assert_eq!((readers.open(), readers.idle()), (1, 0));
        let next = readers.hold().await.unwrap();
        assert_eq!((readers.open(), readers.idle()), (1, 0));
        drop(next);
    }

    #[tokio::test]
    async fn closing_waits_for_a_read_that_was_given_up() {
        let readers = readers(1).await;
        let mut given_up = Box::pin(readers.one(ask(SLOW)));
        assert!(poll!(&mut given_up).is_pending());
        drop(given_up);
        let mut closing = Box::pin(readers.close());
        assert!(poll!(&mut closing).is_pending());
        closing.await;
        assert_eq!(readers.open(), 0);
    }

    #[tokio::test]
    async fn closing_waits_for_who_reads_and_lets_nobody_read_afterwards() {
        let readers = readers(1).await;
        let held = readers.hold().await.unwrap();
        let mut closing = Box::pin(readers.close());
        assert!(poll!(&mut closing).is_pending());
        drop(held);
        closing.await;
        let late = readers.one(ask("SELECT 1")).await;
        assert!(matches!(late, Err(DbErr::ConnectionAcquire(_))));
        assert_eq!(readers.open(), 0);
    }
}
