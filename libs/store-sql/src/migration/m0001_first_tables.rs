use sea_orm_migration::prelude::*;

use super::columns::{Dialect, index, key, number, short};

/// The first tables. Widths are those of the ids (`insula-model`); `tenant_id` comes first in
/// every key. Only the collector looks across tenants, by `expires_at`.
pub(super) struct FirstTables;

impl MigrationName for FirstTables {
    fn name(&self) -> &'static str {
        "m0001_first_tables"
    }
}

const TABLES: [&str; 7] = [
    "tenant_key_ring",
    "identity",
    "upgraded_password",
    "browser_session",
    "refresh_grant",
    "revoked_grant",
    "lease",
];

#[async_trait::async_trait]
impl MigrationTrait for FirstTables {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let dialect = Dialect::of(manager).await?;
        people(&dialect, manager).await?;
        grants(&dialect, manager).await?;

        let mut keys = dialect.table("tenant_key_ring");
        keys.col(short("tenant_id", 63))
            .col(number("version"))
            .col(dialect.long_bytes("sealed").not_null())
            .primary_key(&mut key(&["tenant_id"]));
        dialect.create(manager, keys, vec![]).await?;

        let mut lease = dialect.table("lease");
        lease
            .col(short("name", 128))
            .col(short("holder", 255))
            .col(number("expires_at"))
            .primary_key(&mut key(&["name"]));
        dialect.create(manager, lease, vec![]).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for table in TABLES {
            let drop = Table::drop().table(table).if_exists().take();
            manager.drop_table(drop).await?;
        }
        Ok(())
    }
}

async fn people(dialect: &Dialect, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let mut identity = dialect.table("identity");
    identity
        .col(short("tenant_id", 63))
        .col(short("connector_id", 128))
        .col(short("user_id", 255))
        .col(dialect.long_text("claims").not_null())
        .col(dialect.long_text("consents").not_null())
        .col(number("first_login_at"))
        .col(number("last_login_at"))
        .col(number("version"))
        .primary_key(&mut key(&["tenant_id", "connector_id", "user_id"]));
    dialect.create(manager, identity, vec![]).await?;

    let mut password = dialect.table("upgraded_password");
    password
        .col(short("tenant_id", 63))
        .col(short("email", 255))
        .col(short("replaces", 43))
        .col(dialect.long_text("hash").not_null())
        .primary_key(&mut key(&["tenant_id", "email"]));
    dialect.create(manager, password, vec![]).await?;

    let mut session = dialect.table("browser_session");
    session
        .col(short("tenant_id", 63))
        .col(short("cookie_hash", 43))
        .col(short("session_id", 64))
        .col(dialect.long_text("body").not_null())
        .col(number("expires_at"))
        .primary_key(&mut key(&["tenant_id", "cookie_hash"]));
    let by_sid = ["tenant_id", "session_id"];
    let indexes = vec![
        index("browser_session_by_sid", "browser_session", &by_sid),
        index("browser_session_by_end", "browser_session", &["expires_at"]),
    ];
    dialect.create(manager, session, indexes).await
}

async fn grants(dialect: &Dialect, manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let mut refresh = dialect.table("refresh_grant");
    refresh
        .col(short("tenant_id", 63))
        .col(short("id", 64))
        .col(short("grant_id", 64))
        .col(short("client_id", 255))
        .col(short("connector_id", 128))
        .col(short("user_id", 255))
        .col(number("generation"))
        .col(dialect.long_text("request").not_null())
        .col(dialect.long_text("login").not_null())
        .col(dialect.long_text("claims").not_null())
        .col(dialect.long_bytes("connector_data"))
        .col(number("created_at"))
        .col(number("last_used_at"))
        .col(number("expires_at"))
        .primary_key(&mut key(&["tenant_id", "id"]));
    let by_person = ["tenant_id", "connector_id", "user_id"];
    let indexes = vec![
        index(
            "refresh_grant_by_family",
            "refresh_grant",
            &["tenant_id", "grant_id"],
        ),
        index("refresh_grant_by_person", "refresh_grant", &by_person),
        index("refresh_grant_by_end", "refresh_grant", &["expires_at"]),
    ];
    dialect.create(manager, refresh, indexes).await?;

    let mut revoked = dialect.table("revoked_grant");
    revoked
        .col(short("tenant_id", 63))
        .col(short("grant_id", 64))
        .col(number("expires_at"))
        .primary_key(&mut key(&["tenant_id", "grant_id"]));
    let by_end = index("revoked_grant_by_end", "revoked_grant", &["expires_at"]);
    dialect.create(manager, revoked, vec![by_end]).await
}
