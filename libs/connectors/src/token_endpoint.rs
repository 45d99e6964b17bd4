use std::sync::atomic::{AtomicU8, Ordering};

use insula_connector_kit::{ConnectorError, UpstreamTokens, refused_with, what_helps};
use insula_oauth::encode_pairs;
use url::Url;

use crate::http::{Ask, Upstream};

/// What we are at an upstream.
#[derive(Clone, Copy)]
pub(crate) struct ClientAt<'a> {
    pub(crate) id: &'a str,
    pub(crate) secret: &'a str,
    /// A signed proof of who we are, in place of the secret (RFC 7523 §2.2).
    pub(crate) assertion: Option<&'a str>,
    /// The upstream takes the credentials in the body alone.
    pub(crate) never_basic: bool,
}

/// How the client proves itself (RFC 6749 §2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Credentials {
    Basic,
    Body,
}

/// Which of the two the upstream took last; 0 while nobody knows.
#[derive(Default)]
pub(crate) struct KnownCredentials(AtomicU8);

impl KnownCredentials {
    /// Whether the upstream ever took one of them.
    pub(crate) fn are_taken(&self) -> bool {
        self.get().is_some()
    }

    fn get(&self) -> Option<Credentials> {
        match self.0.load(Ordering::Relaxed) {
            1 => Some(Credentials::Basic),
            2 => Some(Credentials::Body),
            _ => None,
        }
    }

    fn set(&self, taken: Credentials) {
        self.0.store(taken as u8 + 1, Ordering::Relaxed);
    }
}

/// Why a token endpoint gave nothing.
#[derive(Debug)]
pub(crate) enum NoTokens {
    /// `invalid_grant` (RFC 6749 §5.2): the code or refresh token is worth nothing.
    InvalidGrant,
    /// Another error code, and what it means unless the upstream means something else by it.
    Refused(String, ConnectorError),
    /// Anything else.
    Failed(ConnectorError),
}

impl From<ConnectorError> for NoTokens {
    fn from(cause: ConnectorError) -> Self {
        Self::Failed(cause)
    }
}

/// What is said of a code or a refresh token that is worth nothing; GitHub has words of its own, and
/// says them with 200.
const SPENT: [&str; 3] = [
    "invalid_grant",
    "bad_verification_code",
    "bad_refresh_token",
];

/// Asks a token endpoint.
///
/// Where it is not known how the upstream wants the client's credentials, HTTP Basic is tried, then
/// the body. A refused client costs no code: RFC 6749 §5.2 has the client judged first.
pub(crate) async fn redeem(
    upstream: &Upstream,
    endpoint: &Url,
    us: ClientAt<'_>,
    known: &KnownCredentials,
    only_body_auth: bool,
    grant: &[(&str, &str)],
) -> Result<UpstreamTokens, NoTokens> {
    let body_only = us.never_basic || us.secret.is_empty() || us.assertion.is_some();
    let tries: &[Credentials] = match known.get() {
        _ if body_only => &[Credentials::Body],
        Some(Credentials::Basic) => &[Credentials::Basic],
        Some(Credentials::Body) => &[Credentials::Body],
        None if only_body_auth => &[Credentials::Body, Credentials::Basic],
        None => &[Credentials::Basic, Credentials::Body],
    };
    let mut refusal = None;
    for &credentials in tries {
        let ask = request(endpoint, us, credentials, grant);
        let answer = upstream.ask(ask).await?;
        let word = refused_with(&answer.body);
        if word.as_deref().is_some_and(|word| SPENT.contains(&word)) {
            return Err(NoTokens::InvalidGrant);
        }
        if answer.status.is_success() {
            known.set(credentials);
            return Ok(UpstreamTokens::parse(&answer.body)?);
        }
        let status = answer.status.as_u16();
        let word = word.unwrap_or_else(|| "no error code".to_owned());
        let next = what_helps(&word);
        let said = format!("its token endpoint answered {status} with {word}{next}");
        refusal = Some(NoTokens::Refused(word, ConnectorError::Upstream(said)));
        if !answer.status.is_client_error() {
            break;
        }
    }
    Err(refusal.unwrap_or_else(|| {
        let said = "its token endpoint was not asked".to_owned();
        NoTokens::Failed(ConnectorError::Upstream(said))
    }))
}

fn request(
    endpoint: &Url,
    us: ClientAt<'_>,
    credentials: Credentials,
    grant: &[(&str, &str)],
) -> Ask {
    const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let ClientAt { id, secret, .. } = us;
    let mut pairs = grant.to_vec();
    if credentials == Credentials::Body {
        pairs.push(("client_id", id));
        if let Some(assertion) = us.assertion {
            pairs.push(("client_assertion_type", ASSERTION));
            pairs.push(("client_assertion", assertion));
        } else if !secret.is_empty() {
            pairs.push(("client_secret", secret));
        }
    }
    let ask = Ask::post_form(endpoint.clone(), encode_pairs(pairs));
    match credentials {
        Credentials::Body => ask,
        Credentials::Basic => ask.with_basic(form_encoded(id), form_encoded(secret)),
    }
}

/// RFC 6749 §2.3.1: both halves are form-encoded before they are joined.
fn form_encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
