use crate::{ClaimSet, ClientId};

/// A protected resource of a tenant: an API that takes its access tokens
/// ([RFC 8707](https://www.rfc-editor.org/rfc/rfc8707)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its resource indicator, which becomes `aud`: an absolute URI.
    pub identifier: String,
    /// What people are shown; falls back to the identifier.
    pub name: String,
    /// The scopes that belong to it. No two resources of a tenant have a scope in common, so that a
    /// token for several of them says of each scope whose it is
    /// ([RFC 9068 §3](https://www.rfc-editor.org/rfc/rfc9068#section-3)).
    pub scopes: Vec<ResourceScope>,
    /// The claims about the person that its access tokens carry, where they were granted.
    pub claims: ClaimSet,
    /// The clients that may introspect access tokens meant for it, beside those they were issued to.
    pub servers: Vec<ClientId>,
    /// Whether discovery names its scopes.
    pub in_discovery: bool,
}

/// A scope of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceScope {
    /// The word.
    pub name: String,
    /// What a person is told that it allows; falls back to the word.
    pub description: Option<String>,
}

impl Resource {
    /// The most of them that one request may name: each becomes a member of `aud`.
    pub const MOST_NAMED: usize = 16;

    /// One of its scopes.
    pub fn scope(&self, word: &str) -> Option<&ResourceScope> {
        self.scopes.iter().find(|scope| scope.name == word)
    }

    /// The word under which it is remembered that a person allowed a client the resource itself. No
    /// scope may be called so.
    pub fn consent_word(identifier: &str) -> String {
        format!("{CONSENT_PREFIX}{identifier}")
    }

    /// The resource indicator of a [`consent_word`](Self::consent_word).
    pub fn of_consent_word(word: &str) -> Option<&str> {
        word.strip_prefix(CONSENT_PREFIX)
    }
}

const CONSENT_PREFIX: &str = "resource:";

#[cfg(test)]
mod tests {
    use super::Resource;

    #[test]
    fn what_a_person_allowed_names_the_resource() {
        let word = Resource::consent_word("https://api.test");
        assert_eq!(Resource::of_consent_word(&word), Some("https://api.test"));
        assert_eq!(Resource::of_consent_word("orders:read"), None);
    }
}
