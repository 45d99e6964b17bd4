use std::sync::Arc;
use std::time::Duration;

use insula_engine::Refusal;
use insula_model::{Client, ClientSecret, IntrospectionForm};
use insula_oauth::LogoutRequest;
use insula_store::StoreError;
use insula_testkit::{NOW, TenantBuilder, a_client, a_code_grant, a_tenant};

use super::*;
use crate::logout::LogoutAnswer;
use crate::testing::{
    ASK, CallLog, Person, Trouble, app, basic, code_form, code_in, destination, exchange, fault,
    form, heard, introspected, reconfigured, refusal, revoked, view, watched, with_code,
};
use crate::{Browser, Fault, Outcome, Screen, logout};

fn dialects() -> [TenantBuilder; 2] {
    [a_tenant(), a_tenant().dex()]
}

/// The tenant with clients that are stored, and none that is configured.
async fn storing(view: &TenantView, clients: &[Client]) -> TenantView {
    for client in clients {
        let put = view.effects.store.put_client(client, None, NOW).await;
        put.unwrap();
    }
    reconfigured(view, |spec| spec.clients.clear())
}

/// How many clients were looked up in the store since this was last asked.
fn lookups(log: &CallLog) -> usize {
    let calls = log.calls();
    calls.iter().filter(|call| **call == "find_client").count()
}

#[tokio::test]
async fn a_configured_client_wins_over_a_stored_one_and_costs_no_lookup() {
    let (view, _) = view(a_tenant());
    let stored = Client {
        name: "Another".to_owned(),
        ..a_client().build()
    };
    let put = view.effects.store.put_client(&stored, None, NOW).await;
    put.unwrap();
    let (view, store, _) = watched(&view);
    let found = view.clients().find("app").await.unwrap().unwrap();
    assert_eq!(found.name, "The App");
    assert_eq!(lookups(&store), 0);
    let bare = reconfigured(&view, |spec| spec.clients.clear());
    let found = bare.clients().find("app").await.unwrap().unwrap();
    assert_eq!(found.name, "Another");
}

#[tokio::test]
async fn a_stored_client_is_read_once_and_again_when_it_was_trusted_long_enough() {
    let (view, clock) = view(a_tenant());
    let (view, store, _) = watched(&storing(&view, &[a_client().build()]).await);
    for _ in 0..3 {
        assert!(view.clients().find("app").await.unwrap().is_some());
    }
    assert_eq!(lookups(&store), 1);
    clock.step_forward(Duration::from_hours(24));
    clock.advance(Duration::from_millis(1_999));
    assert!(view.clients().find("app").await.unwrap().is_some());
    assert_eq!(lookups(&store), 0);
    clock.advance(Duration::from_millis(1));
    assert!(view.clients().find("app").await.unwrap().is_some());
    assert_eq!(lookups(&store), 1);
}

#[tokio::test]
async fn a_client_is_known_as_soon_as_it_is_stored_whoever_asked_for_it_before() {
    let (view, _) = view(a_tenant());
    let (view, store, _) = watched(&storing(&view, &[]).await);
    for _ in 0..2 {
        assert!(view.clients().find("app").await.unwrap().is_none());
    }
    assert_eq!(lookups(&store), 2);
    let view = storing(&view, &[a_client().build()]).await;
    assert!(view.clients().find("app").await.unwrap().is_some());
}

#[tokio::test]
async fn what_can_be_no_client_id_is_not_looked_up() {
    let (view, _) = view(a_tenant());
    let (view, store, _) = watched(&view);
    for id in ["", "a\nb", &"a".repeat(256)] {
        assert!(view.clients().find(id).await.unwrap().is_none());
    }
    assert_eq!(lookups(&store), 0);
}

