//! What a tenant says of itself (OpenID Connect Discovery, RFC 8414).

use insula_tests::Agent;
use serde_json::{Value, json};

use crate::shared_server::shared_server;

#[tokio::test]
async fn every_endpoint_it_names_is_there() {
    let shared_server = shared_server().await;
    for party in [
        shared_server.portal(),
        shared_server.initech(),
        shared_server.globex(),
    ] {
        let url = party.at("/.well-known/openid-configuration");
        let discovery = Agent::new().get(url).await.expect(200).json();
        assert_eq!(discovery["issuer"], party.issuer);
        for (name, value) in discovery.as_object().unwrap() {
            let is_endpoint = name.ends_with("_endpoint") || name == "jwks_uri";
            if let Some(url) = value.as_str().filter(|_| is_endpoint) {
                assert!(url.starts_with(&party.issuer), "{name}: {url}");
                let status = Agent::new().get(url).await.status;
                assert_ne!(status, 404, "{name}: {url}");
            }
        }
    }
}

#[tokio::test]
async fn our_dialect_promises_what_it_keeps() {
    let portal = shared_server().await.portal();
    let url = portal.at("/.well-known/openid-configuration");
    let discovery = Agent::new().get(url).await.json();
    for (name, value) in [
        ("response_types_supported", json!(["code"])),
        (
            "response_modes_supported",
            json!(["query", "fragment", "form_post"]),
        ),
        (
            "grant_types_supported",
            json!(["authorization_code", "refresh_token"]),
        ),
        ("code_challenge_methods_supported", json!(["S256"])),
        (
            "token_endpoint_auth_methods_supported",
            json!(["client_secret_basic", "client_secret_post", "none"]),
        ),
        (
            "authorization_response_iss_parameter_supported",
            json!(true),
        ),
        ("request_uri_parameter_supported", json!(false)),
        ("claims_parameter_supported", json!(true)),
        ("ui_locales_supported", json!(["en", "de", "fr"])),
        ("subject_types_supported", json!(["public"])),
        ("backchannel_logout_supported", json!(true)),
        ("backchannel_logout_session_supported", json!(true)),
        ("frontchannel_logout_supported", json!(true)),
        ("frontchannel_logout_session_supported", json!(true)),
    ] {
        assert_eq!(discovery[name], value, "{name}");
    }
    for name in [
        "revocation_endpoint",
        "introspection_endpoint",
        "end_session_endpoint",
    ] {
        assert!(discovery[name].is_string(), "{name}");
    }
}

#[tokio::test]
async fn dex_says_what_dex_says() {
    let globex = shared_server().await.globex();
    let url = globex.at("/.well-known/openid-configuration");
    let answer = Agent::new().get(url).await.expect(200);
    assert_eq!(answer.header("content-type"), "application/json");
    assert!(
        answer.body.starts_with("{\n  \"issuer\""),
        "indented by two"
    );
    let discovery = answer.json();
    assert_eq!(
        discovery["code_challenge_methods_supported"],
        json!(["S256", "plain"])
    );
    assert_eq!(
        discovery["id_token_signing_alg_values_supported"],
        json!(["RS256"])
    );
    for absent in [
        "revocation_endpoint",
        "response_modes_supported",
        "end_session_endpoint",
        "backchannel_logout_supported",
        "backchannel_logout_session_supported",
        "frontchannel_logout_supported",
    ] {
        assert_eq!(discovery[absent], Value::Null, "{absent}");
    }
}

#[tokio::test]
async fn authorization_server_metadata_is_found_in_both_spellings() {
    let shared_server = shared_server().await;
    let printer = shared_server.initech();
    let of_issuer = Agent::new()
        .get(printer.at("/.well-known/openid-configuration"))
        .await
        .expect(200);
    let port = shared_server.deployment.port;
    // RFC 8414 §3.1: the well-known part stands before the issuer's path.
    let rfc =
        format!("http://login.localhost:{port}/.well-known/oauth-authorization-server/initech");
    let by_rfc = Agent::new().get(rfc).await.expect(200);
    assert_eq!(by_rfc.body, of_issuer.body);
    assert_eq!(by_rfc.header("content-type"), "application/json");
    let root = shared_server
        .portal()
        .at("/.well-known/oauth-authorization-server");
    let root = Agent::new().get(root).await.expect(200).json();
    assert_eq!(root["issuer"], shared_server.issuer("acme"));
}

#[tokio::test]
async fn scripts_of_any_origin_may_read_it_in_our_dialect() {
    let shared_server = shared_server().await;
    let origin = [("origin", "https://spa.example")];
    for path in ["/.well-known/openid-configuration", "/keys"] {
        let url = shared_server.portal().at(path);
        let get = reqwest::Method::GET;
        let answer = Agent::new().send(get.clone(), &url, &origin, None).await;
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        let url = shared_server.globex().at(path);
        let answer = Agent::new().send(get, &url, &origin, None).await;
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
    let url = shared_server.portal().at("/auth");
    let get = reqwest::Method::GET;
    let answer = Agent::new().send(get, &url, &origin, None).await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
    let preflight = [
        ("origin", "https://spa.example"),
        ("access-control-request-method", "POST"),
    ];
    let url = shared_server.portal().at("/token");
    let answer = Agent::new()
        .send(reqwest::Method::OPTIONS, &url, &preflight, None)
        .await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-credentials"), "");
}
