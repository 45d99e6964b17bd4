//! Keys, the key ring and its rotation plan, signing and verifying JWTs, foreign JWKS, sealing.
//!
//! Owns every use of a signing key and every judgement about a signature: compact JWS made and
//! checked with aws-lc-rs, JWK and JWK Set in biscuit's wire types, which keys a tenant publishes
//! and when they change, and how secrets are sealed at rest. Owns no clock, no network and no
//! storage: callers hand in `now` and [`Entropy`](insula_ambient::Entropy), fetch a foreign JWKS
//! themselves, and keep the sealed ring wherever they keep things.
//!
//! biscuit's decoding is never called: it panics on some headers a stranger may choose, accepts
//! `crit`, and does not know EdDSA. The header is read here, the key is found by `kid`, the
//! algorithm is taken from the key, and only a verified payload is parsed.
//!
//! ```
//! use std::time::Duration;
//! use insula_ambient::{SystemEntropy, Timestamp};
//! use insula_jose::{Alg, Expected, KeyId, KeyRing, RotationPolicy, RotationStep, SigningKey};
//!
//! let now = Timestamp::from_secs(1_700_000_000);
//! let policy = RotationPolicy { algs: vec![Alg::ES256], ..RotationPolicy::default() };
//! let empty = KeyRing::empty(&SystemEntropy);
//!
//! // An empty ring asks for a key that signs at once: nobody can have cached anything yet.
//! let RotationStep::Generate { alg, activate: true } = empty.plan(now, &policy).step else {
//!     unreachable!()
//! };
//! let key = SigningKey::generate(alg, KeyId::random(&SystemEntropy))?;
//! let ring = empty.with_active(key, now, &policy);
//!
//! let signer = ring.signing_key_at(Alg::ES256, now, &policy)?;
//! let token = signer.sign(None, &serde_json::json!({
//!     "iss": "https://acme.example", "sub": "u1", "aud": "app", "exp": now.as_secs() + 60,
//! }))?;
//! let expected = Expected::from_issuer("https://acme.example").for_audience("app");
//! let claims = ring.verify(&token, now, &expected)?;
//! assert_eq!(claims.str("sub"), Some("u1"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod alg;
mod claims;
mod digest;
mod error;
mod expected;
mod header;
mod jwks;
mod key_id;
mod public_key;
mod ring;
mod rotation;
mod rsa_keys;
mod seal;
mod sealed_ring;
mod signing_key;
mod verify_alg;
mod verifying_key;

pub use alg::{Alg, half_hash_fits, left_half_hash};
pub use claims::{Claims, says_nothing};
pub use digest::{constant_time_eq, hkdf_sha256, hmac_sha256, sha256};
pub use error::{JoseError, JwksError, KeysStale, MasterKeyError, SealError, VerifyError};
pub use expected::{Expected, TypRule};
pub use header::{UNSIGNED, named_alg, read_unsigned};
pub use jwks::Jwks;
pub use key_id::KeyId;
pub use ring::{KeyRing, Phase, RingKey};
pub use rotation::{Demand, Readiness, RotationPlan, RotationPolicy, RotationStep};
pub use rsa_keys::RsaKeys;
pub use seal::MasterKey;
pub use sealed_ring::SealedKeyRing;
pub use signing_key::SigningKey;
pub use verify_alg::VERIFIED_ALGS;

#[cfg(test)]
mod test_keys;
