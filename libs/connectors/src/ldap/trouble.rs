use insula_connector_kit::ConnectorError;

/// Why a directory told nothing. What names an address is for logs only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// We may not ask it, or what we were told to ask cannot be.
    Forbidden(String),
    /// It does not answer: the connection is of no more use.
    Silent(String),
    /// It answers that it cannot, now.
    Busy(String),
    /// It answers, and nobody can use it. Names no address.
    Unusable(String),
    /// Where we searched, there is nothing.
    NoSuchObject,
    /// It has more answers than were asked for.
    TooMany,
}

impl Trouble {
    /// In the words of connectors.
    pub(super) fn into_error(self, connector: &str) -> ConnectorError {
        let named = |cause| format!("connector {connector:?}: {cause}");
        match self {
            Self::Forbidden(cause) => ConnectorError::Settings(named(cause)),
            Self::Silent(cause) | Self::Busy(cause) => ConnectorError::Unreachable(named(cause)),
            Self::Unusable(cause) => ConnectorError::Upstream(cause),
            Self::NoSuchObject => ConnectorError::Upstream(
                "it has no entry where the search begins; check baseDN, and that the service \
                 account may read there"
                    .to_owned(),
            ),
            Self::TooMany => ConnectorError::Upstream(
                "it has more answers than it gives at once; narrow the filter or the baseDN, or \
                 raise its size limit"
                    .to_owned(),
            ),
        }
    }

    /// For logs.
    pub(super) fn words(&self) -> &str {
        match self {
            Self::Forbidden(cause)
            | Self::Silent(cause)
            | Self::Busy(cause)
            | Self::Unusable(cause) => cause,
            Self::NoSuchObject => "it has no such entry",
            Self::TooMany => "it has too many answers",
        }
    }

    /// Whether it counts as an outage.
    pub(super) fn is_outage(&self) -> bool {
        matches!(self, Self::Silent(_) | Self::Busy(_))
    }
}

/// What a result code (RFC 4511, appendix A) means for us, if not success. `to` says what was asked,
/// after "to".
pub(super) fn of_result(code: u32, to: &str) -> Trouble {
    let answered = |what: &str| format!("it answered {what} (result code {code}) to {to}");
    match code {
        32 => Trouble::NoSuchObject,
        4 => Trouble::TooMany,
        3 | 51 | 52 => Trouble::Busy(answered("that it cannot now")),
        8 | 13 => Trouble::Unusable(answered(
            "that the connection must be encrypted, so use LDAPS or startTLS instead of \
             insecureNoSSL",
        )),
        10 => Trouble::Unusable(answered(
            "with a referral, which is not followed; ask the server that has the entries, for a \
             forest of Active Directory its global catalog at port 3268 or 3269",
        )),
        1 => Trouble::Unusable(answered(
            "operationsError, as Active Directory does without a service account; set bindDN and \
             bindPW",
        )),
        50 => Trouble::Unusable(answered(
            "insufficientAccessRights; let the service account read there",
        )),
        12 => Trouble::Unusable(answered("unavailableCriticalExtension")),
        _ => Trouble::Unusable(answered("with an error")),
    }
}
