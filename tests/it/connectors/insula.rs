//! Another tenant as the upstream of the connector `oidc`.

use futures_util::future::join_all;
use insula_tests::{Agent, Deployment, Person, RelyingParty};
use serde_json::json;

use crate::browsers::HASH;
use crate::shared_server::ADMIN;

/// The tenant that has the people, with those it has today.
fn upstream(people: &str) -> String {
    format!(
        "issuer: http://upstream.localhost:PORT
enablePasswordDB: true
staticPasswords: {people}
oauth2: {{ skipApprovalScreen: true }}
staticClients:
  - {{ id: ours, name: Ours, secret: s, redirectURIs: [http://ours.localhost:PORT/callback/up] }}
"
    )
}

fn admin(groups: &str) -> String {
    format!(
        "[{{ email: admin@example.com, hash: \"{HASH}\", userID: \"1\", username: admin, groups: {groups} }}]"
    )
}

const OURS: &str = "issuer: http://ours.localhost:PORT
connectors:
  - type: oidc
    id: up
    name: Up
    config:
      issuer: http://upstream.localhost:PORT
      clientID: ours
      clientSecret: s
      scopes: [profile, email, groups, offline_access]
      insecureEnableGroups: true
oauth2: { skipApprovalScreen: true }
staticClients:
  - { id: app, name: App, secret: s, redirectURIs: [https://app.example/cb] }
";

#[tokio::test]
async fn people_of_another_tenant_log_in_and_a_refresh_tells_their_groups_of_today_until_they_are_gone()
 {
    let deployment = Deployment::build()
        .tenant("upstream", &upstream(&admin("[staff]")))
        .tenant("ours", OURS)
        .done();
    let process = deployment.open().await;
    let issuer = format!("http://ours.localhost:{}", deployment.port);
    let app = RelyingParty::new(&issuer, "app", "s", "https://app.example/cb")
        .with_scope("openid profile email groups offline_access");
    let person = Person {
        connector: None,
        ..ADMIN
    };
    let tokens = app.log_in(&Agent::new(), &person).await;
    assert_eq!(*tokens.claim("groups"), json!(["staff"]));
    assert_eq!(*tokens.claim("email"), json!("admin@example.com"));

    deployment.write_tenant("upstream", &upstream(&admin("[staff, night]")));
    process
        .says("tenant upstream is reloaded: staticPasswords\"")
        .await;
    // Each of a tenant's refresh tokens is taken once.
    let answers = join_all((0..5).map(|_| app.refresh(tokens.refresh(), &[]))).await;
    let mut latest = None;
    for answer in answers {
        let tokens = app.read(&answer.expect(200)).await;
        assert_eq!(*tokens.claim("groups"), json!(["staff", "night"]));
        latest = Some(tokens);
    }
    let latest = latest.unwrap();

    let without = upstream("[]") + "expiry: { idTokens: 30m }\n";
    deployment.write_tenant("upstream", &without);
    process
        .says("tenant upstream is reloaded: staticPasswords, expiry")
        .await;
    let refused = app.refresh(latest.refresh(), &[]).await.expect(400);
    assert_eq!(refused.error(), "invalid_grant");
    process.terminate().await;
}
