use async_trait::async_trait;
use std::sync::Arc;

use insula_model::TenantId;
use insula_store::{Keys, SealedKeys, StoreError, SwappedKeys};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, DbBackend, EntityTrait as _, QueryFilter as _,
    QueryTrait as _,
};

use super::SqlTenant;
use crate::commit::Step;
use crate::entity::key_ring::{ActiveModel, Column, Entity};
use crate::fault::Fault;
use crate::only_row::only_row;
use crate::sql::Sql;

const WHAT: &str = "key ring";

#[async_trait]
impl Keys for SqlTenant {
    async fn load_keys(&self) -> Result<Option<SealedKeys>, StoreError> {
        run!(self, "load_keys", load)
    }
}

pub(super) async fn load(
    sql: Arc<Sql>,
    tenant: TenantId,
    (): (),
) -> Result<Option<SealedKeys>, Fault> {
    let row = only_row(Entity::find_by_id(tenant.as_str()), sql.read()).await?;
    row.map(|row| {
        Ok(SealedKeys {
            version: u64::try_from(row.version).map_err(|_| Fault::column(WHAT, "version"))?,
            sealed: row.sealed,
        })
    })
    .transpose()
}

/// The statement that stores a ring in the place of the one expected.
pub(super) fn swapping(
    backend: DbBackend,
    tenant: &TenantId,
    SwappedKeys { expected, new }: &SwappedKeys,
) -> Result<Step, Fault> {
    let version = number(new.version)?;
    let Some(expected) = *expected else {
        let first = ActiveModel {
            tenant_id: Set(tenant.as_str().to_owned()),
            version: Set(version),
            sealed: Set(new.sealed.clone()),
        };
        return Ok(Step::any(Entity::insert(first).build(backend)));
    };
    let swap = Entity::update_many()
        .col_expr(Column::Version, Expr::value(version))
        .col_expr(Column::Sealed, Expr::value(new.sealed.clone()))
        .filter(Column::TenantId.eq(tenant.as_str()))
        .filter(Column::Version.eq(number(expected)?))
        .build(backend);
    Ok(Step::must_change(swap))
}

/// Whether a swap would find now what it expects.
pub(super) async fn may_swap(
    sql: &Arc<Sql>,
    tenant: &TenantId,
    keys: &SwappedKeys,
) -> Result<bool, Fault> {
    let stored = load(Arc::clone(sql), tenant.clone(), ()).await?;
    Ok(stored.map(|stored| stored.version) == keys.expected)
}

fn number(version: u64) -> Result<i64, Fault> {
    i64::try_from(version).map_err(|_| Fault::column(WHAT, "version"))
}
