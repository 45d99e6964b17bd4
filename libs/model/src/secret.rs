use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use insula_ambient::{Entropy, Timestamp};
use insula_secret::Secret;

use crate::TokenHash;

/// A kind of [`Secret`] text: `Debug` prints the name of the kind, and nothing else differs.
macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(Secret<str>);

        impl $name {
            /// Takes what was presented or configured.
            pub fn new(text: impl Into<String>) -> Self {
                Self(Secret::new(text))
            }

            /// The only way out of the type; grep for it.
            pub fn reveal(&self) -> &str {
                self.0.reveal()
            }

            /// What is stored in its stead.
            pub fn hash(&self) -> TokenHash {
                TokenHash::of(self.reveal())
            }
        }

        impl From<Secret<str>> for $name {
            fn from(secret: Secret<str>) -> Self {
                Self(secret)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
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
                let bytes = Secret::<[u8; 32]>::filled_by(|bytes| entropy.fill(bytes));
                Self::new(BASE64URL_NOPAD.encode(bytes.reveal()))
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
    /// What a device asks for its tokens with (RFC 8628 §3.2).
    DeviceCode
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
secret!(
    /// The value of the cookie that tells a browser from all others, and says nothing of the person.
    BindingCookie
);

made_here!(AuthorizationCode);
made_here!(SessionCookie);

/// What a confidential client proves itself with (RFC 6749 §2.3.1): its hash, which is all that has
/// to be kept of it, and its end if it has one.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSecret {
    hash: TokenHash,
    expires_at: Timestamp,
}

impl ClientSecret {
    /// Takes what was configured, or made.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self::of_hash(TokenHash::of(text.as_ref()))
    }

    /// Takes what was stored.
    pub fn of_hash(hash: TokenHash) -> Self {
        Self {
            hash,
            expires_at: Timestamp::NEVER,
        }
    }

    /// The same, worth nothing from `end` on (`client_secret_expires_at`, RFC 7591 §3.2.1).
    #[must_use]
    pub fn until(self, end: Timestamp) -> Self {
        Self {
            expires_at: end,
            ..self
        }
    }

    /// What is stored in its stead.
    pub fn hash(&self) -> TokenHash {
        self.hash
    }

    /// From when on it is worth nothing, if ever.
    pub fn expires_at(&self) -> Option<Timestamp> {
        Some(self.expires_at).filter(|end| *end < Timestamp::NEVER)
    }

    /// Whether `presented` is this secret, in constant time: hashes of equal length are compared.
    pub fn matches(&self, presented: &str) -> bool {
        self.hash.matches(presented)
    }

    /// Whether it is still worth something.
    pub fn is_good_at(&self, now: Timestamp) -> bool {
        now < self.expires_at
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
    assert_not_impl_any!(DeviceCode: fmt::Display, serde::Serialize);
    assert_not_impl_any!(AccessToken: fmt::Display, serde::Serialize);
    assert_not_impl_any!(RefreshSecret: fmt::Display, serde::Serialize);
    assert_not_impl_any!(SessionCookie: fmt::Display, serde::Serialize);
    assert_not_impl_any!(BindingCookie: fmt::Display, serde::Serialize);

    #[test]
    fn debug_prints_the_name_only() {
        assert_eq!(format!("{:?}", Password::new("hunter2")), "Password");
        assert_eq!(format!("{:?}", BindingCookie::new("b")), "BindingCookie");
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

    #[test]
    fn a_client_secret_is_worth_nothing_from_its_end_on() {
        let end = Timestamp::from_secs(100);
        let secret = ClientSecret::new("s3cret");
        assert!(secret.is_good_at(end) && secret.expires_at().is_none());
        let ending = secret.until(end);
        assert_eq!(ending.expires_at(), Some(end));
        assert!(ending.is_good_at(Timestamp::from_secs(99)) && !ending.is_good_at(end));
    }
}
