use insula_ambient::Timestamp;
use insula_oauth::{CodeChallenge, Scopes};
use serde::{Deserialize, Serialize};

use crate::auth_request::is_nothing;
use crate::{ClientId, GrantId, Login, RefreshId, RequestedClaims};

/// What an authorization code stands for. Stored under the hash of the code, for a minute that the
/// cache counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeGrant {
    /// The family of all tokens that will come of it.
    pub grant_id: GrantId,
    /// The only client that may redeem it.
    pub client_id: ClientId,
    /// The redirect URI it was sent to.
    pub redirect_uri: String,
    /// What was granted.
    pub scopes: Scopes,
    /// The resources the request named; none where it named none.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub resources: Vec<String>,
    /// Claims asked for one by one.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub claims: RequestedClaims,
    /// `nonce` of the request.
    pub nonce: Option<String>,
    /// The challenge its redeemer must meet.
    pub code_challenge: Option<CodeChallenge>,
    /// Who logged in, and how.
    pub login: Login,
    /// Whether a refresh grant begins with it, settled when it was issued: whoever redeems it must
    /// note that at one place. Codes of older versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins_refresh: Option<bool>,
}

/// What a refresh token stands for. The token's secret half is not stored at all: it is derived
/// from the tenant's root secret, the id and the generation, so that the current one can be said
/// again within the reuse interval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshGrant {
    /// The first half of the token.
    pub id: RefreshId,
    /// The family it belongs to.
    pub grant_id: GrantId,
    /// The only client that may use it.
    pub client_id: ClientId,
    /// How often it was rotated; the number of the secret that is current.
    pub generation: u32,
    /// What was granted.
    pub scopes: Scopes,
    /// The resources the request named; none where it named none.
    pub resources: Vec<String>,
    /// Claims asked for one by one.
    pub claims: RequestedClaims,
    /// `nonce` of the request it began with; dex repeats it.
    pub nonce: Option<String>,
    /// Who logged in; claims as of the last refresh.
    pub login: Login,
    /// When it was first issued.
    pub created_at: Timestamp,
    /// When it was last used, or issued: the moment the answer was given, where that is known.
    pub last_used_at: Timestamp,
    /// Whether the current token is known to have been given out. Until it is, the one before it
    /// is good: its holder may have been told nothing. Of the first token, which has none before
    /// it, it is noted only where nothing else says so.
    pub answered: bool,
    /// When the row may go: the earlier of its absolute and idle end.
    pub expires_at: Timestamp,
}
