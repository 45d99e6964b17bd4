use async_trait::async_trait;
use std::sync::Arc;

use insula_ambient::Timestamp;
use insula_model::{ClientId, ConnectorId, Identity, IdentityClaims, TenantId, UserId};
use insula_oauth::Scopes;
use insula_store::{People, StoreError, UpgradedPassword, recorded_login};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, QueryFilter as _,
    QuerySelect as _, Select,
};

use super::json::{from_json, to_json};
use super::{SqlTenant, passwords};
use crate::entity::identity::{ActiveModel, Column, Entity, Model};
use crate::fault::Fault;
use crate::sql::Sql;

const WHAT: &str = "identity";

#[async_trait]
impl People for SqlTenant {
    async fn find_identity(
        &self,
        connector: &ConnectorId,
        user: &UserId,
    ) -> Result<Option<Identity>, StoreError> {
        run!(self, "find_identity", find, connector, user)
    }

    async fn record_login(
        &self,
        connector: &ConnectorId,
        claims: &IdentityClaims,
        consent: Option<(&ClientId, &Scopes)>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let consent = consent.map(|(client, scopes)| (client.clone(), scopes.clone()));
        run!(self, "record_login", record, connector, claims, consent, at)
    }

    async fn find_upgraded_password(
        &self,
        email: &str,
    ) -> Result<Option<UpgradedPassword>, StoreError> {
        let email = email.to_owned();
        run!(self, "find_upgraded_password", passwords::find, email)
    }

    async fn upgrade_password(&self, upgraded: &UpgradedPassword) -> Result<(), StoreError> {
        run!(self, "upgrade_password", passwords::save, upgraded)
    }
}

pub(super) async fn find(
    sql: Arc<Sql>,
    tenant: TenantId,
    (connector, user): (ConnectorId, UserId),
) -> Result<Option<Identity>, Fault> {
    let row = by_key(&tenant, &connector, &user).one(sql.read()).await?;
    row.as_ref().map(identity).transpose()
}

/// One read and one write that stands only if nobody wrote in between. Who loses that race takes
/// the row's lock and writes again, so that a crowd does not retry for ever.
pub(super) async fn record(
    sql: Arc<Sql>,
    tenant: TenantId,
    (connector, claims, consent, at): (
        ConnectorId,
        IdentityClaims,
        Option<(ClientId, Scopes)>,
        Timestamp,
    ),
) -> Result<(), Fault> {
    let consent = consent.as_ref().map(|(client, scopes)| (client, scopes));
    let row = by_key(&tenant, &connector, &claims.user_id)
        .one(sql.read())
        .await?;
    let stored = row.as_ref().map(identity).transpose()?;
    let Some(next) = recorded_login(stored, &connector, &claims, consent, at) else {
        return Ok(());
    };
    let written = match &row {
        None => insert(sql.write(), &tenant, &next).await?,
        Some(row) => replace(sql.write(), row, &next).await?,
    };
    if written {
        return Ok(());
    }

    let transaction = sql.begin().await?;
    sql.metrics.count_read();
    let locked = by_key(&tenant, &connector, &claims.user_id)
        .lock_exclusive()
        .one(&transaction)
        .await?;
    let row = locked.ok_or(Fault::Raced)?;
    let stored = Some(identity(&row)?);
    if let Some(next) = recorded_login(stored, &connector, &claims, consent, at) {
        sql.metrics.count_write();
        if !replace(&transaction, &row, &next).await? {
            return Err(Fault::Raced);
        }
    }
    transaction.commit().await?;
    Ok(())
}

fn by_key(tenant: &TenantId, connector: &ConnectorId, user: &UserId) -> Select<Entity> {
    Entity::find_by_id((
        tenant.as_str().to_owned(),
        connector.as_str().to_owned(),
        user.as_str().to_owned(),
    ))
}

/// `false` if somebody else was first.
async fn insert(
    db: &impl ConnectionTrait,
    tenant: &TenantId,
    identity: &Identity,
) -> Result<bool, Fault> {
    let row = ActiveModel {
        tenant_id: Set(tenant.as_str().to_owned()),
        connector_id: Set(identity.connector_id.as_str().to_owned()),
        user_id: Set(identity.claims.user_id.as_str().to_owned()),
        claims: Set(to_json(WHAT, "claims", &identity.claims)?),
        consents: Set(to_json(WHAT, "consents", &identity.consents)?),
        first_login_at: Set(identity.first_login_at.as_millis()),
        last_login_at: Set(identity.last_login_at.as_millis()),
        version: Set(1),
    };
    not_duplicate(Entity::insert(row).exec_without_returning(db).await)
}

fn not_duplicate(inserted: Result<u64, DbErr>) -> Result<bool, Fault> {
    match inserted {
        Ok(_) => Ok(true),
        Err(error) if Fault::is_duplicate(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// `false` if the row is no longer as it was read.
async fn replace(db: &impl ConnectionTrait, read: &Model, next: &Identity) -> Result<bool, Fault> {
    let claims = to_json(WHAT, "claims", &next.claims)?;
    let consents = to_json(WHAT, "consents", &next.consents)?;
    let replaced = Entity::update_many()
        .col_expr(Column::Claims, Expr::value(claims))
        .col_expr(Column::Consents, Expr::value(consents))
        .col_expr(
            Column::LastLoginAt,
            Expr::value(next.last_login_at.as_millis()),
        )
        .col_expr(Column::Version, Expr::value(read.version.wrapping_add(1)))
        .filter(Column::TenantId.eq(read.tenant_id.as_str()))
        .filter(Column::ConnectorId.eq(read.connector_id.as_str()))
        .filter(Column::UserId.eq(read.user_id.as_str()))
        .filter(Column::Version.eq(read.version))
        .exec(db)
        .await?;
    Ok(replaced.rows_affected == 1)
}

fn identity(row: &Model) -> Result<Identity, Fault> {
    let connector = ConnectorId::parse(&row.connector_id);
    Ok(Identity {
        connector_id: connector.map_err(|_| Fault::column(WHAT, "connector_id"))?,
        claims: from_json(WHAT, "claims", &row.claims)?,
        consents: from_json(WHAT, "consents", &row.consents)?,
        first_login_at: Timestamp::from_millis(row.first_login_at),
        last_login_at: Timestamp::from_millis(row.last_login_at),
    })
}
