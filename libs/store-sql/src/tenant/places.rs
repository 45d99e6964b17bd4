//! The order in which events are read.
//!
//! No database tells in which order transactions were committed: a number that is drawn when a row is
//! inserted may appear after higher ones, and a reader that went past it would never see it. So an
//! event has no place when it is written. Whoever reads gives places to the events they find, which
//! are committed, under the lock of the tenant's counter; logins never wait for that lock.

use std::sync::Arc;

use insula_model::TenantId;
use insula_store::PlacedEvent;
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait as _, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};

use super::json::from_json;
use crate::entity::event::{Column, Entity, Model};
use crate::entity::event_counter;
use crate::fault::Fault;
use crate::only_row::only_row;
use crate::sql::Sql;

const WHAT: &str = "event";
/// The most events that get their places in one transaction.
const AT_ONCE: u64 = 500;

pub(super) async fn events_after(
    sql: Arc<Sql>,
    tenant: TenantId,
    (position, most): (u64, u32),
) -> Result<Vec<PlacedEvent>, Fault> {
    // Only as many get places as this page takes: the first reader of many finds all of them without.
    let rows = loop {
        let waiting = without_place(&sql, sql.reader(), &tenant, 1).await?;
        if !waiting.is_empty() {
            give_places(&sql, &tenant).await?;
        }
        let rows = placed_after(&sql, &tenant, position, most).await?;
        if waiting.is_empty() || rows.len() as u64 == u64::from(most) {
            break rows;
        }
    };
    let placed = rows.into_iter().map(|row| {
        let position = row.position.and_then(|place| u64::try_from(place).ok());
        Ok(PlacedEvent {
            position: position.ok_or_else(|| Fault::column(WHAT, "position"))?,
            event: from_json(WHAT, "body", &row.body)?,
        })
    });
    placed.collect()
}

async fn placed_after(
    sql: &Sql,
    tenant: &TenantId,
    position: u64,
    most: u32,
) -> Result<Vec<Model>, Fault> {
    let found = Entity::find()
        .filter(Column::TenantId.eq(tenant.as_str()))
        .filter(Column::Position.gt(i64::try_from(position).unwrap_or(i64::MAX)))
        .order_by_asc(Column::Position)
        .limit(u64::from(most))
        .all(sql.read())
        .await?;
    Ok(found)
}

async fn without_place(
    sql: &Sql,
    db: &impl ConnectionTrait,
    tenant: &TenantId,
    most: u64,
) -> Result<Vec<String>, Fault> {
    sql.metrics.count_read();
    let found = Entity::find()
        .select_only()
        .column(Column::EventId)
        .filter(Column::TenantId.eq(tenant.as_str()))
        .filter(Column::Position.is_null())
        .order_by_asc(Column::HappenedAt)
        .order_by_asc(Column::EventId)
        .limit(most)
        .into_tuple::<String>()
        .all(db)
        .await?;
    Ok(found)
}

/// The counter is locked before the events are looked for: on MariaDB a transaction sees what was
/// committed before its first look.
async fn give_places(sql: &Sql, tenant: &TenantId) -> Result<(), Fault> {
    use event_counter::Column as Counter;

    let transaction = sql.begin().await?;
    let first = event_counter::ActiveModel {
        tenant_id: Set(tenant.as_str().to_owned()),
        last: Set(0),
    };
    let is_there = OnConflict::column(Counter::TenantId)
        .value(
            Counter::Last,
            Expr::col((event_counter::Entity, Counter::Last)),
        )
        .to_owned();
    sql.metrics.count_write();
    event_counter::Entity::insert(first)
        .on_conflict(is_there)
        .exec_without_returning(&transaction)
        .await?;
    sql.metrics.count_read();
    let counter = event_counter::Entity::find_by_id(tenant.as_str()).lock_exclusive();
    let counter = only_row(counter, &transaction).await?;
    let before = counter.ok_or(Fault::Raced)?.last;
    let ids = without_place(sql, &transaction, tenant, AT_ONCE).await?;
    if ids.is_empty() {
        return Ok(());
    }
    let mut places = CaseStatement::new();
    let mut last = before;
    for id in &ids {
        last += 1;
        places = places.case(Expr::col(Column::EventId).eq(id.as_str()), last);
    }
    sql.metrics.count_write();
    Entity::update_many()
        .col_expr(Column::Position, places.finally(last).into())
        .filter(Column::TenantId.eq(tenant.as_str()))
        .filter(Column::EventId.is_in(ids))
        .exec(&transaction)
        .await?;
    sql.metrics.count_write();
    event_counter::Entity::update_many()
        .col_expr(Counter::Last, Expr::value(last))
        .filter(Counter::TenantId.eq(tenant.as_str()))
        .exec(&transaction)
        .await?;
    transaction.commit().await?;
    Ok(())
}
