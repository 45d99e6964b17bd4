//! dex's form of it, to the letter where programs look.

use insula_tests::{Agent, RelyingParty, walk_to};
use reqwest::Method;

use super::{Codes, DEVICE_CODE, asks, connects, device_server, dexs, polls, types};
use crate::shared_server::{ADMIN, MOCK};

#[tokio::test]
async fn the_answer_is_dex_s_to_the_byte() {
    let server = device_server().await;
    let party = server.kubelogin();
    let answer = party.post("/device/code", &[]).await.expect(200);
    assert_eq!(answer.header("content-type"), "application/json");
    answer.assert_uncached();
    let told = answer.json();
    let text = |name: &str| told[name].as_str().unwrap();
    let issuer = &party.issuer;
    let (device, user) = (text("device_code"), text("user_code"));
    assert_eq!(
        answer.body,
        format!(
            "{{\n   \"device_code\": \"{device}\",\n   \"user_code\": \"{user}\",\n   \
             \"verification_uri\": \"{issuer}/device\",\n   \
             \"verification_uri_complete\": \"{issuer}/device?user_code={user}\",\n   \
             \"expires_in\": 360,\n   \"interval\": 5\n}}\n"
        )
    );
    assert_eq!((device.len(), user.len()), (51, 9));
    assert!(user.bytes().all(|b| b"BCDFGHJKLMNPQRSTVWXZ-".contains(&b)));
}

#[tokio::test]
async fn clients_come_back_to_both_spellings_of_the_callback_and_public_ones_to_either() {
    let server = device_server().await;
    for party in [
        server.kubelogin(),
        dexs(server.port, "cli", "cli-secret"),
        dexs(server.port, "head", "head-secret"),
    ] {
        let codes = asks(&party).await;
        let agent = Agent::new();
        let sent = types(&agent, &codes.page, &codes.user).await;
        assert_eq!(sent.status, 302);
        let expected = format!(
            "/dex/auth?client_id={}&redirect_uri=%2Fdex%2Fdevice%2Fcallback&response_type=code\
             &scope=openid+profile+email+offline_access&state={}",
            party.client_id, codes.user
        );
        assert_eq!(sent.header("location"), expected);
        let done = walk_to(&agent, sent, "device-answer", &MOCK).await;
        assert_eq!(done.url.path(), "/dex/device/callback");
        assert_eq!(done.status, 200);
        let answer = polls(&party, &codes).await.expect(200);
        assert!(
            answer.body.starts_with("{\n  \"access_token\": \""),
            "{}",
            answer.body
        );
        assert!(answer.body.ends_with("\"\n}"), "{}", answer.body);
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.json()["token_type"], "bearer");
    }
    let web = dexs(server.port, "web", "web-secret");
    let codes = asks(&web).await;
    let sent = types(&Agent::new(), &codes.page, &codes.user).await;
    let refused = Agent::new().get(sent.location()).await;
    assert_eq!(refused.status, 400);
    assert!(refused.words().contains("Unregistered redirect_uri."));
}

