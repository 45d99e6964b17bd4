use std::sync::Arc;

use insula_ambient::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, QueryFilter as _,
    Statement,
};

use crate::backend::Backend;
use crate::entity::lease::{ActiveModel, Column, Entity};
use crate::fault::Fault;
use crate::only_row::only_row;
use crate::sql::Sql;
use crate::store::LeaseHolder;

/// Reads first, so that processes that find a lease taken do not write.
pub(crate) async fn lease(
    sql: Arc<Sql>,
    name: String,
    holder: String,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool, Fault> {
    let (now, until) = (now.as_millis(), until.as_millis());
    let stored = only_row(Entity::find_by_id(name.as_str()), sql.upkeep()).await?;
    let Some(stored) = stored else {
        let row = ActiveModel {
            name: Set(name),
            holder: Set(holder),
            expires_at: Set(until),
        };
        let inserted = Entity::insert(row)
            .exec_without_returning(sql.upkeep())
            .await;
        return match inserted {
            Ok(_) => Ok(true),
            Err(error) if Fault::is_duplicate(&error) => Ok(false),
            Err(error) => Err(error.into()),
        };
    };
    if stored.holder != holder && stored.expires_at > now {
        return Ok(false);
    }
    let free = Column::Holder
        .eq(holder.as_str())
        .or(Column::ExpiresAt.lte(now));
    let taken = Entity::update_many()
        .col_expr(Column::Holder, Expr::value(holder))
        .col_expr(Column::ExpiresAt, Expr::value(until))
        .filter(Column::Name.eq(name))
        .filter(free)
        .exec(sql.upkeep())
        .await?;
    Ok(taken.rows_affected == 1)
}

pub(crate) async fn holder(sql: Arc<Sql>, name: String) -> Result<Option<LeaseHolder>, Fault> {
    let row = only_row(Entity::find_by_id(name), sql.upkeep()).await?;
    Ok(row.map(|row| LeaseHolder {
        holder: row.holder,
        until: Timestamp::from_millis(row.expires_at),
    }))
}

pub(crate) async fn release(sql: Arc<Sql>, name: String, holder: String) -> Result<(), Fault> {
    Entity::delete_many()
        .filter(Column::Name.eq(name))
        .filter(Column::Holder.eq(holder))
        .exec(sql.upkeep())
        .await?;
    Ok(())
}

/// The database's own time, by which processes of different hosts compare.
pub(crate) async fn time(sql: Arc<Sql>) -> Result<Timestamp, Fault> {
    let ask = match sql.backend {
        Backend::Sqlite => "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
        Backend::Postgres => "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
        Backend::MySql => "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS SIGNED)",
    };
    let connection = sql.upkeep();
    let ask = Statement::from_string(connection.get_database_backend(), ask);
    let row = connection.query_one_raw(ask).await?;
    let millis = row.and_then(|row| row.try_get_by_index::<i64>(0).ok());
    let millis = millis.ok_or_else(|| Fault::column("time", "now"))?;
    Ok(Timestamp::from_millis(millis))
}
