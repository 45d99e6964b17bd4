use sea_orm_migration::prelude::*;

use super::columns::{Dialect, index, key, number, short};

/// What says that an answer was given: which codes were redeemed, and which generation of a refresh
/// grant its client is known to have been told. What stands was told, as far as anybody knows.
pub(super) struct Redemptions;

impl MigrationName for Redemptions {
    fn name(&self) -> &'static str {
        "m0002_redemptions"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Redemptions {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let dialect = Dialect::of(manager).await?;
        let mut redeemed = dialect.table("redeemed_code");
        redeemed
            .col(short("tenant_id", 63))
            .col(short("grant_id", 64))
            .col(number("expires_at"))
            .primary_key(&mut key(&["tenant_id", "grant_id"]));
        let by_end = index("redeemed_code_by_end", "redeemed_code", &["expires_at"]);
        dialect.create(manager, redeemed, vec![by_end]).await?;

        let has_column = manager.has_column("refresh_grant", "answered_generation");
        if has_column.await? {
            return Ok(());
        }
        let mut answered = ColumnDef::new("answered_generation");
        answered.big_integer().null();
        let add = Table::alter()
            .table("refresh_grant")
            .add_column(answered)
            .take();
        manager.alter_table(add).await?;
        let told = Query::update()
            .table("refresh_grant")
            .value("answered_generation", Expr::col("generation"))
            .take();
        manager.execute(told).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let drop = Table::alter()
            .table("refresh_grant")
            .drop_column("answered_generation")
            .take();
        manager.alter_table(drop).await?;
        let drop = Table::drop().table("redeemed_code").if_exists().take();
        manager.drop_table(drop).await
    }
}
