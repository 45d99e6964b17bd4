use insula_ambient::Entropy;
use insula_jose::{Alg, JoseError, KeyId, SigningKey};

/// What stands before the 32 bytes of an Ed25519 key in PKCS#8 (RFC 8410 §7).
const ED25519: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// A key made from `entropy`, so that a run can be repeated: the crypto library takes its randomness
/// from the system alone.
pub(crate) fn make_key(_: Alg, entropy: &dyn Entropy) -> Result<SigningKey, JoseError> {
    let mut seed = [0; 32];
    entropy.fill(&mut seed);
    let kid = KeyId::random(entropy);
    SigningKey::from_pkcs8(Alg::EdDSA, kid, &[&ED25519[..], &seed].concat())
}
