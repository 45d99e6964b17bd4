//! A client that floods its tenant with wrong subject tokens.

use insula_tests::{Agent, Deployment, RelyingParty};
use serde_json::json;

use super::issuer::{Issuer, but, forged, signed};
use super::{GRANT, JWT};
use crate::shared_server;

/// A request fits in each 90 seconds, so that none comes back while the test runs. Half of them are
/// anybody's; of the others a client has an eighth of the whole.
const ACME: &str = r#"
issuer: http://acme.localhost:PORT
connectors:
  - type: oidc
    id: jobs
    name: Jobs
    grantTypes: ["urn:ietf:params:oauth:grant-type:token-exchange"]
    config: { issuer: JOBS, userNameKey: sub, scopes: [openid] }
oauth2: { grantTypes: [authorization_code, refresh_token, "urn:ietf:params:oauth:grant-type:token-exchange"] }
staticClients:
  - { id: flood, secret: flood-secret, grantTypes: ["urn:ietf:params:oauth:grant-type:token-exchange"], tokenExchange: { connectors: [{ id: jobs }] } }
  - { id: deploy, secret: deploy-secret, grantTypes: ["urn:ietf:params:oauth:grant-type:token-exchange"], tokenExchange: { connectors: [{ id: jobs }] } }
limits: { requests: 40/h }
"#;

#[tokio::test]
async fn a_client_that_floods_with_wrong_subject_tokens_waits_and_holds_up_no_other() {
    let jobs = Issuer::open().await;
    let deployment = Deployment::build()
        .tenant("acme", &ACME.replace("JOBS", &jobs.url))
        .setting("trustedProxies: [127.0.0.0/8]")
        .done();
    let _process = deployment.open().await;
    let issuer = shared_server::issuer(deployment.port, "acme");
    let job = jobs.job(&issuer);
    let present = async |client: &str, address: &str, token: &str| {
        let secret = format!("{client}-secret");
        let mut party = RelyingParty::new(&issuer, client, &secret, "https://app.example/cb");
        party.http = Agent::new().with_header("x-forwarded-for", address);
        let form = [
            ("grant_type", GRANT),
            ("connector_id", "jobs"),
            ("subject_token", token),
            ("subject_token_type", JWT),
        ];
        party.post("/token", &form).await
    };
    // Wrong ones of every kind, each from an address of its own: no address has its share used up.
    let [unsigned, by_everybody] = forged(&job);
    let of_yesterday = signed(&but(job.clone(), &json!({ "exp": 1 })));
    let of_nobody = signed(&but(
        job.clone(),
        &json!({ "aud": "https://nobody.example" }),
    ));
    let wrong = [unsigned, by_everybody, of_yesterday, of_nobody];
    let mut looked_at = 0;
    let mut told = Vec::new();
    for (n, token) in wrong.iter().cycle().take(60).enumerate() {
        let answer = present("flood", &format!("203.0.113.{n}"), token).await;
        match answer.status {
            400 => looked_at += 1,
            _ => told.push(answer),
        }
    }
    // Half of the budget and an eighth of it; one more where half was a moment short of used up.
    assert!((25..=26).contains(&looked_at), "{looked_at}");
    for answer in &told {
        assert_eq!(answer.status, 429, "{}", answer.body);
        assert_eq!(answer.error(), "temporarily_unavailable");
        assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
    }
    let right = signed(&job);
    present("flood", "203.0.113.200", &right).await.expect(429);
    for n in 0..4 {
        let answer = present("deploy", &format!("198.51.100.{n}"), &right).await;
        answer.expect(200);
    }
    assert_eq!(jobs.keys_asked(), 1, "the upstream heard nothing of it");
}
