//! Proof Key for Code Exchange (RFC 7636).

use insula_tests::{Agent, Back, Login, unique, walk};

use crate::shared_server::{MOCK, shared_server};

async fn error_of(url: &str) -> String {
    let answer = Agent::new().get(url).await.expect(303);
    Back::of(answer.location(), Vec::new())
        .get("error")
        .to_owned()
}

#[tokio::test]
async fn a_public_client_must_use_it_in_our_dialect() {
    let shared_server = shared_server().await;
    let spa = shared_server.spa();
    let tokens = spa.log_in(&Agent::new(), &MOCK).await;
    assert_eq!(tokens.claim("aud"), "spa");
    let without = shared_server.spa().without_pkce();
    assert_eq!(error_of(&without.begin().url).await, "invalid_request");
}

#[tokio::test]
async fn a_confidential_client_need_not() {
    let hooli = shared_server().await.hooli().without_pkce();
    hooli.log_in(&Agent::new(), &MOCK).await;
}

#[tokio::test]
async fn plain_is_for_dex_alone() {
    let shared_server = shared_server().await;
    let verifier = format!("{}{}", unique(), unique());
    let plain = [
        ("code_challenge", verifier.as_str()),
        ("code_challenge_method", "plain"),
    ];
    let hooli = shared_server.hooli().begin_with(&plain);
    assert_eq!(error_of(&hooli.url).await, "invalid_request");
    let umbrella = shared_server.umbrella();
    let login = Login {
        verifier: Some(verifier.clone()),
        ..umbrella.begin_with(&plain)
    };
    let back = walk(&Agent::new(), &login, &MOCK).await;
    umbrella.tokens(&login, &back).await;
}

#[tokio::test]
async fn a_wrong_verifier_gets_nothing() {
    let shared_server = shared_server().await;
    for mut party in [shared_server.hooli(), shared_server.umbrella()] {
        party.pkce = true;
        let (login, back) = party.code(&Agent::new(), &MOCK).await;
        let thief = Login {
            verifier: Some(format!("{}{}", unique(), unique())),
            ..login.clone()
        };
        let answer = party.redeem(&thief, back.code()).await.expect(400);
        assert_eq!(answer.error(), "invalid_grant");
        let none = Login {
            verifier: None,
            ..login
        };
        let answer = party.redeem(&none, back.code()).await.expect(400);
        assert_eq!(answer.error(), "invalid_grant");
    }
}

#[tokio::test]
async fn a_code_presented_in_the_wrong_way_is_used_up_but_not_in_dex() {
    let shared_server = shared_server().await;
    for mut party in [shared_server.hooli(), shared_server.umbrella()] {
        party.pkce = true;
        let (login, back) = party.code(&Agent::new(), &MOCK).await;
        let wrong = Login {
            verifier: Some(format!("{}{}", unique(), unique())),
            ..login.clone()
        };
        party.redeem(&wrong, back.code()).await.expect(400);
        let status = if party.at_dex { 200 } else { 400 };
        party.redeem(&login, back.code()).await.expect(status);
    }
}
