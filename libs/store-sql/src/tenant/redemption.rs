//! Which codes were redeemed: noted by the row of the refresh grant one began, or by a row of its own.

use std::sync::Arc;

use insula_ambient::Timestamp;
use insula_model::{CacheEpoch, CodeClaim, GrantId, RefreshGrant, RefreshId, TenantId};
use insula_store::{NotedRedemption, RedeemedCode};
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait as _};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, DbBackend, DbErr, EntityTrait as _, QueryFilter as _,
    QueryTrait as _, Statement,
};

use super::refresh::{find, row_of};
use crate::entity::{redeemed_code, refresh_grant};
use crate::fault::Fault;
use crate::only_row::only_row;
use crate::sql::Sql;

/// The statement that notes a redemption: of those that redeem one code, one finds no row in its way.
pub(super) fn noting(
    backend: DbBackend,
    tenant: &TenantId,
    code: &RedeemedCode,
) -> Result<Statement, Fault> {
    Ok(match code {
        RedeemedCode::Beginning { refresh, claim } => {
            let row = row_of(tenant, RefreshGrant::clone(refresh), claim.clone())?;
            refresh_grant::Entity::insert(row).build(backend)
        }
        RedeemedCode::Ending {
            grant,
            claim,
            until,
        } => {
            let row = redeemed_code::ActiveModel {
                tenant_id: Set(tenant.as_str().to_owned()),
                grant_id: Set(grant.as_str().to_owned()),
                expires_at: Set(until.as_millis()),
                code_claim: Set(claim.as_ref().map(|claim| i64::from(claim.number))),
                cache_epoch: Set(Some(epoch_of(claim.clone()))),
                answered_at: Set(None),
            };
            redeemed_code::Entity::insert(row).build(backend)
        }
    })
}

/// How a redemption was noted before, if it was.
pub(super) async fn noted_before(
    sql: &Arc<Sql>,
    tenant: &TenantId,
    code: &RedeemedCode,
) -> Result<Option<NotedRedemption>, Fault> {
    let key = |id: &str| (tenant.as_str().to_owned(), id.to_owned());
    match code {
        RedeemedCode::Beginning { refresh, .. } => {
            let stored = only_row(
                refresh_grant::Entity::find_by_id(key(refresh.id.as_str())),
                sql.read(),
            )
            .await?;
            let Some(row) = stored else {
                return Ok(None);
            };
            if row.grant_id != refresh.grant_id.as_str() {
                let cause = "a refresh grant of that id is there already";
                return Err(DbErr::Custom(cause.to_owned()).into());
            }
            let is_used = row.generation > 0 || row.answered_generation.is_some();
            let id = refresh.id.clone();
            let living = find(Arc::clone(sql), tenant.clone(), (id,)).await?;
            let claim = (row.cache_epoch, row.code_claim);
            Ok(Some(noted(claim, is_used, living.map(Box::new))))
        }
        RedeemedCode::Ending { grant, .. } => {
            let stored = only_row(
                redeemed_code::Entity::find_by_id(key(grant.as_str())),
                sql.read(),
            )
            .await?;
            Ok(stored.map(|row| {
                let claim = (row.cache_epoch, row.code_claim);
                noted(claim, row.answered_at.is_some(), None)
            }))
        }
    }
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
