//! What RFC 8628 asks of the server.

use insula_tests::{Agent, Person, walk_to};
use serde_json::json;

use super::{Codes, DEVICE_CODE, asks, both, connects, device_server, ours, polls, types};
use crate::shared_server::JANE;

#[tokio::test]
async fn an_answer_holds_what_the_rfc_requires() {
    let server = device_server().await;
    for (party, seconds) in [(server.tv(), 420), (server.printer(), 420)] {
        let answer = party.post("/device/code", &[("scope", "openid")]).await;
        let answer = answer.expect(200);
        assert_eq!(answer.header("content-type"), "application/json");
        answer.assert_uncached();
        let told = answer.json();
        let user_code = told["user_code"].as_str().unwrap();
        let page = party.at("/device");
        assert_eq!(told["verification_uri"], page);
        let complete = format!("{page}?user_code={user_code}");
        assert_eq!(told["verification_uri_complete"], complete);
        assert_eq!(
            (&told["expires_in"], &told["interval"]),
            (&json!(seconds), &json!(5))
        );
        assert!(told["device_code"].as_str().unwrap().len() > 40);
    }
}

#[tokio::test]
async fn codes_of_one_tenant_are_nothing_to_another_and_stay_good_at_home() {
    let server = device_server().await;
    let [(ours, jane), (dexs, admin)] = both(server);
    for (home, person, other) in [(&ours, jane, &dexs), (&dexs, admin, &ours)] {
        let codes = asks(home).await;
        let own = asks(other).await;
        let typed = types(&Agent::new(), &own.page, &codes.user).await;
        assert_eq!(typed.status, 400, "{}", typed.body);
        let agent = Agent::new();
        assert_eq!(connects(&agent, &codes, &person).await.status, 200);
        let stolen = polls(other, &codes).await;
        assert_eq!(stolen.status, 400, "{}", stolen.body);
        let error = if other.issuer == ours.issuer {
            "invalid_grant"
        } else {
            "invalid_request"
        };
        assert_eq!(stolen.error(), error);
        polls(home, &codes).await.expect(200);
    }
}

#[tokio::test]
async fn a_device_gets_its_tokens_once_a_person_has_typed_its_code_and_logged_in() {
    let server = device_server().await;
    for (party, person) in both(server) {
        let codes = asks(&party).await;
        let pending = polls(&party, &codes).await.expect(400);
        assert_eq!(pending.error(), "authorization_pending");
        let done = connects(&Agent::new(), &codes, &person).await;
        assert_eq!(done.status, 200);
        let answer = polls(&party, &codes).await.expect(200);
        let tokens = party.read(&answer).await;
        let id_token = tokens.id_token.as_ref().unwrap();
        assert_eq!(id_token.claims["iss"], party.issuer);
        assert_eq!(party.userinfo(&tokens.access_token).await.status, 200);
        let refresh = tokens.refresh_token.as_ref().unwrap();
        party.refresh(refresh, &[]).await.expect(200);
    }
}

#[tokio::test]
async fn a_device_that_polls_again_at_once_is_told_to_slow_down() {
    let server = device_server().await;
    for (party, _) in both(server) {
        let codes = asks(&party).await;
        assert_eq!(polls(&party, &codes).await.error(), "authorization_pending");
        for _ in 0..2 {
            let answer = polls(&party, &codes).await.expect(400);
            assert_eq!(answer.error(), "slow_down");
        }
    }
}

#[tokio::test]
async fn a_device_that_a_person_denies_is_told_so() {
    let server = device_server().await;
    let (party, denier) = (
        server.tv(),
        Person {
            denies: true,
            ..JANE
        },
    );
    let codes = asks(&party).await;
    let page = connects(&Agent::new(), &codes, &denier).await;
    assert!(
        page.words().contains("was not connected"),
        "{}",
        page.words()
    );
    let denied = polls(&party, &codes).await.expect(400);
    assert_eq!(denied.error(), "access_denied");
    let again = types(&Agent::new(), &codes.page, &codes.user).await;
    assert_eq!(again.status, 400, "the code is used");
}

