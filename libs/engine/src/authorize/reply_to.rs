use insula_oauth::ResponseMode;

/// Where an answer to an authorization request may go: made only of a redirect URI that is proven
/// to be the client's (RFC 6749 §4.1.2.1, RFC 9700 §2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyTo {
    /// The proven redirect URI.
    pub redirect_uri: String,
    /// How the answer travels.
    pub response_mode: ResponseMode,
    /// `state`, returned untouched.
    pub state: Option<String>,
}
