//! Tokens from the authorization endpoint: implicit and hybrid response types.

use insula_tests::{Agent, Back, Login, RelyingParty, Verified, left_half, walk};
use serde_json::{Value, json};

use crate::shared_server::{MOCK, shared_server};

/// The rule of OpenID Connect Core §3.1.3.6, by the algorithm of the token it stands in.
fn half(id_token: &Verified, text: &str) -> String {
    let header = jsonwebtoken::decode_header(&id_token.token).unwrap();
    left_half(header.alg, text)
}

async fn answered(party: &RelyingParty, more: &[(&str, &str)]) -> (Login, Back) {
    let login = party.begin_with(more);
    let back = walk(&Agent::new(), &login, &MOCK).await;
    party.check_response(&login, &back);
    (login, back)
}

fn names(back: &Back) -> Vec<&str> {
    back.params.keys().map(String::as_str).collect()
}

/// Verifies the ID token of an answer as a client does.
async fn id_token(party: &RelyingParty, login: &Login, back: &Back) -> Verified {
    let keys = party.keys().await;
    let id_token = keys.verify(back.get("id_token"), &party.issuer, &party.client_id);
    assert_eq!(id_token.claims["nonce"], login.nonce);
    id_token
}

#[tokio::test]
async fn each_response_type_brings_what_it_names_in_the_fragment_bound_together() {
    let party = shared_server().await.tokens();
    let access = [
        "access_token",
        "expires_in",
        "iss",
        "scope",
        "state",
        "token_type",
    ];
    for (response_type, expected) in [
        ("id_token", &["id_token", "iss", "state"][..]),
        ("token", &access),
        (
            "id_token token",
            &[
                "access_token",
                "expires_in",
                "id_token",
                "iss",
                "scope",
                "state",
                "token_type",
            ],
        ),
        ("code id_token", &["code", "id_token", "iss", "state"]),
        (
            "code token",
            &[
                "access_token",
                "code",
                "expires_in",
                "iss",
                "scope",
                "state",
                "token_type",
            ],
        ),
        (
            "code id_token token",
            &[
                "access_token",
                "code",
                "expires_in",
                "id_token",
                "iss",
                "scope",
                "state",
                "token_type",
            ],
        ),
    ] {
        let (login, back) = answered(&party, &[("response_type", response_type)]).await;
        assert_eq!(names(&back), expected, "{response_type}");
        assert_eq!(back.url.query(), None, "{response_type}");
        let (access, code) = (back.params.get("access_token"), back.params.get("code"));
        let mut sub = None;
        if back.params.contains_key("id_token") {
            let id_token = id_token(&party, &login, &back).await;
            let claim = |name: &str| id_token.claims[name].as_str().map(str::to_owned);
            assert_eq!(claim("at_hash"), access.map(|token| half(&id_token, token)));
            assert_eq!(claim("c_hash"), code.map(|code| half(&id_token, code)));
            sub = claim("sub");
        }
        if let Some(token) = access {
            assert_eq!(back.get("token_type"), "Bearer");
            assert_eq!(back.get("expires_in"), "600");
            let said = party.userinfo(token).await.expect(200).json();
            assert!(sub.as_ref().is_none_or(|sub| said["sub"] == *sub));
            assert!(party.is_active(token).await);
        }
        if code.is_some() {
            let tokens = party.tokens(&login, &back).await;
            assert_ne!(Some(&tokens.access_token), access);
            // OpenID Connect Core §3.3.3.6
            assert_eq!(tokens.claim("iss"), party.issuer.as_str());
            let again = tokens.claim("sub").as_str();
            assert!(sub.as_deref().is_none_or(|sub| Some(sub) == again));
        }
    }
}

#[tokio::test]
async fn a_page_without_a_server_gets_tokens_without_pkce_and_no_refresh_token() {
    let issuer = shared_server().await.issuer("tokens");
    let page = RelyingParty::new(&issuer, "page", "", "https://page.example/callback");
    let page = page.without_pkce().with_scope("openid offline_access");
    let (login, back) = answered(&page, &[("response_type", "id_token token")]).await;
    assert_eq!(back.get("scope"), "openid");
    assert!(!back.params.contains_key("refresh_token"));
    id_token(&page, &login, &back).await;
    let access = back.get("access_token");
    page.userinfo(access).await.expect(200);
    page.revoke(access).await.expect(200);
    page.userinfo(access).await.expect(401);
}

#[tokio::test]
async fn tokens_travel_in_a_posted_form_where_the_client_asks_for_one() {
    let party = shared_server().await.tokens();
    let more = [
        ("response_type", "code id_token"),
        ("response_mode", "form_post"),
    ];
    let (login, back) = answered(&party, &more).await;
    assert_eq!(back.url.as_str(), party.redirect_uri);
    let id_token = id_token(&party, &login, &back).await;
    let c_hash = half(&id_token, back.code());
    assert_eq!(id_token.claims["c_hash"], c_hash);
    party.tokens(&login, &back).await;
}

