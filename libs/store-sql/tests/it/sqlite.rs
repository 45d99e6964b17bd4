use std::time::Duration;

use insula_store::{Durable as _, StoreError};
use insula_store_sql::{SqlOptions, SqlStore};

use crate::cost::{NOON, jane, local, tenant};
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
