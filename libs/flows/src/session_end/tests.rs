use std::time::Duration;

use insula_engine::Refusal;
use insula_engine::grants::RefreshToken;
use insula_model::{RefreshTokenLifetime, SessionId};
use insula_store::LogoutNotice;
use insula_testkit::{FakeConnector, TenantBuilder, a_client, a_tenant};

use super::*;
use crate::testing::{
    ASK, Person, app, exchange, form, introspected, refusal, view, with_connector,
};

fn with_back(mut client: Client) -> Client {
    let uri = format!("https://{}.test/back", client.id);
    client.logout.backchannel_logout_uri = Some(uri);
    client
}

/// A tenant whose clients `app` and `shop` want word, and whose client `quiet` does not.
fn tenant() -> TenantBuilder {
    a_tenant()
        .with_client(with_back(a_client().build()))
        .with_client(with_back(
            a_client().named("shop").skipping_approval().build(),
        ))
        .with_client(a_client().named("quiet").skipping_approval())
}

fn ask(client: &str) -> String {
    ASK.replace("client_id=app", &format!("client_id={client}"))
}

async fn due(view: &TenantView, client: &str) -> Option<LogoutNotice> {
    let id = ClientId::parse(client).unwrap();
    view.effects
        .store
        .due_logout(&id, view.now())
        .await
        .unwrap()
}

async fn sid(view: &TenantView, person: &Person) -> String {
    let live = session::live(view, &person.browser).await.unwrap().unwrap();
    live.session.id.as_str().to_owned()
}

#[tokio::test]
async fn each_client_of_a_session_that_wants_word_is_left_it() {
    let (view, _) = view(tenant());
    let mut person = Person::default();
    person.walks(&view, ASK).await;
    for client in ["shop", "quiet"] {
        person.asks(&view, &ask(client)).await.unwrap();
    }
    let sid = sid(&view, &person).await;
    let ended = end_all(&view, &person.browser, SessionEnd::LoggedOut).await;
    assert_eq!(ended.unwrap().len(), 1);
    for client in ["app", "shop"] {
        let notice = due(&view, client).await.unwrap();
        assert_eq!(notice.session.as_str(), sid, "{client}");
    }
    assert_eq!(due(&view, "quiet").await, None);
}

#[tokio::test]
async fn who_logs_in_anew_keeps_their_clients_until_they_log_out() {
    let (view, _) = view(tenant());
    let mut person = Person::default();
    person.walks(&view, ASK).await;
    let first = sid(&view, &person).await;
    let again = format!("{}&prompt=login", ask("shop"));
    person.walks(&view, &again).await;
    let second = sid(&view, &person).await;
    assert_ne!(first, second);
    assert_eq!(due(&view, "app").await, None, "nobody logged out");
    end_all(&view, &person.browser, SessionEnd::LoggedOut)
        .await
        .unwrap();
    assert_eq!(due(&view, "app").await.unwrap().session.as_str(), first);
    assert_eq!(due(&view, "shop").await.unwrap().session.as_str(), second);
}

#[tokio::test]
async fn who_logs_in_as_somebody_else_has_the_clients_of_the_other_told() {
    let (view, _) = view(tenant());
    let mut person = Person::default();
    person.walks(&view, ASK).await;
    let first = sid(&view, &person).await;
    let mut john = FakeConnector::identity();
    john.claims.user_id = insula_model::UserId::parse("john").unwrap();
    let fake = FakeConnector::redirecting().on_login(Ok(john));
    let (view, _) = with_connector(&view, "mock", fake);
    let again = format!("{}&prompt=login", ask("shop"));
    person.walks(&view, &again).await;
    assert_eq!(due(&view, "app").await.unwrap().session.as_str(), first);
}

#[tokio::test]
async fn a_client_that_visits_a_session_as_it_ends_gets_no_code() {
    let (view, _) = view(tenant());
    let mut person = Person::default();
    person.walks(&view, ASK).await;
    let live = session::live(&view, &person.browser)
        .await
        .unwrap()
        .unwrap();
    let visit = session::visited(&view, live, &ClientId::parse("shop").unwrap());
    end_all(&view, &person.browser, SessionEnd::LoggedOut)
        .await
        .unwrap();
    let changes = Changes {
        prolonged: visit,
        ..Changes::default()
    };
    let committed = write(&view, &changes).await.unwrap();
    assert!(!committed.was_prolonged);
    assert_eq!(due(&view, "shop").await, None);
}

