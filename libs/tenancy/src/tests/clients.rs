use std::sync::Arc;
use std::time::Duration;

use insula_flows::clients;
use insula_model::{Client, ClientId, ClientSecret};
use insula_store::{ClientPut, Durable as _};
use insula_testkit::a_client;

use super::world::{World, found, id, in_world, quick, tenant, until};
use crate::{Fault, Tenancy};

fn a_cli() -> Client {
    a_client().named("cli").build()
}

fn client_id(name: &str) -> ClientId {
    ClientId::parse(name).unwrap()
}

/// The client as a request finds it.
async fn served(tenancy: &Tenancy, name: &str) -> Option<Arc<Client>> {
    let snapshot = found(tenancy, "acme").unwrap().snapshot();
    snapshot.view.clients().find(name).await.unwrap()
}

async fn two_processes(world: &World) -> (Tenancy, Tenancy) {
    world.files.write(tenant("acme"));
    let one = world.process("one", quick()).await;
    let two = world.process("two", quick()).await;
    for tenancy in [&one, &two] {
        tenancy.activate(&id("acme")).await.unwrap();
    }
    (one, two)
}

/// Stores it until the other process heard of it: nobody can tell from outside when the listening
/// began.
async fn put(tenancy: &Tenancy, client: &Client, expected: &mut Option<u64>) {
    let snapshot = found(tenancy, "acme").unwrap().snapshot();
    let stored = clients::put(&snapshot.view, client, *expected).await;
    let ClientPut::Stored(version) = stored.unwrap() else {
        panic!("nobody else stores it");
    };
    *expected = Some(version);
}

#[test]
fn a_client_changed_in_one_process_is_another_in_all_of_them_by_word_of_the_bus() {
    in_world(async |world| {
        let (one, two) = two_processes(&world).await;
        let (mut version, mut client) = (None, a_cli());
        put(&one, &client, &mut version).await;
        assert!(served(&one, "cli").await.unwrap().secrets[0].matches("app-secret"));
        assert!(served(&two, "cli").await.is_some());

        client.secrets = vec![ClientSecret::new("another")];
        until(async || {
            // The clock stands still: nothing is forgotten for its age.
            put(&one, &client, &mut version).await;
            let there = served(&two, "cli").await.unwrap();
            there.secrets[0].matches("another").then_some(())
        })
        .await;
        assert!(served(&one, "cli").await.unwrap().secrets[0].matches("another"));

        let snapshot = found(&two, "acme").unwrap().snapshot();
        let deleted = clients::delete(&snapshot.view, &client_id("cli")).await;
        assert!(deleted.unwrap());
        assert!(served(&two, "cli").await.is_none());
        until(async || served(&one, "cli").await.is_none().then_some(())).await;
        one.shutdown().await;
        two.shutdown().await;
    });
}

#[test]
fn a_changed_client_nobody_hears_of_is_seen_within_two_seconds() {
    in_world(async |world| {
        let (one, two) = two_processes(&world).await;
        put(&one, &a_cli(), &mut None).await;
        assert!(served(&two, "cli").await.is_some());
        let store = world.store.tenant(&id("acme"));
        assert!(store.delete_client(&client_id("cli")).await.unwrap());
        world.clock.advance(Duration::from_secs(2));
        assert!(served(&two, "cli").await.is_none());
        one.shutdown().await;
        two.shutdown().await;
    });
}

#[test]
fn word_of_a_changed_client_is_heard_for_a_tenant_whose_actor_hangs() {
    in_world(async |world| {
        let (one, two) = two_processes(&world).await;
        let (mut version, client) = (None, a_cli());
        put(&one, &client, &mut version).await;
        assert!(served(&two, "cli").await.is_some());
        assert!(two.inject(&id("acme"), Fault::Hang).await);
        until(async || (two.hanging() == 1).then_some(())).await;
        let renamed = Client {
            name: "Renamed".to_owned(),
            ..client
        };
        until(async || {
            put(&one, &renamed, &mut version).await;
            let there = served(&two, "cli").await.unwrap();
            (there.name == "Renamed").then_some(())
        })
        .await;
        two.release_hung();
        one.shutdown().await;
        two.shutdown().await;
    });
}
