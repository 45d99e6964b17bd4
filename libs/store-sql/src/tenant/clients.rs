use async_trait::async_trait;
use std::sync::Arc;

use insula_ambient::Timestamp;
use insula_model::{
    Alg, Client, ClientId, ClientLogout, ClientSecret, ConnectorId, IntrospectionScope,
    RequestObjects, TenantId, TokenExchange, TokenHash,
};
use insula_oauth::GrantType;
use insula_store::{ClientPut, Clients, StoreError, StoredClient};
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};
use serde::{Deserialize, Serialize};

use super::SqlTenant;
use super::json::{from_json, to_json};
use crate::entity::client::{ActiveModel, Column, Entity, Model};
use crate::fault::Fault;
use crate::only_row::only_row;
use crate::sql::Sql;

const WHAT: &str = "client";

/// So many ids are asked for in one statement.
const AT_ONCE: usize = 1_000;

#[async_trait]
impl Clients for SqlTenant {
    async fn find_client(&self, id: &ClientId) -> Result<Option<StoredClient>, StoreError> {
        run!(self, "find_client", find, id)
    }

    async fn stored_among(&self, ids: &[ClientId]) -> Result<Vec<ClientId>, StoreError> {
        let ids = ids.to_vec();
        run!(self, "stored_among", stored_among, ids)
    }

    async fn clients_after(
        &self,
        after: Option<&ClientId>,
        most: u32,
    ) -> Result<Vec<StoredClient>, StoreError> {
        let last = after.cloned();
        run!(self, "clients_after", list_after, last, most)
    }

    async fn put_client(
        &self,
        client: &Client,
        expected: Option<u64>,
        at: Timestamp,
    ) -> Result<ClientPut, StoreError> {
        run!(self, "put_client", put, client, expected, at)
    }

    async fn delete_client(&self, id: &ClientId) -> Result<bool, StoreError> {
        run!(self, "delete_client", delete, id)
    }
}

/// The column `metadata`.
#[derive(Serialize, Deserialize)]
struct Metadata {
    name: String,
    public: bool,
    redirect_uris: Vec<String>,
    post_logout_redirect_uris: Vec<String>,
    trusted_peers: Vec<ClientId>,
    allowed_connectors: Vec<ConnectorId>,
    grant_types: Vec<GrantType>,
    skip_approval: bool,
    require_pkce: bool,
    sso_shared_with: Option<Vec<String>>,
    /// Absent in rows that were written before there was a choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id_token_signed_response_alg: Option<Alg>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    access_token_signed_response_alg: Option<Alg>,
    #[serde(default, flatten)]
    logout: ClientLogout,
    /// Rows of older versions have none of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scopes: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    resources: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    own_groups: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token_exchange: Option<Box<TokenExchange>>,
    /// Rows of older versions do not say.
    #[serde(default)]
    introspection: IntrospectionScope,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    request_objects: Option<Box<RequestObjects>>,
}

/// One of the column `secrets`.
#[derive(Serialize, Deserialize)]
struct Secret {
    sha256: TokenHash,
    /// In milliseconds; absent for a secret without an end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
}

impl From<&ClientSecret> for Secret {
    fn from(secret: &ClientSecret) -> Self {
        Self {
            sha256: secret.hash(),
            expires_at: secret.expires_at().map(Timestamp::as_millis),
        }
    }
}

impl From<Secret> for ClientSecret {
    fn from(stored: Secret) -> Self {
        let secret = Self::of_hash(stored.sha256);
        match stored.expires_at {
            Some(end) => secret.until(Timestamp::from_millis(end)),
            None => secret,
        }
    }
}

pub(super) async fn find(
    sql: Arc<Sql>,
    tenant: TenantId,
    (id,): (ClientId,),
) -> Result<Option<StoredClient>, Fault> {
    let key = (tenant.as_str().to_owned(), id.as_str().to_owned());
    let row = only_row(Entity::find_by_id(key), sql.read()).await?;
    row.as_ref().map(stored).transpose()
}

pub(super) async fn stored_among(
    sql: Arc<Sql>,
    tenant: TenantId,
    (ids,): (Vec<ClientId>,),
) -> Result<Vec<ClientId>, Fault> {
    let mut stored = Vec::new();
    for ids in ids.chunks(AT_ONCE) {
        let found: Vec<String> = Entity::find()
            .select_only()
            .column(Column::ClientId)
            .filter(Column::TenantId.eq(tenant.as_str()))
            .filter(Column::ClientId.is_in(ids.iter().map(ClientId::as_str)))
            .into_tuple()
            .all(sql.read())
            .await?;
        for id in found {
            stored.push(ClientId::parse(&id).map_err(|_| Fault::column(WHAT, "client_id"))?);
        }
    }
    Ok(stored)
}

pub(super) async fn list_after(
    sql: Arc<Sql>,
    tenant: TenantId,
    (after, most): (Option<ClientId>, u32),
) -> Result<Vec<StoredClient>, Fault> {
    let mut page = Entity::find().filter(Column::TenantId.eq(tenant.as_str()));
    if let Some(after) = after {
        page = page.filter(Column::ClientId.gt(after.as_str()));
    }
    let page = page.order_by_asc(Column::ClientId).limit(u64::from(most));
    let rows = page.all(sql.read()).await?;
    rows.iter().map(stored).collect()
}