#[tokio::test]
async fn a_device_code_is_redeemed_once() {
    let server = device_server().await;
    let party = server.tv();
    let codes = asks(&party).await;
    connects(&Agent::new(), &codes, &JANE).await;
    let tokens = party.read(&polls(&party, &codes).await.expect(200)).await;
    let again = polls(&party, &codes).await.expect(400);
    assert_eq!(again.error(), "invalid_grant");
    assert_eq!(party.userinfo(&tokens.access_token).await.status, 401);
}

#[tokio::test]
async fn a_client_must_prove_itself_and_may_use_its_own_device_codes_alone() {
    let server = device_server().await;
    let mut forger = server.printer();
    "guess".clone_into(&mut forger.secret);
    let refused = forger.post("/device/code", &[]).await.expect(401);
    assert_eq!(refused.error(), "invalid_client");
    let nobody = ours(server.port, "nobody", "");
    let refused = nobody.post("/device/code", &[]).await.expect(401);
    assert_eq!(refused.error(), "invalid_client");
    let web = ours(server.port, "web", "web-secret");
    let refused = web.post("/device/code", &[]).await.expect(400);
    assert_eq!(refused.error(), "unauthorized_client");

    let codes = asks(&server.printer()).await;
    connects(&Agent::new(), &codes, &JANE).await;
    let other = polls(&server.tv(), &codes).await.expect(400);
    assert_eq!(other.error(), "invalid_grant");
    let forged = polls(&forger, &codes).await.expect(401);
    assert_eq!(forged.error(), "invalid_client");
    polls(&server.printer(), &codes).await.expect(200);
}

#[tokio::test]
async fn what_is_missing_or_unknown_is_said_in_registered_words() {
    let server = device_server().await;
    let party = server.tv();
    let missing = party.post("/token", &[("grant_type", DEVICE_CODE)]).await;
    assert_eq!(missing.expect(400).error(), "invalid_request");
    let unknown = Codes {
        device: "a".repeat(51),
        ..asks(&party).await
    };
    assert_eq!(
        polls(&party, &unknown).await.expect(400).error(),
        "invalid_grant"
    );
    let scope = party.post("/device/code", &[("scope", "nonsense")]).await;
    assert_eq!(scope.expect(400).error(), "invalid_scope");
    let twice = [("scope", "openid"), ("scope", "email")];
    let twice = party.post("/device/code", &twice).await.expect(400);
    assert_eq!(twice.error(), "invalid_request");
    let odd = [("scope", ""), ("nobody_knows", "this")];
    party.post("/device/code", &odd).await.expect(200);
    let get = Agent::new().get(party.at("/device/code")).await;
    assert_eq!((get.status, get.header("allow")), (405, "POST"));
}

#[tokio::test]
async fn discovery_names_the_endpoint_and_the_grant_where_they_are_served() {
    let server = device_server().await;
    for (party, _) in both(server) {
        let url = party.at("/.well-known/openid-configuration");
        let discovery = Agent::new().get(url).await.expect(200).json();
        let endpoint = party.at("/device/code");
        assert_eq!(discovery["device_authorization_endpoint"], endpoint);
        let grants = discovery["grant_types_supported"].as_array().unwrap();
        assert!(grants.contains(&json!(DEVICE_CODE)), "{grants:?}");
    }
    let shared = crate::shared_server::shared_server().await;
    let url = shared.portal().at("/.well-known/openid-configuration");
    let discovery = Agent::new().get(url).await.expect(200).json();
    assert_eq!(discovery.get("device_authorization_endpoint"), None);
    for path in [
        "/device",
        "/device/code",
        "/device/callback",
        "/device/token",
    ] {
        let answer = Agent::new().get(shared.portal().at(path)).await;
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_person_who_is_logged_in_confirms_and_allows_and_types_no_password() {
    let server = device_server().await;
    let agent = Agent::new();
    let first = asks(&server.tv()).await;
    connects(&agent, &first, &JANE).await;
    let second = asks(&server.tv()).await;
    let typed = types(&agent, &second.page, &second.user).await;
    let nobody = Person::default();
    walk_to(&agent, typed, "device-answer", &nobody).await;
    polls(&server.tv(), &second).await.expect(200);
}
