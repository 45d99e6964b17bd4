use std::io::ErrorKind;
use std::path::Path;
use std::str::FromStr as _;
use std::time::{Duration, Instant};

use sea_orm::sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sea_orm::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sea_orm::sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sea_orm::sqlx::{self, AssertSqlSafe, ConnectOptions as _, Executor as _};
use sea_orm::{DbErr, RuntimeErr, SqlxMySqlConnector, SqlxPostgresConnector, SqlxSqliteConnector};
use tokio::time::sleep;

use crate::backend::Backend;
use crate::commit::GroupCommit;
use crate::fault::Fault;
use crate::metrics::{CommitMetrics, Pool};
use crate::options::SqlOptions;
use crate::readers::Readers;
use crate::wire::Wire;

/// How long a connection may lie unused before it is asked whether it still stands.
const TRUSTED_FOR: Duration = Duration::from_secs(10);

/// How long SQLite waits for another process to let go of the file.
const SQLITE_BUSY: Duration = Duration::from_secs(5);
/// How long opening pauses before it tries again.
const SQLITE_PAUSE: Duration = Duration::from_millis(20);

/// An open database. Reads and writes go different ways where that helps: SQLite has one writer,
/// so its writes queue here instead of polling for a lock there, and are committed together.
#[derive(Clone)]
pub(crate) struct Opened {
    pub(crate) reader: Wire,
    pub(crate) writer: Wire,
    pub(crate) pools: Vec<(&'static str, Pool)>,
    /// Of group commit, where there is one.
    pub(crate) commits: Option<CommitMetrics>,
}

/// Opens the pools and sees that the database answers.
pub(crate) async fn open(
    backend: Backend,
    url: &str,
    options: &SqlOptions,
) -> Result<Opened, DbErr> {
    let opened = match backend {
        Backend::Sqlite => sqlite(url, options).await,
        Backend::Postgres => postgres(url, options).await,
        Backend::MySql => mysql(url, options).await,
    };
    opened.map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(error.into())))
}

async fn sqlite(url: &str, options: &SqlOptions) -> Result<Opened, sqlx::Error> {
    let in_memory = url.contains(":memory:") || url.contains("mode=memory");
    let connect = sqlite_options(url)?;
    if !in_memory && !url.contains("mode=ro") {
        let file = connect.get_filename();
        if options.make_missing {
            make_private(file).await?;
        } else if !tokio::fs::try_exists(file).await? {
            return Err(sqlx::Error::Configuration("there is no such file".into()));
        }
    }
    let commits = CommitMetrics::new().map_err(sqlx::Error::config)?;
    let writing = while_locked(|| sqlite_pool(1, options).connect_with(connect.clone())).await?;
    let connection = SqlxSqliteConnector::from_sqlx_sqlite_pool(writing.clone());
    let group = GroupCommit::start(connection.clone(), commits.clone());
    let writer = Wire::grouped(connection.clone(), group);
    if in_memory {
        // Connections of a memory database would each see a database of their own.
        return Ok(Opened {
            reader: Wire::direct(connection),
            writer,
            pools: vec![("all", Pool::Sqlite(writing))],
            commits: Some(commits),
        });
    }
    let querying = connect.pragma("query_only", "ON");
    let first = while_locked(|| querying.connect()).await?;
    let readers = Readers::new(querying, first, options.max_connections);
    Ok(Opened {
        reader: Wire::reading(connection, readers.clone()),
        writer,
        pools: vec![
            ("read", Pool::Readers(readers)),
            ("write", Pool::Sqlite(writing)),
        ],
        commits: Some(commits),
    })
}

/// Opens a pool, again while another process is opening the same new file: SQLite does not wait by
/// itself for who is turning the write-ahead log on.
async fn while_locked<T, F>(open: impl Fn() -> F) -> Result<T, sqlx::Error>
where
    F: Future<Output = Result<T, sqlx::Error>>,
{
    let began = Instant::now();
    loop {
        match open().await {
            Err(error) if Fault::is_lock(&error) && began.elapsed() < SQLITE_BUSY => {
                sleep(SQLITE_PAUSE).await;
            }
            opened => return opened,
        }
    }
}

