use sea_orm_migration::prelude::*;

use super::columns::{Dialect, key, number, short};

/// What was written of each tenant when it was last served as it stood, sealed.
pub(super) struct LastGood;

impl MigrationName for LastGood {
    fn name(&self) -> &'static str {
        "m0009_last_good"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for LastGood {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let dialect = Dialect::of(manager).await?;
        let mut document = dialect.table("last_good_document");
        document
            .col(short("tenant_id", 63))
            .col(dialect.long_bytes("sealed").not_null())
            .col(number("kept_at"))
            .primary_key(&mut key(&["tenant_id"]));
        dialect.create(manager, document, vec![]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let drop = Table::drop().table("last_good_document").if_exists().take();
        manager.drop_table(drop).await
    }
}
