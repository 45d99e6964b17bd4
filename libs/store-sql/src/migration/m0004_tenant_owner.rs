use sea_orm_migration::prelude::*;

use super::columns::{Dialect, key, short};

/// Whose the rows of a tenant are. A tenant without a row is claimed when it is next loaded.
pub(super) struct TenantOwner;

impl MigrationName for TenantOwner {
    fn name(&self) -> &'static str {
        "m0004_tenant_owner"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for TenantOwner {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let dialect = Dialect::of(manager).await?;
        let mut owner = dialect.table("tenant_owner");
        owner
            .col(short("tenant_id", 63))
            .col(dialect.long_text("issuer").not_null())
            .col(ColumnDef::new("left_at").big_integer().null())
            .primary_key(&mut key(&["tenant_id"]));
        dialect.create(manager, owner, vec![]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let drop = Table::drop().table("tenant_owner").if_exists().take();
        manager.drop_table(drop).await
    }
}
