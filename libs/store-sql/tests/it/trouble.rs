use std::time::Duration;

use futures_util::future::join_all;
use insula_model::{ClientId, GrantId, UserId};
use insula_oauth::Scopes;
use insula_store::{Durable as _, StoreError, UpgradedPassword};
use insula_store_sql::{SqlOptions, SqlStore};
use prometheus::{Registry, TextEncoder};
use sea_orm::{ConnectionTrait as _, Statement, TransactionTrait as _};

use crate::cost::{EVENING, NOON, jane, local, refresh, tenant, told};
use crate::gate::Gate;
use crate::scratch::{IO, Scratch, Service};

/// A web worker's runtime may end; the connections it used do not end with it.
pub(crate) async fn a_store_may_be_awaited_from_any_runtime(scratch: &Scratch) {
    let store = scratch.store().await;
    store.migrate().await.unwrap();
    for _ in 0..5 {
        let store = store.clone();
        let worker = std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            // Without I/O and timers, so that every one of both must be elsewhere.
            let runtime = runtime.build().unwrap();
            runtime.block_on(async { store.ping().await })
        });
        worker.join().unwrap().unwrap();
    }
    store.close().await;
}

pub(crate) async fn what_is_locked_for_too_long_is_unavailable(scratch: &Scratch) {
    let store = scratch.store().await;
    store.migrate().await.unwrap();
    tenant(&store).add_refresh(&refresh(), None).await.unwrap();
    store.close().await;
    let hasty = SqlOptions {
        acquire_timeout: Duration::from_secs(5),
        statement_timeout: Duration::from_secs(1),
        ..SqlOptions::default()
    };
    let store = scratch.store_with(&hasty).await;
    let raw = scratch.raw().await;
    let locking = IO.spawn(async move {
        let holder = raw.begin().await.unwrap();
        let lock = "UPDATE refresh_grant SET generation = 7 WHERE tenant_id = 'acme'";
        holder.execute_unprepared(lock).await.unwrap();
        holder
    });
    let holder = locking.await.unwrap();

    let mut next = refresh();
    next.generation = 1;
    let refused = tenant(&store).rotate_refresh(0, &next).await.unwrap_err();
    assert!(
        matches!(refused, StoreError::Unavailable { .. }),
        "{refused}"
    );
    let found = tenant(&store).find_refresh(&next.id).await.unwrap();
    assert_eq!(found.unwrap().generation, 0, "reading waits for no writer");

    let letting_go = IO.spawn(async move { holder.rollback().await.unwrap() });
    letting_go.await.unwrap();
    tenant(&store)
        .revoke_grant(&GrantId::parse("g1").unwrap(), EVENING)
        .await
        .unwrap();
    store.close().await;
}

/// As when the database is started anew.
pub(crate) async fn a_read_survives_that_every_connection_was_cut(scratch: &Scratch) {
    let list = match scratch.service {
        Service::Sqlite => return,
        Service::Postgres | Service::PgBouncer => {
            "SELECT 'SELECT pg_terminate_backend(' || pid || ')' FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()"
        }
        Service::MariaDb => {
            "SELECT CONCAT('KILL ', id) FROM information_schema.processlist \
             WHERE db = DATABASE() AND id <> CONNECTION_ID()"
        }
    };
    let store = scratch.store().await;
    store.migrate().await.unwrap();
    let readers = (0..8).map(|_| {
        let acme = tenant(&store);
        async move { acme.load_keys().await }
    });
    for read in join_all(readers).await {
        read.unwrap();
    }
    let raw = scratch.raw().await;
    let list = Statement::from_string(raw.get_database_backend(), list);
    let cutting = IO.spawn(async move {
        let rows = raw.query_all_raw(list).await.unwrap();
        for row in &rows {
            let cut: String = row.try_get_by_index(0).unwrap();
            raw.execute_unprepared(&cut).await.unwrap();
        }
        rows.len()
    });
    assert!(cutting.await.unwrap() >= 1);
    for _ in 0..4 {
        tenant(&store).load_keys().await.unwrap();
    }
    tenant(&store).add_refresh(&refresh(), None).await.unwrap();
    store.close().await;
}

/// A statement that nobody waited for until its answer must not change what later ones do on the same
/// connection: an open transaction would hide all that is written from then on.
pub(crate) async fn what_is_stored_after_a_stall_is_seen_by_others(scratch: &Scratch) {
    if scratch.service == Service::Sqlite {
        return;
    }
    let others = scratch.store().await;
    others.migrate().await.unwrap();
    let gate = Gate::before(&scratch.url).await;
    let hasty = SqlOptions {
        max_connections: 1,
        acquire_timeout: Duration::from_millis(500),
        statement_timeout: Duration::from_millis(500),
        ..SqlOptions::default()
    };
    let connecting = SqlStore::connect(&gate.url, &hasty, IO.handle().clone());
    let store = connecting.await.unwrap();
    store.ping().await.unwrap();

    gate.close();
    let probed = store.probe(NOON).await.unwrap_err();
    assert!(matches!(probed, StoreError::Unavailable { .. }), "{probed}");
    gate.open();
    let begun = refresh();
    while tenant(&store).add_refresh(&begun, None).await.is_err() {}
    let seen = tenant(&others).find_refresh(&begun.id).await.unwrap();
    assert!(seen.is_some(), "it was said to be stored");
    tenant(&others).add_refresh(&begun, None).await.unwrap();
    store.probe(NOON).await.unwrap();
    store.close().await;
    others.close().await;
}

