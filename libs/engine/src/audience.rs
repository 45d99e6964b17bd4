use std::collections::BTreeSet;

use insula_model::ClientId;
use insula_oauth::Scopes;
use serde::{Serialize, Serializer};

use crate::{Peers, Refusal};

/// Whom a token is for (RFC 7519 §4.1.3): one string where there is one, else an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience(Vec<String>);

impl Audience {
    /// The peers the scopes name, in their order, then the client itself if it is not among them:
    /// dex's rule for cross-client audiences.
    ///
    /// Trust is asked again here, because it may have been withdrawn since the login.
    pub(crate) fn of(scopes: &Scopes, client: &ClientId, peers: &Peers) -> Result<Self, Refusal> {
        must_be_allowed(scopes, client, peers)?;
        let mut all: Vec<String> = scopes.audiences().map(str::to_owned).collect();
        if !all.iter().any(|peer| peer == client.as_str()) {
            all.push(client.as_str().to_owned());
        }
        Ok(Self(all))
    }

    /// Resources, in their order.
    pub(crate) fn of_resources(resources: Vec<&str>) -> Self {
        Self(resources.into_iter().map(str::to_owned).collect())
    }

    /// Whether it is `one` and nobody else.
    pub fn is_only(&self, one: &str) -> bool {
        matches!(self.0.as_slice(), [only] if only == one)
    }

    /// Whether `one` is among them.
    pub fn contains(&self, one: &str) -> bool {
        self.0.iter().any(|other| other == one)
    }

    /// All of them.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// Whether there is more than one: then `azp` says which of them asked
    /// (OpenID Connect Core §2).
    pub(crate) fn is_several(&self) -> bool {
        self.0.len() > 1
    }
}

impl Serialize for Audience {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => serializer.serialize_str(one),
            several => several.serialize(serializer),
        }
    }
}

/// The scopes of a request may name so many peers: each may have to be looked up in the database.
pub const MOST_AUDIENCES: usize = 16;

/// Whether `client` may have tokens for all the peers that the scopes name.
pub(crate) fn must_be_allowed(
    scopes: &Scopes,
    client: &ClientId,
    peers: &Peers,
) -> Result<(), Refusal> {
    let named: BTreeSet<&str> = scopes.audiences().collect();
    if named.len() > MOST_AUDIENCES {
        return Err(Refusal::TooManyAudiences);
    }
    let untrusted = untrusted(scopes, client, peers);
    if !untrusted.is_empty() {
        return Err(Refusal::UntrustedAudience(untrusted));
    }
    Ok(())
}

/// The audience scopes whose peer does not trust `client`, or does not exist; as words.
fn untrusted(scopes: &Scopes, client: &ClientId, peers: &Peers) -> Vec<String> {
    let trusts = |peer: &str| peers.get(peer).is_some_and(|peer| peer.trusts(client));
    let refused = scopes.audiences().filter(|peer| !trusts(peer));
    refused
        .map(|peer| format!("audience:server:client_id:{peer}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_so_many_audiences_and_one_named_twice_counts_once() {
        let words = |n: usize| format!("audience:server:client_id:peer{n} ");
        let client = ClientId::parse("app").unwrap();
        for (count, refused) in [(MOST_AUDIENCES, false), (MOST_AUDIENCES + 1, true)] {
            let named: String = (0..count).chain(0..count).map(words).collect();
            let told = must_be_allowed(&Scopes::parse(&named), &client, &Peers::default());
            let is_refused = told == Err(Refusal::TooManyAudiences);
            assert_eq!(is_refused, refused, "{told:?}");
        }
    }
}
