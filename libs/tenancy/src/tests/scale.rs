use std::time::Duration;

use super::world::{found, id, in_world, quick, tenant, until, until_phase, until_status};
use crate::{Fault, TenancyOptions, TenantPhase};

/// Enough that a look at all of them for each would be seen.
const TENANTS: usize = 200;

fn name(number: usize) -> String {
    format!("t{number}")
}

#[test]
fn nothing_that_happens_to_one_tenant_makes_the_supervisor_look_at_all() {
    in_world(async |world| {
        for n in 0..TENANTS {
            world.files.write(tenant(&name(n)));
        }
        let tenancy = world.tenancy().await;
        for n in 0..TENANTS {
            tenancy.activate(&id(&name(n))).await.unwrap();
        }
        assert_eq!(tenancy.scans().await, 0, "waking");

        let handle = tenancy.activate(&id("t7")).await.unwrap();
        let before = handle.snapshot().generation;
        tenancy.inject(&id("t7"), Fault::Panic).await;
        until_status(&tenancy, "t7", |status| status.restarts == 1).await;
        until(async || (handle.snapshot().generation > before).then_some(())).await;
        assert_eq!(tenancy.scans().await, 0, "a failure");

        world.files.write(tenant("t8"));
        world.files.remove("t9");
        tenancy.rescan().await.unwrap();
        let reloaded = || found(&tenancy, "t8").map(|handle| handle.snapshot().fingerprint.clone());
        until(async || (reloaded().as_deref() == Some("2")).then_some(())).await;
        assert_eq!(tenancy.scans().await, 0, "a reload and a tenant that goes");

        world.clock.advance(Duration::from_mins(31));
        tenancy.inject(&id("t10"), Fault::Tick).await;
        until_phase(&tenancy, "t10", TenantPhase::Asleep).await;
        tenancy.check_arbiters().await;
        assert_eq!(tenancy.scans().await, 0, "passivation and heartbeats");
        let metrics = tenancy.metrics();
        let awake = i64::try_from(TENANTS).unwrap() - 2;
        assert_eq!((metrics.awake.get(), metrics.quarantined.get()), (awake, 0));
        tenancy.shutdown().await;
    });
}

#[test]
fn a_look_among_many_tenants_hears_of_those_that_changed_and_of_no_other() {
    in_world(async |world| {
        for n in 0..TENANTS {
            world.files.write(tenant(&name(n)));
        }
        let tenancy = world.tenancy().await;
        let all = u64::try_from(TENANTS).unwrap();
        assert_eq!(world.files.asked(), [(0, TENANTS)]);
        let report = tenancy.rescan().await.unwrap();
        assert_eq!(world.files.asked(), [(all, 0)]);
        assert_eq!((report.tenants, report.changed), (TENANTS, 0));
        world.files.write(tenant("t8"));
        world.files.remove("t9");
        world.files.write(tenant("new"));
        let report = tenancy.rescan().await.unwrap();
        assert_eq!(world.files.asked(), [(all, 3)]);
        let seen = (report.tenants, report.arrived, report.left, report.changed);
        assert_eq!(seen, (TENANTS, 1, 1, 1));
        tenancy.rescan().await.unwrap();
        assert_eq!(world.files.asked(), [(all + 3, 0)]);
        tenancy.shutdown().await;
    });
}

#[test]
fn tenants_beyond_the_limit_cost_a_look_at_all_once_for_a_sixteenth_of_them() {
    in_world(async |world| {
        const LIMIT: usize = 64;
        for n in 0..TENANTS {
            world.files.write(tenant(&name(n)));
        }
        let options = TenancyOptions {
            max_awake: LIMIT,
            ..quick()
        };
        let tenancy = world.process("one", options).await;
        // While none is awake yet, there is nobody to put to sleep.
        let gate = world.files.hold();
        let waking: Vec<_> = (0..TENANTS)
            .map(|n| {
                let tenancy = tenancy.clone();
                tokio::spawn(async move { tenancy.activate(&id(&name(n))).await })
            })
            .collect();
        until(async || {
            let awake = tenancy.metrics().awake.get();
            (awake == i64::try_from(TENANTS).unwrap()).then_some(())
        })
        .await;
        let beyond = TENANTS - LIMIT;
        let looks = tenancy.scans().await;
        assert!(looks <= beyond / (LIMIT / 16) + 1, "{looks} looks");
        gate.add_permits(2 * TENANTS);
        for waking in waking {
            waking.await.unwrap().unwrap();
        }
        until(async || {
            let awake = tenancy.metrics().awake.get();
            (awake <= i64::try_from(LIMIT).unwrap()).then_some(())
        })
        .await;
        tenancy.shutdown().await;
    });
}
