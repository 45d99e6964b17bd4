use insula_jose::Alg;
use insula_oauth::GrantType;

use serde::{Deserialize, Serialize};

use crate::{ClientId, ClientLogout, ClientSecret, ConnectorId, RequestObjects, TokenExchange};

/// A relying party of a tenant (RFC 6749 §2; the metadata words of RFC 7591 and of dex).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// `client_id`.
    pub id: ClientId,
    /// What people are shown; falls back to the id.
    pub name: String,
    /// What it may prove itself with; several while one is being replaced, none for a public client
    /// without a secret.
    pub secrets: Vec<ClientSecret>,
    /// Whether it can keep no secret (RFC 6749 §2.1).
    pub public: bool,
    /// Registered redirect URIs, compared as text.
    pub redirect_uris: Vec<String>,
    /// Registered `post_logout_redirect_uris`.
    pub post_logout_redirect_uris: Vec<String>,
    /// Clients that may ask for tokens meant for this one.
    pub trusted_peers: Vec<ClientId>,
    /// Connectors its people may come through; empty for all.
    pub allowed_connectors: Vec<ConnectorId>,
    /// Grants it may use; empty for all that the tenant serves.
    pub grant_types: Vec<GrantType>,
    /// Whether its people are not asked for consent.
    pub skip_approval: bool,
    /// Whether it must use PKCE, where it may choose (RFC 9700 §2.1.1).
    pub require_pkce: bool,
    /// Clients that may reuse a login made for this one: `None` for the tenant's default.
    pub sso_shared_with: Option<Vec<String>>,
    /// `id_token_signed_response_alg`: `None` for the tenant's first.
    pub id_token_signed_response_alg: Option<Alg>,
    /// What signs access tokens that others than our userinfo endpoint verify: `None` for the
    /// tenant's first.
    pub access_token_signed_response_alg: Option<Alg>,
    /// What it wants done when its people log out.
    pub logout: ClientLogout,
    /// The scopes it may ask for (`scope` of RFC 7591 §2); `None` for all that are about a person
    /// and none of a resource.
    pub scopes: Option<Vec<String>>,
    /// Resources it may have access tokens for, beside those its scopes belong to.
    pub resources: Vec<String>,
    /// The groups it is in itself, for tokens that are about no person.
    pub own_groups: Vec<String>,
    /// Which tokens it may exchange for others; `None` for none at all.
    pub token_exchange: Option<Box<TokenExchange>>,
    /// Which tokens it may ask about.
    pub introspection: IntrospectionScope,
    /// How it may hand over its requests as JWTs, where it may.
    pub request_objects: Option<Box<RequestObjects>>,
}

/// Which tokens a client may ask about at the introspection endpoint, where it must prove itself
/// (RFC 7662 §2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IntrospectionScope {
    /// Those that were issued to it.
    Own,
    /// Those as well that are meant for it.
    #[default]
    Audience,
    /// All of its tenant, such as a gateway has to judge in front of other resources.
    Tenant,
}

impl IntrospectionScope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Own, Self::Audience, Self::Tenant];

    /// The word in a configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Audience => "audience",
            Self::Tenant => "tenant",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == word)
    }
}

impl Client {
    /// Whether it may use a grant.
    pub fn may_use(&self, grant: GrantType) -> bool {
        self.grant_types.is_empty() || self.grant_types.contains(&grant)
    }

    /// Whether it may use a grant because it was said so, and not because nothing is said.
    pub fn may_use_by_name(&self, grant: GrantType) -> bool {
        self.grant_types.contains(&grant)
    }

    /// Whether its people may come through a connector.
    pub fn allows_connector(&self, connector: &ConnectorId) -> bool {
        self.allowed_connectors.is_empty() || self.allowed_connectors.contains(connector)
    }

    /// Whether `peer` may ask for tokens meant for this client.
    pub fn trusts(&self, peer: &ClientId) -> bool {
        &self.id == peer || self.trusted_peers.contains(peer)
    }
}
