//! Is the client who it says it is (RFC 6749 §2.3)?

use insula_tests::{Agent, ClientAuth};

use crate::shared_server::{MOCK, shared_server};

#[tokio::test]
async fn a_secret_may_be_shown_in_the_header_or_in_the_body() {
    let shared_server = shared_server().await;
    for auth in [ClientAuth::Basic, ClientAuth::Post] {
        let hooli = shared_server.hooli().with_auth(auth);
        hooli.log_in(&Agent::new(), &MOCK).await;
        let globex = shared_server.globex().with_auth(auth);
        globex.log_in(&Agent::new(), &MOCK).await;
    }
}

#[tokio::test]
async fn a_public_client_shows_none() {
    let shared_server = shared_server().await;
    shared_server.spa().log_in(&Agent::new(), &MOCK).await;
    let mut spa = shared_server.spa();
    spa.secret = "anything".to_owned();
    for auth in [ClientAuth::Basic, ClientAuth::Post] {
        let spa = insula_tests::RelyingParty {
            auth,
            http: Agent::new(),
            ..clone(&spa)
        };
        let (login, back) = spa.code(&Agent::new(), &MOCK).await;
        let answer = spa.redeem(&login, back.code()).await.expect(401);
        assert_eq!(answer.error(), "invalid_client");
    }
}

fn clone(party: &insula_tests::RelyingParty) -> insula_tests::RelyingParty {
    insula_tests::RelyingParty::new(
        &party.issuer,
        &party.client_id,
        &party.secret,
        &party.redirect_uri,
    )
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_client_are_answered_alike() {
    let shared_server = shared_server().await;
    for party in [shared_server.portal(), shared_server.globex()] {
        let mut bodies = Vec::new();
        for (id, secret) in [
            (party.client_id.as_str(), "wrong"),
            (party.client_id.as_str(), ""),
            ("nobody", "wrong"),
        ] {
            for auth in [ClientAuth::Basic, ClientAuth::Post] {
                let mut thief = clone(&party).with_auth(auth);
                thief.client_id = id.to_owned();
                thief.secret = secret.to_owned();
                let form = [
                    ("grant_type", "authorization_code"),
                    ("code", "x"),
                    ("redirect_uri", "https://portal.example/callback"),
                ];
                let answer = thief.post("/token", &form).await.expect(401);
                assert_eq!(answer.error(), "invalid_client");
                let challenge = answer.header("www-authenticate");
                assert_eq!(
                    challenge.starts_with("Basic "),
                    !party.at_dex,
                    "{challenge}"
                );
                bodies.push(answer.body);
            }
        }
        bodies.dedup();
        assert_eq!(bodies.len(), 1, "{bodies:?}");
    }
}

#[tokio::test]
async fn two_ways_at_once_are_refused_in_our_dialect() {
    let hooli = shared_server().await.hooli();
    let form = [
        ("grant_type", "authorization_code"),
        ("code", "x"),
        ("client_id", "phone"),
        ("client_secret", "phone-secret"),
    ];
    let answer = hooli.post("/token", &form).await.expect(400);
    assert_eq!(answer.error(), "invalid_request");
}

#[tokio::test]
async fn a_secret_in_the_address_counts_for_nothing() {
    let hooli = shared_server().await.hooli();
    let url = hooli.at("/token?client_id=phone&client_secret=phone-secret");
    let form = [("grant_type", "authorization_code"), ("code", "x")];
    let answer = Agent::new().post(url, &form).await.expect(401);
    assert_eq!(answer.error(), "invalid_client");
}

#[tokio::test]
async fn what_is_not_a_form_of_a_known_grant_is_refused() {
    let shared_server = shared_server().await;
    let hooli = shared_server.hooli();
    for (form, error) in [
        (&[][..], "invalid_request"),
        (&[("grant_type", "")], "invalid_request"),
        (&[("grant_type", "password")], "unsupported_grant_type"),
        (
            &[("grant_type", "client_credentials")],
            "unsupported_grant_type",
        ),
        (&[("grant_type", "authorization_code")], "invalid_request"),
        (&[("grant_type", "refresh_token")], "invalid_request"),
        (
            &[
                ("grant_type", "authorization_code"),
                ("grant_type", "refresh_token"),
            ],
            "invalid_request",
        ),
    ] {
        let answer = hooli.post("/token", form).await.expect(400);
        assert_eq!(answer.error(), error, "{form:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    let globex = shared_server.globex();
    let answer = globex.post("/token", &[]).await.expect(400);
    assert_eq!(answer.error(), "unsupported_grant_type");
    let answer = Agent::new().get(globex.at("/token")).await.expect(400);
    assert_eq!(answer.error(), "invalid_request");
    Agent::new().get(hooli.at("/token")).await.expect(405);
}

#[tokio::test]
async fn what_nobody_knows_and_what_is_empty_is_passed_over() {
    let hooli = shared_server().await.hooli();
    let (login, back) = hooli.code(&Agent::new(), &MOCK).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", back.code()),
        ("redirect_uri", login.redirect_uri.as_str()),
        ("code_verifier", login.verifier.as_deref().unwrap()),
        ("scope", ""),
        ("client_secret", ""),
        ("nobody_knows", "this"),
    ];
    hooli.post("/token", &form).await.expect(200);
}

#[tokio::test]
async fn a_client_gets_only_the_grants_it_is_registered_for() {
    let shared_server = shared_server().await;
    let mut kiosk = shared_server.portal();
    kiosk.client_id = "kiosk".to_owned();
    kiosk.secret = "kiosk-secret".to_owned();
    kiosk.redirect_uri = "https://kiosk.example/callback".to_owned();
    let kilgore = insula_tests::Person {
        connector: Some("directory"),
        ..insula_tests::Person::new("kilgore", "trout")
    };
    let tokens = kiosk.log_in(&Agent::new(), &kilgore).await;
    assert_eq!(tokens.refresh_token, None);
    let answer = kiosk.refresh("anything", &[]).await.expect(400);
    assert_eq!(answer.error(), "unauthorized_client");
}
