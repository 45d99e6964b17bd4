use insula_ambient::read_base64;
use insula_secret::Secret;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Params;

/// How a client proves who it is (OpenID Connect Core §9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuthMethod {
    /// Public client: no proof.
    None,
    /// HTTP Basic (RFC 6749 §2.3.1).
    ClientSecretBasic,
    /// `client_id` and `client_secret` in the body.
    ClientSecretPost,
}

impl ClientAuthMethod {
    /// The registered word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
        }
    }
}

/// Why the credentials of a client could not even be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ClientAuthError {
    /// The Basic value is not base64 of `id:secret`.
    #[error("the Authorization header is not a valid Basic credential")]
    MalformedBasic,
    /// The id of a Basic credential is not form-urlencoded.
    #[error("client_id improperly encoded")]
    ClientIdEncoding,
    /// The secret of a Basic credential is not form-urlencoded.
    #[error("client_secret improperly encoded")]
    ClientSecretEncoding,
    /// Both the header and the body carry a secret, which RFC 6749 §2.3 forbids.
    #[error("the client used more than one authentication method")]
    TwoMethods,
    /// Nothing names a client.
    #[error("no client credentials were presented")]
    Missing,
}

/// The credentials a client presented. Not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct PresentedClient {
    /// `client_id`.
    pub id: String,
    /// `client_secret`, where one was sent.
    pub secret: Option<Secret<str>>,
    /// Where they were found.
    pub method: ClientAuthMethod,
    /// Whether the body carried a secret beside the header.
    pub also_in_body: bool,
}

impl std::fmt::Debug for PresentedClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PresentedClient")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl PresentedClient {
    /// Reads the credentials of a request to the token, revocation or introspection endpoint.
    ///
    /// [RFC 6749 §2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1): id and secret of a
    /// Basic credential are form-urlencoded first. The header wins over the body; that both carried
    /// a secret is noted in `also_in_body` for the engine to refuse.
    pub fn read(authorization: Option<&str>, form: &Params) -> Result<Self, ClientAuthError> {
        if let Some(encoded) = authorization.and_then(basic_value) {
            return Self::from_basic(encoded, form.get("client_secret").is_some());
        }
        let id = form.take("client_id").ok_or(ClientAuthError::Missing)?;
        let secret = form.secret("client_secret");
        let method = match secret {
            Some(_) => ClientAuthMethod::ClientSecretPost,
            None => ClientAuthMethod::None,
        };
        Ok(Self {
            id,
            secret,
            method,
            also_in_body: false,
        })
    }

    fn from_basic(encoded: &str, also_in_body: bool) -> Result<Self, ClientAuthError> {
        let decoded = read_base64(encoded).ok_or(ClientAuthError::MalformedBasic)?;
        let pair = String::from_utf8(decoded).map_err(|_| ClientAuthError::MalformedBasic)?;
        let pair = Secret::new(pair);
        let (id, secret) = pair
            .reveal()
            .split_once(':')
            .ok_or(ClientAuthError::MalformedBasic)?;
        let id = form_decode(id).ok_or(ClientAuthError::ClientIdEncoding)?;
        let secret = form_decode(secret).ok_or(ClientAuthError::ClientSecretEncoding)?;
        if id.is_empty() {
            return Err(ClientAuthError::Missing);
        }
        let secret = Some(Secret::new(secret)).filter(|secret| !secret.reveal().is_empty());
        Ok(Self {
            id,
            secret,
            method: ClientAuthMethod::ClientSecretBasic,
            also_in_body,
        })
    }
}

fn basic_value(header: &str) -> Option<&str> {
    let (scheme, value) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("basic").then(|| value.trim())
}

/// Strict form decoding: a `%` that begins no escape is an error, unlike in a lenient query.
fn form_decode(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let is_escape = |at: usize| {
        bytes
            .get(at + 1..at + 3)
            .is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit))
    };
    let has_bad_escape = (0..bytes.len()).any(|at| bytes.get(at) == Some(&b'%') && !is_escape(at));
    if has_bad_escape {
        return None;
    }
    let spaced = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced)
        .decode_utf8()
        .ok()
        .map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(pair: &str) -> String {
        format!("Basic {}", data_encoding::BASE64.encode(pair.as_bytes()))
    }

    #[test]
    fn basic_credentials_are_form_decoded() {
        let read = PresentedClient::read(Some(&basic("a%3Ab:s+1%2B")), &Params::default()).unwrap();
        assert_eq!(
            (read.id.as_str(), read.secret),
            ("a:b", Some(Secret::new("s 1+")))
        );
        assert_eq!(read.method, ClientAuthMethod::ClientSecretBasic);
    }

    #[test]
    fn a_bare_percent_in_basic_credentials_is_named() {
        let read = |pair: &str| PresentedClient::read(Some(&basic(pair)), &Params::default());
        assert_eq!(read("a:100%"), Err(ClientAuthError::ClientSecretEncoding));
        assert_eq!(read("a%zz:s"), Err(ClientAuthError::ClientIdEncoding));
    }

    #[test]
    fn a_basic_credential_is_one_padded_text_of_base64() {
        for (value, why) in [
            ("YTpi!", "a letter that base64 has not"),
            ("YTo", "no padding"),
            ("YTp=", "bits left over"),
            ("YTo=YjpiYg==", "two texts in a row"),
            ("YTo_", "the alphabet of URLs"),
        ] {
            let read = PresentedClient::read(Some(&format!("Basic {value}")), &Params::default());
            assert_eq!(read, Err(ClientAuthError::MalformedBasic), "{why}");
        }
    }

    #[test]
    fn a_body_without_a_secret_is_a_public_client() {
        let form = Params::parse("client_id=cli").unwrap();
        assert_eq!(
            PresentedClient::read(None, &form).unwrap().method,
            ClientAuthMethod::None
        );
    }

    #[test]
    fn a_bearer_header_is_not_a_client_credential() {
        let read = PresentedClient::read(Some("Bearer x"), &Params::default());
        assert_eq!(read, Err(ClientAuthError::Missing));
    }
}
