use async_trait::async_trait;
use std::sync::Arc;

use insula_model::TenantId;
use insula_store::{KeySwap, Keys, SealedKeys, StoreError};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::SqlTenant;
use crate::entity::key_ring::{ActiveModel, Column, Entity};
use crate::fault::Fault;
use crate::sql::Sql;

const WHAT: &str = "key ring";

#[async_trait]
impl Keys for SqlTenant {
    async fn load_keys(&self) -> Result<Option<SealedKeys>, StoreError> {
        run!(self, "load_keys", load)
    }

    async fn swap_keys(
        &self,
        expected: Option<u64>,
        new: &SealedKeys,
    ) -> Result<KeySwap, StoreError> {
        run!(self, "swap_keys", swap, expected, new)
    }
}

pub(super) async fn load(
    sql: Arc<Sql>,
    tenant: TenantId,
    (): (),
) -> Result<Option<SealedKeys>, Fault> {
    let row = Entity::find_by_id(tenant.as_str()).one(sql.read()).await?;
    row.map(|row| {
        Ok(SealedKeys {
            version: u64::try_from(row.version).map_err(|_| Fault::column(WHAT, "version"))?,
            sealed: row.sealed,
        })
    })
    .transpose()
}

pub(super) async fn swap(
    sql: Arc<Sql>,
    tenant: TenantId,
    (expected, new): (Option<u64>, SealedKeys),
) -> Result<KeySwap, Fault> {
    let number = |version: u64| i64::try_from(version).map_err(|_| Fault::column(WHAT, "version"));
    let version = number(new.version)?;
    let Some(expected) = expected else {
        let first = ActiveModel {
            tenant_id: Set(tenant.as_str().to_owned()),
            version: Set(version),
            sealed: Set(new.sealed),
        };
        return match Entity::insert(first)
            .exec_without_returning(sql.write())
            .await
        {
            Ok(_) => Ok(KeySwap::Swapped),
            Err(error) if Fault::is_duplicate(&error) => Ok(KeySwap::Lost),
            Err(error) => Err(error.into()),
        };
    };
    let swapped = Entity::update_many()
        .col_expr(Column::Version, Expr::value(version))
        .col_expr(Column::Sealed, Expr::value(new.sealed))
        .filter(Column::TenantId.eq(tenant.as_str()))
        .filter(Column::Version.eq(number(expected)?))
        .exec(sql.write())
        .await?;
    Ok(match swapped.rows_affected {
        0 => KeySwap::Lost,
        _ => KeySwap::Swapped,
    })
}
