use std::sync::Arc;
use std::time::Duration;

use insula_ambient::{Clock as _, SystemEntropy};
use insula_jose::{Alg, KeyRing, MasterKey, Phase, SealedKeyRing};
use insula_store::{Durable as _, KeySwap, PlacedEvent, SealedKeys};

use super::world::{World, id, in_world, quick, tenant, until, until_status};
use crate::tenant::rotation::make_key;
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

/// Asks for a tenant's RS256 key, as a token does that is to be signed with it.
async fn ask(handle: &TenantHandle) -> Arc<KeyRing> {
    let view = handle.snapshot().view.clone();
    let ring = view.effects.promised_keys.ring_with(Alg::RS256).await;
    ring.expect("the key is made in time")
}

#[test]
fn the_first_tenant_that_promises_an_rsa_key_has_one_made_before_it_is_asked_for() {
    in_world(async |world| {
        let mut spec = tenant("acme");
        spec.signer.algorithms = vec!["ES256".into()];
        world.files.write(spec.clone());
        let tenancy = world.process("one", quick()).await;
        tenancy.activate(&id("acme")).await.unwrap();
        assert_eq!(
            tenancy.runtime().spare_keys.ready(),
            None,
            "nobody will need one"
        );
        spec.id = id("globex");
        spec.issuer = tenant("globex").issuer;
        spec.signer.algorithms = vec!["RS256".into(), "ES256".into()];
        world.files.write(spec);
        tenancy.rescan().await.unwrap();
        tenancy.activate(&id("globex")).await.unwrap();
        until(async || {
            tenancy
                .runtime()
                .spare_keys
                .ready()
                .filter(|ready| *ready == 1)
        })
        .await;
        tenancy.shutdown().await;
    });
}

#[test]
fn an_rsa_key_is_made_once_for_all_processes_when_somebody_asks_for_it_and_published_then() {
    in_world(async |world| {
        let mut spec = tenant("acme");
        spec.signer.algorithms = vec!["RS256".into(), "ES256".into()];
        world.files.write(spec);
        let one = world.process("one", quick()).await;
        let two = world.process("two", quick()).await;
        let acme = id("acme");
        let (a, b) = tokio::join!(one.activate(&acme), two.activate(&acme));
        let (a, b) = (a.unwrap(), b.unwrap());
        for handle in [&a, &b] {
            let snapshot = handle.snapshot();
            assert_eq!(snapshot.view.keys.promised(), [Alg::RS256]);
            assert_eq!(kids(handle).len(), 1, "only what signs fast is there");
            let discovery = String::from_utf8(snapshot.discovery_json().to_vec()).unwrap();
            assert!(discovery.contains(r#"["RS256","ES256"]"#), "{discovery}");
        }

        let rings = tokio::join!(ask(&a), ask(&b), ask(&a), ask(&b));
        let names = |ring: &Arc<KeyRing>| ring.jwks_json();
        assert_eq!(names(&rings.0), names(&rings.1), "one of them made it");
        assert_eq!(names(&rings.0), names(&rings.2));
        assert_eq!(names(&rings.1), names(&rings.3));
        for handle in [&a, &b] {
            let snapshot = handle.snapshot();
            assert_eq!(snapshot.view.keys.promised(), []);
            assert_eq!(kids(handle).len(), 2);
            assert_eq!(
                snapshot.jwks_json,
                names(&rings.0),
                "it is published before it signs"
            );
        }
        // Whoever pinned an older snapshot is told as well.
        assert_eq!(names(&ask(&a).await), names(&rings.0));
        assert_eq!(told(&world).await, ["key_promoted", "key_promoted"]);
        one.shutdown().await;
        two.shutdown().await;
    });
}

#[test]
fn a_key_that_cannot_be_stored_is_refused_to_whoever_waits_and_made_for_who_asks_again() {
    in_world(async |world| {
        let mut spec = tenant("acme");
        spec.signer.algorithms = vec!["RS256".into(), "ES256".into()];
        world.files.write(spec);
        let tenancy = world.tenancy().await;
        let handle = tenancy.activate(&id("acme")).await.unwrap();
        let store = world.store.tenant(&id("acme"));
        let stored = store.load_keys().await.unwrap().unwrap();
        // What is stored is no ring any more.
        let spoiled = SealedKeys {
            version: stored.version + 1,
            sealed: b"nonsense".to_vec(),
        };
        store
            .swap_keys(Some(stored.version), &spoiled, &[])
            .await
            .unwrap();
        let view = handle.snapshot().view.clone();
        assert!(
            view.effects
                .promised_keys
                .ring_with(Alg::RS256)
                .await
                .is_none()
        );
        let mended = SealedKeys {
            version: spoiled.version + 1,
            sealed: stored.sealed,
        };
        store
            .swap_keys(Some(spoiled.version), &mended, &[])
            .await
            .unwrap();
        assert_eq!(ask(&handle).await.promised(), []);
        tenancy.shutdown().await;
    });
}

#[test]
fn an_algorithm_new_to_a_tenant_is_announced_without_anybody_waiting_for_its_key() {
    in_world(async |world| {
        let mut spec = tenant("acme");
        spec.passivate_after = Duration::ZERO;
        world.files.write(spec.clone());
        let tenancy = world.tenancy().await;
        let handle = tenancy.activate(&id("acme")).await.unwrap();
        let first = active(&handle);
        // A moment later somebody may have seen its keys.
        world.clock.advance(Duration::from_secs(1));
        spec.signer.algorithms = vec!["RS256".into(), "ES256".into()];
        world.files.write(spec);
        tenancy.rescan().await.unwrap();
        let key_of = |handle: &TenantHandle| {
            let view = handle.snapshot().view.clone();
            let key = view
                .keys
                .signing_key_at(Alg::RS256, world.clock.now(), &view.rotation);
            key.unwrap().alg()
        };
        until(async || (kids(&handle).len() == 2).then_some(())).await;
        assert_eq!(active(&handle), first);
        assert_eq!(key_of(&handle), Alg::ES256, "which stands in for it");
        world.clock.advance(Duration::from_hours(24));
        tick(&[&tenancy]).await;
        until(async || (key_of(&handle) == Alg::RS256).then_some(())).await;
        tenancy.shutdown().await;
    });
}

#[test]
fn a_dex_tenant_promises_its_rsa_key_and_publishes_it_as_dex_does() {
    in_world(async |world| {
        let spec = insula_testkit::a_tenant()
            .dex()
            .at("globex", "https://globex.test/dex");
        world.files.write(spec.build());
        let tenancy = world.tenancy().await;
        let handle = tenancy.activate(&id("globex")).await.unwrap();
        assert_eq!(kids(&handle), [""; 0]);
        ask(&handle).await;
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

#[test]
fn a_key_that_is_quick_to_make_waits_for_none_that_is_slow_and_those_wait_for_a_bounded_time() {
    in_world(async |world| {
        let options = TenancyOptions {
            io_timeout: Duration::from_millis(20),
            ..quick()
        };
        let tenancy = world.process("one", options).await;
        let runtime = tenancy.runtime();
        let making = Arc::clone(&runtime.key_making);
        let all = u32::try_from(making.available_permits()).unwrap();
        let turns = making.acquire_many(all).await.unwrap();
        assert!(make_key(runtime, Alg::ES256).await.is_ok());
        let slow = make_key(runtime, Alg::PS256).await.err().unwrap();
        assert!(slow.text.contains("too many PS256 keys"), "{}", slow.text);
        drop(turns);
        tenancy.shutdown().await;
    });
}
