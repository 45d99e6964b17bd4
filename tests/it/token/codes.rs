//! Codes, and what they are exchanged for.

use insula_tests::{Agent, Login};

use crate::shared_server::{JANE, MOCK, shared_server, tokens_live};

#[tokio::test]
async fn a_code_presented_twice_is_refused_and_takes_its_tokens_with_it() {
    let shared_server = shared_server().await;
    for (party, person) in [
        (shared_server.portal(), JANE),
        (shared_server.globex(), MOCK),
    ] {
        let (login, back) = party.code(&Agent::new(), &person).await;
        let tokens = party.tokens(&login, &back).await;
        assert_eq!(tokens_live(&party, &tokens).await, (true, true));
        let answer = party.redeem(&login, back.code()).await.expect(400);
        assert_eq!(answer.error(), "invalid_grant");
        assert_eq!(tokens_live(&party, &tokens).await, (false, false));
        assert!(!party.is_active(&tokens.access_token).await);
        let answer = party.refresh(tokens.refresh(), &[]).await;
        assert_eq!(answer.status, 400);
    }
}

#[tokio::test]
async fn a_code_is_for_its_own_client_alone() {
    let shared_server = shared_server().await;
    let portal = shared_server.portal();
    let (login, back) = portal.code(&Agent::new(), &MOCK).await;
    let answer = shared_server
        .wiki()
        .redeem(&login, back.code())
        .await
        .expect(400);
    assert_eq!(answer.error(), "invalid_grant");
}

#[tokio::test]
async fn a_code_comes_with_the_redirect_uri_it_was_asked_with() {
    let shared_server = shared_server().await;
    for (party, error) in [
        (shared_server.hooli(), "invalid_grant"),
        (shared_server.umbrella(), "invalid_request"),
    ] {
        let (login, back) = party.code(&Agent::new(), &MOCK).await;
        let elsewhere = Login {
            redirect_uri: "https://evil.example/".to_owned(),
            ..login
        };
        let answer = party.redeem(&elsewhere, back.code()).await.expect(400);
        assert_eq!(answer.error(), error);
    }
}

#[tokio::test]
async fn a_code_nobody_gave_is_refused() {
    let shared_server = shared_server().await;
    for party in [shared_server.hooli(), shared_server.umbrella()] {
        let login = party.begin();
        for code in [
            "x",
            "aaaaaaaaaaaaaaaaaaaaaaaaa",
            "'; drop table code; --",
            "é",
        ] {
            let answer = party.redeem(&login, code).await.expect(400);
            assert_eq!(answer.error(), "invalid_grant", "{code}");
        }
    }
}

#[tokio::test]
async fn two_who_redeem_a_code_at_once_are_one_too_many() {
    let hooli = shared_server().await.hooli();
    let (login, back) = hooli.code(&Agent::new(), &MOCK).await;
    let code = back.code();
    let (one, other) = tokio::join!(hooli.redeem(&login, code), hooli.redeem(&login, code));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400]);
}
