use std::sync::Arc;

use insula_ambient::Timestamp;
use insula_model::{
    ClientId, CodeClaim, ConnectorId, GrantId, Login, RefreshGrant, RefreshId, RequestedClaims,
    SessionId, TenantId, UserId,
};
use insula_oauth::Scopes;
use insula_store::RotatedGrant;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, Condition, DbBackend, EntityTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _, QueryTrait as _,
};
use serde::{Deserialize, Serialize};

use super::json::{from_json, to_json};
use super::redemption::epoch_of;
use super::revocation::family_lives;
use crate::commit::Step;
use crate::entity::refresh_grant::{ActiveModel, Column, Entity, Model};
use crate::fault::Fault;
use crate::only_row::only_row;
use crate::sql::Sql;

const WHAT: &str = "refresh grant";

/// The most that are listed.
const MOST_LISTED: u64 = 100;

/// What the client asked for: column `request`.
#[derive(Serialize, Deserialize)]
struct Request {
    scopes: Scopes,
    /// Rows of older versions have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    resources: Vec<String>,
    /// Rows of older versions have none.
    #[serde(default)]
    claims: RequestedClaims,
    nonce: Option<String>,
}

/// How the person logged in, without what a rotation changes: column `login`.
#[derive(Serialize, Deserialize)]
struct Proof {
    auth_time: Timestamp,
    amr: Vec<String>,
    /// Rows of older versions have none.
    #[serde(default)]
    acr: Option<String>,
    session_id: Option<SessionId>,
}

/// The row of a grant whose code was redeemed with a claim.
pub(super) fn row_of(
    tenant: &TenantId,
    grant: RefreshGrant,
    claim: Option<CodeClaim>,
) -> Result<ActiveModel, Fault> {
    let generation = i64::from(grant.generation);
    let login = grant.login;
    let request = Request {
        scopes: grant.scopes,
        resources: grant.resources,
        claims: grant.claims,
        nonce: grant.nonce,
    };
    let proof = Proof {
        auth_time: login.auth_time,
        amr: login.amr,
        acr: login.acr,
        session_id: login.session_id,
    };
    Ok(ActiveModel {
        tenant_id: Set(tenant.as_str().to_owned()),
        id: Set(grant.id.as_str().to_owned()),
        grant_id: Set(grant.grant_id.as_str().to_owned()),
        client_id: Set(grant.client_id.as_str().to_owned()),
        connector_id: Set(login.connector_id.as_str().to_owned()),
        user_id: Set(login.claims.user_id.as_str().to_owned()),
        generation: Set(generation),
        request: Set(to_json(WHAT, "request", &request)?),
        login: Set(to_json(WHAT, "login", &proof)?),
        claims: Set(to_json(WHAT, "claims", &login.claims)?),
        connector_data: Set(login.connector_data),
        created_at: Set(grant.created_at.as_millis()),
        last_used_at: Set(grant.last_used_at.as_millis()),
        answered_generation: Set(grant.answered.then_some(generation)),
        expires_at: Set(grant.expires_at.as_millis()),
        code_claim: Set(claim.as_ref().map(|claim| i64::from(claim.number))),
        cache_epoch: Set(Some(epoch_of(claim))),
    })
}

pub(super) async fn find(
    sql: Arc<Sql>,
    tenant: TenantId,
    (id,): (RefreshId,),
) -> Result<Option<RefreshGrant>, Fault> {
    let key = (tenant.as_str().to_owned(), id.as_str().to_owned());
    let living = Entity::find_by_id(key).filter(family_lives());
    let row = only_row(living, sql.read()).await?;
    let found = row.map(grant).transpose()?;
    Ok(found.map(|grant| sql.answers.seen_in(&tenant, grant)))
}

/// The statement of a rotation: it finds the row only at the generation expected and in a family that
/// lives.
pub(super) fn rotating(
    backend: DbBackend,
    tenant: &TenantId,
    RotatedGrant { expected, next }: &RotatedGrant,
) -> Result<Step, Fault> {
    let claims = to_json(WHAT, "claims", &next.login.claims)?;
    let data = next.login.connector_data.clone();
    let rotate = Entity::update_many()
        .col_expr(Column::Claims, Expr::value(claims))
        .col_expr(Column::ConnectorData, Expr::value(data))
        .col_expr(Column::Generation, Expr::value(i64::from(next.generation)))
        .col_expr(
            Column::LastUsedAt,
            Expr::value(next.last_used_at.as_millis()),
        )
        .col_expr(Column::ExpiresAt, Expr::value(next.expires_at.as_millis()))
        .filter(is_at(tenant, &next.id, *expected))
        .build(backend);
    Ok(Step::must_change(rotate))
}

/// Whether a rotation would find its row now.
pub(super) async fn may_rotate(
    sql: &Sql,
    tenant: &TenantId,
    to: &RotatedGrant,
) -> Result<bool, Fault> {
    let row = Entity::find().filter(is_at(tenant, &to.next.id, to.expected));
    Ok(only_row(row, sql.read()).await?.is_some())
}

fn is_at(tenant: &TenantId, id: &RefreshId, generation: u32) -> Condition {
    Condition::all()
        .add(Column::TenantId.eq(tenant.as_str()))
        .add(Column::Id.eq(id.as_str()))
        .add(Column::Generation.eq(i64::from(generation)))
        .add(family_lives())
}

pub(super) async fn of_person(
    sql: Arc<Sql>,
    tenant: TenantId,
    (connector, user, client): (ConnectorId, UserId, Option<ClientId>),
) -> Result<Vec<RefreshGrant>, Fault> {
    let mut theirs = Entity::find()
        .filter(Column::TenantId.eq(tenant.as_str()))
        .filter(Column::ConnectorId.eq(connector.as_str()))
        .filter(Column::UserId.eq(user.as_str()))
        .filter(family_lives());
    if let Some(client) = client {
        theirs = theirs.filter(Column::ClientId.eq(client.as_str()));
    }
    let rows = theirs
        .order_by_desc(Column::CreatedAt)
        .order_by_desc(Column::Id)
        .limit(MOST_LISTED)
        .all(sql.read())
        .await?;
    rows.into_iter().map(grant).collect()
}

fn grant(row: Model) -> Result<RefreshGrant, Fault> {
    let request: Request = from_json(WHAT, "request", &row.request)?;
    let proof: Proof = from_json(WHAT, "login", &row.login)?;
    let wrong = |column| move |_| Fault::column(WHAT, column);
    Ok(RefreshGrant {
        id: RefreshId::parse(&row.id).map_err(wrong("id"))?,
        grant_id: GrantId::parse(&row.grant_id).map_err(wrong("grant_id"))?,
        client_id: ClientId::parse(&row.client_id).map_err(wrong("client_id"))?,
        generation: u32::try_from(row.generation).map_err(|_| Fault::column(WHAT, "generation"))?,
        scopes: request.scopes,
        resources: request.resources,
        claims: request.claims,
        nonce: request.nonce,
        login: Login {
            connector_id: ConnectorId::parse(&row.connector_id).map_err(wrong("connector_id"))?,
            claims: from_json(WHAT, "claims", &row.claims)?,
            auth_time: proof.auth_time,
            amr: proof.amr,
            acr: proof.acr,
            session_id: proof.session_id,
            connector_data: row.connector_data,
        },
        created_at: Timestamp::from_millis(row.created_at),
        last_used_at: Timestamp::from_millis(row.last_used_at),
        answered: row.answered_generation == Some(row.generation),
        expires_at: Timestamp::from_millis(row.expires_at),
    })
}
