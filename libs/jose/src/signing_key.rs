use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair};
use data_encoding::BASE64URL_NOPAD;
use insula_secret::Secret;
use serde::Serialize;
use serde_json::Value;

use crate::public_key::PublicKey;
use crate::rsa_keys::{ParkedRsa, RsaKeys};
use crate::{Alg, JoseError, KeyId};

/// A private key, ready to sign: everything that does not change from token to token is made once.
///
/// ```
/// use insula_ambient::SystemEntropy;
/// use insula_jose::{Alg, KeyId, SigningKey};
///
/// let key = SigningKey::generate(Alg::EdDSA, KeyId::random(&SystemEntropy))?;
/// assert_eq!(key.public_jwk()["alg"], "EdDSA");
/// let token = key.sign(Some("at+jwt"), &serde_json::json!({"sub": "u1"}))?;
/// assert_eq!(token.split('.').count(), 3);
/// # Ok::<(), insula_jose::JoseError>(())
/// ```
pub struct SigningKey {
    pair: Pair,
    public: Arc<PublicKey>,
    /// The base64url header of a token without `typ`, and the dot after it.
    header: Box<str>,
    /// The same with the `typ` of access tokens.
    access_token_header: Box<str>,
}

/// `typ` of an access token ([RFC 9068 §2.1](https://www.rfc-editor.org/rfc/rfc9068#section-2.1)).
const ACCESS_TOKEN: &str = "at+jwt";

enum Pair {
    Rsa(RsaKeyPair),
    Parked(ParkedRsa),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

/// Exactly what our headers hold, in this order.
#[derive(Serialize)]
struct Header<'a> {
    alg: Alg,
    kid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    typ: Option<&'a str>,
}

