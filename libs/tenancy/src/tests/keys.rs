use std::sync::Arc;
use std::time::Duration;

use insula_ambient::{Clock as _, SystemEntropy};
use insula_jose::{MasterKey, Phase, SealedKeyRing};
use insula_store::{Durable as _, KeySwap, PlacedEvent, SealedKeys};

use super::world::{World, id, in_world, quick, tenant, until, until_status};
use crate::{Fault, Tenancy, TenancyOptions, TenantHandle, TenantPhase};

fn kids(handle: &TenantHandle) -> Vec<String> {
    let snapshot = handle.snapshot();
    let keys = snapshot.view.keys.keys().iter();
    keys.map(|key| key.kid().as_str().to_owned()).collect()
}

fn active(handle: &TenantHandle) -> String {
    let snapshot = handle.snapshot();
    let mut keys = snapshot.view.keys.keys().iter();
    let active = keys.find(|key| matches!(key.phase(), Phase::Active { .. }));
    active.unwrap().kid().as_str().to_owned()
}

async fn tick(tenancies: &[&Tenancy]) {
    for tenancy in tenancies {
        tenancy.inject(&id("acme"), Fault::Tick).await;
    }
}

/// What is told of the keys.
async fn told(world: &World) -> Vec<String> {
    let store = world.store.tenant(&id("acme"));
    let events = store.events_after(0, 100).await.unwrap();
    let kind = |placed: PlacedEvent| serde_json::to_value(placed.event).unwrap()["kind"].clone();
    let kinds = events.into_iter().map(kind);
    kinds
        .filter_map(|kind| kind.as_str().map(str::to_owned))
        .collect()
}

/// Polls often by the clock, which only the test changes.
fn polling() -> TenancyOptions {
    TenancyOptions {
        poll_every: Duration::from_hours(1),
        ..quick()
    }
}

#[test]
fn two_processes_that_wake_and_rotate_at_once_serve_the_same_keys() {
    in_world(async |world| {
        let mut spec = tenant("acme");
        spec.passivate_after = Duration::ZERO;
        spec.signer.algorithms = vec!["ES256".into(), "EdDSA".into()];
        world.files.write(spec);
        let one = world.process("one", polling()).await;
        let two = world.process("two", polling()).await;
        let acme = id("acme");
        let (a, b) = tokio::join!(one.activate(&acme), two.activate(&acme));
        let (a, b) = (a.unwrap(), b.unwrap());
        until(async || (kids(&a) == kids(&b)).then_some(())).await;
        assert_eq!(kids(&a).len(), 2, "both algorithms have a key that signs");
        let statuses = one.status(&id("acme")).await.unwrap().keys;
        assert!(
            statuses
                .iter()
                .all(|key| matches!(key.phase, Phase::Active { .. }))
        );

        let first = active(&a);
        // A day before the thirtieth the next keys are announced.
        world.clock.advance(Duration::from_hours(24 * 29));
        tick(&[&one, &two]).await;
        until(async || (kids(&a).len() == 4 && kids(&a) == kids(&b)).then_some(())).await;
        assert_eq!(active(&a), first, "announced keys sign nothing yet");

        world.clock.advance(Duration::from_hours(24));
        tick(&[&one, &two]).await;
        until(async || (active(&a) != first && kids(&a) == kids(&b)).then_some(())).await;
        assert_eq!(kids(&a).len(), 4, "the former keys are published on");

        world.clock.advance(Duration::from_hours(24));
        tick(&[&one, &two]).await;
        until(async || (kids(&a).len() == 2 && kids(&a) == kids(&b)).then_some(())).await;
        assert!(!kids(&a).contains(&first));
        assert_eq!(
            told(&world).await,
            [
                "key_promoted",
                "key_promoted",
                "key_announced",
                "key_announced",
                "key_promoted",
                "key_promoted",
                "key_retired",
                "key_retired",
            ],
            "by the process that was faster, each once"
        );
        let ring = one.status(&id("acme")).await.unwrap();
        assert_eq!(ring.last_error, None);
        one.shutdown().await;
        two.shutdown().await;
    });
}

#[test]
fn keys_outlive_the_process() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        let one = world.process("one", quick()).await;
        let before = kids(&one.activate(&id("acme")).await.unwrap());
        one.shutdown().await;
        let two = world.process("two", quick()).await;
        assert_eq!(kids(&two.activate(&id("acme")).await.unwrap()), before);
        two.shutdown().await;
    });
}

#[test]
fn under_another_master_key_a_tenant_does_not_load_and_its_keys_are_left_alone() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        let one = world.process("one", quick()).await;
        one.activate(&id("acme")).await.unwrap();
        one.shutdown().await;
        let store = world.store.tenant(&id("acme"));
        let sealed = store.load_keys().await.unwrap();

        let mut other = world.clone();
        other.master_key = Arc::new(MasterKey::generate(&SystemEntropy));
        let two = other.process("two", quick()).await;
        assert!(two.activate(&id("acme")).await.is_err());
        let status = two.status(&id("acme")).await.unwrap();
        assert_eq!(status.phase, TenantPhase::Quarantined);
        let said = status.last_error.unwrap();
        assert!(said.contains("master key"), "{said}");
        assert_eq!(store.load_keys().await.unwrap(), sealed);
        two.shutdown().await;
    });
}

