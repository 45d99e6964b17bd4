use insula_condition::Condition;
use serde::{Deserialize, Serialize};

use crate::ConnectorId;

/// Whose tokens a client may exchange, and for what
/// ([RFC 8693](https://www.rfc-editor.org/rfc/rfc8693)). What is not listed is refused.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TokenExchange {
    /// Tokens of upstreams that are taken in place of a login.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connectors: Vec<ExchangeConnector>,
}

/// An upstream whose tokens a client may exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeConnector {
    /// Which.
    pub id: ConnectorId,
    /// What the token must say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
}

impl TokenExchange {
    /// The entry of a connector.
    pub fn connector(&self, id: &ConnectorId) -> Option<&ExchangeConnector> {
        self.connectors.iter().find(|one| one.id == *id)
    }

    /// All its texts, for whoever counts them.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.connectors.iter().flat_map(|one| {
            let condition = one.condition.as_ref().map(Condition::text);
            std::iter::once(one.id.as_str()).chain(condition)
        })
    }
}

/// Which tokens of a connector's upstream may stand for a login.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubjectTokens {
    /// One of these must be among those the token is for; empty for us: the issuer, or the client
    /// that we are at the upstream.
    pub audiences: Vec<String>,
    /// Whether an access token counts for which the upstream's userinfo answers. It tells who the
    /// person is, and not for whom the token was made.
    pub access_tokens: bool,
}
