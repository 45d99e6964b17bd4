use std::sync::OnceLock;

use aws_lc_rs::io::Positive;
use aws_lc_rs::signature::RsaSubjectPublicKey as RsaPublicKey;
use biscuit::jwk::{AlgorithmParameters, CommonParameters, JWK, PublicKeyUse};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::verify_alg::VerifyAlg;
use crate::verifying_key::VerifyingKey;
use crate::{Alg, KeyId, VerifyError};

/// A JWK as we publish it: `use`, `kid`, `kty`, the material, `alg`.
pub(crate) type PublishedJwk = JWK<PublishedAlg>;

/// `alg` beside biscuit's own members, because its enum does not know `EdDSA`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PublishedAlg {
    alg: Alg,
}

/// The public half of a key of ours, held in one form, as it is published: very many tenants hold
/// theirs at once, and few of them verify or are asked for anything but the text. The other forms
/// are made when they are first needed.
pub(crate) struct PublicKey {
    pub(crate) alg: Alg,
    pub(crate) kid: KeyId,
    /// The JWK, written out.
    pub(crate) text: Box<str>,
    value: OnceLock<Box<Value>>,
    verifying: OnceLock<Option<Box<VerifyingKey>>>,
}

impl PublicKey {
    /// From the two numbers of RSA. `None` if it is not a key we would accept.
    pub(crate) fn from_rsa(alg: Alg, kid: KeyId, key: &RsaPublicKey) -> Option<Self> {
        let text =
            |number: Positive<'_>| BASE64URL_NOPAD.encode(number.big_endian_without_leading_zero());
        let (n, e) = (text(key.modulus()), text(key.exponent()));
        Self::from_material(alg, kid, json!({"kty": "RSA", "n": n, "e": e}))
    }

    /// From the uncompressed point of EC or the 32 bytes of Ed25519. The crypto library has no
    /// accessor for one coordinate: the point is a byte that says so and two of equal length
    /// ([SEC 1 §2.3.3](https://www.secg.org/sec1-v2.pdf)).
    pub(crate) fn from_octets(alg: Alg, kid: KeyId, octets: &[u8]) -> Option<Self> {
        let text = |part: &[u8]| BASE64URL_NOPAD.encode(part);
        let material = match alg {
            Alg::EdDSA => json!({"kty": "OKP", "crv": "Ed25519", "x": text(octets)}),
            Alg::ES256 | Alg::ES384 => {
                let curve = if alg == Alg::ES256 { "P-256" } else { "P-384" };
                let (_, point) = octets.split_first()?;
                let (x, y) = point.split_at(point.len() / 2);
                json!({"kty": "EC", "crv": curve, "x": text(x), "y": text(y)})
            }
            Alg::RS256 | Alg::PS256 => return None,
        };
        Self::from_material(alg, kid, material)
    }

    /// From a JWK we published and stored.
    pub(crate) fn from_stored(alg: Alg, kid: KeyId, jwk: Value) -> Option<Self> {
        Self::from_material(alg, kid, jwk)
    }

    fn from_material(alg: Alg, kid: KeyId, material: Value) -> Option<Self> {
        let algorithm: AlgorithmParameters = serde_json::from_value(material).ok()?;
        let wire = PublishedJwk {
            common: CommonParameters {
                public_key_use: Some(PublicKeyUse::Signature),
                key_id: Some(kid.as_str().to_owned()),
                ..CommonParameters::default()
            },
            algorithm,
            additional: PublishedAlg { alg },
        };
        let value = serde_json::to_value(&wire).ok()?;
        // Tried here, so that a key that is held can be verified with.
        VerifyingKey::from_jwk(value.as_object()?)?;
        let text = serde_json::to_string(&wire).ok()?;
        Some(Self {
            alg,
            kid,
            text: text.into_boxed_str(),
            value: OnceLock::new(),
            verifying: OnceLock::new(),
        })
    }

    /// The JWK.
    pub(crate) fn value(&self) -> &Value {
        // What was written out above can be read.
        let read = || Box::new(serde_json::from_str(&self.text).unwrap_or_default());
        self.value.get_or_init(read)
    }

    /// Verifies with `alg`, if the key is for it.
    pub(crate) fn verify(
        &self,
        alg: VerifyAlg,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<(), VerifyError> {
        let parse = || {
            let jwk: Value = serde_json::from_str(&self.text).ok()?;
            VerifyingKey::from_jwk(jwk.as_object()?).map(Box::new)
        };
        let key = self.verifying.get_or_init(parse).as_ref();
        let key = key.ok_or(VerifyError::AlgMismatch)?;
        key.verify(alg, signed, signature)
    }
}
