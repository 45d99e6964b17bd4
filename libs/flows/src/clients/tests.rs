use std::sync::{Arc, Mutex};

use insula_model::TenantId;
use insula_store::{ChangedFact, FactsTotals, RememberedBound, TellFacts, TenantFacts};
use insula_testkit::{NOW, a_client, a_tenant};

use super::*;
use crate::testing::{Trouble, reconfigured, view, watched};
use crate::{Effects, TenantView};

fn id(name: &str) -> ClientId {
    ClientId::parse(name).unwrap()
}

/// What other processes are told.
#[derive(Default)]
struct Told(Mutex<Vec<ChangedFact>>);

impl TellFacts for Told {
    fn tell(&self, _: &TenantId, changed: &[ChangedFact]) {
        self.0.lock().unwrap().extend_from_slice(changed);
    }
}

fn telling(view: &TenantView) -> (TenantView, Arc<Told>) {
    let told = Arc::new(Told::default());
    let (bound, totals) = (RememberedBound::of(100), FactsTotals::new(usize::MAX));
    let others = Arc::clone(&told) as Arc<dyn TellFacts>;
    let facts = TenantFacts::open(view.spec.id.clone(), bound, &totals, others);
    let effects = Effects {
        facts: Arc::new(facts),
        ..view.effects.clone()
    };
    let view = TenantView {
        effects,
        ..view.clone()
    };
    (view, told)
}

#[tokio::test]
async fn a_change_is_seen_at_once_where_it_is_made_and_told_to_the_others() {
    let (view, _) = view(a_tenant());
    let (view, told) = telling(&view);
    let client = a_client().named("cli").build();
    let stored = put(&view, &client, None).await.unwrap();
    let ClientPut::Stored(version) = stored else {
        panic!("it was not there");
    };
    let found = view.clients().find("cli").await.unwrap();
    assert_eq!(found.unwrap().name, "The App");

    let renamed = Client {
        name: "Renamed".to_owned(),
        ..client
    };
    let stored = put(&view, &renamed, Some(version)).await;
    assert!(matches!(stored.unwrap(), ClientPut::Stored(_)));
    let found = view.clients().find("cli").await.unwrap();
    assert_eq!(found.unwrap().name, "Renamed");

    assert!(delete(&view, &id("cli")).await.unwrap());
    assert!(view.clients().find("cli").await.unwrap().is_none());
    assert!(!delete(&view, &id("cli")).await.unwrap());
    let told = told.0.lock().unwrap();
    assert!(told.len() >= 3, "{told:?}");
    assert!(
        told.iter()
            .all(|fact| *fact == ChangedFact::Client(id("cli")))
    );
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_told_as_if_it_was_made() {
    let (view, _) = view(a_tenant());
    let client = a_client().named("cli").build();
    let stored = view.effects.store.put_client(&client, None, NOW).await;
    stored.unwrap();
    let (view, told) = telling(&view);
    let (view, store, _) = watched(&view);
    assert!(view.clients().find("cli").await.unwrap().is_some());
    store.trouble("delete_client", Trouble::AnswerLost);
    let deleted = delete(&view, &id("cli")).await;
    assert!(matches!(deleted, Err(ClientChangeError::Store(_))));
    assert!(view.clients().find("cli").await.unwrap().is_none());
    assert_eq!(*told.0.lock().unwrap(), [ChangedFact::Client(id("cli"))]);
}

#[tokio::test]
async fn a_change_that_is_given_up_is_told_as_if_it_was_made() {
    let (view, _) = view(a_tenant());
    let (view, told) = telling(&view);
    let (view, store, _) = watched(&view);
    store.trouble("put_client", Trouble::Hangs);
    let client = a_client().named("cli").build();
    let given_up = {
        let mut putting = std::pin::pin!(put(&view, &client, None));
        futures_util::poll!(putting.as_mut()).is_pending()
    };
    assert!(given_up);
    assert_eq!(*told.0.lock().unwrap(), [ChangedFact::Client(id("cli"))]);
}

#[tokio::test]
async fn a_configured_client_is_neither_changed_nor_hidden_nor_deleted() {
    let (view, _) = view(a_tenant());
    let client = a_client().build();
    let refused = put(&view, &client, None).await;
    let said = refused.unwrap_err().to_string();
    assert_eq!(
        said,
        "client app stands in the tenant's configuration: change it there"
    );
    let refused = delete(&view, &client.id).await;
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
        let refused = put(&view, &client, None).await;
        assert_eq!(refused.unwrap_err().to_string(), said);
        let stored = view.effects.store.find_client(&client.id).await;
        assert_eq!(stored.unwrap(), None);
    }
}

#[tokio::test]
async fn a_tenant_that_follows_dex_takes_what_dex_takes() {
    let (view, _) = view(a_tenant().dex());
    let odd = a_client().named("odd").with_redirect("myapp:/cb").build();
    let stored = put(&view, &odd, None).await;
    assert!(matches!(stored.unwrap(), ClientPut::Stored(_)));
    let ours = reconfigured(&view, |spec| {
        spec.rules = insula_model::Rules::STANDARD;
    });
    view.effects.facts.clear();
    assert!(ours.clients().find("odd").await.unwrap().is_none());
    view.effects.facts.clear();
    assert!(view.clients().find("odd").await.unwrap().is_some());
}

#[tokio::test]
async fn a_client_called_like_a_resource_is_not_stored_and_an_older_one_is_served_no_more() {
    const API: &str = "https://api.test";
    let (view, _) = view(a_tenant());
    let client = a_client().named(API).build();
    put(&view, &client, None).await.unwrap();
    assert!(view.clients().find(API).await.unwrap().is_some());
    let with_api = crate::testing::elsewhere(&reconfigured(&view, |spec| {
        spec.resources
            .push(insula_testkit::a_resource(API, &["jobs:run"]));
    }));
    assert!(with_api.clients().find(API).await.unwrap().is_none());
    delete(&with_api, &id(API)).await.unwrap();
    let refused = put(&with_api, &client, None).await.unwrap_err();
    let told = format!("{refused:?}");
    assert!(told.contains("is the identifier of a resource"), "{told}");
}
