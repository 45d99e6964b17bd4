use std::collections::BTreeMap;

use insula_ambient::Timestamp;
use insula_oauth::Scopes;
use serde::{Deserialize, Serialize};

use crate::{ClientId, ConnectorId, PersonDetails, UserId};

/// What an upstream says of a person. Which of it reaches a token is decided by scopes, later.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityClaims {
    /// The person's id upstream; half of their `sub`.
    pub user_id: UserId,
    /// Becomes `name`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// Becomes `preferred_username`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub preferred_username: String,
    /// Becomes `email`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub email: String,
    /// Becomes `email_verified`.
    #[serde(default)]
    pub email_verified: bool,
    /// Becomes `groups`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// What else is known of the person, where anything is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Box<PersonDetails>>,
}

impl IdentityClaims {
    /// A person of whom only the id is known.
    pub fn of(user_id: UserId) -> Self {
        Self {
            user_id,
            username: String::new(),
            preferred_username: String::new(),
            email: String::new(),
            email_verified: false,
            groups: Vec::new(),
            details: None,
        }
    }

    /// What a page may call this person: name, else login name, else mail address.
    pub fn display_name(&self) -> &str {
        [&self.username, &self.preferred_username, &self.email]
            .into_iter()
            .find(|text| !text.is_empty())
            .map_or(self.user_id.as_str(), String::as_str)
    }
}

impl std::fmt::Debug for IdentityClaims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdentityClaims").finish_non_exhaustive()
    }
}

/// A person known to a tenant: who came through which connector, and what they allowed whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The connector they came through.
    pub connector_id: ConnectorId,
    /// What it said of them last.
    pub claims: IdentityClaims,
    /// The scopes they allowed, by client.
    pub consents: BTreeMap<ClientId, Scopes>,
    /// When they first came.
    pub first_login_at: Timestamp,
    /// When they last proved who they are.
    pub last_login_at: Timestamp,
}