#[test]
fn keys_are_announced_no_shorter_than_clients_may_keep_a_jwk_set() {
    in_world(async |world| {
        let mut spec = tenant("acme");
        spec.signer.publish_ahead = Duration::ZERO;
        world.files.write(spec);
        let tenancy = world.tenancy().await;
        let handle = tenancy.activate(&id("acme")).await.unwrap();
        let snapshot = handle.snapshot();
        assert_eq!(snapshot.view.rotation.publish_ahead, snapshot.jwks_max_age);
        let longest = snapshot.view.spec.expiry.id_tokens;
        assert!(snapshot.view.rotation.keep_retired_for > longest + snapshot.jwks_max_age);
        tenancy.shutdown().await;
    });
}

#[test]
fn an_algorithm_nobody_offers_is_no_configuration() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        let tenancy = world.tenancy().await;
        tenancy.activate(&id("acme")).await.unwrap();
        let mut spec = tenant("acme");
        spec.signer.algorithms = vec!["HS256".into()];
        world.files.write(spec);
        tenancy.rescan().await.unwrap();
        let status = until_status(&tenancy, "acme", |status| status.last_error.is_some()).await;
        assert!(status.last_error.unwrap().contains("HS256"));
        let now = world.clock.now();
        let snapshot = tenancy.activate(&id("acme")).await.unwrap().snapshot();
        let alg = insula_jose::Alg::ES256;
        assert!(
            snapshot
                .view
                .keys
                .signing_key_at(alg, now, &snapshot.view.rotation)
                .is_ok()
        );
        tenancy.shutdown().await;
    });
}

#[test]
fn a_dex_tenant_wakes_with_an_rsa_key() {
    in_world(async |world| {
        let spec = insula_testkit::a_tenant()
            .dex()
            .at("globex", "https://globex.test/dex");
        world.files.write(spec.build());
        let tenancy = world.tenancy().await;
        let handle = tenancy.activate(&id("globex")).await.unwrap();
        let snapshot = handle.snapshot();
        let jwks = String::from_utf8(snapshot.jwks_json.to_vec()).unwrap();
        assert!(
            jwks.contains(r#""alg": "RS256""#),
            "indented as dex does: {jwks}"
        );
        let looked = tenancy.directory().lookup("globex.test", "/dex/token");
        assert!(matches!(looked, crate::Lookup::Awake(_)), "{looked:?}");
        tenancy.shutdown().await;
    });
}

/// The ring of a tenant as another process stores it that nobody hears of.
async fn changed_elsewhere(world: &World, name: &str) {
    let store = world.store.tenant(&id(name));
    let stored = store.load_keys().await.unwrap().unwrap();
    let ring = SealedKeyRing::open(&stored.sealed, &world.master_key, name).unwrap();
    let sealed = SealedKeyRing::seal(&ring, &world.master_key, name, &SystemEntropy);
    let next = SealedKeys {
        version: stored.version + 1,
        sealed: sealed.unwrap(),
    };
    let swapped = store
        .swap_keys(Some(stored.version), &next, &[])
        .await
        .unwrap();
    assert_eq!(swapped, KeySwap::Swapped);
}

#[test]
fn keys_changed_without_word_are_found_for_all_tenants_at_once_and_loaded_for_those_alone() {
    const TENANTS: usize = 50;
    in_world(async |world| {
        let name = |n: usize| format!("t{n}");
        for n in 0..TENANTS {
            world.files.write(tenant(&name(n)));
        }
        let tenancy = world.tenancy().await;
        let mut handles = Vec::new();
        for n in 0..TENANTS {
            handles.push(tenancy.activate(&id(&name(n))).await.unwrap());
        }
        let found = || tenancy.metrics().keys_found_changed.get();
        tenancy.poll_keys().await;
        changed_elsewhere(&world, "t7").await;
        changed_elsewhere(&world, "t9").await;
        // Who polls while a poll is under way waits for that one.
        until(async || {
            tenancy.poll_keys().await;
            let are_new = [7, 9].map(|n: usize| handles[n].snapshot().keys_version == 2);
            (are_new == [true, true]).then_some(())
        })
        .await;
        assert!(found() >= 2, "{}", found());
        for (n, handle) in handles.iter().enumerate() {
            let snapshot = handle.snapshot();
            let epochs = if [7, 9].contains(&n) { 2 } else { 1 };
            assert_eq!((n, snapshot.epoch), (n, epochs));
        }
        tenancy.shutdown().await;
    });
}

#[test]
fn a_ring_that_is_not_stored_counts_as_changed() {
    in_world(async |world| {
        world.files.write(tenant("acme"));
        let tenancy = world.tenancy().await;
        let handle = tenancy.activate(&id("acme")).await.unwrap();
        let version = handle.snapshot().keys_version;
        let known = [(id("acme"), version), (id("gone"), 1)];
        let (outdated, answered) = crate::key_versions::outdated(&world.store, &known).await;
        assert_eq!((outdated, answered.is_ok()), (vec![id("gone")], true));
        tenancy.shutdown().await;
    });
}
