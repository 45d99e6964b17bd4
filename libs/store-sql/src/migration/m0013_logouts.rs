use sea_orm::{ConnectionTrait as _, DbBackend};
use sea_orm_migration::prelude::*;

use super::columns::{Dialect, index, key, number, short};

/// The logouts that clients are still to be told, and whose a browser session is, so that all of a
/// person can be found.
pub(super) struct Logouts;

/// What is added to sessions, and how wide it is.
const WHOSE: [(&str, u32); 2] = [("connector_id", 128), ("user_id", 255)];

const BY_PERSON: &str = "browser_session_by_person";

impl MigrationName for Logouts {
    fn name(&self) -> &'static str {
        "m0013_logouts"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Logouts {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let dialect = Dialect::of(manager).await?;
        let mut notice = dialect.table("logout_notice");
        notice
            .col(short("tenant_id", 63))
            .col(short("client_id", 255))
            .col(short("session_id", 64))
            .col(short("connector_id", 128))
            .col(short("user_id", 255))
            .col(number("ended_at"))
            .col(number("attempts"))
            .col(number("due_at"))
            .col(number("expires_at"))
            .primary_key(&mut key(&["tenant_id", "client_id", "session_id"]));
        let indexes = vec![
            index("logout_notice_by_due", "logout_notice", &["due_at"]),
            index(
                "logout_notice_by_client",
                "logout_notice",
                &["tenant_id", "client_id", "due_at"],
            ),
            index("logout_notice_by_end", "logout_notice", &["expires_at"]),
        ];
        dialect.create(manager, notice, indexes).await?;

        for (name, width) in WHOSE {
            if !manager.has_column("browser_session", name).await? {
                let mut column = ColumnDef::new(name);
                column.string_len(width).null();
                let add = Table::alter()
                    .table("browser_session")
                    .add_column(column)
                    .take();
                manager.alter_table(add).await?;
            }
        }
        manager
            .get_connection()
            .execute_unprepared(told_by_body(manager))
            .await?;
        if !manager.has_index("browser_session", BY_PERSON).await? {
            let columns = ["tenant_id", "connector_id", "user_id"];
            let mut by_person = key(&columns);
            by_person.name(BY_PERSON).table("browser_session");
            manager.create_index(by_person).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let notices = Table::drop().table("logout_notice").if_exists().take();
        manager.drop_table(notices).await?;
        if manager.has_index("browser_session", BY_PERSON).await? {
            let mut drop = Index::drop();
            drop.name(BY_PERSON).table("browser_session");
            manager.drop_index(drop).await?;
        }
        for (name, _) in WHOSE {
            let drop = Table::alter()
                .table("browser_session")
                .drop_column(name)
                .take();
            manager.alter_table(drop).await?;
        }
        Ok(())
    }
}

/// Whose the sessions are that stand, as their bodies say.
fn told_by_body(manager: &SchemaManager<'_>) -> &'static str {
    match manager.get_database_backend() {
        DbBackend::Postgres => {
            "UPDATE browser_session SET connector_id = body::json->>'connector_id', \
             user_id = body::json->'claims'->>'user_id' WHERE user_id IS NULL"
        }
        DbBackend::MySql => {
            "UPDATE browser_session \
             SET connector_id = JSON_UNQUOTE(JSON_EXTRACT(body, '$.connector_id')), \
             user_id = JSON_UNQUOTE(JSON_EXTRACT(body, '$.claims.user_id')) WHERE user_id IS NULL"
        }
        _ => {
            "UPDATE browser_session SET connector_id = json_extract(body, '$.connector_id'), \
             user_id = json_extract(body, '$.claims.user_id') WHERE user_id IS NULL"
        }
    }
}
