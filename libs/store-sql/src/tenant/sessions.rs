use std::sync::Arc;

use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{BrowserSession, ConnectorId, SessionId, TenantId, TokenHash, UserId};
use insula_store::{Sessions, StoreError};
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, ConnectionTrait, DbBackend, EntityTrait as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _, QueryTrait as _, Select, Statement,
};

use super::SqlTenant;
use super::json::{from_json, to_json};
use crate::entity::browser_session::{ActiveModel, Column, Entity, Model};
use crate::fault::Fault;
use crate::only_row::only_row;
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

    async fn sessions_of(
        &self,
        connector: &ConnectorId,
        user: &UserId,
        now: Timestamp,
        most: u32,
    ) -> Result<Vec<(TokenHash, BrowserSession)>, StoreError> {
        run!(self, "sessions_of", of_person, connector, user, now, most)
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
    let unended = by_cookie(&tenant, cookie).filter(Column::ExpiresAt.gt(now.as_millis()));
    let row = only_row(unended, sql.read()).await?;
    row.as_ref().map(session).transpose()
}

/// The session of a cookie, ended or not, and its body as it stands.
pub(super) async fn read(
    db: &impl ConnectionTrait,
    tenant: &TenantId,
    cookie: &TokenHash,
    is_locked: bool,
) -> Result<Option<(BrowserSession, String)>, Fault> {
    let mut known = by_cookie(tenant, *cookie);
    if is_locked {
        known = known.lock_exclusive();
    }
    let Some(row) = only_row(known, db).await? else {
        return Ok(None);
    };
    Ok(Some((session(&row)?, row.body)))
}

/// The statement that stores a session, in the place of an earlier one of its cookie.
pub(super) fn saving(
    backend: DbBackend,
    tenant: &TenantId,
    cookie: &TokenHash,
    session: &BrowserSession,
) -> Result<Statement, Fault> {
    let row = ActiveModel {
        tenant_id: Set(tenant.as_str().to_owned()),
        cookie_hash: Set(cookie.to_text()),
        session_id: Set(session.id.as_str().to_owned()),
        body: Set(to_json(WHAT, "body", session)?),
        expires_at: Set(session.expires_at.as_millis()),
        connector_id: Set(Some(session.connector_id.as_str().to_owned())),
        user_id: Set(Some(session.claims.user_id.as_str().to_owned())),
    };
    let replace = OnConflict::columns([Column::TenantId, Column::CookieHash])
        .update_columns([
            Column::SessionId,
            Column::Body,
            Column::ExpiresAt,
            Column::ConnectorId,
            Column::UserId,
        ])
        .to_owned();
    Ok(Entity::insert(row).on_conflict(replace).build(backend))
}

/// The statement that stores what a session became; it finds no row of one that was ended.
pub(super) fn prolonging(
    backend: DbBackend,
    tenant: &TenantId,
    cookie: &TokenHash,
    session: &BrowserSession,
) -> Result<Statement, Fault> {
    let body = to_json(WHAT, "body", session)?;
    let prolong = Entity::update_many()
        .col_expr(Column::SessionId, Expr::value(session.id.as_str()))
        .col_expr(Column::Body, Expr::value(body))
        // A process of the version before leaves out whose it is.
        .col_expr(
            Column::ConnectorId,
            Expr::value(session.connector_id.as_str()),
        )
        .col_expr(Column::UserId, Expr::value(session.claims.user_id.as_str()))
        .col_expr(
            Column::ExpiresAt,
            Expr::value(session.expires_at.as_millis()),
        )
        .filter(Column::TenantId.eq(tenant.as_str()))
        .filter(Column::CookieHash.eq(cookie.to_text()));
    Ok(prolong.build(backend))
}

/// The statement that ends a session. Of many, one finds its row. It finds none that changed since it
/// was read: a client that visits it meanwhile is to be told of its end, too.
pub(super) fn ending(
    backend: DbBackend,
    tenant: &TenantId,
    cookie: &TokenHash,
    as_read: &str,
) -> Statement {
    Entity::delete_many()
        .filter(Column::TenantId.eq(tenant.as_str()))
        .filter(Column::CookieHash.eq(cookie.to_text()))
        .filter(Column::Body.eq(as_read))
        .build(backend)
}

pub(super) async fn of_person(
    sql: Arc<Sql>,
    tenant: TenantId,
    (connector, user, now, most): (ConnectorId, UserId, Timestamp, u32),
) -> Result<Vec<(TokenHash, BrowserSession)>, Fault> {
    let rows = Entity::find()
        .filter(Column::TenantId.eq(tenant.as_str()))
        .filter(Column::ConnectorId.eq(connector.as_str()))
        .filter(Column::UserId.eq(user.as_str()))
        .filter(Column::ExpiresAt.gt(now.as_millis()))
        .order_by_desc(Column::ExpiresAt)
        .limit(u64::from(most))
        .all(sql.read())
        .await?;
    let with_cookie = |row: &Model| {
        let cookie = TokenHash::from_text(&row.cookie_hash);
        let cookie = cookie.ok_or_else(|| Fault::column(WHAT, "cookie_hash"))?;
        Ok((cookie, session(row)?))
    };
    rows.iter().map(with_cookie).collect()
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
        .into_tuple::<i64>()
        .all(sql.read())
        .await?;
    Ok(!found.is_empty())
}

fn by_cookie(tenant: &TenantId, cookie: TokenHash) -> Select<Entity> {
    Entity::find_by_id((tenant.as_str().to_owned(), cookie.to_text()))
}

fn session(row: &Model) -> Result<BrowserSession, Fault> {
    from_json(WHAT, "body", &row.body)
}
