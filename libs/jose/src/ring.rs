use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use insula_ambient::{Entropy, Timestamp};
use insula_secret::Secret;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::hkdf_sha256;
use crate::header::CompactJws;
use crate::public_key::PublicKey;
use crate::verify_alg::VerifyAlg;
use crate::{Alg, Claims, Expected, KeyId, SigningKey, VerifyError};

/// All keys of one tenant at one moment, and the secret its other secrets derive from.
///
/// A value: every change is a successor with the next version, which a store swaps in only if the
/// version is still the one it grew from. The rotation itself is in [`plan`](Self::plan) and the
/// methods beside it.
#[derive(Clone)]
pub struct KeyRing {
    pub(crate) version: u64,
    pub(crate) secret: Secret<[u8; 32]>,
    pub(crate) keys: Vec<RingKey>,
    /// Algorithms whose first key is made when somebody asks for it. Nobody has seen a JWK Set of this
    /// ring: who asks for one asks for these keys.
    pub(crate) promised: Vec<Alg>,
    /// The longest that a token of this tenant was ever to live.
    pub(crate) longest_token_life: Duration,
}

/// One key of a ring.
#[derive(Clone)]
pub struct RingKey {
    pub(crate) phase: Phase,
    pub(crate) public: Arc<PublicKey>,
    /// Dropped when the key retires: what cannot sign cannot be stolen.
    pub(crate) signing: Option<Arc<SigningKey>>,
}

/// Where in its life a key is. All three are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Published, so that clients have it in their caches before it signs.
    Announced {
        /// Published since.
        since: Timestamp,
    },
    /// The one that signs for its algorithm.
    Active {
        /// Signing since.
        since: Timestamp,
    },
    /// Signs no more; published until the last of its tokens is dead.
    Retiring {
        /// Stopped signing then.
        since: Timestamp,
        /// May be dropped then.
        until: Timestamp,
    },
}

impl RingKey {
    /// Its algorithm.
    pub fn alg(&self) -> Alg {
        self.public.alg
    }

    /// Its name.
    pub fn kid(&self) -> &KeyId {
        &self.public.kid
    }

    /// Where in its life it is.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Its public JWK.
    pub fn public_jwk(&self) -> &Value {
        self.public.value()
    }

    /// The key itself; absent once it is retiring.
    pub fn key(&self) -> Option<&Arc<SigningKey>> {
        self.signing.as_ref()
    }
}

impl KeyRing {
    /// A ring without keys, version 0, with a fresh secret.
    pub fn empty(entropy: &dyn Entropy) -> Self {
        let secret = Secret::filled_by(|bytes| entropy.fill(bytes));
        Self::assembled(0, secret, Vec::new(), Vec::new(), Duration::ZERO)
    }

    /// Puts a ring together.
    pub(crate) fn assembled(
        version: u64,
        secret: Secret<[u8; 32]>,
        mut keys: Vec<RingKey>,
        promised: Vec<Alg>,
        longest_token_life: Duration,
    ) -> Self {
        keys.sort_by_key(|key| match key.phase {
            Phase::Active { .. } => 0,
            Phase::Announced { .. } => 1,
            Phase::Retiring { .. } => 2,
        });
        keys.shrink_to_fit();
        Self {
            version,
            secret,
            keys,
            promised,
            longest_token_life,
        }
    }

    /// The longest that a token of this tenant was ever to live. It does not shrink with the
    /// configuration: a token that was signed before lives on, and its revocation and its key with it.
    pub fn longest_token_life(&self) -> Duration {
        self.longest_token_life
    }

    /// Grows by one with every change; what a compare-and-swap compares.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The keys: active ones first, then announced, then retiring.
    pub fn keys(&self) -> &[RingKey] {
        &self.keys
    }

    /// The algorithms whose first key is made when it is asked for: by a token to be signed, or by the
    /// first look at the JWK Set. That set must not be handed out, or only to be forgotten at once,
    /// while there are any.
    pub fn promised(&self) -> &[Alg] {
        &self.promised
    }

    /// The promised algorithm of a token whose key this ring does not have: another process may have
    /// made that key since this ring was read.
    pub fn lacks_key_of(&self, token: &str) -> Option<Alg> {
        if self.promised.is_empty() {
            return None;
        }
        let jws = CompactJws::parse(token).ok()?;
        let kid = jws.kid.as_deref()?;
        if self.keys.iter().any(|key| key.kid().as_str() == kid) {
            return None;
        }
        let mut promised = self.promised.iter().copied();
        promised.find(|alg| VerifyAlg::from(*alg) == jws.alg)
    }

    /// The JWK Set as it is published, in the order of [`keys`](Self::keys).
    pub fn jwks_json(&self) -> String {
        let keys: Vec<&str> = self.keys.iter().map(|key| &*key.public.text).collect();
        format!(r#"{{"keys":[{}]}}"#, keys.join(","))
    }

    /// The active key of exactly this algorithm, whatever its age.
    ///
    /// To sign, ask [`signing_key_at`](Self::signing_key_at), which minds the hard end.
    pub fn signing_key(&self, alg: Alg) -> Option<&Arc<SigningKey>> {
        self.active(alg)?.signing.as_ref()
    }

    pub(crate) fn active(&self, alg: Alg) -> Option<&RingKey> {
        let is_active = |key: &&RingKey| matches!(key.phase, Phase::Active { .. });
        self.keys
            .iter()
            .filter(is_active)
            .find(|key| key.alg() == alg)
    }

    /// A secret of the tenant for one purpose, the same as long as the ring lives.
    ///
    /// HKDF-SHA256 of the ring's own secret; `label` names the purpose, and two purposes never
    /// share one.
    pub fn derive(&self, label: &str) -> Secret<[u8; 32]> {
        hkdf_sha256(b"insula key ring", self.secret.reveal(), label.as_bytes()).into()
    }

    /// Verifies a token this ring signed, then judges its claims.
    ///
    /// A token whose key is no longer in the ring is [`VerifyError::UnknownKid`]: it must have
    /// expired, since keys stay until their tokens have.
    pub fn verify(
        &self,
        token: &str,
        now: Timestamp,
        expected: &Expected<'_>,
    ) -> Result<Claims, VerifyError> {
        let jws = CompactJws::parse(token)?;
        jws.check_typ(expected.typ)?;
        let kid = jws.kid.as_deref().ok_or(VerifyError::UnknownKid)?;
        let named = self.keys.iter().find(|key| key.kid().as_str() == kid);
        let key = named.ok_or(VerifyError::UnknownKid)?;
        key.public.verify(jws.alg, jws.signed, &jws.signature)?;
        let claims = jws.claims()?;
        claims.check(expected, now)?;
        Ok(claims)
    }
}

impl fmt::Debug for RingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?}", self.alg(), self.kid(), self.phase)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("KeyRing");
        shown
            .field("version", &self.version)
            .field("keys", &self.keys)
            .field("promised", &self.promised)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
