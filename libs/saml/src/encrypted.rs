//! An assertion that is encrypted for us.

use bergshamra::enc::decrypt::decrypt;
use bergshamra::xml::uppsala::NodeId;

use crate::keys::DecryptionKey;
use crate::names::{OTHER_CIPHERS, SEALING_CIPHERS, XENC};
use crate::refused::{Refused, Why};
use crate::tree::Tree;

/// The response with the assertion in the place of what was encrypted.
///
/// A text in CBC can be changed by whoever hears whether it was read, until it is readable
/// ([XML Encryption §6.1.1](https://www.w3.org/TR/xmlenc-core1/#sec-chosen-ciphertext-attacks)): it is
/// looked at only where a verified signature is around it.
pub(crate) fn opened(
    tree: &Tree<'_>,
    holder: NodeId,
    keys: &[DecryptionKey],
    is_response_signed: bool,
) -> Result<String, Refused> {
    if keys.is_empty() {
        return Err(Why::Encrypted.into());
    }
    let data = tree.only(holder, XENC, "EncryptedData");
    // The library opens the first one that it finds.
    let data = data.filter(|_| tree.named(XENC, "EncryptedData").len() == 1);
    let data = data.ok_or(Why::NotOneAssertion)?;
    let method = tree.only(data, XENC, "EncryptionMethod");
    let cipher = method.and_then(|method| tree.attribute(method, "Algorithm"));
    match cipher {
        Some(cipher) if SEALING_CIPHERS.contains(&cipher) => {}
        Some(cipher) if OTHER_CIPHERS.contains(&cipher) => {
            if !is_response_signed {
                return Err(Why::CipherUnsigned.into());
            }
        }
        cipher => {
            return Err(Refused::seeing(Why::Cipher, cipher.unwrap_or_default()));
        }
    }
    let mut causes = Vec::new();
    for key in keys {
        match decrypt(&key.context, tree.source) {
            Ok(opened) => return Ok(opened),
            Err(cause) => causes.push(cause.to_string()),
        }
    }
    Err(Refused::seeing(Why::NotDecrypted, causes.join("; ")))
}
