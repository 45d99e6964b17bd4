use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use insula_ambient::Entropy;
use insula_secret::Secret;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::public_key::PublicKey;
use crate::{
    Alg, JoseError, KeyId, KeyRing, MasterKey, Phase, RingKey, RsaKeys, SealError, SigningKey,
};

/// A key ring as a store keeps it: JSON, sealed for one tenant.
///
/// ```
/// use insula_ambient::SystemEntropy;
/// use insula_jose::{KeyRing, MasterKey, SealedKeyRing};
///
/// let master = MasterKey::generate(&SystemEntropy);
/// let ring = KeyRing::empty(&SystemEntropy);
/// let stored = SealedKeyRing::seal(&ring, &master, "acme", &SystemEntropy)?;
/// let again = SealedKeyRing::open(&stored, &master, "acme")?;
/// assert_eq!(again.derive("cookies"), ring.derive("cookies"));
/// assert!(SealedKeyRing::open(&stored, &master, "globex").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct SealedKeyRing;

#[derive(Serialize, Deserialize)]
struct StoredRing {
    version: u64,
    secret: SecretText,
    keys: Vec<StoredKey>,
    /// Absent in rings that were sealed before keys were promised, and where none is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    promised: Vec<Alg>,
    /// In milliseconds. Absent in rings that were sealed before it was kept.
    #[serde(default)]
    longest_token_life: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredKey {
    alg: Alg,
    kid: KeyId,
    phase: Phase,
    material: Material,
    /// The public half of an RSA key that signs, so that it need not be parsed to be published.
    /// Absent in rings that were sealed before it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public_jwk: Option<Value>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Material {
    Pkcs8(SecretText),
    PublicJwk(Value),
}

/// Secret bytes in base64.
struct SecretText(Secret<[u8]>);

impl SealedKeyRing {
    /// Seals `ring` for `tenant`.
    pub fn seal(
        ring: &KeyRing,
        master: &MasterKey,
        tenant: &str,
        entropy: &dyn Entropy,
    ) -> Result<Vec<u8>, JoseError> {
        let keys = ring
            .keys
            .iter()
            .map(StoredKey::from_ring)
            .collect::<Result<_, _>>()?;
        let secret = SecretText(ring.secret.reveal().to_vec().into());
        let stored = StoredRing {
            version: ring.version,
            secret,
            keys,
            promised: ring.promised.clone(),
            longest_token_life: millis(ring.longest_token_life),
        };
        let json = serde_json::to_vec(&stored).map_err(|cause| JoseError::Claims {
            cause: cause.to_string(),
        })?;
        Ok(master.seal(&context(tenant), Secret::from(json).reveal(), entropy))
    }

    /// Opens what [`seal`](Self::seal) made for the same tenant.
    pub fn open(sealed: &[u8], master: &MasterKey, tenant: &str) -> Result<KeyRing, SealError> {
        Self::open_parking(sealed, master, tenant, &RsaKeys::new(usize::MAX))
    }

    /// The same, for one of very many rings: the parsed forms of its RSA keys are of `parsed`.
    pub fn open_parking(
        sealed: &[u8],
        master: &MasterKey,
        tenant: &str,
        parsed: &Arc<RsaKeys>,
    ) -> Result<KeyRing, SealError> {
        let json = Secret::from(master.open(&context(tenant), sealed)?);
        let content = |cause: String| SealError::Content { cause };
        let stored: StoredRing =
            serde_json::from_slice(json.reveal()).map_err(|cause| content(cause.to_string()))?;
        let secret: &[u8; 32] = stored
            .secret
            .0
            .reveal()
            .try_into()
            .map_err(|_| content("its secret does not have 32 bytes".to_owned()))?;
        let secret = Secret::filled_by(|bytes| bytes.copy_from_slice(secret));
        let keys = stored
            .keys
            .into_iter()
            .map(|key| key.into_ring(parsed))
            .collect::<Result<_, _>>();
        Ok(KeyRing::assembled(
            stored.version,
            secret,
            keys.map_err(content)?,
            stored.promised,
            Duration::from_millis(stored.longest_token_life),
        ))
    }
}

fn millis(life: Duration) -> u64 {
    u64::try_from(life.as_millis()).unwrap_or(u64::MAX)
}

fn context(tenant: &str) -> String {
    format!("key-ring/{tenant}")
}

impl StoredKey {
    fn from_ring(key: &RingKey) -> Result<Self, JoseError> {
        let material = match &key.signing {
            Some(signing) => Material::Pkcs8(SecretText(signing.to_pkcs8()?)),
            None => Material::PublicJwk(key.public.value().clone()),
        };
        let parses_slowly = key.signing.is_some() && key.alg().is_slow_to_make();
        Ok(Self {
            alg: key.alg(),
            kid: key.kid().clone(),
            phase: key.phase,
            material,
            // Read anew, so that the ring does not hold that form from now on.
            public_jwk: parses_slowly
                .then(|| serde_json::from_str(&key.public.text).ok())
                .flatten(),
        })
    }

    fn into_ring(self, parsed: &Arc<RsaKeys>) -> Result<RingKey, String> {
        let Self {
            alg,
            kid,
            phase,
            material,
            public_jwk,
        } = self;
        match material {
            Material::Pkcs8(der) => {
                let public = public_jwk.filter(|_| alg.is_slow_to_make());
                let public = public.and_then(|jwk| PublicKey::from_stored(alg, kid.clone(), jwk));
                let key = match public {
                    Some(public) => SigningKey::stored_rsa(public, der.0, parsed),
                    None => SigningKey::from_pkcs8(alg, kid, der.0.reveal())
                        .and_then(|key| key.parked(parsed)),
                };
                let key = Arc::new(key.map_err(|e| e.to_string())?);
                Ok(RingKey {
                    phase,
                    public: Arc::clone(key.public()),
                    signing: Some(key),
                })
            }
            Material::PublicJwk(jwk) => {
                let named = kid.clone();
                let public = PublicKey::from_stored(alg, kid, jwk)
                    .ok_or_else(|| format!("the public key {named} is not a usable {alg} key"))?;
                Ok(RingKey {
                    phase,
                    public: Arc::new(public),
                    signing: None,
                })
            }
        }
    }
}

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(Secret::new(BASE64.encode(self.0.reveal())).reveal())
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Secret::<str>::deserialize(deserializer)?;
        let bytes = BASE64.decode(text.reveal().as_bytes());
        // Without the decoder's word, which quotes the byte it stumbled over.
        let bytes = bytes.map_err(|_| serde::de::Error::custom("a secret is not base64"))?;
        Ok(Self(bytes.into()))
    }
}

#[cfg(test)]
mod tests;
