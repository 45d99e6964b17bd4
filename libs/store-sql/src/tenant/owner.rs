use async_trait::async_trait;
use std::sync::Arc;

use insula_ambient::Timestamp;
use insula_model::TenantId;
use insula_store::{Owner, Owners, StoreError};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::SqlTenant;
use crate::entity::tenant_owner::{ActiveModel, Column, Entity, Model};
use crate::fault::Fault;
use crate::only_row::only_row;
use crate::sql::Sql;

const WHAT: &str = "tenant owner";

#[async_trait]
impl Owners for SqlTenant {
    async fn claim(&self, issuer: &str) -> Result<Owner, StoreError> {
        let issuer = issuer.to_owned();
        run!(self, "claim", claim, issuer)
    }

    async fn adopt(&self, issuer: &str) -> Result<(), StoreError> {
        let issuer = issuer.to_owned();
        run!(self, "adopt", adopt, issuer)
    }

    async fn note_left(&self, at: Timestamp) -> Result<(), StoreError> {
        run!(self, "note_left", note_left, at)
    }
}

pub(super) async fn claim(
    sql: Arc<Sql>,
    tenant: TenantId,
    (issuer,): (String,),
) -> Result<Owner, Fault> {
    if let Some(owner) = find(&sql, &tenant).await? {
        return Ok(owner);
    }
    let owner = Owner {
        issuer,
        left_at: None,
    };
    if insert(&sql, &tenant, &owner).await? {
        return Ok(owner);
    }
    // Somebody else was first.
    let first = find(&sql, &tenant).await?;
    first.ok_or_else(|| Fault::column(WHAT, "issuer"))
}

pub(super) async fn adopt(
    sql: Arc<Sql>,
    tenant: TenantId,
    (issuer,): (String,),
) -> Result<(), Fault> {
    let owner = Owner {
        issuer,
        left_at: None,
    };
    if insert(&sql, &tenant, &owner).await? {
        return Ok(());
    }
    Entity::update_many()
        .col_expr(Column::Issuer, Expr::value(owner.issuer))
        .col_expr(Column::LeftAt, Expr::value(None::<i64>))
        .filter(Column::TenantId.eq(tenant.as_str()))
        .exec(sql.write())
        .await?;
    Ok(())
}

pub(super) async fn note_left(
    sql: Arc<Sql>,
    tenant: TenantId,
    (at,): (Timestamp,),
) -> Result<(), Fault> {
    Entity::update_many()
        .col_expr(Column::LeftAt, Expr::value(at.as_millis()))
        .filter(Column::TenantId.eq(tenant.as_str()))
        .exec(sql.write())
        .await?;
    Ok(())
}

pub(crate) async fn owners(sql: Arc<Sql>) -> Result<Vec<(TenantId, Owner)>, Fault> {
    let rows = Entity::find().all(sql.read()).await?;
    let known = |row: Model| {
        let tenant = TenantId::parse(&row.tenant_id);
        let tenant = tenant.map_err(|_| Fault::column(WHAT, "tenant_id"))?;
        Ok((tenant, of(row)))
    };
    rows.into_iter().map(known).collect()
}

async fn find(sql: &Sql, tenant: &TenantId) -> Result<Option<Owner>, Fault> {
    let row = only_row(Entity::find_by_id(tenant.as_str()), sql.read()).await?;
    Ok(row.map(of))
}

fn of(row: Model) -> Owner {
    Owner {
        issuer: row.issuer,
        left_at: row.left_at.map(Timestamp::from_millis),
    }
}

/// `false` if there is a row already.
async fn insert(sql: &Sql, tenant: &TenantId, owner: &Owner) -> Result<bool, Fault> {
    let row = ActiveModel {
        tenant_id: Set(tenant.as_str().to_owned()),
        issuer: Set(owner.issuer.clone()),
        left_at: Set(owner.left_at.map(Timestamp::as_millis)),
    };
    match Entity::insert(row)
        .exec_without_returning(sql.write())
        .await
    {
        Ok(_) => Ok(true),
        Err(error) if Fault::is_duplicate(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
