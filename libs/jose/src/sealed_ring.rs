use std::sync::Arc;

use data_encoding::BASE64;
use insula_ambient::Entropy;
use insula_secret::Secret;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::public_key::PublicKey;
use crate::{Alg, JoseError, KeyId, KeyRing, MasterKey, Phase, RingKey, SealError, SigningKey};

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
}

#[derive(Serialize, Deserialize)]
struct StoredKey {
    alg: Alg,
    kid: KeyId,
    phase: Phase,
    material: Material,
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
        };
        let json = serde_json::to_vec(&stored).map_err(|cause| JoseError::Claims {
            cause: cause.to_string(),
        })?;
        Ok(master.seal(&context(tenant), Secret::from(json).reveal(), entropy))
    }

    /// Opens what [`seal`](Self::seal) made for the same tenant.
    pub fn open(sealed: &[u8], master: &MasterKey, tenant: &str) -> Result<KeyRing, SealError> {
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
            .map(StoredKey::into_ring)
            .collect::<Result<_, _>>();
        Ok(KeyRing::assembled(
            stored.version,
            secret,
            keys.map_err(content)?,
        ))
    }
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
        Ok(Self {
            alg: key.alg(),
            kid: key.kid().clone(),
            phase: key.phase,
            material,
        })
    }

    fn into_ring(self) -> Result<RingKey, String> {
        let Self {
            alg,
            kid,
            phase,
            material,
        } = self;
        match material {
            Material::Pkcs8(der) => {
                let key =
                    SigningKey::from_pkcs8(alg, kid, der.0.reveal()).map_err(|e| e.to_string())?;
                let key = Arc::new(key);
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
