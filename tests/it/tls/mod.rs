//! HTTPS of the process itself: certificates by host, reloaded under way, HTTP/2, and what changes
//! for browsers.

mod certificates;
mod forwarded;
pub(crate) mod upstream;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use insula_tests::{Deployment, Process, free_port};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder};

/// A tenant at `https://HOST.localhost:TLSPORT`.
fn tenant(host: &str, port: u16) -> String {
    format!(
        "issuer: https://{host}.localhost:{port}
connectors: [{{ type: mockCallback, id: mock, name: Mock }}]
staticClients:
  - {{ id: app, secret: app-secret, redirectURIs: [\"https://app.example/callback\"] }}
"
    )
}

/// A certificate for `NAME.localhost`, written to `certs/NAME.pem` and `certs/NAME.key` in one step
/// each. Answers what trusts it.
fn issue(deployment: &Deployment, name: &str) -> Certificate {
    let made = rcgen::generate_simple_self_signed([format!("{name}.localhost")]).unwrap();
    let folder = deployment.folder().join("certs");
    fs::create_dir_all(&folder).unwrap();
    replace(&folder.join(format!("{name}.pem")), &made.cert.pem());
    let key = made.signing_key.serialize_pem();
    replace(&folder.join(format!("{name}.key")), &key);
    Certificate::from_pem(made.cert.pem().as_bytes()).unwrap()
}

fn replace(path: &Path, text: &str) {
    let draft = path.with_extension("draft");
    fs::write(&draft, text).unwrap();
    fs::rename(draft, path).unwrap();
}

/// One and two, each with a certificate of its own, behind one port.
struct Secure {
    deployment: Deployment,
    port: u16,
    one: Certificate,
    two: Certificate,
}

impl Secure {
    fn new() -> Self {
        let port = free_port();
        let deployment = Deployment::build()
            .tenant("one", &tenant("one", port))
            .tenant("two", &tenant("two", port))
            .setting(&format!("listen: {{ https: \"127.0.0.1:{port}\" }}"))
            .setting(
                "tls: { cert: certs/one.pem, key: certs/one.key, certificates: \
                 [{ hosts: [two.localhost], cert: certs/two.pem, key: certs/two.key }] }",
            )
            .done();
        let (one, two) = (issue(&deployment, "one"), issue(&deployment, "two"));
        Self {
            deployment,
            port,
            one,
            two,
        }
    }

    fn url(&self, host: &str, path: &str) -> String {
        format!("https://{host}.localhost:{}{path}", self.port)
    }
}

/// A client that trusts one certificate and nobody else.
fn trusting(certificate: &Certificate) -> Client {
    builder(certificate).build().unwrap()
}

fn builder(certificate: &Certificate) -> ClientBuilder {
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut builder = Client::builder()
        .tls_certs_only([certificate.clone()])
        .redirect(Policy::none())
        .no_proxy()
        .timeout(Duration::from_secs(30));
    for host in ["one", "two"] {
        builder = builder.resolve(&format!("{host}.localhost"), here);
    }
    builder
}

/// Waits until the server said this so many times.
pub(crate) async fn until_it_says(process: &Process, words: &str, times: usize) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while process.log().matches(words).count() < times {
        assert!(
            Instant::now() < deadline,
            "{words:?} is not said:\n{}",
            process.log()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
