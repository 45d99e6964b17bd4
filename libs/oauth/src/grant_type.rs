use serde::{Deserialize, Serialize};

use crate::TokenRequest;

/// A registered `grant_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "&'static str", try_from = "String")]
#[expect(missing_docs, reason = "each is the registered word")]
pub enum GrantType {
    AuthorizationCode,
    ClientCredentials,
    Implicit,
    Password,
    RefreshToken,
    DeviceCode,
    TokenExchange,
}

impl GrantType {
    /// All of them, in the order discovery sorts their words.
    pub const ALL: [Self; 7] = [
        Self::AuthorizationCode,
        Self::ClientCredentials,
        Self::Implicit,
        Self::Password,
        Self::RefreshToken,
        Self::DeviceCode,
        Self::TokenExchange,
    ];

    /// The word or URN on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::ClientCredentials => "client_credentials",
            Self::Implicit => "implicit",
            Self::Password => "password",
            Self::RefreshToken => "refresh_token",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
            Self::TokenExchange => "urn:ietf:params:oauth:grant-type:token-exchange",
        }
    }

    /// Whether this version serves it at all. Discovery, configuration and the token endpoint ask
    /// here, so that none of them promises what another does not keep. `implicit` is the one grant
    /// that the authorization endpoint answers by itself, without a token request.
    pub const fn is_served(self) -> bool {
        matches!(self, Self::Implicit) || TokenRequest::reader(self).is_some()
    }

    /// Those that are served, in the order of [`ALL`](Self::ALL).
    pub fn served() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|grant| grant.is_served())
    }

    /// Reads the word; `None` if nobody registered it.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.as_str() == word)
    }
}

impl From<GrantType> for &'static str {
    fn from(grant: GrantType) -> Self {
        grant.as_str()
    }
}

impl TryFrom<String> for GrantType {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        Self::parse(&word).ok_or_else(|| format!("{word:?} is not a registered grant type"))
    }
}

#[cfg(test)]
mod tests {
    use super::GrantType;

    #[test]
    fn every_grant_type_reads_back_its_own_word() {
        for grant in GrantType::ALL {
            assert_eq!(GrantType::parse(grant.as_str()), Some(grant));
        }
        assert_eq!(GrantType::parse("magic"), None);
    }
}