/// How each connection to SQLite is opened. What is committed is flushed to the disk before it is
/// acknowledged: with less, a power cut takes back the last commits, and a client that was given a
/// refresh token by one of them would be taken for a thief.
fn sqlite_options(url: &str) -> Result<SqliteConnectOptions, sqlx::Error> {
    Ok(SqliteConnectOptions::from_str(url)?
        .create_if_missing(!url.contains("mode=ro"))
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(SQLITE_BUSY)
        .pragma("cache_size", "-16000")
        .statement_cache_capacity(256)
        .disable_statement_logging())
}

pub(crate) fn sqlite_pool(most: u32, options: &SqlOptions) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .max_connections(most)
        .min_connections(1)
        .acquire_timeout(options.acquire_timeout)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .before_acquire(|connection, _| {
            // A transaction that SQLite undid by itself, as for a full disk, is still counted here:
            // the next one would be no transaction, but a part of it.
            let is_clean = !sqlx::Connection::is_in_transaction(connection);
            Box::pin(async move { Ok(is_clean) })
        })
}

/// Makes the file of a new database readable by its owner alone: people's claims are in it. One that
/// is there keeps the mode its operator gave it; the files SQLite puts beside it take it over.
async fn make_private(file: &Path) -> Result<(), sqlx::Error> {
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    match options.open(file).await {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(sqlx::Error::Io(error)),
    }
}

async fn postgres(url: &str, options: &SqlOptions) -> Result<Opened, sqlx::Error> {
    let timeout = options.statement_timeout.as_millis().to_string();
    let (url, is_pooler) = pooled(url);
    let mut connect = PgConnectOptions::from_str(&url)?
        .application_name("insula")
        .disable_statement_logging();
    if is_pooler {
        connect = connect.extra_float_digits(None);
    } else {
        connect = connect.options([
            ("statement_timeout", timeout.as_str()),
            ("default_transaction_isolation", "read committed"),
        ]);
    }
    let pool = PgPoolOptions::new()
        .max_connections(options.max_connections)
        .acquire_timeout(options.acquire_timeout)
        .test_before_acquire(false)
        .before_acquire(|connection, seen| {
            Box::pin(async move {
                if seen.idle_for > TRUSTED_FOR {
                    sqlx::Connection::ping(connection).await?;
                }
                Ok(true)
            })
        })
        .connect_with(connect)
        .await?;
    let connection = SqlxPostgresConnector::from_sqlx_postgres_pool(pool.clone());
    let connection = if is_pooler {
        Wire::through_pooler(connection)
    } else {
        Wire::direct(connection)
    };
    Ok(Opened {
        reader: connection.clone(),
        writer: connection,
        pools: vec![("all", Pool::Postgres(pool))],
        commits: None,
    })
}

/// Whether a URL leads to a pooler in transaction mode: it says that statements are not to be kept,
/// `?statement_cache_capacity=0`. A pooler lets through no start-up options, and nothing that is
/// kept in a connection stays ours.
fn pooled(url: &str) -> (String, bool) {
    let url = url.replace("statement_cache_capacity=", "statement-cache-capacity=");
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let is_pooler = query
        .split('&')
        .any(|pair| pair == "statement-cache-capacity=0");
    (url, is_pooler)
}

