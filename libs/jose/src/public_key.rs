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
    /// From the DER of an `RSAPublicKey`. `None` if it is not one we would accept.
    pub(crate) fn from_rsa(alg: Alg, kid: KeyId, der: &[u8]) -> Option<Self> {
        let (n, e) = modulus_and_exponent(der)?;
        let (n, e) = (BASE64URL_NOPAD.encode(n), BASE64URL_NOPAD.encode(e));
        Self::from_material(alg, kid, json!({"kty": "RSA", "n": n, "e": e}))
    }

    /// From the uncompressed point of EC or the 32 bytes of Ed25519.
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

/// `RSAPublicKey ::= SEQUENCE { modulus INTEGER, publicExponent INTEGER }` (RFC 8017, A.1.1).
///
/// The crypto library hands out its public keys in this form only.
fn modulus_and_exponent(der: &[u8]) -> Option<(&[u8], &[u8])> {
    const SEQUENCE: u8 = 0x30;
    const INTEGER: u8 = 0x02;
    let (sequence, _) = der_value(SEQUENCE, der)?;
    let (n, rest) = der_value(INTEGER, sequence)?;
    let (e, _) = der_value(INTEGER, rest)?;
    Some((n, e))
}

/// The content of the first value, which must have `tag`, and what comes after it.
fn der_value(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (first, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(*length), rest),
        0x81 | 0x82 => {
            let (octets, rest) = rest.split_at_checked(usize::from(length & 0x0f))?;
            (
                octets
                    .iter()
                    .fold(0, |length, octet| length << 8 | usize::from(*octet)),
                rest,
            )
        }
        _ => return None,
    };
    (*first == tag)
        .then(|| rest.split_at_checked(length))
        .flatten()
}
