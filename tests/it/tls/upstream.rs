//! A login at an upstream over TLS: whose word its certificate is good on.

use std::fs;

use insula_tests::{Agent, Deployment, Person, RelyingParty, free_port};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use reqwest::Certificate;

use super::replace;

/// A tenant at `http://127.0.0.1:PORT/acme` whose people log in at another one, over TLS. Of its
/// connectors one trusts the authority that signed the other's certificate, one whatever certificate
/// there is, and one the machine's own authorities alone.
const ACME: &str = r#"
issuer: http://127.0.0.1:PORT/acme
connectors:
  - type: oidc
    id: named
    name: Named
    config: { issuer: "https://127.0.0.1:TLS/up", clientID: acme, clientSecret: acme-at-up, rootCAs: [certs/ca.pem] }
  - type: oidc
    id: any
    name: Any
    config: { issuer: "https://127.0.0.1:TLS/up", clientID: acme, clientSecret: acme-at-up, insecureSkipVerify: true }
  - type: oidc
    id: usual
    name: Usual
    config: { issuer: "https://127.0.0.1:TLS/up", clientID: acme, clientSecret: acme-at-up }
staticClients:
  - id: app
    secret: app-secret
    redirectURIs: ["https://app.example/callback"]
"#;

const UP: &str = r#"
issuer: https://127.0.0.1:TLS/up
connectors: [{ type: mockCallback, id: mock, name: Mock }]
oauth2: { skipApprovalScreen: true }
staticClients:
  - id: acme
    secret: acme-at-up
    redirectURIs:
      - "http://127.0.0.1:PORT/acme/callback/named"
      - "http://127.0.0.1:PORT/acme/callback/any"
      - "http://127.0.0.1:PORT/acme/callback/usual"
"#;

/// An authority, and a certificate of its for this machine: in PEM, with the key of the latter.
pub(crate) fn authority() -> (String, String, String) {
    let mut ca = CertificateParams::new([]).unwrap();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate().unwrap();
    let ca_cert = ca.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &issuer).unwrap();
    (ca_cert.pem(), leaf.pem(), key.serialize_pem())
}

#[tokio::test]
async fn an_upstream_is_trusted_by_the_authority_its_connector_names() {
    let tls = free_port();
    let filled = |text: &str| text.replace("TLS", &tls.to_string());
    let deployment = Deployment::build()
        .tenant("acme", &filled(ACME))
        .tenant("up", &filled(UP))
        .setting(&format!("listen: {{ https: \"127.0.0.1:{tls}\" }}"))
        .setting("tls: { cert: certs/up.pem, key: certs/up.key }")
        .done();
    let (ca, cert, key) = authority();
    for (path, text) in [
        ("certs/up.pem", &cert),
        ("certs/up.key", &key),
        ("tenants/acme/certs/ca.pem", &ca),
    ] {
        let path = deployment.folder().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        replace(&path, text);
    }
    let _process = deployment.open().await;
    let issuer = format!("http://127.0.0.1:{}/acme", deployment.port);
    let app = RelyingParty::new(&issuer, "app", "app-secret", "https://app.example/callback");
    let browser = || Agent::new().trusting(Certificate::from_pem(ca.as_bytes()).unwrap());
    for connector in ["named", "any"] {
        let tokens = app.log_in(&browser(), &Person::at(connector)).await;
        assert!(!tokens.access_token.is_empty(), "{connector}");
    }
    let login = app.begin_with(&[("connector_id", "usual")]);
    let answer = browser().get(&login.url).await.expect(502);
    let words = answer.words();
    assert!(words.contains("Usual isn’t answering"), "{words}");
}
