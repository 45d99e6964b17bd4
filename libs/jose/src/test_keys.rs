//! Fixed keys for tests. NOT SECRET: published with the source, good for nothing else.

use data_encoding::BASE64;

use crate::{Alg, KeyId, SigningKey};

const RSA: &str = include_str!("test_keys/NOT-SECRET-rsa-2048.txt");
const P256: &str = include_str!("test_keys/NOT-SECRET-p256.txt");
const P384: &str = include_str!("test_keys/NOT-SECRET-p384.txt");
const P521: &str = include_str!("test_keys/NOT-SECRET-p521.txt");
const ED25519: &str = include_str!("test_keys/NOT-SECRET-ed25519.txt");

/// The PKCS#8 of the key that serves `alg`.
pub(crate) fn pkcs8(alg: Alg) -> Vec<u8> {
    der(match alg {
        Alg::RS256 | Alg::PS256 => RSA,
        Alg::ES256 => P256,
        Alg::ES384 => P384,
        Alg::EdDSA => ED25519,
    })
}

/// A key for an algorithm only upstreams use.
pub(crate) fn p521_pkcs8() -> Vec<u8> {
    der(P521)
}

/// The fixed key of `alg` under a name of the test's choosing.
pub(crate) fn key(alg: Alg, kid: &str) -> SigningKey {
    SigningKey::from_pkcs8(alg, KeyId::new(kid), &pkcs8(alg)).unwrap()
}

fn der(text: &str) -> Vec<u8> {
    BASE64.decode(text.replace('\n', "").as_bytes()).unwrap()
}
