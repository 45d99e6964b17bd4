use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use insula_ambient::{Entropy, base32_lower};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{value:?} is not a {noun}: {rule}")]
pub struct InvalidId {
    noun: &'static str,
    value: String,
    rule: &'static str,
}

/// One newtype per concept. There is no `From<String>`: a text becomes an id by being checked.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $noun:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the text and makes it an id.
            pub fn parse(text: impl AsRef<str>) -> Result<Self, InvalidId> {
                let text = text.as_ref();
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.into()))
                } else {
                    let value = text.chars().take(64).collect();
                    Err(InvalidId { noun: $noun, value, rule: $rule })
                }
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), &self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }
    };
}

/// Ids that this server makes: random, unguessable, safe in a URL.
macro_rules! made_here {
    ($name:ident, $bytes:literal) => {
        impl $name {
            /// A new random id.
            pub fn generate(entropy: &dyn Entropy) -> Self {
                Self(entropy.word($bytes).into())
            }
        }
    };
}

fn is_host_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with(['-', '_'])
        && !text.ends_with('-')
}

fn is_printable(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn is_word(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

id!(
    /// A tenant: the name of its folder, and part of every key of its state.
    TenantId, "tenant id", "1 to 63 of a-z, 0-9, - and _, beginning with a letter or digit",
    is_host_label
);
id!(
    /// A relying party within its tenant (RFC 6749 §2.2).
    ClientId, "client_id", "1 to 255 printable characters",
    |t| is_printable(t, 255)
);
id!(
    /// A connector within its tenant; part of every `sub` it brings.
    ConnectorId, "connector id", "1 to 128 printable characters, and neither . nor ..",
    // Browsers fold `/auth/..`, so such a connector could not be reached.
    |t| is_printable(t, 128) && t != "." && t != ".."
);
impl ConnectorId {
    /// The id as one segment of a path, percent-encoded.
    pub fn path_segment(&self) -> String {
        insula_oauth::encode_pairs([(self.as_str(), "")])
            .trim_end_matches('=')
            .replace('+', "%20")
            .replace('*', "%2A")
    }
}

id!(
    /// A person, as the upstream of a connector names them.
    UserId, "user id", "1 to 255 printable characters",
    |t| is_printable(t, 255)
);
id!(
    /// A login under way; what an upstream is given as `state`.
    AuthRequestId, "auth request id", "a random word", is_word
);
id!(
    /// A browser session; the `sid` of ID tokens.
    SessionId, "session id", "a random word", is_word
);
id!(
    /// What a person once granted to a client: the family of all tokens that came of one code.
    GrantId, "grant id", "a random word", is_word
);
id!(
    /// Something that happened, told once.
    EventId, "event id", "a random word", is_word
);
id!(
    /// A refresh grant; the first half of a refresh token.
    RefreshId, "refresh id", "a random word", is_word
);

made_here!(AuthRequestId, 20);
made_here!(SessionId, 20);
made_here!(GrantId, 20);
made_here!(EventId, 20);

impl RefreshId {
    /// The id that follows from what it belongs to, by a keyed hash of that: dex's form of 25
    /// letters and digits.
    pub fn derived(hash: &[u8; 32]) -> Self {
        let (word, rest) = hash.split_at(15);
        let letter = b'a' + rest.first().copied().unwrap_or_default() % 26;
        Self(format!("{}{}", char::from(letter), base32_lower(word)).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insula_ambient::SeededEntropy;

    #[test]
    fn a_tenant_id_is_a_host_label() {
        for good in ["acme", "a", "acme-2", "0x", "team_a"] {
            assert!(TenantId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "Acme", "-a", "a-", "a.b", "a/b", "ä", &"a".repeat(64)] {
            assert!(TenantId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_id_made_here_is_one_that_parses() {
        let id = AuthRequestId::generate(&SeededEntropy::new(1));
        assert_eq!(AuthRequestId::parse(id.as_str()), Ok(id.clone()));
        assert_eq!(id.as_str().len(), 33);
    }

    #[test]
    fn a_connector_id_survives_as_a_segment_of_a_path() {
        for (id, segment) in [
            ("github", "github"),
            ("a b", "a%20b"),
            ("a/b", "a%2Fb"),
            ("a?b#c", "a%3Fb%23c"),
            ("a+b", "a%2Bb"),
            ("a*b", "a%2Ab"),
            ("a=", "a%3D"),
            ("ü", "%C3%BC"),
            ("%2e", "%252e"),
        ] {
            assert_eq!(ConnectorId::parse(id).unwrap().path_segment(), segment);
        }
        assert!(ConnectorId::parse(".").is_err() && ConnectorId::parse("..").is_err());
    }

    #[test]
    fn control_characters_make_no_client_id() {
        assert!(ClientId::parse("a\nb").is_err());
        let said = ClientId::parse("").unwrap_err().to_string();
        assert_eq!(
            said,
            r#""" is not a client_id: 1 to 255 printable characters"#
        );
    }
}
