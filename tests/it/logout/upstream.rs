//! A person is logged out at the upstream, too.

use insula_tests::{Agent, Deployment, RelyingParty};

use super::{logout_url, say_yes};
use crate::browsers::HASH;
use crate::shared_server::ADMIN;

/// A tenant of each dialect in front of another tenant that has the people.
fn deployment() -> Deployment {
    let upstream = format!(
        "issuer: http://upstream.localhost:PORT
enablePasswordDB: true
staticPasswords: [{{ email: admin@example.com, hash: \"{HASH}\", userID: \"1\", username: admin }}]
oauth2: {{ skipApprovalScreen: true }}
staticClients:
  - id: ours
    secret: s
    redirectURIs: [http://ours.localhost:PORT/callback/up]
    postLogoutRedirectURIs: [http://ours.localhost:PORT/logout/callback]
  - id: dexs
    secret: s
    redirectURIs: [http://dexs.localhost:PORT/callback]
    postLogoutRedirectURIs: [http://dexs.localhost:PORT/logout/callback]
"
    );
    let rest = |tenant: &str, more: &str| {
        format!(
            "connectors:
  - type: oidc
    id: up
    name: Up
    config: {{ issuer: http://upstream.localhost:PORT, clientID: {tenant}, clientSecret: s{more}, redirectURI: CALLBACK }}
oauth2: {{ skipApprovalScreen: true }}
staticClients:
  - {{ id: app, name: App, secret: s, redirectURIs: [https://app.example/cb], postLogoutRedirectURIs: [https://app.example/bye] }}
"
        )
    };
    let ours = rest("ours", ", upstreamLogout: true");
    let ours = ours.replace("CALLBACK", "http://ours.localhost:PORT/callback/up");
    let dexs = rest("dexs", "").replace("CALLBACK", "http://dexs.localhost:PORT/callback");
    Deployment::build()
        .variable("DEX_SESSIONS_ENABLED", "true")
        .tenant("upstream", &upstream)
        .tenant(
            "ours",
            &format!("issuer: http://ours.localhost:PORT\n{ours}"),
        )
        .tenant(
            "dexs",
            &format!(
                "# dex\nissuer: http://dexs.localhost:PORT\nstorage: {{ type: memory }}\n{dexs}"
            ),
        )
        .done()
}

#[tokio::test]
async fn whoever_leaves_here_leaves_the_upstream_and_comes_back_to_the_app() {
    let deployment = deployment();
    let process = deployment.open().await;
    for tenant in ["ours", "dexs"] {
        let issuer = format!("http://{tenant}.localhost:{}", deployment.port);
        let mut party = RelyingParty::new(&issuer, "app", "s", "https://app.example/cb");
        if tenant == "dexs" {
            party = party.of_dex().without_pkce();
        }
        let agent = Agent::new();
        let person = insula_tests::Person {
            connector: None,
            ..ADMIN
        };
        let login = party.begin();
        let back = insula_tests::walk(&agent, &login, &person).await;
        let tokens = party.tokens(&login, &back).await;
        let params = [
            ("id_token_hint", tokens.id().token.as_str()),
            ("post_logout_redirect_uri", "https://app.example/bye"),
            ("state", "s"),
        ];
        let sent = agent.get(logout_url(&party, &params)).await.expect(303);
        let to = sent.location();
        assert_eq!(to.host_str(), Some("upstream.localhost"), "{to}");
        // The upstream was given no hint, so it asks.
        let asked = agent.get(to).await.expect(200);
        let done = say_yes(&agent, &asked, "submit-logout").await.expect(303);
        let returned = done.location();
        assert_eq!(returned.path(), "/logout/callback");
        let answer = agent.get(returned).await;
        assert_eq!(
            answer.location().as_str(),
            "https://app.example/bye?state=s"
        );
        // Neither of them knows the browser any more.
        let mut answer = agent.get(party.begin().url).await;
        while (300..400).contains(&answer.status) {
            answer = agent.get(answer.location()).await;
        }
        assert!(
            answer.page().form_with("submit-login").is_some(),
            "{tenant}"
        );
    }
    process.terminate().await;
}

#[tokio::test]
async fn whoever_comes_back_from_nowhere_is_sent_nowhere() {
    let deployment = deployment();
    let process = deployment.open().await;
    for (tenant, status) in [("ours", 200), ("dexs", 400)] {
        let issuer = format!("http://{tenant}.localhost:{}", deployment.port);
        for query in ["", "?state=AAAA", "?then=https://evil.example/"] {
            let url = format!("{issuer}/logout/callback{query}");
            let answer = Agent::new().get(url).await.expect(status);
            assert_eq!(answer.header("location"), "");
        }
    }
    process.terminate().await;
}
