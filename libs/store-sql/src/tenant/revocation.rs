use std::sync::Arc;

use insula_ambient::Timestamp;
use insula_model::{GrantId, TenantId};
use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, EntityTrait as _, QueryFilter as _,
    QuerySelect as _, QueryTrait as _,
};

use crate::commit::Step;
use crate::entity::refresh_grant;
use crate::entity::revoked_grant::{ActiveModel, Column, Entity};
use crate::fault::Fault;
use crate::only_row::only_row;
use crate::sql::Sql;

/// The statement that notes a revocation, which everything that reads the family's refresh grants
/// asks for, and whether it is the first. Their rows stay as long as it stands: they say that their
/// codes were redeemed. Of two revocations the one that stands longer counts.
pub(super) async fn revoking(
    db: &impl ConnectionTrait,
    tenant: &TenantId,
    grant: &GrantId,
    until: Timestamp,
    is_locked: bool,
) -> Result<(Option<Step>, bool), Fault> {
    let (backend, until) = (db.get_database_backend(), until.as_millis());
    let mut known = Entity::find_by_id((tenant.as_str().to_owned(), grant.as_str().to_owned()));
    if is_locked {
        known = known.lock_exclusive();
    }
    match only_row(known, db).await? {
        None => {
            let row = ActiveModel {
                tenant_id: Set(tenant.as_str().to_owned()),
                grant_id: Set(grant.as_str().to_owned()),
                expires_at: Set(until),
            };
            let insert = Entity::insert(row).build(backend);
            Ok((Some(Step::any(insert)), true))
        }
        Some(row) if row.expires_at < until => {
            // Found no more if it was collected meanwhile, and then noted anew.
            let prolong = Entity::update_many()
                .col_expr(Column::ExpiresAt, Expr::value(until))
                .filter(Column::TenantId.eq(tenant.as_str()))
                .filter(Column::GrantId.eq(grant.as_str()))
                .filter(Column::ExpiresAt.lt(until))
                .build(backend);
            Ok((Some(Step::must_change(prolong)), false))
        }
        Some(_) => Ok((None, false)),
    }
}

pub(super) async fn is_revoked(
    sql: Arc<Sql>,
    tenant: TenantId,
    (grant,): (GrantId,),
) -> Result<bool, Fault> {
    let key = (tenant.as_str().to_owned(), grant.as_str().to_owned());
    let row = only_row(Entity::find_by_id(key), sql.read()).await?;
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
