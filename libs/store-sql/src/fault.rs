use insula_store::StoreError;
use sea_orm::sqlx::Error as SqlxError;
use sea_orm::sqlx::error::DatabaseError;
use sea_orm::sqlx::mysql::MySqlDatabaseError;
use sea_orm::sqlx::sqlite::SqliteError;
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr, SqlErr};

use crate::backend::Backend;

/// Primary codes of SQLite.
const SQLITE_ERROR: u32 = 1;
const SQLITE_BUSY: u32 = 5;
const SQLITE_LOCKED: u32 = 6;
const SQLITE_CONSTRAINT: u32 = 19;

const NO_CONNECTION: &str = "no connection came free in time";

/// Why one attempt at an operation failed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The database said no, or nothing.
    Db(DbErr),
    /// A row does not mean what it must mean.
    Corrupt(&'static str, String),
    /// Another process was faster; the same attempt may succeed when made again.
    Raced,
}

impl From<DbErr> for Fault {
    fn from(error: DbErr) -> Self {
        Self::Db(error)
    }
}

impl Fault {
    /// A column that cannot be read. Its value is not told.
    pub(crate) fn column(what: &'static str, column: &'static str) -> Self {
        Self::Corrupt(what, format!("column {column} is not what it must be"))
    }

    /// Whether the same attempt, made again, may succeed without harm: nothing was written.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Raced => true,
            Self::Db(error) => {
                database_error(error).is_some_and(is_conflict) || is_broken_read(error)
            }
            Self::Corrupt(..) => false,
        }
    }

    /// Whether the row was there already.
    pub(crate) fn is_duplicate(error: &DbErr) -> bool {
        matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
    }

    /// Whether the driver was refused because of a lock that another holds.
    pub(crate) fn is_lock(error: &SqlxError) -> bool {
        error.as_database_error().is_some_and(is_conflict)
    }

    /// Whether a statement of SQLite that failed undid what it did itself and left its transaction
    /// as it was: one that broke a constraint, could not be carried out as it is written or found no row
    /// that it had to change. A full
    /// disk or a lack of memory may take the transaction with it.
    pub(crate) fn undid_itself_alone(error: &DbErr) -> bool {
        if matches!(error, DbErr::RecordNotUpdated) {
            return true;
        }
        database_error(error)
            .and_then(primary_code)
            .is_some_and(|code| matches!(code, SQLITE_ERROR | SQLITE_CONSTRAINT))
    }

    /// What the caller is told.
    pub(crate) fn into_store_error(self, backend: Backend) -> StoreError {
        let backend = backend.name();
        match self {
            Self::Corrupt(what, cause) => StoreError::Corrupt { what, cause },
            Self::Raced => StoreError::Failed {
                backend,
                cause: "other processes kept changing the same row".to_owned(),
            },
            Self::Db(error) if is_absence(&error) => StoreError::Unavailable {
                backend,
                cause: cause(&error),
            },
            Self::Db(error) => StoreError::Failed {
                backend,
                cause: cause(&error),
            },
        }
    }
}

fn driver_error(error: &DbErr) -> Option<&SqlxError> {
    match error {
        DbErr::Exec(RuntimeErr::SqlxError(e))
        | DbErr::Query(RuntimeErr::SqlxError(e))
        | DbErr::Conn(RuntimeErr::SqlxError(e)) => Some(e),
        _ => None,
    }
}

fn database_error(error: &DbErr) -> Option<&dyn DatabaseError> {
    match driver_error(error)? {
        SqlxError::Database(e) => Some(e.as_ref()),
        _ => None,
    }
}

/// Whether the database was not there, or not in time; what became of the statement is unknown.
fn is_absence(error: &DbErr) -> bool {
    if matches!(error, DbErr::ConnectionAcquire(_)) {
        return true;
    }
    match driver_error(error) {
        // Who is refused for a password, or names no database, is not waiting for a service.
        None if matches!(error, DbErr::Conn(_)) => true,
        Some(SqlxError::Database(said)) => is_refused_service(said.as_ref()),
        Some(
            SqlxError::Io(_)
            | SqlxError::Tls(_)
            | SqlxError::PoolTimedOut
            | SqlxError::PoolClosed
            | SqlxError::WorkerCrashed,
        ) => true,
        _ => false,
    }
}

