use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use insula_model::ConnectorId;
use insula_store::{Change, ChangeBus as _, ChangeKind, Durable as _, LastGoodDocuments as _};
use insula_testkit::{a_connector, a_tenant};

use super::world::{found, id, in_world, quick, tenant, until, until_phase, until_status};
use crate::{Fault, Lookup, TenancyOptions, TenantHandle, TenantPhase, TenantStatus};

#[test]
fn a_sleeping_tenant_is_woken_by_who_asks_first_and_found_awake_by_the_next() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        world.files.write(tenant("neighbour"));
        let tenancy = world.tenancy().await;
        let looked = tenancy.directory().lookup("ACME.test:443", "/auth");
        assert!(matches!(looked, Lookup::Asleep(_)), "{looked:?}");
        assert!(matches!(
            tenancy.directory().lookup("other.test", "/"),
            Lookup::Unknown
        ));

        let handle = tenancy.activate(&id("acme")).await.unwrap();
        let snapshot = handle.snapshot();
        let discovery = String::from_utf8(snapshot.discovery_json().to_vec()).unwrap();
        assert!(
            discovery.contains(r#""issuer":"https://acme.test""#),
            "{discovery}"
        );
        let jwks = String::from_utf8(snapshot.jwks_json.to_vec()).unwrap();
        assert!(jwks.contains(r#""alg":"ES256""#), "{jwks}");
        assert_eq!((snapshot.epoch, snapshot.fingerprint.as_ref()), (1, "1"));
        assert!(found(&tenancy, "acme").is_some());

        let status = tenancy.status(&id("acme")).await.unwrap();
        assert_eq!(status.phase, TenantPhase::Serving);
        assert_eq!(status.issuer.as_deref(), Some("https://acme.test"));
        assert_eq!(status.keys.len(), 1);
        assert_eq!(status.connectors.len(), 1);
        assert!(
            serde_json::to_string(&status)
                .unwrap()
                .contains(r#""phase":"serving""#)
        );
        assert_eq!(tenancy.status(&id("nobody")).await, None);
        tenancy.shutdown().await;
    });
}

#[test]
fn a_hundred_who_ask_at_once_share_one_load() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        let tenancy = world.tenancy().await;
        let gate = world.files.hold();
        let asked: Vec<_> = (0..100)
            .map(|_| {
                let tenancy = tenancy.clone();
                tokio::spawn(async move { tenancy.activate(&id("acme")).await.unwrap() })
            })
            .collect();
        until(async || (!world.files.loads().is_empty()).then_some(())).await;
        gate.add_permits(100);
        let mut generations = Vec::new();
        for asked in asked {
            generations.push(asked.await.unwrap().snapshot().generation);
        }
        generations.dedup();
        assert_eq!((generations.len(), world.files.loads().len()), (1, 1));
        tenancy.shutdown().await;
    });
}

#[test]
fn who_waits_too_long_is_told_to_come_again_and_the_waking_goes_on() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        let gate = world.files.hold();
        let hasty = TenancyOptions {
            activation_timeout: Duration::ZERO,
            ..quick()
        };
        let tenancy = world.process("one", hasty).await;
        let refused = tenancy.activate(&id("acme")).await.unwrap_err();
        assert!(refused.retry_after >= Duration::from_secs(1));
        gate.add_permits(1);
        until(async || found(&tenancy, "acme")).await;
        assert_eq!(world.files.loads(), ["acme"]);
        tenancy.shutdown().await;
    });
}

#[test]
fn a_tenant_is_woken_although_who_asked_left_before_the_router_heard_of_it() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        let tenancy = world.tenancy().await;
        let acme = id("acme");
        assert!(tenancy.activate(&acme).now_or_never().is_none());
        until(async || found(&tenancy, "acme")).await;
        assert_eq!(world.files.loads(), ["acme"]);
        tenancy.shutdown().await;
    });
}

#[test]
fn an_idle_tenant_falls_asleep_and_wakes_as_another_generation() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        let tenancy = world.tenancy().await;
        let in_flight = tenancy.activate(&id("acme")).await.unwrap();

        world.clock.advance(Duration::from_mins(29));
        in_flight.touch(insula_ambient::Clock::monotonic(&world.clock));
        world.clock.advance(Duration::from_mins(29));
        assert!(tenancy.inject(&id("acme"), Fault::Tick).await);
        let status = tenancy.status(&id("acme")).await.unwrap();
        assert_eq!(status.phase, TenantPhase::Serving, "somebody came");

        world.clock.advance(Duration::from_mins(2));
        tenancy.inject(&id("acme"), Fault::Tick).await;
        until_phase(&tenancy, "acme", TenantPhase::Asleep).await;
        until(async || found(&tenancy, "acme").is_none().then_some(())).await;
        assert_eq!(
            in_flight.snapshot().generation,
            1,
            "requests keep what they have"
        );

        let again = tenancy.activate(&id("acme")).await.unwrap();
        assert!(again.snapshot().generation > 1);
        assert_eq!(
            again.snapshot().view.keys.jwks_json(),
            in_flight.snapshot().view.keys.jwks_json()
        );
        tenancy.shutdown().await;
    });
}

