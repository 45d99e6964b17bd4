use insula_secret::Secret;
use picky_krb::crypto::CipherSuite;
use picky_krb::data_types::EncryptedData;

use crate::negotiation::number;

/// The ciphers that are read: those that RFC 8429 leaves of the older ones.
fn suite(kind: u32) -> Option<CipherSuite> {
    let suite = CipherSuite::try_from(usize::try_from(kind).ok()?).ok()?;
    match suite {
        CipherSuite::Aes128CtsHmacSha196 | CipherSuite::Aes256CtsHmacSha196 => Some(suite),
        CipherSuite::Des3CbcSha1Kd => None,
    }
}

/// Whether a kind of encryption is one that is read.
pub(crate) fn is_read(kind: u32) -> bool {
    suite(kind).is_some()
}

/// The kind of encryption of a message.
pub(crate) fn kind(of: &EncryptedData) -> u32 {
    number(&of.etype.0).unwrap_or_default()
}

/// What is in a message, if this is its key and nobody changed it.
pub(crate) fn opened(
    key: &Secret<[u8]>,
    usage: i32,
    sealed: &EncryptedData,
) -> Option<Secret<[u8]>> {
    let cipher = suite(kind(sealed))?.cipher();
    let key = key.reveal();
    let parts = cipher.decrypt_no_checksum(key, usage, &sealed.cipher.0.0);
    let parts = parts.ok()?;
    let whole = Secret::from([parts.confounder.as_slice(), &parts.plaintext].concat());
    let right = cipher.encryption_checksum(key, usage, whole.reveal());
    // The library's own comparison takes longer the more of it is right.
    let is_whole = Secret::from(parts.checksum) == Secret::from(right.ok()?);
    let plain = Secret::from(parts.plaintext);
    is_whole.then_some(plain)
}

/// A message for who has the key.
pub(crate) fn closed(key: &Secret<[u8]>, kind: u32, usage: i32, plain: &[u8]) -> Option<Vec<u8>> {
    let cipher = suite(kind)?.cipher();
    cipher.encrypt(key.reveal(), usage, plain).ok()
}
