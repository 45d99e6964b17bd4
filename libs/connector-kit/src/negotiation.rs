use std::time::Duration;

use crate::UpstreamIdentity;

/// That browsers are asked for a Kerberos ticket before anybody types
/// ([RFC 4559](https://www.rfc-editor.org/rfc/rfc4559)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Negotiation {
    /// Whether who has no ticket, or none that is taken, is shown the password form.
    pub form_without_ticket: bool,
}

/// A ticket that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    /// Whose it is.
    pub identity: UpstreamIdentity,
    /// What the browser hears: the proof of who we are, if it asked for one.
    pub answer: Option<Vec<u8>>,
    /// By what the token is known again: shown a second time it proves nobody.
    pub once: Once,
}

/// A mark of what may be shown once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// Nothing else has it.
    pub mark: String,
    /// For how long it must be remembered; afterwards it is too old to be taken.
    pub remembered: Duration,
}
