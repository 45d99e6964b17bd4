use insula_ambient::Timestamp;
use thiserror::Error;

use crate::{Alg, KeyId};

/// What can go wrong with a key of ours or with signing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JoseError {
    /// A configured algorithm that is none of ours.
    #[error("algorithm {name:?} is not offered; use RS256, PS256, ES256, ES384 or EdDSA")]
    UnknownAlg {
        /// As it was written.
        name: String,
    },
    /// The crypto library could not make a key.
    #[error("no {alg} key could be generated; the cryptographic library gave no reason")]
    Generation {
        /// For which algorithm.
        alg: Alg,
    },
    /// The bytes are no private key for this algorithm.
    #[error("the key is no usable {alg} private key: {cause}")]
    KeyRejected {
        /// For which algorithm.
        alg: Alg,
        /// The library's word for it.
        cause: String,
    },
    /// The claims do not serialize to JSON.
    #[error("the claims do not become JSON: {cause}")]
    Claims {
        /// The serializer's word for it.
        cause: String,
    },
    /// The crypto library refused to sign.
    #[error("key {kid} ({alg}) could not sign; the cryptographic library gave no reason")]
    Signing {
        /// The key's algorithm.
        alg: Alg,
        /// The key.
        kid: KeyId,
    },
}

/// No key may sign: the ring was not renewed in time.
///
/// The caller answers `temporarily_unavailable` and waits for the next ring.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeysStale {
    /// The ring holds no active key of this algorithm.
    #[error("the key ring has no active {alg} key; it signs once the rotation has made one")]
    NoActiveKey {
        /// The algorithm asked for.
        alg: Alg,
    },
    /// The ring is promised a key of this algorithm, and nobody has asked for it yet.
    #[error("the {alg} key of the ring is not made yet; it is made when it is asked for")]
    NotMade {
        /// The algorithm asked for.
        alg: Alg,
    },
    /// The active key is past the end the policy set it.
    #[error("key {kid} ({alg}) is past its hard end; it signs again after a rotation")]
    PastHardEnd {
        /// The algorithm asked for.
        alg: Alg,
        /// The key that should have been replaced.
        kid: KeyId,
        /// When it had to stop.
        ended: Timestamp,
    },
}

/// Why a token is not believed. Carries nothing the token's sender could choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// Not a compact JWS of three base64url parts with JSON inside.
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    /// `alg` is `none`, symmetric or unknown (RFC 8725 §3.1).
    #[error("the token's algorithm is not accepted")]
    UnsupportedAlg,
    /// The header has `crit` or `b64`, whose extensions we do not know (RFC 7515 §4.1.11).
    #[error("the token's header demands an extension that is not understood")]
    CriticalHeader,
    /// `typ` is not what the caller expects (RFC 8725 §3.11).
    #[error("the token's typ is not the expected one")]
    WrongTyp,
    /// No key of that `kid`, or none that fits. A foreign JWKS may be fetched anew, once.
    #[error("the token is signed by a key that is not in the set")]
    UnknownKid,
    /// The key exists but is not for the header's `alg` (RFC 8725 §3.1).
    #[error("the token's algorithm is not the one of its key")]
    AlgMismatch,
    /// The signature is not by that key over these bytes.
    #[error("the token's signature does not verify")]
    BadSignature,
    /// A claim that must be there is absent or of another type.
    #[error("the token lacks the claim {0}")]
    MissingClaim(&'static str),
    /// `iss` is not an expected one.
    #[error("the token's issuer is not the expected one")]
    WrongIssuer,
    /// `aud` does not contain the expected one.
    #[error("the token is for another audience")]
    WrongAudience,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` lies in the future.
    #[error("the token is not valid yet; check the clocks of both sides")]
    NotYetValid,
}

/// Why a foreign JWK Set cannot be used at all. Single odd keys are skipped, not reported.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum JwksError {
    /// Longer than we are willing to read.
    #[error("the JWK Set has {bytes} bytes, more than the allowed {allowed}")]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// Ours.
        allowed: usize,
    },
    /// Not JSON.
    #[error("the JWK Set is not JSON: {cause}")]
    NotJson {
        /// The parser's word for it.
        cause: String,
    },
    /// JSON, but without the `keys` of RFC 7517 §5.
    #[error("the JWK Set has no array \"keys\"; check that the address is that of a jwks_uri")]
    NoKeys,
}

/// Why sealed bytes do not open.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SealError {
    /// Shorter than an empty sealed value.
    #[error("the sealed value is cut off: {bytes} bytes are fewer than any seal has")]
    TooShort {
        /// How many there are.
        bytes: usize,
    },
    /// Sealed by a form this program does not know.
    #[error("the sealed value has the unknown form {version}; a newer version may have written it")]
    UnknownForm {
        /// The first byte.
        version: u8,
    },
    /// Authentication failed.
    #[error(
        "the sealed value does not open: another master key, another tenant or purpose, or altered"
    )]
    Refused,
    /// It opened, but what is inside is not what the caller sealed there.
    #[error("the sealed value opened, but its content is not usable: {cause}")]
    Content {
        /// What is wrong with it, without the content.
        cause: String,
    },
}

/// A master key that cannot be read from text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the master key must be 32 bytes in base64 or in 64 hex digits")]
pub struct MasterKeyError;
