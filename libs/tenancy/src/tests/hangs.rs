use std::time::Duration;

use super::world::{
    HEARTBEAT, World, found, id, in_world, quick, tenant, until, until_phase, until_status,
};
use crate::{Fault, Tenancy, TenancyOptions, TenantPhase, TenantStatus};

/// After so long without an answer an arbiter is blocked.
const LIMIT: Duration = Duration::from_secs(HEARTBEAT.as_secs() * 5);

/// Has a tenant's actor block its arbiter; comes back once it does.
async fn hang(tenancy: &Tenancy, name: &str) {
    let before = tenancy.hanging();
    assert!(tenancy.inject(&id(name), Fault::Hang).await);
    until(async || (tenancy.hanging() > before).then_some(())).await;
}

/// Lets the time pass after which `blocked` arbiters, and no others, are found not to answer.
async fn until_replaced(world: &World, tenancy: &Tenancy, blocked: usize) {
    tenancy.check_arbiters().await;
    until(async || (tenancy.silent_arbiters().await == blocked).then_some(())).await;
    world.clock.advance(LIMIT);
    let replaced = &tenancy.metrics().threads_replaced;
    let wanted = replaced.get() + u64::try_from(blocked).unwrap();
    until(async || {
        tenancy.check_arbiters().await;
        (replaced.get() >= wanted).then_some(())
    })
    .await;
    assert_eq!(replaced.get(), wanted);
}

async fn generation(tenancy: &Tenancy, name: &str) -> u64 {
    let handle = tenancy.activate(&id(name)).await.unwrap();
    handle.snapshot().generation
}

/// A tenant that serves with a later actor than `generation`, and what is told of it.
async fn moved(tenancy: &Tenancy, name: &str, generation: u64) -> TenantStatus {
    until(async || (found(tenancy, name)?.snapshot().generation > generation).then_some(())).await;
    until_phase(tenancy, name, TenantPhase::Serving).await
}

#[test]
fn a_tenant_that_hangs_between_busy_neighbours_is_the_only_one_that_failed() {
    in_world(async |world| {
        // Placed in turn: acme, b and d share one arbiter.
        let names = ["acme", "a", "b", "c", "d"];
        for name in names {
            world.files.write(tenant(name));
        }
        let tenancy = world.tenancy().await;
        let mut before = Vec::new();
        for name in names {
            before.push(generation(&tenancy, name).await);
        }
        hang(&tenancy, "acme").await;
        // Waits in the mailbox of an actor that cannot run.
        world.files.write(tenant("b"));
        tenancy.rescan().await.unwrap();
        until_replaced(&world, &tenancy, 1).await;

        let status = moved(&tenancy, "acme", before[0]).await;
        assert_eq!(status.restarts, 1);
        for (name, before) in [("b", before[2]), ("d", before[4])] {
            let status = moved(&tenancy, name, before).await;
            assert_eq!((status.restarts, status.last_error), (0, None), "{name}");
        }
        let reloaded = found(&tenancy, "b").unwrap().snapshot();
        assert_eq!(reloaded.fingerprint.as_ref(), "2");
        for (name, before) in [("a", before[1]), ("c", before[3])] {
            assert_eq!(generation(&tenancy, name).await, before, "{name} stayed");
        }
        assert_eq!(tenancy.metrics().moves.get(), 2);
        assert_eq!(
            tenancy.scans().await,
            0,
            "tenants elsewhere are not looked at"
        );
        tenancy.release_hung();
        tenancy.shutdown().await;
    });
}

#[test]
fn a_hung_actor_that_goes_on_cannot_publish_an_old_state_and_its_thread_ends() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        let tenancy = world.tenancy().await;
        let handle = tenancy.activate(&id("acme")).await.unwrap();
        let first = handle.snapshot().generation;
        hang(&tenancy, "acme").await;
        // Waits in the hung actor's mailbox.
        tenancy.reload(Some(id("acme"))).await.unwrap();
        until_replaced(&world, &tenancy, 1).await;
        moved(&tenancy, "acme", first).await;
        let second = handle.snapshot().generation;
        assert_eq!(tenancy.metrics().threads_given_up.get(), 1);

        tenancy.release_hung();
        until(async || {
            tenancy.check_arbiters().await;
            (tenancy.metrics().threads_given_up.get() == 0).then_some(())
        })
        .await;
        assert_eq!(handle.snapshot().generation, second);
        tenancy.shutdown().await;
    });
}

