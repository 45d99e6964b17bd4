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
    /// When it was last used, within a quarter of its idle life.
    pub last_seen_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
}

impl BrowserSession {
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