#[test]
fn a_bad_reload_keeps_the_good_configuration_and_says_why() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        let tenancy = world.tenancy().await;
        let handle = tenancy.activate(&id("acme")).await.unwrap();

        world.files.spoil("acme", "line 3: it is broken");
        let report = tenancy.rescan().await.unwrap();
        assert_eq!((report.changed, report.left), (1, 0));
        let status = until_status(&tenancy, "acme", |status| status.last_error.is_some()).await;
        assert!(status.last_error.unwrap().contains("line 3"));
        assert_eq!(handle.snapshot().fingerprint.as_ref(), "1");
        assert!(found(&tenancy, "acme").is_some());

        let mut mended = tenant("acme");
        mended.limits.requests = Some(insula_model::Rate {
            count: 1,
            per: Duration::from_secs(1),
        });
        world.files.write(mended);
        tenancy.rescan().await.unwrap();
        until_status(&tenancy, "acme", |status| status.last_error.is_none()).await;
        assert_eq!(handle.snapshot().fingerprint.as_ref(), "3");
        let now = insula_ambient::Clock::monotonic(&world.clock);
        assert!(handle.limits().admit(None, now).is_ok());
        assert!(
            handle.limits().admit(None, now).is_err(),
            "budgets follow the file"
        );
        tenancy.shutdown().await;
    });
}

#[test]
fn a_tenant_that_slept_while_its_file_turned_bad_wakes_on_the_last_good_one_and_says_why() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        let tenancy = world.tenancy().await;
        tenancy.activate(&id("acme")).await.unwrap();
        world.clock.advance(Duration::from_mins(31));
        tenancy.inject(&id("acme"), Fault::Tick).await;
        until_phase(&tenancy, "acme", TenantPhase::Asleep).await;
        // The process forgets what sleeps; the database keeps what it said.
        until(async || world.store.last_good(&id("acme")).await.unwrap()).await;

        world.files.spoil("acme", "line 3: it is broken");
        tenancy.rescan().await.unwrap();
        let handle = tenancy.activate(&id("acme")).await.unwrap();
        assert_eq!(handle.snapshot().fingerprint.as_ref(), "document 0");
        let status = until_status(&tenancy, "acme", |status| status.last_error.is_some()).await;
        assert!(status.last_error.unwrap().contains("line 3"));
        tenancy.shutdown().await;
    });
}

#[test]
fn unreadable_colours_are_no_configuration() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        let tenancy = world.tenancy().await;
        tenancy.activate(&id("acme")).await.unwrap();
        let mut spec = tenant("acme");
        spec.frontend.light.insert("accent".into(), "mauve".into());
        world.files.write(spec);
        tenancy.rescan().await.unwrap();
        let status = until_status(&tenancy, "acme", |status| status.last_error.is_some()).await;
        assert!(status.last_error.unwrap().contains("colors.light.accent"));
        assert_eq!(status.fingerprint.as_deref(), Some("1"));
        tenancy.shutdown().await;
    });
}

#[test]
fn a_connector_that_cannot_open_is_marked_and_only_changed_ones_are_opened_anew() {
    in_world(async |world| {
        let mut spec = tenant("acme");
        spec.connectors = ["a", "b", "c"].map(|id| Arc::new(a_connector(id))).into();
        world.files.write(spec.clone());
        world.upstreams.broken.lock().unwrap().insert("c".into());
        let tenancy = world.tenancy().await;
        let handle = tenancy.activate(&id("acme")).await.unwrap();
        let status = tenancy.status(&id("acme")).await.unwrap();
        let problems: Vec<_> = status
            .connectors
            .iter()
            .map(|c| c.problem.clone())
            .collect();
        assert_eq!(problems, [None, None, Some("it is broken".to_owned())]);
        let opened_of_a = |handle: &TenantHandle| {
            let snapshot = handle.snapshot();
            let a = snapshot
                .view
                .connectors
                .get(&ConnectorId::parse("a").unwrap());
            a.unwrap().opened.clone().unwrap()
        };
        let before = opened_of_a(&handle);

        world.upstreams.broken.lock().unwrap().clear();
        Arc::make_mut(&mut spec.connectors[1]).name = "another name".into();
        world.files.write(spec);
        tenancy.rescan().await.unwrap();
        until(async || (&*handle.snapshot().fingerprint == "2").then_some(())).await;
        let mut opened = world.upstreams.opened()[3..].to_vec();
        opened.sort();
        assert_eq!(
            opened,
            ["b", "c"],
            "the changed one, and the one that could not open"
        );
        let after = opened_of_a(&handle);
        assert!(Arc::ptr_eq(&before, &after));
        tenancy.shutdown().await;
    });
}

