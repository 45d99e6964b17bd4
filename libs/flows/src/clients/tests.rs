use futures_util::StreamExt as _;
use insula_store::MemoryBus;
use insula_testkit::{NOW, a_client, a_tenant};

use super::*;
use crate::testing::{Trouble, reconfigured, view, watched};

fn announcer(bus: &MemoryBus) -> Announcer<'_> {
    Announcer { bus, origin: "one" }
}

fn id(name: &str) -> ClientId {
    ClientId::parse(name).unwrap()
}

#[tokio::test]
async fn a_change_is_seen_at_once_where_it_is_made_and_told_to_the_others() {
    let (view, _) = view(a_tenant());
    let bus = MemoryBus::new();
    let mut heard = bus.subscribe().await.unwrap();
    let client = a_client().named("cli").build();
    let stored = put(&view, announcer(&bus), &client, None).await.unwrap();
    let ClientPut::Stored(version) = stored else {
        panic!("it was not there");
    };
    let found = view.clients().find("cli").await.unwrap();
    assert_eq!(found.unwrap().name, "The App");

    let renamed = Client {
        name: "Renamed".to_owned(),
        ..client
    };
    let stored = put(&view, announcer(&bus), &renamed, Some(version)).await;
    assert!(matches!(stored.unwrap(), ClientPut::Stored(_)));
    let found = view.clients().find("cli").await.unwrap();
    assert_eq!(found.unwrap().name, "Renamed");

    assert!(delete(&view, announcer(&bus), &id("cli")).await.unwrap());
    assert!(view.clients().find("cli").await.unwrap().is_none());
    for _ in 0..3 {
        let change = heard.next().await.unwrap();
        let expected = (view.spec.id.clone(), ChangeKind::Clients, "one".to_owned());
        assert_eq!((change.tenant, change.kind, change.origin), expected);
    }
}

#[tokio::test]
async fn what_changed_nothing_is_not_told() {
    let (view, _) = view(a_tenant());
    let bus = MemoryBus::new();
    let mut heard = bus.subscribe().await.unwrap();
    let client = a_client().named("cli").build();
    let lost = put(&view, announcer(&bus), &client, Some(7)).await;
    assert_eq!(lost.unwrap(), ClientPut::Lost);
    assert!(!delete(&view, announcer(&bus), &id("cli")).await.unwrap());
    drop(bus);
    assert_eq!(heard.next().await, None);
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_told_as_if_it_was_made() {
    let (view, _) = view(a_tenant());
    let client = a_client().named("cli").build();
    view.effects
        .store
        .put_client(&client, None, NOW)
        .await
        .unwrap();
    let (view, store, _) = watched(&view);
    let bus = MemoryBus::new();
    let mut heard = bus.subscribe().await.unwrap();
    assert!(view.clients().find("cli").await.unwrap().is_some());
    store.trouble("delete_client", Trouble::AnswerLost);
    let deleted = delete(&view, announcer(&bus), &id("cli")).await;
    assert!(matches!(deleted, Err(ClientChangeError::Store(_))));
    assert!(view.clients().find("cli").await.unwrap().is_none());
    assert_eq!(heard.next().await.unwrap().kind, ChangeKind::Clients);
}

#[tokio::test]
async fn a_configured_client_is_neither_changed_nor_hidden_nor_deleted() {
    let (view, _) = view(a_tenant());
    let bus = MemoryBus::new();
    let client = a_client().build();
    let refused = put(&view, announcer(&bus), &client, None).await;
    let said = refused.unwrap_err().to_string();
    assert_eq!(
        said,
        "client app stands in the tenant's configuration: change it there"
    );
    let refused = delete(&view, announcer(&bus), &client.id).await;
    assert!(matches!(refused, Err(ClientChangeError::Configured(_))));
    let found = view.effects.store.find_client(&client.id).await;
    assert_eq!(found.unwrap(), None);
}

#[tokio::test]
async fn a_client_that_may_not_be_registered_is_refused_in_the_words_of_a_file() {
    let (view, _) = view(a_tenant());
    let client = a_client()
        .named("cli")
        .with_redirect("http://app.test/cb")
        .without_secret()
        .allowing("nobody")
        .build();
    let large = Client {
        name: "n".repeat(LARGEST),
        ..a_client().named("large").build()
    };
    let bus = MemoryBus::new();
    for (client, said) in [
        (
            client,
            "client cli cannot be stored: redirect_uris[0] \"http://app.test/cb\" sends codes over \
             the network unencrypted; write https://; http is for this machine only; secrets is \
             missing; give it one, or make it public if it can keep none; no connector has the id \
             \"nobody\"",
        ),
        (
            large,
            "client large cannot be stored: its texts are 32847 bytes long; 32768 are the most",
        ),
    ] {
        let refused = put(&view, announcer(&bus), &client, None).await;
        assert_eq!(refused.unwrap_err().to_string(), said);
        let stored = view.effects.store.find_client(&client.id).await;
        assert_eq!(stored.unwrap(), None);
    }
}

#[tokio::test]
async fn a_tenant_that_follows_dex_takes_what_dex_takes() {
    let (view, _) = view(a_tenant().dex());
    let bus = MemoryBus::new();
    let odd = a_client().named("odd").with_redirect("myapp:/cb").build();
    let stored = put(&view, announcer(&bus), &odd, None).await;
    assert!(matches!(stored.unwrap(), ClientPut::Stored(_)));
    let ours = reconfigured(&view, |spec| {
        spec.dialect = insula_model::Dialect::Standard;
    });
    view.effects.known_clients.forget();
    assert!(ours.clients().find("odd").await.unwrap().is_none());
    view.effects.known_clients.forget();
    assert!(view.clients().find("odd").await.unwrap().is_some());
}
