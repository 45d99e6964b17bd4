use std::borrow::Cow;

use insula_model::{Client, ClientId};
use insula_oauth::ResponseMode;

/// Where an answer to an authorization request may go: made only of a redirect URI that is proven
/// to be the client's (RFC 6749 §4.1.2.1, RFC 9700 §2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyTo {
    /// The client.
    pub client_id: ClientId,
    /// The proven redirect URI.
    pub redirect_uri: String,
    /// How the answer travels.
    pub response_mode: ResponseMode,
    /// `state`, returned untouched.
    pub state: Option<String>,
}

/// The redirect URI of a client that no redirect can reach: the person copies the code into it. dex
/// serves it; RFC 8252 §8.12 has new apps use loopback instead.
pub(super) const OUT_OF_BAND: &str = "urn:ietf:wg:oauth:2.0:oob";

impl ReplyTo {
    /// Whether the answer is shown to the person instead of sent to the client.
    pub fn is_out_of_band(&self) -> bool {
        self.redirect_uri == OUT_OF_BAND
    }
}

/// The same, proven, while its texts are still those of the request.
#[derive(Debug)]
pub(super) struct Proven<'a> {
    pub client: &'a Client,
    pub redirect_uri: Cow<'a, str>,
    pub response_mode: ResponseMode,
    pub state: Option<Cow<'a, str>>,
}

impl Proven<'_> {
    pub(super) fn is_out_of_band(&self) -> bool {
        self.redirect_uri == OUT_OF_BAND
    }

    pub(super) fn into_reply_to(self) -> ReplyTo {
        ReplyTo {
            client_id: self.client.id.clone(),
            redirect_uri: self.redirect_uri.into_owned(),
            response_mode: self.response_mode,
            state: self.state.map(Cow::into_owned),
        }
    }
}
