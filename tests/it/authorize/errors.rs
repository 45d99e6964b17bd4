//! What is wrong with a request, and who hears of it.

use insula_tests::{Agent, Back};

use crate::shared_server::shared_server;

#[tokio::test]
async fn an_unknown_client_and_an_unproven_redirect_uri_are_told_on_a_page_only() {
    let shared_server = shared_server().await;
    for (party, unknown) in [(shared_server.portal(), 400), (shared_server.globex(), 404)] {
        let agent = Agent::new();
        for (what, status) in [
            (("client_id", "nobody"), unknown),
            (("redirect_uri", "https://evil.example/"), 400),
            (("redirect_uri", ""), 400),
        ] {
            let login = party.begin_with(&[what, ("connector_id", "mock")]);
            let mut answer = agent.get(&login.url).await;
            if answer.status == 302 {
                // dex only looks at the request at the connector
                assert_eq!(answer.location().host_str(), answer.url.host_str());
                answer = agent.get(answer.location()).await;
            }
            let answer = answer.expect(status);
            assert_eq!(answer.header("location"), "", "{what:?}");
            assert!(answer.header("content-type").starts_with("text/html"));
        }
    }
}

#[tokio::test]
async fn a_missing_client_id_is_told_on_a_page() {
    let shared_server = shared_server().await;
    for party in [shared_server.portal(), shared_server.globex()] {
        let login = party.begin_with(&[("client_id", ""), ("connector_id", "mock")]);
        let answer = Agent::new().get(&login.url).await.expect(400);
        assert!(answer.words().contains("client_id is missing"));
    }
}

#[tokio::test]
async fn what_else_is_wrong_is_told_to_the_client() {
    let portal = shared_server().await.portal();
    for (what, error) in [
        (&[("response_type", "")][..], "invalid_request"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (
            &[("response_type", "id_token")],
            "unsupported_response_type",
        ),
        (
            &[("response_type", "nonsense")],
            "unsupported_response_type",
        ),
        (&[("scope", "")], "invalid_scope"),
        (
            &[("scope", "openid audience:server:client_id:spa")],
            "invalid_scope",
        ),
        (
            &[("scope", "openid audience:server:client_id:nobody")],
            "invalid_scope",
        ),
        (&[("prompt", "none login")], "invalid_request"),
        (&[("prompt", "dance")], "invalid_request"),
        (&[("max_age", "-1")], "invalid_request"),
        (&[("max_age", "soon")], "invalid_request"),
        (&[("request", "e30.e30.")], "request_not_supported"),
        (
            &[("request_uri", "https://a.example/r")],
            "request_uri_not_supported",
        ),
        (&[("registration", "{}")], "registration_not_supported"),
        (&[("id_token_hint", "no.token.atall")], "invalid_request"),
        (&[("connector_id", "nobody")], "invalid_request"),
        (&[("code_challenge_method", "plain")], "invalid_request"),
        (&[("code_challenge", "short")], "invalid_request"),
        (&[("response_mode", "pigeon")], "invalid_request"),
    ] {
        let login = portal.begin_with(what);
        let answer = Agent::new().get(&login.url).await.expect(303);
        let back = Back::of(answer.location(), Vec::new());
        assert!(
            back.url
                .as_str()
                .starts_with("https://portal.example/callback")
        );
        portal.check_response(&login, &back);
        assert_eq!(back.get("error"), error, "{what:?}: {}", back.url);
        assert!(!back.get("error_description").is_empty(), "{what:?}");
        assert_eq!(back.params.get("code"), None);
    }
}

#[tokio::test]
async fn dex_tells_the_client_in_its_own_words() {
    let umbrella = shared_server().await.umbrella();
    for (what, error, description) in [
        (
            &[("response_type", "")][..],
            "invalid_request",
            "No response_type provided",
        ),
        (
            &[("response_type", "nonsense")],
            "invalid_request",
            "Invalid response type \"nonsense\"",
        ),
        (
            &[("response_type", "id_token")],
            "unsupported_response_type",
            "Unsupported response type \"id_token\"",
        ),
        (
            &[("scope", "email")],
            "invalid_scope",
            "Missing required scope(s) [\"openid\"].",
        ),
        (
            &[("scope", "openid what ever")],
            "invalid_scope",
            "Unrecognized scope(s) [\"what\" \"ever\"]",
        ),
        (
            &[("scope", "openid audience:server:client_id:x")],
            "invalid_scope",
            "Client can't request scope(s) [\"audience:server:client_id:x\"]",
        ),
        (
            &[("code_challenge", "x"), ("code_challenge_method", "S512")],
            "invalid_request",
            "Unsupported PKCE challenge method (\"S512\").",
        ),
    ] {
        let login = umbrella.begin_with(what);
        let at = login.url.replace("/auth?", "/auth/mock?");
        let answer = Agent::new().get(at).await.expect(303);
        let back = Back::of(answer.location(), Vec::new());
        umbrella.check_response(&login, &back);
        assert_eq!(back.get("error"), error, "{what:?}");
        assert_eq!(back.get("error_description"), description, "{what:?}");
    }
}

#[tokio::test]
async fn a_parameter_that_stands_twice_is_refused() {
    let portal = shared_server().await.portal();
    let login = portal.begin();
    for name in ["client_id", "redirect_uri"] {
        let twice = format!("{}&{name}=x", login.url);
        Agent::new().get(twice).await.expect(400);
    }
    for name in ["scope", "state", "nonce", "prompt&prompt"] {
        let twice = format!("{}&{name}=login", login.url);
        let answer = Agent::new().get(twice).await.expect(303);
        let back = Back::of(answer.location(), Vec::new());
        assert_eq!(back.get("error"), "invalid_request", "{name}");
    }
}

#[tokio::test]
async fn scopes_nobody_knows_are_passed_over_in_our_dialect() {
    let hooli = shared_server().await.hooli();
    let login = hooli.begin_with(&[("scope", "openid email calendars")]);
    let back = insula_tests::walk(&Agent::new(), &login, &crate::shared_server::MOCK).await;
    let tokens = hooli.tokens(&login, &back).await;
    assert_eq!(tokens.answer["scope"], "openid email");
}

#[tokio::test]
async fn a_method_that_is_none_of_ours_is_refused() {
    let portal = shared_server().await.portal();
    for method in ["PUT", "DELETE", "PATCH"] {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let url = portal.at("/auth");
        let answer = Agent::new().send(method, &url, &[], None).await;
        assert_eq!(answer.status, 405);
    }
}
