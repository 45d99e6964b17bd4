use std::io::ErrorKind;
use std::path::Path;
use std::str::FromStr as _;
use std::time::Duration;

use sea_orm::sqlx::mysql::{MySqlConnectOptions, MySqlPoolOptions};
use sea_orm::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sea_orm::sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sea_orm::sqlx::{self, AssertSqlSafe, ConnectOptions as _, Executor as _};
use sea_orm::{DbErr, RuntimeErr, SqlxMySqlConnector, SqlxPostgresConnector, SqlxSqliteConnector};

use crate::backend::Backend;
use crate::metrics::Pool;
use crate::options::SqlOptions;
use crate::wire::Wire;

/// How long a connection may lie unused before it is asked whether it still stands.
const TRUSTED_FOR: Duration = Duration::from_secs(10);

/// How long SQLite waits for another process to let go of the file.
const SQLITE_BUSY: Duration = Duration::from_secs(5);

/// An open database. Reads and writes go different ways where that helps: SQLite has one writer,
/// so its writes queue here instead of polling for a lock there.
#[derive(Clone)]
pub(crate) struct Opened {
    pub(crate) reader: Wire,
    pub(crate) writer: Wire,
    pub(crate) pools: Vec<(&'static str, Pool)>,
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
    let connect = SqliteConnectOptions::from_str(url)?
        .create_if_missing(!url.contains("mode=ro"))
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .foreign_keys(true)
        .busy_timeout(SQLITE_BUSY)
        .pragma("cache_size", "-16000")
        .statement_cache_capacity(256)
        .disable_statement_logging();
    let pool = |most| {
        SqlitePoolOptions::new()
            .max_connections(most)
            .min_connections(1)
            .acquire_timeout(options.acquire_timeout)
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
    };
    if !in_memory && !url.contains("mode=ro") {
        make_private(connect.get_filename()).await?;
    }
    let writing = pool(1).connect_with(connect.clone()).await?;
    let writer = SqlxSqliteConnector::from_sqlx_sqlite_pool(writing.clone());
    let writer = Wire::new(writer, false);
    if in_memory {
        // Connections of a memory database would each see a database of their own.
        return Ok(Opened {
            reader: writer.clone(),
            writer,
            pools: vec![("all", Pool::Sqlite(writing))],
        });
    }
    let reading = pool(options.max_connections).connect_with(connect).await?;
    let reader = SqlxSqliteConnector::from_sqlx_sqlite_pool(reading.clone());
    Ok(Opened {
        reader: Wire::new(reader, false),
        writer,
        pools: vec![
            ("read", Pool::Sqlite(reading)),
            ("write", Pool::Sqlite(writing)),
        ],
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
    let connection = Wire::new(connection, is_pooler);
    Ok(Opened {
        reader: connection.clone(),
        writer: connection,
        pools: vec![("all", Pool::Postgres(pool))],
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
    let connection = Wire::new(connection, false);
    Ok(Opened {
        reader: connection.clone(),
        writer: connection,
        pools: vec![("all", Pool::MySql(pool))],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
