use std::sync::Arc;

use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{ConnectorId, Identity, TenantId, UserId};
use insula_store::{People, RecordedLogin, StoreError, UpgradedPassword, recorded_login};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DbBackend, EntityTrait as _,
    QueryFilter as _, QuerySelect as _, QueryTrait as _, Select, Statement,
};

use super::json::{from_json, to_json};
use super::{SqlTenant, passwords};
use crate::commit::Step;
use crate::entity::identity::{ActiveModel, Column, Entity, Model};
use crate::fault::Fault;
use crate::only_row::only_row;
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

    async fn find_upgraded_password(
        &self,
        email: &str,
    ) -> Result<Option<UpgradedPassword>, StoreError> {
        let email = email.to_owned();
        run!(self, "find_upgraded_password", passwords::find, email)
    }
}

pub(super) async fn find(
    sql: Arc<Sql>,
    tenant: TenantId,
    (connector, user): (ConnectorId, UserId),
) -> Result<Option<Identity>, Fault> {
    let row = only_row(by_key(&tenant, &connector, &user), sql.read()).await?;
    row.as_ref().map(identity).transpose()
}

/// The statement that records a login, which stands only if nobody wrote since the row was read; none
/// if it says nothing new.
pub(super) async fn recording(
    db: &impl ConnectionTrait,
    tenant: &TenantId,
    login: &RecordedLogin,
    is_locked: bool,
) -> Result<Option<Step>, Fault> {
    let RecordedLogin {
        connector,
        claims,
        consent,
        at,
    } = login;
    let mut known = by_key(tenant, connector, &claims.user_id);
    if is_locked {
        known = known.lock_exclusive();
    }
    let row = only_row(known, db).await?;
    let stored = row.as_ref().map(identity).transpose()?;
    let consent = consent.as_ref().map(|(client, scopes)| (client, scopes));
    let Some(next) = recorded_login(stored, connector, claims, consent, *at) else {
        return Ok(None);
    };
    let backend = db.get_database_backend();
    Ok(Some(match &row {
        None => Step::any(insert(backend, tenant, &next)?),
        Some(row) => Step::must_change(replace(backend, row, &next)?),
    }))
}

fn by_key(tenant: &TenantId, connector: &ConnectorId, user: &UserId) -> Select<Entity> {
    Entity::find_by_id((
        tenant.as_str().to_owned(),
        connector.as_str().to_owned(),
        user.as_str().to_owned(),
    ))
}

fn insert(backend: DbBackend, tenant: &TenantId, identity: &Identity) -> Result<Statement, Fault> {
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
    Ok(Entity::insert(row).build(backend))
}

/// Finds the row only as it was read.
fn replace(backend: DbBackend, read: &Model, next: &Identity) -> Result<Statement, Fault> {
    let claims = to_json(WHAT, "claims", &next.claims)?;
    let consents = to_json(WHAT, "consents", &next.consents)?;
    let replace = Entity::update_many()
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
        .filter(Column::Version.eq(read.version));
    Ok(replace.build(backend))
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
