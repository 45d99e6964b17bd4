use std::sync::Arc;

use insula_ambient::Timestamp;
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use crate::entity::{
    browser_session, event, logout_notice, redeemed_code, refresh_grant, revoked_grant,
};
use crate::fault::Fault;
use crate::sql::Sql;

/// The most rows of a kind one sweep takes, so that it holds no lock for long.
const MOST_SWEPT: u32 = 1_000;

pub(crate) async fn collect_expired(
    sql: Arc<Sql>,
    now: Timestamp,
    batch: u32,
) -> Result<u64, Fault> {
    let (now, batch) = (now.as_millis(), u64::from(Ord::min(batch, MOST_SWEPT)));
    let sessions = sweep::<browser_session::Entity>(
        &sql,
        [
            browser_session::Column::TenantId,
            browser_session::Column::CookieHash,
        ],
        browser_session::Column::ExpiresAt,
        now,
        batch,
    );
    let sessions = sessions.await?;
    let refresh = sweep::<refresh_grant::Entity>(
        &sql,
        [refresh_grant::Column::TenantId, refresh_grant::Column::Id],
        refresh_grant::Column::ExpiresAt,
        now,
        batch,
    );
    let refresh = refresh.await?;
    let redeemed = sweep::<redeemed_code::Entity>(
        &sql,
        [
            redeemed_code::Column::TenantId,
            redeemed_code::Column::GrantId,
        ],
        redeemed_code::Column::ExpiresAt,
        now,
        batch,
    );
    let redeemed = redeemed.await?;
    let events = sweep::<event::Entity>(
        &sql,
        [event::Column::TenantId, event::Column::EventId],
        event::Column::ExpiresAt,
        now,
        batch,
    );
    let gone = sessions + refresh + redeemed + events.await?;
    let gone = gone + sweep_notices(&sql, now, batch).await?;
    Ok(gone + sweep_revocations(&sql, now, batch).await?)
}

/// Deletes the rows of one table that ended longest ago. Looks for them first and deletes them by
/// key: no database offers "delete at most so many" as the others do. What was prolonged in
/// between stays, because the end is asked for again.
async fn sweep<E: EntityTrait>(
    sql: &Sql,
    key: [E::Column; 2],
    end: E::Column,
    now: i64,
    batch: u64,
) -> Result<u64, Fault> {
    let [tenant, id] = key;
    let ended: Vec<(String, String)> = E::find()
        .select_only()
        .columns(key)
        .filter(end.lte(now))
        .order_by_asc(end)
        .limit(batch)
        .into_tuple()
        .all(sql.read())
        .await?;
    if ended.is_empty() {
        return Ok(0);
    }
    let deleted = E::delete_many()
        .filter(Expr::tuple([Expr::col(tenant), Expr::col(id)]).in_tuples(ended))
        .filter(end.lte(now))
        .exec(sql.write())
        .await?;
    Ok(deleted.rows_affected)
}

/// Word of logouts that nobody could be told.
async fn sweep_notices(sql: &Sql, now: i64, batch: u64) -> Result<u64, Fault> {
    use logout_notice::Column as Notice;

    const KEY: [Notice; 3] = [Notice::TenantId, Notice::ClientId, Notice::SessionId];
    let ended: Vec<(String, String, String)> = logout_notice::Entity::find()
        .select_only()
        .columns(KEY)
        .filter(Notice::ExpiresAt.lte(now))
        .order_by_asc(Notice::ExpiresAt)
        .limit(batch)
        .into_tuple()
        .all(sql.read())
        .await?;
    if ended.is_empty() {
        return Ok(0);
    }
    let deleted = logout_notice::Entity::delete_many()
        .filter(Expr::tuple(KEY.map(Expr::col)).in_tuples(ended))
        .filter(Notice::ExpiresAt.lte(now))
        .exec(sql.write())
        .await?;
    Ok(deleted.rows_affected)
}

/// Revocations that end take with them what was granted to their families, which must not come to
/// life.
async fn sweep_revocations(sql: &Sql, now: i64, batch: u64) -> Result<u64, Fault> {
    use refresh_grant::Column as Refresh;
    use revoked_grant::Column as Revoked;

    let ended: Vec<(String, String)> = revoked_grant::Entity::find()
        .select_only()
        .columns([Revoked::TenantId, Revoked::GrantId])
        .filter(Revoked::ExpiresAt.lte(now))
        .order_by_asc(Revoked::ExpiresAt)
        .limit(batch)
        .into_tuple()
        .all(sql.read())
        .await?;
    if ended.is_empty() {
        return Ok(0);
    }
    let family = Expr::tuple([Expr::col(Refresh::TenantId), Expr::col(Refresh::GrantId)]);
    let late = refresh_grant::Entity::delete_many()
        .filter(family.in_tuples(ended.clone()))
        .exec(sql.write())
        .await?;
    let family = Expr::tuple([Expr::col(Revoked::TenantId), Expr::col(Revoked::GrantId)]);
    let deleted = revoked_grant::Entity::delete_many()
        .filter(family.in_tuples(ended))
        .filter(Revoked::ExpiresAt.lte(now))
        .exec(sql.write())
        .await?;
    Ok(late.rows_affected + deleted.rows_affected)
}
