//! Clients and a browser that nobody here wrote.

use std::path::{Path, PathBuf};
use std::process::Command;

use insula_tests::scripts::{describe, node, python, run};
use insula_tests::{RelyingParty, program};
use serde_json::{Value, json};

use crate::shared_server::{ADMIN, JANE, KIM, MOCK, REQUEST_OBJECT_JWK, shared_server};

type Made = fn(&Path, &str) -> Command;

async fn drives_the_whole_life_of_a_login(make: Made, script: &str) {
    let Some(clients) = program("INSULA_TEST_CLIENTS") else {
        return;
    };
    let shared_server = shared_server().await;
    let spa = shared_server
        .spa()
        .with_scope("openid profile email offline_access");
    for (party, person, auth) in [
        (shared_server.portal(), JANE, "basic"),
        (shared_server.portal(), MOCK, "post"),
        (spa, JANE, "none"),
        (shared_server.initech(), KIM, "basic"),
        (shared_server.globex(), ADMIN, "basic"),
        (shared_server.globex(), MOCK, "post"),
    ] {
        let mut command = make(&clients, script);
        describe(&mut command, &party, &person);
        command.env("CLIENT_AUTH", auth);
        let told = run(command).await;
        assert_eq!(told["issuer"], party.issuer, "{told:#}");
        assert_eq!(told["claims"]["iss"], party.issuer);
        assert_eq!(told["refreshed"], true, "{told:#}");
        assert_eq!(told["rotated"], true, "{told:#}");
        assert_eq!(told["same_subject"], true, "{told:#}");
        if party.at_dex {
            assert_eq!(told["iss_in_response"], Value::Null);
        } else {
            assert_eq!(told["iss_in_response"], party.issuer);
            assert_eq!(told["revoked"], true, "{told:#}");
            assert_eq!(
                told["refresh_after_revocation"], "invalid_grant",
                "{told:#}"
            );
        }
    }
}

async fn is_given_a_token_of_its_own(make: Made, script: &str) {
    let Some(clients) = program("INSULA_TEST_CLIENTS") else {
        return;
    };
    let shared_server = shared_server().await;
    let orders = "https://orders.example";
    let ours = (
        shared_server.of_apis("nightly"),
        orders,
        "orders:read",
        orders,
    );
    let dexs = (shared_server.ci(), "", "openid groups", "ci");
    for (party, resource, scope, audience) in [ours, dexs] {
        let mut command = make(&clients, script);
        command
            .env("ISSUER", &party.issuer)
            .env("CLIENT_ID", &party.client_id)
            .env("CLIENT_SECRET", &party.secret)
            .env("SCOPE", scope)
            .env("RESOURCE", resource);
        let told = run(command).await;
        let token = told["token"]["access_token"].as_str().unwrap();
        let token = party.keys().await.verify(token, &party.issuer, audience);
        let is_dex = party.at_dex;
        let own = if is_dex { "CgJjaQ" } else { "nightly" };
        assert_eq!(token.claims["sub"], own, "{told:#}");
        let refused = if is_dex {
            Value::Null
        } else {
            "invalid_target".into()
        };
        assert_eq!(told["refused"], refused, "dex does not know the parameter");
    }
}

#[tokio::test]
async fn openid_client_of_npm_is_given_a_token_of_its_own() {
    is_given_a_token_of_its_own(node, "openid_client_machine.mjs").await;
}

#[tokio::test]
async fn authlib_of_pypi_is_given_a_token_of_its_own() {
    is_given_a_token_of_its_own(python, "authlib_machine.py").await;
}

#[tokio::test]
async fn openid_client_of_npm_drives_the_whole_life_of_a_login() {
    drives_the_whole_life_of_a_login(node, "openid_client.mjs").await;
}

#[tokio::test]
async fn openid_client_of_npm_asks_for_claims_one_by_one() {
    let Some(clients) = program("INSULA_TEST_CLIENTS") else {
        return;
    };
    let party = shared_server()
        .await
        .portal()
        .with_scope("openid offline_access");
    let mut command = node(&clients, "openid_client.mjs");
    describe(&mut command, &party, &JANE);
    let claims = r#"{"userinfo":{"email":{"essential":true}},"id_token":{"name":null,
        "acr":{"essential":true,"values":["urn:oasis:names:tc:SAML:2.0:ac:classes:Password"]}}}"#;
    command.env("CLAIMS", claims);
    let told = run(command).await;
    for (id_token, userinfo) in [
        ("claims", "userinfo"),
        ("refreshed_claims", "refreshed_userinfo"),
    ] {
        assert_eq!(told[id_token]["name"], "Jane Doe", "{told:#}");
        assert_eq!(told[id_token]["email"], Value::Null, "{told:#}");
        assert_eq!(told[userinfo]["email"], JANE.login, "{told:#}");
        assert_eq!(told[userinfo]["name"], Value::Null, "{told:#}");
    }
}