#[tokio::test]
async fn polling_needs_no_client_and_errors_are_dex_s() {
    let server = device_server().await;
    let party = server.kubelogin();
    let codes = asks(&party).await;
    let stranger = Agent::new();
    let ask = async |path: &str, device: &str| {
        let form = [("grant_type", DEVICE_CODE), ("device_code", device)];
        let answer = stranger.post(party.at(path), &form).await;
        (answer.status, answer.body)
    };
    let told = |status: u16, body: &str| (status, body.to_owned());
    let pending = ask("/token", &codes.device).await;
    assert_eq!(pending, told(400, r#"{"error":"authorization_pending"}"#));
    let fast = ask("/device/token", &codes.device).await;
    assert_eq!(fast, told(400, r#"{"error":"slow_down"}"#));
    for path in ["/token", "/device/token"] {
        let unknown = ask(path, "unknown").await;
        let body = r#"{"error":"invalid_request","error_description":"Invalid Device code."}"#;
        assert_eq!(unknown, told(400, body));
        let missing = ask(path, "").await;
        let body = r#"{"error":"invalid_request","error_description":"No device code received"}"#;
        assert_eq!(missing, told(400, body));
    }
    let other = [("grant_type", "authorization_code")];
    let other = stranger.post(party.at("/device/token"), &other).await;
    assert_eq!(
        (other.status, &*other.body),
        (400, r#"{"error":"invalid_grant"}"#)
    );
}

#[tokio::test]
async fn pages_of_the_callback_and_of_wrong_methods_have_dex_s_words() {
    let server = device_server().await;
    let party = server.kubelogin();
    let codes = asks(&party).await;
    let state = format!("state={}", codes.user);
    for (method, path, said) in [
        (
            Method::GET,
            "/device/callback".to_owned(),
            "Request was missing parameters",
        ),
        (
            Method::GET,
            format!("/device/callback?error=access_denied&{state}"),
            "Request was missing parameters",
        ),
        (
            Method::GET,
            format!("/device/callback?error=access_denied&{state}&code=x"),
            "Authorization failed. Please try again.",
        ),
        (
            Method::GET,
            format!("/device/callback?{state}&code=x"),
            "Invalid or expired auth code.",
        ),
        (
            Method::POST,
            "/device".to_owned(),
            "Requested resource does not exist.",
        ),
        (
            Method::GET,
            "/device/token".to_owned(),
            "Requested resource does not exist.",
        ),
        (
            Method::GET,
            "/device/auth/verify_code".to_owned(),
            "Requested resource does not exist.",
        ),
        (
            Method::POST,
            "/device/auth/verify_code".to_owned(),
            "No user code received",
        ),
    ] {
        let form = (method == Method::POST).then(String::new);
        let answer = Agent::new().send(method, &party.at(&path), &[], form).await;
        assert_eq!(answer.status, 400, "{path}");
        assert!(answer.words().contains(said), "{path}: {}", answer.words());
    }
}

#[tokio::test]
async fn the_form_is_filled_in_and_says_that_a_code_is_wrong() {
    let server = device_server().await;
    let party = server.kubelogin();
    let codes = asks(&party).await;
    let field = |answer: &insula_tests::Answer| {
        let form = answer.page().form_with("user_code").unwrap().clone();
        assert!(form.action.ends_with("/dex/device/auth/verify_code"));
        form.value("user_code").unwrap_or_default().to_owned()
    };
    let empty = Agent::new().get(&codes.page).await.expect(200);
    assert_eq!(field(&empty), "");
    let filled = Agent::new().get(&codes.complete).await.expect(200);
    assert_eq!(field(&filled), codes.user);
    let page = filled.page();
    assert!(page.has("device-client") && page.has("device-when"));
    assert!(filled.words().contains("127.0.0.1"), "{}", filled.words());
    assert!(!empty.page().has("device-client"));
    let invalid = format!("{}?user_code=BBBB-BBBB&invalid=true", codes.page);
    let invalid = Agent::new().get(invalid).await.expect(400);
    assert_eq!(field(&invalid), "BBBB-BBBB");
    let wrong = types(&Agent::new(), &codes.page, "bbbb-bbbb").await;
    assert_eq!((wrong.status, field(&wrong)), (400, "BBBB-BBBB".to_owned()));
    assert!(wrong.page().has("login-error"));
}

#[tokio::test]
async fn codes_are_given_to_everybody_and_worth_nothing_without_the_client_s_secret() {
    let server = device_server().await;
    let mut forger = dexs(server.port, "cli", "cli-secret");
    "guess".clone_into(&mut forger.secret);
    let codes = asks(&forger).await;
    let agent = Agent::new();
    let sent = types(&agent, &codes.page, &codes.user).await;
    let refused = to_the_callback(&agent, sent.location().into(), &forger).await;
    assert_eq!(refused.status, 401);
    let body = r#"{"error":"invalid_client","error_description":"Invalid client credentials."}"#;
    assert_eq!(refused.body, body);
    assert_eq!(
        polls(&forger, &codes).await.error(),
        "authorization_pending"
    );
    let nobody = dexs(server.port, "nobody", "");
    asks(&nobody).await;
}

/// Logs in at the upstream and comes to the callback, whatever it answers.
async fn to_the_callback(agent: &Agent, url: String, party: &RelyingParty) -> insula_tests::Answer {
    let mut login = party.begin();
    login.url = url;
    login.redirect_uri = party.at("/device/callback");
    let back = insula_tests::walk(agent, &login, &MOCK).await;
    agent.get(back.url).await
}

#[tokio::test]
async fn a_form_of_another_site_and_a_link_connect_nothing() {
    let server = device_server().await;
    let party = server.kubelogin();
    let codes = asks(&party).await;
    let victim = Agent::new();
    let elsewhere = [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://evil.example"),
    ];
    let form = [("user_code", codes.user.as_str())];
    let to = party.at("/device/auth/verify_code");
    let asked = victim.post_with(&to, &form, &elsewhere).await;
    assert_eq!(asked.status, 303);
    assert_eq!(asked.location().as_str(), codes.complete);

    let attacker = types(&Agent::new(), &codes.page, &codes.user).await;
    let refused = to_the_callback(&victim, attacker.location().into(), &party).await;
    assert_eq!(refused.status, 400);
    assert_eq!(polls(&party, &codes).await.error(), "authorization_pending");
}

#[tokio::test]
async fn a_device_asks_twice_for_what_it_got_and_loses_nothing() {
    let server = device_server().await;
    let party = server.kubelogin();
    let codes: Codes = asks(&party).await;
    connects(&Agent::new(), &codes, &ADMIN).await;
    let tokens = polls(&party, &codes).await.expect(200).json();
    let again = polls(&party, &codes).await.expect(400);
    assert_eq!(again.error(), "invalid_request");
    let alive = party
        .userinfo(tokens["access_token"].as_str().unwrap())
        .await;
    assert_eq!(alive.status, 200);
}
