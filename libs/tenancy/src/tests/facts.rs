use std::sync::Arc;
use std::time::Duration;

use insula_ambient::Clock as _;
use insula_model::GrantId;
use insula_store::{
    Change, ChangeBus as _, ChangeKind, ChangedFact, Changes, RevocationFact, RevokedGrant,
    TenantFacts,
};
use insula_testkit::NOW;
use prometheus::Registry;

use super::world::{World, found, id, in_world, quick, tenant, until, until_phase, until_status};
use crate::{Fault, Lookup, Tenancy, TenantHandle, TenantPhase};

fn grant(number: usize) -> GrantId {
    GrantId::parse(format!("g{number}")).unwrap()
}

fn facts(handle: &TenantHandle) -> Arc<TenantFacts> {
    Arc::clone(&handle.snapshot().view.effects.facts)
}

/// What a request that reads the row of a family leaves behind.
fn read(world: &World, facts: &TenantFacts, number: usize) {
    let now = world.clock.monotonic();
    let reading = facts.revocations.begin(now);
    let stands = RevocationFact(false);
    facts
        .revocations
        .keep(reading, &grant(number), &stands, now);
}

fn is_remembered(world: &World, facts: &TenantFacts, number: usize) -> bool {
    let found = facts
        .revocations
        .get(&grant(number), world.clock.monotonic());
    found.is_some()
}

fn revoking(number: usize) -> Changes {
    let revoked = RevokedGrant {
        grant: grant(number),
        until: NOW,
        event: None,
    };
    Changes {
        revoked: Some(revoked),
        ..Changes::default()
    }
}

async fn awake(tenancy: &Tenancy, name: &str) -> TenantHandle {
    let handle = tenancy.activate(&id(name)).await.unwrap();
    until_phase(tenancy, name, TenantPhase::Serving).await;
    handle
}

#[test]
fn a_tenant_that_fills_its_memory_leaves_the_hits_of_its_neighbour_alone() {
    in_world(async |world| {
        for name in ["acme", "globex"] {
            world.files.write(tenant(name));
        }
        let tenancy = world.tenancy().await;
        let acme = facts(&awake(&tenancy, "acme").await);
        let globex = facts(&awake(&tenancy, "globex").await);
        read(&world, &globex, 0);
        for number in 0..10_000 {
            read(&world, &acme, number);
        }
        assert!(is_remembered(&world, &globex, 0));
        assert!(!is_remembered(&world, &acme, 0) && is_remembered(&world, &acme, 9_999));

        let status = tenancy.status(&id("acme")).await.unwrap().remembered;
        let (own, sessions) = (status.revocations, status.sessions);
        assert_eq!((own.hits, own.misses), (1, 1));
        assert!(own.entries <= 2_000 && own.evicted >= 8_000 && own.bytes > 0);
        assert_eq!(sessions.entries, 0);
        let theirs = tenancy.status(&id("globex")).await.unwrap().remembered;
        assert_eq!(
            (theirs.revocations.hits, theirs.revocations.evicted),
            (1, 0)
        );
        tenancy.shutdown().await;
    });
}

#[test]
fn a_tenant_remembers_as_many_rows_as_its_limits_say() {
    in_world(async |world| {
        let mut spec = tenant("acme");
        spec.limits.remembered_rows = 7;
        world.files.write(spec.clone());
        let tenancy = world.tenancy().await;
        let handle = awake(&tenancy, "acme").await;
        let facts = facts(&handle);
        for number in 0..10 {
            read(&world, &facts, number);
        }
        assert_eq!(facts.usage().revocations.entries, 7);

        spec.limits.remembered_rows = 0;
        world.files.write(spec);
        tenancy.reload(Some(id("acme"))).await.unwrap();
        until(async || (handle.snapshot().epoch > 1).then_some(())).await;
        assert_eq!(facts.usage().revocations.entries, 0);
        read(&world, &facts, 0);
        assert!(!is_remembered(&world, &facts, 0));
        tenancy.shutdown().await;
    });
}

#[test]
fn a_tenant_that_falls_asleep_gives_its_memory_back_and_wakes_with_none() {
    in_world(async |world| {
        let mut spec = tenant("acme");
        spec.passivate_after = Duration::from_mins(30);
        world.files.write(spec);
        let tenancy = world.tenancy().await;
        let before = facts(&awake(&tenancy, "acme").await);
        read(&world, &before, 0);
        world.clock.advance(Duration::from_mins(31));
        assert!(tenancy.inject(&id("acme"), Fault::Tick).await);
        until(async || {
            let found = tenancy.directory().lookup("acme.test", "/");
            matches!(found, Lookup::Asleep(_)).then_some(())
        })
        .await;
        // The actor ends a moment after the tenant is not found any more.
        until(async || (before.usage().revocations.entries == 0).then_some(())).await;
        // A request that is still under way leaves nothing behind.
        read(&world, &before, 1);
        assert_eq!(before.usage().revocations.entries, 0);

        let after = facts(&awake(&tenancy, "acme").await);
        assert!(!Arc::ptr_eq(&before, &after));
        read(&world, &after, 1);
        assert!(is_remembered(&world, &after, 1));
        tenancy.shutdown().await;
    });
}

