use std::fmt;

use data_encoding::HEXLOWER;
use insula_ambient::Entropy;
use serde::{Deserialize, Serialize};

/// The `kid` of a key ([RFC 7515 §4.1.4](https://www.rfc-editor.org/rfc/rfc7515#section-4.1.4)).
///
/// Ours are forty random hex digits. Random and not a thumbprint, so that a key can be named
/// before it is made; forty digits because that is the form dex's clients have seen all along.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(String);

impl KeyId {
    /// A fresh identifier.
    pub fn random(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0_u8; 20];
        entropy.fill(&mut bytes);
        Self(HEXLOWER.encode(&bytes))
    }

    /// An identifier that exists already, as stored or as a test names it.
    pub fn new(kid: impl Into<String>) -> Self {
        Self(kid.into())
    }

    /// As it appears in a header or a JWK.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use insula_ambient::SeededEntropy;

    use super::*;

    #[test]
    fn a_random_key_id_is_forty_hex_digits() {
        let entropy = SeededEntropy::new(1);
        let kid = KeyId::random(&entropy);
        assert_eq!(kid.as_str().len(), 40);
        assert!(
            kid.as_str()
                .chars()
                .all(|c| c.is_ascii_hexdigit() && !c.is_ascii_uppercase())
        );
        assert_ne!(kid, KeyId::random(&entropy));
    }
}
