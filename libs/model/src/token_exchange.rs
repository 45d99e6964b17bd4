use insula_condition::Condition;
use serde::{Deserialize, Serialize};

use crate::{ClientId, ConnectorId};

/// Whose tokens a client may exchange, and for what
/// ([RFC 8693](https://www.rfc-editor.org/rfc/rfc8693)). What is not listed is refused.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TokenExchange {
    /// Tokens of upstreams that are taken in place of a login.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connectors: Vec<ExchangeConnector>,
    /// Access tokens of this tenant that are taken, so that one service calls another for somebody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub access_tokens: Vec<ExchangeAccessTokens>,
}

/// Access tokens of this tenant that a client may exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeAccessTokens {
    /// Which.
    pub which: AccessTokensOf,
    /// What it may ask for with them beyond what they are good for themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// The clients whose tokens may say who acts; none: nobody is said to act.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actors: Vec<ClientId>,
    /// Whether somebody must be said to act.
    #[serde(default)]
    pub requires_actor: bool,
}

/// Which access tokens of this tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessTokensOf {
    /// Those that are for a resource, which the client serves.
    Resource(String),
    /// Those that were issued to a client.
    Client(ClientId),
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
        let of_upstreams = self.connectors.iter().flat_map(|one| {
            let condition = one.condition.as_ref().map(Condition::text);
            std::iter::once(one.id.as_str()).chain(condition)
        });
        let own = self.access_tokens.iter().flat_map(|one| {
            let which = match &one.which {
                AccessTokensOf::Resource(identifier) => identifier.as_str(),
                AccessTokensOf::Client(id) => id.as_str(),
            };
            let scopes = one.scopes.iter().map(String::as_str);
            let actors = one.actors.iter().map(ClientId::as_str);
            std::iter::once(which).chain(scopes).chain(actors)
        });
        of_upstreams.chain(own)
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
