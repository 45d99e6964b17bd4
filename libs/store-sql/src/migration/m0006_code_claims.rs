use sea_orm_migration::prelude::*;

/// With which claim, of which epoch of the cache, a code was redeemed, and whether its answer was
/// taken. Rows that say no epoch were noted by a version that took no answers.
pub(super) struct CodeClaims;

/// What is added to which table.
const ADDED: [(&str, &str); 5] = [
    ("refresh_grant", "cache_epoch"),
    ("refresh_grant", "code_claim"),
    ("redeemed_code", "cache_epoch"),
    ("redeemed_code", "code_claim"),
    ("redeemed_code", "answered_at"),
];

impl MigrationName for CodeClaims {
    fn name(&self) -> &'static str {
        "m0006_code_claims"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CodeClaims {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, name) in ADDED {
            if manager.has_column(table, name).await? {
                continue;
            }
            let mut column = ColumnDef::new(name);
            match name {
                "cache_epoch" => column.string_len(128),
                _ => column.big_integer(),
            };
            column.null();
            let add = Table::alter().table(table).add_column(column).take();
            manager.alter_table(add).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (table, name) in ADDED {
            let drop = Table::alter().table(table).drop_column(name).take();
            manager.alter_table(drop).await?;
        }
        Ok(())
    }
}