#[test]
fn a_connector_that_could_not_open_is_opened_once_it_can_without_a_reload() {
    in_world(async |world| {
        let mut spec = tenant("acme");
        spec.connectors = ["a", "c"].map(|id| Arc::new(a_connector(id))).into();
        world.files.write(spec);
        world.upstreams.broken.lock().unwrap().insert("c".into());
        let tenancy = world.tenancy().await;
        let handle = tenancy.activate(&id("acme")).await.unwrap();
        let is_open = |handle: &TenantHandle| {
            let snapshot = handle.snapshot();
            let all = snapshot.view.connectors.iter();
            all.map(|one| one.opened.is_ok()).collect::<Vec<_>>()
        };
        assert_eq!(is_open(&handle), [true, false], "it serves meanwhile");
        world.clock.advance(Duration::from_secs(10));
        tenancy.inject(&id("acme"), Fault::Tick).await;
        until(async || (world.upstreams.opened().len() == 3).then_some(())).await;
        assert_eq!(is_open(&handle), [true, false]);

        world.upstreams.broken.lock().unwrap().clear();
        until(async || {
            world.clock.advance(Duration::from_secs(20));
            tenancy.inject(&id("acme"), Fault::Tick).await;
            is_open(&handle).iter().all(|open| *open).then_some(())
        })
        .await;
        let opened = world.upstreams.opened();
        assert_eq!(
            opened.iter().filter(|id| *id == "a").count(),
            1,
            "{opened:?}"
        );
        let status = tenancy.status(&id("acme")).await.unwrap();
        assert!(
            status
                .connectors
                .iter()
                .all(|one| one.available && one.problem.is_none())
        );
        assert_eq!(world.files.loads().len(), 1);
        tenancy.shutdown().await;
    });
}

#[test]
fn a_removed_tenant_is_gone_and_a_new_one_appears() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        world.files.write(tenant("neighbour"));
        let tenancy = world.tenancy().await;
        let handle = tenancy.activate(&id("acme")).await.unwrap();
        world.files.remove("acme");
        world.files.write(tenant("globex"));
        let report = tenancy.rescan().await.unwrap();
        assert_eq!((report.tenants, report.arrived, report.left), (2, 1, 1));
        assert!(matches!(
            tenancy.directory().lookup("acme.test", "/"),
            Lookup::Unknown
        ));
        assert!(matches!(
            tenancy.directory().lookup("globex.test", "/"),
            Lookup::Asleep(_)
        ));
        assert_eq!(handle.snapshot().epoch, 1, "requests under way end well");
        assert_eq!(tenancy.status(&id("acme")).await, None);
        assert!(tenancy.activate(&id("acme")).await.is_err());
        tenancy.shutdown().await;
    });
}

#[test]
fn word_of_another_process_reloads_and_word_of_our_own_does_not() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        let tenancy = world.tenancy().await;
        tenancy.activate(&id("acme")).await.unwrap();
        let word = |origin: &str| Change {
            tenant: id("acme"),
            kind: ChangeKind::Spec,
            origin: origin.to_owned(),
        };
        // Published until heard: nobody can tell from outside when the listening began.
        until(async || {
            world.bus.publish(&word("one")).await.unwrap();
            world.bus.publish(&word("two")).await.unwrap();
            (world.files.loads().len() > 1).then_some(())
        })
        .await;
        tenancy.shutdown().await;
    });
}

#[test]
fn ten_thousand_tenants_are_registered_without_loading_one() {
    in_world(async |world| {
        for n in 0..10_000 {
            world.files.write(tenant(&format!("t{n}")));
        }
        let tenancy = world.tenancy().await;
        assert!(matches!(
            tenancy.directory().lookup("t9999.test", "/"),
            Lookup::Asleep(_)
        ));
        assert_eq!(tenancy.metrics().registered.get(), 10_000);
        assert_eq!(world.files.loads(), Vec::<String>::new());
        assert_eq!(tenancy.statuses().await.len(), 10_000);
        tenancy.activate(&id("t5000")).await.unwrap();
        assert_eq!(world.files.loads(), ["t5000"]);
        tenancy.shutdown().await;
    });
}

