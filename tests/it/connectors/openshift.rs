//! A cluster that answers from memory of OpenShift's documentation: "Configuring the internal OAuth server", and
//! of the API reference "User [user.openshift.io/v1]". Clusters have authorities of their own.

use data_encoding::BASE64;
use insula_tests::{Agent, Deployment, Person, RelyingParty};
use reqwest::Certificate;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;

use super::vendor::{CLIENT, Paths, SECRET, Vendor};
use crate::tls::upstream::authority;

/// A tenant of one connector that trusts the cluster's authority, one that trusts whatever certificate
/// there is, and one that trusts the machine's own authorities alone.
fn tenant(cluster: &str, authority: &str) -> String {
    let connector = |id: &str, more: &str| {
        format!(
            "  - type: openshift
    id: {id}
    name: {id}
    config: {{ issuer: \"{cluster}\", clientID: {CLIENT}, clientSecret: {SECRET}, groups: [admins]{more} }}
"
        )
    };
    let named = format!(", rootCA: {}", BASE64.encode(authority.as_bytes()));
    let connectors = [
        connector("named", &named),
        connector("any", ", insecureCA: true"),
        connector("usual", ""),
    ];
    format!(
        "issuer: http://acme.localhost:PORT
connectors:
{}oauth2: {{ skipApprovalScreen: true }}
staticClients:
  - {{ id: app, name: App, secret: s, redirectURIs: [https://app.example/cb] }}
",
        connectors.concat()
    )
}

#[tokio::test]
async fn people_of_a_cluster_log_in_where_its_certificate_is_trusted() {
    // Which cryptography is used is said once, by whoever makes a browser.
    let _ = Agent::new();
    let (ca, cert, key) = authority();
    let tls = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(cert.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
        )
        .unwrap();
    let paths = Paths {
        authorize: "/oauth/authorize",
        token: "/oauth/token",
        open: "/.well-known/",
    };
    let metadata = json!({"issuer": "https://oauth-openshift.apps.cluster.example",
        "authorization_endpoint": "SELF/oauth/authorize", "token_endpoint": "SELF/oauth/token",
        "code_challenge_methods_supported": ["plain", "S256"]});
    let user = json!({"kind": "User", "metadata": {"name": "jdoe", "uid": "6f7e9c2d"},
        "fullName": "Jane Doe", "groups": ["system:authenticated", "admins"]});
    let cluster = Vendor::over_tls(
        paths,
        json!({"/.well-known/oauth-authorization-server": metadata,
            "/apis/user.openshift.io/v1/users/~": user}),
        tls,
    );
    let deployment = Deployment::build()
        .tenant("acme", &tenant(&cluster.url, &ca))
        .done();
    let process = deployment.open().await;
    let issuer = format!("http://acme.localhost:{}", deployment.port);
    let app = RelyingParty::new(&issuer, "app", "s", "https://app.example/cb")
        .with_scope("openid profile groups");
    let browser = || Agent::new().trusting(Certificate::from_pem(ca.as_bytes()).unwrap());
    for connector in ["named", "any"] {
        let tokens = app.log_in(&browser(), &Person::at(connector)).await;
        let told = &tokens.id().claims;
        assert_eq!(told["preferred_username"], "jdoe", "{connector}");
        assert_eq!(told["groups"], json!(["system:authenticated", "admins"]));
    }
    let login = app.begin_with(&[("connector_id", "usual")]);
    let answer = browser().get(&login.url).await.expect(502);
    assert!(answer.words().contains("isn’t answering"));
    process.terminate().await;
}
