use data_encoding::BASE64URL_NOPAD;
use insula_secret::Secret;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// How a challenge is made of a verifier ([RFC 7636 §4.2](https://www.rfc-editor.org/rfc/rfc7636#section-4.2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CodeChallengeMethod {
    /// base64url of the verifier's SHA-256.
    S256,
    /// The verifier itself.
    #[serde(rename = "plain")]
    Plain,
}

impl CodeChallengeMethod {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::S256 => "S256",
            Self::Plain => "plain",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::S256, Self::Plain]
            .into_iter()
            .find(|m| m.as_str() == word)
    }
}

/// The challenge a client sent with its authorization request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeChallenge {
    /// `code_challenge_method`; `plain` where the client named none.
    pub method: CodeChallengeMethod,
    /// `code_challenge`.
    pub value: String,
}

impl CodeChallenge {
    /// Whether `value` has the form RFC 7636 §4.2 asks for: 43 to 128 unreserved characters.
    pub fn is_well_formed(&self) -> bool {
        is_unreserved_43_to_128(&self.value)
    }

    /// Whether `verifier` is what this challenge was made of, compared in constant time
    /// ([RFC 7636 §4.6](https://www.rfc-editor.org/rfc/rfc7636#section-4.6)).
    pub fn matches(&self, verifier: &CodeVerifier) -> bool {
        let verifier = verifier.reveal().as_bytes();
        let expected = match self.method {
            CodeChallengeMethod::Plain => verifier.ct_eq(self.value.as_bytes()),
            CodeChallengeMethod::S256 => BASE64URL_NOPAD
                .encode(&Sha256::digest(verifier))
                .as_bytes()
                .ct_eq(self.value.as_bytes()),
        };
        expected.into()
    }
}

/// The secret a client proves its challenge with. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct CodeVerifier(Secret<str>);

impl CodeVerifier {
    /// Takes what the client sent.
    pub fn new(value: impl Into<String>) -> Self {
        Self(Secret::new(value))
    }

    /// Whether it has the form of RFC 7636 §4.1: 43 to 128 unreserved characters.
    pub fn is_well_formed(&self) -> bool {
        is_unreserved_43_to_128(self.reveal())
    }

    /// The only way out of the type.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

impl std::fmt::Debug for CodeVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CodeVerifier")
    }
}

fn is_unreserved_43_to_128(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_rfc_7636_appendix_b_matches() {
        let challenge = CodeChallenge {
            method: CodeChallengeMethod::S256,
            value: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned(),
        };
        let verifier = CodeVerifier::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert!(challenge.matches(&verifier));
        assert!(verifier.is_well_formed() && challenge.is_well_formed());
        assert!(!challenge.matches(&CodeVerifier::new("x".repeat(43))));
    }

    #[test]
    fn plain_is_equality() {
        let challenge = CodeChallenge {
            method: CodeChallengeMethod::Plain,
            value: "a".repeat(43),
        };
        assert!(challenge.matches(&CodeVerifier::new("a".repeat(43))));
        assert!(!challenge.matches(&CodeVerifier::new("b".repeat(43))));
    }

    #[test]
    fn a_verifier_is_not_printed() {
        assert_eq!(format!("{:?}", CodeVerifier::new("secret")), "CodeVerifier");
    }
}
