use sea_orm_migration::prelude::*;

use super::columns::{Dialect, index, key, number, short};

/// What happened, written with the change it tells of, and how far places were given to it.
pub(super) struct Events;

impl MigrationName for Events {
    fn name(&self) -> &'static str {
        "m0008_events"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Events {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let dialect = Dialect::of(manager).await?;
        let mut event = dialect.table("event");
        event
            .col(short("tenant_id", 63))
            .col(short("event_id", 64))
            .col(number("happened_at"))
            .col(ColumnDef::new("position").big_integer().null())
            .col(dialect.long_text("body").not_null())
            .col(number("expires_at"))
            .primary_key(&mut key(&["tenant_id", "event_id"]));
        let indexes = vec![
            index("event_by_position", "event", &["tenant_id", "position"]),
            index("event_by_end", "event", &["expires_at"]),
        ];
        dialect.create(manager, event, indexes).await?;

        let mut counter = dialect.table("event_counter");
        counter
            .col(short("tenant_id", 63))
            .col(number("last"))
            .primary_key(&mut key(&["tenant_id"]));
        dialect.create(manager, counter, vec![]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in ["event", "event_counter"] {
            let drop = Table::drop().table(table).if_exists().take();
            manager.drop_table(drop).await?;
        }
        Ok(())
    }
}