fn bound_to_session() -> TenantBuilder {
    let mut app = a_client().build();
    app.logout.refresh_token_lifetime = RefreshTokenLifetime::Session;
    a_tenant().with_client(app)
}

async fn refresh_token(view: &TenantView, person: &mut Person) -> String {
    let ask = ASK.replace("openid+email", "openid+offline_access");
    let code = person.walks(view, &ask).await;
    let redeem = form(&[
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", "https://app.test/cb"),
    ]);
    let tokens = exchange(view, Some(&app()), &redeem).await;
    tokens.unwrap().refresh_token.unwrap()
}

async fn refreshed(
    view: &TenantView,
    token: &str,
) -> Result<insula_oauth::TokenResponse, FlowError> {
    let refresh = form(&[("grant_type", "refresh_token"), ("refresh_token", token)]);
    exchange(view, Some(&app()), &refresh).await
}

#[tokio::test]
async fn a_refresh_token_ends_with_its_session_where_its_client_wants_that() {
    for (tenant, ends) in [(bound_to_session(), true), (a_tenant(), false)] {
        let (view, _) = view(tenant);
        let mut person = Person::default();
        let first = refresh_token(&view, &mut person).await;
        let second = refreshed(&view, &first).await.unwrap();
        end_all(&view, &person.browser, SessionEnd::LoggedOut)
            .await
            .unwrap();
        let access = form(&[("token", &second.access_token)]);
        let told = introspected(&view, Some(&app()), &access).await.unwrap();
        assert_eq!(told.active, !ends, "access tokens go along");
        let second = second.refresh_token.unwrap();
        assert_eq!(refreshed(&view, &second).await.is_err(), ends);
    }
}

#[tokio::test]
async fn a_refresh_token_of_a_session_that_ran_out_is_not_active_and_is_refused() {
    let (view, clock) = view(bound_to_session());
    let mut person = Person::default();
    let token = refresh_token(&view, &mut person).await;
    let idle = view.spec.sessions.valid_if_not_used_for;
    clock.advance(idle.saturating_sub(Duration::from_secs(1)));
    let tokens = refreshed(&view, &token).await.unwrap();
    let token = tokens.refresh_token.unwrap();
    let asked = form(&[("token", &token)]);
    let told = introspected(&view, Some(&app()), &asked).await.unwrap();
    assert!(told.active);
    clock.advance(Duration::from_secs(2));
    let access = form(&[("token", &tokens.access_token)]);
    let told = introspected(&view, Some(&app()), &access).await.unwrap();
    assert!(told.active, "an access token is good until its end");
    let told = introspected(&view, Some(&app()), &asked).await.unwrap();
    assert!(!told.active);
    let refused = refusal(refreshed(&view, &token).await);
    assert!(
        matches!(refused, Refusal::RefreshSessionEnded { .. }),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_refresh_token_lives_on_with_its_session_among_very_many_of_one_person() {
    let (view, _) = view(bound_to_session());
    let mut person = Person::default();
    let token = refresh_token(&view, &mut person).await;
    let store = &view.effects.store;
    let grant = RefreshToken::parse(&token, view.rules()).unwrap().id;
    let login = store.find_refresh(&grant).await.unwrap().unwrap().login;
    let of_person = (&login.connector_id, &login.claims.user_id);
    let first = store.sessions_of(of_person.0, of_person.1, view.now(), 1);
    let (_, first) = first.await.unwrap().remove(0);
    for n in 0..150 {
        let another = BrowserSession {
            id: SessionId::parse(format!("another{n}")).unwrap(),
            expires_at: first.expires_at + Duration::from_mins(1),
            ..first.clone()
        };
        let cookie = TokenHash::of(&format!("cookie{n}"));
        store.save_session(&cookie, &another).await.unwrap();
    }
    assert!(refreshed(&view, &token).await.is_ok());
}

#[tokio::test]
async fn a_refresh_token_outlives_that_its_person_logs_in_anew() {
    let (view, _) = view(bound_to_session());
    let mut person = Person::default();
    let token = refresh_token(&view, &mut person).await;
    person.walks(&view, &format!("{ASK}&prompt=login")).await;
    assert!(refreshed(&view, &token).await.is_ok());
}