#[test]
fn with_all_arbiters_blocked_two_tenants_fail_and_all_others_are_served() {
    in_world(async |world| {
        // Placed in turn: acme and a share one arbiter, globex and b the other.
        let names = ["acme", "globex", "a", "b"];
        for name in names {
            world.files.write(tenant(name));
        }
        world.files.write(tenant("new"));
        let tenancy = world.tenancy().await;
        let mut before = Vec::new();
        for name in names {
            before.push(generation(&tenancy, name).await);
        }
        hang(&tenancy, "acme").await;
        hang(&tenancy, "globex").await;
        world.clock.advance(HEARTBEAT);
        let fresh = generation(&tenancy, "new").await;

        until_replaced(&world, &tenancy, 2).await;
        for (name, before, failures) in [
            ("acme", before[0], 1),
            ("globex", before[1], 1),
            ("a", before[2], 0),
            ("b", before[3], 0),
        ] {
            let status = moved(&tenancy, name, before).await;
            assert_eq!(status.restarts, failures, "{name}");
        }
        assert_eq!(generation(&tenancy, "new").await, fresh);
        assert_eq!(tenancy.metrics().moves.get(), 2);
        tenancy.release_hung();
        tenancy.shutdown().await;
    });
}

#[test]
fn no_tenant_that_wakes_is_placed_on_an_arbiter_that_something_blocks() {
    in_world(async |world| {
        let names = ["a", "b", "c", "d"];
        for name in names.iter().chain(&["acme"]) {
            world.files.write(tenant(name));
        }
        let tenancy = world.tenancy().await;
        tenancy.activate(&id("acme")).await.unwrap();
        hang(&tenancy, "acme").await;
        world.clock.advance(HEARTBEAT);
        for name in names {
            let status = until(async || {
                tenancy.activate(&id(name)).await.ok()?;
                tenancy.status(&id(name)).await
            })
            .await;
            assert_eq!(status.phase, TenantPhase::Serving, "{name}");
        }
        assert_eq!(tenancy.metrics().threads_replaced.get(), 0);
        tenancy.release_hung();
        tenancy.shutdown().await;
    });
}

#[test]
fn five_hangs_are_a_quarantine_that_lasts_while_a_thread_is_blocked() {
    in_world(async |world| {
        for name in ["acme", "a", "b"] {
            world.files.write(tenant(name));
        }
        let mut options = quick();
        options.restart.window = LIMIT * 100;
        options.restart.quarantine = Duration::from_millis(1);
        let tenancy = world.process("one", options).await;
        for name in ["acme", "a", "b"] {
            tenancy.activate(&id(name)).await.unwrap();
        }
        for hangs in 1..=5 {
            // Also its neighbours: one that loads while the clock moves on for hours is idle at once.
            for name in ["acme", "a", "b"] {
                until_phase(&tenancy, name, TenantPhase::Serving).await;
            }
            hang(&tenancy, "acme").await;
            until_replaced(&world, &tenancy, 1).await;
            until_status(&tenancy, "acme", |status| status.restarts == hangs).await;
        }
        let status = until_phase(&tenancy, "acme", TenantPhase::Quarantined).await;
        assert!(status.is_served);
        let first = status.quarantined_until.unwrap();
        world.clock.advance(Duration::from_secs(1));
        until_status(&tenancy, "acme", |status| {
            status.quarantined_until.is_some_and(|later| later > first)
        })
        .await;
        for name in ["a", "b"] {
            let status = until_phase(&tenancy, name, TenantPhase::Serving).await;
            assert_eq!(status.restarts, 0, "{name}");
        }

        tenancy.release_hung();
        until(async || {
            tenancy.check_arbiters().await;
            (tenancy.metrics().threads_given_up.get() == 0).then_some(())
        })
        .await;
        until_phase(&tenancy, "acme", TenantPhase::Serving).await;
        tenancy.shutdown().await;
    });
}

#[test]
fn five_hangs_are_found_within_the_window_in_which_failures_count() {
    let options = TenancyOptions::default();
    let policy = &options.restart;
    let tolerated = u32::try_from(policy.tolerated).unwrap();
    // A heartbeat is sent up to one period after the hang began, and looked at by the period.
    let found_after = options.heartbeat_every * (options.hang_after_misses + 2);
    let waits = policy.first_wait * (2_u32.pow(tolerated - 1) - 1);
    let all = found_after * tolerated + waits;
    assert!(all < policy.window, "{all:?}");
}

#[test]
fn a_slow_database_hangs_nobody() {
    in_world(async |world| {
        let names = ["a", "b", "c", "d", "e", "f"];
        for name in names {
            world.files.write(tenant(name));
        }
        let tenancy = world.tenancy().await;
        let gate = world.files.hold();
        let waking = names.map(|name| {
            let tenancy = tenancy.clone();
            tokio::spawn(async move { tenancy.activate(&id(name)).await })
        });
        until(async || (world.files.loads().len() == names.len()).then_some(())).await;
        for _ in 0..3 {
            tenancy.check_arbiters().await;
            until(async || (tenancy.silent_arbiters().await == 0).then_some(())).await;
            world.clock.advance(LIMIT);
        }
        gate.add_permits(names.len());
        for waking in waking {
            waking.await.unwrap().unwrap();
        }
        for name in names {
            let status = until_phase(&tenancy, name, TenantPhase::Serving).await;
            assert_eq!((status.restarts, status.last_error), (0, None), "{name}");
        }
        let metrics = tenancy.metrics();
        assert_eq!(
            (metrics.threads_replaced.get(), metrics.moves.get()),
            (0, 0)
        );
        tenancy.shutdown().await;
    });
}
