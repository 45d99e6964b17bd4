use std::time::Duration;

use thiserror::Error;

use crate::Principal;

/// Why a token proves nobody. For logs: it names principals, and no key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refused {
    /// NTLM, which browsers fall back to.
    #[error(
        "the browser offers NTLM instead of a Kerberos ticket; let it know the realm, and the realm \
         the service's name"
    )]
    Ntlm,
    /// Some mechanism, but no ticket.
    #[error("the browser offers no Kerberos ticket")]
    NoTicket,
    /// It cannot be read.
    #[error("the token cannot be read: {0}")]
    Unreadable(&'static str),
    /// A ticket between people, which no service has a key for.
    #[error("the ticket is for a user, not for a service")]
    UserToUser,
    /// It is for another service.
    #[error(
        "the ticket is for {ticket}, but {taken} is taken; have browsers come by that name, or name \
         the other as spn"
    )]
    OtherService {
        /// For whom it is.
        ticket: Principal,
        /// Whose are taken.
        taken: Principal,
    },
    /// The keytab knows nothing of the service.
    #[error("the keytab has no key of {0}")]
    NoKey(Principal),
    /// The keytab has keys of the service, none of this kind.
    #[error(
        "the keytab has keys of {service}, but none of encryption type {wanted} (version {version}); \
         make it anew with all types that the realm uses"
    )]
    NoKeyOfType {
        /// Whose keys.
        service: Principal,
        /// Which kind the ticket is encrypted with.
        wanted: u32,
        /// Which version of the key, if the ticket says so.
        version: String,
    },
    /// Encrypted in a way that is not read here.
    #[error(
        "the ticket uses encryption type {0}, which is not read; let the service's account have \
         AES (aes256-cts-hmac-sha1-96 or aes128-cts-hmac-sha1-96)"
    )]
    EncryptionType(u32),
    /// No key of the keytab opens it.
    #[error(
        "no key of {service} in the keytab opens the ticket, which wants version {wanted} (the \
         keytab has {present}); make the keytab anew, and keep the old keys beside the new ones \
         until tickets of theirs have ended"
    )]
    WrongKey {
        /// Whose keys.
        service: Principal,
        /// The version that the ticket says it is encrypted with.
        wanted: String,
        /// The versions there are.
        present: String,
    },
    /// What came with the ticket does not belong to it.
    #[error("the ticket is shown by somebody else than it was given to")]
    Mismatch,
    /// The clocks are apart.
    #[error("the clocks are apart by {} s, of which {} s are allowed; have both told the time", apart.as_secs(), allowed.as_secs())]
    Skew {
        /// How far.
        apart: Duration,
        /// How far they may be.
        allowed: Duration,
    },
    /// Its time is to come.
    #[error("the ticket is not valid yet")]
    NotYet,
    /// Its time is over.
    #[error("the ticket has expired")]
    Expired,
    /// The person is of another realm.
    #[error("{0} is of another realm than is expected; name it in expectedRealm to let it in")]
    OtherRealm(Principal),
    /// Nobody in a directory is called so.
    #[error("{0} is no name of a person")]
    OddName(Principal),
}
