use std::fmt;

use thiserror::Error;

/// Why a response is not believed. The words stand on a page: they repeat nothing that a stranger
/// could have written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Why {
    /// It is longer, or has more namespaces, than any honest one.
    #[error("it is larger than any honest one")]
    TooLong,
    /// Not base64, not UTF-8, not XML, or XML with a document type, which nobody needs.
    #[error("it is not XML in base64, or declares a document type")]
    NotXml,
    /// Two attributes of an element differ in their namespace only.
    #[error("two attributes of an element have the same name")]
    TwinAttributes,
    /// The document is no response of SAML 2.0.
    #[error("it is no response of SAML 2.0")]
    NotAResponse,
    /// No assertion, several of them, or one at a place where none belongs.
    #[error("it does not hold exactly one assertion, at its place")]
    NotOneAssertion,
    /// The identity provider says that nobody was logged in.
    #[error("the identity provider did not log the person in")]
    Failed,
    /// The identity provider says that it, or the person, does not want to.
    #[error("the identity provider refused the login")]
    Declined,
    /// A signature is in another place than as a child of the response or of the assertion, or there
    /// are two in one.
    #[error("a signature is at a place where none belongs")]
    SignatureMisplaced,
    /// A signature is built in a way that is not believed: several references, other transforms,
    /// comments within.
    #[error("a signature is built in a way that is not accepted")]
    SignatureOdd,
    /// A signature is made with an algorithm that is not believed.
    #[error("a signature is made with an algorithm that is not accepted, such as SHA-1")]
    Algorithm,
    /// A signature is not of a known key, or not over what is there.
    #[error("a signature is not by a certificate of the settings, or the text was changed")]
    SignatureWrong,
    /// Nothing signed covers the assertion.
    #[error("neither the response nor the assertion is signed")]
    Unsigned,
    /// The assertion is encrypted, and there is no key to open it.
    #[error("the assertion is encrypted, and no decryptionKeys are set")]
    Encrypted,
    /// The assertion is encrypted with something that is not taken.
    #[error("the assertion is encrypted with an algorithm that is not accepted")]
    Cipher,
    /// What is encrypted so that it could be changed unnoticed must be signed on the outside.
    #[error("an assertion that is encrypted with CBC must be in a signed response")]
    CipherUnsigned,
    /// No key of ours opens it.
    #[error("the assertion cannot be decrypted with the decryptionKeys")]
    NotDecrypted,
    /// It was sent to somebody else.
    #[error("it was sent to another address than ours")]
    Destination,
    /// It answers another request.
    #[error("it answers another login than this one")]
    InResponseTo,
    /// It is somebody else's.
    #[error("its issuer is not the one of ssoIssuer")]
    Issuer,
    /// No name is in it.
    #[error("the assertion names nobody: it has no NameID")]
    NoName,
    /// Nobody says that whoever brings it is meant.
    #[error("the assertion has no bearer confirmation")]
    NoBearer,
    /// It is for another address, or does not say for which.
    #[error("the assertion is for another recipient")]
    Recipient,
    /// It begins later.
    #[error("the assertion is not valid yet; compare the clocks")]
    TooEarly,
    /// It is over, or does not say when it is.
    #[error("the assertion is not valid any more; compare the clocks")]
    TooLate,
    /// A time is no time.
    #[error("a time in the assertion cannot be read")]
    Time,
    /// It is for somebody else, or does not say for whom.
    #[error("the assertion is for another audience")]
    Audience,
    /// A condition that nobody here understands.
    #[error("the assertion has a condition that is not understood")]
    Condition,
    /// The person was asked to prove themselves again, and did not.
    #[error("the person did not log in anew, as was asked")]
    Stale,
}

/// Why a response is not believed, and what was seen in it, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The reason.
    pub why: Why,
    /// What was there instead. A stranger may have written it: it is for a log, cut and escaped.
    pub seen: Option<String>,
}

/// As much as a log needs.
const LONGEST: usize = 256;

impl Refused {
    /// A reason together with what was seen.
    pub(crate) fn seeing(why: Why, seen: impl Into<String>) -> Self {
        let seen: String = seen.into();
        Self {
            why,
            seen: Some(seen.chars().take(LONGEST).collect()),
        }
    }
}

impl From<Why> for Refused {
    fn from(why: Why) -> Self {
        Self { why, seen: None }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}

impl std::error::Error for Refused {}
