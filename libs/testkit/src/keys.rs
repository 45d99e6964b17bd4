use data_encoding::BASE64;
use insula_ambient::SeededEntropy;
use insula_jose::{Alg, KeyId, KeyRing, RotationPolicy, SigningKey};

use crate::NOW;

const P256: &str = include_str!("keys/NOT-SECRET-p256.txt");
const ED25519: &str = include_str!("keys/NOT-SECRET-ed25519.txt");
const RSA: &str = include_str!("keys/NOT-SECRET-rsa-2048.txt");

/// A fixed key. NOT SECRET: it is published with the source and good for nothing else.
///
/// There is one each for ES256, `EdDSA` and RS256 (PS256 shares it); none for ES384.
pub fn test_key(alg: Alg, kid: &str) -> SigningKey {
    let text = match alg {
        Alg::ES256 | Alg::ES384 => P256,
        Alg::EdDSA => ED25519,
        Alg::RS256 | Alg::PS256 => RSA,
    };
    let der = BASE64
        .decode(text.replace('\n', "").as_bytes())
        .expect("the checked-in key is base64");
    SigningKey::from_pkcs8(alg, KeyId::new(kid), &der).expect("the checked-in key fits")
}

/// A ring in which the fixed keys `es256`, `eddsa` and `rs256` sign since [`NOW`]. What it derives
/// is fixed too.
pub fn test_keys() -> KeyRing {
    let policy = test_rotation();
    let keys = [
        test_key(Alg::ES256, "es256"),
        test_key(Alg::EdDSA, "eddsa"),
        test_key(Alg::RS256, "rs256"),
    ];
    keys.into_iter()
        .fold(KeyRing::empty(&SeededEntropy::new(0xA11CE)), |ring, key| {
            ring.with_active(key, NOW, &policy)
        })
}

/// The rotation the ring of [`test_keys`] is under; ES256 is the default.
pub fn test_rotation() -> RotationPolicy {
    RotationPolicy {
        algs: vec![Alg::ES256, Alg::EdDSA, Alg::RS256],
        ..RotationPolicy::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fixed_key_signs_from_now_on() {
        let ring = test_keys();
        for alg in [Alg::ES256, Alg::EdDSA, Alg::RS256] {
            let key = ring.signing_key_at(alg, NOW, &test_rotation()).unwrap();
            assert_eq!(key.alg(), alg);
        }
        assert_eq!(ring.derive("x"), test_keys().derive("x"));
    }
}