/// Whether a connection was found cut when it was read from: a database that was started anew cuts
/// all that a pool holds. Only what reads is a query; all that writes is executed, and may have
/// been done before the cut.
fn is_broken_read(error: &DbErr) -> bool {
    let DbErr::Query(RuntimeErr::SqlxError(driver)) = error else {
        return false;
    };
    match driver.as_ref() {
        SqlxError::Io(_) => true,
        SqlxError::Database(said) => match said.try_downcast_ref::<MySqlDatabaseError>() {
            Some(mysql) => mysql.number() == 1927,
            // Shut down by an operator, by a crash, or not yet up.
            None => matches!(said.code().as_deref(), Some("57P01" | "57P02" | "57P03")),
        },
        _ => false,
    }
}

/// Whether the database answered only that it cannot serve now.
fn is_refused_service(said: &dyn DatabaseError) -> bool {
    if let Some(mysql) = said.try_downcast_ref::<MySqlDatabaseError>() {
        // 1040 too many connections, 1053 shutting down, 1205 lock wait timed out, 1317,
        // 1927 and 1969 interrupted or killed.
        return matches!(mysql.number(), 1040 | 1053 | 1205 | 1317 | 1927 | 1969);
    }
    if said.try_downcast_ref::<SqliteError>().is_some() {
        return is_conflict(said);
    }
    // PostgreSQL: connection exceptions, lack of resources, locks not got, operator intervention
    // (a statement that timed out is cancelled as if by an operator).
    let code = said.code().unwrap_or_default();
    code == "55P03"
        || ["08", "53", "57"]
            .iter()
            .any(|class| code.starts_with(class))
}

/// Serialization failures, deadlocks and locks not got: the database undid what was begun.
fn is_conflict(error: &dyn DatabaseError) -> bool {
    if let Some(mysql) = error.try_downcast_ref::<MySqlDatabaseError>() {
        // 1020 record changed since it was read, 1205 lock wait timed out, 1213 deadlock.
        return matches!(mysql.number(), 1020 | 1205 | 1213);
    }
    if let Some(code) = primary_code(error) {
        return matches!(code, SQLITE_BUSY | SQLITE_LOCKED);
    }
    let code = error.code().unwrap_or_default();
    // PostgreSQL: serialization failure, deadlock, lock not available.
    matches!(code.as_ref(), "40001" | "40P01" | "55P03")
}

/// The code of an error of SQLite, without the reason that its extended codes keep above the low
/// byte.
fn primary_code(error: &dyn DatabaseError) -> Option<u32> {
    error.try_downcast_ref::<SqliteError>()?;
    let code: u32 = error.code()?.parse().ok()?;
    Some(code & 0xff)
}

/// What the database said, without the values it may have quoted.
fn cause(error: &DbErr) -> String {
    let Some(driver) = driver_error(error) else {
        return match error {
            DbErr::Custom(said) | DbErr::Migration(said) => said.clone(),
            DbErr::ConnectionAcquire(ConnAcquireErr::Timeout) => NO_CONNECTION.to_owned(),
            DbErr::ConnectionAcquire(_) => "the pool is closed".to_owned(),
            DbErr::RecordNotInserted | DbErr::RecordNotUpdated => error.to_string(),
            _ => "a row or a statement does not fit the schema".to_owned(),
        };
    };
    match driver {
        SqlxError::Database(said) => database_cause(said.as_ref()),
        SqlxError::ColumnDecode { index, .. } => format!("column {index} cannot be read"),
        SqlxError::Io(said) => said.to_string(),
        SqlxError::Tls(said) | SqlxError::Configuration(said) => said.to_string(),
        SqlxError::PoolTimedOut => NO_CONNECTION.to_owned(),
        SqlxError::PoolClosed => "the pool is closed".to_owned(),
        SqlxError::WorkerCrashed => "the worker of the connection is gone".to_owned(),
        _ => "the driver failed".to_owned(),
    }
}

fn database_cause(said: &dyn DatabaseError) -> String {
    let code = said.code().unwrap_or_default();
    if let Some(mysql) = said.try_downcast_ref::<MySqlDatabaseError>() {
        let number = mysql.number();
        // Only these are known to name things of the server and never a value.
        return match number {
            1044..=1046 | 1049 | 1054 | 1142 | 1146 | 2002..=2013 => {
                format!("error {number}: {}", said.message())
            }
            _ => format!("error {number} ({code})"),
        };
    }
    // Data exceptions and constraint violations of PostgreSQL quote what they were given.
    if code.starts_with("22") && code.len() == 5 || code.starts_with("23") && code.len() == 5 {
        return format!("error {code}");
    }
    format!("error {code}: {}", said.message())
}
