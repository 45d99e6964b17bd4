use std::sync::Arc;

use sea_orm::{ConnectionTrait as _, DatabaseTransaction, DbBackend, DbErr, Statement};
use sea_orm_migration::MigratorTrait as _;

use crate::backend::Backend;
use crate::fault::Fault;
use crate::migration::Migrator;
use crate::sql::Sql;

/// Applies what is missing under a lock that every process of this database shares. The lock and
/// the work are on one connection, so that a process that dies lets go of it.
pub(crate) async fn up(sql: Arc<Sql>) -> Result<(), Fault> {
    let transaction = sql.begin().await?;
    lock(sql.backend, &transaction).await?;
    let outcome = Migrator::up(&transaction, None).await;
    // The lock of MySQL belongs to the connection, which lives on in the pool.
    let released = unlock(sql.backend, &transaction).await;
    outcome?;
    released?;
    transaction.commit().await?;
    Ok(())
}

/// The names of what is missing. Reads only, and needs no right to change tables.
pub(crate) async fn pending(sql: Arc<Sql>) -> Result<Vec<String>, Fault> {
    let missing = Migrator::get_pending_migrations_read_only(sql.read()).await?;
    Ok(missing.iter().map(|m| m.name().to_owned()).collect())
}

async fn lock(backend: Backend, on: &DatabaseTransaction) -> Result<(), DbErr> {
    match backend {
        // The transaction was begun as the only writer.
        Backend::Sqlite => Ok(()),
        Backend::Postgres => {
            // Waiting for another process, and rewriting a table, may take longer than a statement.
            on.execute_unprepared("SET LOCAL statement_timeout = 0")
                .await?;
            on.execute_unprepared("SELECT pg_advisory_xact_lock(8317987319222330741)")
                .await?;
            Ok(())
        }
        Backend::MySql => {
            let take = "SELECT GET_LOCK(CONCAT('insula.', MD5(DATABASE())), 300)";
            let take = Statement::from_string(DbBackend::MySql, take);
            let answer = on.query_one_raw(take).await?;
            let taken = answer.and_then(|row| row.try_get_by_index::<Option<i64>>(0).ok());
            if taken.flatten() == Some(1) {
                return Ok(());
            }
            let cause = "another process is migrating for more than five minutes";
            Err(DbErr::Migration(cause.to_owned()))
        }
    }
}

async fn unlock(backend: Backend, on: &DatabaseTransaction) -> Result<(), DbErr> {
    if backend == Backend::MySql {
        let release = "SELECT RELEASE_LOCK(CONCAT('insula.', MD5(DATABASE())))";
        let release = Statement::from_string(DbBackend::MySql, release);
        on.query_one_raw(release).await?;
    }
    Ok(())
}
