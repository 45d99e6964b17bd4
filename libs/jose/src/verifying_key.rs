use aws_lc_rs::signature::{ParsedPublicKey, RsaPublicKeyComponents};
use biscuit::jwk::{AlgorithmParameters, EllipticCurve, RSAKeyParameters};
use serde_json::{Map, Value};

use crate::VerifyError;
use crate::verify_alg::VerifyAlg;

/// The members of a JWK that make a public key (RFC 7518 §6, RFC 8037 §2). Only these go to
/// biscuit: its types fail on values elsewhere in the key that do not concern us.
const PUBLIC_MEMBERS: [&str; 6] = ["kty", "crv", "x", "y", "n", "e"];

/// A public key, parsed once for every algorithm it may be used with.
pub(crate) struct VerifyingKey {
    fits: Vec<(VerifyAlg, ParsedPublicKey)>,
}

impl VerifyingKey {
    /// Reads a JWK. `None` for what we do not understand or would not trust: an unknown `kty`,
    /// curve or `alg`, a coordinate of the wrong length, a point off the curve, an RSA modulus
    /// under 2048 bits, a set that publishes the private half.
    pub(crate) fn from_jwk(jwk: &Map<String, Value>) -> Option<Self> {
        if ["d", "k", "p"]
            .iter()
            .any(|secret| jwk.contains_key(*secret))
        {
            return None;
        }
        let named = match jwk.get("alg") {
            None => None,
            Some(alg) => Some(VerifyAlg::named(alg.as_str()?)?),
        };
        let material: Map<String, Value> = PUBLIC_MEMBERS
            .iter()
            .filter_map(|name| {
                jwk.get(*name)
                    .map(|value| ((*name).to_owned(), value.clone()))
            })
            .collect();
        let key = match serde_json::from_value(Value::Object(material)).ok()? {
            AlgorithmParameters::RSA(key) => Self::rsa(&key, named),
            AlgorithmParameters::EllipticCurve(key) => {
                let (alg, octets) = match key.curve {
                    EllipticCurve::P256 => (VerifyAlg::Es256, 32),
                    EllipticCurve::P384 => (VerifyAlg::Es384, 48),
                    EllipticCurve::P521 => (VerifyAlg::Es512, 66),
                    EllipticCurve::Curve25519 | EllipticCurve::Curve448 => return None,
                };
                // RFC 7518 §6.2.1.2: the full length of the curve, leading zeros included.
                if key.x.len() != octets || key.y.len() != octets {
                    return None;
                }
                let point = [&[4], key.x.as_slice(), key.y.as_slice()].concat();
                Self::octets(alg, &point, named)
            }
            AlgorithmParameters::OctetKeyPair(key) => {
                if key.curve != EllipticCurve::Curve25519 || key.x.len() != 32 {
                    return None;
                }
                Self::octets(VerifyAlg::EdDsa, &key.x, named)
            }
            AlgorithmParameters::OctetKey(_) => return None,
        };
        Some(key?).filter(|key| !key.fits.is_empty())
    }

    fn octets(alg: VerifyAlg, key: &[u8], named: Option<VerifyAlg>) -> Option<Self> {
        if named.is_some_and(|named| named != alg) {
            return None;
        }
        let parsed = ParsedPublicKey::new(alg.primitive(), key).ok()?;
        Some(Self {
            fits: vec![(alg, parsed)],
        })
    }

    fn rsa(key: &RSAKeyParameters, named: Option<VerifyAlg>) -> Option<Self> {
        let (n, e) = (key.n.to_bytes_be(), key.e.to_bytes_be());
        // Small and even exponents are broken; large ones make verifying slow on purpose.
        let odd = e.last().is_some_and(|last| last & 1 == 1);
        if !(2048..=8192).contains(&key.n.bits()) || !odd || !(2..=33).contains(&key.e.bits()) {
            return None;
        }
        let components = RsaPublicKeyComponents { n, e };
        let allowed = VerifyAlg::RSA
            .into_iter()
            .filter(|alg| named.is_none_or(|n| n == *alg));
        let fits = allowed.filter_map(|alg| {
            let parsed = components.to_parsed_public_key(alg.rsa()?).ok()?;
            Some((alg, parsed))
        });
        Some(Self {
            fits: fits.collect(),
        })
    }

    /// Whether the key may be used with this algorithm.
    pub(crate) fn is_for(&self, alg: VerifyAlg) -> bool {
        self.fits.iter().any(|(fit, _)| *fit == alg)
    }

    /// Verifies with `alg`, if the key is for it.
    pub(crate) fn verify(
        &self,
        alg: VerifyAlg,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<(), VerifyError> {
        let fitting = self.fits.iter().find(|(fit, _)| *fit == alg);
        let (_, key) = fitting.ok_or(VerifyError::AlgMismatch)?;
        key.verify_sig(signed, signature)
            .map_err(|_| VerifyError::BadSignature)
    }
}
