use std::sync::Arc;
use std::time::Duration;

use insula_ambient::Monotonic;
use insula_store::Durable as _;

use super::world::{found, id, in_world, quick, tenant, until, until_phase, until_status};
use crate::snapshot_cell::{SnapshotCell, Superseded};
use crate::{Fault, Lookup, Tenancy, TenantPhase};

#[test]
fn a_tenant_that_panics_is_restarted_while_its_last_snapshot_serves_and_neighbours_notice_nothing()
{
    in_world(async |world| {
        let neighbours: Vec<_> = (0..8).map(|n| format!("n{n}")).collect();
        world.files.write(tenant("acme"));
        for name in &neighbours {
            world.files.write(tenant(name));
        }
        let tenancy = world.tenancy().await;
        let handle = tenancy.activate(&id("acme")).await.unwrap();
        let mut theirs = Vec::new();
        for name in &neighbours {
            theirs.push(tenancy.activate(&id(name)).await.unwrap());
        }
        let before: Vec<_> = theirs.iter().map(|h| h.snapshot().generation).collect();

        let gate = world.files.hold();
        let first = handle.snapshot().generation;
        tenancy.inject(&id("acme"), Fault::Panic).await;
        let status = until_status(&tenancy, "acme", |status| status.restarts == 1).await;
        assert_eq!(status.last_error.as_deref(), Some("its actor panicked"));
        let served = found(&tenancy, "acme").expect("it is served meanwhile");
        assert_eq!(served.snapshot().generation, first);

        gate.add_permits(1);
        until(async || (handle.snapshot().generation > first).then_some(())).await;
        let status = until_phase(&tenancy, "acme", TenantPhase::Serving).await;
        assert_eq!((status.restarts, status.epoch), (1, 1));
        let after: Vec<_> = theirs.iter().map(|h| h.snapshot().generation).collect();
        assert_eq!(before, after);
        for name in &neighbours {
            let status = tenancy.status(&id(name)).await.unwrap();
            assert_eq!((status.phase, status.restarts), (TenantPhase::Serving, 0));
        }
        tenancy.shutdown().await;
    });
}

async fn panic_until_quarantined(tenancy: &Tenancy, name: &str) {
    for death in 1..=5 {
        until_phase(tenancy, name, TenantPhase::Serving).await;
        assert!(tenancy.inject(&id(name), Fault::Panic).await);
        until_status(tenancy, name, |status| status.restarts == death).await;
    }
    until_phase(tenancy, name, TenantPhase::Quarantined).await;
}

#[test]
fn a_tenant_that_panics_five_times_a_minute_is_quarantined_and_can_be_revived() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        let tenancy = world.tenancy().await;
        tenancy.activate(&id("acme")).await.unwrap();
        panic_until_quarantined(&tenancy, "acme").await;
        let last = until(
            async || match tenancy.directory().lookup("acme.test", "/") {
                Lookup::Quarantined { last, .. } => Some(last),
                _ => None,
            },
        )
        .await;
        let last = last.expect("what it published last is served");
        let generation = last.snapshot().generation;
        let served = tenancy.activate(&id("acme")).await.unwrap();
        assert_eq!(served.snapshot().generation, generation);
        let status = tenancy.status(&id("acme")).await.unwrap();
        assert!(status.quarantined_until.is_some() && status.is_served);
        assert_eq!(tenancy.metrics().quarantined.get(), 1);

        tenancy.revive(&id("acme"));
        until(async || found(&tenancy, "acme")).await;
        assert!(served.snapshot().generation > generation);
        assert_eq!(tenancy.metrics().quarantined.get(), 0);
        tenancy.shutdown().await;
    });
}

