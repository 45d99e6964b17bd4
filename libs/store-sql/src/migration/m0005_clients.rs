use sea_orm_migration::prelude::*;

use super::columns::{Dialect, key, number, short};

/// Clients that do not come with the configuration.
pub(super) struct Clients;

impl MigrationName for Clients {
    fn name(&self) -> &'static str {
        "m0005_clients"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Clients {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let dialect = Dialect::of(manager).await?;
        let mut client = dialect.table("client");
        client
            .col(short("tenant_id", 63))
            .col(short("client_id", 255))
            .col(number("version"))
            .col(dialect.long_text("metadata").not_null())
            .col(dialect.long_text("secrets").not_null())
            .col(number("created_at"))
            .col(number("updated_at"))
            .primary_key(&mut key(&["tenant_id", "client_id"]));
        dialect.create(manager, client, vec![]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let drop = Table::drop().table("client").if_exists().take();
        manager.drop_table(drop).await
    }
}
