use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use insula_ambient::Entropy;
use zeroize::Zeroize;

use crate::TokenHash;

/// A secret text: `Debug` prints the name only, there is no `Display` and no `Serialize`, and the
/// memory is wiped when it goes. The only way out is [`reveal`](ClientSecret::reveal).
macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// Takes what was presented or configured.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The only way out of the type; grep for it.
            pub fn reveal(&self) -> &str {
                &self.0
            }

            /// What is stored in its stead.
            pub fn hash(&self) -> TokenHash {
                TokenHash::of(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                self.0.zeroize();
            }
        }
    };
}

/// Secrets that this server makes: 256 random bits in base64url.
macro_rules! made_here {
    ($name:ident) => {
        impl $name {
            /// A new random secret.
            pub fn generate(entropy: &dyn Entropy) -> Self {
                let mut bytes = [0; 32];
                entropy.fill(&mut bytes);
                Self(BASE64URL_NOPAD.encode(&bytes))
            }
        }
    };
}

secret!(
    /// What a person typed.
    Password
);
secret!(
    /// An authorization code (RFC 6749 §1.3.1).
    AuthorizationCode
);
secret!(
    /// A signed access token.
    AccessToken
);
secret!(
    /// The second half of a refresh token.
    RefreshSecret
);
secret!(
    /// The value of a browser's session cookie.
    SessionCookie
);

made_here!(AuthorizationCode);
made_here!(SessionCookie);

/// What a confidential client proves itself with (RFC 6749 §2.3.1): its hash, which is all that has
/// to be kept of it.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSecret(TokenHash);

impl ClientSecret {
    /// Takes what was configured, or made.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(TokenHash::of(text.as_ref()))
    }

    /// Takes what was stored.
    pub fn of_hash(hash: TokenHash) -> Self {
        Self(hash)
    }

    /// What is stored in its stead.
    pub fn hash(&self) -> TokenHash {
        self.0
    }

    /// Whether `presented` is this secret, in constant time: hashes of equal length are compared.
    pub fn matches(&self, presented: &str) -> bool {
        self.0.matches(presented)
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insula_ambient::SeededEntropy;
    use static_assertions::assert_not_impl_any;

    assert_not_impl_any!(ClientSecret: fmt::Display, serde::Serialize);
    assert_not_impl_any!(Password: fmt::Display, serde::Serialize);
    assert_not_impl_any!(AuthorizationCode: fmt::Display, serde::Serialize);
    assert_not_impl_any!(AccessToken: fmt::Display, serde::Serialize);
    assert_not_impl_any!(RefreshSecret: fmt::Display, serde::Serialize);
    assert_not_impl_any!(SessionCookie: fmt::Display, serde::Serialize);

    #[test]
    fn debug_prints_the_name_only() {
        assert_eq!(format!("{:?}", Password::new("hunter2")), "Password");
    }

    #[test]
    fn a_made_secret_carries_256_bits() {
        let code = AuthorizationCode::generate(&SeededEntropy::new(1));
        assert_eq!(code.reveal().len(), 43);
    }

    #[test]
    fn a_client_secret_matches_itself_only() {
        let secret = ClientSecret::new("s3cret");
        assert!(secret.matches("s3cret"));
        assert!(!secret.matches("s3cre") && !secret.matches(""));
        assert!(ClientSecret::of_hash(secret.hash()).matches("s3cret"));
        assert_eq!(format!("{secret:?}"), "ClientSecret");
    }
}