#[test]
fn when_the_quarantine_ends_it_is_tried_again() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        let mut options = quick();
        options.restart.quarantine = Duration::from_millis(1);
        let tenancy = world.process("one", options).await;
        let handle = tenancy.activate(&id("acme")).await.unwrap();
        for death in 1..=5 {
            until_phase(&tenancy, "acme", TenantPhase::Serving).await;
            let before = handle.snapshot().generation;
            tenancy.inject(&id("acme"), Fault::Panic).await;
            until_status(&tenancy, "acme", |status| status.restarts == death).await;
            until(async || (handle.snapshot().generation > before).then_some(())).await;
        }
        until(async || found(&tenancy, "acme")).await;
        tenancy.shutdown().await;
    });
}

#[test]
fn a_tenant_that_never_loaded_is_unavailable_until_its_file_is_mended() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        let tenancy = world.tenancy().await;
        world.files.spoil("acme", "line 1: nonsense");
        let refused = tenancy.activate(&id("acme")).await.unwrap_err();
        assert!(refused.retry_after > Duration::from_mins(1), "{refused}");
        assert_eq!(world.files.loads().len(), 5);
        let status = tenancy.status(&id("acme")).await.unwrap();
        assert_eq!(status.phase, TenantPhase::Quarantined);
        assert!(status.last_error.unwrap().contains("line 1"));
        assert!(!status.is_served);
        let looked = tenancy.directory().lookup("acme.test", "/");
        assert!(
            matches!(looked, Lookup::Quarantined { last: None, .. }),
            "{looked:?}"
        );

        world.files.write(tenant("acme"));
        tenancy.rescan().await.unwrap();
        until_phase(&tenancy, "acme", TenantPhase::Asleep).await;
        until(async || tenancy.activate(&id("acme")).await.ok()).await;
        tenancy.shutdown().await;
    });
}

#[test]
fn a_reload_of_all_tries_again_who_is_in_quarantine_though_no_file_changed() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        let tenancy = world.tenancy().await;
        // As of an issuer that is not the one its rows were made for.
        let rows = world.store.tenant(&id("acme"));
        rows.adopt("https://before.test").await.unwrap();
        tenancy.activate(&id("acme")).await.unwrap_err();
        until_phase(&tenancy, "acme", TenantPhase::Quarantined).await;
        rows.adopt("https://acme.test").await.unwrap();
        tenancy.reload(None).await.unwrap();
        until(async || tenancy.activate(&id("acme")).await.ok()).await;
        tenancy.shutdown().await;
    });
}

#[test]
fn only_the_generation_a_cell_was_passed_to_may_publish() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        let tenancy = world.tenancy().await;
        let any = tenancy.activate(&id("acme")).await.unwrap().snapshot();
        let of = |generation, epoch| {
            let mut snapshot = (*any).clone();
            snapshot.generation = generation;
            snapshot.epoch = epoch;
            Arc::new(snapshot)
        };
        let cell = SnapshotCell::default();
        cell.pass_to(7);
        let handle = cell.publish(of(7, 1), Monotonic::START).unwrap();
        cell.pass_to(8);
        assert_eq!(handle.snapshot().generation, 7, "the last one serves on");
        assert_eq!(
            cell.publish(of(7, 2), Monotonic::START).unwrap_err(),
            Superseded
        );
        assert_eq!(handle.snapshot().epoch, 1);
        cell.publish(of(8, 1), Monotonic::START).unwrap();
        assert_eq!(
            cell.publish(of(7, 3), Monotonic::START).unwrap_err(),
            Superseded
        );
        assert_eq!(handle.snapshot().generation, 8, "readers keep their handle");
        tenancy.shutdown().await;
    });
}

#[test]
fn a_load_that_panics_is_a_load_that_failed() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        let tenancy = world.tenancy().await;
        // A closed gate makes the fake source panic.
        world.files.hold().close();
        assert!(tenancy.activate(&id("acme")).await.is_err());
        let status = tenancy.status(&id("acme")).await.unwrap();
        assert_eq!(status.phase, TenantPhase::Quarantined);
        assert!(status.last_error.unwrap().contains("panic"), "it is said");
        tenancy.shutdown().await;
    });
}
