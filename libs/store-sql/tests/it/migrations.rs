use futures_util::future::join_all;
use insula_model::GrantId;
use insula_store::Redemption;
use sea_orm::{ConnectionTrait as _, Statement};

use crate::cost::{EVENING, refresh, tenant};
use crate::scratch::{IO, Scratch, Service};

async fn applied(scratch: &Scratch) -> i64 {
    let raw = scratch.raw().await;
    let count = "SELECT COUNT(*) AS n FROM seaql_migrations";
    let count = Statement::from_string(raw.get_database_backend(), count);
    let counting = IO.spawn(async move { raw.query_one_raw(count).await.unwrap().unwrap() });
    counting.await.unwrap().try_get_by_index(0).unwrap()
}

pub(crate) async fn migrating_twice_changes_nothing(scratch: &Scratch) {
    let store = scratch.store().await;
    store.migrate().await.unwrap();
    let first = applied(scratch).await;
    store.migrate().await.unwrap();
    assert_eq!(applied(scratch).await, first);
    store.close().await;
}

pub(crate) async fn migrators_at_once_do_the_work_once(scratch: &Scratch) {
    let migrating = (0..4).map(|_| async {
        let store = scratch.store().await;
        let outcome = store.migrate().await;
        store.close().await;
        outcome
    });
    for outcome in join_all(migrating).await {
        outcome.unwrap();
    }
    let store = scratch.store().await;
    assert!(store.pending_migrations().await.unwrap().is_empty());
    store.close().await;
    let steps = applied(scratch).await;
    let again = scratch.store().await;
    again.migrate().await.unwrap();
    again.close().await;
    assert_eq!(applied(scratch).await, steps);
}

pub(crate) async fn what_is_pending_is_named_and_nothing_is_changed(scratch: &Scratch) {
    let store = scratch.store().await;
    let pending = store.pending_migrations().await.unwrap();
    assert_eq!(pending[0], "m0001_first_tables");
    assert!(pending.contains(&"m0002_redemptions".to_owned()));
    assert!(pending.contains(&"m0003_server_facts".to_owned()));
    assert_eq!(store.pending_migrations().await.unwrap(), pending);
    store.migrate().await.unwrap();
    assert_eq!(usize::try_from(applied(scratch).await), Ok(pending.len()));
    assert!(store.pending_migrations().await.unwrap().is_empty());
    store.close().await;
}

/// What was stored before anybody asked whether it was told was told.
pub(crate) async fn refresh_grants_from_before_are_taken_as_answered(scratch: &Scratch) {
    let store = scratch.store().await;
    store.migrate().await.unwrap();
    let mut grant = refresh();
    grant.answered = false;
    grant.generation = 3;
    tenant(&store).add_refresh(&grant, None).await.unwrap();
    let raw = scratch.raw().await;
    let undoing = IO.spawn(async move {
        for undo in [
            "ALTER TABLE refresh_grant DROP COLUMN answered_generation",
            "DROP TABLE redeemed_code",
            "DELETE FROM seaql_migrations WHERE version = 'm0002_redemptions'",
        ] {
            raw.execute_unprepared(undo).await.unwrap();
        }
    });
    undoing.await.unwrap();
    store.close().await;
    let store = scratch.store().await;
    store.migrate().await.unwrap();
    let found = tenant(&store).find_refresh(&grant.id).await.unwrap();
    assert!(found.unwrap().answered);
    store.close().await;
}

/// Who redeemed a code before anybody noted claims took no answer, and may have given one.
pub(crate) async fn redemptions_from_before_are_taken_as_answered(scratch: &Scratch) {
    let store = scratch.store().await;
    store.migrate().await.unwrap();
    let (acme, mut grant) = (tenant(&store), refresh());
    grant.answered = false;
    acme.add_refresh(&grant, None).await.unwrap();
    let (family, until) = (GrantId::parse("g2").unwrap(), EVENING);
    let noted = acme.note_redeemed(&family, None, until).await;
    noted.unwrap();
    let answered = async || {
        let of_refresh = acme.add_refresh(&grant, None).await.unwrap();
        let noted = acme.note_redeemed(&family, None, until).await.unwrap();
        [of_refresh, noted].map(|noted| match noted {
            Redemption::First => panic!("it was noted"),
            Redemption::Repeated(noted) => noted.answered,
        })
    };
    assert_eq!(answered().await, [false, false]);
    let raw = scratch.raw().await;
    let undoing = IO.spawn(async move {
        for undo in [
            "ALTER TABLE refresh_grant DROP COLUMN cache_epoch",
            "ALTER TABLE redeemed_code DROP COLUMN cache_epoch",
            "DELETE FROM seaql_migrations WHERE version = 'm0006_code_claims'",
        ] {
            raw.execute_unprepared(undo).await.unwrap();
        }
    });
    undoing.await.unwrap();
    let again = scratch.store().await;
    again.migrate().await.unwrap();
    again.close().await;
    assert_eq!(answered().await, [true, true]);
    store.close().await;
}

/// A tenant's rows lie together, and no key can be looked up without saying whose it is.
pub(crate) async fn ids_are_indexed_with_the_tenant_first(scratch: &Scratch) {
    let store = scratch.store().await;
    store.migrate().await.unwrap();
    let raw = scratch.raw().await;
    let list = match scratch.service {
        Service::Sqlite => {
            "SELECT m.tbl_name, m.name, c.name FROM sqlite_master m, pragma_index_info(m.name) c \
             WHERE m.type = 'index' AND c.seqno = 0"
        }
        Service::Postgres | Service::PgBouncer => {
            "SELECT t.relname::text, i.relname::text, a.attname::text FROM pg_index x \
             JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid \
             JOIN pg_namespace n ON n.oid = t.relnamespace AND n.nspname = 'public' \
             JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]"
        }
        Service::MariaDb => {
            "SELECT table_name, index_name, column_name FROM information_schema.statistics \
             WHERE seq_in_index = 1 AND table_schema = DATABASE()"
        }
    };
    let list = Statement::from_string(raw.get_database_backend(), list);
    let listing = IO.spawn(async move { raw.query_all_raw(list).await.unwrap() });
    let mut seen = 0;
    for row in listing.await.unwrap() {
        let text = |n| row.try_get_by_index::<String>(n).unwrap();
        let (table, index, column) = (text(0), text(1), text(2));
        if ["seaql_migrations", "lease", "server_fact"].contains(&table.as_str()) {
            continue;
        }
        // The registry is what tells tenants apart.
        if ["registered_tenant", "registered_host", "registry_counter"].contains(&table.as_str()) {
            continue;
        }
        let for_the_collector = index.ends_with("_by_end") && column == "expires_at";
        // Whoever tells clients of logouts looks at those of all tenants, the oldest first.
        let by_age = index == "logout_notice_by_due" && column == "due_at";
        assert!(
            column == "tenant_id" || for_the_collector || by_age,
            "{table} {index} {column}"
        );
        seen += 1;
    }
    assert!(seen >= 14, "only {seen} indexes");
    store.close().await;
}
