use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::{constant_time, digest, hmac};

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    thirty_two(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// HMAC-SHA256 ([RFC 2104](https://www.rfc-editor.org/rfc/rfc2104)) of `bytes` under `key`.
pub fn hmac_sha256(key: &[u8], bytes: &[u8]) -> [u8; 32] {
    thirty_two(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), bytes).as_ref())
}

/// HKDF-SHA256 ([RFC 5869](https://www.rfc-editor.org/rfc/rfc5869)), its first 32 bytes.
///
/// `secret` is the input keying material, `label` the `info` that keeps purposes apart.
#[expect(
    clippy::expect_used,
    reason = "HKDF refuses only what is longer than 255 hashes"
)]
pub fn hkdf_sha256(salt: &[u8], secret: &[u8], label: &[u8]) -> [u8; 32] {
    let extracted = Salt::new(HKDF_SHA256, salt).extract(secret);
    let mut bytes = [0; 32];
    extracted
        .expand(&[label], HKDF_SHA256)
        .and_then(|expanded| expanded.fill(&mut bytes))
        .expect("32 bytes are one hash");
    bytes
}

/// Compares secrets without telling by its duration where they differ. Lengths are not secret.
pub fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

fn thirty_two(hash: &[u8]) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hash);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        data_encoding::HEXLOWER.encode(bytes)
    }

    #[test]
    fn sha256_follows_the_vector_of_fips_180() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex(&sha256(b"abc")), expected);
    }

    #[test]
    fn hmac_follows_case_2_of_rfc_4231() {
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(
            hex(&hmac_sha256(b"Jefe", b"what do ya want for nothing?")),
            expected
        );
    }

    #[test]
    fn hkdf_follows_case_1_of_rfc_5869() {
        let salt: Vec<u8> = (0..=12).collect();
        let info: Vec<u8> = (0xf0..=0xf9).collect();
        let expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf";
        assert_eq!(hex(&hkdf_sha256(&salt, &[0x0b; 22], &info)), expected);
    }

    #[test]
    fn equality_in_constant_time_is_equality() {
        assert!(constant_time_eq(b"same", b"same"));
        assert!(!constant_time_eq(b"same", b"sane"));
        assert!(!constant_time_eq(b"same", b"same but longer"));
    }
}