#[test]
fn with_boot_all_everybody_wakes_unasked() {
    in_world(async |world| {
        for name in ["acme", "globex"] {
            world.files.write(tenant(name));
        }
        let options = TenancyOptions {
            boot_all: true,
            ..quick()
        };
        let tenancy = world.process("one", options).await;
        for name in ["acme", "globex"] {
            until(async || found(&tenancy, name)).await;
        }
        tenancy.shutdown().await;
    });
}

#[test]
fn beyond_the_limit_those_unused_for_longest_sleep() {
    in_world(async |world| {
        for n in 0..4 {
            world.files.write(tenant(&format!("t{n}")));
        }
        let options = TenancyOptions {
            max_awake: 2,
            ..quick()
        };
        let tenancy = world.process("one", options).await;
        for n in 0..4 {
            world.clock.advance(Duration::from_secs(1));
            tenancy.activate(&id(&format!("t{n}"))).await.unwrap();
        }
        until_phase(&tenancy, "t0", TenantPhase::Asleep).await;
        until_phase(&tenancy, "t1", TenantPhase::Asleep).await;
        for name in ["t2", "t3"] {
            let status = tenancy.status(&id(name)).await.unwrap();
            assert_eq!(status.phase, TenantPhase::Serving, "{name}");
        }
        tenancy.shutdown().await;
    });
}

#[test]
fn after_shutdown_nobody_is_woken_and_snapshots_stay_good() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        world.files.write(tenant("globex"));
        let tenancy = world.tenancy().await;
        let handle = tenancy.activate(&id("acme")).await.unwrap();
        tenancy.shutdown().await;
        assert!(tenancy.activate(&id("globex")).await.is_err());
        assert_eq!(handle.snapshot().epoch, 1);
        assert!(tenancy.rescan().await.is_err());
    });
}

#[test]
fn a_folder_made_again_under_another_issuer_inherits_nothing_until_it_is_adopted() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        let tenancy = world.tenancy().await;
        let first = tenancy.activate(&id("acme")).await.unwrap();
        let keys = first.snapshot().jwks_json.clone();
        world.files.remove("acme");
        tenancy.rescan().await.unwrap();

        let other = a_tenant().at("acme", "https://acme-two.test").build();
        world.files.write(other);
        tenancy.rescan().await.unwrap();
        assert!(tenancy.activate(&id("acme")).await.is_err());
        let told = |status: &TenantStatus| status.last_error.is_some();
        let status = until_status(&tenancy, "acme", told).await;
        let told = status.last_error.unwrap();
        for word in [
            "https://acme-two.test",
            "https://acme.test",
            "insula adopt acme",
            "another name",
        ] {
            assert!(told.contains(word), "{word}: {told}");
        }
        assert!(!status.is_served);

        let store = world.store.tenant(&id("acme"));
        store.adopt("https://acme-two.test").await.unwrap();
        tenancy.reload(Some(id("acme"))).await.unwrap();
        tenancy.revive(&id("acme"));
        let back = until(async || tenancy.activate(&id("acme")).await.ok()).await;
        assert_eq!(back.snapshot().jwks_json, keys);
        tenancy.shutdown().await;
    });
}

#[test]
fn a_folder_made_again_under_its_issuer_goes_on_and_its_return_is_noted() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        let tenancy = world.tenancy().await;
        let keys = tenancy.activate(&id("acme")).await.unwrap();
        let keys = keys.snapshot().jwks_json.clone();
        let store = world.store.tenant(&id("acme"));
        let owner = async || store.claim("https://nobody.test").await.unwrap();
        world.files.remove("acme");
        tenancy.rescan().await.unwrap();
        until(async || owner().await.left_at).await;

        world.files.write(tenant("acme"));
        tenancy.rescan().await.unwrap();
        let back = tenancy.activate(&id("acme")).await.unwrap();
        assert_eq!(back.snapshot().jwks_json, keys);
        assert_eq!(owner().await.left_at, None);
        assert_eq!(owner().await.issuer, "https://acme.test");
        tenancy.shutdown().await;
    });
}

#[test]
fn a_tenant_that_is_served_serves_on_as_it_was_when_its_file_names_another_issuer() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        let tenancy = world.tenancy().await;
        tenancy.activate(&id("acme")).await.unwrap();
        world
            .files
            .write(a_tenant().at("acme", "https://acme-two.test").build());
        tenancy.rescan().await.unwrap();
        let told = |status: &TenantStatus| status.last_error.is_some();
        let status = until_status(&tenancy, "acme", told).await;
        assert_eq!(status.issuer.as_deref(), Some("https://acme.test"));
        assert!(status.last_error.unwrap().contains("insula adopt acme"));
        tenancy.shutdown().await;
    });
}
