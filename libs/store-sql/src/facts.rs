use std::sync::Arc;

use insula_model::{Event, TenantId};
use insula_store::{MASTER_KEY_FACT, SealedKeys};
use sea_orm::{
    ActiveValue::Set, ConnectionTrait as _, EntityTrait as _, QuerySelect as _, QueryTrait as _,
};

use crate::entity::{
    browser_session, event, key_ring, last_good_document, refresh_grant, server_fact,
};
use crate::fault::Fault;
use crate::only_row::only_row;
use crate::sql::Sql;
use crate::tenant::event_row;

const RING: &str = "key ring";
/// The most events of one statement: databases bound how many values one has.
const TOLD_AT_ONCE: usize = 500;

pub(crate) async fn fact(sql: Arc<Sql>, name: String) -> Result<Option<String>, Fault> {
    let row = only_row(server_fact::Entity::find_by_id(name), sql.read()).await?;
    Ok(row.map(|row| row.value))
}

pub(crate) async fn settle(sql: Arc<Sql>, name: String, value: String) -> Result<String, Fault> {
    if let Some(standing) = fact(Arc::clone(&sql), name.clone()).await? {
        return Ok(standing);
    }
    let row = server_fact::ActiveModel {
        name: Set(name),
        value: Set(value.clone()),
    };
    let inserted = server_fact::Entity::insert(row)
        .exec_without_returning(sql.write())
        .await;
    match inserted {
        Ok(_) => Ok(value),
        // Somebody settled it in between: the next attempt reads what stands.
        Err(error) if Fault::is_duplicate(&error) => Err(Fault::Raced),
        Err(error) => Err(error.into()),
    }
}

pub(crate) async fn some_key_rings(
    sql: Arc<Sql>,
    most: u32,
) -> Result<Vec<(TenantId, SealedKeys)>, Fault> {
    let rows = key_ring::Entity::find()
        .limit(u64::from(most))
        .all(sql.read())
        .await?;
    let ring = |row: key_ring::Model| {
        let tenant = TenantId::parse(&row.tenant_id);
        let keys = SealedKeys {
            version: u64::try_from(row.version).map_err(|_| Fault::column(RING, "version"))?,
            sealed: row.sealed,
        };
        Ok((tenant.map_err(|_| Fault::column(RING, "tenant_id"))?, keys))
    };
    rows.into_iter().map(ring).collect()
}

/// Deletes all that only the master key opens, and what hangs on it: key rings, refresh grants
/// (their secrets are derived from the rings), sessions, which master key it was, and the last good
/// configurations. Each tenant that had keys is told by an event that `told` makes. All or nothing.
/// Answers how many rows went.
pub(crate) async fn forget_sealed(sql: Arc<Sql>, told: impl Fn() -> Event) -> Result<u64, Fault> {
    let wire = sql.upkeep();
    let backend = wire.get_database_backend();
    let mut steps = vec![
        key_ring::Entity::delete_many().build(backend),
        refresh_grant::Entity::delete_many().build(backend),
        browser_session::Entity::delete_many().build(backend),
        server_fact::Entity::delete_by_id(MASTER_KEY_FACT).build(backend),
        last_good_document::Entity::delete_many().build(backend),
    ];
    let rings = key_ring::Entity::find().select_only();
    let tenants = rings.column(key_ring::Column::TenantId);
    let tenants = tenants.into_tuple::<String>().all(sql.read()).await?;
    for some in tenants.chunks(TOLD_AT_ONCE) {
        let events = some.iter().map(|tenant| event_row(tenant, &told()));
        let rows = events.collect::<Result<Vec<_>, _>>()?;
        steps.push(event::Entity::insert_many(rows).build(backend));
    }
    let done = wire.all_or_none(steps).await?;
    let rows = done.iter().take(3).map(sea_orm::ExecResult::rows_affected);
    Ok(rows.sum())
}
