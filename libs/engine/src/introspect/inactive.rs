use std::fmt;

use insula_jose::VerifyError;
use insula_model::RefusalForm;

use crate::Refusal;

/// Why a token is not active. It is told to the operator, and to nobody who asks: the answer is the
/// same for all of them ([RFC 7662 §2.2](https://www.rfc-editor.org/rfc/rfc7662#section-2.2)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inactive {
    /// It is neither a JWT nor a refresh token of ours.
    Unknown,
    /// It is a JWT, and no access token of this tenant that is good now.
    Invalid(VerifyError),
    /// Its family was revoked.
    Revoked,
    /// Whom it is about was taken out of the tenant's configuration.
    PersonGone,
    /// The client it was issued to is gone.
    ClientGone,
    /// It is a refresh token that ends with a session, which has ended.
    SessionEnded,
    /// It is a refresh token whose connector is gone, serves no refreshes or is not for its client.
    ConnectorGone,
    /// It is none of those that whoever asks may ask about.
    NotForAsker,
    /// It is a refresh token that its own client could not use.
    Unusable(Refusal),
}

impl From<VerifyError> for Inactive {
    fn from(why: VerifyError) -> Self {
        Self::Invalid(why)
    }
}

impl From<Refusal> for Inactive {
    fn from(why: Refusal) -> Self {
        match why {
            Refusal::RefreshDenied { .. } => Self::PersonGone,
            Refusal::RefreshSessionEnded { .. } => Self::SessionEnded,
            Refusal::RefreshConnectorGone { .. }
            | Refusal::RefreshNotOfConnector { .. }
            | Refusal::ConnectorNotOfClient(_) => Self::ConnectorGone,
            why => Self::Unusable(why),
        }
    }
}

impl fmt::Display for Inactive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "it is no token of this tenant",
            Self::Invalid(why) => return why.fmt(f),
            Self::Revoked => "it was revoked",
            Self::PersonGone => "the person it is about was taken out of the configuration",
            Self::ClientGone => "the client it was issued to is gone",
            Self::SessionEnded => "the session that it ends with has ended",
            Self::ConnectorGone => {
                "its connector is gone, serves no refreshes or may not be used by its client"
            }
            Self::NotForAsker => {
                "it is neither the asker's nor meant for it, and its introspection is not tenant"
            }
            Self::Unusable(why) => return f.write_str(&why.description(RefusalForm::Rfc)),
        })
    }
}
