use insula_model::{EventKind, Revocation, SessionEnd};
use insula_oauth::LogoutRequest;
use insula_testkit::{a_client, a_code_grant, a_tenant, jane};

use crate::logout::LogoutAnswer;
use crate::testing::{
    ASK, Person, app, code_form, code_in, exchange, form, kinds, revoked, tokens, told, view,
    with_code,
};
use crate::{logout, session};

#[tokio::test]
async fn a_login_is_told_with_the_session_that_it_begins() {
    let (view, _) = view(a_tenant());
    let mut person = Person::default();
    person.walks(&view, ASK).await;
    assert_eq!(kinds(&view).await, ["logged_in", "consent_given"]);
    let live = session::live(&view, &person.browser)
        .await
        .unwrap()
        .unwrap();
    let told = told(&view).await;
    let [
        EventKind::LoggedIn {
            client,
            connector,
            user,
            session,
            ..
        },
        _,
    ] = &told[..]
    else {
        panic!("a login is told first");
    };
    assert_eq!((client.as_str(), connector.as_str()), ("app", "mock"));
    assert_eq!(*user, jane().user_id);
    assert_eq!(*session, Some(live.session.id.clone()));
}

#[tokio::test]
async fn a_session_that_serves_one_more_client_tells_no_login() {
    let (view, _) = view(a_tenant().with_client(a_client().named("shop")));
    let mut person = Person::default();
    person.walks(&view, ASK).await;
    let shop = ASK.replace("client_id=app", "client_id=shop");
    let shown = person.asks(&view, &shop).await.unwrap();
    code_in(&person.answers(&view, &shown, true).await.unwrap());
    let expected = ["logged_in", "consent_given", "consent_given"];
    assert_eq!(kinds(&view).await, expected);
}

#[tokio::test]
async fn a_session_that_ends_is_told_with_its_reason() {
    let (view, _) = view(a_tenant());
    let mut person = Person::default();
    person.walks(&view, ASK).await;
    let again = format!("{ASK}&prompt=login+consent");
    person.walks(&view, &again).await;
    let hint = session::live(&view, &person.browser)
        .await
        .unwrap()
        .unwrap();
    let hmac = insula_engine::proof_of(
        &view.keys,
        hint.session.id.as_str(),
        insula_engine::Step::Logout,
    );
    let request = LogoutRequest::default();
    for _ in 0..2 {
        // The second time there is nothing left to end.
        let left = logout::logout(
            &view,
            &request,
            LogoutAnswer::proven(&hmac),
            &person.browser,
        )
        .await;
        left.unwrap();
    }
    let ends = told(&view).await.into_iter().filter_map(|kind| match kind {
        EventKind::SessionEnded { reason, .. } => Some(reason),
        _ => None,
    });
    let ends: Vec<_> = ends.collect();
    assert_eq!(ends, [SessionEnd::Replaced, SessionEnd::LoggedOut]);
}

#[tokio::test]
async fn a_revocation_is_told_once_and_why() {
    let (view, _) = view(a_tenant());
    let refresh = tokens(&view).await.refresh_token.unwrap();
    for _ in 0..2 {
        let asked = revoked(&view, Some(&app()), &form(&[("token", &refresh)])).await;
        asked.unwrap();
    }
    let mut other = a_code_grant();
    other.grant_id = insula_model::GrantId::parse("other").unwrap();
    with_code(&view, "second", &other).await;
    let mut last = Ok(());
    for _ in 0..2 {
        let redeemed = exchange(&view, Some(&app()), &code_form("second")).await;
        last = redeemed.map(drop);
    }
    assert!(last.is_err(), "the second time it is used");
    let expected = [
        (a_code_grant().grant_id, Revocation::Asked),
        (other.grant_id, Revocation::Reused),
    ];
    let told = told(&view).await;
    let told: Vec<_> = told
        .into_iter()
        .map(|kind| match kind {
            EventKind::GrantRevoked { grant, reason, .. } => (grant, reason),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, expected);
}
