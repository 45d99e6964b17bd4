use aws_lc_rs::signature::{self, RsaParameters, VerificationAlgorithm};

use crate::Alg;

/// The JOSE names of all algorithms whose signatures a [`Jwks`](crate::Jwks) verifies.
pub const VERIFIED_ALGS: [&str; 10] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
];

/// An algorithm we can verify. Upstreams may use more than we sign with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VerifyAlg {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    Es512,
    EdDsa,
}

impl VerifyAlg {
    /// What an RSA key without `alg` may be used with (RFC 7518 §3.3, §3.5).
    pub(crate) const RSA: [Self; 6] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
    ];

    /// The algorithm of a JOSE name; `None` for `none`, HMAC and everything unknown.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "PS256" => Self::Ps256,
            "PS384" => Self::Ps384,
            "PS512" => Self::Ps512,
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "ES512" => Self::Es512,
            "EdDSA" => Self::EdDsa,
            _ => return None,
        })
    }

    /// The primitive, for keys given as one string of bytes.
    pub(crate) fn primitive(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::Es256 => &signature::ECDSA_P256_SHA256_FIXED,
            Self::Es384 => &signature::ECDSA_P384_SHA384_FIXED,
            Self::Es512 => &signature::ECDSA_P521_SHA512_FIXED,
            Self::EdDsa => &signature::ED25519,
            Self::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Self::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
            Self::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
            Self::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
            Self::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
            Self::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
        }
    }

    /// The primitive, for keys given as modulus and exponent.
    pub(crate) fn rsa(self) -> Option<&'static RsaParameters> {
        Some(match self {
            Self::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Self::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
            Self::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
            Self::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
            Self::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
            Self::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
            Self::Es256 | Self::Es384 | Self::Es512 | Self::EdDsa => return None,
        })
    }
}

impl From<Alg> for VerifyAlg {
    fn from(alg: Alg) -> Self {
        match alg {
            Alg::RS256 => Self::Rs256,
            Alg::PS256 => Self::Ps256,
            Alg::ES256 => Self::Es256,
            Alg::ES384 => Self::Es384,
            Alg::EdDSA => Self::EdDsa,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_algorithm_that_is_named_as_verified_is() {
        for name in VERIFIED_ALGS {
            assert!(VerifyAlg::named(name).is_some(), "{name}");
        }
        for name in ["none", "HS256", "ES256K"] {
            assert!(VerifyAlg::named(name).is_none(), "{name}");
        }
    }
}
