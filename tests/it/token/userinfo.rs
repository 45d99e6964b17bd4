//! Who the bearer of an access token is (OpenID Connect Core §5.3).

use insula_tests::Agent;

use crate::shared_server::{JANE, MOCK, shared_server};

#[tokio::test]
async fn the_bearer_learns_what_the_scopes_release() {
    let portal = shared_server().await.portal();
    let tokens = portal.log_in(&Agent::new(), &JANE).await;
    let answer = portal.userinfo(&tokens.access_token).await.expect(200);
    answer.assert_uncached();
    let claims = answer.json();
    assert_eq!(claims["sub"], *tokens.claim("sub"));
    assert_eq!(claims["email"], "jane@acme.example");
    for technical in ["exp", "aud", "jti", "scope", "client_id"] {
        assert_eq!(claims[technical], serde_json::Value::Null, "{technical}");
    }
}

#[tokio::test]
async fn post_does_as_well() {
    let portal = shared_server().await.portal();
    let tokens = portal.log_in(&Agent::new(), &JANE).await;
    let bearer = format!("Bearer {}", tokens.access_token);
    let headers = [("authorization", bearer.as_str())];
    let url = portal.at("/userinfo");
    let answer = Agent::new().post_with(url, &[], &headers).await;
    answer.expect(200);
}

#[tokio::test]
async fn the_token_may_come_in_a_form_but_not_in_two_places() {
    let portal = shared_server().await.portal();
    let tokens = portal.log_in(&Agent::new(), &JANE).await;
    let token = tokens.access_token.as_str();
    let (url, form) = (portal.at("/userinfo"), [("access_token", token)]);
    let answer = Agent::new().post(&url, &form).await.expect(200);
    assert_eq!(answer.json()["sub"], *tokens.claim("sub"));
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let answer = Agent::new().post_with(&url, &form, &headers).await;
    let answer = answer.expect(400);
    assert_eq!(answer.error(), "invalid_request");
    let challenge = answer.header("www-authenticate");
    assert!(
        challenge.contains("error=\"invalid_request\""),
        "{challenge}"
    );
}

#[tokio::test]
async fn who_has_no_good_token_is_challenged() {
    let shared_server = shared_server().await;
    let portal = shared_server.portal();
    let answer = Agent::new().get(portal.at("/userinfo")).await.expect(401);
    let challenge = answer.header("www-authenticate");
    assert!(challenge.starts_with("Bearer realm="), "{challenge}");
    assert!(!challenge.contains("error="), "RFC 6750 §3.1: {challenge}");
    let tokens = portal.log_in(&Agent::new(), &JANE).await;
    for bad in ["x", "a.b.c", tokens.id().token.as_str(), tokens.refresh()] {
        let answer = portal.userinfo(bad).await.expect(401);
        let challenge = answer.header("www-authenticate");
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    }
    // In the address it would be in every log on the way (RFC 9700 §4.3.2).
    let url = portal.at(&format!("/userinfo?access_token={}", tokens.access_token));
    Agent::new().get(url).await.expect(401);
}

#[tokio::test]
async fn dex_takes_any_jwt_of_its_own_and_answers_all_of_it() {
    let globex = shared_server().await.globex();
    let tokens = globex.log_in(&Agent::new(), &MOCK).await;
    for token in [&tokens.access_token, &tokens.id().token] {
        let claims = globex.userinfo(token).await.expect(200).json();
        assert_eq!(claims["iss"], globex.issuer);
        assert_eq!(claims["aud"], "example-app");
        assert_eq!(claims["email"], "kilgore@kilgore.trout");
    }
    let answer = Agent::new().get(globex.at("/userinfo")).await.expect(401);
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    assert_eq!(answer.error(), "access_denied");
    let answer = globex.userinfo("a.b.c").await.expect(403);
    assert_eq!(answer.error(), "access_denied");
}