impl SigningKey {
    /// Makes a key; RSA keys have 2048 bits.
    ///
    /// An RSA key costs a tenth of a second and more: call this on a blocking pool. Takes its
    /// randomness from the crypto library, which has no seam for another source.
    pub fn generate(alg: Alg, kid: KeyId) -> Result<Self, JoseError> {
        let failed = |_| JoseError::Generation { alg };
        let pair = match alg {
            Alg::RS256 | Alg::PS256 => {
                Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?)
            }
            Alg::ES256 => {
                let curve = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
                Pair::Ec(EcdsaKeyPair::generate(curve).map_err(failed)?)
            }
            Alg::ES384 => {
                let curve = &signature::ECDSA_P384_SHA384_FIXED_SIGNING;
                Pair::Ec(EcdsaKeyPair::generate(curve).map_err(failed)?)
            }
            Alg::EdDSA => Pair::Ed(Ed25519KeyPair::generate().map_err(failed)?),
        };
        Self::from_pair(alg, kid, pair)
    }

    /// Reads an unencrypted PKCS#8 private key ([RFC 5958](https://www.rfc-editor.org/rfc/rfc5958)).
    pub fn from_pkcs8(alg: Alg, kid: KeyId, der: &[u8]) -> Result<Self, JoseError> {
        let rejected = |cause: aws_lc_rs::error::KeyRejected| JoseError::KeyRejected {
            alg,
            cause: cause.to_string(),
        };
        let pair = match alg {
            Alg::RS256 | Alg::PS256 => Pair::Rsa(RsaKeyPair::from_pkcs8(der).map_err(rejected)?),
            Alg::ES256 => {
                let curve = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
                Pair::Ec(EcdsaKeyPair::from_pkcs8(curve, der).map_err(rejected)?)
            }
            Alg::ES384 => {
                let curve = &signature::ECDSA_P384_SHA384_FIXED_SIGNING;
                Pair::Ec(EcdsaKeyPair::from_pkcs8(curve, der).map_err(rejected)?)
            }
            Alg::EdDSA => Pair::Ed(Ed25519KeyPair::from_pkcs8(der).map_err(rejected)?),
        };
        Self::from_pair(alg, kid, pair)
    }

    /// The same key, whose parsed form is one of `parsed` if it is an RSA key.
    pub fn parked(self, parsed: &Arc<RsaKeys>) -> Result<Self, JoseError> {
        if !matches!(self.pair, Pair::Rsa(_)) {
            return Ok(self);
        }
        let der = self.to_pkcs8()?;
        Ok(Self {
            pair: Pair::Parked(ParkedRsa::new(der, parsed)),
            ..self
        })
    }

    /// An RSA key as it was stored with its public half: it is parsed when it signs.
    pub(crate) fn stored_rsa(
        public: PublicKey,
        der: Secret<[u8]>,
        parsed: &Arc<RsaKeys>,
    ) -> Result<Self, JoseError> {
        Self::with_public(Pair::Parked(ParkedRsa::new(der, parsed)), public)
    }

    fn from_pair(alg: Alg, kid: KeyId, pair: Pair) -> Result<Self, JoseError> {
        let public = match &pair {
            Pair::Rsa(pair) => PublicKey::from_rsa(alg, kid, pair.public_key()),
            // Comes with its public half.
            Pair::Parked(_) => None,
            Pair::Ec(pair) => PublicKey::from_octets(alg, kid, pair.public_key().as_ref()),
            Pair::Ed(pair) => PublicKey::from_octets(alg, kid, pair.public_key().as_ref()),
        };
        let public = public.ok_or_else(|| JoseError::KeyRejected {
            alg,
            cause: "its public half is not one we would accept".to_owned(),
        })?;
        Self::with_public(pair, public)
    }

    fn with_public(pair: Pair, public: PublicKey) -> Result<Self, JoseError> {
        let (alg, kid) = (public.alg, &public.kid);
        let header = encoded_header(alg, kid, None)?.into_boxed_str();
        let access_token_header = encoded_header(alg, kid, Some(ACCESS_TOKEN))?.into_boxed_str();
        Ok(Self {
            pair,
            public: Arc::new(public),
            header,
            access_token_header,
        })
    }

    /// The private key as PKCS#8, wiped when dropped. To be sealed, never to be stored as it is.
    pub fn to_pkcs8(&self) -> Result<Secret<[u8]>, JoseError> {
        let der = match &self.pair {
            Pair::Parked(parked) => Ok(parked.der().reveal().to_vec()),
            Pair::Rsa(pair) => pair.as_der().map(|der| der.as_ref().to_vec()),
            Pair::Ec(pair) => pair.to_pkcs8v1().map(|der| der.as_ref().to_vec()),
            Pair::Ed(pair) => pair.to_pkcs8v1().map(|der| der.as_ref().to_vec()),
        };
        der.map(Secret::from).map_err(|_| JoseError::KeyRejected {
            alg: self.alg(),
            cause: "it does not become PKCS#8".to_owned(),
        })
    }

    /// The one algorithm this key signs with.
    pub fn alg(&self) -> Alg {
        self.public.alg
    }

    /// The name it is published under.
    pub fn kid(&self) -> &KeyId {
        &self.public.kid
    }

    /// The public JWK ([RFC 7517 §4](https://www.rfc-editor.org/rfc/rfc7517#section-4)): `use`,
    /// `kty`, `kid`, `alg` and the material.
    pub fn public_jwk(&self) -> &Value {
        self.public.value()
    }

    pub(crate) fn public(&self) -> &Arc<PublicKey> {
        &self.public
    }

    /// Signs `claims` into a compact JWS
    /// ([RFC 7515 §7.1](https://www.rfc-editor.org/rfc/rfc7515#section-7.1)).
    ///
    /// The header holds `alg` and `kid`, and `typ` if one is given.
    pub fn sign(&self, typ: Option<&str>, claims: &impl Serialize) -> Result<String, JoseError> {
        let payload = serde_json::to_vec(claims).map_err(|cause| JoseError::Claims {
            cause: cause.to_string(),
        })?;
        let header = match typ {
            None => Cow::Borrowed(&*self.header),
            Some(ACCESS_TOKEN) => Cow::Borrowed(&*self.access_token_header),
            Some(_) => Cow::Owned(encoded_header(self.alg(), self.kid(), typ)?),
        };
        // Payload and signature in base64, of which RSA's is the longest.
        let room = payload.len().div_ceil(3) * 4 + 720;
        let mut token = String::with_capacity(header.len() + room);
        token.push_str(&header);
        BASE64URL_NOPAD.encode_append(&payload, &mut token);
        let signature = self.signature(token.as_bytes())?;
        token.push('.');
        BASE64URL_NOPAD.encode_append(&signature, &mut token);
        Ok(token)
    }

    pub(crate) fn signature(&self, message: &[u8]) -> Result<Vec<u8>, JoseError> {
        let failed = |_| JoseError::Signing {
            alg: self.alg(),
            kid: self.kid().clone(),
        };
        match &self.pair {
            Pair::Rsa(pair) => self.rsa_signature(pair, message).map_err(failed),
            Pair::Parked(parked) => {
                let pair = parked.pair().ok_or_else(|| JoseError::KeyRejected {
                    alg: self.alg(),
                    cause: "what is stored of it is no key".to_owned(),
                })?;
                self.rsa_signature(&pair, message).map_err(failed)
            }
            Pair::Ec(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message).map_err(failed)?;
                Ok(signature.as_ref().to_vec())
            }
            Pair::Ed(pair) => {
                let signature = pair.try_sign(message).map_err(failed)?;
                Ok(signature.as_ref().to_vec())
            }
        }
    }

    fn rsa_signature(&self, pair: &RsaKeyPair, message: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let padding: &'static dyn signature::RsaEncoding = match self.alg() {
            Alg::PS256 => &signature::RSA_PSS_SHA256,
            _ => &signature::RSA_PKCS1_SHA256,
        };
        let mut bytes = vec![0; pair.public_modulus_len()];
        pair.sign(padding, &SystemRandom::new(), message, &mut bytes)?;
        Ok(bytes)
    }
}

fn encoded_header(alg: Alg, kid: &KeyId, typ: Option<&str>) -> Result<String, JoseError> {
    let kid = kid.as_str();
    let json =
        serde_json::to_vec(&Header { alg, kid, typ }).map_err(|cause| JoseError::Claims {
            cause: cause.to_string(),
        })?;
    let mut encoded = BASE64URL_NOPAD.encode(&json);
    encoded.push('.');
    Ok(encoded)
}

/// Names the key and says nothing of what is in it.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} {})", self.alg(), self.kid())
    }
}

#[cfg(test)]
mod tests;
