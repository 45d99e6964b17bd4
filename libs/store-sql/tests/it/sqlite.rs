use std::time::Duration;

use insula_model::TokenHash;
use insula_store::{Durable as _, RefreshRotation, StoreError};
use insula_store_sql::{SqlOptions, SqlStore};
use prometheus::{Registry, TextEncoder};
use sea_orm::ConnectionTrait as _;

use crate::cost::{NOON, jane, local, refresh, session, tenant};
use crate::scratch::{IO, Scratch, Service};

async fn open(url: &str) -> Result<SqlStore, StoreError> {
    let options = SqlOptions {
        acquire_timeout: Duration::from_secs(1),
        ..SqlOptions::default()
    };
    SqlStore::connect(url, &options, IO.handle().clone()).await
}

#[tokio::test]
async fn a_database_in_memory_works_and_keeps_nothing() {
    for _ in 0..2 {
        let store = open("sqlite::memory:").await.unwrap();
        store.migrate().await.unwrap();
        let (acme, user) = (tenant(&store), jane().user_id);
        assert_eq!(acme.find_identity(&local(), &user).await.unwrap(), None);
        acme.record_login(&local(), &jane(), None, NOON)
            .await
            .unwrap();
        assert!(acme.find_identity(&local(), &user).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_file_is_made_and_keeps_what_it_was_told() {
    let scratch = Scratch::of(Service::Sqlite).await.unwrap();
    let store = scratch.store().await;
    store.migrate().await.unwrap();
    let login = tenant(&store)
        .record_login(&local(), &jane(), None, NOON)
        .await;
    login.unwrap();
    store.close().await;
    let again = scratch.store().await;
    let found = tenant(&again)
        .find_identity(&local(), &jane().user_id)
        .await;
    assert!(found.unwrap().is_some());
}

#[tokio::test]
async fn a_file_that_is_not_there_is_not_made_for_whoever_wants_one_that_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("insula.db");
    let url = format!("sqlite://{}", file.display());
    let existing = SqlOptions {
        make_missing: false,
        ..SqlOptions::default()
    };
    let opened = SqlStore::connect(&url, &existing, IO.handle().clone()).await;
    let refused = opened.unwrap_err();
    // Nobody waits for it.
    assert!(matches!(refused, StoreError::Failed { .. }), "{refused:?}");
    assert!(!file.exists());
    open(&url).await.unwrap().close().await;
    let opened = SqlStore::connect(&url, &existing, IO.handle().clone()).await;
    opened.unwrap().close().await;
}

#[tokio::test]
async fn an_unreachable_database_is_named_without_its_password() {
    // A URL that nobody can read is not worth waiting for.
    for (url, may_come_yet) in [
        ("postgres://insula:hidden@127.0.0.1:1/insula", true),
        ("mysql://insula:hidden@127.0.0.1:1/insula", true),
        ("sqlite:///nowhere/hidden/insula.db", true),
        ("oracle://insula:hidden@127.0.0.1/insula", true),
        ("postgres://insula:hidden@127.0.0.1:port/insula", false),
    ] {
        let refused = open(url).await.unwrap_err();
        let is_unavailable = matches!(refused, StoreError::Unavailable { .. });
        assert_eq!(is_unavailable, may_come_yet, "{refused:?}");
        assert!(
            !format!("{refused} {refused:?}").contains("hidden"),
            "{refused}"
        );
    }
}

#[tokio::test]
async fn a_database_without_tables_says_which_is_missing() {
    let store = open("sqlite::memory:").await.unwrap();
    store.ping().await.unwrap();
    let refused = tenant(&store).load_keys().await.unwrap_err().to_string();
    assert!(
        refused.contains("no such table: tenant_key_ring"),
        "{refused}"
    );
}

/// A reference to a row that is not there is looked for at the commit, and not before.
const FAIL_AT_COMMIT: &str = "
    CREATE TABLE there (id INTEGER PRIMARY KEY);
    CREATE TABLE points (id INTEGER REFERENCES there DEFERRABLE INITIALLY DEFERRED);
    CREATE TRIGGER fail AFTER UPDATE ON refresh_grant BEGIN INSERT INTO points VALUES (7); END";

#[tokio::test]
async fn a_rotation_whose_commit_fails_is_not_acknowledged() {
    let scratch = Scratch::of(Service::Sqlite).await.unwrap();
    let store = scratch.store().await;
    store.migrate().await.unwrap();
    let acme = tenant(&store);
    acme.add_refresh(&refresh(), None).await.unwrap();
    let raw = scratch.raw().await;
    let run = |sql: &'static str| {
        let raw = raw.clone();
        IO.spawn(async move { raw.execute_unprepared(sql).await.unwrap() })
    };
    run(FAIL_AT_COMMIT).await.unwrap();

    let mut next = refresh();
    next.generation = 1;
    let refused = acme.rotate_refresh(0, &next).await.unwrap_err();
    assert!(matches!(refused, StoreError::Failed { .. }), "{refused}");
    let found = acme.find_refresh(&next.id).await.unwrap().unwrap();
    assert_eq!(found.generation, 0);

    run("DROP TRIGGER fail").await.unwrap();
    let rotation = acme.rotate_refresh(0, &next).await.unwrap();
    assert_eq!(rotation, RefreshRotation::Rotated);
    store.close().await;
}

#[tokio::test]
async fn commits_of_writes_and_probes_are_counted() {
    let scratch = Scratch::of(Service::Sqlite).await.unwrap();
    let store = scratch.store().await;
    store.migrate().await.unwrap();
    let registry = Registry::new();
    store.register(&registry).unwrap();
    tenant(&store).add_refresh(&refresh(), None).await.unwrap();
    store.probe(NOON).await.unwrap();
    let page = TextEncoder::new()
        .encode_to_string(&registry.gather())
        .unwrap();
    for line in [
        "insula_sql_writes_per_commit_count 2",
        "insula_sql_writes_per_commit_sum 2",
        "insula_sql_writes_waiting 0",
        "insula_sql_writes_queue_full_total 0",
    ] {
        assert!(page.contains(line), "{line} is not in\n{page}");
    }
    store.close().await;
}

#[tokio::test]
async fn a_store_that_was_closed_has_done_what_it_was_asked_for() {
    let scratch = Scratch::of(Service::Sqlite).await.unwrap();
    let store = scratch.store().await;
    store.migrate().await.unwrap();
    let acme = tenant(&store);
    acme.add_refresh(&refresh(), None).await.unwrap();
    acme.note_answered(&refresh().id, 0, NOON).await.unwrap();
    store.close().await;
    let late = acme.rotate_refresh(0, &refresh()).await.unwrap_err();
    assert!(matches!(late, StoreError::Unavailable { .. }), "{late}");
    let again = scratch.store().await;
    let found = tenant(&again).find_refresh(&refresh().id).await;
    assert!(found.unwrap().unwrap().answered);
    again.close().await;
}

#[tokio::test]
async fn a_session_of_a_process_that_did_not_say_whose_it_is_says_it_once_it_is_used() {
    let scratch = Scratch::of(Service::Sqlite).await.unwrap();
    let store = scratch.store().await;
    store.migrate().await.unwrap();
    let acme = tenant(&store);
    let (cookie, session) = (TokenHash::of("cookie"), session());
    acme.save_session(&cookie, &session).await.unwrap();
    let raw = scratch.raw().await;
    let forget = "UPDATE browser_session SET connector_id = NULL, user_id = NULL";
    let forgotten = IO.spawn(async move { raw.execute_unprepared(forget).await });
    forgotten.await.unwrap().unwrap();
    let of_person = || acme.sessions_of(&session.connector_id, &session.claims.user_id, NOON, 10);
    assert_eq!(of_person().await.unwrap(), []);
    assert!(acme.prolong_session(&cookie, &session).await.unwrap());
    assert_eq!(of_person().await.unwrap().len(), 1);
}
