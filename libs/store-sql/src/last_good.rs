use std::sync::Arc;

use async_trait::async_trait;
use insula_ambient::Timestamp;
use insula_model::TenantId;
use insula_store::{LastGoodDocuments, StoreError};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveValue::Set, EntityTrait as _};

use crate::entity::last_good_document::{ActiveModel, Column, Entity};
use crate::fault::Fault;
use crate::only_row::only_row;
use crate::sql::Sql;
use crate::store::SqlStore;

#[async_trait]
impl LastGoodDocuments for SqlStore {
    async fn last_good(&self, tenant: &TenantId) -> Result<Option<Vec<u8>>, StoreError> {
        let tenant = tenant.clone();
        let work = move |sql| find(sql, tenant.clone());
        self.sql().run("last_good", work).await
    }

    async fn keep_good(
        &self,
        tenant: &TenantId,
        sealed: &[u8],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (tenant, sealed) = (tenant.clone(), sealed.to_vec());
        let work = move |sql| keep(sql, tenant.clone(), sealed.clone(), at);
        self.sql().run("keep_good", work).await
    }

    async fn forget_good(&self, tenant: &TenantId) -> Result<(), StoreError> {
        let tenant = tenant.clone();
        let work = move |sql| forget(sql, tenant.clone());
        self.sql().run("forget_good", work).await
    }
}

async fn find(sql: Arc<Sql>, tenant: TenantId) -> Result<Option<Vec<u8>>, Fault> {
    let row = only_row(Entity::find_by_id(tenant.as_str()), sql.read()).await?;
    Ok(row.map(|row| row.sealed))
}

async fn keep(
    sql: Arc<Sql>,
    tenant: TenantId,
    sealed: Vec<u8>,
    at: Timestamp,
) -> Result<(), Fault> {
    let row = ActiveModel {
        tenant_id: Set(tenant.as_str().to_owned()),
        sealed: Set(sealed),
        kept_at: Set(at.as_millis()),
    };
    let replace = OnConflict::column(Column::TenantId)
        .update_columns([Column::Sealed, Column::KeptAt])
        .to_owned();
    Entity::insert(row)
        .on_conflict(replace)
        .exec_without_returning(sql.write())
        .await?;
    Ok(())
}

async fn forget(sql: Arc<Sql>, tenant: TenantId) -> Result<(), Fault> {
    Entity::delete_by_id(tenant.as_str())
        .exec(sql.write())
        .await?;
    Ok(())
}
