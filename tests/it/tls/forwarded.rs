use insula_tests::{Agent, Deployment};
use reqwest::Method;

use crate::shared_server::{GLOBEX, HOOLI};

/// What a proxy at loopback is heard to say, by a deployment that trusts it or does not.
async fn asked(setting: &str, headers: &[(&str, &str)]) -> u16 {
    // Two tenants: one alone answers whatever the host.
    let deployment = Deployment::build()
        .tenant("hooli", HOOLI)
        .tenant("globex", GLOBEX)
        .setting(setting)
        .done();
    let process = deployment.open().await;
    let url = format!("http://internal.localhost:{}/keys", process.port);
    let answer = Agent::new().send(Method::GET, &url, headers, None).await;
    answer.status
}

#[tokio::test]
async fn a_forwarded_host_counts_from_a_trusted_proxy_and_from_nobody_else() {
    let told = [("x-forwarded-host", "hooli.localhost")];
    assert_eq!(asked("trustedProxies: [127.0.0.0/8]", &told).await, 200);
    assert_eq!(asked("trustedProxies: [10.0.0.0/8]", &told).await, 404);
    let told = [(
        "forwarded",
        "for=192.0.2.1;host=hooli.localhost;proto=https",
    )];
    assert_eq!(asked("trustedProxies: [127.0.0.1]", &told).await, 200);
    assert_eq!(asked("trustedProxies: []", &told).await, 404);
}
