use std::sync::Arc;

use insula_ambient::Timestamp;
use insula_model::{GrantId, TenantId};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait as _, OnConflict, Query};
use sea_orm::{ActiveValue::Set, EntityTrait as _};

use crate::entity::refresh_grant;
use crate::entity::revoked_grant::{ActiveModel, Column, Entity};
use crate::fault::Fault;
use crate::sql::Sql;

/// Notes the revocation, which everything that reads the family's refresh grants asks for. Their
/// rows stay as long as it stands: they say that their codes were redeemed. Of two revocations the
/// one that stands longer counts.
pub(super) async fn revoke(
    sql: Arc<Sql>,
    tenant: TenantId,
    (grant, until): (GrantId, Timestamp),
) -> Result<(), Fault> {
    let until = until.as_millis();
    let row = ActiveModel {
        tenant_id: Set(tenant.as_str().to_owned()),
        grant_id: Set(grant.as_str().to_owned()),
        expires_at: Set(until),
    };
    let stored = || Expr::col((Entity, Column::ExpiresAt));
    let later = CaseStatement::new()
        .case(stored().lt(until), until)
        .finally(stored());
    let keep_later = OnConflict::columns([Column::TenantId, Column::GrantId])
        .value(Column::ExpiresAt, later)
        .to_owned();
    Entity::insert(row)
        .on_conflict(keep_later)
        .exec_without_returning(sql.write())
        .await?;
    Ok(())
}

pub(super) async fn is_revoked(
    sql: Arc<Sql>,
    tenant: TenantId,
    (grant,): (GrantId,),
) -> Result<bool, Fault> {
    let key = (tenant.as_str().to_owned(), grant.as_str().to_owned());
    let row = Entity::find_by_id(key).one(sql.read()).await?;
    Ok(row.is_some())
}

/// The condition that a refresh grant's family was not revoked.
pub(super) fn family_lives() -> Expr {
    let same = |of_revoked: Column, of_refresh: refresh_grant::Column| {
        Expr::col((Entity, of_revoked)).equals((refresh_grant::Entity, of_refresh))
    };
    let revocation = Query::select()
        .expr(Expr::val(1))
        .from(Entity)
        .and_where(same(Column::TenantId, refresh_grant::Column::TenantId))
        .and_where(same(Column::GrantId, refresh_grant::Column::GrantId))
        .take();
    Expr::exists(revocation).not()
}
