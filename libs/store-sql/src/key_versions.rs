use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use insula_model::TenantId;
use insula_store::{KEY_VERSIONS_AT_ONCE, KeyVersions, StoreError};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _};

use crate::entity::key_ring::{Column, Entity};
use crate::fault::Fault;
use crate::sql::Sql;
use crate::store::SqlStore;

const WHAT: &str = "key ring";

#[async_trait]
impl KeyVersions for SqlStore {
    async fn key_versions(
        &self,
        tenants: &[TenantId],
    ) -> Result<HashMap<TenantId, u64>, StoreError> {
        let mut versions = HashMap::new();
        for tenants in tenants.chunks(KEY_VERSIONS_AT_ONCE) {
            let ids: Vec<String> = tenants.iter().map(|id| id.as_str().to_owned()).collect();
            let work = move |sql| versions_of(sql, ids.clone());
            versions.extend(self.sql().run("key_versions", work).await?);
        }
        Ok(versions)
    }
}

async fn versions_of(sql: Arc<Sql>, ids: Vec<String>) -> Result<Vec<(TenantId, u64)>, Fault> {
    let rows: Vec<(String, i64)> = Entity::find()
        .filter(Column::TenantId.is_in(ids))
        .select_only()
        .columns([Column::TenantId, Column::Version])
        .into_tuple()
        .all(sql.read())
        .await?;
    let version = |(id, version): (String, i64)| {
        let id = TenantId::parse(&id).map_err(|_| Fault::column(WHAT, "tenant_id"))?;
        let version = u64::try_from(version).map_err(|_| Fault::column(WHAT, "version"))?;
        Ok((id, version))
    };
    rows.into_iter().map(version).collect()
}
