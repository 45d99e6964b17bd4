//! Builders with speaking defaults, fixed keys and fake upstreams, for tests only.
//!
//! Owns what tests of several crates would otherwise each spell out: a tenant, a client, a login, a
//! key ring, a connector that says what it was told to. A test changes only what it is about. Owns
//! no assertion, and nothing here may be linked into a program.
#![expect(
    clippy::expect_used,
    reason = "this crate is linked into tests only, where what cannot be made should stop the test"
)]

mod auth_request;
mod client;
mod connector;
mod hashing;
mod keys;
mod login;
mod tenant;

use insula_ambient::Timestamp;

pub use auth_request::{AuthRequestBuilder, an_auth_request, an_authorization_request};
pub use client::{ClientBuilder, a_client};
pub use connector::{FakeConnector, PASSWORD};
pub use hashing::NoHashing;
pub use keys::{test_key, test_keys, test_rotation};
pub use login::{a_code_grant, a_login, jane, janes_details};
pub use tenant::{TenantBuilder, a_connector, a_resource, a_tenant};

/// When tests happen: 2026-01-01T00:00:00Z.
pub const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

/// A code verifier of the right form (RFC 7636, appendix B).
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// Its S256 challenge.
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
