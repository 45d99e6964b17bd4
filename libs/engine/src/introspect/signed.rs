use insula_ambient::Timestamp;
use insula_jose::{JoseError, SigningKey};
use insula_model::{Client, TenantSpec};
use insula_oauth::IntrospectResponse;
use serde::Serialize;

/// `typ` of a signed answer
/// ([RFC 9701 §5](https://www.rfc-editor.org/rfc/rfc9701#section-5)): it passes for no other token.
const TYP: &str = "token-introspection+jwt";

#[derive(Serialize)]
struct SignedAnswer<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    token_introspection: &'a IntrospectResponse,
}

/// An answer as a JWT that whoever asked can keep as evidence
/// ([RFC 9701](https://www.rfc-editor.org/rfc/rfc9701)). It has neither `sub` nor `exp`, so that
/// nobody takes it for an access token.
pub fn signed(
    answer: &IntrospectResponse,
    asker: &Client,
    spec: &TenantSpec,
    key: &SigningKey,
    now: Timestamp,
) -> Result<String, JoseError> {
    let body = SignedAnswer {
        iss: spec.issuer.as_str(),
        aud: asker.id.as_str(),
        iat: now.as_secs(),
        token_introspection: answer,
    };
    key.sign(Some(TYP), &body)
}
