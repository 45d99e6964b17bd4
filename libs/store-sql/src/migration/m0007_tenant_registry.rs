use sea_orm_migration::prelude::*;

use super::columns::{Dialect, index, key, number, short};

/// Tenants that do not come from files. These tables are the one place that is looked through across
/// tenants: by host, and in the order of changes.
pub(super) struct TenantRegistry;

impl MigrationName for TenantRegistry {
    fn name(&self) -> &'static str {
        "m0007_tenant_registry"
    }
}

const TABLES: [&str; 3] = ["registered_host", "registered_tenant", "registry_counter"];

#[async_trait::async_trait]
impl MigrationTrait for TenantRegistry {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let dialect = Dialect::of(manager).await?;
        let mut tenant = dialect.table("registered_tenant");
        tenant
            .col(short("tenant_id", 63))
            .col(number("changed_in"))
            // Both are null where the tenant is gone.
            .col(dialect.long_text("entry").null())
            .col(dialect.long_bytes("document").null())
            .primary_key(&mut key(&["tenant_id"]));
        let by_change = index(
            "registered_tenant_by_change",
            "registered_tenant",
            &["changed_in"],
        );
        dialect.create(manager, tenant, vec![by_change]).await?;

        let mut host = dialect.table("registered_host");
        host.col(short("host", 253))
            .col(short("tenant_id", 63))
            .primary_key(&mut key(&["host", "tenant_id"]));
        let by_tenant = index(
            "registered_host_by_tenant",
            "registered_host",
            &["tenant_id"],
        );
        dialect.create(manager, host, vec![by_tenant]).await?;

        let mut counter = dialect.table("registry_counter");
        counter
            .col(short("name", 63))
            .col(number("changes"))
            .primary_key(&mut key(&["name"]));
        dialect.create(manager, counter, vec![]).await?;
        // A step that was cut off may have made it already.
        let first = Query::insert()
            .into_table("registry_counter")
            .columns(["name", "changes"])
            .values_panic(["tenants".into(), 0_i64.into()])
            .on_conflict(
                OnConflict::column("name")
                    .do_nothing_on(["name"])
                    .to_owned(),
            )
            .take();
        manager.execute(first).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            let drop = Table::drop().table(table).if_exists().take();
            manager.drop_table(drop).await?;
        }
        Ok(())
    }
}
