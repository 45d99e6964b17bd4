//! Bitbucket Cloud is at one address, which no test speaks to: what is seen is where people are sent,
//! and what becomes of those who come back without a login.

use insula_tests::Agent;

use super::both_dialects::{app, deployment};

#[tokio::test]
async fn people_are_sent_to_bitbucket_and_may_come_back_without_a_login() {
    let deployment = deployment("bitbucket-cloud", "teams: [acme]");
    let process = deployment.open().await;
    for tenant in ["ours", "dexs"] {
        let app = app(&deployment, tenant);
        let agent = Agent::new();
        let login = app.begin_with(&[("connector_id", "up")]);
        let mut sent = agent.get(&login.url).await;
        while sent.location().host_str() != Some("bitbucket.org") {
            sent = agent.get(sent.location()).await;
        }
        let to = sent.location();
        assert_eq!(to.path(), "/site/oauth2/authorize");
        let asked = |name: &str| {
            let found = to.query_pairs().find(|(asked, _)| asked == name);
            found
                .map(|(_, value)| value.into_owned())
                .unwrap_or_default()
        };
        assert_eq!(asked("scope"), "account email");
        let back = format!(
            "{}?error=access_denied&state={}",
            asked("redirect_uri"),
            asked("state")
        );
        let answer = agent.get(&back).await;
        if tenant == "ours" {
            let to = answer.expect(303).location();
            assert_eq!(to.host_str(), Some("app.example"));
            assert!(to.query().unwrap().contains("error=access_denied"), "{to}");
        } else {
            let words = answer.expect(500).words();
            assert!(words.contains("You declined to sign in"), "{words}");
        }
    }
    process.terminate().await;
}
