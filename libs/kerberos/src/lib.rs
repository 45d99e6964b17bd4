//! Whose a token of HTTP's `Negotiate` scheme is ([RFC 4559](https://www.rfc-editor.org/rfc/rfc4559)).
//!
//! Owns keytabs and the judgement of tickets ([RFC 4120](https://www.rfc-editor.org/rfc/rfc4120)) in the
//! wrappings of browsers ([RFC 4121](https://www.rfc-editor.org/rfc/rfc4121),
//! [RFC 4178](https://www.rfc-editor.org/rfc/rfc4178)); the present is an argument. Messages are read and
//! written, encrypted and decrypted by `picky-krb`. Owns no socket, no clock, and no memory of tokens:
//! that none is taken twice is its caller's to see to, by [`Accepted::authenticator`].

mod acceptor;
mod keytab;
mod negotiation;
mod principal;
mod refused;
mod sealed;

pub use acceptor::{Accepted, Acceptor, Realms};
pub use keytab::{Keytab, KeytabError};
pub use principal::Principal;
pub use refused::Refused;