#[tokio::test]
async fn no_token_that_travelled_through_the_browser_is_logged() {
    let server = shared_server().await;
    let more = [("response_type", "code id_token token")];
    let (_, back) = answered(&server.tokens(), &more).await;
    let log = server.process.log();
    assert!(!log.is_empty());
    for name in ["code", "id_token", "access_token"] {
        assert!(!log.contains(back.get(name)), "{name}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_request_for_tokens_is_told_in_the_fragment() {
    let server = shared_server().await;
    let party = server.tokens();
    let modern = RelyingParty::new(
        &server.issuer("tokens"),
        "modern",
        "modern-secret",
        "https://modern.example/callback",
    );
    for (party, more, error) in [
        (&party, ("nonce", ""), "invalid_request"),
        (&party, ("response_mode", "query"), "invalid_request"),
        (&party, ("prompt", "none"), "login_required"),
        (&party, ("scope", "email"), "invalid_scope"),
        (&modern, ("prompt", "none"), "unauthorized_client"),
    ] {
        let login = party.begin_with(&[("response_type", "id_token"), more]);
        let answer = Agent::new().get(&login.url).await.expect(303);
        answer.assert_uncached();
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        let back = Back::of(answer.location(), Vec::new());
        assert_eq!(back.url.query(), None, "{more:?}");
        party.check_response(&login, &back);
        assert_eq!(back.get("error"), error, "{more:?}");
    }
    let login = server.portal().begin_with(&[("response_type", "id_token")]);
    let answer = Agent::new().get(&login.url).await.expect(303);
    let back = Back::of(answer.location(), Vec::new());
    assert_eq!(
        back.get("error"),
        "unsupported_response_type",
        "off by default"
    );
}

#[tokio::test]
async fn a_code_used_twice_takes_the_token_that_came_beside_it() {
    let party = shared_server().await.tokens();
    let (login, back) = answered(&party, &[("response_type", "code token")]).await;
    party.tokens(&login, &back).await;
    assert!(party.is_active(back.get("access_token")).await);
    party.redeem(&login, back.code()).await.expect(400);
    assert!(!party.is_active(back.get("access_token")).await);
}

#[tokio::test]
async fn dex_answers_with_tokens_in_the_fragment_and_tells_errors_in_the_query() {
    let party = shared_server().await.tokens_of_dex();
    // dex §1.11: parameters sorted, no iss, no lifetime beside a code
    for (response_type, expected) in [
        ("id_token", &["id_token", "state"][..]),
        (
            "id_token token",
            &[
                "access_token",
                "expires_in",
                "id_token",
                "state",
                "token_type",
            ],
        ),
        ("code id_token", &["code", "id_token", "state"]),
        (
            "code id_token token",
            &["access_token", "code", "id_token", "state", "token_type"],
        ),
    ] {
        let (login, back) = answered(&party, &[("response_type", response_type)]).await;
        assert_eq!(names(&back), expected, "{response_type}");
        assert_eq!(back.url.query(), None, "{response_type}");
        let id_token = id_token(&party, &login, &back).await;
        if let Some(token) = back.params.get("access_token") {
            assert_eq!(back.get("token_type"), "bearer");
            assert_eq!(id_token.claims["at_hash"], half(&id_token, token));
            party.userinfo(token).await.expect(200);
        }
        if back.params.contains_key("code") {
            party.tokens(&login, &back).await;
        }
    }
    for (response_type, nonce) in [("token", "n"), ("id_token", "")] {
        let login = party.begin_with(&[("response_type", response_type), ("nonce", nonce)]);
        let back = walk(&Agent::new(), &login, &MOCK).await;
        assert_eq!(back.url.fragment(), None, "dex §1.7");
        assert_eq!(back.get("error"), "invalid_request");
        assert_eq!(back.get("state"), login.state);
    }
}

#[tokio::test]
async fn discovery_names_the_response_types_of_the_tenant_and_the_grant_that_comes_with_them() {
    let server = shared_server().await;
    let told = async |party: RelyingParty| -> Value {
        let url = party.at("/.well-known/openid-configuration");
        Agent::new().get(url).await.expect(200).json()
    };
    let has_implicit = |told: &Value| {
        let grants = told["grant_types_supported"].as_array().unwrap();
        grants.contains(&json!("implicit"))
    };
    let ours = told(server.tokens()).await;
    let all = json!([
        "code",
        "code id_token",
        "code id_token token",
        "code token",
        "id_token",
        "id_token token",
        "token",
    ]);
    assert_eq!(ours["response_types_supported"], all);
    assert!(has_implicit(&ours));
    let dexs = told(server.tokens_of_dex()).await;
    assert_eq!(
        dexs["response_types_supported"],
        json!(["code", "id_token", "token"])
    );
    assert!(has_implicit(&dexs));
    for party in [server.portal(), server.globex()] {
        let without = told(party).await;
        assert_eq!(without["response_types_supported"], json!(["code"]));
        assert!(!has_implicit(&without));
    }
}
