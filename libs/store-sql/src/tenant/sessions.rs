use async_trait::async_trait;
use insula_store::{Sessions, StoreError};
use std::sync::Arc;

use insula_ambient::Timestamp;
use insula_model::{BrowserSession, SessionId, TenantId, TokenHash};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _,
    Select,
};

use super::SqlTenant;
use super::json::{from_json, to_json};
use crate::entity::browser_session::{ActiveModel, Column, Entity, Model};
use crate::fault::Fault;
use crate::sql::Sql;

const WHAT: &str = "browser session";

#[async_trait]
impl Sessions for SqlTenant {
    async fn find_session(
        &self,
        cookie: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<BrowserSession>, StoreError> {
        run!(self, "find_session", find, cookie, now)
    }

    async fn save_session(
        &self,
        cookie: &TokenHash,
        session: &BrowserSession,
    ) -> Result<(), StoreError> {
        run!(self, "save_session", save, cookie, session)
    }

    async fn prolong_session(
        &self,
        cookie: &TokenHash,
        session: &BrowserSession,
    ) -> Result<bool, StoreError> {
        run!(self, "prolong_session", prolong, cookie, session)
    }

    async fn end_session(&self, cookie: &TokenHash) -> Result<Option<BrowserSession>, StoreError> {
        run!(self, "end_session", end, cookie)
    }

    async fn session_exists(&self, id: &SessionId, now: Timestamp) -> Result<bool, StoreError> {
        run!(self, "session_exists", exists, id, now)
    }
}

pub(super) async fn find(
    sql: Arc<Sql>,
    tenant: TenantId,
    (cookie, now): (TokenHash, Timestamp),
) -> Result<Option<BrowserSession>, Fault> {
    let row = by_cookie(&tenant, cookie)
        .filter(Column::ExpiresAt.gt(now.as_millis()))
        .one(sql.read())
        .await?;
    row.as_ref().map(session).transpose()
}

pub(super) async fn save(
    sql: Arc<Sql>,
    tenant: TenantId,
    (cookie, session): (TokenHash, BrowserSession),
) -> Result<(), Fault> {
    let row = ActiveModel {
        tenant_id: Set(tenant.as_str().to_owned()),
        cookie_hash: Set(cookie.to_text()),
        session_id: Set(session.id.as_str().to_owned()),
        body: Set(to_json(WHAT, "body", &session)?),
        expires_at: Set(session.expires_at.as_millis()),
    };
    let replace = OnConflict::columns([Column::TenantId, Column::CookieHash])
        .update_columns([Column::SessionId, Column::Body, Column::ExpiresAt])
        .to_owned();
    Entity::insert(row)
        .on_conflict(replace)
        .exec_without_returning(sql.write())
        .await?;
    Ok(())
}

pub(super) async fn prolong(
    sql: Arc<Sql>,
    tenant: TenantId,
    (cookie, session): (TokenHash, BrowserSession),
) -> Result<bool, Fault> {
    let body = to_json(WHAT, "body", &session)?;
    let prolonged = Entity::update_many()
        .col_expr(Column::SessionId, Expr::value(session.id.as_str()))
        .col_expr(Column::Body, Expr::value(body))
        .col_expr(
            Column::ExpiresAt,
            Expr::value(session.expires_at.as_millis()),
        )
        .filter(Column::TenantId.eq(tenant.as_str()))
        .filter(Column::CookieHash.eq(cookie.to_text()))
        .exec(sql.write())
        .await?;
    Ok(prolonged.rows_affected == 1)
}

/// Of many who end a session the one that deleted its row is answered.
pub(super) async fn end(
    sql: Arc<Sql>,
    tenant: TenantId,
    (cookie,): (TokenHash,),
) -> Result<Option<BrowserSession>, Fault> {
    let Some(row) = by_cookie(&tenant, cookie).one(sql.read()).await? else {
        return Ok(None);
    };
    let ended = Entity::delete_many()
        .filter(Column::TenantId.eq(tenant.as_str()))
        .filter(Column::CookieHash.eq(cookie.to_text()))
        .exec(sql.write())
        .await?;
    if ended.rows_affected == 0 {
        return Ok(None);
    }
    session(&row).map(Some)
}

pub(super) async fn exists(
    sql: Arc<Sql>,
    tenant: TenantId,
    (id, now): (SessionId, Timestamp),
) -> Result<bool, Fault> {
    let found = Entity::find()
        .select_only()
        .column(Column::ExpiresAt)
        .filter(Column::TenantId.eq(tenant.as_str()))
        .filter(Column::SessionId.eq(id.as_str()))
        .filter(Column::ExpiresAt.gt(now.as_millis()))
        .limit(1)
        .into_tuple::<i64>()
        .one(sql.read())
        .await?;
    Ok(found.is_some())
}

fn by_cookie(tenant: &TenantId, cookie: TokenHash) -> Select<Entity> {
    Entity::find_by_id((tenant.as_str().to_owned(), cookie.to_text()))
}

fn session(row: &Model) -> Result<BrowserSession, Fault> {
    from_json(WHAT, "body", &row.body)
}
