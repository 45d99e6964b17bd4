use insula_model::Password;
use insula_oauth::Params;

/// What a connector must be handed back with the answer: a PKCE verifier, a nonce. Kept on our
/// side, never in the browser.
pub type Memory = serde_json::Value;

/// What a connector asks.
#[derive(Debug, Clone, PartialEq)]
pub enum Challenge {
    /// Send the browser there.
    Redirect {
        /// An absolute URL.
        to: String,
        /// For [`Connector::complete`](crate::Connector::complete).
        memory: Memory,
    },
    /// Have the browser post a form there.
    PostForm {
        /// An absolute URL.
        to: String,
        /// Hidden fields.
        fields: Vec<(String, String)>,
        /// For [`Connector::complete`](crate::Connector::complete).
        memory: Memory,
    },
    /// Ask for a name and a password.
    AskPassword {
        /// What the first field is called: `Email Address`, `Username`.
        label: String,
    },
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// The upstream sent the browser back with a query.
    Query(Params),
    /// The upstream had the browser post a form.
    Form(Params),
    /// A proxy in front of us let the browser through, and says in headers whose it is.
    Vouched {
        /// The query.
        params: Params,
        /// The lines of the headers the connector wants, by its names, where a proxy that may say so
        /// wrote any.
        headers: Vec<(String, String)>,
    },
    /// The person typed.
    Password {
        /// The login name as typed.
        username: String,
        /// The password as typed.
        password: Password,
    },
}
