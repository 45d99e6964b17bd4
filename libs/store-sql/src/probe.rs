use std::sync::Arc;

use insula_ambient::Timestamp;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveValue::Set, ConnectionTrait as _, EntityTrait as _, QueryTrait as _, Statement,
};

use crate::entity::server_fact::{ActiveModel, Column, Entity};
use crate::fault::Fault;
use crate::sql::Sql;

/// What logins, exchanges, refreshes and logouts write.
const WRITTEN: [&str; 7] = [
    "identity",
    "upgraded_password",
    "browser_session",
    "refresh_grant",
    "redeemed_code",
    "revoked_grant",
    "event",
];
const NAME: &str = "last-probe";

pub(crate) async fn ping(sql: Arc<Sql>) -> Result<(), Fault> {
    sql.read().execute_unprepared("SELECT 1").await?;
    Ok(())
}

/// Writes as logins do: for each of their tables a statement that must be allowed and finds nothing
/// to write, and one row that reaches the disk. A database that is read-only, full or short of a
/// right says so, and so does a writer that hangs: the probe waits its turn behind what logins write.
pub(crate) async fn probe(sql: Arc<Sql>, now: Timestamp) -> Result<(), Fault> {
    let wire = sql.upkeep();
    let backend = wire.get_database_backend();
    let mut statements: Vec<_> = WRITTEN
        .map(|table| format!("INSERT INTO {table} SELECT * FROM {table} WHERE 1 = 0"))
        .map(|nothing| Statement::from_string(backend, nothing))
        .into();
    let row = ActiveModel {
        name: Set(NAME.to_owned()),
        value: Set(now.as_millis().to_string()),
    };
    let over = OnConflict::column(Column::Name)
        .update_column(Column::Value)
        .to_owned();
    statements.push(Entity::insert(row).on_conflict(over).build(backend));
    wire.all_or_none(statements).await?;
    Ok(())
}