#[test]
fn an_actor_that_is_restarted_begins_with_nothing_and_the_one_before_remembers_nothing_more() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        let tenancy = world.tenancy().await;
        let handle = awake(&tenancy, "acme").await;
        let (before, first) = (facts(&handle), handle.snapshot());
        read(&world, &before, 0);
        let gate = world.files.hold();
        tenancy.inject(&id("acme"), Fault::Panic).await;
        until_status(&tenancy, "acme", |status| status.restarts == 1).await;
        // The last snapshot is served meanwhile, and its requests ask the rows.
        until(async || (!is_remembered(&world, &before, 0)).then_some(())).await;
        read(&world, &before, 0);
        assert!(!is_remembered(&world, &before, 0));

        gate.add_permits(1);
        until(async || (handle.snapshot().generation > first.generation).then_some(())).await;
        let after = facts(&handle);
        assert_eq!(after.usage().revocations.entries, 0);
        read(&world, &after, 0);

        // A request that began before the restart revokes: who asks the new actor's memory sees it.
        drop(before.changing(&revoking(0)));
        assert!(!is_remembered(&world, &after, 0));
        tenancy.shutdown().await;
    });
}

#[test]
fn what_is_revoked_in_one_process_is_forgotten_in_the_others_and_wakes_nobody() {
    in_world(async |world| {
        for name in ["acme", "globex"] {
            world.files.write(tenant(name));
        }
        let (one, two) = (
            world.process("one", quick()).await,
            world.process("two", quick()).await,
        );
        let here = facts(&awake(&one, "acme").await);
        let there = facts(&awake(&two, "acme").await);
        awake(&one, "globex").await;
        read(&world, &here, 1);
        read(&world, &there, 1);
        // Told until heard: nobody can see from outside when the listening began.
        until(async || {
            read(&world, &there, 0);
            drop(here.changing(&revoking(0)));
            (!is_remembered(&world, &there, 0)).then_some(())
        })
        .await;
        assert!(is_remembered(&world, &here, 1) && is_remembered(&world, &there, 1));

        let globex = facts(&found(&one, "globex").unwrap());
        drop(globex.changing(&revoking(0)));
        let ended = ChangedFact::Grant(grant(1));
        let word = Change {
            tenant: id("globex"),
            kind: ChangeKind::Facts(vec![ended]),
            origin: "three".to_owned(),
        };
        world.bus.publish(&word).await.unwrap();
        // Whatever came before this word was heard before it.
        until(async || {
            read(&world, &there, 2);
            drop(here.changing(&revoking(2)));
            (!is_remembered(&world, &there, 2)).then_some(())
        })
        .await;
        let asleep = two.directory().lookup("globex.test", "/");
        assert!(matches!(asleep, Lookup::Asleep(_)));
        one.shutdown().await;
        two.shutdown().await;
    });
}

#[test]
fn what_is_remembered_is_counted_over_all_tenants_without_their_names() {
    in_world(async |world| {
        for name in ["acme", "globex"] {
            world.files.write(tenant(name));
        }
        let tenancy = world.tenancy().await;
        let registry = Registry::new();
        tenancy.metrics().register(&registry).unwrap();
        for name in ["acme", "globex"] {
            let facts = facts(&awake(&tenancy, name).await);
            read(&world, &facts, 0);
            assert!(is_remembered(&world, &facts, 0) && !is_remembered(&world, &facts, 1));
        }
        let value = |name: &str, labels: &[&str]| {
            let families = registry.gather();
            let family = families.iter().find(|family| family.name() == name);
            let metrics = family.unwrap().get_metric().iter();
            let mut found = metrics.filter(|metric| {
                let own = metric.get_label().iter();
                let own: Vec<_> = own.map(prometheus::proto::LabelPair::value).collect();
                labels.iter().all(|label| own.contains(label))
            });
            let metric = found.next().unwrap();
            let (counter, gauge) = (metric.get_counter(), metric.get_gauge());
            counter.get_value() + gauge.get_value()
        };
        let lookups = "insula_remembered_rows_lookups_total";
        for _ in 0..2 {
            assert!((value(lookups, &["revocations", "yes"]) - 2.0).abs() < 0.1);
            assert!((value(lookups, &["revocations", "no"]) - 2.0).abs() < 0.1);
        }
        assert!((value("insula_remembered_rows", &["revocations"]) - 2.0).abs() < 0.1);
        assert!(value("insula_remembered_rows_bytes", &["revocations"]) > 100.0);
        assert!(value("insula_remembered_rows", &["sessions"]).abs() < 0.1);
        tenancy.shutdown().await;
    });
}
