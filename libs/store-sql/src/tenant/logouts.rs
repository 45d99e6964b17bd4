use std::sync::Arc;

use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::{ClientId, ConnectorId, SessionId, TenantId, UserId};
use insula_store::{LOGOUTS_TOLD_FOR, LogoutNotice, LogoutNotices, StoreError};
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, DbBackend, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, QueryTrait as _, Statement,
};

use super::SqlTenant;
use crate::entity::logout_notice::{ActiveModel, Column, Entity, Model};
use crate::fault::Fault;
use crate::sql::Sql;

const WHAT: &str = "logout notice";

#[async_trait]
impl LogoutNotices for SqlTenant {
    async fn due_logout(
        &self,
        client: &ClientId,
        now: Timestamp,
    ) -> Result<Option<LogoutNotice>, StoreError> {
        run!(self, "due_logout", due, client, now)
    }

    async fn claim_logout(
        &self,
        notice: &LogoutNotice,
        until: Timestamp,
    ) -> Result<bool, StoreError> {
        run!(self, "claim_logout", claim, notice, until)
    }

    async fn postpone_logout(
        &self,
        notice: &LogoutNotice,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        run!(self, "postpone_logout", postpone, notice, at)
    }

    async fn settle_logout(&self, notice: &LogoutNotice) -> Result<(), StoreError> {
        run!(self, "settle_logout", settle, notice)
    }
}

/// The statement that leaves word for clients. Word of a session that was left before stays.
pub(super) fn leaving(
    backend: DbBackend,
    tenant: &TenantId,
    notices: &[LogoutNotice],
) -> Statement {
    let rows = notices.iter().map(|notice| ActiveModel {
        tenant_id: Set(tenant.as_str().to_owned()),
        client_id: Set(notice.client.as_str().to_owned()),
        session_id: Set(notice.session.as_str().to_owned()),
        connector_id: Set(notice.connector.as_str().to_owned()),
        user_id: Set(notice.user.as_str().to_owned()),
        ended_at: Set(notice.ended_at.as_millis()),
        attempts: Set(i64::from(notice.attempts)),
        due_at: Set(notice.due_at.as_millis()),
        expires_at: Set((notice.ended_at + LOGOUTS_TOLD_FOR).as_millis()),
    });
    let keep = OnConflict::columns([Column::TenantId, Column::ClientId, Column::SessionId])
        .update_column(Column::ExpiresAt)
        .to_owned();
    Entity::insert_many(rows).on_conflict(keep).build(backend)
}

pub(super) async fn due(
    sql: Arc<Sql>,
    tenant: TenantId,
    (client, now): (ClientId, Timestamp),
) -> Result<Option<LogoutNotice>, Fault> {
    let oldest = Entity::find()
        .filter(Column::TenantId.eq(tenant.as_str()))
        .filter(Column::ClientId.eq(client.as_str()))
        .filter(Column::DueAt.lte(now.as_millis()))
        .order_by_asc(Column::DueAt)
        .limit(1)
        .all(sql.read())
        .await?;
    oldest.first().map(notice).transpose()
}

pub(super) async fn claim(
    sql: Arc<Sql>,
    tenant: TenantId,
    (notice, until): (LogoutNotice, Timestamp),
) -> Result<bool, Fault> {
    let claimed = Entity::update_many()
        .col_expr(Column::DueAt, Expr::value(until.as_millis()))
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .filter(Column::TenantId.eq(tenant.as_str()))
        .filter(Column::ClientId.eq(notice.client.as_str()))
        .filter(Column::SessionId.eq(notice.session.as_str()))
        .filter(Column::DueAt.eq(notice.due_at.as_millis()))
        .exec(sql.write())
        .await?;
    Ok(claimed.rows_affected == 1)
}

pub(super) async fn postpone(
    sql: Arc<Sql>,
    tenant: TenantId,
    (notice, at): (LogoutNotice, Timestamp),
) -> Result<(), Fault> {
    Entity::update_many()
        .col_expr(Column::DueAt, Expr::value(at.as_millis()))
        .filter(Column::TenantId.eq(tenant.as_str()))
        .filter(Column::ClientId.eq(notice.client.as_str()))
        .filter(Column::SessionId.eq(notice.session.as_str()))
        .exec(sql.write())
        .await?;
    Ok(())
}

pub(super) async fn settle(
    sql: Arc<Sql>,
    tenant: TenantId,
    (notice,): (LogoutNotice,),
) -> Result<(), Fault> {
    Entity::delete_many()
        .filter(Column::TenantId.eq(tenant.as_str()))
        .filter(Column::ClientId.eq(notice.client.as_str()))
        .filter(Column::SessionId.eq(notice.session.as_str()))
        .exec(sql.write())
        .await?;
    Ok(())
}

/// Clients of all tenants for which word is due.
pub(crate) async fn clients_due(
    sql: Arc<Sql>,
    now: Timestamp,
    most: u32,
) -> Result<Vec<(TenantId, ClientId)>, Fault> {
    let waiting: Vec<(String, String)> = Entity::find()
        .select_only()
        .column(Column::TenantId)
        .column(Column::ClientId)
        .filter(Column::DueAt.lte(now.as_millis()))
        .group_by(Column::TenantId)
        .group_by(Column::ClientId)
        .order_by_asc(Column::DueAt.min())
        .limit(u64::from(most))
        .into_tuple()
        .all(sql.read())
        .await?;
    let parsed = waiting.into_iter().map(|(tenant, client)| {
        let tenant = TenantId::parse(&tenant).map_err(|_| Fault::column(WHAT, "tenant_id"))?;
        let client = ClientId::parse(&client).map_err(|_| Fault::column(WHAT, "client_id"))?;
        Ok((tenant, client))
    });
    parsed.collect()
}

fn notice(row: &Model) -> Result<LogoutNotice, Fault> {
    let odd = |column| move |_| Fault::column(WHAT, column);
    Ok(LogoutNotice {
        client: ClientId::parse(&row.client_id).map_err(odd("client_id"))?,
        session: SessionId::parse(&row.session_id).map_err(odd("session_id"))?,
        connector: ConnectorId::parse(&row.connector_id).map_err(odd("connector_id"))?,
        user: UserId::parse(&row.user_id).map_err(odd("user_id"))?,
        ended_at: Timestamp::from_millis(row.ended_at),
        attempts: u32::try_from(row.attempts).map_err(|_| Fault::column(WHAT, "attempts"))?,
        due_at: Timestamp::from_millis(row.due_at),
    })
}
