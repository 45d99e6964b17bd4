use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXLOWER_PERMISSIVE};
use insula_ambient::Entropy;
use insula_secret::Secret;

use crate::digest::hkdf_sha256;
use crate::{MasterKeyError, SealError};

/// The first byte of everything sealed: AES-256-GCM under a key derived for its context.
const FORM: u8 = 1;
const TAG_LEN: usize = 16;

/// The key that secrets are sealed under before they leave the process.
///
/// Every context has a key of its own (HKDF-SHA256), so that a value sealed for one tenant or
/// purpose does not open as another's, and random nonces (96 bits, NIST SP 800-38D §8.2.2) are
/// drawn from a space of their own.
///
/// ```
/// use insula_ambient::SystemEntropy;
/// use insula_jose::MasterKey;
///
/// let key = MasterKey::generate(&SystemEntropy);
/// let sealed = key.seal("acme/login-state", b"connector=ldap", &SystemEntropy);
/// assert_eq!(key.open("acme/login-state", &sealed)?, b"connector=ldap");
/// assert!(key.open("globex/login-state", &sealed).is_err());
/// # Ok::<(), insula_jose::SealError>(())
/// ```
#[derive(Clone)]
pub struct MasterKey(Secret<[u8; 32]>);

impl MasterKey {
    /// A fresh key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(Secret::filled_by(|bytes| entropy.fill(bytes)))
    }

    /// Exactly these bytes.
    pub fn from_bytes(bytes: impl Into<Secret<[u8; 32]>>) -> Self {
        Self(bytes.into())
    }

    /// Reads 32 bytes from 64 hex digits or from base64 of either alphabet, blanks around ignored.
    pub fn parse(text: &str) -> Result<Self, MasterKeyError> {
        let text = text.trim();
        // Of 32 bytes, base64 ends in one `=`, which may be missing.
        let bare = text.strip_suffix('=').unwrap_or(text);
        let read = if text.len() == 64 {
            HEXLOWER_PERMISSIVE.decode(text.as_bytes())
        } else if text.contains(['-', '_']) {
            BASE64URL_NOPAD.decode(bare.as_bytes())
        } else {
            BASE64_NOPAD.decode(bare.as_bytes())
        };
        let read = Secret::from(read.map_err(|_| MasterKeyError)?);
        let bytes: &[u8; 32] = read.reveal().try_into().map_err(|_| MasterKeyError)?;
        Ok(Self::from_bytes(*bytes))
    }

    /// The key in base64, as a key file holds it.
    pub fn to_text(&self) -> Secret<str> {
        Secret::new(BASE64.encode(self.0.reveal()))
    }

    /// A name for the key that tells nothing of it, to be kept beside what it seals: whoever finds
    /// another key can say so instead of failing at every seal.
    pub fn fingerprint(&self) -> String {
        let print = hkdf_sha256(b"insula master key", self.0.reveal(), b"fingerprint");
        let (half, _) = print.split_at(16);
        HEXLOWER.encode(half)
    }

    /// Seals `plaintext` so that only this key and the same `context` open it again.
    ///
    /// `context` says whose and what it is, for example the tenant's id and a purpose; it is
    /// authenticated, not stored. The result is 29 bytes longer: form, nonce, text, tag.
    #[expect(
        clippy::expect_used,
        reason = "AES-GCM refuses only texts beyond 64 GiB"
    )]
    pub fn seal(&self, context: &str, plaintext: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
        let mut nonce = [0; NONCE_LEN];
        entropy.fill(&mut nonce);
        let mut text = Vec::with_capacity(plaintext.len() + TAG_LEN);
        text.extend_from_slice(plaintext);
        self.key_for(context)
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context.as_bytes()),
                &mut text,
            )
            .expect("a plaintext in memory is short enough for AES-GCM");
        [&[FORM], nonce.as_slice(), text.as_slice()].concat()
    }

    /// Opens what [`seal`](Self::seal) made for the same `context`.
    pub fn open(&self, context: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let too_short = SealError::TooShort {
            bytes: sealed.len(),
        };
        let (form, rest) = sealed.split_first().ok_or_else(|| too_short.clone())?;
        if *form != FORM {
            return Err(SealError::UnknownForm { version: *form });
        }
        let (nonce, text) = rest.split_first_chunk().ok_or_else(|| too_short.clone())?;
        if text.len() < TAG_LEN {
            return Err(too_short);
        }
        let mut text = text.to_vec();
        let plain = self
            .key_for(context)
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(context.as_bytes()),
                &mut text,
            )
            .map_err(|_| SealError::Refused)?
            .len();
        text.truncate(plain);
        Ok(text)
    }

    #[expect(clippy::expect_used, reason = "the length is that of the array")]
    fn key_for(&self, context: &str) -> LessSafeKey {
        let key = hkdf_sha256(b"insula seal", self.0.reveal(), context.as_bytes());
        let key = UnboundKey::new(&AES_256_GCM, Secret::from(key).reveal());
        LessSafeKey::new(key.expect("AES-256 takes a key of 32 bytes"))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey")
    }
}

#[cfg(test)]
mod tests;
