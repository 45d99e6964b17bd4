//! Which codes were redeemed: noted by the row of the refresh grant one began, or by a row of its own.

use std::sync::Arc;

use insula_ambient::Timestamp;
use insula_model::{CacheEpoch, CodeClaim, GrantId, RefreshGrant, RefreshId, TenantId};
use insula_store::{NotedRedemption, Redemption};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait as _};
use sea_orm::{ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::refresh::{find, row_of};
use crate::entity::{redeemed_code, refresh_grant};
use crate::fault::Fault;
use crate::sql::Sql;

/// One statement, which notes the redemption too: of those that begin the same grant one finds no
/// row in its way.
pub(super) async fn add_refresh(
    sql: Arc<Sql>,
    tenant: TenantId,
    (grant, claim): (RefreshGrant, Option<CodeClaim>),
) -> Result<Redemption, Fault> {
    let (id, family) = (grant.id.clone(), grant.grant_id.clone());
    let row = row_of(&tenant, grant, claim)?;
    let inserted = refresh_grant::Entity::insert(row)
        .exec_without_returning(sql.write())
        .await;
    let Some(duplicate) = Fault::duplicate(inserted)? else {
        return Ok(Redemption::First);
    };
    let key = (tenant.as_str().to_owned(), id.as_str().to_owned());
    let stored = refresh_grant::Entity::find_by_id(key)
        .one(sql.read())
        .await?;
    let Some(row) = stored.filter(|row| row.grant_id == family.as_str()) else {
        return Err(duplicate.into());
    };
    let is_used = row.generation > 0 || row.answered_generation.is_some();
    let living = find(sql, tenant, (id,)).await?;
    let claim = (row.cache_epoch, row.code_claim);
    Ok(Redemption::Repeated(noted(
        claim,
        is_used,
        living.map(Box::new),
    )))
}

/// Note that a code began no refresh grant and was redeemed: one row, which can be made once.
pub(super) async fn note(
    sql: Arc<Sql>,
    tenant: TenantId,
    (grant, claim, until): (GrantId, Option<CodeClaim>, Timestamp),
) -> Result<Redemption, Fault> {
    let row = redeemed_code::ActiveModel {
        tenant_id: Set(tenant.as_str().to_owned()),
        grant_id: Set(grant.as_str().to_owned()),
        expires_at: Set(until.as_millis()),
        code_claim: Set(claim.as_ref().map(|claim| i64::from(claim.number))),
        cache_epoch: Set(Some(epoch_of(claim))),
        answered_at: Set(None),
    };
    let inserted = redeemed_code::Entity::insert(row)
        .exec_without_returning(sql.write())
        .await;
    let Some(duplicate) = Fault::duplicate(inserted)? else {
        return Ok(Redemption::First);
    };
    let key = (tenant.as_str().to_owned(), grant.as_str().to_owned());
    let stored = redeemed_code::Entity::find_by_id(key)
        .one(sql.read())
        .await?;
    let row = stored.ok_or(duplicate)?;
    let is_answered = row.answered_at.is_some();
    let claim = (row.cache_epoch, row.code_claim);
    Ok(Redemption::Repeated(noted(claim, is_answered, None)))
}

/// One statement, which finds the row only while nobody took the answer and the token is unused.
pub(super) async fn take_refresh_answer(
    sql: Arc<Sql>,
    tenant: TenantId,
    (id, at): (RefreshId, Timestamp),
) -> Result<bool, Fault> {
    use refresh_grant::Column;
    let at = at.as_millis();
    let later = CaseStatement::new()
        .case(Expr::col(Column::LastUsedAt).lt(at), at)
        .finally(Expr::col(Column::LastUsedAt));
    let taken = refresh_grant::Entity::update_many()
        .col_expr(Column::AnsweredGeneration, Expr::value(0_i64))
        .col_expr(Column::LastUsedAt, later.into())
        .filter(Column::TenantId.eq(tenant.as_str()))
        .filter(Column::Id.eq(id.as_str()))
        .filter(Column::Generation.eq(0_i64))
        .filter(Column::AnsweredGeneration.is_null())
        .exec(sql.write())
        .await?;
    Ok(taken.rows_affected == 1)
}

/// One statement, which finds the row only while nobody took the answer.
pub(super) async fn take_answer(
    sql: Arc<Sql>,
    tenant: TenantId,
    (grant, at): (GrantId, Timestamp),
) -> Result<bool, Fault> {
    use redeemed_code::Column;
    let taken = redeemed_code::Entity::update_many()
        .col_expr(Column::AnsweredAt, Expr::value(at.as_millis()))
        .filter(Column::TenantId.eq(tenant.as_str()))
        .filter(Column::GrantId.eq(grant.as_str()))
        .filter(Column::AnsweredAt.is_null())
        .exec(sql.write())
        .await?;
    Ok(taken.rows_affected == 1)
}

/// The epoch of a claim as a row holds it: that there was none is said too, because versions that
/// said nothing took no answers.
pub(super) fn epoch_of(claim: Option<CodeClaim>) -> String {
    claim.map_or_else(String::new, |claim| claim.epoch.as_str().to_owned())
}

fn noted(
    (epoch, number): (Option<String>, Option<i64>),
    answered: bool,
    refresh: Option<Box<RefreshGrant>>,
) -> NotedRedemption {
    let is_old = epoch.is_none();
    let epoch = epoch.and_then(CacheEpoch::parse);
    let number = number.and_then(|number| u32::try_from(number).ok());
    let claim = epoch.zip(number);
    NotedRedemption {
        claim: claim.map(|(epoch, number)| CodeClaim { epoch, number }),
        answered: answered || is_old,
        refresh,
    }
}
