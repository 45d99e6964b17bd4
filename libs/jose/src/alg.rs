use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{self, SHA256, SHA384, SHA512};
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};

use crate::header::CompactJws;
use crate::verify_alg::VerifyAlg;
use crate::{JoseError, VerifyError, constant_time_eq};

/// An algorithm we sign with, under its JOSE name.
///
/// [RFC 7518 §3.1](https://www.rfc-editor.org/rfc/rfc7518#section-3.1) and
/// [RFC 8037 §3.1](https://www.rfc-editor.org/rfc/rfc8037#section-3.1) (`EdDSA`, here always with
/// Ed25519). Only asymmetric ones: a relying party must be able to verify without our secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Alg {
    /// RSASSA-PKCS1-v1_5 with SHA-256. OpenID Connect requires every provider to offer it.
    RS256,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// ECDSA on P-384 with SHA-384.
    ES384,
    /// Ed25519.
    EdDSA,
}

impl Alg {
    /// Every algorithm a tenant may choose.
    pub const ALL: [Self; 5] = [
        Self::RS256,
        Self::PS256,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
    ];

    /// Whether a key of it takes a tenth of a second and more to make.
    pub const fn is_slow_to_make(self) -> bool {
        matches!(self, Self::RS256 | Self::PS256)
    }

    /// The algorithms, those first that sign fastest. An RSA signature costs some twenty of the first
    /// two.
    pub(crate) const BY_SPEED: [Self; 5] = [
        Self::EdDSA,
        Self::ES256,
        Self::ES384,
        Self::RS256,
        Self::PS256,
    ];

    /// The JOSE name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::PS256 => "PS256",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
        }
    }
}

impl fmt::Display for Alg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Alg {
    type Err = JoseError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.into_iter().find(|alg| alg.as_str() == name);
        known.ok_or_else(|| JoseError::UnknownAlg {
            name: name.to_owned(),
        })
    }
}

/// `at_hash` and `c_hash`: the left half of the hash of `value`, base64url.
///
/// [OIDC Core §3.1.3.6](https://openid.net/specs/openid-connect-core-1_0.html#CodeIDToken). The hash
/// is that of the ID token's `alg`; for Ed25519, whose signature hashes with SHA-512, it is SHA-512.
///
/// ```
/// use insula_jose::{Alg, left_half_hash};
/// // The example of OIDC Core, appendix A.3.
/// let access_token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y";
/// assert_eq!(left_half_hash(Alg::RS256, access_token), "77QmUPtjPfzWtF2AnpK9RQ");
/// ```
pub fn left_half_hash(alg: Alg, value: &str) -> String {
    half_hash(alg.into(), value)
}

/// Whether `told` is the `at_hash` or `c_hash` of `value` in a token, which is already verified:
/// its header says the algorithm.
///
/// [OIDC Core §3.1.3.8](https://openid.net/specs/openid-connect-core-1_0.html#CodeFlowTokenValidation)
pub fn half_hash_fits(verified: &str, value: &str, told: &str) -> Result<bool, VerifyError> {
    let alg = CompactJws::parse(verified)?.alg;
    Ok(constant_time_eq(
        half_hash(alg, value).as_bytes(),
        told.as_bytes(),
    ))
}

fn half_hash(alg: VerifyAlg, value: &str) -> String {
    let algorithm = match alg {
        VerifyAlg::Rs256 | VerifyAlg::Ps256 | VerifyAlg::Es256 => &SHA256,
        VerifyAlg::Rs384 | VerifyAlg::Ps384 | VerifyAlg::Es384 => &SHA384,
        VerifyAlg::Rs512 | VerifyAlg::Ps512 | VerifyAlg::Es512 | VerifyAlg::EdDsa => &SHA512,
    };
    let hash = digest::digest(algorithm, value.as_bytes());
    let (left, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
    BASE64URL_NOPAD.encode(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_algorithm_is_written_and_read_under_its_jose_name() {
        for alg in Alg::ALL {
            assert_eq!(alg.as_str().parse::<Alg>().unwrap(), alg);
            assert_eq!(serde_json::to_value(alg).unwrap(), alg.as_str());
        }
    }

    #[test]
    fn none_and_hmac_are_not_algorithms() {
        for name in ["none", "HS256", "rs256", ""] {
            assert!(name.parse::<Alg>().is_err(), "{name}");
        }
    }

    #[test]
    fn a_half_hash_is_half_as_long_as_the_hash_of_its_algorithm() {
        for (alg, bytes) in [
            (Alg::PS256, 16),
            (Alg::ES256, 16),
            (Alg::ES384, 24),
            (Alg::EdDSA, 32),
        ] {
            let hash = left_half_hash(alg, "x");
            assert_eq!(
                BASE64URL_NOPAD.decode(hash.as_bytes()).unwrap().len(),
                bytes,
                "{alg}"
            );
        }
    }

    #[test]
    fn a_half_hash_is_judged_by_the_algorithm_of_the_token_it_stands_in() {
        for alg in Alg::ALL {
            let token = crate::test_keys::key(alg, "k").sign(None, &()).unwrap();
            let right = left_half_hash(alg, "access");
            assert_eq!(half_hash_fits(&token, "access", &right), Ok(true), "{alg}");
            assert_eq!(half_hash_fits(&token, "other", &right), Ok(false), "{alg}");
            let other = if alg == Alg::ES384 {
                Alg::ES256
            } else {
                Alg::ES384
            };
            let wrong = left_half_hash(other, "access");
            assert_eq!(half_hash_fits(&token, "access", &wrong), Ok(false), "{alg}");
        }
        assert!(half_hash_fits("no token", "access", "").is_err());
    }
}
