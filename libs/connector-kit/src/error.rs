use insula_secret::Secret;
use thiserror::Error;

/// Why a connector could not say who somebody is. Texts carry no secret and no fact about a person;
/// they say what was missing and, where that is known, what helps.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConnectorError {
    /// Name and password do not belong together, or nobody has that name. Ask again.
    #[error("wrong login name or password")]
    WrongPassword,
    /// The person said no at the upstream, or the upstream in their name (`access_denied`).
    #[error("the login was declined at the upstream")]
    Declined,
    /// The upstream does not let this person in, or no longer.
    #[error("the upstream denied the login: {0}")]
    Denied(String),
    /// The person is known but not in a group that is required.
    #[error("the person is in none of the required groups")]
    NotInGroup,
    /// The answer does not fit the question: a forged, stale or broken reply. The text stands on a
    /// page.
    #[error("the upstream's answer cannot be used: {0}")]
    BadReply(String),
    /// The upstream does not answer, or not in time.
    #[error("the upstream cannot be reached: {0}")]
    Unreachable(String),
    /// The upstream answers that it cannot, or something nobody could use. The text is for whoever
    /// manages it and stands on a page: it names no address.
    #[error("the upstream failed: {0}")]
    Upstream(String),
    /// Our own storage, which the connector reads, does not answer: no upstream is at fault.
    #[error("our storage failed: {0}")]
    Storage(String),
    /// The browser came back with an error of the upstream's. It may be so; a stranger can write it
    /// too. The text stands on a page.
    #[error("the upstream failed: {0}")]
    SaidToFail(String),
    /// Too much is asked of us at once (password hashes, upstream calls).
    #[error("too many logins at once: {0}")]
    Busy(&'static str),
    /// The connector has no such ability.
    #[error("the connector does not support {0}")]
    Unsupported(&'static str),
    /// The settings cannot work.
    #[error("{0}")]
    Settings(String),
    /// The upstream renewed what it is asked with at a refresh, and failed after that.
    #[error("{cause}")]
    AfterRenewal {
        /// What the connector wants back from now on; what it was given is used up.
        connector_data: Secret<[u8]>,
        /// How it failed.
        cause: Box<Self>,
    },
}

impl ConnectorError {
    /// The same, once the upstream has renewed what it is asked with: the next try must bring that. A
    /// login that ends needs nothing any more.
    #[must_use]
    pub fn after_renewal(self, connector_data: Vec<u8>) -> Self {
        match self {
            Self::WrongPassword | Self::Declined | Self::Denied(_) | Self::NotInGroup => self,
            cause => Self::AfterRenewal {
                connector_data: connector_data.into(),
                cause: Box::new(cause),
            },
        }
    }
}
