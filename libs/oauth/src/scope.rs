use std::fmt;

use serde::{Deserialize, Serialize};

/// One scope, as far as this provider knows it (OpenID Connect Core §5.4, §11; dex's own words).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope<'a> {
    /// `openid`
    OpenId,
    /// `offline_access`
    OfflineAccess,
    /// `email`
    Email,
    /// `profile`
    Profile,
    /// `address`
    Address,
    /// `phone`
    Phone,
    /// `groups`
    Groups,
    /// `federated:id`
    FederatedId,
    /// `audience:server:client_id:<peer>`, dex's cross-client audience.
    Audience(&'a str),
    /// A word nobody here knows.
    Unknown(&'a str),
}

impl<'a> Scope<'a> {
    const AUDIENCE: &'static str = "audience:server:client_id:";

    /// Reads one scope token.
    pub fn parse(word: &'a str) -> Self {
        match word {
            "openid" => Self::OpenId,
            "offline_access" => Self::OfflineAccess,
            "email" => Self::Email,
            "profile" => Self::Profile,
            "address" => Self::Address,
            "phone" => Self::Phone,
            "groups" => Self::Groups,
            "federated:id" => Self::FederatedId,
            _ => match word.strip_prefix(Self::AUDIENCE) {
                Some(peer) => Self::Audience(peer),
                None => Self::Unknown(word),
            },
        }
    }
}

/// A `scope` parameter: words in the order they came
/// ([RFC 6749 §3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct Scopes(Vec<String>);

impl Scopes {
    /// Splits on blanks; duplicates stay, as dex keeps them.
    pub fn parse(text: &str) -> Self {
        Self(text.split_whitespace().map(str::to_owned).collect())
    }

    /// Whether `word` is asked for.
    pub fn contains(&self, word: &str) -> bool {
        self.0.iter().any(|w| w == word)
    }

    /// Whether `openid` is asked for.
    pub fn openid(&self) -> bool {
        self.contains("openid")
    }

    /// Whether `offline_access` is asked for.
    pub fn offline_access(&self) -> bool {
        self.contains("offline_access")
    }

    /// Whether `groups` is asked for.
    pub fn groups(&self) -> bool {
        self.contains("groups")
    }

    /// The words.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// The words, understood.
    pub fn iter(&self) -> impl Iterator<Item = Scope<'_>> {
        self.words().map(Scope::parse)
    }

    /// The peers of all cross-client audience scopes, in order.
    pub fn audiences(&self) -> impl Iterator<Item = &str> {
        self.iter().filter_map(|s| {
            if let Scope::Audience(peer) = s {
                Some(peer)
            } else {
                None
            }
        })
    }

    /// The words of `self` that `granted` lacks.
    pub fn beyond<'a>(&'a self, granted: &'a Self) -> impl Iterator<Item = &'a str> {
        self.words().filter(|w| !granted.contains(w))
    }

    /// Whether every word of `self` but `openid` is in `granted`.
    pub fn is_covered_by(&self, granted: &Self) -> bool {
        self.beyond(granted).all(|w| w == "openid")
    }

    /// The union, in order, each word once.
    #[must_use]
    pub fn union(&self, more: &Self) -> Self {
        let mut words: Vec<String> = Vec::new();
        for word in self.words().chain(more.words()) {
            if !words.iter().any(|w| w == word) {
                words.push(word.to_owned());
            }
        }
        Self(words)
    }

    /// Only the words `keep` says yes to.
    #[must_use]
    pub fn retain(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(
            self.words()
                .filter(|w| keep(w))
                .map(str::to_owned)
                .collect(),
        )
    }

    /// Whether there is no word.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

impl From<String> for Scopes {
    fn from(text: String) -> Self {
        Self::parse(&text)
    }
}

impl From<Scopes> for String {
    fn from(scopes: Scopes) -> Self {
        scopes.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_keep_their_order_and_name_their_audiences() {
        let scopes =
            Scopes::parse("openid audience:server:client_id:a  email audience:server:client_id:b");
        assert_eq!(scopes.audiences().collect::<Vec<_>>(), ["a", "b"]);
        assert!(scopes.openid() && !scopes.offline_access());
        assert_eq!(scopes.to_string().split(' ').count(), 4);
    }

    #[test]
    fn openid_needs_no_consent_of_its_own() {
        let granted = Scopes::parse("email");
        assert!(Scopes::parse("openid email").is_covered_by(&granted));
        assert!(!Scopes::parse("openid email groups").is_covered_by(&granted));
    }
}