#[tokio::test]
async fn a_row_that_changes_while_it_is_read_is_not_remembered() {
    let (view, _) = view(a_tenant());
    let (view, store, _) = watched(&storing(&view, &[a_client().build()]).await);
    let facts = Arc::clone(&view.effects.facts);
    let word_comes = move || {
        let facts = Arc::clone(&facts);
        let told: futures_util::future::BoxFuture<'static, ()> =
            Box::pin(async move { facts.clients.forget(&ClientId::parse("app").unwrap()) });
        told
    };
    store.trouble("find_client", Trouble::Meanwhile(Arc::new(word_comes)));
    for expected in [1, 1, 0] {
        assert!(view.clients().find("app").await.unwrap().is_some());
        assert_eq!(lookups(&store), expected);
    }
}

#[tokio::test]
async fn a_stored_client_that_may_not_be_registered_so_is_nobody_and_read_no_more_often() {
    let client = a_client().with_redirect("http://app.test/cb").build();
    let (view, _) = view(a_tenant());
    let (view, store, _) = watched(&storing(&view, &[client]).await);
    for _ in 0..2 {
        let asked = ASK.replace("https://app.test/cb", "http://app.test/cb");
        let told = heard(Person::default().asks(&view, &asked).await);
        assert_eq!(told, (Refusal::UnknownClient, false));
    }
    assert_eq!(lookups(&store), 1);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_a_fault() {
    let (view, _) = view(a_tenant());
    let (view, store, _) = watched(&storing(&view, &[a_client().build()]).await);
    store.trouble("find_client", Trouble::Unreadable);
    let answer = Person::default().asks(&view, ASK).await;
    assert!(matches!(
        fault(answer),
        Fault::Store(StoreError::Corrupt { .. })
    ));
}

#[tokio::test]
async fn a_store_that_is_away_is_a_fault_at_every_endpoint_and_no_unknown_client() {
    for tenant in dialects() {
        let (view, _) = view(tenant);
        let view = storing(&view, &[a_client().build()]).await;
        with_code(&view, "code", &a_code_grant()).await;
        let (view, store, _) = watched(&view);
        let is_away = |fault: &Fault| {
            matches!(fault, Fault::Store(StoreError::Unavailable { .. })) && fault.is_temporary()
        };
        let header = app();
        let asked = form(&[("token", "whatever")]);
        store.set_down(true);
        let answer = Person::default().asks(&view, ASK).await;
        assert!(is_away(&fault(answer)));
        let answer = exchange(&view, Some(&header), &code_form("code")).await;
        assert!(is_away(&fault(answer)));
        let answer = revoked(&view, Some(&header), &asked).await;
        assert!(is_away(&fault(answer)));
        if view.rules().introspection == IntrospectionForm::Rfc7662 {
            let answer = introspected(&view, Some(&header), &asked).await;
            assert!(is_away(&fault(answer)));
        }
        let request = LogoutRequest {
            client_id: Some("app".into()),
            post_logout_redirect_uri: Some("https://app.test/bye".into()),
            id_token_hint: None,
            state: None,
            ui_locales: None,
            logout_hint: None,
        };
        if view.rules().logout_returns_by_client_id {
            let answer = logout::logout(
                &view,
                &request,
                LogoutAnswer::default(),
                &Browser::default(),
            )
            .await;
            assert!(is_away(&fault(answer)));
        }
        store.set_down(false);
        let answer = exchange(&view, Some(&header), &code_form("code")).await;
        assert!(answer.is_ok(), "nothing is lost: {answer:?}");
    }
}

#[tokio::test]
async fn a_stored_client_logs_in_refreshes_introspects_and_is_looked_up_once_a_request() {
    for tenant in dialects() {
        let (view, _) = view(tenant);
        let peer = a_client().named("api").trusting("app").build();
        let (view, store, _) = watched(&storing(&view, &[a_client().build(), peer]).await);
        let fresh = || {
            view.effects.facts.clients.clear();
            lookups(&store);
        };
        let ask = ASK.replace(
            "openid+email",
            "openid+offline_access+audience:server:client_id:api+audience:server:client_id:app",
        );
        let mut person = Person::default();
        fresh();
        let mut outcome = person.asks(&view, &ask).await.unwrap();
        assert_eq!(lookups(&store), 2, "GET /auth");
        fresh();
        if destination(&outcome).starts_with("/auth/") {
            outcome = person.follows(&view, &outcome).await.unwrap();
            assert_eq!(lookups(&store), 2, "GET /auth/mock");
            fresh();
        }
        outcome = person.logs_in(&view, &outcome).await.unwrap();
        assert!(lookups(&store) <= 2, "the callback");
        if matches!(outcome, Outcome::Redirect { .. }) {
            fresh();
            outcome = person.follows(&view, &outcome).await.unwrap();
            assert_eq!(lookups(&store), 2, "GET /approval");
        }
        assert!(matches!(outcome, Outcome::Show(Screen::Consent { .. })));
        fresh();
        outcome = person.answers(&view, &outcome, true).await.unwrap();
        assert!(lookups(&store) <= 2, "POST /approval");
        let code = code_in(&outcome);

        let header = app();
        let redeem = form(&[
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", "https://app.test/cb"),
        ]);
        fresh();
        let tokens = exchange(&view, Some(&header), &redeem).await.unwrap();
        assert_eq!(lookups(&store), 2, "POST /token");
        let refresh = tokens.refresh_token.unwrap();
        let refresh = form(&[("grant_type", "refresh_token"), ("refresh_token", &refresh)]);
        fresh();
        let tokens = exchange(&view, Some(&header), &refresh).await.unwrap();
        assert_eq!(lookups(&store), 2, "a refresh");
        for (token, most) in [
            (tokens.access_token.as_str(), 1),
            (tokens.refresh_token.as_deref().unwrap(), 2),
        ] {
            fresh();
            let told = introspected(&view, Some(&header), &form(&[("token", token)])).await;
            assert!(serde_json::to_value(told.unwrap()).unwrap()["active"] == true);
            assert_eq!(lookups(&store), most, "introspection");
        }
    }
}

#[tokio::test]
async fn each_of_two_secrets_of_a_stored_client_is_good_until_its_end() {
    for tenant in dialects() {
        let (view, clock) = view(tenant);
        let hour = Duration::from_hours(1);
        let old = ClientSecret::new("old").until(NOW + hour);
        let client = Client {
            secrets: vec![old, ClientSecret::new("new")],
            ..a_client().build()
        };
        let view = storing(&view, &[client]).await;
        let tried = async |secret: &str| {
            let header = basic("app", secret);
            revoked(&view, Some(&header), &form(&[("token", "whatever")])).await
        };
        assert!(tried("old").await.is_ok() && tried("new").await.is_ok());
        assert_eq!(refusal(tried("other").await), Refusal::ClientCredentials);
        clock.advance(hour);
        assert_eq!(refusal(tried("old").await), Refusal::ClientCredentials);
        assert!(tried("new").await.is_ok());
    }
}

#[tokio::test]
async fn a_request_that_names_very_many_audiences_is_refused_after_a_few_lookups() {
    for tenant in dialects() {
        let (view, _) = view(tenant);
        let mut clients = vec![a_client().build()];
        clients.extend((0..=MOST_AUDIENCES).map(|n| {
            let peer = a_client().named(&format!("peer{n}")).trusting("app");
            peer.build()
        }));
        let (view, store, _) = watched(&storing(&view, &clients).await);
        let asking = |count: usize| {
            let words = (0..count).map(|n| format!("+audience:server:client_id:peer{n}"));
            let scope = format!("scope=openid{}", words.collect::<String>());
            ASK.replace("scope=openid+email", &scope)
        };
        let most = Person::default().asks(&view, &asking(MOST_AUDIENCES)).await;
        assert!(most.is_ok(), "{most:?}");
        view.effects.facts.clients.clear();
        lookups(&store);
        let more = asking(MOST_AUDIENCES + 1);
        let told = heard(Person::default().asks(&view, &more).await);
        assert_eq!(told, (Refusal::TooManyAudiences, true));
        assert!(lookups(&store) <= 1 + MOST_AUDIENCES);
    }
}