async fn mysql(url: &str, options: &SqlOptions) -> Result<Opened, sqlx::Error> {
    let connect = MySqlConnectOptions::from_str(&url.replacen("mariadb:", "mysql:", 1))?
        .charset("utf8mb4")
        .disable_statement_logging();
    let seconds = options.statement_timeout.as_secs().max(1);
    // Texts that do not fit are refused, not cut; a lock is waited for as long as for a statement.
    let session = format!(
        "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), \
         innodb_lock_wait_timeout = {seconds}"
    );
    let pool = MySqlPoolOptions::new()
        .max_connections(options.max_connections)
        .acquire_timeout(options.acquire_timeout)
        .test_before_acquire(false)
        .before_acquire(|connection, seen| {
            Box::pin(async move {
                if seen.idle_for > TRUSTED_FOR {
                    sqlx::Connection::ping(connection).await?;
                }
                Ok(true)
            })
        })
        .after_connect(move |connection, _| {
            let session = session.clone();
            Box::pin(async move {
                connection.execute(AssertSqlSafe(session)).await?;
                connection
                    .execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
                    .await?;
                Ok(())
            })
        })
        .connect_with(connect)
        .await?;
    let connection = SqlxMySqlConnector::from_sqlx_mysql_pool(pool.clone());
    let connection = Wire::direct(connection);
    Ok(Opened {
        reader: connection.clone(),
        writer: connection,
        pools: vec![("all", Pool::MySql(pool))],
        commits: None,
    })
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::future::ready;

    use sea_orm::ConnectionTrait as _;
    use sea_orm::sqlx::SqliteConnection;
    use sea_orm::sqlx::error::DatabaseError;

    use super::*;

    async fn pragma(wire: &Wire, name: &str) -> i64 {
        let ask = format!("PRAGMA {name}");
        let ask = sea_orm::Statement::from_string(wire.get_database_backend(), ask);
        let row = wire.query_one_raw(ask).await.unwrap().unwrap();
        row.try_get_by_index(0).unwrap()
    }

    #[tokio::test]
    async fn sqlite_flushes_every_commit_and_takes_none_from_readers() {
        const FULL: i64 = 2;
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().join("test.db").display());
        let opened = sqlite(&url, &SqlOptions::default()).await.unwrap();
        assert_eq!(pragma(&opened.writer, "synchronous").await, FULL);
        assert_eq!(pragma(&opened.writer, "query_only").await, 0);
        assert_eq!(pragma(&opened.reader, "synchronous").await, FULL);
        assert_eq!(pragma(&opened.reader, "query_only").await, 1);
        let past_the_writer = opened.reader.execute_unprepared("CREATE TABLE t (n INT)");
        let refused = past_the_writer.await.unwrap_err().to_string();
        assert!(refused.contains("readonly"), "{refused}");
    }

    /// Two connections to one new file, with a table.
    async fn rivals(folder: &Path) -> [SqliteConnection; 2] {
        let url = format!("sqlite://{}", folder.join("test.db").display());
        let connect = sqlite_options(&url).unwrap();
        let mut one = connect.connect().await.unwrap();
        one.execute("CREATE TABLE t (n INT)").await.unwrap();
        [one, connect.connect().await.unwrap()]
    }

    #[tokio::test]
    async fn sqlite_is_opened_again_where_it_was_locked() {
        let folder = tempfile::tempdir().unwrap();
        let [mut one, mut other] = rivals(folder.path()).await;
        // A write to what another changed since it was read is refused at once.
        one.execute("BEGIN").await.unwrap();
        one.execute("SELECT count(*) FROM t").await.unwrap();
        other.execute("INSERT INTO t VALUES (1)").await.unwrap();
        let locked = one.execute("INSERT INTO t VALUES (2)").await.unwrap_err();
        let code = locked.as_database_error().and_then(DatabaseError::code);
        assert_eq!(
            code.as_deref(),
            Some("517"),
            "BUSY, and above its byte the reason"
        );

        let tries = RefCell::new(vec![Ok("open"), Err(locked)]);
        let opened = while_locked(|| ready(tries.borrow_mut().pop().unwrap())).await;
        assert_eq!(opened.unwrap(), "open");
        assert_eq!(tries.borrow().len(), 0);
    }

    #[tokio::test]
    async fn sqlite_is_not_opened_again_after_an_error_that_is_no_lock() {
        let folder = tempfile::tempdir().unwrap();
        let [mut one, _] = rivals(folder.path()).await;
        let absent = one.execute("SELECT n FROM no_table").await.unwrap_err();
        let tries = RefCell::new(vec![Ok("open"), Err(absent)]);
        let opened = while_locked(|| ready(tries.borrow_mut().pop().unwrap())).await;
        assert!(opened.unwrap_err().to_string().contains("no_table"));
        assert_eq!(tries.borrow().len(), 1);
    }

    #[test]
    fn a_pooler_is_told_by_a_statement_cache_of_nothing() {
        for (url, is_pooler) in [
            ("postgres://h/d", false),
            ("postgres://h/d?sslmode=require", false),
            ("postgres://h/d?statement-cache-capacity=100", false),
            ("postgres://h/d?statement_cache_capacity=0", true),
            (
                "postgres://h/d?sslmode=require&statement-cache-capacity=0",
                true,
            ),
        ] {
            assert_eq!(pooled(url).1, is_pooler, "{url}");
        }
    }
}