pub(crate) async fn a_corrupt_row_is_named_without_its_values(scratch: &Scratch) {
    let store = scratch.store().await;
    store.migrate().await.unwrap();
    let acme = tenant(&store);
    acme.record_login(&local(), &jane(), None, NOON)
        .await
        .unwrap();
    let raw = scratch.raw().await;
    let spoiling = IO.spawn(async move {
        let spoil = "UPDATE identity SET claims = '{\"user_id\": [\"hidden\"]}'";
        raw.execute_unprepared(spoil).await.unwrap();
    });
    spoiling.await.unwrap();
    let user = UserId::parse("jane").unwrap();
    let refused = acme.find_identity(&local(), &user).await.unwrap_err();
    let said = refused.to_string();
    assert!(
        said.starts_with("a stored identity cannot be read: column claims"),
        "{said}"
    );
    assert!(!said.contains("hidden"), "{said}");
    store.close().await;
}

pub(crate) async fn an_error_of_the_database_quotes_no_value(scratch: &Scratch) {
    let store = scratch.store().await;
    store.migrate().await.unwrap();
    let acme = tenant(&store);
    let mut grant = refresh();
    grant.nonce = Some("hidden".into());
    acme.add_refresh(&grant, None).await.unwrap();
    grant.grant_id = GrantId::parse("g2").unwrap();
    let duplicate = acme
        .add_refresh(&grant, None)
        .await
        .unwrap_err()
        .to_string();
    for value in ["hidden", "acme", "r1", "jane"] {
        assert!(!duplicate.contains(value), "{duplicate}");
    }
    if scratch.service != Service::Sqlite {
        let upgraded = UpgradedPassword {
            email: "hidden".repeat(100),
            replaces: insula_model::TokenHash::of("old"),
            hash: "$argon2id$hidden".into(),
        };
        let long = acme.upgrade_password(&upgraded, None).await.unwrap_err();
        assert!(!long.to_string().contains("hidden"), "{long}");
    }
    store.close().await;
}

pub(crate) async fn two_stores_of_one_database_lose_no_consent(scratch: &Scratch) {
    let stores = [scratch.store().await, scratch.store().await];
    stores[0].migrate().await.unwrap();
    let logins = (0..60).map(|n| {
        let acme = tenant(&stores[n % 2]);
        tokio::spawn(async move {
            let app = ClientId::parse(format!("app-{n}")).unwrap();
            let scopes = Scopes::parse("openid");
            let consent = Some((&app, &scopes));
            acme.record_login(&local(), &jane(), consent, NOON).await
        })
    });
    for login in join_all(logins).await {
        login.unwrap().unwrap();
    }
    let user = UserId::parse("jane").unwrap();
    let found = tenant(&stores[1]).find_identity(&local(), &user).await;
    assert_eq!(found.unwrap().unwrap().consents.len(), 60);
    for store in stores {
        store.close().await;
    }
}

/// A transaction that was opened first and is committed last, behind a reader who went on.
pub(crate) async fn an_event_that_is_committed_late_is_read_late_and_not_missed(scratch: &Scratch) {
    if scratch.service == Service::Sqlite {
        // It has one writer at a time: nothing can be committed between.
        return;
    }
    let store = scratch.store().await;
    store.migrate().await.unwrap();
    let acme = tenant(&store);
    let raw = scratch.raw().await;
    let late = IO.spawn(async move {
        let open = raw.begin().await.unwrap();
        let body = r#"{"id":"a0","at":1800000000000,"kind":"grant_revoked","grant":"g1","client":"app","reason":"asked"}"#;
        let insert = format!(
            "INSERT INTO event (tenant_id, event_id, happened_at, body, expires_at) \
             VALUES ('acme', 'a0', 1800000000000, '{body}', 1900000000000)"
        );
        open.execute_unprepared(&insert).await.unwrap();
        open
    });
    let late = late.await.unwrap();
    acme.commit(&told("b1")).await.unwrap();
    let first = acme.events_after(0, 10).await.unwrap();
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].event.id.as_str(), "b1");
    IO.spawn(late.commit()).await.unwrap().unwrap();
    let rest = acme.events_after(first[0].position, 10).await.unwrap();
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0].event.id.as_str(), "a0");
    store.close().await;
}

pub(crate) async fn metrics_count_statements_and_pools(scratch: &Scratch) {
    let store = scratch.store().await;
    store.migrate().await.unwrap();
    let registry = Registry::new();
    store.register(&registry).unwrap();
    tenant(&store).add_refresh(&refresh(), None).await.unwrap();
    let mut other = refresh();
    other.grant_id = GrantId::parse("g2").unwrap();
    tenant(&store).add_refresh(&other, None).await.unwrap_err();
    let page = TextEncoder::new()
        .encode_to_string(&registry.gather())
        .unwrap();
    for line in [
        "insula_sql_statements_total{kind=\"write\"} 2",
        "insula_sql_operation_duration_seconds_count{operation=\"add_refresh\"} 2",
        "insula_sql_failures_total{operation=\"add_refresh\"} 1",
        "insula_sql_retries_total 0",
        "state=\"open\"} ",
        "state=\"idle\"} ",
        "state=\"max\"} 4",
    ] {
        assert!(page.contains(line), "{line} is not in\n{page}");
    }
    store.close().await;
}