#[tokio::test]
async fn openid_client_of_npm_takes_tokens_of_the_authorization_endpoint_and_signs_a_request() {
    let Some(clients) = program("INSULA_TEST_CLIENTS") else {
        return;
    };
    let (party, signer) = (
        shared_server().await.tokens(),
        shared_server().await.signer(),
    );
    let url = party.at("/.well-known/openid-configuration");
    let discovery = party.http.get(url).await.expect(200).json();
    let alg = &discovery["introspection_signing_alg_values_supported"][0];
    let mut command = node(&clients, "openid_client_front_channel.mjs");
    describe(&mut command, &party, &MOCK);
    command
        .env("INTROSPECTION_ALG", alg.as_str().unwrap())
        .env("SIGNER_ID", &signer.client_id)
        .env("SIGNER_SECRET", &signer.secret)
        .env("SIGNER_REDIRECT_URI", &signer.redirect_uri)
        .env("SIGNER_JWK", REQUEST_OBJECT_JWK);
    let told = run(command).await;
    let sub = &told["implicit"]["sub"];
    assert!(sub.is_string(), "{told:#}");
    for login in ["hybrid", "signed"] {
        assert_eq!(told[login]["sub"], *sub, "{told:#}");
    }
    assert_eq!(
        told["signed_url_parameters"],
        json!(["client_id", "request"])
    );
    assert_eq!(told["introspection"]["active"], true);
    assert_eq!(told["signed_introspection"], told["introspection"]);
    assert_eq!(told["after_revocation"], json!({"active": false}));
}

#[tokio::test]
async fn authlib_of_pypi_drives_the_whole_life_of_a_login() {
    drives_the_whole_life_of_a_login(python, "authlib_client.py").await;
}

struct Look {
    scheme: &'static str,
    viewport: &'static str,
    javascript: &'static str,
}

async fn chromium_logs_in(
    party: &RelyingParty,
    person: &insula_tests::Person<'_>,
    look: &Look,
    more: &[(&str, &str)],
) -> Option<(Value, PathBuf)> {
    let clients = program("INSULA_TEST_CLIENTS")?;
    let chromium = program("INSULA_TEST_CHROMIUM")?;
    let shots = tempfile::tempdir().unwrap().keep();
    let login = party.begin_with(more);
    let mut command = node(&clients, "browser_login.mjs");
    describe(&mut command, party, person);
    command
        .env("INSULA_TEST_CHROMIUM", chromium)
        .env("AUTHORIZATION_URL", &login.url)
        .env("SHOTS_DIR", &shots)
        .env("COLOR_SCHEME", look.scheme)
        .env("VIEWPORT", look.viewport)
        .env("JAVASCRIPT", look.javascript);
    let told = run(command).await;
    let url = url::Url::parse(told["final_url"].as_str().unwrap()).unwrap();
    let mut back = insula_tests::Back::of(url, Vec::new());
    if let Some(body) = told["body"].as_str() {
        back.params = url::form_urlencoded::parse(body.as_bytes())
            .into_owned()
            .collect();
    }
    party.tokens(&login, &back).await;
    for step in told["steps"].as_array().unwrap() {
        let shot = Path::new(step["shot"].as_str().unwrap());
        assert!(shot.metadata().unwrap().len() > 1000, "{step}");
    }
    Some((told, shots))
}

#[tokio::test]
async fn chromium_logs_in_with_a_password() {
    let look = Look {
        scheme: "light",
        viewport: "1280x900",
        javascript: "on",
    };
    let party = client_of(shared_server().await);
    let prompt = [("prompt", "consent")];
    let Some((told, shots)) = chromium_logs_in(&party, &JANE, &look, &prompt).await else {
        return;
    };
    let names: Vec<_> = told["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["chooser", "login", "consent"]);
    std::fs::remove_dir_all(shots).unwrap();
}

#[tokio::test]
async fn chromium_logs_in_without_javascript_on_a_phone_in_the_dark() {
    let look = Look {
        scheme: "dark",
        viewport: "400x800",
        javascript: "off",
    };
    let party = client_of(shared_server().await);
    let prompt = [("prompt", "consent")];
    let Some((_, shots)) = chromium_logs_in(&party, &JANE, &look, &prompt).await else {
        return;
    };
    std::fs::remove_dir_all(shots).unwrap();
}

#[tokio::test]
async fn chromium_posts_the_answer_where_the_client_wants_a_form() {
    let look = Look {
        scheme: "light",
        viewport: "1280x900",
        javascript: "on",
    };
    let party = client_of(shared_server().await);
    let more = [("response_mode", "form_post"), ("prompt", "consent")];
    let Some((told, shots)) = chromium_logs_in(&party, &MOCK, &look, &more).await else {
        return;
    };
    assert_eq!(told["method"], "POST");
    std::fs::remove_dir_all(shots).unwrap();
}

#[tokio::test]
async fn chromium_hands_a_page_the_tokens_of_its_fragment() {
    let look = Look {
        scheme: "light",
        viewport: "1280x900",
        javascript: "on",
    };
    let party = RelyingParty {
        issuer: shared_server().await.issuer("tokens"),
        ..client_of(shared_server().await)
    };
    let more = [("response_type", "code id_token token")];
    let Some((told, shots)) = chromium_logs_in(&party, &MOCK, &look, &more).await else {
        return;
    };
    let url = url::Url::parse(told["final_url"].as_str().unwrap()).unwrap();
    assert_eq!(url.query(), None);
    let back = insula_tests::Back::of(url, Vec::new());
    party.userinfo(back.get("access_token")).await.expect(200);
    std::fs::remove_dir_all(shots).unwrap();
}

/// A client whose redirect URI a listener of the driver can stand in for.
fn client_of(shared_server: &crate::shared_server::SharedServer) -> RelyingParty {
    RelyingParty::new(
        &shared_server.issuer("acme"),
        "browser",
        "browser-secret",
        "http://browser.localhost:8300/callback",
    )
}
