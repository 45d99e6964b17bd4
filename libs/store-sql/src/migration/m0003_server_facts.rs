use sea_orm_migration::prelude::*;

use super::columns::{Dialect, key, short};

/// What is true of the installation as a whole, such as which master key it is sealed under.
pub(super) struct ServerFacts;

impl MigrationName for ServerFacts {
    fn name(&self) -> &'static str {
        "m0003_server_facts"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for ServerFacts {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let dialect = Dialect::of(manager).await?;
        let mut facts = dialect.table("server_fact");
        facts
            .col(short("name", 128))
            .col(short("value", 255))
            .primary_key(&mut key(&["name"]));
        dialect.create(manager, facts, vec![]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let drop = Table::drop().table("server_fact").if_exists().take();
        manager.drop_table(drop).await
    }
}
