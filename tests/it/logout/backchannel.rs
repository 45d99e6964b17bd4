//! Clients are told by their servers (OpenID Connect Back-Channel Logout 1.0).

use insula_tests::{Agent, Deployment, Heard, ListeningClient, Process, RelyingParty, Verified};
use serde_json::json;

use super::{logout_url, say_yes};
use crate::browsers::{BCRYPT, HASH};
use crate::shared_server::ADMIN;

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Two tenants, one of each dialect, whose clients `app` and `shop` are told at these addresses.
pub(super) fn deployment(app: &str, shop: &str) -> Deployment {
    let clients = format!(
        "staticClients:
  - id: app
    name: App
    secret: app-secret
    redirectURIs: [https://app.example/cb]
    postLogoutRedirectURIs: [https://app.example/bye]
    backchannelLogoutURI: {app}
  - id: shop
    name: Shop
    secret: shop-secret
    redirectURIs: [https://shop.example/cb]
    backchannelLogoutURI: {shop}
"
    );
    let ours = format!(
        "issuer: http://ours.localhost:PORT
enablePasswordDB: true
staticPasswords: [{{ email: admin@example.com, hash: \"{HASH}\", userID: \"1\", username: admin }}]
oauth2: {{ skipApprovalScreen: true }}
{clients}"
    );
    let dexs = format!(
        "# dex
issuer: http://dexs.localhost:PORT
storage: {{ type: memory }}
sessions: {{ ssoSharedWithDefault: all }}
enablePasswordDB: true
staticPasswords: [{{ email: admin@example.com, hash: \"{BCRYPT}\", userID: \"1\", username: admin }}]
oauth2: {{ skipApprovalScreen: true }}
{clients}"
    );
    Deployment::build()
        .variable("DEX_SESSIONS_ENABLED", "true")
        .tenant("ours", &ours)
        .tenant("dexs", &dexs)
        .done()
}

pub(super) fn party(deployment: &Deployment, tenant: &str, client: &str) -> RelyingParty {
    let issuer = format!("http://{tenant}.localhost:{}", deployment.port);
    let secret = format!("{client}-secret");
    let redirect_uri = format!("https://{client}.example/cb");
    let party = RelyingParty::new(&issuer, client, &secret, &redirect_uri);
    if tenant == "dexs" {
        party.of_dex().without_pkce()
    } else {
        party
    }
}

/// What a client was told, believed only with a good signature.
pub(super) async fn believed(party: &RelyingParty, heard: &Heard) -> Verified {
    assert_eq!(heard.method, "POST");
    let form = "application/x-www-form-urlencoded";
    assert_eq!(heard.headers["content-type"], form);
    assert_eq!(heard.form.len(), 1, "{heard:?}");
    let keys = party.keys().await;
    let told = keys.verify(&heard.form["logout_token"], &party.issuer, &party.client_id);
    assert_eq!(told.claims["events"], json!({ EVENT: {} }));
    assert_eq!(told.claims.get("nonce"), None);
    assert!(told.claims["jti"].is_string());
    let life = told.claims["exp"].as_i64().unwrap() - told.claims["iat"].as_i64().unwrap();
    assert_eq!(life, 120);
    told
}

#[tokio::test]
async fn each_client_of_a_session_is_told_and_no_other() {
    let (mut app, mut shop) = (
        ListeningClient::start().await,
        ListeningClient::start().await,
    );
    let deployment = deployment(&app.at("/app?x=1"), &shop.at("/shop"));
    let process = deployment.open().await;
    for tenant in ["ours", "dexs"] {
        let (at_app, at_shop) = (
            party(&deployment, tenant, "app"),
            party(&deployment, tenant, "shop"),
        );
        let alone = at_app.log_in(&Agent::new(), &ADMIN).await;
        let agent = Agent::new();
        let tokens = at_app.log_in(&agent, &ADMIN).await;
        let login = at_shop.begin();
        let back = insula_tests::walk(&agent, &login, &ADMIN).await;
        let at_shop_too = at_shop.tokens(&login, &back).await;
        assert_eq!(tokens.claim("sid"), at_shop_too.claim("sid"));
        assert_ne!(tokens.claim("sid"), alone.claim("sid"));

        let hint = [("id_token_hint", tokens.id().token.as_str())];
        agent.get(logout_url(&at_app, &hint)).await.expect(200);
        let heard = app.hears().await;
        assert_eq!(heard.target, "/app?x=1");
        let told = believed(&at_app, &heard).await;
        assert_eq!(told.claims["sid"], *tokens.claim("sid"));
        assert_eq!(told.claims["sub"], *tokens.claim("sub"));
        assert_eq!(told.claims["aud"], "app");
        let typ = (tenant == "ours").then(|| json!("logout+jwt"));
        assert_eq!(told.header.get("typ"), typ.as_ref(), "{tenant}");
        let told = believed(&at_shop, &shop.hears().await).await;
        assert_eq!(told.claims["sid"], *tokens.claim("sid"));
        assert_eq!(told.claims["aud"], "shop");
        assert_eq!(app.heard_more().len() + shop.heard_more().len(), 0);
    }
    process.terminate().await;
}

#[tokio::test]
async fn a_server_ends_a_session_by_its_hint_and_other_servers_are_told() {
    let (mut app, mut shop) = (
        ListeningClient::start().await,
        ListeningClient::start().await,
    );
    let deployment = deployment(&app.at("/app"), &shop.at("/shop"));
    let process = deployment.open().await;
    for tenant in ["ours", "dexs"] {
        let at_app = party(&deployment, tenant, "app");
        let agent = Agent::new();
        let tokens = at_app.log_in(&agent, &ADMIN).await;
        let at_shop = party(&deployment, tenant, "shop");
        insula_tests::walk(&agent, &at_shop.begin(), &ADMIN).await;

        let params = [
            ("id_token_hint", tokens.id().token.as_str()),
            ("client_id", "app"),
        ];
        let server = Agent::new();
        server.get(logout_url(&at_app, &params)).await.expect(200);
        let told = believed(&at_shop, &shop.hears().await).await;
        assert_eq!(told.claims["sid"], *tokens.claim("sid"));
        believed(&at_app, &app.hears().await).await;
        let login = at_app.begin_with(&[("prompt", "none")]);
        let mut answer = agent.get(&login.url).await;
        while answer.location().host_str() != Some("app.example") {
            answer = agent.get(answer.location()).await;
        }
        assert!(answer.header("location").contains("login_required"));
    }
    process.terminate().await;
}

/// Logs somebody in and out at `app`; answers the `sid`.
async fn come_and_go(at_app: &RelyingParty) -> String {
    let agent = Agent::new();
    let tokens = at_app.log_in(&agent, &ADMIN).await;
    let hint = [("id_token_hint", tokens.id().token.as_str())];
    agent.get(logout_url(at_app, &hint)).await.expect(200);
    tokens.claim("sid").as_str().unwrap().to_owned()
}

async fn hears_of(app: &mut ListeningClient, at_app: &RelyingParty, sid: &str) {
    loop {
        let told = believed(at_app, &app.hears().await).await;
        if told.claims["sid"] == sid {
            return;
        }
    }
}

#[tokio::test]
async fn a_client_that_fails_is_told_again_also_by_a_process_that_comes_after_a_crash() {
    let mut app = ListeningClient::start().await;
    let deployment = deployment(&app.at("/app"), &app.at("/shop"));
    let process: Process = deployment.open().await;
    let at_app = party(&deployment, "ours", "app");
    app.answers(Some(503));
    let sid = come_and_go(&at_app).await;
    hears_of(&mut app, &at_app, &sid).await;
    process.crash();
    app.answers(Some(200));
    let process = deployment.open().await;
    hears_of(&mut app, &at_app, &sid).await;
    let told = process.metrics().await;
    assert!(told.has("insula_logouts_told_total"));
    process.terminate().await;
}

#[tokio::test]
async fn a_client_that_never_answers_keeps_nobody_waiting() {
    let (mut app, mut shop) = (
        ListeningClient::start().await,
        ListeningClient::start().await,
    );
    let deployment = deployment(&app.at("/app"), &shop.at("/shop"));
    let process = deployment.open().await;
    app.answers(None);
    let at_app = party(&deployment, "ours", "app");
    let at_shop = party(&deployment, "ours", "shop");
    for _ in 0..10 {
        come_and_go(&at_app).await;
    }
    app.hears().await;
    for _ in 0..3 {
        let sid = come_and_go(&at_shop).await;
        let told = believed(&at_shop, &shop.hears().await).await;
        assert_eq!(told.claims["sid"], sid.as_str());
    }
    process.terminate().await;
}

#[tokio::test]
async fn whoever_leaves_everywhere_leaves_every_browser_and_every_client() {
    let mut app = ListeningClient::start().await;
    let deployment = deployment(&app.at("/app"), &app.at("/shop"));
    let process = deployment.open().await;
    let at_app = party(&deployment, "ours", "app");
    let (here, there) = (Agent::new(), Agent::new());
    let mut sids = Vec::new();
    for agent in [&here, &there] {
        let tokens = at_app.log_in(agent, &ADMIN).await;
        sids.push(tokens.claim("sid").clone());
    }
    let asked = here.get(logout_url(&at_app, &[])).await.expect(200);
    let page = asked.page();
    assert!(
        page.words().contains("one other browser"),
        "{}",
        page.words()
    );
    say_yes(&here, &asked, "submit-logout-everywhere")
        .await
        .expect(200);
    let mut told = Vec::new();
    for _ in 0..2 {
        let heard = app.hears().await;
        told.push(believed(&at_app, &heard).await.claims["sid"].clone());
    }
    told.sort_by_key(ToString::to_string);
    sids.sort_by_key(ToString::to_string);
    assert_eq!(told, sids);
    for agent in [&here, &there] {
        let login = at_app.begin_with(&[("prompt", "none")]);
        let answer = agent.get(&login.url).await.expect(303);
        assert!(answer.header("location").contains("login_required"));
    }
    process.terminate().await;
}
