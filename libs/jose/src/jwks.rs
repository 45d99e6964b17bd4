use std::fmt;

use insula_ambient::Timestamp;
use serde_json::{Map, Value};

use crate::header::CompactJws;
use crate::verify_alg::VerifyAlg;
use crate::verifying_key::VerifyingKey;
use crate::{Claims, Expected, JwksError, VerifyError, says_nothing};

/// Some hundred keys with certificates fit in.
const LARGEST_SET: usize = 512 * 1024;
const MOST_KEYS: usize = 64;
/// How many keys a token without `kid` is tried with.
const MOST_TRIES: usize = 8;

/// The public keys of somebody else: a JWK Set
/// ([RFC 7517 §5](https://www.rfc-editor.org/rfc/rfc7517#section-5)) of an upstream provider.
///
/// ```
/// use insula_ambient::{SystemEntropy, Timestamp};
/// use insula_jose::{Alg, Expected, Jwks, KeyId, SigningKey, VerifyError};
///
/// let upstream = SigningKey::generate(Alg::ES256, KeyId::new("k1"))?;
/// let set = serde_json::json!({"keys": [upstream.public_jwk(), {"kty": "from the future"}]});
/// let jwks = Jwks::parse(&set.to_string())?;
///
/// let now = Timestamp::from_secs(1_700_000_000);
/// let token = upstream.sign(None, &serde_json::json!({
///     "iss": "https://upstream.example", "aud": "us", "exp": now.as_secs() + 60,
/// }))?;
/// let expected = Expected::from_issuer("https://upstream.example").for_audience("us");
/// assert!(jwks.verify(&token, now, &expected).is_ok());
///
/// // A key the set does not have: the caller fetches the set anew, once.
/// let rotated = SigningKey::generate(Alg::ES256, KeyId::new("k2"))?.sign(None, &())?;
/// assert_eq!(jwks.verify(&rotated, now, &expected), Err(VerifyError::UnknownKid));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Jwks {
    keys: Vec<ForeignKey>,
}

struct ForeignKey {
    kid: Option<String>,
    key: VerifyingKey,
    /// As it was written, to tell a key that changed under its `kid`.
    written: Map<String, Value>,
}

impl Jwks {
    /// Reads a set key by key.
    ///
    /// A key we do not understand (RFC 7517 §5 says to ignore it), that is not for signatures, or
    /// that nobody should trust is skipped; the first 64 usable ones are kept.
    pub fn parse(json: &str) -> Result<Self, JwksError> {
        if json.len() > LARGEST_SET {
            return Err(JwksError::TooLarge {
                bytes: json.len(),
                allowed: LARGEST_SET,
            });
        }
        let set: Value = serde_json::from_str(json).map_err(|cause| JwksError::NotJson {
            cause: cause.to_string(),
        })?;
        let keys = set
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(JwksError::NoKeys)?;
        let usable = keys
            .iter()
            .filter_map(Value::as_object)
            .filter_map(ForeignKey::from_jwk);
        Ok(Self {
            keys: usable.take(MOST_KEYS).collect(),
        })
    }

    /// How many keys of the set can be used.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether none can.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether it holds a key that `other` does not, under the same `kid` or another.
    pub fn has_more_than(&self, other: &Self) -> bool {
        let is_known = |key: &ForeignKey| other.keys.iter().any(|k| k.written == key.written);
        !self.keys.iter().all(is_known)
    }

    /// Verifies a token of that provider, then judges its claims. Claims that are `null` or an empty
    /// text are absent.
    ///
    /// The key is found by `kid`. For a token without one every key fitting its `alg` is tried, at
    /// most eight (RFC 7515 §6 leaves that to us). The algorithm comes from the key: from its
    /// `alg`, else from its type and curve.
    ///
    /// [`VerifyError::UnknownKid`] means that a newer set might help, also for a token without `kid`
    /// that no key verifies; [`VerifyError::BadSignature`] and [`VerifyError::AlgMismatch`] too,
    /// where a provider changed the key under its `kid`.
    pub fn verify(
        &self,
        token: &str,
        now: Timestamp,
        expected: &Expected<'_>,
    ) -> Result<Claims, VerifyError> {
        let jws = CompactJws::parse(token)?;
        jws.check_typ(expected.typ)?;
        match &jws.kid {
            Some(kid) => self.verify_by_kid(&jws, kid)?,
            None => self.verify_by_trying(&jws)?,
        }
        let claims = jws.claims()?.without_the_empty();
        claims.check(expected, now)?;
        Ok(claims)
    }

    fn verify_by_kid(&self, jws: &CompactJws<'_>, kid: &str) -> Result<(), VerifyError> {
        // Some providers publish one `kid` twice, for two algorithms.
        let named = self
            .keys
            .iter()
            .filter(|key| key.kid.as_deref() == Some(kid));
        let mut verdict = Err(VerifyError::UnknownKid);
        for candidate in named.take(MOST_TRIES) {
            match candidate.verify(jws) {
                Ok(()) => return Ok(()),
                Err(VerifyError::AlgMismatch) if verdict == Err(VerifyError::BadSignature) => {}
                refused => verdict = refused,
            }
        }
        verdict
    }

    fn verify_by_trying(&self, jws: &CompactJws<'_>) -> Result<(), VerifyError> {
        let fitting = self.fitting(jws.alg).take(MOST_TRIES);
        let verified = fitting
            .map(|candidate| candidate.verify(jws))
            .any(|tried| tried.is_ok());
        if verified {
            Ok(())
        } else {
            Err(VerifyError::UnknownKid)
        }
    }

    fn fitting(&self, alg: VerifyAlg) -> impl Iterator<Item = &ForeignKey> {
        self.keys
            .iter()
            .filter(move |candidate| candidate.key.is_for(alg))
    }
}

impl ForeignKey {
    fn from_jwk(jwk: &Map<String, Value>) -> Option<Self> {
        let mut jwk = jwk.clone();
        jwk.retain(|_, value| !says_nothing(value));
        if jwk.get("use").is_some_and(|usage| usage != "sig") {
            return None;
        }
        if let Some(operations) = jwk.get("key_ops") {
            let verifies = operations
                .as_array()?
                .iter()
                .any(|operation| operation == "verify");
            if !verifies {
                return None;
            }
        }
        let kid = match jwk.get("kid") {
            None => None,
            Some(kid) => Some(kid.as_str()?.to_owned()),
        };
        Some(Self {
            kid,
            key: VerifyingKey::from_jwk(&jwk)?,
            written: jwk,
        })
    }

    fn verify(&self, jws: &CompactJws<'_>) -> Result<(), VerifyError> {
        self.key.verify(jws.alg, jws.signed, &jws.signature)
    }
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|key| &key.kid))
            .finish()
    }
}

#[cfg(test)]
mod tests;
