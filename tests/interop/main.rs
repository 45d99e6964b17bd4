//! Programs that nobody here wrote, against the real process: `cargo xtask interop`.
//!
//! Issuers are at 127.0.0.1 with a path: Go's resolver does not know `acme.localhost` on Linux.

mod apiserver;
mod authproxy;
mod go_oidc;
mod idpyoidc;
mod kubelogin;
mod kubernetes_active_directory;
mod mod_auth_openidc;
mod oauth2_proxy;
mod oidc_client_ts;
mod program;
mod spring_security;

use insula_tests::{Deployment, DeploymentBuilder, Person};

/// Somebody the mock upstream knows: Kilgore Trout, in the group `authors`.
const SOMEBODY: Person<'static> = Person {
    login: "",
    password: "",
    connector: Some("mock"),
    denies: false,
};

/// The grant of devices (RFC 8628 §3.4), as YAML.
const DEVICE_CODE: &str = "\"urn:ietf:params:oauth:grant-type:device_code\"";

/// A tenant of ours and one of dex's with the same client, at `/ours` and `/dex`. Neither says how
/// it signs: Spring Security, idpyoidc and the API server take nothing but RS256.
fn both_dialects(client: &str) -> Deployment {
    both_dialects_with(client, client, "")
}

/// The same with a client for each, and more lines for dex's.
fn both_dialects_with(client_of_ours: &str, client_of_dex: &str, dex: &str) -> Deployment {
    build_both_dialects(client_of_ours, client_of_dex, dex).done()
}

fn build_both_dialects(client_of_ours: &str, client_of_dex: &str, dex: &str) -> DeploymentBuilder {
    Deployment::build()
        .tenant(
            "ours",
            &format!(
                "issuer: http://127.0.0.1:PORT/ours
oauth2: {{ grantTypes: [authorization_code, refresh_token, {DEVICE_CODE}] }}
connectors: [{{ type: mockCallback, id: mock, name: Mock }}]
staticClients:
  - {client_of_ours}
"
            ),
        )
        .tenant(
            "dex",
            &format!(
                "# dex
issuer: http://127.0.0.1:PORT/dex
storage: {{ type: memory }}
oauth2: {{ skipApprovalScreen: true }}
connectors: [{{ type: mockCallback, id: mock, name: Mock }}]
staticClients:
  - {client_of_dex}
{dex}
"
            ),
        )
}
