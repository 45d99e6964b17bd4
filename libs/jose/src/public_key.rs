use aws_lc_rs::io::Positive;
use aws_lc_rs::signature::RsaSubjectPublicKey as RsaPublicKey;
use biscuit::jwk::{AlgorithmParameters, CommonParameters, JWK, PublicKeyUse};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::verifying_key::VerifyingKey;
use crate::{Alg, KeyId};

/// A JWK as we publish it: `use`, `kid`, `kty`, the material, `alg`.
pub(crate) type PublishedJwk = JWK<PublishedAlg>;

/// `alg` beside biscuit's own members, because its enum does not know `EdDSA`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PublishedAlg {
    alg: Alg,
}

/// The public half of a key of ours.
pub(crate) struct PublicKey {
    pub(crate) alg: Alg,
    pub(crate) kid: KeyId,
    pub(crate) wire: PublishedJwk,
    pub(crate) json: Value,
    pub(crate) verifying: VerifyingKey,
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
        let json = serde_json::to_value(&wire).ok()?;
        let verifying = VerifyingKey::from_jwk(json.as_object()?)?;
        Some(Self {
            alg,
            kid,
            wire,
            json,
            verifying,
        })
    }
}
