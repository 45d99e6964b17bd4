use insula_connector_kit::ConnectorError;
use insula_engine::Refusal;
use insula_engine::authorize::ReplyTo;
use insula_jose::JoseError;
use insula_model::ConnectorId;
use insula_store::StoreError;
use thiserror::Error;

/// A refusal, and where it may be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// The client's redirect URI, once it is proven; otherwise only a page may be shown.
    pub reply_to: Option<ReplyTo>,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self {
            refusal,
            reply_to: None,
        }
    }
}

/// We failed. Logged once, at error, with an incident id that the page shows.
#[derive(Debug, Clone, Error)]
pub enum Fault {
    /// Persistence failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A connector's upstream failed.
    #[error("connector {connector}: {cause}")]
    Connector {
        /// Which one.
        connector: String,
        /// What it said.
        cause: ConnectorError,
    },
    /// No key may sign any more: rotation has not run for too long.
    #[error("the tenant's signing keys are stale")]
    KeysStale,
    /// As many user codes were drawn as it takes, and each was somebody's.
    #[error("no user code is free: too many devices wait")]
    NoUserCode,
    /// A key that is made when it is first needed is not there yet.
    #[error("the key that signs for this client is still being made")]
    KeyNotReady,
    /// Signing failed.
    #[error("a token could not be signed: {0}")]
    Signing(String),
}

impl Fault {
    /// A connector's failure. One that is our own storage's is no upstream's.
    pub(crate) fn of_connector(connector: &ConnectorId, cause: ConnectorError) -> Self {
        match cause {
            ConnectorError::Storage(cause) => Self::Store(StoreError::Unavailable {
                backend: "store",
                cause,
            }),
            cause => Self::Connector {
                connector: connector.to_string(),
                cause,
            },
        }
    }

    /// Whether trying again later may help (`temporarily_unavailable` rather than `server_error`).
    pub fn is_temporary(&self) -> bool {
        !matches!(
            self,
            Self::Signing(_) | Self::Store(StoreError::Corrupt { .. })
        )
    }
}

/// What a flow that does not succeed ends in.
#[derive(Debug, Clone)]
pub enum FlowError {
    /// The protocol says no.
    Refused(Box<Refused>),
    /// We fail.
    Fault {
        /// How.
        fault: Fault,
        /// The client's redirect URI, once it is proven.
        reply_to: Option<Box<ReplyTo>>,
    },
}

impl FlowError {
    /// The same, to be told to the client at its proven redirect URI.
    #[must_use]
    pub fn reply_to(self, to: &ReplyTo) -> Self {
        match self {
            Self::Refused(mut refused) => {
                refused.reply_to.get_or_insert_with(|| to.clone());
                Self::Refused(refused)
            }
            Self::Fault { fault, reply_to } => Self::Fault {
                fault,
                reply_to: reply_to.or_else(|| Some(Box::new(to.clone()))),
            },
        }
    }
}

impl From<Refusal> for FlowError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal.into()))
    }
}

impl From<Refused> for FlowError {
    fn from(refused: Refused) -> Self {
        Self::Refused(Box::new(refused))
    }
}

impl From<Fault> for FlowError {
    fn from(fault: Fault) -> Self {
        Self::Fault {
            fault,
            reply_to: None,
        }
    }
}

impl From<StoreError> for FlowError {
    fn from(error: StoreError) -> Self {
        Fault::from(error).into()
    }
}

impl From<JoseError> for FlowError {
    fn from(error: JoseError) -> Self {
        Fault::Signing(error.to_string()).into()
    }
}

#[cfg(test)]
mod tests;
