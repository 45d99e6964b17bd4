//! What hangs on a session, and what does not.

use insula_tests::{Agent, Deployment, RelyingParty};

use super::{has_session, logout_url};
use crate::browsers::{BCRYPT, HASH};
use crate::shared_server::ADMIN;

/// A tenant with a client whose refresh tokens end with the session, and one whose do not.
fn deployment() -> Deployment {
    let tenant = format!(
        "issuer: http://acme.localhost:PORT
enablePasswordDB: true
staticPasswords: [{{ email: admin@example.com, hash: \"{HASH}\", userID: \"1\", username: admin }}]
oauth2: {{ skipApprovalScreen: true }}
staticClients:
  - {{ id: bound, secret: s, redirectURIs: [https://bound.example/cb], refreshTokenLifetime: session }}
  - {{ id: free, secret: s, redirectURIs: [https://free.example/cb] }}
"
    );
    Deployment::build().tenant("acme", &tenant).done()
}

fn party(deployment: &Deployment, client: &str) -> RelyingParty {
    let issuer = format!("http://acme.localhost:{}", deployment.port);
    let redirect_uri = format!("https://{client}.example/cb");
    let party = RelyingParty::new(&issuer, client, "s", &redirect_uri);
    party.with_scope("openid offline_access")
}

#[tokio::test]
async fn a_refresh_token_ends_with_the_session_where_its_client_wants_that() {
    let deployment = deployment();
    let process = deployment.open().await;
    for (client, ends) in [("bound", true), ("free", false)] {
        let party = party(&deployment, client);
        let agent = Agent::new();
        let tokens = party.log_in(&agent, &ADMIN).await;
        let answer = party.refresh(tokens.refresh(), &[]).await.expect(200);
        let tokens = party.read(&answer).await;
        let hint = [("id_token_hint", tokens.id().token.as_str())];
        agent.get(logout_url(&party, &hint)).await.expect(200);
        let answer = party.refresh(tokens.refresh(), &[]).await;
        assert_eq!(answer.status == 400, ends, "{client}");
        if ends {
            assert_eq!(answer.error(), "invalid_grant");
        }
    }
    process.terminate().await;
}

#[tokio::test]
async fn whoever_logs_in_anew_leaves_with_the_hint_of_before() {
    let deployment = deployment();
    let process = deployment.open().await;
    let party = party(&deployment, "free");
    let agent = Agent::new();
    let before = party.log_in(&agent, &ADMIN).await;
    let login = party.begin_with(&[("prompt", "login")]);
    let back = insula_tests::walk(&agent, &login, &ADMIN).await;
    let after = party.tokens(&login, &back).await;
    assert_ne!(before.claim("sid"), after.claim("sid"));
    let hint = [("id_token_hint", before.id().token.as_str())];
    let answer = agent.get(logout_url(&party, &hint)).await.expect(200);
    assert!(answer.page().form_with("submit-logout").is_none());
    assert!(!has_session(&agent));
    process.terminate().await;
}

/// dex takes a POST without a hint for a yes. What another site began is none, wherever it says that it
/// comes from.
#[tokio::test]
async fn a_form_that_another_site_began_logs_nobody_out() {
    let tenant = format!(
        "# dex
issuer: http://dexs.localhost:PORT
storage: {{ type: memory }}
enablePasswordDB: true
staticPasswords: [{{ email: admin@example.com, hash: \"{BCRYPT}\", userID: \"1\", username: admin }}]
oauth2: {{ skipApprovalScreen: true }}
staticClients: [{{ id: app, name: App, secret: s, redirectURIs: [https://app.example/cb] }}]
"
    );
    let deployment = Deployment::build()
        .variable("DEX_SESSIONS_ENABLED", "true")
        .tenant("dexs", &tenant)
        .done();
    let process = deployment.open().await;
    let issuer = format!("http://dexs.localhost:{}", deployment.port);
    let party = RelyingParty::new(&issuer, "app", "s", "https://app.example/cb");
    let party = party.of_dex().without_pkce();
    let agent = Agent::new();
    party.log_in(&agent, &ADMIN).await;
    let is_in = || {
        agent
            .cookies()
            .iter()
            .any(|c| c.name.starts_with("dex_session"))
    };
    let url = party.at("/logout");
    let marked = [("posted_again", "1")];
    for (site, form) in [
        ("cross-site", &marked[..0]),
        ("cross-site", &marked),
        ("same-site", &marked[..0]),
        ("same-site", &marked),
        // As our own page sends again what another site posted.
        ("same-origin", &marked),
    ] {
        let headers = [("sec-fetch-site", site)];
        let mut answer = agent.post_with(&url, form, &headers).await;
        if answer.status == 303 {
            answer = agent.get(answer.location()).await;
        }
        let asked = answer.expect(200).page();
        assert!(
            asked.form_with("submit-logout").is_some(),
            "{site} {form:?}"
        );
        assert!(is_in(), "{site} {form:?}");
    }
    let headers = [("sec-fetch-site", "same-origin")];
    agent.post_with(&url, &[], &headers).await.expect(200);
    assert!(!is_in(), "a form of ours is a yes");
    process.terminate().await;
}
