//! The half of the Web Browser SSO Profile of SAML 2.0 that a service provider speaks
//! ([Profiles §4.1](https://docs.oasis-open.org/security/saml/v2.0/saml-profiles-2.0-os.pdf)).
//!
//! Owns how a login is asked for, what makes a response believable, and our metadata. Owns no I/O and
//! no clock, and not who somebody is: what an assertion says is given to the connector as it stands.
//!
//! XML is parsed, verified and decrypted by `bergshamra`. One parser reads a response, once, and what
//! is told of a person is read from the very nodes that a signature was verified over.

mod conditions;
mod encrypted;
mod instant;
mod keys;
mod metadata;
mod names;
mod refused;
mod request;
mod response;
mod signature;
mod tree;

pub use instant::at;
pub use keys::{DecryptionKey, TrustedKeys, certificates};
pub use metadata::Metadata;
pub use names::{NAME_ID_FORMATS, TRANSIENT};
pub use refused::{Refused, Why};
pub use request::AuthnRequest;
pub use response::{Assertion, Expected, LONGEST_RESPONSE, ServiceProvider, Signatures};

#[cfg(test)]
mod tests;