pub(super) async fn put(
    sql: Arc<Sql>,
    tenant: TenantId,
    (client, expected, at): (Client, Option<u64>, Timestamp),
) -> Result<ClientPut, Fault> {
    let metadata = to_json(WHAT, "metadata", &metadata(&client))?;
    let secrets = client.secrets.iter().map(Secret::from);
    let secrets = to_json(WHAT, "secrets", &secrets.collect::<Vec<_>>())?;
    let Some(expected) = expected else {
        let StoredClient {
            client, version, ..
        } = StoredClient::first(client, at);
        let row = ActiveModel {
            tenant_id: Set(tenant.as_str().to_owned()),
            client_id: Set(client.id.as_str().to_owned()),
            version: Set(number(version)?),
            metadata: Set(metadata),
            secrets: Set(secrets),
            created_at: Set(at.as_millis()),
            updated_at: Set(at.as_millis()),
        };
        return match Entity::insert(row)
            .exec_without_returning(sql.write())
            .await
        {
            Ok(_) => Ok(ClientPut::Stored(version)),
            Err(error) if Fault::is_duplicate(&error) => Ok(ClientPut::Lost),
            Err(error) => Err(error.into()),
        };
    };
    let version = expected.saturating_add(1);
    let replaced = Entity::update_many()
        .col_expr(Column::Version, Expr::value(number(version)?))
        .col_expr(Column::Metadata, Expr::value(metadata))
        .col_expr(Column::Secrets, Expr::value(secrets))
        .col_expr(Column::UpdatedAt, Expr::value(at.as_millis()))
        .filter(Column::TenantId.eq(tenant.as_str()))
        .filter(Column::ClientId.eq(client.id.as_str()))
        .filter(Column::Version.eq(number(expected)?))
        .exec(sql.write())
        .await?;
    Ok(match replaced.rows_affected {
        0 => ClientPut::Lost,
        _ => ClientPut::Stored(version),
    })
}

pub(super) async fn delete(
    sql: Arc<Sql>,
    tenant: TenantId,
    (id,): (ClientId,),
) -> Result<bool, Fault> {
    let deleted = Entity::delete_many()
        .filter(Column::TenantId.eq(tenant.as_str()))
        .filter(Column::ClientId.eq(id.as_str()))
        .exec(sql.write())
        .await?;
    Ok(deleted.rows_affected == 1)
}

fn number(version: u64) -> Result<i64, Fault> {
    i64::try_from(version).map_err(|_| Fault::column(WHAT, "version"))
}

fn metadata(client: &Client) -> Metadata {
    let client = client.clone();
    Metadata {
        name: client.name,
        public: client.public,
        redirect_uris: client.redirect_uris,
        post_logout_redirect_uris: client.post_logout_redirect_uris,
        trusted_peers: client.trusted_peers,
        allowed_connectors: client.allowed_connectors,
        grant_types: client.grant_types,
        skip_approval: client.skip_approval,
        require_pkce: client.require_pkce,
        sso_shared_with: client.sso_shared_with,
        id_token_signed_response_alg: client.id_token_signed_response_alg,
        access_token_signed_response_alg: client.access_token_signed_response_alg,
        logout: client.logout,
        scopes: client.scopes,
        resources: client.resources,
        own_groups: client.own_groups,
        token_exchange: client.token_exchange,
        introspection: client.introspection,
        request_objects: client.request_objects,
    }
}

fn stored(row: &Model) -> Result<StoredClient, Fault> {
    let id = ClientId::parse(&row.client_id).map_err(|_| Fault::column(WHAT, "client_id"))?;
    let metadata: Metadata = from_json(WHAT, "metadata", &row.metadata)?;
    let secrets: Vec<Secret> = from_json(WHAT, "secrets", &row.secrets)?;
    let secrets = secrets.into_iter().map(ClientSecret::from);
    Ok(StoredClient {
        client: Client {
            id,
            name: metadata.name,
            secrets: secrets.collect(),
            public: metadata.public,
            redirect_uris: metadata.redirect_uris,
            post_logout_redirect_uris: metadata.post_logout_redirect_uris,
            trusted_peers: metadata.trusted_peers,
            allowed_connectors: metadata.allowed_connectors,
            grant_types: metadata.grant_types,
            skip_approval: metadata.skip_approval,
            require_pkce: metadata.require_pkce,
            sso_shared_with: metadata.sso_shared_with,
            id_token_signed_response_alg: metadata.id_token_signed_response_alg,
            access_token_signed_response_alg: metadata.access_token_signed_response_alg,
            logout: metadata.logout,
            scopes: metadata.scopes,
            resources: metadata.resources,
            own_groups: metadata.own_groups,
            token_exchange: metadata.token_exchange,
            introspection: metadata.introspection,
            request_objects: metadata.request_objects,
        },
        version: u64::try_from(row.version).map_err(|_| Fault::column(WHAT, "version"))?,
        created_at: Timestamp::from_millis(row.created_at),
        updated_at: Timestamp::from_millis(row.updated_at),
    })
}
