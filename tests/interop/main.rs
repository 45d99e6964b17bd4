//! Programs that nobody here wrote, against the real process: `cargo xtask interop`.
//!
//! Issuers are at 127.0.0.1 with a path: Go's resolver does not know `acme.localhost` on Linux.

mod go_oidc;
mod idpyoidc;
mod kubelogin;
mod mod_auth_openidc;
mod oauth2_proxy;
mod oidc_client_ts;
mod program;
mod spring_security;

use insula_tests::{Deployment, Person};

/// Somebody the mock upstream knows: Kilgore Trout, in the group `authors`.
const SOMEBODY: Person<'static> = Person {
    login: "",
    password: "",
    connector: Some("mock"),
    denies: false,
};

/// A tenant of ours and one of dex's with the same client, at `/ours` and `/dex`. Ours signs
/// with RS256, for Spring Security and idpyoidc take nothing else.
fn both_dialects(client: &str) -> Deployment {
    both_dialects_with(client, client, "")
}

/// The same with a client for each, and more lines for dex's.
fn both_dialects_with(client_of_ours: &str, client_of_dex: &str, dex: &str) -> Deployment {
    Deployment::build()
        .tenant(
            "ours",
            &format!(
                "issuer: http://127.0.0.1:PORT/ours
signer: {{ config: {{ algorithm: RS256 }} }}
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
        .done()
}
