//! The SQL store on real databases: SQLite always, PostgreSQL and MariaDB where
//! `INSULA_TEST_POSTGRES`, `INSULA_TEST_PGBOUNCER` and `INSULA_TEST_MARIADB` name a server that may make databases.

#[cfg(test)]
mod cost;
#[cfg(test)]
mod gate;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod private_file;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod reset;
#[cfg(test)]
mod scratch;
#[cfg(test)]
mod sqlite;
#[cfg(test)]
mod trouble;

/// Every sentence, on one service.
macro_rules! on {
    ($service:ident, $module:ident) => {
        #[cfg(test)]
        mod $module {
            use crate::registry::OneTest;
            use crate::scratch::{Scratch, Service, shared_durable};
            use crate::{cost, migrations, registry, reset, trouble};

            insula_store::durable_conformance!(shared_durable(Service::$service));
            insula_store::registry_conformance!(OneTest::on(Service::$service));
            insula_store::edit_tenants_conformance!(OneTest::on(Service::$service));

            crate::on! { @each $service;
                migrations: migrating_twice_changes_nothing,
                migrations: migrators_at_once_do_the_work_once,
                migrations: what_is_pending_is_named_and_nothing_is_changed,
                migrations: refresh_grants_from_before_are_taken_as_answered,
                migrations: redemptions_from_before_are_taken_as_answered,
                migrations: ids_are_indexed_with_the_tenant_first,
                registry: a_document_is_stored_sealed_and_for_its_tenant_alone,
                registry: a_look_for_changes_costs_one_statement,
                cost: a_login_writes_three_statements,
                cost: a_login_and_its_events_are_one_commit_of_three_statements,
                cost: a_page_of_events_gives_places_to_no_more_than_it_needs,
                cost: a_refresh_writes_one_statement,
                cost: a_commit_that_is_overtaken_alone_is_one_statement,
                reset: each_tenant_that_had_keys_is_told_that_they_were_given_up,
                cost: the_key_versions_of_thousands_of_tenants_cost_a_statement_for_each_thousand,
                cost: answers_are_written_together_and_soon,
                cost: a_login_soon_after_another_writes_nothing,
                trouble: a_store_may_be_awaited_from_any_runtime,
                trouble: what_is_locked_for_too_long_is_unavailable,
                trouble: a_read_survives_that_every_connection_was_cut,
                trouble: what_is_stored_after_a_stall_is_seen_by_others,
                trouble: a_corrupt_row_is_named_without_its_values,
                trouble: an_error_of_the_database_quotes_no_value,
                trouble: an_event_that_is_committed_late_is_read_late_and_not_missed,
                trouble: two_stores_of_one_database_lose_no_consent,
                trouble: metrics_count_statements_and_pools,
            }
        }
    };
    (@each $service:ident; $($area:ident: $sentence:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $sentence() {
                if let Some(scratch) = Scratch::of(Service::$service).await {
                    $area::$sentence(&scratch).await;
                    scratch.remove().await;
                }
            }
        )*
    };
}
pub(crate) use on;

/// What a pooler in transaction mode must not change.
#[cfg(test)]
mod on_pgbouncer {
    use futures_util::future::join_all;
    use insula_store_sql::SqlStore;

    use crate::scratch::{Scratch, Service, shared_durable};

    insula_store::durable_conformance!(shared_durable(Service::PgBouncer));

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn processes_that_share_server_connections_do_not_meet_each_others_statements() {
        let Some(scratch) = Scratch::of(Service::PgBouncer).await else {
            return;
        };
        let stores = join_all((0..4).map(|_| scratch.store())).await;
        let migrated = join_all(stores.iter().map(SqlStore::migrate)).await;
        assert!(migrated.iter().all(Result::is_ok), "{migrated:?}");
        for _ in 0..20 {
            let times = join_all(stores.iter().map(SqlStore::time)).await;
            assert!(times.iter().all(Result::is_ok), "{times:?}");
        }
        for store in &stores {
            store.close().await;
        }
        scratch.remove().await;
    }
}

on!(Sqlite, on_sqlite);
on!(Postgres, on_postgres);
on!(MariaDb, on_mariadb);
