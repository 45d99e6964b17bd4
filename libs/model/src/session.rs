use insula_ambient::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ClientId, ConnectorId, IdentityClaims, Proof, ProvenPerson, SessionId};

/// A browser in which a person is logged in to the tenant. Stored under the hash of its cookie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrowserSession {
    /// The `sid` of ID tokens.
    pub id: SessionId,
    /// The connector that vouched.
    pub connector_id: ConnectorId,
    /// For whom; claims as of the login.
    pub claims: IdentityClaims,
    /// When they proved who they are.
    pub auth_time: Timestamp,
    /// How they proved it (RFC 8176).
    pub amr: Vec<String>,
    /// What the upstream calls the context of the proof, in its own words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// The clients that were logged in to through it.
    pub clients: Vec<ClientId>,
    /// Sessions of the same person that this one took the place of in this browser: their clients are
    /// still logged in, and are told when it ends.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<EarlierSession>,
    /// When it was last used, within a quarter of its idle life.
    pub last_seen_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
}

/// A session that another one took the place of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierSession {
    /// The `sid` of its ID tokens.
    pub id: SessionId,
    /// The clients that were logged in to through it.
    pub clients: Vec<ClientId>,
}

impl BrowserSession {
    /// How many earlier sessions one stands for at most.
    pub const MOST_EARLIER: usize = 8;

    /// Whether `sid` names this session, or one that it took the place of.
    pub fn is_called(&self, sid: &str) -> bool {
        let mut earlier = self.earlier.iter();
        self.id.as_str() == sid || earlier.any(|one| one.id.as_str() == sid)
    }

    /// Each client that is logged in through it, with the `sid` that it knows.
    pub fn logins(&self) -> impl Iterator<Item = (&SessionId, &ClientId)> {
        let own = self.clients.iter().map(|client| (&self.id, client));
        let earlier = self.earlier.iter();
        let earlier = earlier.flat_map(|one| one.clients.iter().map(|client| (&one.id, client)));
        own.chain(earlier)
    }

    /// It takes the place of another of the same person. `false` if it stands for too many already.
    pub fn takes_place_of(&mut self, other: Self) -> bool {
        let before = other.earlier.len() + 1;
        if self.earlier.len() + before > Self::MOST_EARLIER {
            return false;
        }
        let (id, clients) = (other.id, other.clients);
        self.earlier.push(EarlierSession { id, clients });
        self.earlier.extend(other.earlier);
        true
    }

    /// Who and what this session stands for. What the connector keeps for refreshing is not in a
    /// session; a client that wants offline access gets claims as of the login.
    pub fn proven(&self) -> (ProvenPerson, Proof) {
        let person = ProvenPerson {
            connector_id: self.connector_id.clone(),
            claims: self.claims.clone(),
            session_id: Some(self.id.clone()),
            connector_data: None,
        };
        let proof = Proof {
            at: self.auth_time,
            amr: self.amr.clone(),
            acr: self.acr.clone(),
        };
        (person, proof)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UserId;

    fn a_session(id: &str, clients: &[&str]) -> BrowserSession {
        let now = Timestamp::from_secs(0);
        BrowserSession {
            id: SessionId::parse(id).unwrap(),
            connector_id: ConnectorId::parse("local").unwrap(),
            claims: IdentityClaims::of(UserId::parse("jane").unwrap()),
            auth_time: now,
            amr: Vec::new(),
            acr: None,
            clients: clients
                .iter()
                .map(|id| ClientId::parse(id).unwrap())
                .collect(),
            earlier: Vec::new(),
            last_seen_at: now,
            expires_at: now,
        }
    }

    #[test]
    fn a_session_stands_for_the_logins_of_those_whose_place_it_took() {
        let mut second = a_session("s2", &["shop"]);
        assert!(second.takes_place_of(a_session("s1", &["app", "wiki"])));
        let mut third = a_session("s3", &["app"]);
        assert!(third.takes_place_of(second));
        let logins: Vec<_> = third
            .logins()
            .map(|(id, client)| format!("{id} {client}"))
            .collect();
        assert_eq!(logins, ["s3 app", "s2 shop", "s1 app", "s1 wiki"]);
        assert!(third.is_called("s3") && third.is_called("s1") && !third.is_called("s4"));
    }

    #[test]
    fn a_session_does_not_grow_for_ever_by_logging_in_again() {
        let mut session = a_session("s0", &["app"]);
        let mut refused = 0;
        for n in 1..=20 {
            let mut next = a_session(&format!("s{n}"), &["app"]);
            refused += usize::from(!next.takes_place_of(session));
            session = next;
        }
        assert!(session.earlier.len() <= BrowserSession::MOST_EARLIER);
        assert!(refused > 0);
    }

    #[test]
    fn a_session_of_an_earlier_version_is_read() {
        let old = serde_json::to_value(a_session("s1", &["app"])).unwrap();
        assert_eq!(old.get("earlier"), None);
        let read: BrowserSession = serde_json::from_value(old).unwrap();
        assert_eq!(read, a_session("s1", &["app"]));
    }
}
